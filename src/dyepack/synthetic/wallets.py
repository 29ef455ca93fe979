"""A generated chain of outputs with known wallets: whose every address is, and what is change in every transaction.

People with habits (scripts, fresh change or reuse, round payments, place of the change), merchants that reuse an
address, exchanges with deposit addresses, sweeps and batch payouts, CoinJoins, PayJoins, peel chains, dust to
strangers, consolidations, payments without change. It is made up: the shares of all this are guesses, not those of a
real chain, and what is measured on it is the error on this mixture.

Invariant: equal arguments give equal chains; the ledger is complete, built by the program's own builder; transaction n
of the truth is transaction n of the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from dyepack.ledger.rows import words
from dyepack.ledger.utxo.schema import ScriptType
from dyepack.synthetic.wallet_book import COIN, Book
from dyepack.synthetic.wallet_crime import Campaign, Launderer, dust, launderer
from dyepack.synthetic.wallet_people import Person, consolidate, give_all, pay, payjoin, person, receiving
from dyepack.synthetic.wallet_services import Exchange, coinjoin, exchange, pay_out, sweep

if TYPE_CHECKING:
    import numpy.typing as npt

    from dyepack.ledger.utxo.reader import UtxoLedger

PER_BLOCK = 8
PEOPLE_A_TX = 0.12
"""People for each transaction of the chain, so that one pays some five times."""
BUSY_SHARE = 0.1
"""Of all payments, those of the busy eightieth of the people, some of whom make a chain of payments from one coin."""
_COINBASE = 3_000 * COIN

ACTS = (
    ("pay", 64.0), ("pay several", 4.0), ("payout", 8.0), ("batch", 3.0), ("sweep", 4.0), ("deposit", 8.0),
    ("consolidate", 4.0), ("no change", 4.0), ("coinjoin", 0.5), ("payjoin", 0.25), ("dust", 0.15),
)  # fmt: skip
"""What happens how often."""


@dataclass(frozen=True, slots=True)
class WalletChain:
    """The chain and the truth about it.

    owner      (addresses,) i64  who has the keys, by address id of the ledger
    change     (txs,) i64        number of the change output of each transaction, -1 where there is none
    kind       (txs,)            what each transaction is, by the generator's names
    campaigns  peel chains by launderer
    """

    ledger: UtxoLedger
    owner: npt.NDArray[np.int64]
    change: npt.NDArray[np.int64]
    kind: tuple[str, ...]
    campaigns: tuple[Campaign, ...]


def chain(transactions: int = 20_000, seed: int = 1, *, campaigns: int | None = None) -> WalletChain:
    """A chain of about so many transactions; `campaigns` launderers, by default one for each 1,000 transactions."""
    town = _Town(Book(seed, Random(f"wallets/{seed}")), transactions)  # noqa: S311 - a story, not a secret
    town.live(max(1, transactions // 1000) if campaigns is None else campaigns)
    return _read(town)


class _Town:
    """Everybody, and the days they live through."""

    def __init__(self, book: Book, transactions: int) -> None:
        self.book, self.size = book, transactions
        self.people = [person(book) for _ in range(max(30, int(transactions * PEOPLE_A_TX)))]
        self.merchants = self.people[: len(self.people) // 40 + 1]
        for merchant in self.merchants:
            merchant.reuses = 1.0
        self.busy = self.people[-(len(self.people) // 80 + 1) :]
        scripts = (ScriptType.P2SH, ScriptType.P2WPKH, ScriptType.P2WSH, ScriptType.P2PKH)
        self.exchanges = [exchange(book, keeps=n % 2 == 0, script=script) for n, script in enumerate(scripts)]
        self.attacker = book.account(ScriptType.P2WPKH)
        self.launderers: list[Launderer] = []

    def live(self, campaigns: int) -> None:
        """Fund the exchanges, let people buy, then act until the chain is long enough."""
        book, dice = self.book, self.book.dice
        for house in self.exchanges * 3:
            book.begin_block(book.main(house.hot), _COINBASE)
        for start in range(0, len(self.people), 25):
            book.begin_block(book.main(self.exchanges[0].hot), _COINBASE // 10)
            pay_out(book, dice.choice(self.exchanges), [receiving(book, p) for p in self.people[start : start + 25]])
        begin = len(book.kind)
        starts = sorted(dice.randint(begin, begin + (self.size - begin) * 6 // 10) for _ in range(campaigns))
        names, weights = [name for name, _ in ACTS], [weight for _, weight in ACTS]
        while len(book.kind) < self.size:
            book.begin_block(book.main(dice.choice(self.exchanges).hot), COIN * 6)
            while starts and starts[0] <= len(book.kind):
                starts.pop(0)
                self._steal()
            for one in self.launderers:
                if one.busy:
                    one.act()
            for act in dice.choices(names, weights, k=PER_BLOCK):
                self._act(act)

    def _act(self, act: str) -> None:
        book, dice = self.book, self.book.dice
        who, other, house = dice.choice(self.people), dice.choice(self.people), dice.choice(self.exchanges)
        if who is other:
            return
        if act == "pay":
            who = dice.choice(self.busy) if dice.random() < BUSY_SHARE else who
            payee = dice.choice(self.merchants) if dice.random() < 0.3 else other
            if payee is not who:
                pay(book, who, [receiving(book, payee)])
        elif act == "pay several":
            payees = [p for p in dice.sample(self.people, dice.randint(2, 5)) if p is not who]
            pay(book, who, [receiving(book, p) for p in payees])
        elif act == "deposit":
            pay(book, who, [house.deposit_address(book, who.account.owner)], "deposit")
        elif act in {"payout", "batch"}:
            count = dice.randint(1, 3) if act == "payout" else dice.randint(12, 60)
            pay_out(book, house, [receiving(book, p) for p in dice.sample(self.people, min(count, len(self.people)))])
        elif act == "sweep":
            sweep(book, house)
        elif act == "consolidate":
            consolidate(book, who)
        elif act == "no change":
            give_all(
                book, who, [receiving(book, p) for p in (other, dice.choice(self.merchants))[: dice.randint(1, 2)]]
            )
        elif act == "payjoin":
            payjoin(book, who, other)
        else:
            self._rare(act, house)

    def _rare(self, act: str, house: Exchange) -> None:
        book, dice = self.book, self.book.dice
        if act == "coinjoin":
            wide = dice.random() < 0.3
            people: list[Person] = dice.sample(self.people, 30 if wide else dice.randint(4, 9))
            value = COIN // 10 if wide else int(COIN * dice.uniform(0.01, 0.3))
            coinjoin(book, people, value, family="wide" if wide else "small")
        elif not self.attacker.coins:
            pay_out(book, house, [book.address(self.attacker)])
        else:
            dust(book, self.attacker, dice.sample(range(len(book.account_of)), min(150, len(book.account_of))))

    def _steal(self) -> None:
        """An exchange loses a large coin to somebody new, who launders it."""
        book, dice = self.book, self.book.dice
        house = dice.choice(self.exchanges)

        def place() -> int:
            if dice.random() < 0.7:
                return dice.choice(self.exchanges).deposit_address(book, dice.randint(10**6, 10**6 + 500))
            return receiving(book, dice.choice(self.people))

        thief = launderer(book, place)
        tx = pay_out(book, house, [book.address(thief.account)], int(COIN * dice.uniform(30, 400)))
        loot = max(thief.account.coins, key=lambda coin: coin.value, default=None)
        if tx is not None and loot is not None:
            thief.begin(loot)
            self.launderers.append(thief)


def _read(town: _Town) -> WalletChain:
    from dyepack.ledger.utxo.builder import build
    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.sources.bitcoin.store import manifest_of

    book = town.book
    built = build([book.raw()])
    ledger = UtxoLedger(Path(), manifest_of(built, chain="generated", network="mainnet"), "0" * 64, built.columns)
    owner_of = {
        row.tobytes(): account.owner for row, account in zip(words(book.packed()), book.account_of, strict=True)
    }
    owner = np.array([owner_of[row.tobytes()] for row in words(ledger.address_id)], np.int64)
    return WalletChain(ledger, owner, np.array(book.change, np.int64), tuple(book.kind),
                       tuple(one.campaign for one in town.launderers))  # fmt: skip
