"""Cadence: the times at which a cluster acts. Scripts work by the clock, people by the day.

scripted batch  three times or more in a row a spell of 30 to 60 minutes in which no gap between transactions reaches
                10 minutes, then a pause of 10 to 20 minutes. Random traffic can do that too, so the same gaps are
                shuffled: what does no worse in more than 1 in 20 shuffles (divided by how many sets of addresses
                were tried, Bonferroni) is not told.
day hours       whether the hours of day gather: Rayleigh's and Kuiper's test on the circle, the mean hour with its
                interval, and the offset from UTC at which that would be the middle of office hours. A statistic, never
                a finding: it is told of a script that acted in 20 hours of days or more, and CAVEAT goes with it.
                Transactions of one batch are not independent, so an hour of one day counts once.

Invariant: the same times give the same numbers: shuffles are seeded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dyepack.patterns.activity import DAY, only_places, payments, spans
from dyepack.patterns.finding import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from dyepack.ledger.reader import Ledger
    from dyepack.ledger.schema import I64

MINUTE = 60
HOUR = 60 * MINUTE
ON = (30 * MINUTE, 60 * MINUTE)
OFF = (10 * MINUTE, 20 * MINUTE)
REPEATS = 3
SHUFFLES = 999
MOST_SHUFFLES = 9_999
"""However many sets are tried: more than 500 at once can show no script at the usual chance."""
CHANCE = 0.05
LEAST_DAYS = 20
"""Hours of days below which no interval of the mean hour is given, nor the hours of a script."""
MIDDAY = 13.5
"""The local hour that is taken for the middle of office hours (nine to six)."""

CAVEAT = (
    "never for attribution on its own: people of many countries share an hour, operators work for others in other time "
    "zones (UTC+8 desks for UTC+9 thieves), and scripts run at night"
)

RULE = Rule(
    "scripted-cadence/1", "scripted cadence",
    "3 times in a row 30 to 60 minutes of transactions less than 10 minutes apart, then a pause of 10 to 20 minutes; "
    "shuffling the gaps does that at most once in 20 times", "this project's own rule", 40, "E6",
    "generated traffic (bench/accuracy_accounts.py): without the shuffles a fifth of random traffic at a pace of four "
    "minutes would be told, with them one in forty; 100 of 100 scripts, each tried alone, and 8 of 20 "
    "among 100 tries at once",
    {"repeats": REPEATS, "on (s)": f"{ON[0]}-{ON[1]}", "off (s)": f"{OFF[0]}-{OFF[1]}", "chance": CHANCE},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Beat:
    """The longest row of spells and pauses: how many, rows [start, end) of the times, and the chance by shuffling."""

    repeats: int
    start: int
    end: int
    chance: float


@dataclass(frozen=True, slots=True)
class CircularStatistic:
    """How times gather on the circle of a day's hours: a statistic, never an attribution.

    n         independent times: hours of days in which something happened
    mean      the mean hour, half the width of its 95 % interval in `margin` (None: the
              direction is too weak, or the times too few)
    length    the mean resultant length, 0 (evenly spread) to 1
    rayleigh, kuiper  p-values, multiplied by `tried` (Bonferroni), at most 1
    offset    hours from UTC at which `mean` is the middle of office hours, -12 to 12
    """

    n: int
    mean: float
    margin: float | None
    length: float
    rayleigh: float
    kuiper: float
    tried: int
    offset: float

    def words(self) -> str:
        """The statistic as one sentence, with its caveat."""
        wide = "no interval, too few or too even" if self.margin is None else f"95 % interval +/- {self.margin:.1f} h"
        return (
            f"hours of the day, UTC: mean {self.mean:.1f} ({wide}), resultant length {self.length:.2f}, "
            f"Rayleigh p {self.rayleigh:.3g}, Kuiper p {self.kuiper:.3g} over {self.n:,} active hours, "
            f"{self.tried:,} tried; if the mean is the middle of office hours, the clock stands at "
            f"UTC{self.offset:+.1f} ({wide}); {CAVEAT}"
        )


def acting_times(ledger: Ledger, places: Iterable[int]) -> tuple[I64, I64]:
    """(transactions, their times) in which one of the addresses paid, each once, in chain order; untold times apart."""
    paid = payments(ledger)
    txs = np.unique(paid.tx[only_places(ledger, places)[paid.payer] & (paid.payer >= 0)])
    told = np.asarray(ledger.tx_time, np.int64)[txs]
    order = np.argsort(told[told >= 0], kind="stable")
    return txs[told >= 0][order], told[told >= 0][order]


def scripted_cadence(
    ledger: Ledger,
    clusters: Iterable[Iterable[int]],
    *,
    repeats: int = REPEATS,
    on: tuple[int, int] = ON,
    off: tuple[int, int] = OFF,
    chance: float = CHANCE,
    shuffles: int = SHUFFLES,
) -> list[Finding]:
    """The sets of addresses that act in scripted batches; each set is one try, and the chance is divided among them."""
    tried = [sorted(set(places)) for places in clusters]
    limit = chance / max(len(tried), 1)
    enough = min(max(shuffles, math.ceil(2 / limit)), MOST_SHUFFLES)
    found = []
    for places in tried:
        txs, times = acting_times(ledger, places)
        seen = beat(times, repeats=repeats, on=on, off=off, shuffles=enough, limit=limit)
        if seen is not None and seen.chance <= limit:
            found.append(_told(ledger, places, txs, times, seen, (len(tried), chance, repeats, on, off)))
    return sorted(found, key=lambda finding: finding.first)


def beat(
    times: I64,
    *,
    repeats: int = REPEATS,
    on: tuple[int, int] = ON,
    off: tuple[int, int] = OFF,
    shuffles: int = SHUFFLES,
    limit: float = 1.0,
) -> Beat | None:
    """The longest row of spells and pauses in ascending times, None if it is shorter than `repeats`.

    Shuffling ends when the chance is sure to be above `limit`; it is then said as far as it is known.
    """
    gaps = np.diff(times)
    count, start, end = _cycles(gaps, on, off)
    if count < repeats:
        return None
    dice = np.random.default_rng(2022)
    as_good = 0
    for done in range(1, shuffles + 1):
        as_good += _cycles(dice.permutation(gaps), on, off)[0] >= count
        if (1 + as_good) / (1 + shuffles) > limit:
            return Beat(count, start, end, (1 + as_good) / (1 + done))
    return Beat(count, start, end, (1 + as_good) / (1 + shuffles))


def day_hours(times: Iterable[int], *, tried: int = 1) -> CircularStatistic | None:
    """How the hours of day gather at which something happened; None for no times. `tried`: sets or tests tried."""
    hours = np.unique(np.fromiter(times, np.int64) // HOUR) * HOUR + HOUR // 2
    n = len(hours)
    if not n:
        return None
    angle = (hours % DAY) * (2 * math.pi / DAY)
    x, y = float(np.cos(angle).sum()), float(np.sin(angle).sum())
    pull = math.hypot(x, y)
    mean = (math.atan2(y, x) / (2 * math.pi) % 1) * 24
    rayleigh = math.exp(math.sqrt(1 + 4 * n + 4 * (n * n - pull * pull)) - (1 + 2 * n))
    length = pull / n
    return CircularStatistic(
        n, mean, _margin(angle, mean, length), length, min(1.0, rayleigh * tried),
        min(1.0, _kuiper(hours % DAY // HOUR) * tried), tried, (MIDDAY - mean + 12) % 24 - 12,
    )  # fmt: skip


def _cycles(gaps: I64, on: tuple[int, int], off: tuple[int, int]) -> tuple[int, int, int]:
    """(how many, first row, end row) of the longest row of a spell and its pause."""
    breaks = np.flatnonzero(gaps >= off[0])
    if not len(breaks):
        return 0, 0, 0
    edge = np.concatenate([[-1], breaks])
    total = np.concatenate([[0], np.cumsum(gaps)])
    spell = total[edge[1:]] - total[edge[:-1] + 1]
    good = (spell >= on[0]) & (spell <= on[1]) & (gaps[breaks] <= off[1])
    ends = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(np.int8), [0]])))
    starts, stops = ends[::2], ends[1::2]
    if not len(starts):
        return 0, 0, 0
    best = int(np.argmax(stops - starts))
    one, other = int(starts[best]), int(stops[best])
    return other - one, int(edge[one]) + 1, int(edge[other]) + 1


def _margin(angle: npt.NDArray[np.floating[Any]], mean: float, length: float) -> float | None:
    """Half the 95 % interval of the mean direction, in hours (from the circular dispersion, large samples)."""
    n = len(angle)
    if n < LEAST_DAYS or length == 0:
        return None
    centre = mean * 2 * math.pi / 24
    second = float(np.cos(2 * (angle - centre)).mean())
    wide = 1.96 * math.sqrt(max(1 - second, 0.0) / (2 * length * length) / n)
    return None if wide >= 1 else math.asin(wide) / (2 * math.pi) * 24


def _kuiper(hours: I64) -> float:
    """The p-value of Kuiper's test that hours of the day, 0 to 23, are even (asymptotic, Stephens' correction).

    What is known of a time is its hour, so the two distributions are compared at the ends of hours only.
    """
    n = len(hours)
    share = np.cumsum(np.bincount(hours, minlength=24)) / n - np.arange(1, 25) / 24
    most = float(share.max() - share.min())
    root = math.sqrt(n)
    value = most * (root + 0.155 + 0.24 / root)
    if value < 0.4:
        return 1.0
    terms = ((4 * j * j * value * value - 1) * math.exp(-2 * j * j * value * value) for j in range(1, 101))
    return min(1.0, max(0.0, 2 * sum(terms)))


def _told(
    ledger: Ledger, places: list[int], txs: I64, times: I64, seen: Beat,
    given: tuple[int, float, int, tuple[int, int], tuple[int, int]],
) -> Finding:  # fmt: skip
    tried, chance, repeats, on, off = given
    members = txs[seen.start : seen.end]
    first, last = spans(ledger, members.tolist())
    seconds = int(times[seen.end - 1] - times[seen.start])
    clock = day_hours(times.tolist(), tried=tried)
    hours = f"; all that they did: {clock.words()}" if clock is not None and clock.n >= LEAST_DAYS else ""
    return Finding(
        RULE, tuple(ledger.tx_text(int(tx)) for tx in members), tuple(ledger.address_text(p) for p in places),
        {"repeats": seen.repeats, "transactions": len(members), "seconds": seconds, "chance": seen.chance,
         "tried": tried},
        {"repeats": repeats, "on (s)": f"{on[0]}-{on[1]}", "off (s)": f"{off[0]}-{off[1]}", "chance": chance / tried},
        f"{len(places):,} addresses made {len(members):,} transactions in {seen.repeats} spells of "
        f"{on[0] // 60}-{on[1] // 60} minutes, each followed by a pause of {off[0] // 60}-{off[1] // 60}: likely a "
        f"script (the same gaps in another order do that with chance {seen.chance:.4f}){hours}",
        first, last,
    )  # fmt: skip
