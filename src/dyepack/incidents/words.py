"""Incidents, claims and verdicts in lines of plain text.

Invariant: what is unchecked, disputed or only possible is said on the line that it is about; lines hold raw text, and
the sink makes it safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.incidents.amounts import in_millions, show_amount, show_range
from dyepack.incidents.as_json import all_sources
from dyepack.incidents.countries import REGIONS
from dyepack.incidents.verdicts import ANY, SETS
from dyepack.incidents.vocabulary import BASES, CODES, PRICED, READ, VECTOR_BASES, VECTORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.incidents.claim_model import Claim, ClaimsLedger, YearFigure
    from dyepack.incidents.model import Attribution, Incident, Loss, Source
    from dyepack.incidents.registry import Registry
    from dyepack.incidents.verdicts import Support, Verdict
    from dyepack.incidents.years import Comparison

UNCHECKED = " [unchecked]"


def list_lines(registry: Registry) -> list[str]:
    """One line for each incident."""
    lines = []
    for i in registry:
        money = show_range(i.loss.low, i.loss.high, i.loss.currency) if i.loss else "no amount"
        codes = "".join(sorted({a.code for a in i.attributions})) or "-"
        mark = f" [unchecked: {', '.join(i.unchecked)}]" if i.unchecked else ""
        lines.append(f"{i.date!s:<10}  {i.id:<26}  {i.kind:<10}  {codes:<5}  {money}{mark}")
    return lines


def incident_lines(incident: Incident, sources: dict[str, Source]) -> list[str]:
    """Everything about one incident: first the facts, then what is said about it, then the sources."""

    def fact(name: str, text: str) -> str:
        mark = UNCHECKED if name in incident.unchecked else ""
        return f"  {name}: {text}{mark}  ({', '.join(incident.sources_of(name))})"

    lines = [incident.name, "", "Facts, each with its sources"]
    lines += [fact("victim", f"{incident.victim}"), fact("kind", incident.kind)]
    lines.append(fact("date", f"{incident.date} (to the {incident.date.precision})"))
    lines += [fact("public", str(incident.public))] if incident.public else []
    lines += [fact("country", f"{incident.country}, {REGIONS[incident.part_of_world]}")] if incident.country else []
    lines += [fact("region", REGIONS[incident.region])] if incident.region else []
    lines.append(fact("vectors", f"{', '.join(incident.vectors)}; {VECTOR_BASES[incident.vector_basis]}"))
    lines += [f"    ATT&CK {id_} {name}" for v in incident.vectors for id_, name in VECTORS[v].techniques]
    lines += _loss_lines(incident.loss) if incident.loss else ["  loss: no figure"]
    if incident.attempt:
        lines.append(fact("attempt", show_amount(incident.attempt.amount, incident.attempt.currency)))
    lines += [f"  taken: {t.amount} {t.asset} on {t.chain}{UNCHECKED if t.unchecked else ''}  ({', '.join(t.source)})"
              for t in incident.taken]  # fmt: skip
    for key, places in (("address", incident.addresses), ("transaction", incident.transactions)):
        lines += [f"  {key}: {p.value} on {p.chain}, {p.role}  ({', '.join(p.source)})" for p in places]
    lines += [f"  note: {incident.note}"] if incident.note else []
    lines += ["", "Who says who did it (claims, not facts)"]
    lines += [line for a in incident.attributions for line in _attribution_lines(a)] or ["  nobody that was read"]
    lines += ["", "Sources"]
    return lines + [_source_line(sources[id_]) for id_ in all_sources(incident)]


def _loss_lines(loss: Loss) -> list[str]:
    mark = UNCHECKED if loss.unchecked else ""
    lines = [f"  loss: {show_range(loss.low, loss.high, loss.currency)}, {BASES[loss.basis]}, "
             f"priced at: {PRICED[loss.priced_at]}{mark}  ({', '.join(loss.source)})"]  # fmt: skip
    lines += [f"    {show_amount(f.amount, loss.currency)}: {f.by}  ({', '.join(f.source)})" for f in loss.figures]
    lines += [f"    part: {show_amount(p.amount, loss.currency)} in {p.of}" for p in loss.parts]
    if loss.total is not None:
        lines.append(f"    parts together: {show_amount(loss.total, loss.currency)}")
    return lines + ([f"    {loss.note}"] if loss.note else [])


def _attribution_lines(a: Attribution) -> list[str]:
    group = f" ({a.group})" if a.group else ""
    when = f", {a.date}" if a.date else ""
    line = f"  {a.code} {a.by}{when}: {a.actor}{group}, {a.confidence}{UNCHECKED if a.unchecked else ''}"
    lines = [f"{line}  ({', '.join(a.source)})"]
    lines += [f"    note: {a.note}"] if a.note else []
    return lines + [f"    disputed by {d.by}: {d.reason}  ({', '.join(d.source)})" for d in a.disputes]


def _source_line(source: Source) -> str:
    date = f", {source.date}" if source.date else ""
    note = f" {source.note}" if source.note else ""
    return f"  {source.id}: {source.publisher}, {source.title}{date}; {source.where}; {READ[source.read]}.{note}"


def claim_lines(claim: Claim, ledger: ClaimsLedger) -> list[str]:
    """A claim: what, who, when, and how it hangs together with others."""
    lines = [f"{claim.id}  {claim.says}{UNCHECKED if claim.unchecked else ''}"]
    count = f"; {claim.count}" if claim.count else ""
    where = f"; in {', '.join(REGIONS[r] for r in claim.regions)}" if claim.regions else ""
    lines.append(f"    {claim.how_much}; {claim.period}{count}{where}")
    lines.append(f"    said by {claim.who}, edition {claim.edition}  ({', '.join(claim.source)})")
    again = [c.id for c in ledger.restated_by(claim)]
    lines += [f"    restates {claim.restates}"] if claim.restates else []
    lines += [f"    restated by {', '.join(again)}"] if again else []
    lines += [f"    part of {claim.part_of}"] if claim.part_of else []
    lines += [f"    quoted: {claim.quote}"] if claim.quote else []
    return lines + ([f"    note: {claim.note}"] if claim.note else [])


def verdict_lines(verdicts: Sequence[Verdict], ledger: ClaimsLedger, most: int) -> list[str]:
    """One claim and its verdicts, one for each set of SETS; at most `most` incidents."""
    claim = verdicts[0].claim
    lines = claim_lines(claim, ledger)
    empty = []
    for v in verdicts:
        if not v.support:
            empty.append(v.sources)
            continue
        lines.append(f"    {v.sources:<3} {_sum(v)}: {v.conclusion}")
        lines += [f"        {text}" for text in _asides(v)]
    if empty:
        lines.append(f"    {' '.join(empty)}: not comparable, no incident")
    widest = next(v for v in verdicts if v.sources == ANY)
    shown = sorted(widest.support, key=lambda s: -(s.incident.loss.high if s.incident.loss else 0))
    lines += [f"      {_support(s)}" for s in shown[:most]]
    if len(shown) > most:
        lines.append(f"      and {len(shown) - most} more (--every)")
    return lines


def _sum(v: Verdict) -> str:
    t = v.total
    return f"{t.certain} certain, {t.possible} possible, {show_range(t.low, t.high, v.claim.currency)}"


def _asides(v: Verdict) -> list[str]:
    lines = []
    if v.count_fits is not None and v.claim.count:
        at_most = v.total.certain + v.total.possible
        span = f"{v.total.certain}" if at_most == v.total.certain else f"{v.total.certain} to {at_most}"
        lines.append(f"count: {span}, the claim says {v.claim.count}: {'fits' if v.count_fits else 'does not fit'}")
    if v.regions_without:
        lines.append(f"no incident in {', '.join(REGIONS[r] for r in v.regions_without)}")
    if v.total.unvalued:
        lines.append(f"not in the sum: {v.total.unvalued} without an amount")
    return lines


def _support(s: Support) -> str:
    i = s.incident
    money = show_range(i.loss.low, i.loss.high, i.loss.currency) if i.loss else "no amount"
    codes = "".join(sorted({a.code for a in i.attributions}))
    doubts = "" if s.certain else f"; possible only: {'; '.join(s.doubts)}"
    return f"{i.date} {i.id} [{codes}] {money}{doubts}"


def year_lines(comparison: Comparison, ledger: ClaimsLedger) -> list[str]:
    """The table in million USD, the editions and sources of its columns, and the restatements."""
    heads = [s.title for s in comparison.series]
    lines = ["Thefts attributed to the DPRK, million USD (number of thefts)", ""]
    lines.append(f"{'year':<7}" + "".join(f"{h:>16}" for h in heads) + f"{'spread':>9}")
    for y in comparison.years:
        spread = f"{float(y.spread):.1f}x" if y.spread is not None else ""
        lines.append(f"{y.year:<7}" + "".join(f"{_cell(f):>16}" for f in y.figures) + f"{spread:>9}")
    lines += ["", "Columns (different methods: never add or average them)"]
    for s in comparison.series:
        lines.append(f"  {s.title}: edition {s.edition}{'; ' + s.note if s.note else ''}")
        lines += [f"  {_source_line(ledger.sources[id_])}" for id_ in s.source]
    cut = [(f, s) for y in comparison.years for f, s in zip(y.figures, comparison.series, strict=True) if f and f.until]
    lines += [f"  * {s.title}, {f.year}: to {f.until}" for f, s in cut]
    lines += ["", "Restated by the same party, oldest edition first, million USD"]
    for r in comparison.restated:
        lines.append(f"  {r.vendor} {r.year}: " + " -> ".join(f"{_cell(f)} in {s.edition}" for s, f in r.told))
    return lines


def _cell(figure: YearFigure | None) -> str:
    if figure is None:
        return "-"
    count = "" if figure.count is None else f" ({'at least ' if figure.at_least else ''}{figure.count})"
    return in_millions(figure.amount) + count + ("*" if figure.until else "")


def legend() -> str:
    """What the letters of attribution mean."""
    return "; ".join(f"{code} {CODES[code]}" for code in SETS if code in CODES)
