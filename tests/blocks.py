"""A block builder for tests: valid regtest blocks of every kind of script, with the truth kept beside them.

`demo_chain()` is a chain of some three hundred blocks (see its docstring); `Builder` makes others. Every spend is
valid: Bitcoin Core's own consensus code accepts these blocks (test_bitcoin_blocks). What the builder knows of each
transaction, output and address it keeps as plain Python objects, so that importers and tracing can be compared with
it. Hashes of transactions and blocks are in the order that people write (`Tx.txid`, `Block.hash`).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dyepack.ledger.utxo.schema import ScriptType
from tests.block_files import (
    REGTEST_MAGIC,
    PlainBlock,
    PlainTx,
    compressed_amount,
    compressed_script,
    plain_batches,
    plain_block,
    undo_record,
    varint,
    write_blk,
    write_rev,
    xored,
)
from tests.block_scripts import (
    ORDER,
    Coin,
    Key,
    Lock,
    Out,
    Tx,
    anyone,
    compact,
    future_witness,
    hash160,
    merkle_root,
    multisig,
    op_return,
    p2pk,
    p2pkh,
    p2sh,
    p2tr,
    p2tr_script,
    p2wpkh,
    p2wsh,
    packed,
    prefixed,
    push,
    push_number,
    serialized,
    sha256,
    sha256d,
    spend,
    tagged,
)

__all__ = [
    "BITS",
    "COIN",
    "GENESIS_COINBASE",
    "GENESIS_TIME",
    "HALVING",
    "MATURITY",
    "ORDER",
    "REGTEST_MAGIC",
    "Block",
    "Builder",
    "BuiltChain",
    "Coin",
    "Key",
    "Lock",
    "Out",
    "PlainBlock",
    "PlainTx",
    "Truth",
    "Tx",
    "anyone",
    "coinbase",
    "compact",
    "compressed_amount",
    "compressed_script",
    "demo_chain",
    "future_witness",
    "genesis",
    "hash160",
    "header",
    "kinds",
    "merkle_root",
    "multisig",
    "op_return",
    "p2pk",
    "p2pkh",
    "p2sh",
    "p2tr",
    "p2tr_script",
    "p2wpkh",
    "p2wsh",
    "packed",
    "plain_batches",
    "plain_block",
    "prefixed",
    "push",
    "push_number",
    "serialized",
    "sha256",
    "sha256d",
    "spend",
    "subsidy",
    "tagged",
    "truth_of",
    "undo_record",
    "varint",
    "write_blk",
    "write_rev",
    "xored",
]  # fmt: skip

COIN = 100_000_000
HALVING = 150
MATURITY = 100
BITS = 0x207FFFFF
GENESIS_TIME = 1_296_688_602
GENESIS_COINBASE = bytes.fromhex(
    "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054"
    "696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420"
    "666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61"
    "deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000"
)
"""The transaction of block 0, the same on mainnet, testnet3 and regtest (CreateGenesisBlock in Core's chainparams)."""

# --- blocks ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    raw: bytes
    hash: str
    prev: str
    height: int
    time: int
    txs: tuple[Tx, ...]

    @property
    def fees(self) -> int:
        return sum(tx.fee for tx in self.txs)


def subsidy(height: int) -> int:
    return 50 * COIN >> height // HALVING


def header(prev: str, root: bytes, time: int, *, version: int = 0x20000000, bits: int = BITS) -> bytes:
    """Eighty bytes with a nonce that meets regtest's target."""
    head = version.to_bytes(4, "little") + bytes.fromhex(prev)[::-1] + root
    head += time.to_bytes(4, "little") + bits.to_bytes(4, "little")
    target = (bits & 0x7FFFFF) << 8 * ((bits >> 24) - 3)
    for nonce in range(1 << 32):
        made = head + nonce.to_bytes(4, "little")
        if int.from_bytes(sha256d(made), "little") <= target:
            return made
    raise ValueError("no nonce")


def genesis() -> Block:
    """Block 0 of regtest."""
    root = sha256d(GENESIS_COINBASE)
    head = bytes.fromhex("01000000") + bytes(32) + root + GENESIS_TIME.to_bytes(4, "little")
    head += BITS.to_bytes(4, "little") + (2).to_bytes(4, "little")
    public = GENESIS_COINBASE[-70:-5]
    lock = Lock(push(public) + b"\xac", ScriptType.P2PK, packed(0, hash160(public)), "never")
    tx = Tx(GENESIS_COINBASE, root[::-1].hex(), root, (), (Out(50 * COIN, lock),), coinbase=True)
    return Block(head + b"\x01" + tx.raw, sha256d(head)[::-1].hex(), "00" * 32, 0, GENESIS_TIME, (tx,))


def coinbase(height: int, outputs: list[tuple[int, Lock]], wtxids: list[bytes] | None, note: bytes = b"") -> Tx:
    """The transaction that makes new coins; with a witness commitment over the other transactions' `wtxids`."""
    outs = [Out(value, lock) for value, lock in outputs]
    stack: tuple[bytes, ...] = ()
    if wtxids is not None:
        root = sha256d(merkle_root([bytes(32), *wtxids]) + bytes(32))
        outs.append(Out(0, Lock(b"\x6a\x24\xaa\x21\xa9\xed" + root, ScriptType.OP_RETURN, None, "never")))
        stack = (bytes(32),)
    point = bytes(32) + b"\xff\xff\xff\xff"
    raw, plain = serialized([point], [push_number(height) + push(b"dyepack" + note)], tuple(outs), [stack])
    return Tx(raw, sha256d(plain)[::-1].hex(), sha256d(raw), (), tuple(outs), coinbase=True)


@dataclass
class Builder:
    """Makes blocks; remembers every one, in the order they were made (`blocks`), by hash (`by_hash`)."""

    blocks: list[Block] = field(default_factory=lambda: [genesis()])

    @property
    def tip(self) -> Block:
        return self.blocks[-1]

    def mine(
        self, txs: list[Tx] | None = None, *, to: Lock | None = None, on: Block | None = None, underpay: int = 0,
        note: bytes = b"", wait: int = 600,
    ) -> Block:  # fmt: skip
        """A block on `on` (the block made last): its coinbase pays subsidy and fees, less `underpay`, to `to`."""
        parent, body = on or self.tip, txs or []
        height, time = parent.height + 1, parent.time + wait
        reward = subsidy(height) + sum(tx.fee for tx in body) - underpay
        segwit = any(tx.wtxid != bytes.fromhex(tx.txid)[::-1] for tx in body)
        paid = to or p2wsh(f"miner {height}")
        first = coinbase(height, [(reward, paid)], [tx.wtxid for tx in body] if segwit else None, note)
        return self.add(parent, [first, *body], time)

    def add(self, parent: Block, txs: list[Tx], time: int) -> Block:
        """A block of these very transactions."""
        head = header(parent.hash, merkle_root([bytes.fromhex(tx.txid)[::-1] for tx in txs]), time)
        raw = head + compact(len(txs)) + b"".join(tx.raw for tx in txs)
        made = Block(raw, sha256d(head)[::-1].hex(), parent.hash, parent.height + 1, time, tuple(txs))
        self.blocks.append(made)
        return made


# --- the demonstration chain ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Truth:
    """What is so: blocks of the winning chain by height, the orphans, transactions of the former, and names."""

    main: list[Block]
    orphans: list[Block]
    txs: dict[str, Tx]
    named: dict[str, list[str]]

    def one(self, name: str) -> Tx:
        """The transaction of a name that only one has."""
        (txid,) = self.named[name]
        return self.txs[txid]


@dataclass(frozen=True)
class BuiltChain:
    """Blocks in the order in which a node met them (orphans among them), and the truth."""

    made: list[Block]
    truth: Truth

    @property
    def blocks(self) -> list[bytes]:
        return [block.raw for block in self.made]

    def write(self, folder: Path, key: bytes | None = None, *, undo: bool = True, zeros: int = 4096) -> Path:
        """blk00000.dat, rev00000.dat and xor.dat in a folder; gives the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        write_blk(self.blocks, folder / "blk00000.dat", key, zeros=zeros)
        if undo:
            write_rev(self.made, folder / "rev00000.dat", key, zeros=zeros)
        if key is not None:
            (folder / "xor.dat").write_bytes(key)
        return folder


def truth_of(made: list[Block], named: dict[str, list[str]]) -> Truth:
    """The longest chain of these blocks (all have the same work; the first of equals, as a node holds)."""
    by_hash = {block.hash: block for block in made}
    tip = max(made, key=lambda block: block.height)
    main = [tip]
    while main[-1].height:
        main.append(by_hash[main[-1].prev])
    main.reverse()
    kept = {block.hash for block in main}
    orphans = [block for block in made if block.hash not in kept]
    return Truth(main, orphans, {tx.txid: tx for block in main for tx in block.txs}, named)


def kinds() -> dict[str, Lock]:
    """One spendable lock of each kind."""
    return {
        "p2pk": p2pk("old"), "p2pk_long": p2pk("older", uncompressed=True),
        "p2pk_odd": p2pk("older 2", uncompressed=True), "p2pkh": p2pkh("payer"), "p2sh": p2sh("shop"),
        "p2wpkh": p2wpkh("modern"), "p2wsh": p2wsh("vault"), "p2tr": p2tr("newest"),
        "p2tr_script": p2tr_script("hidden"), "multisig": multisig("a", "b", "c", needed=2), "anyone": anyone(b"free"),
        "witness_2": future_witness(2, b"\x07" * 32), "anchor": future_witness(1, b"\x4e\x73"),
    }  # fmt: skip


@functools.cache
def demo_chain(length: int = 330) -> BuiltChain:
    """A chain of `length` blocks after block 0, with four orphans.

    59-60    two orphans without transactions
    111      "fan_out": a coin in one output of each kind of script (order of kinds())
    112      "fan_in:<kind>": each of those outputs spent alone
    113      "burn": OP_RETURN outputs of value 0 and of value 1000
    114      "split" into ten P2WPKH and change, and in the same block "same_block", which spends two of the ten
    115      "coinjoin": eight inputs of distinct addresses, five equal outputs and three of change
    116-125  "peel": 200 hops, twenty a block: 0.1 coin to a fresh address each time, the rest onward
    131-132  two orphans: the first holds "raced" too, the second a double spend of what "raced" pays on the main chain
    140      a coinbase that claims 5,000 less than it may
    141      "wide": one input, 300 outputs; 142 "sweep": all of them spent at once
    150, 300 halvings
    """
    made = Builder()
    named: dict[str, list[str]] = {}
    rewards: list[Coin] = []

    def block(*txs: Tx, **how: Any) -> Block:
        mined = made.mine(list(txs), **how)
        rewards.append(mined.txs[0].coin(0))
        return mined

    def note(name: str, tx: Tx) -> Tx:
        named.setdefault(name, []).append(tx.txid)
        return tx

    for height in range(1, 59):
        block(to=list(kinds().values())[height % len(kinds())] if height < 30 else None)
    at = made.tip
    made.mine(on=made.mine(on=at, note=b"lost 1"), note=b"lost 2")
    block(on=at)
    while made.tip.height < 110:
        block()
    coins = iter(rewards)
    _kinds_story(block, note, next(coins))
    _mixer_story(block, note, next(coins), next(coins))
    _peel_story(block, note, next(coins))
    while made.tip.height < 130:
        block()
    _race_story(made, block, note, next(coins))
    while made.tip.height < 139:
        block()
    block(spend([coin := next(coins)], [(coin.value - 10_000, p2wpkh("late"))]), underpay=5_000)
    wide = note(
        "wide", spend([coin := next(coins)], [(coin.value // 300 - 40, p2wpkh(f"wide {i}")) for i in range(300)])
    )
    block(wide)
    block(note("sweep", spend(wide.coins(), [(coin.value - 90_000, p2tr("swept"))])))
    while made.tip.height < length:
        block(spend([coin := next(coins)], [(coin.value - 1_000, p2wsh(f"later {made.tip.height}"))]))
    return BuiltChain(made.blocks, truth_of(made.blocks, named))


def _kinds_story(block: Any, note: Any, coin: Coin) -> None:
    locks = kinds()
    share = coin.value // len(locks) - 1_000
    fan_out = note("fan_out", spend([coin], [(share, lock) for lock in locks.values()]))
    block(fan_out)
    fans = [
        note(f"fan_in:{name}", spend([fan_out.coin(at)], [(share - 500, p2wpkh(f"after {name}"))]))
        for at, name in enumerate(locks)
    ]
    block(*fans)
    first = fans[0].coin(0)
    outs = [(0, op_return(b"hello")), (1_000, op_return(b"burnt")), (first.value - 2_000, p2pkh("rest"))]
    block(note("burn", spend([first], outs)))


def _mixer_story(block: Any, note: Any, coin: Coin, other: Coin) -> None:
    shares = [(4 * COIN + i * 1_111, p2wpkh(f"mixer {i}")) for i in range(10)]
    rest = coin.value - sum(value for value, _ in shares) - 800
    split = note("split", spend([coin], [*shares, (rest, p2wpkh("mixer change"))]))
    both = [split.coin(8), split.coin(9)]
    same = note("same_block", spend(both, [(sum(c.value for c in both) - 700, p2tr("joined"))]))
    block(split, same, spend([other], [(other.value - 300, p2sh("elsewhere"))]))
    ins = split.coins()[:8]
    equal = [(6 * COIN, p2wpkh(f"mixed {i}")) for i in range(5)]
    left = sum(c.value for c in ins) - 5 * (6 * COIN) - 900
    change = [(left // 4, p2wpkh("change 0")), (left // 4, p2tr("change 1")), (left - left // 4 * 2, p2wsh("change 2"))]
    block(note("coinjoin", spend(ins, equal + change)))


def _peel_story(block: Any, note: Any, coin: Coin) -> None:
    for _ in range(10):
        hops: list[Tx] = []
        for _ in range(20):
            name = f"hop of {coin.txid}"
            hop = spend([coin], [(COIN // 10, p2wpkh(f"peeled {name}")), (coin.value - COIN // 10 - 250, p2wpkh(name))])
            hops.append(note("peel", hop))
            coin = hop.coin(1)
        block(*hops)


def _race_story(made: Builder, block: Any, note: Any, coin: Coin) -> None:
    at = made.tip
    raced = note("raced", spend([coin], [(coin.value - 400, p2wpkh("racer"))]))
    first = made.mine([raced], on=at, note=b"lost 3")
    made.mine([spend([raced.coin(0)], [(raced.outputs[0].value - 400, p2wpkh("thief"))])], on=first, note=b"lost 4")
    block(raced, on=at)
    block(note("honest", spend([raced.coin(0)], [(raced.outputs[0].value - 500, p2wpkh("shop"))])))
