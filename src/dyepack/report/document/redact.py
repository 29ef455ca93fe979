"""Redaction: addresses, transactions and names of a case under pseudonyms, the same one for the same text throughout.

Everything that a report is made of is changed before it is written (material.py), so that nothing is left behind in a
figure, a link or a place. Assets keep their symbols and contracts. What a theft file says in free words, and what other
lists say against a name, is withheld.
Invariant: pseudonyms are numbered in the order in which the case's moves, then its terminals first name what they stand
for; `leaks` finds what is left, and a report with a leak is not written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dyepack.case.contradictions import contradictions
from dyepack.errors import DyepackError
from dyepack.report.document.material import Material

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WITHHELD = "withheld"
TITLE = "a theft (redacted)"
_TOKEN = re.compile(r"[0-9A-Za-z]{12,}")
"""What an address or a transaction looks like within other text."""
_PLACES = frozenset({"place", "source", "target", "address", "terminal", "via"})
_NAMES = frozenset({"entity", "service"})
_FREE = frozenset({"notes", "reason"})
_WITHHELD = frozenset({"contradicted_by"})
_SHORTEST = 3
"""Names with fewer characters are replaced where they stand alone, and not searched for in what is written."""


class RedactionError(DyepackError):
    """A redacted report that would say what it must not."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} redacted texts are left in the report, so it is not written",
                         remedy="this is a fault in dyepack; please report it")  # fmt: skip


@dataclass(slots=True)
class Pseudonyms:
    """Original text -> pseudonym, a dict for each sort."""

    addresses: dict[str, str] = field(default_factory=dict)
    transactions: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    legs: dict[str, str] = field(default_factory=dict)
    titles: set[str] = field(default_factory=set)

    def key(self) -> dict[str, str]:
        """Pseudonym -> original, for the one who may read it."""
        found: dict[str, str] = {}
        for sort in (self.addresses, self.transactions, self.names, self.legs):
            found |= {pseudonym: text for text, pseudonym in sort.items()}
        return found


def redact(material: Material) -> tuple[Material, Pseudonyms]:
    """The material under pseudonyms, and these."""
    names = _pseudonyms(material)
    files = {name: _Walk(names).value(value, "") for name, value in material.files.items()}
    statement = files["statement.json"]
    statement["theft"] = statement["title"] = TITLE
    told = set(contradictions(material.statement)) | {theft["note"] for theft in material.files["thefts.json"]}
    notes = zip(material.statement.notes, statement["notes"], strict=True)
    statement["notes"] = [WITHHELD if plain in told else note for plain, note in notes]
    for source in statement["sources"]:
        source["name"], source["evidence"] = f"Leg {source['leg']}", WITHHELD
    for number, line in enumerate(files.get("values.json", {}).get("stolen", [])):
        line["entity"] = statement["sources"][number]["name"]
    files["thefts.json"] = [{"id": f"Theft {n}", "title": "", "source": WITHHELD, "note": ""}
                            for n, _ in enumerate(files["thefts.json"], 1)]  # fmt: skip
    case = files["case.json"]
    case["thefts"] = [{"sha256": t["sha256"]} for t in case["thefts"]]
    if case.get("live"):
        case["live"] = {"evidence": case["live"].get("evidence")}
    for row in files["hashes.json"]["files"]:
        if row["file"].startswith("thefts/"):
            row["file"] = row["file"].partition("-")[0]
    return Material(files), names


def _pseudonyms(material: Material) -> Pseudonyms:
    statement = material.statement
    kept = {a.lower() for a in statement.assets}
    out = Pseudonyms(legs={s.name: f"Leg {s.leg}" for s in statement.sources if s.name},
                     titles={t for t in (statement.theft, statement.title) if t})  # fmt: skip
    for text in _places(material):
        if text and text.lower() not in kept:
            out.addresses.setdefault(text, f"Address {len(out.addresses) + 1}")
    for text in _txids(material):
        if text:
            out.transactions.setdefault(text, f"Transaction {len(out.transactions) + 1}")
    for text in [t.entity for t in statement.terminals] + [c["service"] for c in material.files["cashouts.json"]]:
        if text:
            out.names.setdefault(text, f"Service {_letters(len(out.names))}")
    return out


