"""Takes files of tags into a store as editions of lists.

Invariant: all files are read before anything is written; each list is one transaction.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.errors import UsageError, quoted
from dyepack.tags.addresses.names import network_of
from dyepack.tags.edition import Edition, Outcome
from dyepack.tags.load import Loaded, is_store, load_file
from dyepack.tags.model import TagSet, today
from dyepack.tags.text import LABEL_LIMIT, is_day, storable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dyepack.tags.store import Store


@dataclass(frozen=True, slots=True)
class Words:
    """What the caller says of the files: the list's name, its day, and what `load` takes."""

    source: str = ""
    day: str = ""
    kind: str | None = None
    confidence: int | None = None
    network: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """One list that was taken: its edition, what it changed, and the tags with their notes."""

    edition: Edition
    outcome: Outcome
    tags: TagSet


def read_lists(files: Sequence[Path], words: Words) -> list[tuple[Edition, TagSet]]:
    """Read files as editions: one list for each file, by its name; all of them one list where the caller names it.

    A plain list whose name ends as in `_XBT` is of that chain, where the caller names none, and a note says so.
    Raises InputError as `load_file`, and UsageError where nobody says of which day a list is.
    """
    if words.day and not is_day(words.day):
        raise UsageError(f"--date {quoted(words.day)} is not a day", remedy="write it as YYYY-MM-DD")
    names = [words.source or storable(path.name)[:LABEL_LIMIT] for path in files]
    if not words.source and len(set(names)) < len(names):
        raise UsageError("two files have the same name", remedy="import them one by one, each with its --source")
    loaded: dict[str, list[Loaded]] = {}
    paths: dict[str, list[str]] = {}
    for path, name in zip(files, names, strict=True):
        if is_store(path):
            raise UsageError(f"{path} is a store already", remedy="give the files that it was made of")
        loaded.setdefault(name, []).append(_read(path, name, words))
        paths.setdefault(name, []).append(storable(path.name))
    return [_edition(name, parts, paths[name], words.day) for name, parts in loaded.items()]


_ENDS = re.compile(r".*_([A-Z0-9]{2,8})", re.DOTALL)


def _read(path: Path, name: str, words: Words) -> Loaded:
    """One file, of the chain that the caller names, or that a plain list's own name ends with."""
    read = load_file(path, source=name, kind=words.kind, confidence=words.confidence, network=words.network)
    ends = _ENDS.fullmatch(path.stem)
    network, known = network_of(ends[1]) if ends else ("", False)
    if words.network or not (ends and network and known) or not read.format.startswith("plain list"):
        return read
    read = load_file(path, source=name, kind=words.kind, confidence=words.confidence, network=network)
    told = f"{quoted(storable(path.name))}: taken as of {network}, by its name; --network says otherwise"
    read.tags.notes.insert(0, told)
    return read


def import_lists(store: Store, lists: Sequence[tuple[Edition, TagSet]], *, accept_shrink: bool) -> list[Imported]:
    """Take editions into a store, one transaction each; raises as `Store.add`."""
    return [Imported(e, store.add(e, tags, accept_shrink=accept_shrink), tags) for e, tags in lists]


def _edition(name: str, parts: list[Loaded], files: list[str], day: str) -> tuple[Edition, TagSet]:
    tags = TagSet()
    for part in parts:
        tags.merge(part.tags)
    stated = max(part.stated for part in parts)
    day = day or stated
    if not day:
        raise UsageError(
            f"the list {quoted(name)} does not say of which day it is",
            remedy="say --date YYYY-MM-DD: the day it was published, or fetched",
        )
    if day > today():
        raise UsageError(
            f"the list {quoted(name)} would be of {day}, which is still to come",
            remedy="say --date YYYY-MM-DD with the right day, and check the clock",
        )
    sums = [part.sha256 for part in parts]
    sha256 = sums[0] if len(sums) == 1 else hashlib.sha256("\n".join(sums).encode()).hexdigest()
    return Edition(name, day, sha256, ", ".join(files)), tags
