"""The bytes in which bridges record deposits and payouts: events, calls and memos, for given legs.

Written by hand for each bridge, apart from what decodes them (patterns/bridges), so that one checks the other.

Invariant: a leg gives the record that its bridge would have written; logs of one transaction follow each other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dyepack.keccak import keccak256
from dyepack.patterns.bridges.logs import Call, Log
from dyepack.patterns.bridges.model import NATIVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.patterns.bridges.model import BridgeDeposit, Payout
    from dyepack.synthetic.bridge import World

VAULT = "0x" + "76" * 20
FOREIGN = "0x" + "f0" * 20
"""Whoever is not the bridge: another contract, or another key."""

CONTRACTS = {
    "celer": "0x" + "ce" * 20, "poly": "0x" + "b0" * 20, "multichain": "0x" + "a5" * 20, "thorchain": "0x" + "70" * 20,
}  # fmt: skip
"""The contract of each bridge, on every chain of this world."""

CHAIN_IDS = {"ethereum": 1, "bsc": 56, "polygon": 137}
POLY_IDS = {"ethereum": 2, "bsc": 6}
Item = int | str | bytes


def word(value: Item) -> bytes:
    """A number, an address ("0x..." of 20 bytes) or 32 bytes as one word."""
    if isinstance(value, int):
        return value.to_bytes(32)
    raw = bytes.fromhex(value[2:]) if isinstance(value, str) else value
    return raw.rjust(32, b"\0")


def packed(*items: Item | list[bytes]) -> bytes:
    """Arguments as words; a list of one bytes object stands for a dynamic value (bytes or string)."""
    head, tail = b"", b""
    for item in items:
        if isinstance(item, list):
            head += word(32 * len(items) + len(tail))
            tail += word(len(item[0])) + item[0] + b"\0" * (-len(item[0]) % 32)
        else:
            head += word(item)
    return head + tail


def _log(leg: BridgeDeposit | Payout, index: int, signature: str, data: bytes, topics: Sequence[bytes] = ()) -> Log:
    first = keccak256(signature.encode())
    return Log(leg.chain, leg.tx, CONTRACTS[leg.bridge], (first, *topics), data, index, leg.time)


def celer_send(deposit: BridgeDeposit, nonce: int) -> list[Log]:
    """The pool's event of a deposit."""
    data = packed(
        bytes.fromhex(deposit.message_id[2:]), deposit.sender, deposit.receiver, deposit.asset, deposit.amount,
        CHAIN_IDS[deposit.to_chain], nonce, 5000,
    )  # fmt: skip
    return [_log(deposit, 7, "Send(bytes32,address,address,address,uint256,uint64,uint64,uint32)", data)]


def celer_relay(payout: Payout) -> list[Log]:
    """The pool's event of a payout."""
    own = keccak256(payout.tx.encode())
    data = packed(
        own, payout.receiver, payout.receiver, payout.asset, payout.amount, CHAIN_IDS[payout.from_chain],
        bytes.fromhex(payout.message_id[2:]),
    )  # fmt: skip
    return [_log(payout, 9, "Relay(bytes32,address,address,address,uint256,uint64,bytes32)", data)]


def poly_lock(deposit: BridgeDeposit) -> list[Log]:
    """The manager's message and the proxy's lock, in one transaction."""
    to = POLY_IDS[deposit.to_chain]
    receiver, asset = (bytes.fromhex(text[2:]) for text in (deposit.receiver, deposit.to_asset))
    message = packed([bytes.fromhex(deposit.message_id[2:])], deposit.asset, to, [asset], [receiver + asset])
    lock = packed(deposit.asset, deposit.sender, to, [asset], [receiver], deposit.amount)
    signature = "CrossChainEvent(address,bytes,address,uint64,bytes,bytes)"
    return [
        _log(deposit, 3, signature, message, [word(deposit.sender)]),
        _log(deposit, 4, "LockEvent(address,address,uint64,bytes,bytes,uint256)", lock),
    ]


