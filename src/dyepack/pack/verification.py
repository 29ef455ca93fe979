"""What a check of a pack says: each check with its count, or the first thing that is wrong.

Invariant: a Verification without a fault lists every check that its pack calls for; with one, nothing after it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from dyepack.errors import CaseError


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is wrong.

    check    which check found it ("bag", "log", "case" ...)
    file     the file of the pack ("" where it is the pack itself)
    entry    the line or entry in it, from 1, 0 for the whole file
    problem  what is wrong, in words that are safe to print
    """

    check: str
    file: str
    entry: int
    problem: str

    def words(self) -> str:
        """The fault as one line."""
        place = self.file + (f", entry {self.entry}" if self.entry else "")
        return f"{place}: {self.problem}" if place else self.problem


class PackFault(CaseError):  # noqa: N818  (as CaseError is one of the faults of `errors`)
    """Raised where a check fails; `verify` turns it into a Verification."""

    def __init__(self, check: str, file: str, problem: str, entry: int = 0) -> None:
        super().__init__(f"{file or 'the pack'}: {problem}", remedy="get the pack again from where it came from")
        self.fault = Fault(check, file, entry, problem)


@dataclass(frozen=True, slots=True)
class Check:
    """One check that found nothing wrong, and how many things it looked at."""

    name: str
    count: int
    what: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time stamp of a pack: its file, when (UTC), who says so, and how far that was checked."""

    file: str
    time: str
    authority: str
    state: str


@dataclass(slots=True)
class Verification:
    """The result of `verify`: `sound` says whether all is well; `pack_id` names the pack's content.

    `stamps` are its time stamps, none: "unstamped".
    """

    pack: str
    pack_id: str = ""
    checks: list[Check] = field(default_factory=list)
    stamps: list[Stamp] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    fault: Fault | None = None

    @property
    def sound(self) -> bool:
        """Whether every check passed."""
        return self.fault is None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"sound": self.sound, "stamped": bool(self.stamps)} | asdict(self)

    def lines(self) -> list[str]:
        """The result in words, one line each."""
        out = [f"{c.name}: {c.count:,} {c.what}" for c in self.checks]
        out += [f"stamp: {s.time} by {s.authority} ({s.state})" for s in self.stamps]
        if self.fault is not None:
            return [*out, f"{self.fault.check}: WRONG: {self.fault.words()}", "the pack is not sound"]
        return [*out, *([] if self.stamps else ["stamp: unstamped"]), *self.notes, f"pack id: {self.pack_id}",
                "the pack is sound"]  # fmt: skip
