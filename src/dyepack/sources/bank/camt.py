"""Statements in ISO 20022 XML: camt.053 of every version from 2 on, whatever it is wrapped in.

Invariant: each Ntry becomes one entry, or one for each of its details where those add up to it, or is counted: as
pending (status not BOOK) or as of no amount.
The direction is CdtDbtInd; a reversal (RvslInd) has the direction in which the money really went.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NoReturn

from dyepack.errors import InputError, quoted
from dyepack.sources.bank.currency import is_code, minor_units
from dyepack.sources.bank.entries import DAY, Entry, Read, Statement, account_text, clean, day_number, references
from dyepack.sources.bank.xmltree import Node, read_xml

if TYPE_CHECKING:
    from collections.abc import Iterable

MESSAGE = "BkToCstmrStmt"
_SIGN = {"CRDT": 1, "DBIT": -1}
_OTHERS = {
    "BkToCstmrStmt": ("camt.053 in its first version, which no bank sends any more", "camt.053 of version 2 or later"),
    "BkToCstmrAcctRpt": ("camt.052, an account report of the day", "the day's booked statement, camt.053"),
    "BkToCstmrDbtCdtNtfctn": ("camt.054, a debit and credit notification", "the account's statement, camt.053"),
    "GetAcct": ("camt.003, a query", "the account's statement, camt.053"),
    "FIToFICstmrCdtTrf": ("pacs.008, a payment order between banks", "the statements of both accounts, camt.053"),
    "FICdtTrf": ("pacs.009, a payment order between banks", "the statements of both accounts, camt.053"),
    "FIToFIPmtStsRpt": ("pacs.002, a payment status report", "the statements of both accounts, camt.053"),
    "CstmrCdtTrfInitn": ("pain.001, a payment order", "the account's statement, camt.053"),
    "AppHdr": ("a message header without its document", "the whole camt.053 message"),
}
_VERSION = re.compile(r"V[0-9]{2}$", re.ASCII)
_COUNTER = ("TxAmt", "CntrValAmt", "InstdAmt")
_PARTY = {-1: ("Cdtr", "CdtrAcct"), 1: ("Dbtr", "DbtrAcct")}


def read_camt(file: str, data: bytes, into: Read) -> None:
    """Read the statements of one XML file; InputError names the line."""
    reader = _Camt(file, into)
    root = read_xml(file, data, reader.closed)
    if reader.messages:
        if not reader.statements:
            raise InputError(file, "is a camt.053 message without a statement (Stmt)",
                             line=root.line, remedy="ask the bank for the message again")  # fmt: skip
        into.statements += reader.statements
        return
    found = [n for n in _walk(root) if _plain(n) in _OTHERS]
    if found:
        first = next((n for n in found if n.name != "AppHdr"), found[0])
        what, instead = _OTHERS[_plain(first)]
        raise InputError(file, f"is {what}, not a statement", line=first.line, remedy=f"import {instead}, instead")
    raise InputError(file, f"is XML ({quoted(root.name)}), but not a bank statement", line=root.line,
                     remedy="import camt.053, MT940 or the CSV of docs/bank.md")  # fmt: skip


def _plain(node: Node) -> str:
    """The name of a message without the version that the first ones carried in it."""
    return _VERSION.sub("", node.name)


def _walk(node: Node) -> Iterable[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


class _Camt:
    """Takes entries and statements as their elements are closed."""

    def __init__(self, file: str, into: Read) -> None:
        self.file, self.into = file, into
        self.messages = 0
        self.statements: list[Statement] = []
        self.entries: list[Entry] = []

    def closed(self, stack: list[Node]) -> bool:
        """Take the element that was just closed if it is an entry or a statement of a camt.053 message."""
        node = stack[-1]
        names = [n.name for n in stack]
        if node.name == MESSAGE:
            self.messages += 1
            return True
        if names[-3:-1] == [MESSAGE, "Stmt"] and node.name == "Ntry":
            self.entries += self._entry(node)
            return True
        if names[-2:] == [MESSAGE, "Stmt"]:
            self._statement(node)
            return True
        return False

    def _wrong(self, node: Node, problem: str) -> NoReturn:
        raise InputError(self.file, f"{node.name} {problem}", line=node.line,
                         remedy="ask the bank for the statement again")  # fmt: skip

    def _statement(self, node: Node) -> None:
        """One Statement for each currency: an account may be kept in several."""
        entries, self.entries = self.entries, []
        account = account_text(node.value("Acct/Id/IBAN", "Acct/Id/Othr/Id", "Acct/Id/PrtryAcct/Id", "Acct/Id/BBAN"))
        if not account:
            self._wrong(node, "does not name its account")
        balances = self._balances(node)
        currencies = list(dict.fromkeys([*balances, *(e.currency for e in entries)]))
        numbers = [int(t) for p in ("ElctrncSeqNb", "LglSeqNb") if (t := node.value(p)) and t.isascii() and t.isdigit()]
        page = node.value("StmtPgntn/PgNb")
        for currency in currencies:
            opening, closing, opened, closed = balances.get(currency, (None, None, None, None))
            mine = [replace(e, account=account) for e in entries if e.currency == currency]
            if opening is None and closing is None:
                self._wrong(node, f"has entries in {currency} but no opening or closing balance in it")
            day = min((e.booked for e in mine), default=closed if closed is not None else opened or 0)
            order = (day, numbers[0] if numbers else 0, int(page) if page.isascii() and page.isdigit() else 0)
            made = Statement(account, currency, clean(node.value("Id")), order, opening, closing, self.file, node.line)
            made.entries = mine
            self.statements.append(made)
            if len(currencies) == 1 and (opening is None or closing is None):
                which = "an opening" if opening is None else "a closing"
                self.into.note(f"{made} does not state {which} balance: nothing proves that it is whole")
        if len(currencies) > 1:
            self._refuse_mixed(node, self.statements[-len(currencies) :])
        if not currencies:
            self._wrong(node, "states no booked balance (OPBD, CLBD) and has no entry")

    def _refuse_mixed(self, node: Node, made: list[Statement]) -> None:
        """An opening balance in one currency and a closing balance in another prove nothing."""
        halves = [s for s in made if s.opening is None or s.closing is None]
        if halves:
            said = ", ".join(f"{'opening' if s.closing is None else 'closing'} in {s.currency}" for s in halves)
            self._wrong(node, f"has its opening and closing balances in different currencies ({said})")

    def _balances(self, node: Node) -> dict[str, tuple[int | None, int | None, int | None, int | None]]:
        """By currency: opening and closing balance, and their days."""
        found: dict[str, list[tuple[str, int, int | None]]] = {}
        for balance in node.all("Bal"):
            kind = balance.value("Tp/CdOrPrtry/Cd")
            if kind not in ("OPBD", "PRCD", "ITBD", "CLBD"):
                continue
            units, currency = self._amount(balance)
            day, _ = self._day(balance, "Dt")
            found.setdefault(currency, []).append((kind, units * self._sign(balance), day))
        out = {}
        for currency, rows in found.items():
            between = [r for r in rows if r[0] == "ITBD"]
            opening = [r for kind in ("OPBD", "PRCD") for r in rows if r[0] == kind]
            closing = [r for r in rows if r[0] == "CLBD"]
            opening = opening or between[:1]
            closing = closing or (between[-1:] if between[-1:] != opening else [])
            first, last = (rows[0] if rows else ("", None, None) for rows in (opening, closing))
            out[currency] = (first[1], last[1], first[2], last[2])
        return out

    def _amount(self, node: Node) -> tuple[int, str]:
        amount = node.first("Amt")
        if amount is None:
            self._wrong(node, "has no amount (Amt)")
        currency = amount.attributes.get("Ccy", "")
        if not is_code(currency):
            self._wrong(amount, f"has {quoted(currency)} as its currency (Ccy)")
        try:
            return minor_units(amount.text, currency), currency
        except ValueError as fault:
            self._wrong(amount, f"{quoted(amount.text)} in {_naming(node)} {fault}")

    def _sign(self, node: Node) -> int:
        text = node.value("CdtDbtInd")
        if text not in _SIGN:
            self._wrong(node, f"has {quoted(text)} where CRDT or DBIT belongs (CdtDbtInd)")
        return _SIGN[text]

    def _day(self, node: Node, *names: str) -> tuple[int | None, int]:
        """(day, seconds UTC or -1) of the first of some dates that is there."""
        for name in names:
            found = node.first(name)
            text = found.value("Dt", "DtTm", "YrMnth") if found is not None else ""
            if not text:
                continue
            try:
                day = day_number(date.fromisoformat(text[:10]))
                time = _seconds(text) if len(text) > 10 and "T" in text else -1
            except ValueError:
                self._wrong(found or node, f"has {quoted(text)} as a date")
            if day < 0:
                self._wrong(found or node, f"has {quoted(text)} as a date, before 1970")
            return day, -1 if time < 0 else max(day * DAY, min(time, day * DAY + DAY - 1))
        return None, -1

    def _entry(self, node: Node) -> list[Entry]:
        self.into.count("entries")
        status = node.value("Sts", "Sts/Cd")
        if status != "BOOK":
            if not status:
                self._wrong(node, f"{_naming(node)} has no status (Sts)")
            self.into.count("pending_entries_left_out")
            return []
        units, currency = self._amount(node)
        sign = self._sign(node)
        day, time = self._day(node, "BookgDt", "ValDt")
        if day is None:
            self._wrong(node, f"{_naming(node)} has neither a booking nor a value date")
        if not units:
            self.into.count("entries_of_no_amount")
            return []
        reverses = node.value("RvslInd") in ("true", "1")
        self.into.count("reversals", int(reverses))
        whole = Entry("", currency, sign * units, day, self.file, node.line, time,
                      bank_ref=clean(node.value("AcctSvcrRef", "NtryRef")),
                      charges=self._charges(node, currency), counter=_counter(node, currency))  # fmt: skip
        details = list(node.all("NtryDtls", "TxDtls"))
        parts = [self._detail(whole, d, reverses=reverses) for d in details]
        if len(parts) == 1:
            return [replace(parts[0], units=whole.units)]
        if len(parts) > 1:
            if all(p.units for p in parts) and sum(p.units for p in parts) == whole.units:
                self.into.count("batch_entries_split")
                self.into.count("entries", len(parts) - 1)
                return parts
            self.into.count("batch_entries_kept_whole")
        return [whole]

    def _detail(self, whole: Entry, node: Node, *, reverses: bool) -> Entry:
        """The entry as one of its details tells it; `units` is 0 where that has no amount in its currency."""
        sign = 1 if whole.units > 0 else -1
        own = _SIGN.get(node.value("CdtDbtInd"), sign)
        party, account = _PARTY[-sign if reverses else sign]
        return replace(
            whole, units=own * self._part(node, whole.currency), line=node.line,
            refs=references(node.value("Refs/EndToEndId"), node.value("Refs/UETR"), node.value("Refs/TxId")),
            bank_ref=clean(node.value("Refs/AcctSvcrRef")) or whole.bank_ref,
            other_account=account_text(node.value(f"RltdPties/{account}/Id/IBAN", f"RltdPties/{account}/Id/Othr/Id")),
            other_name=clean(node.value(f"RltdPties/{party}/Nm", f"RltdPties/{party}/Pty/Nm")),
            charges=self._charges(node, whole.currency) or whole.charges,
            counter=_counter(node, whole.currency) or whole.counter,
        )  # fmt: skip

    def _part(self, node: Node, currency: str) -> int:
        for path in ((), ("AmtDtls", "TxAmt"), ("AmtDtls", "InstdAmt")):
            holder = node.first(*path)
            amount = holder.first("Amt") if holder is not None else None
            if holder is not None and amount is not None and amount.attributes.get("Ccy") == currency:
                return self._amount(holder)[0]
        return 0

    def _charges(self, node: Node, currency: str) -> int:
        total = 0
        for charge in node.all("Chrgs"):
            for holder in [*charge.all("Rcrd")] or [charge]:
                amount = holder.first("Amt")
                if amount is not None and amount.attributes.get("Ccy") == currency:
                    total += self._amount(holder)[0]
        return total


def _counter(node: Node, currency: str) -> tuple[str, int] | None:
    """The amount in another currency that AmtDtls states, or None."""
    for name in _COUNTER:
        amount = node.first("AmtDtls", name, "Amt")
        other = amount.attributes.get("Ccy", "") if amount is not None else currency
        if amount is not None and other != currency and is_code(other):
            try:
                return other, minor_units(amount.text, other)
            except ValueError:
                return None
    return None


def _seconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _naming(node: Node) -> str:
    """An entry or balance in words, for messages."""
    named = clean(node.value("AcctSvcrRef", "NtryRef", "NtryDtls/TxDtls/Refs/EndToEndId", "Tp/CdOrPrtry/Cd"))
    what = "entry" if node.name == "Ntry" else {"Bal": "balance"}.get(node.name, node.name)
    return f"{what} {quoted(named)}" if named else f"the {what}"
