"""Holdings: queues of lots with one `deposit` and one `withdraw`, whose class is the rule.

A piece is (leg, units); leg 0 is clean, legs of thefts count from 1. Amounts are whole base units.
Invariant: `withdraw(units)` returns pieces that sum to `units`, and balance and dyed lots fall by just these;
no rule but poison changes a unit's leg. The Numba twin is kernel.py.

The methods follow the account forms of the rules (worked example: `dyepack rules`); a transaction with several
inputs and outputs is a holding that lives for one transaction (transaction.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque

Piece = tuple[int, int]


class Holding(ABC):
    """What every rule shares: a balance that is never overdrawn.

    Withdrawing more than the balance adds a clean lot for the difference first: the unexplained inflow, which the
    caller reads from `missing(units)` beforehand.
    """

    __slots__ = ("balance", "dyed")

    def __init__(self, clean: int = 0) -> None:
        self.balance = 0
        self.dyed = 0
        if clean:
            self.deposit([(0, clean)])

    def missing(self, units: int) -> int:
        """Units that a withdrawal would take beyond the balance."""
        return max(units - self.balance, 0)

    @abstractmethod
    def deposit(self, pieces: list[Piece]) -> None:
        """Add pieces, in order."""

    def withdraw(self, units: int) -> list[Piece]:
        """Take units by the rule, in the order in which they leave."""
        gap = units - self.balance
        if gap > 0:
            self.deposit([(0, gap)])
        pieces = self._take(units)
        self.balance -= units
        for leg, part in pieces:
            if leg:
                self.dyed -= part
        return pieces

    def withdraw_fee(self, units: int) -> list[Piece]:
        """Take a fee from clean units first, the rest by the rule (methods.md 1.3: gas)."""
        gap = units - self.balance
        if gap > 0:
            self.deposit([(0, gap)])
        clean = min(units, self.balance - self.dyed)
        self._take_clean(clean)
        pieces = [(0, clean)] if clean else []
        self.balance -= clean
        if units > clean:
            pieces += self._take(units - clean)
            self.balance -= units - clean
            self.dyed -= units - clean
        return pieces

    @abstractmethod
    def lots(self) -> list[Piece]:
        """The dyed lots still held."""

    @abstractmethod
    def _take(self, units: int) -> list[Piece]:
        """Remove units by the rule (there are enough)."""

    @abstractmethod
    def _take_clean(self, units: int) -> None:
        """Remove clean units (there are enough)."""

    def _count(self, pieces: list[Piece]) -> None:
        for leg, units in pieces:
            self.balance += units
            if leg:
                self.dyed += units


class Fifo(Holding):
    """First in, first out (Clayton's case, 1816): the oldest lots leave first."""

    __slots__ = ("queue",)

    def __init__(self, clean: int = 0) -> None:
        self.queue: deque[Piece] = deque()
        super().__init__(clean)

    def deposit(self, pieces: list[Piece]) -> None:
        """Append lots; a lot next to one of the same leg joins it."""
        queue = self.queue
        for leg, units in pieces:
            if queue and queue[-1][0] == leg:
                queue[-1] = (leg, queue[-1][1] + units)
            else:
                queue.append((leg, units))
        self._count(pieces)

    def _take(self, units: int) -> list[Piece]:
        queue, pieces = self.queue, []
        while units:
            leg, have = queue[0]
            if have > units:
                queue[0] = (leg, have - units)
                have = units
            else:
                queue.popleft()
            pieces.append((leg, have))
            units -= have
        return pieces

    def _take_clean(self, units: int) -> None:
        kept: deque[Piece] = deque()
        for leg, have in self.queue:
            used = min(have, units) if leg == 0 else 0
            units -= used
            if have > used:
                if kept and kept[-1][0] == leg:
                    kept[-1] = (leg, kept[-1][1] + have - used)
                else:
                    kept.append((leg, have - used))
        self.queue = kept

    def lots(self) -> list[Piece]:
        """The dyed lots, oldest first."""
        return [p for p in self.queue if p[0]]


class LifoA(Fifo):
    """Last in, first out, variant (a): the newest lots leave, newest first (inputs reversed)."""

    __slots__ = ()

    def deposit(self, pieces: list[Piece]) -> None:
        """Put lots on top, in order; the queue's left end is the top."""
        queue = self.queue
        for leg, units in pieces:
            if queue and queue[0][0] == leg:
                queue[0] = (leg, queue[0][1] + units)
            else:
                queue.appendleft((leg, units))
        self._count(pieces)


class LifoB(LifoA):
    """Last in, first out, variant (b): the newest lots leave, in the order in which they came (outputs reversed)."""

    __slots__ = ()

    def _take(self, units: int) -> list[Piece]:
        return super()._take(units)[::-1]


class TaintFirst(Fifo):
    """Stolen first out: dyed lots leave before clean ones, among themselves oldest first."""

    __slots__ = ()

    def deposit(self, pieces: list[Piece]) -> None:
        """Queue dyed lots; clean units are only counted."""
        queue = self.queue
        for leg, units in pieces:
            if leg == 0:
                continue
            if queue and queue[-1][0] == leg:
                queue[-1] = (leg, queue[-1][1] + units)
            else:
                queue.append((leg, units))
        self._count(pieces)

    def _take(self, units: int) -> list[Piece]:
        dyed = min(units, self.dyed)
        pieces = self._take_dyed(dyed) if dyed else []
        return [*pieces, (0, units - dyed)] if units > dyed else pieces

    def _take_dyed(self, units: int) -> list[Piece]:
        return super()._take(units)

    def _take_clean(self, units: int) -> None:
        pass


class CleanFirst(TaintFirst):
    """Lowest intermediate balance (LIBR): clean units leave first, so dye is what the balance never fell below."""

    __slots__ = ()

    def _take(self, units: int) -> list[Piece]:
        clean = min(units, self.balance - self.dyed)
        pieces = [(0, clean)] if clean else []
        return pieces + (self._take_dyed(units - clean) if units > clean else [])


class Haircut(Holding):
    """Pro rata: each withdrawal takes every leg in the proportion in which it is held.

    Exact in whole units: leg k gets floor(units * (dye of legs up to k) / balance) minus what earlier legs got, so
    that no unit is lost or made and each share is less than one unit from the rational one.
    """

    __slots__ = ("share",)

    def __init__(self, clean: int = 0) -> None:
        self.share: dict[int, int] = {}
        super().__init__(clean)

    def deposit(self, pieces: list[Piece]) -> None:
        """Add to each leg's share."""
        for leg, units in pieces:
            if leg:
                self.share[leg] = self.share.get(leg, 0) + units
        self._count(pieces)

    def _take(self, units: int) -> list[Piece]:
        return self._split(units, self.balance)

    def withdraw_fee(self, units: int) -> list[Piece]:
        """Take a fee from clean units first, the rest pro rata over the dyed ones."""
        clean = min(units, max(self.balance, units) - self.dyed)
        gap = units - self.balance
        if gap > 0:
            self.deposit([(0, gap)])
        pieces = [(0, clean)] if clean else []
        self.balance -= clean
        if units > clean:
            pieces += self._split(units - clean, self.dyed)
            self.balance -= units - clean
            self.dyed -= units - clean
        return pieces

    def _split(self, units: int, base: int) -> list[Piece]:
        pieces: list[Piece] = []
        held = given = 0
        for leg in sorted(self.share):
            held += self.share[leg]
            part = units * held // base - given
            if part:
                pieces.append((leg, part))
                given += part
        for leg, part in pieces:
            self.share[leg] -= part
            if not self.share[leg]:
                del self.share[leg]
        return [*pieces, (0, units - given)] if units > given else pieces

    def _take_clean(self, units: int) -> None:
        pass

    def lots(self) -> list[Piece]:
        """Each leg's share."""
        return sorted(self.share.items())


class Poison(Holding):
    """Any dye makes the whole balance dyed until it is spent: an upper bound on reach, not an account of money."""

    __slots__ = ("leg",)

    def __init__(self, clean: int = 0) -> None:
        self.leg = 0
        super().__init__(clean)

    def deposit(self, pieces: list[Piece]) -> None:
        """Add units; the first dye to arrive names the leg."""
        for leg, units in pieces:
            self.balance += units
            self.leg = self.leg or leg
        self.dyed = self.balance if self.leg else 0

    def _take(self, units: int) -> list[Piece]:
        leg = self.leg
        if units == self.balance:
            self.leg = 0
        return [(leg, units)]

    def withdraw_fee(self, units: int) -> list[Piece]:
        """A fee is as dyed as everything else."""
        return self.withdraw(units)

    def _take_clean(self, units: int) -> None:
        pass

    def lots(self) -> list[Piece]:
        """The whole balance, if it is dyed."""
        return [(self.leg, self.balance)] if self.leg and self.balance else []
