"""Incidents, claims and verdicts as plain values for JSON and CSV.

Invariant: an amount of money is text, in hundredths of the currency that stands beside it; nothing is rounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dyepack.incidents.vocabulary import VECTORS

if TYPE_CHECKING:
    from dyepack.incidents.claim_model import Claim, ClaimsLedger
    from dyepack.incidents.model import Incident, Loss, Place, Source
    from dyepack.incidents.overlaps import Overlap
    from dyepack.incidents.verdicts import Verdict
    from dyepack.incidents.years import Comparison

Value = dict[str, Any]

LIST_HEAD = ["id", "date", "public", "victim", "kind", "country", "region", "low_hundredths", "high_hundredths",
             "currency", "vectors", "actors", "attributed_by", "unchecked", "sources"]  # fmt: skip
CHECK_HEAD = ["claim", "attributed_by", "outcome", "sure", "reason", "supported", "conclusion",
              "low_hundredths", "high_hundredths", "currency", "certain", "possible", "without_amount",
              "count_fits", "regions_without", "incidents"]  # fmt: skip


def incident_json(incident: Incident, sources: dict[str, Source] | None = None) -> Value:
    """One incident with everything that is told; with `sources`, also what stands behind it."""
    value: Value = {
        "id": incident.id, "name": incident.name, "victim": incident.victim, "kind": incident.kind,
        "date": str(incident.date), "date_precision": incident.date.precision,
        "public": str(incident.public) if incident.public else None, "country": incident.country or None,
        "region": incident.part_of_world or None, "vectors": list(incident.vectors),
        "vector_basis": incident.vector_basis, "attack": _techniques(incident),
        "loss": _loss(incident.loss) if incident.loss else None,
        "attempt": {"amount_hundredths": str(incident.attempt.amount), "currency": incident.attempt.currency,
                    "source": list(incident.attempt.source)} if incident.attempt else None,
        "taken": [{"asset": t.asset, "chain": t.chain, "amount": t.amount, "unchecked": t.unchecked,
                   "source": list(t.source)} for t in incident.taken],
        "attributions": [
            {"actor": a.actor, "group": a.group or None, "by": a.by, "code": a.code, "confidence": a.confidence,
             "date": str(a.date) if a.date else None, "unchecked": a.unchecked, "note": a.note or None,
             "source": list(a.source),
             "disputed_by": [{"by": d.by, "reason": d.reason, "source": list(d.source)} for d in a.disputes]}
            for a in incident.attributions],
        "addresses": [_place(p, "address") for p in incident.addresses],
        "transactions": [_place(p, "tx") for p in incident.transactions],
        "unchecked": list(incident.unchecked), "note": incident.note or None, "source": list(incident.source),
        "cite": {name: list(ids) for name, ids in incident.cite.items()},
    }  # fmt: skip
    if sources is not None:
        value["sources"] = [source_json(sources[id_]) for id_ in all_sources(incident)]
    return value


def _techniques(incident: Incident) -> list[Value]:
    return [{"vector": v, "id": id_, "name": name} for v in incident.vectors for id_, name in VECTORS[v].techniques]


def _loss(loss: Loss) -> Value:
    return {
        "low_hundredths": str(loss.low), "high_hundredths": str(loss.high), "currency": loss.currency,
        "basis": loss.basis, "priced_at": loss.priced_at, "unchecked": loss.unchecked, "note": loss.note or None,
        "total_hundredths": str(loss.total) if loss.total is not None else None,
        "parts": [{"of": p.of, "amount_hundredths": str(p.amount)} for p in loss.parts],
        "figures": [{"by": f.by, "amount_hundredths": str(f.amount), "source": list(f.source)} for f in loss.figures],
        "source": list(loss.source),
    }  # fmt: skip


def _place(place: Place, key: str) -> Value:
    return {"chain": place.chain, key: place.value, "role": place.role, "source": list(place.source)}


def source_json(source: Source) -> Value:
    """One source, with whether it was read."""
    return {
        "id": source.id, "title": source.title, "publisher": source.publisher, "where": source.where,
        "read": source.read, "date": str(source.date) if source.date else None, "note": source.note or None,
    }  # fmt: skip


def all_sources(incident: Incident) -> list[str]:
    """The ids of every source that an incident names, in order of first use."""
    ids = [*incident.source, *(id_ for named in incident.cite.values() for id_ in named)]
    parts: list[Any] = [*incident.taken, *incident.attributions, *incident.addresses, *incident.transactions]
    parts += [d for a in incident.attributions for d in a.disputes]
    parts += [p for p in (incident.loss, incident.attempt) if p]
    parts += incident.loss.figures if incident.loss else []
    return list(dict.fromkeys([*ids, *(id_ for part in parts for id_ in part.source)]))


def incident_row(incident: Incident) -> list[str]:
    """The fields of LIST_HEAD."""
    loss = incident.loss
    return [
        incident.id, str(incident.date), str(incident.public or ""), incident.victim, incident.kind, incident.country,
        incident.part_of_world, str(loss.low) if loss else "", str(loss.high) if loss else "",
        loss.currency if loss else "", " ".join(incident.vectors),
        " ".join(dict.fromkeys(a.actor for a in incident.attributions)),
        " ".join(sorted({a.code for a in incident.attributions})), " ".join(incident.unchecked),
        " ".join(all_sources(incident)),
    ]  # fmt: skip


def claim_json(claim: Claim, ledger: ClaimsLedger) -> Value:
    """One claim."""
    return {
        "id": claim.id, "says": claim.says, "actor": claim.actor, "by": claim.by, "anonymous": claim.anonymous,
        "told_in": claim.told_in, "edition": str(claim.edition), "comparator": claim.comparator,
        "amount_hundredths": str(claim.amount),
        "upper_hundredths": str(claim.upper) if claim.upper is not None else None, "currency": claim.currency,
        "from": str(claim.period.start), "to": str(claim.period.end), "loose_days": claim.period.loose_days,
        "count": {"number": claim.count.number, "comparator": claim.count.comparator, "of": claim.count.of}
        if claim.count else None,
        "regions": list(claim.regions), "kinds": list(claim.kinds), "scope": claim.scope, "measure": claim.measure,
        "restates": claim.restates or None, "restated_by": [c.id for c in ledger.restated_by(claim)],
        "part_of": claim.part_of or None, "unchecked": claim.unchecked, "quote": claim.quote or None,
        "note": claim.note or None, "source": [source_json(ledger.sources[id_]) for id_ in claim.source],
    }  # fmt: skip


def verdict_json(verdict: Verdict) -> Value:
    """One verdict with the incidents behind it."""
    total = verdict.total
    return {
        "claim": verdict.claim.id, "attributed_by": verdict.sources, "outcome": verdict.outcome.value,
        "sure": verdict.sure, "reason": verdict.reason, "supported": verdict.supported,
        "conclusion": verdict.conclusion, "low_hundredths": str(total.low),
        "high_hundredths": str(total.high), "currency": verdict.claim.currency, "certain": total.certain,
        "possible": total.possible, "without_amount": total.unvalued, "count_fits": verdict.count_fits,
        "regions_without": list(verdict.regions_without),
        "incidents": [{"id": s.incident.id, "certain": s.certain, "doubts": list(s.doubts)} for s in verdict.support],
    }  # fmt: skip


def verdict_row(verdict: Verdict) -> list[str]:
    """The fields of CHECK_HEAD."""
    value = verdict_json(verdict)
    value["incidents"] = " ".join(row["id"] for row in value["incidents"])
    value["regions_without"] = " ".join(value["regions_without"])
    return ["" if value[name] is None else str(value[name]) for name in CHECK_HEAD]


def overlap_json(pair: Overlap) -> Value:
    """Two claims that may never be added."""
    return {"claims": [pair.one.id, pair.other.id], "why": pair.why}


def comparison_json(comparison: Comparison, ledger: ClaimsLedger) -> Value:
    """The yearly comparison; `spread_permille` is the highest over the lowest, in thousandths, cut."""
    return {
        "series": [{"id": s.id, "title": s.title, "edition": str(s.edition), "note": s.note or None,
                    "source": [source_json(ledger.sources[id_]) for id_ in s.source]} for s in comparison.series],
        "years": [
            {"year": y.year, "spread_permille": int(y.spread * 1000) if y.spread is not None else None,
             "figures": [None if f is None else {
                 "amount_hundredths": str(f.amount), "currency": "USD", "count": f.count,
                 "until": f.until.isoformat() if f.until else None} for f in y.figures]}
            for y in comparison.years],
        "restated": [
            {"vendor": r.vendor, "year": r.year,
             "told": [{"series": s.id, "edition": str(s.edition), "amount_hundredths": str(f.amount)}
                      for s, f in r.told]} for r in comparison.restated],
    }  # fmt: skip
