"""The timeline: when units were taken, and when they reached each sort of place, a lane a sort.

Invariant: every dated dyed move that took units or ended them is in one bar of one lane; what has no time is counted in
the caption. Bars of a lane are to the scale of its own tallest, which is written beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dyepack.report.figures.svg import n, svg, text
from dyepack.report.flow_graph import ROLE_OF_STOP, ROLES
from dyepack.report.words import Names, counted, stop_words
from dyepack.sinks import for_html, visible

if TYPE_CHECKING:
    from markupsafe import Markup

    from dyepack.tracing.moves import DyedMove
    from dyepack.tracing.statement import Statement

BINS = 72
_LEFT, _RIGHT, _TOP, _LANE, _BAR = 190.0, 170.0, 30.0, 52.0, 34.0
_WIDTH = 960.0
_LANES = 12
"""Lanes at most; the smallest of the others share none and are counted in the caption."""


@dataclass(slots=True)
class _Lane:
    words: str
    role: str
    asset: str
    bins: list[int]
    moves: int = 0


def timeline(statement: Statement, moves: list[DyedMove]) -> tuple[Markup, str, str] | None:
    """The figure, its description and its caption; None where no move has a time."""
    dated = [(m, datetime.fromisoformat(m.time).replace(tzinfo=UTC)) for m in moves if m.time]
    if not dated:
        return None
    first, last = min(when for _, when in dated), max(when for _, when in dated)
    step = max((last - first) / BINS, timedelta(minutes=1))
    lanes = _lanes(statement, dated, first, step)
    shown = lanes[:_LANES]
    names = Names(statement)
    inner = _WIDTH - _LEFT - _RIGHT
    parts = []
    for number, lane in enumerate(shown):
        parts += _drawn(lane, _TOP + number * _LANE, inner, names, (first, step))
    height = _TOP + len(shown) * _LANE
    parts += _axis(first, step * BINS, inner, height)
    said = "; ".join(_words(lane, names) for lane in shown)
    desc = f"from {_day(first)} to {_day(last)} (UTC): {said}"
    rest, undated = len(lanes) - len(shown), sum(1 for m in moves if not m.time)
    caption = f"Each bar is {_long(step)}; each lane has its own scale. " + (
        f"{counted(rest, 'smaller lane')} not drawn. " if rest else "") + (
        f"{counted(undated, 'move')} without a time not drawn." if undated else "")  # fmt: skip
    title = f"Timeline: {statement.title or statement.theft}"
    return svg("dp-time", _WIDTH, height + 34, (title, desc), parts), desc, caption.strip()


def _lanes(statement: Statement, dated: list[tuple[DyedMove, datetime]], first: datetime, step: timedelta
           ) -> list[_Lane]:  # fmt: skip
    found: dict[tuple[str, str], _Lane] = {}
    backward = statement.direction == "backward"
    for m, when in dated:
        at = min(int((when - first) / step), BINS - 1)
        ended = m.stop != "carried"
        for key, units in (("", m.fresh), (m.stop if ended else "carried", m.units if ended else 0)):
            if not units:
                continue
            words = stop_words(key, backward=backward) if key else "asked about" if backward else "taken"
            role = ROLE_OF_STOP.get(key, "open") if key else "leg"
            lane = found.setdefault((m.asset, key), _Lane(words, role, m.asset, [0] * BINS))
            lane.bins[at] += units
            lane.moves += 1
    scale = {s.asset: max(statement.total(s.asset), 1) for s in statement.sources}
    order = list(ROLES)
    return sorted(found.values(), key=lambda k: (order.index(k.role), -sum(k.bins) / scale.get(k.asset, sum(k.bins)),
                                                 k.asset, k.words))  # fmt: skip


def _words(lane: _Lane, names: Names) -> str:
    return f"{lane.words}: {names.exact(lane.asset, sum(lane.bins))} in {counted(lane.moves, 'move')}"


def _drawn(lane: _Lane, top: float, inner: float, names: Names, scale: tuple[datetime, timedelta]) -> list[Markup]:
    from markupsafe import Markup

    base, tallest, width = top + 10 + _BAR, max(lane.bins), inner / BINS
    found = [Markup('<path class="x" d="M{} {}H{}"/>\n').format(n(_LEFT), n(base), n(_LEFT + inner))]
    for number, units in enumerate(lane.bins):
        if not units:
            continue
        tall = max(units / tallest * _BAR, 1.5)
        when = _day(scale[0] + number * scale[1])
        bar = Markup('<rect class="f-{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>\n')
        found.append(bar.format(
            lane.role, n(_LEFT + number * width), n(base - tall), n(max(width - 1, 2)), n(tall),
            for_html(f"from {when}: {names.exact(lane.asset, units)}, {visible(lane.words)}")))  # fmt: skip
    found += [
        text(_LEFT - 10, base - 12, visible(lane.words, 30), "b", "end"),
        text(_LEFT - 10, base, names.brief(lane.asset, sum(lane.bins)), "s", "end"),
        text(_LEFT + inner + 10, base - _BAR + 8, f"tallest {names.brief(lane.asset, tallest)}", "s"),
        text(_LEFT + inner + 10, base, counted(lane.moves, "annex row"), "s"),
    ]
    return found


def _axis(first: datetime, span: timedelta, inner: float, y: float) -> list[Markup]:
    from markupsafe import Markup

    found = []
    for number in range(6):
        x = _LEFT + inner * number / 5
        found.append(Markup('<path class="x" d="M{} {}V{}"/>\n').format(n(x), n(_TOP - 8), n(y + 4)))
        words = _day(first + span * number / 5, minutes=span < timedelta(days=12))
        found.append(text(x, y + 18, words, "s", "middle"))
    return found


def _day(when: datetime, *, minutes: bool = True) -> str:
    return f"{when:%Y-%m-%d %H:%M}" if minutes else f"{when:%Y-%m-%d}"


def _long(step: timedelta) -> str:
    """How long a bar is, in words."""
    minutes = step.total_seconds() / 60
    if minutes < 120:
        return f"about {counted(round(minutes), 'minute')}"
    return f"about {counted(round(minutes / 60), 'hour')}" if minutes < 4320 else (
        f"about {counted(round(minutes / 1440), 'day')}")  # fmt: skip
