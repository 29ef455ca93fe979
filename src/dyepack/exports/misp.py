"""A MISP event: an object for each place where dyed units ended, with its amounts in words.

Templates: coin-address (address for Bitcoin, address-crypto for others, symbol, first-seen, last-seen, text) and
bank-account (account, text). Nothing is marked for intrusion detection (to_ids): that money ended at an address is no
proof against who holds it. Each address has tags: the allocation rule, and the Admiralty grades of its name's evidence.
Invariant: UUIDs are settled by the case; the event is not published and distributed to nobody but its owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dyepack.exports.model import ADMIRALTY, Findings, pretty, shown
from dyepack.ledger.content import seconds_of
from dyepack.tags.addresses.names import network_of
from dyepack.tags.addresses.reading import read_address

if TYPE_CHECKING:
    from dyepack.exports.model import Place

_COIN = ("coin-address", "d0e6997e-78da-4815-a6a1-cfc1c1cb8a46", "7")
_BANK = ("bank-account", "b4712203-95a8-4883-80e9-b566f5df11c9", "1")


def export(findings: Findings) -> bytes:
    """The event as JSON."""
    s = findings.statement
    seconds = str(seconds_of(findings.time))
    ended = [place for place in findings.places().values() if place.terminals]
    return pretty({"Event": {
        "uuid": findings.id("event"), "info": f"dyepack: {shown(s.title or s.theft)}", "date": findings.started[:10],
        "timestamp": seconds, "threat_level_id": "4", "analysis": "2", "distribution": "0", "published": False,
        "Orgc": {"name": "dyepack", "uuid": findings.id("author")},
        "Object": [_object(findings, place, seconds) for place in ended],
    }})  # fmt: skip


def _object(findings: Findings, place: Place, seconds: str) -> dict[str, Any]:
    name, template, version = _COIN if place.is_crypto else _BANK
    made: list[dict[str, Any]] = []

    def add(relation: str, kind: str, category: str, value: str) -> None:
        made.append({
            "uuid": findings.id("attribute", place.address, len(made)), "object_relation": relation, "type": kind,
            "category": category, "value": value, "to_ids": False, "disable_correlation": relation not in _VALUES,
            "timestamp": seconds, "distribution": "5",
        })  # fmt: skip

    if not place.is_crypto:
        add("account", "bank-account-nr", "Financial fraud", shown(place.address))
    elif _is_bitcoin(findings, place):
        add("address", "btc", "Financial fraud", shown(place.address))
    else:
        add("address-crypto", "text", "Other", shown(place.address))
    made[0]["Tag"] = _tags(findings, place)
    if place.is_crypto:
        for asset in place.assets:
            add("symbol", "text", "Other", findings.symbol(asset).upper())
        for relation, when in (("first-seen", place.first), ("last-seen", place.last)):
            if when:
                add(relation, "datetime", "Other", when.removesuffix("Z") + ".000000+0000")
    for t in place.terminals:
        add("text", "text", "Other", findings.sum_words(t))
    if place.named:
        tag = place.named.tag or {}
        add("text", "text", "Other", f"named {shown(place.named.entity)} by {shown(str(tag.get('source', '')))}, "
            f"evidence {tag.get('evidence')}, confidence {tag.get('confidence')}")  # fmt: skip
    return {
        "uuid": findings.id("object", place.address), "name": name, "meta-category": "financial",
        "template_uuid": template, "template_version": version, "timestamp": seconds, "distribution": "5",
        "Attribute": made,
    }  # fmt: skip


def _is_bitcoin(findings: Findings, place: Place) -> bool:
    """Whether a place is a sound address on a ledger of Bitcoin, so that MISP's own type holds it."""
    known = read_address(place.address, "bitcoin")
    return network_of(findings.statement.chain)[0] == known.network == "bitcoin" and not known.flaw


_VALUES = ("address", "address-crypto", "account")


def _tags(findings: Findings, place: Place) -> list[dict[str, str]]:
    names = [f'dyepack:allocation-rule="{findings.statement.rule}"']
    grade = ADMIRALTY.get(str((place.named.tag or {}).get("evidence", ""))) if place.named else None
    if grade:
        names += [f'admiralty-scale:source-reliability="{grade[0]}"',
                  f'admiralty-scale:information-credibility="{grade[1]}"']  # fmt: skip
    return [{"name": name} for name in names]
