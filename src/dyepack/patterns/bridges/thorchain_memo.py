"""THORChain's memos: what a deposit asks the network to do, and which deposit a payout of the network answers.

FUNCTION:FIELD:FIELD..., the function in any case and by any of its names (FUNCTIONS is the whole list, those of earlier
versions and those that only the documentation has included); what follows "|" is passed on to the receiver. OUT and
REFUND carry the transaction of the deposit: a link of the first tier. A deposit without a memo names a registered memo
(REFERENCE) by the last five digits of its amount (`memoless_reference`).

The rules are those of the network's documentation and node as stored in October 2026. THORNames and abbreviated tokens
are resolved by the network's state and stay as written.

Invariant: no text makes an error. What is no memo is None; what is one, but not as the network takes it, has `faults`,
and the network sends its deposit back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from dyepack.errors import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dyepack.patterns.bridges.thorchain_assets import MemoAsset

MAX_BYTES = 250
"""Bytes of the longest memo that the network takes."""

MAX_TEXT = 4096
"""Characters of the longest text that is looked at."""

REFERENCE_DIGITS = 5
NETWORK_DECIMALS = 8

_ODD = re.compile(r"[^!-~]")
_NAME = re.compile(r"[A-Za-z0-9_+-]{1,30}(\.[A-Za-z0-9]{1,10})?")


class MemoKind(StrEnum):
    """What a memo asks for or says."""

    SWAP = "swap"
    LIMIT_SWAP = "limit swap"
    MODIFY_LIMIT_SWAP = "modify limit swap"
    ADD = "add"
    WITHDRAW = "withdraw"
    LOAN_OPEN = "loan open"
    LOAN_REPAY = "loan repayment"
    POOL_DEPOSIT = "rune pool deposit"
    POOL_WITHDRAW = "rune pool withdrawal"
    TRADE_DEPOSIT = "trade account deposit"
    TRADE_WITHDRAW = "trade account withdrawal"
    SECURED_DEPOSIT = "secured asset deposit"
    SECURED_WITHDRAW = "secured asset withdrawal"
    DONATE = "donate"
    RESERVE = "reserve"
    BOND = "bond"
    UNBOND = "unbond"
    REBOND = "rebond"
    LEAVE = "leave"
    OPERATOR = "operator"
    MAINTENANCE = "maintenance"
    NAME = "name"
    EXECUTE = "execute"
    SWITCH = "switch"
    TCY_CLAIM = "tcy claim"
    TCY_STAKE = "tcy stake"
    TCY_UNSTAKE = "tcy unstake"
    REFERENCE = "reference"
    USE_REFERENCE = "use reference"
    NOOP = "noop"
    OUT = "out"
    REFUND = "refund"
    RAGNAROK = "ragnarok"
    MIGRATE = "migrate"
    CONSOLIDATE = "consolidate"
    YGGDRASIL_FUND = "yggdrasil fund"
    YGGDRASIL_RETURN = "yggdrasil return"


FUNCTIONS: dict[str, MemoKind] = {
    "swap": MemoKind.SWAP, "s": MemoKind.SWAP, "=": MemoKind.SWAP,
    "=<": MemoKind.LIMIT_SWAP, "limito": MemoKind.LIMIT_SWAP, "limitto": MemoKind.LIMIT_SWAP,
    "lo": MemoKind.LIMIT_SWAP, "=>": MemoKind.LIMIT_SWAP, "m=<": MemoKind.MODIFY_LIMIT_SWAP,
    "add": MemoKind.ADD, "a": MemoKind.ADD, "+": MemoKind.ADD,
    "withdraw": MemoKind.WITHDRAW, "wd": MemoKind.WITHDRAW, "w": MemoKind.WITHDRAW, "-": MemoKind.WITHDRAW,
    "loan+": MemoKind.LOAN_OPEN, "$+": MemoKind.LOAN_OPEN, "loan-": MemoKind.LOAN_REPAY, "$-": MemoKind.LOAN_REPAY,
    "pool+": MemoKind.POOL_DEPOSIT, "pool-": MemoKind.POOL_WITHDRAW,
    "trade+": MemoKind.TRADE_DEPOSIT, "trade-": MemoKind.TRADE_WITHDRAW,
    "secure+": MemoKind.SECURED_DEPOSIT, "secure-": MemoKind.SECURED_WITHDRAW,
    "donate": MemoKind.DONATE, "d": MemoKind.DONATE, "reserve": MemoKind.RESERVE,
    "bond": MemoKind.BOND, "unbond": MemoKind.UNBOND, "rebond": MemoKind.REBOND, "leave": MemoKind.LEAVE,
    "operator": MemoKind.OPERATOR, "maint": MemoKind.MAINTENANCE,
    "name": MemoKind.NAME, "n": MemoKind.NAME, "~": MemoKind.NAME,
    "x": MemoKind.EXECUTE, "exec": MemoKind.EXECUTE, "switch": MemoKind.SWITCH,
    "tcy": MemoKind.TCY_CLAIM, "tcy+": MemoKind.TCY_STAKE, "tcy-": MemoKind.TCY_UNSTAKE,
    "reference": MemoKind.REFERENCE, "r": MemoKind.USE_REFERENCE, "noop": MemoKind.NOOP,
    "out": MemoKind.OUT, "refund": MemoKind.REFUND, "ragnarok": MemoKind.RAGNAROK,
    "migrate": MemoKind.MIGRATE, "consolidate": MemoKind.CONSOLIDATE,
    "yggdrasil+": MemoKind.YGGDRASIL_FUND, "yggdrasil-": MemoKind.YGGDRASIL_RETURN,
}  # fmt: skip
"""Every name of every function, in lower case."""

OUTBOUND = frozenset({MemoKind.OUT, MemoKind.REFUND, MemoKind.RAGNAROK})
"""Memos of what the network pays out."""

INTERNAL = frozenset(
    {MemoKind.MIGRATE, MemoKind.CONSOLIDATE, MemoKind.YGGDRASIL_FUND, MemoKind.YGGDRASIL_RETURN}
)  # fmt: skip
"""Memos of moves between the network's own vaults: no money leaves it."""


