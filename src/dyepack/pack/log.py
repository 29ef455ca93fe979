"""The action log of a pack: what was done, by whom, to which file, each line bound to the one before it.

A line is a JSON object with sorted keys and without blanks: sequence (from 1), action, who, what (a file of the pack
or ""), sha256 (of that file, or of what is described), at (UTC where the user said, else ""), note, previous (the
SHA-256 of the line before, without its line end; of the first line 64 zeros). Its head is (entries, SHA-256 of the
last line), kept outside of it, so that a cut end shows.
Invariant: no line can be changed, removed, added or moved without a break at that line or a wrong head.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from dyepack.pack.verification import PackFault

NONE = "0" * 64
FIELDS = ("action", "at", "note", "previous", "sequence", "sha256", "what", "who")


@dataclass(frozen=True, slots=True)
class Action:
    """One entry before it is bound."""

    action: str
    who: str
    what: str = ""
    sha256: str = ""
    note: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log ends."""

    entries: int
    sha256: str

    def text(self) -> str:
        """As it is kept."""
        return f"{self.entries} {self.sha256}"


def written(actions: list[Action]) -> tuple[bytes, Head]:
    """The log of these actions, and its head."""
    lines, previous = [], NONE
    for number, action in enumerate(actions, 1):
        line = _line(asdict(action) | {"sequence": number, "previous": previous})
        lines.append(line + b"\n")
        previous = hashlib.sha256(line).hexdigest()
    return b"".join(lines), Head(len(actions), previous)


def check(raw: bytes, head: str, file: str) -> list[dict[str, Any]]:
    """The entries of a log whose chain holds up to its head; PackFault names the first entry that breaks it."""
    if raw and not raw.endswith(b"\n"):
        raise PackFault("log", file, "is cut short in its last line", raw.count(b"\n") + 1)
    entries: list[dict[str, Any]] = []
    previous = NONE
    for number, line in enumerate(raw.split(b"\n")[:-1], 1):
        entry = _entry(line)
        if entry is None:
            raise PackFault("log", file, "is not an entry of an action log", number)
        if entry["sequence"] != number or entry["previous"] != previous:
            raise PackFault("log", file, "does not follow from the entry before it", number)
        entries.append(entry)
        previous = hashlib.sha256(line).hexdigest()
    if head != Head(len(entries), previous).text():
        raise PackFault("log", file, "does not end as bag-info.txt says (Action-Log-Head)", len(entries) or 1)
    return entries


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()


def _entry(line: bytes) -> dict[str, Any] | None:
    """The entry of a line, None unless it is written in its one way."""
    try:
        found = json.loads(line)
        if not isinstance(found, dict) or tuple(sorted(found)) != FIELDS or _line(found) != line:
            return None
    except (ValueError, RecursionError):
        return None
    texts = all(isinstance(found[name], str) for name in FIELDS if name != "sequence")
    return found if texts and type(found["sequence"]) is int else None
