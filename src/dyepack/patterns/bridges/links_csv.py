"""Links of the first two tiers as rows of dyepack's own CSV, which `read_links` reads back to the same links.

| column | meaning |
|---|---|
| bridge, method, evidence, confidence | evidence E1 (protocol) or E2 (confirmed by the service); the method says how |
| from_chain, from_tx, from_move, from_asset, from_amount | the deposit; amounts in base units, as whole numbers |
| to_chain, to_tx, to_move, to_asset, to_amount | the payout |
| sender, receiver, paid_to, asset_asked, message_id, from_time, to_time, from_memo, to_memo, refund | optional |

A move is its kind and index in its transaction as a ledger has it ("token 12", "value 0", "internal 3"), or "output 0";
it may be empty where a transaction has one that fits. Times are seconds since 1970. refund is "yes" or empty. What the
payout names is not a column: it names the deposit.

Invariant: inferred links are neither written nor read, so what is read may carry dye; a payout stands in one row (rows
that are equal but for a move that one of them does not tell are one payout). The text is raw: the file is for dyepack,
not for a spreadsheet.
"""

from __future__ import annotations

import csv
import re
from io import StringIO
from typing import TYPE_CHECKING, Any, NoReturn

from dyepack.errors import InputError, quoted
from dyepack.files import csv_file
from dyepack.patterns.bridges.model import GRADES, BridgeDeposit, BridgeLink, Links, Payout, Tier, folded, tx_key

if TYPE_CHECKING:
    from pathlib import Path

DEPOSIT = {
    "bridge": "bridge", "from_chain": "chain", "from_tx": "tx", "from_move": "move", "from_asset": "asset",
    "from_amount": "amount", "sender": "sender", "receiver": "receiver", "asset_asked": "to_asset",
    "message_id": "message_id", "from_time": "time", "from_memo": "memo",
}  # fmt: skip
"""The fields of a deposit by column; it is for the payout's chain."""

PAYOUT = {
    "to_chain": "chain", "to_tx": "tx", "to_move": "move", "to_asset": "asset", "to_amount": "amount",
    "paid_to": "receiver", "to_time": "time", "to_memo": "memo", "refund": "refund",
}  # fmt: skip
"""The fields of a payout by column; what it names is the deposit."""

NEEDED = (
    "bridge", "from_chain", "from_tx", "from_move", "from_asset", "from_amount", "to_chain", "to_tx", "to_move",
    "to_asset", "to_amount", "method", "evidence", "confidence",
)  # fmt: skip
COLUMNS = (*NEEDED, *(column for column in (*DEPOSIT, *PAYOUT) if column not in NEEDED))

MAX_BYTES = 200 << 20
MAX_ROWS = 1_000_000
MAX_TEXT = 4096
_FILLED = frozenset(NEEDED) - {"from_move", "to_move"}
_FORMS: dict[str, tuple[re.Pattern[str], str]] = {
    "amount": (re.compile(r"[0-9]{1,78}"), "a whole number of base units"),
    "move": (re.compile(r"((value|token|internal|fee|issue|adjustment|output) (0|[1-9][0-9]{0,9}))?"), "a move"),
    "time": (re.compile(r"[0-9]{0,12}"), "seconds since 1970"),
    "refund": (re.compile(r"(yes)?"), "yes or empty"),
}
_TIERS = {GRADES[tier][0]: tier for tier in (Tier.PROTOCOL, Tier.CONFIRMED)}


def csv_text(links: Links) -> str:
    """The whole CSV; every cell quoted, lines ended by LF. Raises ValueError if a row could not be read back."""
    if links.inferred:
        raise ValueError("leads are not written as links")
    out = StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(COLUMNS)
    for link in (*links.protocol, *links.confirmed):
        writer.writerow(_row(link))
    return out.getvalue()