@dataclass(frozen=True, slots=True)
class Affiliate:
    """Who gets a share of a deposit: a THORName or an address, and basis points (None: not told)."""

    name: str
    basis_points: int | None


@dataclass(frozen=True, slots=True)
class Coin:
    """An amount of an asset, in the network's units of 1e-8."""

    amount: int
    asset: MemoAsset


@dataclass(frozen=True, slots=True)
class Memo:
    """A memo's fields; "" or None for those that it does not have.

    asset        the asset asked for, the pool, or the asset of a registered memo
    address      who is paid, or the paired, owning or node's address; a THORName where `is_name`
    refund_to    who is paid if the network sends the deposit back
    limit        the least that may come out, in 1e-8
    interval, quantity   of a streaming swap: blocks between its parts, and how many (0: the network decides)
    aggregator, final_token, final_limit   the contract that trades on after the payout, for what, and for how much
    basis_points, amount   of what is withdrawn; bonded or unbonded units; an operator's fee
    tx           of OUT and REFUND: the deposit's transaction, 64 capital hexadecimal digits
    height       of MIGRATE, RAGNAROK and YGGDRASIL
    provider     a bond's provider, or the address to which a bond moves
    name, chain, owner, preferred, expiry, multiplier   of a THORName
    source, target   of a limit swap that is changed
    reference, inner   of a registered memo: its number, or itself
    message      of a contract's call (base64); a NOOP's or an unknown field
    passed_on    what follows "|"
    """

    kind: MemoKind
    raw: str
    faults: tuple[str, ...] = ()
    asset: MemoAsset | None = None
    address: str = ""
    refund_to: str = ""
    limit: int | None = None
    interval: int | None = None
    quantity: int | None = None
    affiliates: tuple[Affiliate, ...] = ()
    aggregator: str = ""
    final_token: str = ""
    final_limit: int | None = None
    basis_points: int | None = None
    amount: int | None = None
    tx: str = ""
    height: int | None = None
    provider: str = ""
    name: str = ""
    chain: str = ""
    owner: str = ""
    preferred: MemoAsset | None = None
    expiry: int | None = None
    multiplier: int | None = None
    source: Coin | None = None
    target: Coin | None = None
    reference: str = ""
    inner: Memo | None = None
    message: str = ""
    passed_on: str = ""

    @property
    def is_streaming(self) -> bool:
        """Whether a swap is cut into parts over time: parts are told and are not one, or an interval is."""
        if self.kind is not MemoKind.SWAP or self.quantity == 1:
            return False
        return bool(self.interval) or bool(self.quantity)

    @property
    def is_outbound(self) -> bool:
        """Whether the memo is of a payment by the network."""
        return self.kind in OUTBOUND

    @property
    def is_name(self) -> bool:
        """Whether `address` is a THORName: whom it means stands in the network's state at that time."""
        return bool(_NAME.fullmatch(self.address)) and len(self.address) < 26


def parse_memo(text: str, depth: int = 0) -> Memo | None:
    """The memo that a text is, or None if it begins with no function of the network's.

    `depth` is how many registrations of memos it stands in.
    """
    if not text or len(text) > MAX_TEXT:
        return None
    from dyepack.patterns.bridges.thorchain_fields import read_fields

    body, _, passed_on = text.partition("|")
    kind = FUNCTIONS.get(body.partition(":")[0].lower())
    if kind is None:
        return None
    fields, faults = read_fields(kind, body, depth)
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        faults.append(f"is longer than {MAX_BYTES} bytes: the network ignores it")
    odd = _ODD.search(body)
    if odd:
        faults.append(f"holds {quoted(odd[0])}, which no field has")
    return Memo(kind, text, tuple(faults), passed_on=passed_on, **fields)


def memoless_reference(units: int, decimals: int) -> str:
    """The number that the amount of a deposit without a memo names: five digits, "" if it names none.

    `units` are base units. The network counts in 1e-8, or in the asset's own units where these are coarser.
    """
    seen = units // 10 ** max(decimals - NETWORK_DECIMALS, 0)
    number = seen % 10**REFERENCE_DIGITS
    return str(number).rjust(REFERENCE_DIGITS, "0") if units > 0 and number else ""


def resolve_memoless(asset: str, units: int, decimals: int, registered: Mapping[tuple[str, str], str]) -> Memo | None:
    """The registered memo that a deposit without one stands for; `registered`: (asset, number) to memo.

    The registrations must be those that stood when the deposit was made: numbers are given out again within hours.
    """
    text = registered.get((asset, memoless_reference(units, decimals)), "")
    return parse_memo(text)
