"""The honest economy around the story: people who withdraw, deposit, trade and pay each other.

Invariant: nobody in the crowd ever meets a thief but at an exchange, the pool, the mixer or the bridge, and
nobody in it spends what they do not have.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dyepack.ledger.schema import MoveKind
from dyepack.synthetic.chain import NATIVE, Chain, Part
from dyepack.synthetic.identity import address

CUSTOMERS = 160
COIN_UNIT = 10**18
LEAST_GAS = COIN_UNIT // 50
"""What a customer keeps for fees: 0.02 coin, more than the dearest transaction."""


@dataclass(slots=True)
class Crowd:
    """The crowd: `budget` moves are still to be made; `tokens` are the keys of USDX and ORE.

    `pace` is how many moves of the crowd go before each scripted transaction; the rest are made by `finish`.
    """

    chain: Chain
    seed: int
    budget: int
    tokens: tuple[str, str]
    exchanges: list[str] = field(default_factory=list)
    pool: str = ""
    mixer: str = ""
    bridge: str = ""
    pace: int = 0
    _customers: list[str] = field(default_factory=list)

    def open(self, exchanges: list[str], pool: str, mixer: str, bridge: str) -> None:
        """Let the customers in, once the places they visit exist."""
        self.exchanges, self.pool, self.mixer, self.bridge = exchanges, pool, mixer, bridge
        self._customers = [address(self.seed, f"customer {n}") for n in range(CUSTOMERS)]

    def business(self) -> None:
        """Honest business between two scripted transactions; time passes even if there is none."""
        self.run(self.pace)
        self.chain.wait(self.chain.dice.randrange(1, 40))

    def run(self, moves: int) -> None:
        """About so many moves of honest business, as far as the budget goes."""
        least = self.budget - min(moves, self.budget)
        while self.budget > least:
            before = len(self.chain)
            self._one()
            self.budget -= len(self.chain) - before

    def finish(self) -> None:
        """Spend what is left of the budget."""
        self.run(self.budget)

    def _one(self) -> None:
        """One transaction of a customer; a customer without coin withdraws some first."""
        dice = self.chain.dice
        self.chain.wait(dice.choice((0, 0, 1, 1, 2, 5)))
        who = self._customers[int(CUSTOMERS * dice.random() ** 2)]
        asset = dice.choice((NATIVE, NATIVE, NATIVE, *self.tokens))
        funds = self.chain.balance(who, asset)
        need = LEAST_GAS * (1 + (asset == NATIVE))
        if self.chain.balance(who) < LEAST_GAS * 2 or funds < need * (asset == NATIVE) or not funds:
            poor = self.chain.balance(who) < LEAST_GAS * 2
            self._withdraw(who, NATIVE if poor else asset)
            return
        act = dice.random()
        if act < 0.25:
            self._withdraw(who, asset)
        elif act < 0.93:
            self._pay(who, asset, funds, act)
        elif asset != NATIVE:
            self._trade(who, asset, funds)
        elif funds > 12 * COIN_UNIT:
            self.chain.send(who, self.mixer, 10 * COIN_UNIT)
        else:
            self.chain.send(who, self.bridge, self._share(funds - LEAST_GAS))

    def _share(self, funds: int) -> int:
        """Some part of one's funds, at least one base unit."""
        return funds * self.chain.dice.randrange(50_000, 700_000) // 1_000_000 + 1

    def _withdraw(self, who: str, asset: str) -> None:
        """A withdrawal from an exchange's hot wallet: 0.2-12 coins, or 20-4,000 of a token."""
        dice = self.chain.dice
        amount = dice.randrange(COIN_UNIT // 5, 12 * COIN_UNIT)
        if asset == self.tokens[0]:
            amount = dice.randrange(20 * 10**6, 4_000 * 10**6)
        self.chain.send(dice.choice(self.exchanges), who, amount, asset)

    def _pay(self, who: str, asset: str, funds: int, act: float) -> None:
        """A deposit at an exchange, or a payment to another customer."""
        dice = self.chain.dice
        if act < 0.5:
            target = dice.choice(self.exchanges)
        else:
            target = dice.choice([other for other in self._customers[:40] if other != who])
        self.chain.send(who, target, self._share(funds - LEAST_GAS if asset == NATIVE else funds), asset)

    def _trade(self, who: str, asset: str, funds: int) -> None:
        """Sell some of a token to the pool for native coin, at a fixed rate."""
        paid = self._share(funds)
        coin = paid * 5 * 10**8 if asset == self.tokens[0] else paid // 80
        if coin == 0:
            return
        self.chain.submit(
            who,
            [
                Part(MoveKind.TOKEN, who, self.pool, asset, paid),
                Part(MoveKind.INTERNAL, self.pool, who, NATIVE, coin),
            ],
        )