def read_links(path: Path) -> Links:
    """The links of a file, by tier, each in its order. Raises InputError, with line and column, for any that is none.

    What a file does not tell of a leg follows from the other: the deposit is for the payout's chain, and the payout
    names the deposit's transaction.
    """
    rows = csv_file(path, MAX_BYTES, remedy="give a CSV of links; split one that is too large")
    line, header = next(rows)
    unknown = [name for name in header if name not in COLUMNS or header.count(name) > 1]
    missing = [name for name in NEEDED if name not in header]
    if unknown or missing:
        problem = "stands twice in the header, or is no column of links" if unknown else "is missing from the header"
        raise InputError(path, problem, remedy="use the columns " + ", ".join(COLUMNS), line=line,
                         field=(unknown or missing)[0])  # fmt: skip
    found: list[BridgeLink] = []
    paid: dict[tuple[str, str, str], int] = {}
    alike: dict[tuple[str, str, str, str, int], tuple[int, str]] = {}
    for line, row in rows:
        if len(found) == MAX_ROWS:
            raise InputError(path, f"has more than {MAX_ROWS} links", remedy="split it", line=line)
        link = _Row(path, line, dict(zip(header, row, strict=True))).link()
        payout = (link.payout.chain, tx_key(link.payout.tx), link.payout.move)
        before = paid.setdefault(payout, line)
        first, move = alike.setdefault((*payout[:2], link.payout.asset, link.payout.receiver, link.payout.amount),
                                       (line, link.payout.move))  # fmt: skip
        if first != line and not (move and link.payout.move):
            before = first
        if before != line:
            problem = f"this payout is the one of line {before}: a payout has one deposit"
            raise InputError(
                path, problem, remedy="keep one of the two, or tell their moves apart", line=line, field="to_tx"
            )
        found.append(link)
    return Links.sorted(found)


def _row(link: BridgeLink) -> list[str]:
    cells = {"method": link.method, "evidence": link.evidence, "confidence": str(link.confidence)}
    for columns, leg in ((DEPOSIT, link.deposit), (PAYOUT, link.payout)):
        for column, name in columns.items():
            value = getattr(leg, name)
            cells[column] = ("yes" if value else "") if name == "refund" else "" if value == -1 else str(value)
    for column, text in cells.items():
        problem = _problem(column, text)
        if problem:
            raise ValueError(f"{column} {quoted(text)} {problem}")
    return [cells[column] for column in COLUMNS]


def _problem(column: str, text: str) -> str:
    """What is wrong with a cell, "" for nothing."""
    if len(text) > MAX_TEXT:
        return f"has {len(text)} characters"
    if not text and column in _FILLED:
        return "is empty"
    name = DEPOSIT.get(column) or PAYOUT.get(column) or column
    pattern, words = _FORMS.get(name, (None, ""))
    if pattern is not None and (not text.isascii() or not pattern.fullmatch(text)):
        return f"is not {words}"
    if "memo" not in column and not text.isprintable():
        return "holds a character that no one can see"
    if "\r" in text or "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        return "holds a character that a CSV does not keep"
    return ""


class _Row:
    """One row of a file of links."""

    def __init__(self, path: Path, line: int, cells: dict[str, str]) -> None:
        self.path, self.line, self.cells = path, line, cells

    def refuse(self, column: str, problem: str, remedy: str) -> NoReturn:
        """Raise the row's error."""
        raise InputError(self.path, problem, remedy=remedy, line=self.line, field=column)

    def link(self) -> BridgeLink:
        """The link of the row."""
        for column, text in self.cells.items():
            problem = _problem(column, text)
            if problem:
                self.refuse(column, f"{quoted(text)} {problem}", "mend the cell")
        tier = _TIERS.get(self.cells["evidence"])
        if tier is None:
            self.refuse("evidence", f"{quoted(self.cells['evidence'])} is not E1 or E2",
                        "only the bridge's own records (E1) and its operator's word (E2) link two legs")  # fmt: skip
        _, least, most = GRADES[tier]
        confidence = self.cells["confidence"]
        if not re.fullmatch("[0-9]{1,3}", confidence) or not least <= int(confidence) <= most:
            self.refuse("confidence", f"{quoted(confidence)} is not {least} to {most}",
                        f"that is the confidence of {GRADES[tier][0]}")  # fmt: skip
        deposit = {name: self._value(column, name) for column, name in DEPOSIT.items()}
        payout = {name: self._value(column, name) for column, name in PAYOUT.items()}
        made = BridgeDeposit(**deposit, to_chain=payout["chain"] if not payout["refund"] else "")
        paid = Payout(**payout, bridge=made.bridge, from_chain=made.chain, from_tx=made.tx, message_id=made.message_id)
        if paid.refund and paid.chain != made.chain:
            self.refuse("refund", "a refund is paid on the chain of its deposit", "mend to_chain or refund")
        return BridgeLink(made, paid, tier, self.cells["evidence"], self.cells["method"], int(confidence))

    def _value(self, column: str, name: str) -> Any:
        text = self.cells.get(column, "")
        if name == "amount":
            if int(text) >> 256:
                self.refuse(column, f"{quoted(text)} is past 256 bits", "give base units as the ledger has them")
            return int(text)
        if name == "time":
            return int(text) if text else -1
        return text == "yes" if name == "refund" else folded(text) if name in {"asset", "receiver", "sender"} else text
