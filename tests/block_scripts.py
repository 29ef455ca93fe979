"""Keys, locks and signed transactions for the block builder of tests/blocks.py.

A Lock is an output script with what opens it; `spend` makes a transaction that Bitcoin Core's consensus code accepts.
"""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass
from typing import Any

from dyepack.ledger.utxo.schema import ScriptType

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Order of the curve secp256k1 (SEC 2)."""


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def sha256d(data: bytes) -> bytes:
    return sha256(sha256(data))


def hash160(data: bytes) -> bytes:
    return hashlib.new("ripemd160", sha256(data)).digest()


def tagged(tag: str, data: bytes) -> bytes:
    """Tagged hash of BIP 340."""
    return sha256(sha256(tag.encode()) * 2 + data)


def compact(number: int) -> bytes:
    """CompactSize."""
    for limit, mark, width in ((0xFD, b"", 1), (0x1_0000, b"\xfd", 2), (0x1_0000_0000, b"\xfe", 4)):
        if number < limit:
            return mark + number.to_bytes(width, "little")
    return b"\xff" + number.to_bytes(8, "little")


def prefixed(data: bytes) -> bytes:
    return compact(len(data)) + data


def push(data: bytes) -> bytes:
    """Script that pushes the data, in the shortest form."""
    if len(data) < 0x4C:
        return bytes([len(data)]) + data
    return (b"\x4c" + bytes([len(data)]) if len(data) < 0x100 else b"\x4d" + len(data).to_bytes(2, "little")) + data


def push_number(number: int) -> bytes:
    """Script that pushes a number >= 0 (OP_0, OP_1 to OP_16, or its bytes)."""
    if number <= 16:
        return bytes([0x50 + number if number else 0])
    return push(number.to_bytes(number.bit_length() // 8 + 1, "little"))


def merkle_root(hashes: list[bytes]) -> bytes:
    """Root over hashes in wire order."""
    while len(hashes) > 1:
        hashes = hashes + hashes[-1:] if len(hashes) % 2 else hashes
        hashes = [sha256d(hashes[i] + hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


# --- keys and locks -------------------------------------------------------------------------------------------------


def _wally() -> Any:
    return importlib.import_module("wallycore")


@dataclass(frozen=True)
class Key:
    """A key pair, made from a name."""

    secret: bytes

    @classmethod
    def named(cls, name: str) -> Key:
        return cls((int.from_bytes(sha256(name.encode()), "big") % ORDER or 1).to_bytes(32, "big"))

    @property
    def public(self) -> bytes:
        return bytes(_wally().ec_public_key_from_private_key(self.secret))

    @property
    def uncompressed(self) -> bytes:
        return bytes(_wally().ec_public_key_decompress(self.public))

    def sign(self, digest: bytes) -> bytes:
        """DER signature with the hash type ALL."""
        wally = _wally()
        return bytes(wally.ec_sig_to_der(wally.ec_sig_from_bytes(self.secret, digest, wally.EC_FLAG_ECDSA))) + b"\x01"

    def sign_schnorr(self, digest: bytes) -> bytes:
        """Signature by the key tweaked as BIP 341 says for an output without scripts."""
        wally = _wally()
        tweaked = wally.ec_private_key_bip341_tweak(self.secret, None, 0)
        return bytes(wally.ec_sig_from_bytes(tweaked, digest, wally.EC_FLAG_SCHNORR))


@dataclass(frozen=True)
class Lock:
    """An output script, what it is, and how it is opened.

    address: packed without padding (kind, length, program), None where the script has none
    opening: "none", "script_sig" (data is it), "witness" (stack is it), or a way of signing with keys
    """

    script: bytes
    type: ScriptType
    address: bytes | None = None
    opening: str = "none"
    data: bytes = b""
    stack: tuple[bytes, ...] = ()
    keys: tuple[Key, ...] = ()

    def text(self, network: str = "regtest") -> str | None:
        """The address as people write it."""
        from dyepack.ledger.utxo.address import address_text

        return None if self.address is None else address_text(self.address, network)


def packed(kind: int, program: bytes) -> bytes:
    return bytes([kind, len(program)]) + program


def _distinct(name: str) -> bytes:
    """A script that anyone can satisfy, different for each name."""
    return push(sha256(name.encode())[:8]) + b"\x75\x51"


def anyone(tail: bytes = b"") -> Lock:
    """Bare OP_TRUE after an unexecuted push: no address."""
    return Lock((push(tail) + b"\x75" if tail else b"") + b"\x51", ScriptType.NONSTANDARD)


def p2wsh(name: str) -> Lock:
    inner = _distinct(name)
    program = sha256(inner)
    return Lock(b"\x00\x20" + program, ScriptType.P2WSH, packed(0x10, program), "witness", stack=(inner,))


def p2sh(name: str) -> Lock:
    inner = _distinct(name)
    script = b"\xa9\x14" + hash160(inner) + b"\x87"
    return Lock(script, ScriptType.P2SH, packed(1, hash160(inner)), "script_sig", data=push(inner))


def p2pk(name: str, *, uncompressed: bool = False) -> Lock:
    key = Key.named(name)
    public = key.uncompressed if uncompressed else key.public
    return Lock(push(public) + b"\xac", ScriptType.P2PK, packed(0, hash160(public)), "p2pk", keys=(key,))


def p2pkh(name: str) -> Lock:
    key = Key.named(name)
    digest = hash160(key.public)
    return Lock(b"\x76\xa9\x14" + digest + b"\x88\xac", ScriptType.P2PKH, packed(0, digest), "p2pkh", keys=(key,))


def p2wpkh(name: str) -> Lock:
    key = Key.named(name)
    digest = hash160(key.public)
    return Lock(b"\x00\x14" + digest, ScriptType.P2WPKH, packed(0x10, digest), "p2wpkh", keys=(key,))


def p2tr(name: str) -> Lock:
    """Taproot, opened by its key."""
    key = Key.named(name)
    program = bytes(_wally().ec_public_key_bip341_tweak(key.public, None, 0))[1:]
    return Lock(b"\x51\x20" + program, ScriptType.P2TR, packed(0x11, program), "p2tr", keys=(key,))


def p2tr_script(name: str) -> Lock:
    """Taproot, opened by a script that anyone can satisfy."""
    inner, public = _distinct(name), Key.named(name).public
    leaf = tagged("TapLeaf", b"\xc0" + prefixed(inner))
    tweaked = bytes(_wally().ec_public_key_bip341_tweak(public, leaf, 0))
    control = bytes([0xC0 | (tweaked[0] & 1)]) + public[1:]
    lock = b"\x51\x20" + tweaked[1:]
    return Lock(lock, ScriptType.P2TR, packed(0x11, tweaked[1:]), "witness", stack=(inner, control))


def multisig(*names: str, needed: int = 1) -> Lock:
    keys = tuple(Key.named(name) for name in names)
    publics = b"".join(push(key.public) for key in keys)
    script = push_number(needed) + publics + push_number(len(keys)) + b"\xae"
    return Lock(script, ScriptType.MULTISIG, None, "multisig", keys=keys[:needed])


def op_return(data: bytes) -> Lock:
    """Nobody can spend it."""
    return Lock(b"\x6a" + push(data), ScriptType.OP_RETURN, None, "never")


def future_witness(version: int, program: bytes) -> Lock:
    """A witness version without rules as yet: anyone can spend it."""
    script = bytes([0x50 + version]) + push(program)
    return Lock(script, ScriptType.WITNESS_UNKNOWN, packed(0x10 + version, program), "none")


# --- transactions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Out:
    value: int
    lock: Lock


@dataclass(frozen=True)
class Coin:
    """An output that can be spent: where it stands, and what it is."""

    txid: str
    index: int
    out: Out

    @property
    def value(self) -> int:
        return self.out.value

    @property
    def lock(self) -> Lock:
        return self.out.lock

    @property
    def point(self) -> bytes:
        return bytes.fromhex(self.txid)[::-1] + self.index.to_bytes(4, "little")


@dataclass(frozen=True)
class Tx:
    raw: bytes
    txid: str
    wtxid: bytes
    inputs: tuple[Coin, ...]
    outputs: tuple[Out, ...]
    coinbase: bool = False

    def coin(self, index: int) -> Coin:
        return Coin(self.txid, index, self.outputs[index])

    def coins(self) -> list[Coin]:
        """Its outputs that can ever be spent."""
        return [self.coin(i) for i, out in enumerate(self.outputs) if out.lock.opening != "never"]

    @property
    def fee(self) -> int:
        """Satoshi; 0 for a coinbase."""
        return 0 if self.coinbase else sum(c.value for c in self.inputs) - sum(o.value for o in self.outputs)


def serialized(
    points: list[bytes], sigs: list[bytes], outputs: tuple[Out, ...], stacks: list[tuple[bytes, ...]], version: int = 2
) -> tuple[bytes, bytes]:
    """A transaction with its witness, and without."""
    ins = compact(len(points)) + b"".join(
        point + prefixed(sig) + b"\xff\xff\xff\xff" for point, sig in zip(points, sigs, strict=True)
    )
    outs = compact(len(outputs)) + b"".join(o.value.to_bytes(8, "little") + prefixed(o.lock.script) for o in outputs)
    first, last = version.to_bytes(4, "little"), bytes(4)
    plain = first + ins + outs + last
    if not any(stacks):
        return plain, plain
    witness = b"".join(compact(len(stack)) + b"".join(prefixed(item) for item in stack) for stack in stacks)
    return first + b"\x00\x01" + ins + outs + witness + last, plain


def _legacy_digest(coins: tuple[Coin, ...], outputs: tuple[Out, ...], at: int) -> bytes:
    sigs = [coin.lock.script if i == at else b"" for i, coin in enumerate(coins)]
    _, plain = serialized([c.point for c in coins], sigs, outputs, [() for _ in coins])
    return sha256d(plain + (1).to_bytes(4, "little"))


def _segwit_digest(coins: tuple[Coin, ...], outputs: tuple[Out, ...], at: int) -> bytes:
    """BIP 143."""
    coin = coins[at]
    code = b"\x76\xa9\x14" + coin.lock.script[2:] + b"\x88\xac"
    outs = b"".join(o.value.to_bytes(8, "little") + prefixed(o.lock.script) for o in outputs)
    parts = (
        (2).to_bytes(4, "little"), sha256d(b"".join(c.point for c in coins)), sha256d(b"\xff" * 4 * len(coins)),
        coin.point, prefixed(code), coin.value.to_bytes(8, "little"), b"\xff" * 4, sha256d(outs), bytes(4),
        (1).to_bytes(4, "little"),
    )  # fmt: skip
    return sha256d(b"".join(parts))


def _taproot_digest(coins: tuple[Coin, ...], outputs: tuple[Out, ...], at: int) -> bytes:
    """BIP 341, SIGHASH_DEFAULT, no annex."""
    outs = b"".join(o.value.to_bytes(8, "little") + prefixed(o.lock.script) for o in outputs)
    parts = (
        b"\x00\x00", (2).to_bytes(4, "little"), bytes(4), sha256(b"".join(c.point for c in coins)),
        sha256(b"".join(c.value.to_bytes(8, "little") for c in coins)),
        sha256(b"".join(prefixed(c.lock.script) for c in coins)), sha256(b"\xff" * 4 * len(coins)), sha256(outs),
        b"\x00", at.to_bytes(4, "little"),
    )  # fmt: skip
    return tagged("TapSighash", b"".join(parts))


def _opened(coins: tuple[Coin, ...], outputs: tuple[Out, ...], at: int) -> tuple[bytes, tuple[bytes, ...]]:
    """Script and witness that open one input."""
    lock = coins[at].lock
    if lock.opening in ("none", "script_sig", "witness"):
        return lock.data, lock.stack
    if lock.opening == "p2tr":
        return b"", (lock.keys[0].sign_schnorr(_taproot_digest(coins, outputs, at)),)
    if lock.opening == "p2wpkh":
        return b"", (lock.keys[0].sign(_segwit_digest(coins, outputs, at)), lock.keys[0].public)
    digest = _legacy_digest(coins, outputs, at)
    if lock.opening == "p2pk":
        return push(lock.keys[0].sign(digest)), ()
    if lock.opening == "p2pkh":
        return push(lock.keys[0].sign(digest)) + push(lock.keys[0].public), ()
    if lock.opening == "multisig":
        return b"\x00" + b"".join(push(key.sign(digest)) for key in lock.keys), ()
    raise ValueError(lock.opening)


def spend(coins: list[Coin], outputs: list[tuple[int, Lock]]) -> Tx:
    """A signed transaction; what the outputs leave of the coins is its fee."""
    ins, outs = tuple(coins), tuple(Out(value, lock) for value, lock in outputs)
    opened = [_opened(ins, outs, at) for at in range(len(ins))]
    raw, plain = serialized([c.point for c in ins], [o[0] for o in opened], outs, [o[1] for o in opened])
    made = Tx(raw, sha256d(plain)[::-1].hex(), sha256d(raw), ins, outs)
    if made.fee < 0:
        raise ValueError("outputs are worth more than inputs")
    return made
