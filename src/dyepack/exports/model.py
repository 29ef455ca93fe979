"""What exports are made of: a case's statement and moves, its places, and how sure each thing is in other scales.

Amounts are whole base units, written as text, with the decimal number beside them; ids are UUIDs of version 5 over
what they name, so that the same case gives the same file.
Invariant: nothing here is more certain than the case: what a rule allocates has no confidence, and says which rule;
a name has the confidence of the tag that gives it; text from outside leaves only through a function of `sinks`.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from dyepack.sinks import visible
from dyepack.tags.addresses.reading import read_address
from dyepack.tracing.flows import flows
from dyepack.tracing.terminals import WORDS, WORDS_BACKWARD, Stop

if TYPE_CHECKING:
    from dyepack.case.folder import Case
    from dyepack.tracing.moves import DyedMove
    from dyepack.tracing.statement import Flow, Statement, Terminal

_SPACE = UUID("6d1ff1c8-90b5-5c0e-a0ad-2b8bd1a7b3b4")
EPOCH = "1970-01-01T00:00:00Z"
_EVM = re.compile(r"0x[0-9a-f]{40}")
_TEXT = 500


@dataclass(slots=True)
class Place:
    """One address or account that dyed units touched: first and last time, least hops, and what is said of it."""

    address: str
    first: str = ""
    last: str = ""
    hop: int | None = None
    assets: dict[str, None] = field(default_factory=dict)
    terminals: list[Terminal] = field(default_factory=list)
    of_outputs: bool = False
    """Whether it is of a ledger of outputs, where a place may also be an output or the fees of a block."""

    def saw(self, time: str, hop: int, asset: str) -> None:
        """Note a move here."""
        if time:
            self.first, self.last = min(self.first or time, time), max(self.last, time)
        self.hop = hop if self.hop is None else min(self.hop, hop)
        self.assets[asset] = None

    @property
    def named(self) -> Terminal | None:
        """The terminal here that says who the place is."""
        return next((t for t in self.terminals if t.entity), None)

    @property
    def is_crypto(self) -> bool:
        """Whether it is an address of a chain, not an account of a bank."""
        return self.of_outputs or bool(_EVM.fullmatch(self.address) or read_address(self.address).network)


@dataclass(frozen=True, slots=True)
class Findings:
    """A case as exports see it; `case_id` names its content."""

    statement: Statement
    moves: list[DyedMove]
    about: dict[str, Any]
    case_id: str

    @staticmethod
    def of(case: Case) -> Findings:
        """The findings of a case; its hashes are checked."""
        return Findings(case.statement, case.moves(), case.about, hashlib.sha256(case.files()["SHA256"]).hexdigest())

    def flows(self) -> list[Flow]:
        """The flow of the headline rule."""
        return flows(self.moves, self.statement)

    def places(self) -> dict[str, Place]:
        """Every place by its address, in the order in which dye came to it."""
        found: dict[str, Place] = {}
        of_outputs = any(m.made for m in self.moves)

        def at(address: str) -> Place:
            return found.setdefault(address, Place(address, of_outputs=of_outputs))

        for m in self.moves:
            for end, hop in ((m.source, max(m.hop - 1, 0)), (m.target, m.hop)):
                if end:
                    at(end).saw(m.time, hop, m.asset)
        for t in self.statement.terminals:
            if t.place and t.amount(self.statement.rule):
                at(t.place).terminals.append(t)
        return found

    def id(self, *what: object) -> str:
        """A UUID for a thing of this case."""
        return str(uuid5(_SPACE, json.dumps([self.case_id, *what], ensure_ascii=True)))

    @property
    def time(self) -> str:
        """The last time that the moves tell, EPOCH if none."""
        return max((m.time for m in self.moves), default="") or EPOCH

    @property
    def started(self) -> str:
        """The first time that the moves tell: when the theft began; EPOCH if none."""
        return min((m.time for m in self.moves if m.time), default=EPOCH)

    def amount(self, units: int, asset: str) -> str:
        """Units as a decimal number, exact; base units where nobody told the decimals."""
        return self.statement.assets[asset].format(units, grouped=False)

    def symbol(self, asset: str) -> str:
        """The asset's symbol, else its key; outside text, made visible."""
        return shown(self.statement.assets[asset].symbol or asset, 60)

    def stop_words(self, stop: str) -> str:
        """A stop in words."""
        words = WORDS if self.statement.direction == "forward" else WORDS_BACKWARD
        return words[Stop[stop.upper()]]

    def sum_words(self, t: Terminal) -> str:
        """What ended at a terminal, with the interval over the rules."""
        s = self.statement
        least, most = t.interval(s.interval_rules)
        text = f"{self.amount(t.amount(s.rule), t.asset)} {self.symbol(t.asset)} {self.stop_words(t.stop)}"
        return f"{text} ({s.rule}; {self.amount(least, t.asset)} to {self.amount(most, t.asset)} over the rules)"


def shown(text: str, limit: int = _TEXT) -> str:
    """Outside text for a JSON or XML document: hidden characters made visible, cut."""
    return visible(text, limit)


def pretty(value: object) -> bytes:
    """A document as JSON, ASCII only."""
    return (json.dumps(value, indent=1, ensure_ascii=True) + "\n").encode("ascii")


def stix_confidence(tag: dict[str, Any]) -> int:
    """The STIX confidence of a name (methods.md 6.3): by the evidence class of its tag, of E5 the tag's own figure."""
    evidence, said = str(tag.get("evidence", "")), int(tag.get("confidence", 0))
    by_class = {"E1": 95, "E2": 85, "E3": 75, "E5": said}
    return by_class.get(evidence, min(said, 30))


ADMIRALTY = {"E1": ("a", "1"), "E2": ("a", "2"), "E3": ("b", "2"), "E5": ("c", "3"), "E6": ("d", "4")}
"""Reliability and credibility of an evidence class (methods.md 6.3)."""
