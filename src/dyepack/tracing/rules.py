"""The rules by which units that leave a mixed holding are dyed or clean: names, words, worked example.

Invariant: a rule's class in holding.py is its only definition; this catalogue says in words what it does.
Definitions: Clayton's case 1816 (fifo), Banco Cafetero 1986 (clean-first, taint-first), BlockSci (haircut, poison),
TaintChain (fee last), Tironsakkul et al., arXiv 1906.05754 (TIHO).
"""

from __future__ import annotations

from dataclasses import dataclass

from dyepack.errors import UsageError
from dyepack.tracing.holding import CleanFirst, Fifo, Haircut, Holding, LifoA, LifoB, Poison, TaintFirst


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `conserves`: its amounts add up; `allocates`: it follows every unit (so it counts in intervals)."""

    name: str
    title: str
    words: str
    holding: type[Holding]
    code: int
    conserves: bool = True
    allocates: bool = True
    reverses: bool = False


RULES: dict[str, Rule] = {
    r.name: r
    for r in (
        Rule("fifo", "first in, first out", "The oldest units leave first (Clayton's case, 1816). In a transaction, "
             "inputs are laid end to end and cut into outputs, the fee last.", Fifo, 0, reverses=True),
        Rule("lifo-a", "last in, first out, inputs reversed", "The newest units leave first, and arrive newest first. "
             "In a transaction the inputs are taken in reverse, the outputs in their order.",
             LifoA, 1, reverses=True),
        Rule("lifo-b", "last in, first out, outputs reversed", "The newest units leave first, but arrive in the order "
             "in which they had come. In a transaction the outputs are filled in reverse.", LifoB, 2, reverses=True),
        Rule("haircut", "pro rata", "Every withdrawal takes dyed and clean units in the proportion in which they are "
             "held, exact in whole units (the remainder stays with the later leg, clean last).", Haircut, 3),
        Rule("taint-first", "stolen first out (TIHO)", "Dyed units leave before clean ones. In a transaction the "
             "highest output is filled first.", TaintFirst, 4),
        Rule("clean-first", "lowest intermediate balance (LIBR)", "Clean units leave before dyed ones: what may be "
             "claimed of an account is at most its lowest balance since the theft.", CleanFirst, 5),
        Rule("dirty-first", "only what is wholly dyed", "A move is followed only if every unit it carries is dyed "
             "(units leave first in, first out); what mixes with clean money is dropped and listed as mixed: "
             "stricter than fifo, and as much a convention.", Fifo, 6, allocates=False),
        Rule("poison", "everything touched", "Any dye makes all of a balance dyed until it is spent. An upper bound on "
             "reach; its amounts are not money and stay out of the balance.", Poison, 7, conserves=False,
             allocates=False),
    )
}  # fmt: skip
"""By name, in the order in which they are run and shown."""

ALLOCATING = [r.name for r in RULES.values() if r.allocates]
"""The conserving rules that follow every unit: intervals are taken over these."""

EXAMPLE = [("d1", 100, "clean deposit"), ("d2", 60, "stolen deposit"), ("w1", -80, "to A"),
           ("d3", 40, "clean deposit"), ("w2", -50, "to B"), ("w3", -65, "to C")]  # fmt: skip
"""The worked account of methods.md 1.3, in whole coins: (name, units, what)."""


_OTHER_NAMES = {
    "lifo": "lifo has two published variants that differ: say lifo-a or lifo-b. ",
    "libr": "The lowest intermediate balance rule is clean-first. ",
    "clayton": "Clayton's case is fifo. ",
    "tiho": "Taint in, highest out is taint-first. ",
    "pro-rata": "Pro rata is haircut. ",
}


def rule(name: str) -> Rule:
    """The rule of this name; UsageError lists the names."""
    if name not in RULES:
        hint = _OTHER_NAMES.get(name.lower(), "")
        raise UsageError(f"there is no rule {name!r}", remedy=f"{hint}The rules are {', '.join(RULES)}.")
    return RULES[name]


def work_example(name: str, scale: int = 100) -> tuple[list[int], int]:
    """Dyed units (in 1/scale coins) of each withdrawal of EXAMPLE under a rule, and what is left dyed.

    dirty-first gives 0 for a withdrawal that is not wholly dyed, and what is left follows first in, first out.
    """
    pot = rule(name).holding()
    out: list[int] = []
    for step, units, _ in EXAMPLE:
        if units > 0:
            pot.deposit([(1 if step == "d2" else 0, units * scale)])
            continue
        pieces = pot.withdraw(-units * scale)
        mixed = name == "dirty-first" and any(leg == 0 for leg, _ in pieces)
        out.append(0 if mixed else sum(u for leg, u in pieces if leg))
    return out, sum(u for _, u in pot.lots())