def poly_unlock(payout: Payout) -> list[Log]:
    """The proxy's unlock and the manager's execution, in one transaction."""
    number = POLY_IDS.get(payout.from_chain, 17)
    unlock = packed(payout.asset, payout.receiver, payout.amount)
    asset, message_id = (bytes.fromhex(text[2:]) for text in (payout.asset, payout.message_id))
    done = packed(number, [asset], [keccak256(payout.tx.encode())], [message_id])
    return [
        _log(payout, 5, "UnlockEvent(address,address,uint256)", unlock),
        _log(payout, 6, "VerifyHeaderAndExecuteTxEvent(uint64,bytes,bytes,bytes)", done),
    ]


def multichain_out(deposit: BridgeDeposit) -> Call:
    """A sender's call to the router."""
    data = keccak256(b"anySwapOutUnderlying(address,address,uint256,uint256)")[:4]
    data += packed(deposit.asset, deposit.receiver, deposit.amount, CHAIN_IDS[deposit.to_chain])
    return Call(deposit.chain, deposit.tx, deposit.sender, CONTRACTS["multichain"], data, time=deposit.time)


def multichain_in(payout: Payout) -> Call:
    """The bridge's call that pays out."""
    data = keccak256(b"anySwapInAuto(bytes32,address,address,uint256,uint256)")[:4]
    source = bytes.fromhex(payout.from_tx.removeprefix("0x"))
    data += packed(source, payout.asset, payout.receiver, payout.amount, CHAIN_IDS[payout.from_chain])
    return Call(payout.chain, payout.tx, "0x" + "6d" * 20, CONTRACTS["multichain"], data, time=payout.time)


def thorchain_deposit(deposit: BridgeDeposit) -> Call:
    """A sender's call to the router, with the memo."""
    data = keccak256(b"depositWithExpiry(address,address,uint256,string,uint256)")[:4]
    data += packed(VAULT, deposit.asset, deposit.amount, [deposit.memo.encode()], deposit.time + 3600)
    return Call(deposit.chain, deposit.tx, deposit.sender, CONTRACTS["thorchain"], data, time=deposit.time)


def thorchain_out(payout: Payout) -> Call:
    """A vault's call to the router that pays out or sends back, with the memo."""
    coin = payout.asset == NATIVE
    data = keccak256(b"transferOut(address,address,uint256,string)")[:4]
    data += packed(payout.receiver, 0 if coin else payout.asset, payout.amount, [payout.memo.encode()])
    value = payout.amount if coin else 0
    return Call(payout.chain, payout.tx, VAULT, CONTRACTS["thorchain"], data, value, time=payout.time)


def op_return(text: bytes) -> bytes:
    """The script of an output that holds a memo."""
    push = bytes([len(text)]) if len(text) < 0x4C else bytes([0x4C, len(text)])
    return b"\x6a" + push + text


def records(world: World) -> tuple[list[Log], list[Call]]:
    """The events and the calls of a whole world, deposits first; foreign copies come from another contract or key."""
    logs: list[Log] = []
    calls: list[Call] = []
    for nonce, deposit in enumerate(world.deposits):
        if deposit.bridge in {"celer", "poly"}:
            logs += celer_send(deposit, nonce) if deposit.bridge == "celer" else poly_lock(deposit)
        else:
            calls.append(multichain_out(deposit) if deposit.bridge == "multichain" else thorchain_deposit(deposit))
    for payout in world.payouts:
        foreign = payout in world.foreign
        if payout.bridge in {"celer", "poly"}:
            made = celer_relay(payout) if payout.bridge == "celer" else poly_unlock(payout)
            logs += [replace(log, contract=FOREIGN) for log in made] if foreign else made
        elif payout.bridge == "multichain":
            call = multichain_in(payout)
            calls.append(replace(call, contract=FOREIGN) if foreign else call)
        else:
            call = thorchain_out(payout)
            calls.append(replace(call, sender=FOREIGN) if foreign else call)
    return logs, calls
