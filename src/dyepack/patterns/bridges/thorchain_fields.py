"""The fields of each kind of THORChain memo, read in order; what the network would not take is noted as a fault.

Invariant: no text makes an error, and every field that is told is kept as far as it can be read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dyepack.errors import quoted
from dyepack.patterns.bridges.thorchain_assets import MemoAsset, parse_asset
from dyepack.patterns.bridges.thorchain_memo import Affiliate, Coin, MemoKind, parse_memo

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BASIS_POINTS = 10_000
MAX_EXPONENT = 77
MAX_UINT = (1 << 256) - 1
MAX_NESTING = 2
"""Registrations in which a registered memo may stand: the network has no use for more."""

_WHOLE = re.compile(r"[0-9]{1,78}")
_SCIENTIFIC = re.compile(r"([0-9]{1,78})(?:\.([0-9]{1,78}))?[eE]\+?([0-9]{1,3})")
_FRACTION = re.compile(r"([0-9]{1,78})\.[0-9]{1,78}")
_TX = re.compile(r"(?:0[xX])?([0-9a-fA-F]{64})")
_COIN = re.compile(r"([0-9]{1,78})(.+)")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")

_CASH_PREFIX = "bitcoincash"
"""Wallets write addresses of Bitcoin Cash so; the network takes them without it."""

Fields = dict[str, Any]


class _Parts:
    """The fields of a memo by number (0 is the function), with the faults found so far."""

    def __init__(self, body: str, depth: int) -> None:
        self.body, self.depth = body, depth
        self.parts = body.split(":")
        self.faults: list[str] = []
        for at, part in enumerate(self.parts[:-1]):
            if part.lower() == _CASH_PREFIX:
                self.parts[at : at + 2] = [f"{part}:{self.parts[at + 1]}"]
                self.faults.append(f"the address begins with {_CASH_PREFIX}:, whose colon parts it in two")
                break

    def text(self, at: int, *, needed: str = "") -> str:
        """A field, "" if it is not told; `needed` names one that must be."""
        found = self.parts[at] if at < len(self.parts) else ""
        if needed and not found:
            self.faults.append(f"{needed} is missing")
        return found

    def asset(self, at: int, *, needed: bool = True) -> MemoAsset | None:
        """An asset; the first one of a memo must be there."""
        text = self.text(at, needed="the asset" if needed else "")
        found = parse_asset(text) if text else None
        if text and found is None:
            self.faults.append(f"{quoted(text)} is no asset")
        return found

    def number(self, at: int, *, most: int = MAX_UINT, needed: str = "") -> int | None:
        """A whole number."""
        text = self.text(at, needed=needed)
        return self.whole(text, most) if text else None

    def whole(self, text: str, most: int = MAX_UINT) -> int | None:
        """A whole number within bounds, or a fault."""
        if _WHOLE.fullmatch(text) and int(text) <= most:
            return int(text)
        self.faults.append(f"{quoted(text)} is not a whole number" + (f" to {most}" if most < MAX_UINT else ""))
        return None

    def limit(self, text: str) -> int | None:
        """A limit: a whole number, or in scientific notation; a part of a unit is dropped, as the network drops it."""
        value: int | None = None
        if _WHOLE.fullmatch(text):
            value = int(text)
        elif (found := _SCIENTIFIC.fullmatch(text)) and int(found[3]) <= MAX_EXPONENT:
            digits, exponent = found[2] or "", int(found[3])
            value = int(found[1] + digits) * 10**exponent // 10 ** len(digits)
        elif found := _FRACTION.fullmatch(text):
            value = int(found[1])
        if value is None or value > MAX_UINT:
            self.faults.append(f"{quoted(text)} is no limit")
            return None
        return value

    def affiliates(self, at: int) -> tuple[Affiliate, ...]:
        """Names separated by /, and a fee for each or one for all."""
        names, fees = self.text(at), self.text(at + 1)
        if not names:
            if fees and fees.strip("0/"):
                self.faults.append("a fee without an affiliate")
            return ()
        each = names.split("/")
        told = [self.whole(fee, MAX_BASIS_POINTS) for fee in fees.split("/")] if fees else [None]
        if len(told) == 1:
            told *= len(each)
        if len(told) != len(each):
            self.faults.append(f"{len(each)} affiliates and {len(told)} fees")
            told = [None] * len(each)
        if sum(fee or 0 for fee in told) > MAX_BASIS_POINTS:
            self.faults.append(f"the affiliates' fees exceed {MAX_BASIS_POINTS} basis points")
        return tuple(map(Affiliate, each, told))

    def tx(self, at: int) -> str:
        """A transaction's hash, in capitals."""
        text = self.text(at, needed="the transaction")
        found = _TX.fullmatch(text)
        if text and not found:
            self.faults.append(f"{quoted(text)} is no transaction")
        return found[1].upper() if found else ""

    def coin(self, at: int) -> Coin | None:
        """An amount with its asset: 1234BTC.BTC."""
        text = self.text(at, needed="an amount with its asset")
        found = _COIN.fullmatch(text)
        asset = parse_asset(found[2]) if found else None
        if text and (found is None or asset is None):
            self.faults.append(f"{quoted(text)} is no amount with its asset")
        return Coin(int(found[1]), asset) if found and asset else None


