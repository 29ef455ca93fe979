"""Crime in a generated chain: peel chains whose remainders are gathered and peeled again, and dust sent to strangers.

Invariant: every hop of a planted chain is in `Campaign.chains`, in order; the transactions that gather remainders are
in `Campaign.gathered`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dyepack.ledger.utxo.schema import ScriptType
from dyepack.synthetic.wallet_book import Account, Book, Coin, Pay, fee

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST_TO_PEEL = 1_000_000
SCRIPTS = (ScriptType.P2WPKH, ScriptType.P2PKH, ScriptType.P2SH)
STYLES = (("plain", 0.8), ("slow", 0.08), ("other script", 0.06), ("large peels", 0.06))
"""How launderers work; all but the first get away from some condition of the rule now and then."""


@dataclass(slots=True)
class Campaign:
    """What one launderer did: chains of transactions, what gathered remainders, and the style."""

    style: str
    chains: list[list[int]] = field(default_factory=list)
    gathered: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Strand:
    """One chain in the making: the coin that is carried, hops still to be made, the block of the next."""

    coin: Coin
    hops: int
    due: int
    made: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Launderer:
    """Somebody who peels stolen coins; `place` gives an address to peel to."""

    book: Book
    place: Callable[[], int]
    account: Account
    campaign: Campaign
    rounds: int
    _strands: list[_Strand] = field(default_factory=list)
    _ends: list[Coin] = field(default_factory=list)

    def begin(self, coin: Coin) -> None:
        """Split the loot into chains."""
        count = self.book.dice.randint(1, 4)
        each = (coin.value - fee(1, count)) // count
        pays = [Pay(self.book.address(self.account), each) for _ in range(count)]
        tx = self.book.spend(self.account.take([coin]), pays, "loot")
        self._start(self.book.made(tx))

    @property
    def busy(self) -> bool:
        """Whether there is more to come."""
        return bool(self._strands or self._ends)

    def act(self) -> int:
        """Make the hops that are due in this block; how many transactions that were."""
        done = 0
        for strand in self._strands:
            if strand.due <= self.book.block:
                self._hop(strand)
                done += 1
        for strand in [s for s in self._strands if not s.hops]:
            self._strands.remove(strand)
            self._ends.append(strand.coin)
        if not self._strands and self._ends:
            self._gather()
            done += 1
        return done

    def _start(self, coins: list[Coin]) -> None:
        dice = self.book.dice
        for coin in coins:
            strand = _Strand(coin, dice.randint(5, 40), self.book.block + dice.randint(1, 10))
            self.campaign.chains.append(strand.made)
            self._strands.append(strand)

    def _hop(self, strand: _Strand) -> None:
        book, dice, coin = self.book, self.book.dice, strand.coin
        style = self.campaign.style
        part = dice.uniform(0.01, 0.09) if dice.random() < 0.9 else dice.uniform(0.1, 0.3)
        if style == "large peels" and dice.random() < 0.25:
            part = dice.uniform(0.34, 0.6)
        peel = int((coin.value - fee(1, 2)) * part)
        rest = coin.value - fee(1, 2) - peel
        script = None
        if style == "other script" and dice.random() < 0.15:
            script = dice.choice(SCRIPTS)
        pays = [Pay(self.place(), peel), Pay(book.address(self.account, script), rest, change=True)]
        tx = book.spend(self.account.take([coin]), pays, "peel")
        strand.made.append(tx)
        strand.coin = next(c for c in book.made(tx) if book.account_of[c.address] is self.account)
        strand.hops = strand.hops - 1 if rest > LEAST_TO_PEEL else 0
        slow = 0.35 if style == "slow" else 0.04
        strand.due = book.block + (dice.randint(150, 400) if dice.random() < slow else dice.randint(1, 18))

    def _gather(self) -> None:
        """Join the remainders of all chains; begin again, or bring them to an exchange."""
        book = self.book
        coins, self._ends = self._ends, []
        total = sum(coin.value for coin in coins) - fee(len(coins), 1)
        self.rounds -= 1
        again = self.rounds > 0 and total > 20 * LEAST_TO_PEEL
        to = book.address(self.account) if again else self.place()
        tx = book.spend(self.account.take(coins), [Pay(to, total)], "gathering" if again else "cash-out")
        if again:
            self.campaign.gathered.append(tx)
            self._start(book.made(tx))


def launderer(book: Book, place: Callable[[], int]) -> Launderer:
    """Somebody new, without loot yet."""
    style = book.dice.choices([s for s, _ in STYLES], [w for _, w in STYLES])[0]
    account = book.account(book.dice.choice(SCRIPTS))
    return Launderer(book, place, account, Campaign(style), book.dice.randint(1, 3))


def dust(book: Book, attacker: Account, to: list[int]) -> int | None:
    """Somebody sends 546 to 1,000 satoshi to many strangers' addresses."""
    pays = [Pay(address, book.dice.randint(546, 1_000)) for address in to]
    wanted = sum(pay.value for pay in pays) + fee(1, len(pays) + 1)
    coin = max(attacker.coins, key=lambda coin: coin.value, default=None)
    if coin is None or coin.value < wanted + 10_000:
        return None
    pays.append(Pay(book.address(attacker), coin.value - wanted, change=True))
    return book.spend(attacker.take([coin]), pays, "dust")
