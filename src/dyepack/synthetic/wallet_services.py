"""Services of a generated chain: exchanges with deposit addresses, sweeps and payouts, and CoinJoins among people.

Invariant: an exchange owns the deposit addresses that it gives to its customers; a CoinJoin's coins and outputs are
those of its participants, each by as much as they brought in, less fees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dyepack.synthetic.wallet_book import COIN, Account, Book, Coin, Pay, fee
from dyepack.synthetic.wallet_people import LEAST_CHANGE

if TYPE_CHECKING:
    from dyepack.ledger.utxo.schema import ScriptType
    from dyepack.synthetic.wallet_people import Person

MOST_SWEPT = 60
RESERVE = COIN // 100
"""Satoshi: smaller coins of a hot wallet are not spent on payouts."""


@dataclass(slots=True, eq=False)
class Exchange:
    """An exchange: `hot` pays out, `deposits` are the customers' addresses (another account of the same owner).

    keeps   change goes back to the hot wallet's main address, else to a fresh one
    """

    hot: Account
    deposits: Account
    keeps: bool
    given: dict[int, int] = field(default_factory=dict)

    def deposit_address(self, book: Book, customer: int) -> int:
        """The deposit address of a customer, always the same."""
        if customer not in self.given:
            self.given[customer] = book.address(self.deposits)
        return self.given[customer]


def exchange(book: Book, *, keeps: bool, script: ScriptType) -> Exchange:
    """A new exchange, without coins."""
    hot = book.account(script)
    return Exchange(hot, book.account(script, hot.owner), keeps)


def pay_out(book: Book, by: Exchange, to: list[int], value: int = 0) -> int | None:
    """The exchange pays customers out of its hot wallet: `value` each, any sums unless it is given."""
    pays = [Pay(address, value or int(COIN * 0.01 * 10 ** (2.3 * book.dice.random()))) for address in to]
    wanted = sum(out.value for out in pays)
    coins: list[Coin] = []
    for coin in sorted(by.hot.coins, key=lambda coin: -coin.value)[:12]:
        if sum(c.value for c in coins) >= wanted + fee(len(coins), len(pays) + 1):
            break
        if coin.value > RESERVE:
            coins.append(coin)
    rest = sum(coin.value for coin in coins) - wanted - fee(len(coins), len(pays) + 1)
    if rest <= LEAST_CHANGE:
        return None
    change = book.main(by.hot) if by.keeps else book.address(by.hot)
    kind = "payout" if len(to) <= 3 else "batch payout"
    return book.spend(by.hot.take(coins), [*pays, Pay(change, rest, change=True)], kind)


def sweep(book: Book, by: Exchange) -> int | None:
    """Coins on deposit addresses go to the hot wallet."""
    coins = by.deposits.coins[:MOST_SWEPT]
    total = sum(coin.value for coin in coins) - fee(len(coins), 1)
    if not coins or total <= LEAST_CHANGE:
        return None
    return book.spend(by.deposits.take(coins), [Pay(book.main(by.hot), total)], "sweep")


def coinjoin(book: Book, people: list[Person], value: int, *, family: str) -> int | None:
    """People mix: one output of `value` each, the rest back to each."""
    coins: list[Coin] = []
    pays: list[Pay] = []
    for who in people:
        able = [coin for coin in who.account.coins if coin.value > value + 100_000]
        if not able:
            continue
        coin = book.dice.choice(able)
        who.account.take([coin])
        coins.append(coin)
        pays.append(Pay(book.address(who.account), value))
        rest = coin.value - value - fee(1, 2)
        if rest > LEAST_CHANGE:
            pays.append(Pay(book.address(who.account), rest))
    if len(coins) < 3:
        for coin in coins:
            book.account_of[coin.address].coins.append(coin)
        return None
    book.dice.shuffle(coins)
    return book.spend(coins, pays, f"coinjoin {family}")