def _swap(parts: _Parts) -> Fields:
    asset = parts.asset(1)
    to, _, refund_to = parts.text(2).partition("/")
    if refund_to and not to:
        parts.faults.append("who gets a refund is told, but not who is paid")
    least, *stream = parts.text(3).split("/", 2)
    interval, quantity = ([parts.whole(n or "0", (1 << 64) - 1) for n in stream] + [None, None])[:2]
    final_limit = parts.text(8)
    return {
        "asset": asset, "address": to, "refund_to": refund_to, "limit": parts.limit(least) if least else None,
        "interval": interval, "quantity": quantity, "affiliates": parts.affiliates(4), "aggregator": parts.text(6),
        "final_token": parts.text(7), "final_limit": parts.limit(final_limit) if final_limit else None,
    }  # fmt: skip


def _limit_swap(parts: _Parts) -> Fields:
    if parts.text(0) == "=>":
        parts.faults.append("=> is a function of the documentation's table alone; the network takes =<")
    return _swap(parts)


def _modify(parts: _Parts) -> Fields:
    return {"source": parts.coin(1), "target": parts.coin(2), "amount": parts.number(3, needed="the new amount")}


def _add(parts: _Parts) -> Fields:
    return {"asset": parts.asset(1), "address": parts.text(2), "affiliates": parts.affiliates(3)}


def _withdraw(parts: _Parts) -> Fields:
    asset = parts.asset(1)
    points = parts.number(2, most=MAX_BASIS_POINTS)
    return {
        "asset": asset, "basis_points": MAX_BASIS_POINTS if not parts.text(2) else points,
        "preferred": parts.asset(3, needed=False),
    }  # fmt: skip


def _loan(parts: _Parts) -> Fields:
    least = parts.text(3)
    return {
        "asset": parts.asset(1), "address": parts.text(2, needed="the address"),
        "limit": parts.limit(least) if least else None, "affiliates": parts.affiliates(4),
        "aggregator": parts.text(6), "final_token": parts.text(7),
        "final_limit": parts.limit(parts.text(8)) if parts.text(8) else None,
    }  # fmt: skip


def _pool_withdraw(parts: _Parts) -> Fields:
    points = parts.number(1, most=MAX_BASIS_POINTS, needed="the share")
    return {"basis_points": points, "affiliates": parts.affiliates(2)}


def _points(parts: _Parts) -> Fields:
    return {"basis_points": parts.number(1, most=MAX_BASIS_POINTS, needed="the share")}


def _pool(parts: _Parts) -> Fields:
    return {"asset": parts.asset(1)}


def _address(parts: _Parts) -> Fields:
    return {"address": parts.text(1, needed="the address")}