def _places(material: Material) -> Iterator[str]:
    for move in material.moves:
        yield from (move.source, move.target)
    for t in material.statement.terminals:
        yield t.place
    for mix in material.statement.onward:
        yield from () if mix.kind == "coinjoin" else (mix.via,)
        yield from (c.place for c in mix.candidates)
    for point in material.files["cashouts.json"]:
        yield from (point["address"], point["terminal"])
        yield from (part["place"] for part in (*point["deposits"], *point["sweeps"]))
    for part in ("follow", "stop"):
        yield from material.statement.parameters.get(part) or {}


def _txids(material: Material) -> Iterator[str]:
    for move in material.moves:
        yield move.txid
    for t in material.statement.terminals:
        yield from t.txids
    for mix in material.statement.onward:
        yield from (mix.via,) if mix.kind == "coinjoin" else ()
        yield from (*mix.deposits, *(c.txid for c in mix.candidates))
    for point in material.files["cashouts.json"]:
        yield from (part["txid"] for part in (*point["deposits"], *point["sweeps"]))


def _letters(number: int) -> str:
    """A, B ... Z, AA, AB ..."""
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(65 + rest) + text
    return text


class _Walk:
    def __init__(self, names: Pseudonyms) -> None:
        self.names = names
        self.whole = names.addresses | names.transactions
        self.odd = {t: p for t, p in self.whole.items() if not _TOKEN.fullmatch(t)}

    def value(self, value: Any, name: str) -> Any:
        """A value of a file, changed throughout; `name` is the field that it stands in."""
        if isinstance(value, dict):
            return {self.text(k, ""): self.value(v, k) for k, v in value.items()}
        if name in _WITHHELD:
            return [WITHHELD for _ in value]
        if isinstance(value, list):
            return [self.value(v, name) for v in value]
        return self.text(value, name) if isinstance(value, str) else value

    def text(self, text: str, name: str) -> str:
        """One text."""
        if name in _NAMES and text in self.names.names:
            return self.names.names[text]
        if (name in _PLACES or name in {"txid", "txids", "deposits"} or _TOKEN.search(text)) and text in self.whole:
            return self.whole[text]
        text = _TOKEN.sub(lambda found: self.whole.get(found[0], found[0]), text)
        return self._free(text) if name in _FREE else text

    def _free(self, text: str) -> str:
        """Free text: texts of every sort within it."""
        for original in sorted(self.names.titles, key=len, reverse=True):
            text = _alone(original).sub(WITHHELD, text)
        for sort in (self.odd, self.names.names, self.names.legs):
            for original in sorted(sort, key=len, reverse=True):
                if len(original) >= _SHORTEST and original in text:
                    text = _alone(original).sub(sort[original], text)
        return text


def _alone(text: str) -> re.Pattern[str]:
    """A text where it stands as words of its own."""
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)")


def leaks(names: Pseudonyms, written: Iterable[str], words: str) -> list[str]:
    """The redacted texts that stand in what was written, apart from what is a word of the program (`words`) anyway."""
    whole = "\n".join(written)
    tokens = set(_TOKEN.findall(whole))
    found = [t for t in (*names.addresses, *names.transactions) if t in tokens]
    odd = (*(t for t in (*names.addresses, *names.transactions) if not _TOKEN.fullmatch(t)), *names.names,
           *names.titles)  # fmt: skip
    found += [t for t in odd if len(t) >= _SHORTEST and t in whole and _alone(t).search(whole)
              and not _alone(t).search(words)]  # fmt: skip
    return found
