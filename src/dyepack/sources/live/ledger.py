"""From live transactions to a ledger of accounts: what was fetched, and what is known of each holding.

Invariant: the same transactions, balances and reasons give the same columns, whatever the order in which they came. A
holding is complete only if its history was told whole and, where both balances are known, adds up between them; else
its state says why not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dyepack.ledger.builder import Built, build
from dyepack.ledger.manifest import COMPLETE, COUNTERPARTY, STATES, Manifest
from dyepack.ledger.reader import Ledger
from dyepack.ledger.schema import AFTER_TRANSACTIONS, AddressKind, MoveKind, OversizeMove, RawMoves, to_words
from dyepack.ledger.writer import manifest_of, publish
from dyepack.money import MAX_AMOUNT, Asset
from dyepack.sources.identifiers import ADDRESS, HASH
from dyepack.sources.live.source import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from dyepack.ledger.schema import U8
    from dyepack.sources.live.source import LiveTransaction

MAX_BLOCK = 0xFFFFFFFE
_LATEST = 253_402_300_799
"""The last second of the year 9999."""

_REASONS = 200
"""Reasons that a ledger names in its own words; the column of states holds one byte."""


@dataclass(slots=True)
class Gathered:
    """Everything that a live trace has fetched.

    transactions  by id
    openings      units that a holding had just before the window's first block, where not zero
    states        what is known of the history of the holdings that were asked for: "" if all of it, else the reason
    assets        what assets are called
    contracts     whether an address is a contract, where that was asked
    """

    chain: str
    native: Asset
    first_block: int = 0
    transactions: dict[str, LiveTransaction] = field(default_factory=dict)
    openings: dict[Wanted, int] = field(default_factory=dict)
    states: dict[Wanted, str] = field(default_factory=dict)
    assets: dict[str, Asset] = field(default_factory=dict)
    contracts: dict[str, bool] = field(default_factory=dict)
    hex_addresses: bool = True
    notes: list[str] = field(default_factory=list)
    inputs: list[dict[str, Any]] = field(default_factory=list)

    def ledger(self) -> Ledger:
        """The ledger of what is here, in memory."""
        manifest, columns, _ = self._made()
        return Ledger(None, manifest, manifest.sha256(), columns)  # type: ignore[arg-type] # no folder

    def write(self, path: Path) -> Manifest:
        """Write it to a folder, in the place of the ledger that may be there."""
        manifest, columns, oversize = self._made()
        publish(path, manifest, columns, oversize, replace=True)
        return manifest

    def _made(self) -> tuple[Manifest, dict[str, Any], list[OversizeMove]]:
        ordered = sorted(self.transactions.values(), key=lambda t: (t.block, t.index, t.txid))
        rows = _Rows(self.native.key, hex_addresses=self.hex_addresses)
        for place, (wanted, units) in enumerate(
            sorted(self.openings.items(), key=lambda o: (o[0].asset, o[0].address))
        ):
            rows.opening(max(self.first_block - 1, 0), place, wanted, units)
        for transaction in ordered:
            rows.add(transaction)
        built = build([rows.raw()], self.native.key)
        states = list(STATES)
        state = self._states(built, states)
        formats = ("hex", "hex" if self.hex_addresses else "text")
        built.columns |= _blocks(ordered) | {"holding_state": state, "address_kind": self._kinds(built)}
        manifest = manifest_of(
            built, chain=self.chain, assets={self.native.key: self.native} | self.assets, holding_state=state,
            formats=formats, inputs=self.inputs, oversize=rows.oversize, counts=_counts(ordered), notes=self.notes,
            states=states,
        )  # fmt: skip
        return manifest, built.columns, rows.oversize

    def _kinds(self, built: Built) -> U8:
        """What is known of each address (AddressKind)."""
        texts = (_text(row.tobytes(), hexadecimal=self.hex_addresses) for row in built.columns["address_id"])
        return np.array([_KINDS[self.contracts.get(text)] for text in texts], np.uint8)

    def _states(self, built: Built, states: list[str]) -> U8:
        """The state of each holding; reasons are added to `states`."""
        state = np.full(built.counts["holdings"], COUNTERPARTY, np.uint8)
        texts = [_text(row.tobytes(), hexadecimal=self.hex_addresses) for row in built.columns["address_id"]]
        for at, key in enumerate(built.columns["holding_key"].tolist()):
            reason = self.states.get(Wanted(texts[key & 0xFFFFFFFF], built.assets[key >> 32]))
            if reason is not None:
                state[at] = _state_number(states, reason)
        return state


_KINDS = {None: AddressKind.UNKNOWN, False: AddressKind.OWNED, True: AddressKind.CONTRACT}


def _state_number(states: list[str], reason: str) -> int:
    if not reason:
        return COMPLETE
    text = f"partial: {reason}"
    if text not in states:
        if len(states) >= _REASONS:
            text = "partial: for a reason that the evidence tells"
        if text not in states:
            states.append(text)
    return states.index(text)


def _raw(address: str, *, hexadecimal: bool) -> bytes:
    return bytes.fromhex(address[2:]) if hexadecimal else address.encode()


def _text(raw: bytes, *, hexadecimal: bool) -> str:
    return f"0x{raw.hex()}" if hexadecimal else raw.rstrip(b"\0").decode()


class _Rows:
    """Columns of RawMoves under construction, in the order in which the moves come."""

    def __init__(self, native: str, *, hex_addresses: bool) -> None:
        self.hexadecimal = hex_addresses
        self.addresses: dict[str, int] = {}
        self.assets: dict[str, int] = {native: 0}
        self.ids: list[bytes] = []
        self.numbers: list[tuple[int, ...]] = []
        self.words: list[tuple[int, int]] = []
        self.oversize: list[OversizeMove] = []

    def opening(self, block: int, place: int, wanted: Wanted, units: int) -> None:
        """Units that a holding had before the first block: an issue of their own, clean."""
        self._put(b"\0" * HASH, block, AFTER_TRANSACTIONS, -1, int(MoveKind.ISSUE), place, "", wanted.address,
                  wanted.asset, units)  # fmt: skip

    def add(self, tx: LiveTransaction) -> None:
        """The moves of a transaction; one without an id is what changed between transactions."""
        raw = bytes.fromhex(tx.txid.removeprefix("0x")) if tx.txid else b"\0" * HASH
        for m in tx.moves:
            if m.units > MAX_AMOUNT:
                self.oversize.append(OversizeMove("live", len(self.ids), tx.txid, m.kind, m.index, m.sender, m.receiver,
                                                  m.asset, str(m.units)))  # fmt: skip
            else:
                self._put(raw, tx.block, tx.index, tx.time, m.kind, m.index, m.sender, m.receiver, m.asset, m.units)

    def _put(
        self, raw: bytes, block: int, rank: int, time: int, kind: int, index: int, sender: str, receiver: str,
        asset: str, units: int,
    ) -> None:  # fmt: skip
        ends = [self.addresses.setdefault(a, len(self.addresses)) if a else -1 for a in (sender, receiver)]
        self.ids.append(raw)
        self.numbers.append((block, rank, time, kind, index, *ends, self.assets.setdefault(asset, len(self.assets))))
        self.words.append(to_words(units))

    def raw(self) -> RawMoves:
        """The batch."""
        n = np.array(self.numbers, np.int64).reshape(-1, 8)
        packed = [_raw(a, hexadecimal=self.hexadecimal) for a in self.addresses]
        width = max(map(len, packed), default=ADDRESS)
        ends = np.frombuffer(b"".join(p.ljust(width, b"\0") for p in packed), np.uint8).reshape(-1, width)
        return RawMoves(
            tx_id=np.frombuffer(b"".join(self.ids), np.uint8).reshape(-1, HASH), block=n[:, 0], tx_index=n[:, 1],
            time=n[:, 2], kind=n[:, 3].astype(np.uint8), index=n[:, 4], sender=n[:, 5], receiver=n[:, 6],
            asset=n[:, 7], amount=np.array(self.words, np.uint64).reshape(-1, 2), row=np.arange(1, len(n) + 1),
            addresses=ends, assets=list(self.assets), source="live",
        )  # fmt: skip


def _blocks(transactions: Iterable[LiveTransaction]) -> dict[str, Any]:
    """The blocks that the moves cite: number and hash, so that it can be seen later whether they still stand."""
    cited = dict(sorted({t.block: t.block_hash for t in transactions}.items()))
    hashes = [bytes.fromhex(h.removeprefix("0x")).rjust(HASH, b"\0") for h in cited.values()]
    return {
        "block_number": np.array(list(cited), np.uint32),
        "block_id": np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, HASH),
    }


def _counts(transactions: Iterable[LiveTransaction]) -> dict[str, int]:
    """What moved nothing and was left out, by reason, over all transactions."""
    found: dict[str, int] = {}
    for transaction in transactions:
        for reason, number in transaction.left_out.items():
            found[reason] = found.get(reason, 0) + number
    return dict(sorted(found.items()))


def misfit(transaction: LiveTransaction) -> str:
    """What of a transaction no ledger can hold, "" if it fits."""
    if not 0 <= transaction.block <= MAX_BLOCK or not 0 <= transaction.index <= AFTER_TRANSACTIONS:
        return f"it has the place {transaction.block}:{transaction.index}"
    if not -1 <= transaction.time <= _LATEST:
        return f"it has the time {transaction.time}"
    if any(not 0 <= m.index <= MAX_BLOCK or m.units < 0 for m in transaction.moves):
        return "it has a move with an index or units"
    return ""


def moved(wanted: Wanted, transactions: Mapping[str, LiveTransaction], txids: Iterable[str]) -> int:
    """What the moves of these transactions change in a holding, in base units."""
    change = 0
    for txid in txids:
        for m in transactions[txid].moves:
            if m.asset == wanted.asset:
                change += m.units * ((m.receiver == wanted.address) - (m.sender == wanted.address))
    return change