def _bond(parts: _Parts) -> Fields:
    node = parts.text(1, needed="the node")
    return {"address": node, "provider": parts.text(2), "basis_points": parts.number(3, most=MAX_BASIS_POINTS)}


def _unbond(parts: _Parts) -> Fields:
    node = parts.text(1, needed="the node")
    return {"address": node, "amount": parts.number(2, needed="the amount"), "provider": parts.text(3)}


def _rebond(parts: _Parts) -> Fields:
    node, new = parts.text(1, needed="the node"), parts.text(2, needed="the new address")
    return {"address": node, "provider": new, "amount": parts.number(3)}


def _name(parts: _Parts) -> Fields:
    return {
        "name": parts.text(1, needed="the name"), "chain": parts.text(2, needed="the chain").upper(),
        "address": parts.text(3, needed="the address"), "owner": parts.text(4),
        "preferred": parts.asset(5, needed=False), "expiry": parts.number(6), "multiplier": parts.number(7),
    }  # fmt: skip


def _execute(parts: _Parts) -> Fields:
    message = parts.text(2)
    if not _BASE64.fullmatch(message):
        parts.faults.append(f"{quoted(message)} is no base64")
    return {"address": parts.text(1, needed="the contract"), "message": message}


def _reference(parts: _Parts) -> Fields:
    asset = parts.asset(1)
    inner_text = parts.body.split(":", 2)[2] if len(parts.parts) > 2 else ""
    inner = parse_memo(inner_text, parts.depth + 1) if parts.depth < MAX_NESTING else None
    if inner is None or inner.faults:
        parts.faults.append("registers what is no memo")
    return {"asset": asset, "inner": inner}


def _use_reference(parts: _Parts) -> Fields:
    return {"reference": parts.text(1, needed="the number" if len(parts.parts) > 1 else "")}


def _answer(parts: _Parts) -> Fields:
    return {"tx": parts.tx(1)}


def _height(parts: _Parts) -> Fields:
    return {"height": parts.number(1, most=(1 << 63) - 1, needed="the height")}


def _nothing(parts: _Parts) -> Fields:
    return {"message": parts.text(1)}


_READERS: dict[MemoKind, Callable[[_Parts], Fields]] = {
    MemoKind.SWAP: _swap, MemoKind.LIMIT_SWAP: _limit_swap, MemoKind.MODIFY_LIMIT_SWAP: _modify,
    MemoKind.ADD: _add, MemoKind.WITHDRAW: _withdraw, MemoKind.LOAN_OPEN: _loan, MemoKind.LOAN_REPAY: _loan,
    MemoKind.POOL_WITHDRAW: _pool_withdraw, MemoKind.TCY_UNSTAKE: _points, MemoKind.DONATE: _pool,
    MemoKind.TRADE_DEPOSIT: _address, MemoKind.TRADE_WITHDRAW: _address, MemoKind.SECURED_DEPOSIT: _address,
    MemoKind.SECURED_WITHDRAW: _address, MemoKind.LEAVE: _address, MemoKind.OPERATOR: _address,
    MemoKind.MAINTENANCE: _address, MemoKind.SWITCH: _address, MemoKind.TCY_CLAIM: _address,
    MemoKind.BOND: _bond, MemoKind.UNBOND: _unbond, MemoKind.REBOND: _rebond, MemoKind.NAME: _name,
    MemoKind.EXECUTE: _execute, MemoKind.REFERENCE: _reference, MemoKind.USE_REFERENCE: _use_reference,
    MemoKind.OUT: _answer, MemoKind.REFUND: _answer, MemoKind.MIGRATE: _height, MemoKind.RAGNAROK: _height,
    MemoKind.YGGDRASIL_FUND: _height, MemoKind.YGGDRASIL_RETURN: _height,
}  # fmt: skip
"""How each kind is read; those not here have no fields."""


def read_fields(kind: MemoKind, body: str, depth: int) -> tuple[Fields, list[str]]:
    """The fields of a memo by the names that Memo has for them, and its faults."""
    parts = _Parts(body, depth)
    fields = _READERS.get(kind, _nothing)(parts)
    return fields, parts.faults
