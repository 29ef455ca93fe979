"""People of a generated chain: wallets with habits, which pay each other, merchants and exchanges.

Invariant: a wallet spends its own coins only, but for a PayJoin, to which payer and payee both bring coins.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from dyepack.ledger.utxo.schema import ScriptType
from dyepack.synthetic.wallet_book import COIN, DATA, Account, Book, Coin, Pay, fee

if TYPE_CHECKING:
    from random import Random

LEAST_CHANGE = 1_000
"""Satoshi: less is left to the fee."""
DUST = 1_000
"""Satoshi up to which a careful wallet leaves a coin alone."""

SCRIPTS = (
    (ScriptType.P2WPKH, 0.5), (ScriptType.P2PKH, 0.2), (ScriptType.P2SH, 0.2), (ScriptType.P2TR, 0.1),
)  # fmt: skip
"""How people's wallets spread over scripts."""


class ChangeHabit(StrEnum):
    """Where a wallet sends its change."""

    FRESH = "fresh"
    SAME = "same"
    MIMIC = "mimic"
    """To a fresh address of the payee's script (Bitcoin Core does so)."""


@dataclass(slots=True, eq=False)
class Person:
    """A wallet and its habits.

    rounds    the chance that a payment is a round sum; else it is some price in another currency
    reuses    the chance that the wallet's main address is given to a payer, not a fresh one
    careful   leaves dust alone
    oldest    spends its oldest coins first, else the smallest single coin that is enough
    last      change is always the last output, else anywhere
    """

    account: Account
    change: ChangeHabit
    rounds: float
    reuses: float
    careful: bool
    oldest: bool
    last: bool


def person(book: Book) -> Person:
    """Somebody new, with habits drawn at random."""
    dice = book.dice
    script = dice.choices([s for s, _ in SCRIPTS], [w for _, w in SCRIPTS])[0]
    habit = dice.choices([ChangeHabit.FRESH, ChangeHabit.SAME, ChangeHabit.MIMIC], [0.72, 0.16, 0.12])[0]
    return Person(
        book.account(script), habit, dice.choice([0.0, 0.2, 0.5, 0.9]), dice.choice([0.0, 0.0, 0.2, 0.9]),
        dice.random() < 0.7, dice.random() < 0.4, dice.random() < 0.2,
    )  # fmt: skip


def receiving(book: Book, who: Person) -> int:
    """The address that somebody gives to a payer."""
    return book.main(who.account) if book.dice.random() < who.reuses else book.address(who.account)


def amount(dice: Random, rounds: float, most: int) -> int:
    """What a payment is worth: round with a chance, of any size up to `most`."""
    wanted = int(min(most, COIN * 0.002 * 10 ** (3.3 * dice.random())))
    if dice.random() < rounds:
        step = next((s for s in (COIN, COIN // 10, COIN // 100) if s <= wanted), 0)
        if step:
            return wanted // step * step
    return wanted


def chosen(who: Person, wanted: int, outs: int) -> list[Coin]:
    """The coins with which somebody pays so much, the fee too; empty if they have too little."""
    coins = [coin for coin in who.account.coins if coin.value > DUST or not who.careful]
    if not who.oldest:
        enough = [coin for coin in coins if coin.value >= wanted + fee(1, outs)]
        if enough:
            return [min(enough, key=lambda coin: coin.value)]
        coins.sort(key=lambda coin: -coin.value)
    total = 0
    for count, coin in enumerate(coins, 1):
        total += coin.value
        if total >= wanted + fee(count, outs):
            return coins[:count]
    return []


def pay(book: Book, who: Person, to: list[int], kind: str = "payment") -> int | None:
    """Somebody pays these addresses; the transaction's number, None if they cannot."""
    dice = book.dice
    most = max((coin.value for coin in who.account.coins), default=0)
    pays = [Pay(address, amount(dice, who.rounds, most)) for address in to]
    if min(out.value for out in pays) <= LEAST_CHANGE:
        return None
    wanted = sum(out.value for out in pays)
    coins = who.account.take(chosen(who, wanted, len(pays) + 1))
    if not coins:
        return None
    rest = sum(coin.value for coin in coins) - wanted - fee(len(coins), len(pays) + 1)
    if rest > LEAST_CHANGE:
        pays.append(Pay(_change(book, who, coins, to[0]), rest, change=True))
    if dice.random() < 0.01:
        pays.append(Pay(DATA, 0))
    return book.spend(coins, pays, kind, shuffle=not who.last)


def _change(book: Book, who: Person, coins: list[Coin], payee: int) -> int:
    if who.change is ChangeHabit.SAME:
        return coins[0].address
    mimic = who.change is ChangeHabit.MIMIC
    return book.address(who.account, book.script_of[payee] if mimic else None)


def consolidate(book: Book, who: Person) -> int | None:
    """Somebody joins all their coins, dust too, in a fresh address."""
    coins = who.account.coins[:40]
    total = sum(coin.value for coin in coins) - fee(len(coins), 1)
    if len(coins) < 2 or total <= LEAST_CHANGE:
        return None
    return book.spend(who.account.take(coins), [Pay(book.address(who.account), total)], "consolidation")


def give_all(book: Book, who: Person, to: list[int]) -> int | None:
    """Somebody pays one or two others with a whole coin: there is no change."""
    coins = [coin for coin in who.account.coins if coin.value > 100_000]
    if not coins:
        return None
    coin = book.dice.choice(coins)
    left = coin.value - fee(1, len(to))
    first = left if len(to) == 1 else int(left * book.dice.uniform(0.1, 0.9))
    pays = [Pay(to[0], first), *[Pay(address, left - first) for address in to[1:]]]
    return book.spend(who.account.take([coin]), pays, "no change")


def payjoin(book: Book, who: Person, payee: Person) -> int | None:
    """A payment to which the payee adds a coin of their own, so that co-spending is wrong about it."""
    mine = [coin for coin in who.account.coins if coin.value > 200_000]
    theirs = [coin for coin in payee.account.coins if coin.value > DUST]
    if not mine or not theirs:
        return None
    coin, other = book.dice.choice(mine), book.dice.choice(theirs)
    paid = int(coin.value * book.dice.uniform(0.05, 0.9))
    who.account.take([coin])
    payee.account.take([other])
    rest = coin.value - paid - fee(2, 2)
    pays = [Pay(book.address(payee.account), other.value + paid), Pay(book.address(who.account), rest, change=True)]
    coins = [coin, other]
    book.dice.shuffle(coins)
    return book.spend(coins, pays, "payjoin")
