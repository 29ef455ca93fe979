"""The book of a generated chain of outputs: accounts with their coins, transactions as they are written, and the truth.

Invariant: a coin is spent once, by its owner's doing; no transaction makes more than it spends; every address has one
account and every account one owner; transactions are numbered as the ledger numbers them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dyepack.ledger.utxo.address import P2PKH, P2SH, WITNESS
from dyepack.ledger.utxo.schema import RawTransactions, ScriptType

if TYPE_CHECKING:
    from random import Random

FIRST_HEIGHT = 700_000
FIRST_TIME = 1_631_318_400
"""2021-09-11T00:00:00Z"""
BLOCK_SECONDS = 600
SATS_A_BYTE = 8
COIN = 100_000_000

_FORMS = {
    ScriptType.P2PKH: (P2PKH, 20), ScriptType.P2SH: (P2SH, 20), ScriptType.P2WPKH: (WITNESS, 20),
    ScriptType.P2WSH: (WITNESS, 32), ScriptType.P2TR: (WITNESS + 1, 32),
}  # fmt: skip
"""Kind and length of the address of each script."""

WIDTH = 34
DATA = -1
"""In place of an address: an output that can never be spent (OP_RETURN)."""


class Coin(NamedTuple):
    """An output that can be spent: transaction, number in it, satoshi, address."""

    tx: int
    number: int
    value: int
    address: int


class Pay(NamedTuple):
    """An output to be made: address (or DATA) and satoshi; `change` where it goes back to who spends."""

    address: int
    value: int
    change: bool = False


@dataclass(slots=True, eq=False)
class Account:
    """Coins that one owner's wallet spends together; `main` is its address where it reuses one."""

    owner: int
    script: ScriptType
    coins: list[Coin] = field(default_factory=list)
    main: int = -1

    def take(self, coins: list[Coin]) -> list[Coin]:
        """Take these coins out, to be spent."""
        chosen = set(coins)
        self.coins = [coin for coin in self.coins if coin not in chosen]
        return coins


@dataclass(slots=True)
class Book:
    """Everything written so far; `dice` drives whoever writes."""

    seed: int
    dice: Random
    block: int = 0
    owners: int = 0
    account_of: list[Account] = field(default_factory=list)
    script_of: list[ScriptType] = field(default_factory=list)
    kind: list[str] = field(default_factory=list)
    change: list[int] = field(default_factory=list)
    """Of each transaction the number of its change output, -1 for none."""
    _tx_block: list[int] = field(default_factory=list)
    _tx_index: list[int] = field(default_factory=list)
    _ins: list[list[Coin]] = field(default_factory=list)
    _outs: list[list[Pay]] = field(default_factory=list)

    def account(self, script: ScriptType, owner: int = -1) -> Account:
        """A new account, of a new owner unless one is given."""
        if owner < 0:
            owner = self.owners
            self.owners += 1
        return Account(owner, script)

    def address(self, account: Account, script: ScriptType | None = None) -> int:
        """A new address of an account."""
        self.account_of.append(account)
        self.script_of.append(script or account.script)
        return len(self.account_of) - 1

    def main(self, account: Account) -> int:
        """The address that an account uses again and again."""
        if account.main < 0:
            account.main = self.address(account)
        return account.main

    def begin_block(self, to: int, value: int) -> None:
        """The next block, whose coinbase pays one address."""
        self.block += 1
        self._write([], [Pay(to, value)], "coinbase", 0)

    def spend(self, coins: list[Coin], pays: list[Pay], kind: str, *, shuffle: bool = True) -> int:
        """Write a transaction (its coins are taken out of their accounts already); the outputs in random order.

        Returns its number.
        """
        if shuffle:
            self.dice.shuffle(pays)
        left = sum(coin.value for coin in coins) - sum(pay.value for pay in pays)
        if left < 0:
            raise ValueError(f"a {kind} makes {-left} satoshi out of nothing")
        return self._write(coins, pays, kind, self._tx_index[-1] + 1)

    def _write(self, coins: list[Coin], pays: list[Pay], kind: str, index: int) -> int:
        tx = len(self.kind)
        self.kind.append(kind)
        self._tx_block.append(self.block - 1)
        self._tx_index.append(index)
        self._ins.append(coins)
        self._outs.append(pays)
        self.change.append(next((n for n, pay in enumerate(pays) if pay.change), -1))
        for number, pay in enumerate(pays):
            if pay.address != DATA:
                self.account_of[pay.address].coins.append(Coin(tx, number, pay.value, pay.address))
        return tx

    def made(self, tx: int) -> list[Coin]:
        """The coins that a transaction made."""
        return [Coin(tx, n, pay.value, pay.address) for n, pay in enumerate(self._outs[tx]) if pay.address != DATA]

    def packed(self) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        """The packed address of each address, (n, WIDTH)."""
        rows = bytearray()
        for number, script in enumerate(self.script_of):
            kind, length = _FORMS[script]
            program = sha256(f"wallet/{self.seed}/{number}".encode()).digest()[:length]
            rows += (bytes((kind, length)) + program).ljust(WIDTH, b"\0")
        return np.frombuffer(bytes(rows), np.uint8).reshape(-1, WIDTH)

    def raw(self) -> RawTransactions:
        """The chain as a source would give it."""
        ids = [sha256(f"wallets/{self.seed}/{tx}".encode()).digest() for tx in range(len(self.kind))]
        spent = [coin for coins in self._ins for coin in coins]
        made = [pay for pays in self._outs for pay in pays]
        heights = np.arange(self.block, dtype=np.int64)
        blocks = b"".join(sha256(f"block/{self.seed}/{n}".encode()).digest() for n in range(self.block))
        return RawTransactions(
            block_id=_rows([blocks]),
            block_height=heights + FIRST_HEIGHT,
            block_time=heights * BLOCK_SECONDS + FIRST_TIME,
            tx_block=np.array(self._tx_block, np.int64),
            tx_index=np.array(self._tx_index, np.int64),
            tx_id=_rows(ids),
            tx_coinbase=np.array([not coins for coins in self._ins], np.uint8),
            in_offset=np.cumsum([0] + [len(coins) for coins in self._ins]),
            in_txid=_rows([ids[coin.tx] for coin in spent]),
            in_index=np.array([coin.number for coin in spent], np.uint32),
            in_value=np.array([coin.value for coin in spent], np.uint64),
            in_address=np.array([coin.address for coin in spent], np.int64),
            out_offset=np.cumsum([0] + [len(pays) for pays in self._outs]),
            out_value=np.array([pay.value for pay in made], np.uint64),
            out_type=np.array([ScriptType.OP_RETURN if pay.address == DATA else self.script_of[pay.address]
                               for pay in made], np.uint8),
            out_address=np.array([pay.address for pay in made], np.int64),
            addresses=np.array(self.packed()),
            source="generated wallets",
        )  # fmt: skip


def fee(ins: int, outs: int) -> int:
    """Satoshi that a transaction of this shape pays."""
    return SATS_A_BYTE * (11 + 68 * ins + 31 * outs)


def _rows(parts: list[bytes]) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(parts), np.uint8).reshape(-1, 32)
