"""Reads a file of tags, whatever its format, or a store of them.

FORMATS is the whole list of what can be read; a format is told by its content, never by the file's name. A
new one is a module with a `matches` and a `read`, and a line here, before the plain list, which takes what
is left.

Invariant: a file is read whole or not at all, and its tags carry the SHA-256 of the bytes that were read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.errors import InputError, UsageError, quoted
from dyepack.files import read_bounded, utf8
from dyepack.tags.addresses.names import NETWORKS, network_of
from dyepack.tags.collect import Collector, Given
from dyepack.tags.csv_list import looks_like_csv, read_csv
from dyepack.tags.explorer import looks_like_object, read_explorer
from dyepack.tags.grades import KIND_WORDS
from dyepack.tags.memory import no_collection
from dyepack.tags.model import TagKind
from dyepack.tags.ofac import looks_like_xml, read_ofac
from dyepack.tags.opensanctions import looks_like_entities, read_opensanctions
from dyepack.tags.plain_list import read_array, read_lines
from dyepack.tags.tagpack import looks_like_tagpack, read_tagpack
from dyepack.tags.text import BLANKS, LABEL_LIMIT, storable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dyepack.tags.model import TagSet

MAX_BYTES = 200 * 1024 * 1024
"""The largest file that is read, in bytes."""
_SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class Format:
    """One format of tags: `matches` looks at the text's start, `read` hands its statements to a collector."""

    name: str
    matches: Callable[[str], bool]
    read: Callable[[str, Collector], None]


FORMATS: tuple[Format, ...] = (
    Format("OFAC list (XML)", looks_like_xml, read_ofac),
    Format("OpenSanctions entities (JSON lines)", looks_like_entities, read_opensanctions),
    Format("explorer labels (JSON object)", looks_like_object, read_explorer),
    Format("plain list (JSON array)", lambda text: text.lstrip(BLANKS)[:1] == "[", read_array),
    Format("GraphSense TagPack (YAML)", looks_like_tagpack, read_tagpack),
    Format("address list (CSV)", looks_like_csv, read_csv),
    Format("plain list (one address a line)", lambda _: True, read_lines),
)
"""Every format, in the order in which they are tried. A store (SQLite) is told before, by its first bytes."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file of tags: what it says, its format, the SHA-256 of its bytes, the day that it says it is of (or "")."""

    tags: TagSet
    format: str
    sha256: str
    stated: str


def load(
    path: Path, *, confidence: int | None = None, kind: str | None = None, source: str | None = None, network: str = ""
) -> TagSet:
    """The tags of a file or a store, with notes on everything that was not taken as it stands.

    What a row says itself goes first, then `confidence` (0-100), `kind` (a word of KIND_WORDS), `source` (at most
    256 characters) and `network` (a word of `addresses.names`) as given here, then the format's default (`grades`).
    Raises InputError for a file that cannot be used, naming line and column where there are any, and UsageError for
    words given here that make no sense.
    """
    if is_store(path):
        if any(given not in (None, "") for given in (confidence, kind, source, network)):
            raise UsageError(
                f"{path} is a store of tags, which states confidence, kind, source and network itself",
                remedy="leave them out, or give the list that the store was made of",
            )
        from dyepack.tags.store import load_store

        return load_store(path)
    return load_file(path, confidence=confidence, kind=kind, source=source, network=network).tags


def load_file(
    path: Path, *, confidence: int | None = None, kind: str | None = None, source: str | None = None, network: str = ""
) -> Loaded:
    """The same for a file, with what is known of the file; raises as `load` does."""
    given_kind = _kind(kind)
    if confidence is not None and not 0 <= confidence <= 100:
        raise UsageError(f"confidence {confidence} is not 0 to 100", remedy="give a whole number from 0 to 100")
    if source is not None and (not source or len(source) > LABEL_LIMIT):
        raise UsageError(
            f"a source has 1 to {LABEL_LIMIT} characters, not {len(source)}",
            remedy="say briefly who states the tags",
        )
    data = read_bounded(path, MAX_BYTES, remedy="give a file of tags; split one that is too large")
    text = _text(path, data)
    said_by = storable(source if source is not None else path.name)
    sha256 = hashlib.sha256(data).hexdigest()
    del data
    into = Collector(Given(path, sha256, said_by, confidence, given_kind, check_network(network)))
    form = next(form for form in FORMATS if form.matches(text))
    with no_collection():
        form.read(text, into)
    return Loaded(into.finish(), form.name, sha256, into.stated)


def is_store(path: Path) -> bool:
    """Whether a path is a SQLite file, by its first bytes; False if it cannot be read."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def check_network(word: str) -> str:
    """Our name of the chain that a caller's word names; UsageError for a word that is not known."""
    name, known = network_of(word)
    if not known:
        names = ", ".join(sorted(set(NETWORKS.values())))
        raise UsageError(f"{quoted(word)} is no chain that is known", remedy=f"use one of: {names}")
    return name


def _kind(word: str | None) -> TagKind | None:
    if word is None:
        return None
    kind = KIND_WORDS.get(word.strip(BLANKS).lower())
    if kind is None:
        raise UsageError(f"{quoted(word)} is not a kind", remedy="use one of: " + ", ".join(TagKind))
    return kind


def _text(path: Path, data: bytes) -> str:
    """The content as text, without a byte order mark."""
    text = utf8(path, data, remedy="save it as UTF-8; unpack it first if it is compressed")
    if not text.strip(BLANKS):
        raise InputError(path, "is empty", remedy="give a file that holds tags")
    return text
