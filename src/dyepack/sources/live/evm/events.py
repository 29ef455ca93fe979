"""Token moves out of the events of one transaction: ERC-20 transfers, and wrappings that emit no transfer.

An event is a claim of its contract, not a fact: that the balances followed it is checked elsewhere, against
balances at two heights. Collectibles (ERC-721 has the topic of ERC-20 and a fourth one) and ERC-1155 are counted.
Invariant: every event is a move, or counted by reason, or has nothing to do with units moved.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dyepack.ledger.schema import ZERO_ADDRESS, MoveKind
from dyepack.sources.live.source import LiveMove

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TRANSFER: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
DEPOSIT: Final = "0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c"
WITHDRAWAL: Final = "0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65"
DESTROYED: Final = "0x61e6e66b0d6339b2980aecc6ccc0039736791f0ccde9ed512e789a7fbdd698c6"
"""DestroyedBlackFunds(address,uint256): a stablecoin's issuer took what a blacklisted holder had."""
_SEVERAL: Final = frozenset(
    (
        "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62",  # ERC-1155 TransferSingle
        "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb",  # ERC-1155 TransferBatch
    )
)
_EMPTY_WORD: Final = "0x" + "0" * 24

WRAPPERS: Final = frozenset(
    (
        "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",  # Ethereum
        "0xbb4cdb9cbd36b01bd1cbaebf2de08d9173bc095c",  # BNB Smart Chain
        "0x0d500b1d8e8ef31e21c99d1db9a6444d3adf1270",  # Polygon
        "0x4200000000000000000000000000000000000006",  # Optimism, Base
        "0xb31f66aa3c1e785363f0875a1b74e27b85fd66c7",  # Avalanche
        "0x21be370d5312f44cb42ce377bc9b8a0cef1a4c83",  # Fantom
        "0xe91d153e0b41518a2ce8dd3d7944fa863463a97d",  # Gnosis
    )
)
"""Wrapped native coins that emit no transfer when they wrap: believed where internal transfers are not known."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its index in the block, who emitted it, topics in lower case."""

    index: int
    contract: str
    topics: tuple[str, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class _Wrap:
    event: Event
    party: str
    units: int
    into: bool


def topic_of(address: str) -> str:
    """An address as an indexed argument."""
    return _EMPTY_WORD + address[2:]


def party_of(topic: str) -> str | None:
    """The address in an indexed argument; None if it holds more than an address."""
    return "0x" + topic[26:] if topic.startswith(_EMPTY_WORD) else None


def token_moves(
    events: Sequence[Event], sender: str, native: Iterable[tuple[str, str, int]], *, whole: bool, left_out: Counter[str]
) -> list[LiveMove]:
    """Moves of tokens in the order of their events.

    sender   who signed the transaction: a zero transfer in another's name is counted as forged
    native   (sender, receiver, units) of the coins that the transaction moved; `whole` if they are all of them
    """
    moves: list[LiveMove] = []
    wraps: list[_Wrap] = []
    for event in events:
        topic = event.topics[0] if event.topics else ""
        if topic == TRANSFER:
            move = _transfer(event, sender, left_out)
            if move is not None:
                moves.append(move)
        elif topic in {DEPOSIT, WITHDRAWAL}:
            wrap = _wrap(event, into=topic == DEPOSIT)
            if wrap is not None:
                wraps.append(wrap)
        elif topic == DESTROYED:
            moves += _destroyed(event)
        elif topic in _SEVERAL:
            left_out["nft"] += 1
    moves += _wrapped(wraps, moves, native, whole=whole, left_out=left_out)
    return sorted(moves, key=lambda move: move.index)


def _transfer(event: Event, signer: str, left_out: Counter[str]) -> LiveMove | None:
    if len(event.topics) == 4 and not event.data:
        left_out["nft"] += 1
        return None
    if len(event.topics) != 3 or len(event.data) != 32:
        left_out["unusual_transfer"] += 1
        return None
    sender, receiver = party_of(event.topics[1]), party_of(event.topics[2])
    if sender is None or receiver is None:
        left_out["unusual_transfer"] += 1
        return None
    units = int.from_bytes(event.data)
    if not units:
        left_out["zero_value"] += 1
        left_out["forged_sender"] += sender not in {signer, ZERO_ADDRESS}
        return None
    return LiveMove(
        int(MoveKind.TOKEN), event.index, "" if sender == ZERO_ADDRESS else sender, receiver, event.contract, units
    )


def _destroyed(event: Event) -> list[LiveMove]:
    """Units that the issuer burnt: neither of the event's arguments is indexed."""
    party = party_of("0x" + event.data[:32].hex()) if len(event.topics) == 1 and len(event.data) == 64 else None
    units = int.from_bytes(event.data[32:])
    if party is None or not units:
        return []
    return [LiveMove(int(MoveKind.TOKEN), event.index, party, ZERO_ADDRESS, event.contract, units)]


def _wrap(event: Event, *, into: bool) -> _Wrap | None:
    party = party_of(event.topics[1]) if len(event.topics) == 2 and len(event.data) == 32 else None
    units = int.from_bytes(event.data)
    return _Wrap(event, party, units, into) if party is not None and units else None


def _wrapped(
    wraps: Sequence[_Wrap],
    transfers: Sequence[LiveMove],
    native: Iterable[tuple[str, str, int]],
    *,
    whole: bool,
    left_out: Counter[str],
) -> list[LiveMove]:
    """Issuance and burning of tokens by wrappers that say so in events of their own only."""
    if not wraps:
        return []
    told = Counter((m.asset, m.sender, m.receiver, m.units) for m in transfers)
    paid: Counter[tuple[str, bool, int]] = Counter()
    for sender, receiver, units in native:
        paid[receiver, True, units] += 1
        paid[sender, False, units] += 1
    moves = []
    for wrap in wraps:
        contract = wrap.event.contract
        sender, receiver = ("", wrap.party) if wrap.into else (wrap.party, ZERO_ADDRESS)
        if told[contract, sender, receiver, wrap.units]:
            told[contract, sender, receiver, wrap.units] -= 1
            continue
        if paid[contract, wrap.into, wrap.units]:
            paid[contract, wrap.into, wrap.units] -= 1
        elif whole or contract not in WRAPPERS:
            left_out["not_a_wrap"] += 1
            continue
        moves.append(LiveMove(int(MoveKind.TOKEN), wrap.event.index, sender, receiver, contract, wrap.units))
    return moves
