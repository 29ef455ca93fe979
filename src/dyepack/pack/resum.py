"""The balance of a case added up once more, from its moves alone, and compared with its statement.

It shares no code with the trace: it reads the rows of moves.csv and adds. What a move carried into a place and no
move carried out again is held there; what a move stopped at a place ended there; a place from which more of an asset
went than came paid out the product of a swap.
Invariant: it returns only if, for each leg and asset, what was put in, swapped in and swapped out is what the
statement's proof under the headline rule says, every terminal has exactly the units that the rows leave there, and no
move carries more than its value.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from dyepack.errors import BalanceError, quoted
from dyepack.pack.verification import PackFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.tracing.moves import DyedMove
    from dyepack.tracing.statement import Statement

MOVES, STATEMENT = "data/case/moves.csv", "data/case/statement.json"
_STAYING = {"held", "gap", "date_limit"}
_UNMOVED = {"unexplained", "declared"}
"""Stops of rows that no move carries."""

_AT_SOURCE = {"issued", *_UNMOVED}
"""Stops at the place that the units left."""

Key = tuple[int, str, str]
"""(leg, asset, place)"""


def check(moves: Sequence[DyedMove], statement: Statement) -> int:
    """How many terminals were added up; PackFault names the first row or terminal that does not agree."""
    check_carried(moves)
    try:
        statement.check()
    except BalanceError as fault:
        raise PackFault("balance", STATEMENT, fault.problem) from fault
    ended: dict[tuple[Key, str], int] = defaultdict(int)
    stays: dict[Key, int] = defaultdict(int)
    put: dict[tuple[int, str], int] = defaultdict(int)
    swapped: dict[tuple[int, str], int] = defaultdict(int)
    _check_outputs(moves)
    for m in moves:
        put[m.leg, m.asset] += m.fresh
        stays[m.leg, m.asset, m.source] -= m.units - m.fresh
        if m.stop == "carried":
            stays[m.leg, m.asset, m.target] += m.units
        elif m.stop == "converted":
            swapped[m.leg, m.asset] += m.units
        else:
            place = m.target or (m.source if m.stop in _AT_SOURCE else "")
            ended[(m.leg, m.asset, place), m.stop] += m.units
    product: dict[tuple[int, str], int] = defaultdict(int)
    _compare(ended, stays, product, statement)
    for b in statement.balances:
        key = b.leg, b.asset
        if b.rule == statement.rule:
            for what, said, found in (
                ("put in", b.put_in, put.pop(key, 0)), ("swapped out", b.swapped_out, swapped.pop(key, 0)),
                ("swapped in", b.swapped_in, product.pop(key, 0)),
            ):  # fmt: skip
                if said != found:
                    raise PackFault("balance", STATEMENT, f"says {said} of asset {quoted(b.asset)} {what} by leg "
                                    f"{b.leg}, the moves {found}")  # fmt: skip
    if left := [key for sums in (put, swapped, product) for key, units in sums.items() if units]:
        raise PackFault("balance", STATEMENT, f"has no proof for leg {left[0][0]}, asset {quoted(left[0][1])}")
    return len(statement.terminals)


def _compare(
    ended: dict[tuple[Key, str], int], stays: dict[Key, int], product: dict[tuple[int, str], int], statement: Statement
) -> None:  # fmt: skip
    """PackFault unless every terminal has what the rows leave there; what a swap paid out goes into `product`."""
    for number, t in enumerate(statement.terminals, 1):
        if sum(t.by_leg.values()) != t.amount(statement.rule):
            raise PackFault("balance", STATEMENT, "the legs of a terminal are not its amount", number)
        for leg, said in t.by_leg.items():
            key = leg, t.asset, t.place
            found = ended.pop((key, t.stop), 0)
            if t.stop in _STAYING and found != said:
                stays[key] -= said - found
            elif found != said:
                raise PackFault("balance", STATEMENT, f"says that {said} ended at {quoted(t.place)}, the moves say "
                                f"{found}", number)  # fmt: skip
    for (key, stop), units in ended.items():
        if units:
            raise PackFault("balance", STATEMENT, f"leaves out {units} that stopped at {quoted(key[2])} ({stop})")
    for (leg, asset, place), units in stays.items():
        if units > 0:
            raise PackFault("balance", STATEMENT, f"leaves out {units} that stayed at {quoted(place)}")
        product[leg, asset] -= units


def _check_outputs(moves: Sequence[DyedMove]) -> None:
    """On a ledger of outputs: what went on into an output came out of it again, all of it."""
    through: dict[tuple[int, str], int] = defaultdict(int)
    for m in moves:
        if m.made and m.stop == "carried":
            through[m.leg, m.made] += m.units
        if m.spent:
            through[m.leg, m.spent] -= m.units - m.fresh
    for line, m in enumerate(moves, 2):
        if through.get((m.leg, m.spent)) or through.get((m.leg, m.made)):
            raise PackFault("balance", MOVES, "takes more or less out of an output than went on into it", line)


def check_carried(moves: Sequence[DyedMove]) -> int:
    """How many moves carry dye, none of them more than its value; PackFault names the row that is too much."""
    carried: dict[tuple[int, str], int] = defaultdict(int)
    for line, m in enumerate(moves, 2):
        if not 0 <= m.fresh <= m.units:
            raise PackFault("moves", MOVES, "has more fresh units than dyed ones, or a negative amount", line)
        if m.stop not in _UNMOVED:
            carried[m.move, m.made] += m.units
            if carried[m.move, m.made] > m.value:
                raise PackFault("moves", MOVES, f"makes the move carry {carried[m.move, m.made]} dyed units of "
                                f"{m.value}", line)  # fmt: skip
    return len(carried)
