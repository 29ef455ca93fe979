"""The gas-funding lead: who paid an address its first native coin, and who paid that one, and so on back.

Nobody can send anything on such a chain without its coin, so the first coin of an address that is to be used comes from
whoever set it up, or from a service where they are a customer. It is a lead (E6), never an identification: faucets,
friends and services pay first coins too.

A chain stops at a tagged place, at a hub (a payer of many addresses: a service's hot wallet), where an address has no
earlier receipt in the ledger, or after so many steps. Dust does not count as gas: anybody can send it. A first coin is
the first receipt that, with what came before it, is at least `least` base units.
Invariant: each step is one move of the ledger and lies before the first payment or fee of the address that it funded.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import quoted
from dyepack.ledger.content import time_text
from dyepack.ledger.manifest import COMPLETE
from dyepack.patterns.activity import NOBODY, entries, payments, spans, words_of
from dyepack.patterns.finding import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dyepack.ledger.reader import Ledger
    from dyepack.ledger.schema import I64

NATIVE = 0
STEPS = 5
HUB = 100
"""Addresses that a payer has paid native coin to; beyond it stands for a service."""
LEAST = 10**14
"""Base units (0.0001 coins of 18 decimals): less is dust."""

RULE = Rule(
    "gas-funding/1", "gas funding",
    "the first native coin of an address, before it paid anything, came from this payer; followed back at most 5 "
    "steps, not through hubs of more than 100 payees nor through tagged places", "this project's own rule",
    30, "E6", "a lead: its precision is not measured; Ronin's known seed (Binance 20) is found",
    {"steps": STEPS, "hub (payees)": HUB, "least (units)": str(LEAST)},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Funding:
    """Who paid an address its first coin: ids of addresses and of the move, base units.

    sure  whether the ledger holds the address's whole history, so that there was no earlier receipt
    """

    address: int
    payer: int
    move: int
    units: int
    sure: bool


def first_coin(ledger: Ledger, address: int, *, least: int = LEAST) -> Funding | None:
    """The first native coin of an address; None where it had paid before it received, or never received."""
    holding = ledger.find_holding(address, NATIVE)
    if holding is None:
        return None
    for e in entries(ledger, holding):
        if not e.incoming or e.far == NOBODY:
            return None
        if e.before + e.units >= least:
            sure = int(ledger.holding_state[holding]) == COMPLETE
            return Funding(address, e.far, e.move, e.units, sure)
    return None


def gas_funding(
    ledger: Ledger,
    places: Iterable[int],
    *,
    tags: Mapping[int, str] | None = None,
    steps: int = STEPS,
    hub: int = HUB,
    least: int = LEAST,
) -> list[Finding]:
    """The chain of first coins of each place that has one, in the order of the places' first coins.

    `tags` name the addresses (ids) at which a chain stops. With each goes how many of the places the same payer gave
    their first coin, itself among them.
    """
    payees, known = _payees(ledger), dict(tags or {})
    chains = [_chain(ledger, place, known, payees, (steps, hub, least)) for place in sorted(set(places))]
    found = sorted((chain for chain in chains if chain), key=lambda chain: chain[0].move)
    limits: dict[str, int | str] = {"steps": steps, "hub (payees)": hub, "least (units)": str(least)}
    funded = Counter(chain[0].payer for chain in found)
    return [
        _told(ledger, chain, known, (int(payees[chain[-1].payer]), funded[chain[0].payer]), limits) for chain in found
    ]


def _payees(ledger: Ledger) -> I64:
    """How many different addresses each address paid native coin to, (addresses,)."""
    paid = payments(ledger, NATIVE)
    known = paid.payer != NOBODY
    pairs = np.unique(paid.payer[known] << 32 | paid.payee[known])
    return np.bincount(pairs >> 32, minlength=len(ledger.address_id)).astype(np.int64)


def _chain(
    ledger: Ledger, address: int, tags: dict[int, str], payees: I64, limits: tuple[int, int, int]
) -> list[Funding]:
    steps, hub, least = limits
    chain: list[Funding] = []
    met = {address}
    while len(chain) < steps:
        coin = first_coin(ledger, address, least=least)
        if coin is None or coin.payer in met or (chain and coin.move >= chain[-1].move):
            break
        chain.append(coin)
        address = coin.payer
        met.add(address)
        if address in tags or payees[address] > hub:
            break
    return chain


def _told(
    ledger: Ledger, chain: list[Funding], tags: dict[int, str], counts: tuple[int, int], limits: dict[str, int | str]
) -> Finding:
    start, end = chain[0], chain[-1]
    txs = [int(ledger.move_tx[step.move]) for step in chain]
    place, payer = ledger.address_text(start.address), ledger.address_text(end.payer)
    name = f" ({quoted(tags[end.payer])[1:-1]})" if end.payer in tags else ""
    by = Counter(step.sure for step in chain)
    sure = "" if not by[False] else "; earlier receipts may lie outside the ledger"
    when = f" at {told}" if (told := time_text(int(ledger.tx_time[txs[0]]))) else ""
    back = "" if len(chain) == 1 else f", and over {len(chain)} first coins back it comes from {payer}{name}"
    one = ledger.address_text(start.payer) + (name if len(chain) == 1 else "")
    first, last = spans(ledger, txs)
    return Finding(
        RULE, tuple(ledger.tx_text(tx) for tx in reversed(txs)),
        (payer, *(ledger.address_text(step.address) for step in reversed(chain))),
        {"steps": len(chain), "units": str(start.units), "payees of the first": counts[0],
         "places of the same payer": counts[1]}, dict(limits),
        f"the first coin of {place} was {words_of(ledger, start.units, NATIVE)} from {one}{when}{back}: a lead{sure}",
        first, last,
    )  # fmt: skip
