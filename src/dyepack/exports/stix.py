"""STIX 2.1: a bundle of a report, the theft as an incident, addresses, who they are said to be, and flows.

Addresses and accounts are `user-account` objects (account_type "cryptocurrency-address" or "bank-account"), so that no
type of our own is needed. Flows are relationships "transferred-to"; their amounts stand in a property extension that
the bundle defines. A flow is an allocation by a rule (E4): it has a label that says which, and no confidence. A name
has the confidence of its tag.
Invariant: every reference in the bundle is to an object of the bundle; ids are settled by the case.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from dyepack.exports.model import Findings, pretty, shown, stix_confidence

if TYPE_CHECKING:
    from dyepack.exports.model import Place
    from dyepack.tracing.statement import Flow

_OBSERVABLES = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""The namespace that STIX 2.1 gives for the ids of observables."""
_LONG = 2000


def export(findings: Findings) -> bytes:
    """The bundle as JSON."""
    return pretty(_Bundle(findings).made())


class _Bundle:
    def __init__(self, findings: Findings) -> None:
        self.f = findings
        self.time = findings.time.removesuffix("Z") + ".000Z"
        self.author = f"identity--{findings.id('author')}"
        self.extension = f"extension-definition--{findings.id('extension')}"
        self.accounts: dict[str, str] = {}
        self.legs: dict[str, str] = {}

    def made(self) -> dict[str, Any]:
        f, s = self.f, self.f.statement
        head = [self._author(), self._definition()]
        found = [self._account(place) for place in f.places().values()]
        found += [self._incident(leg.leg, leg.name, leg.amount, leg.asset) for leg in s.sources]
        found += self._names()
        flows = (self._flow(flow, number) for number, flow in enumerate(f.flows()))
        found += [made for made in flows if made is not None]
        report = self._domain("report", "report", shown(s.title or s.theft), published=self.time,
                              description=self._summary(), report_types=["threat-report"],
                              object_refs=list(dict.fromkeys(o["id"] for o in found)) or [self.author])  # fmt: skip
        return {"type": "bundle", "id": f"bundle--{f.id('bundle')}", "objects": [*head, *found, report]}

    def _domain(self, kind: str, key: object, name: str, **more: Any) -> dict[str, Any]:
        return {
            "type": kind, "spec_version": "2.1", "id": f"{kind}--{self.f.id(kind, key)}", "created": self.time,
            "modified": self.time, "created_by_ref": self.author, "name": name,
        } | more  # fmt: skip

    def _author(self) -> dict[str, Any]:
        made = self._domain("identity", "author", "dyepack", identity_class="system")
        del made["created_by_ref"]
        return made | {"id": self.author}

    def _definition(self) -> dict[str, Any]:
        schema = ("asset, base_units (text), amount (decimal text), moves, rule: what was transferred, "
                  "by the allocation rule that is named")  # fmt: skip
        return self._domain("extension-definition", "x", "dyepack amounts", schema=schema, version="1.0.0",
                            description="What a relationship transferred, exact",
                            extension_types=["property-extension"]) | {"id": self.extension}  # fmt: skip

    def _account(self, place: Place) -> dict[str, Any]:
        what = {"account_type": "cryptocurrency-address" if place.is_crypto else "bank-account",
                "user_id": shown(place.address)}  # fmt: skip
        text = json.dumps(what, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        made = f"user-account--{uuid5(_OBSERVABLES, text)}"
        self.accounts[place.address] = made
        named = place.named
        more = {"display_name": shown(named.entity)} if named else {}
        return {"type": "user-account", "spec_version": "2.1", "id": made, **what} | more

    def _incident(self, leg: int, name: str, units: int, asset: str) -> dict[str, Any]:
        f, s = self.f, self.f.statement
        text = f"{f.amount(units, asset)} {f.symbol(asset)} ({units} base units); chain {shown(s.chain)}"
        made = self._domain("incident", leg, f"{shown(s.theft)}: {shown(name)}", description=text)
        self.legs[f"leg:{leg}"] = made["id"]
        return made

    def _names(self) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for place in self.f.places().values():
            if (named := place.named) is None:
                continue
            identity = self._domain("identity", named.entity, shown(named.entity), identity_class="organization")
            found[identity["id"]] = identity
            tag = named.tag or {}
            said = f"by {shown(str(tag.get('source', '')))}, evidence {tag.get('evidence')}, kind {tag.get('kind')}"
            link = self._link("named", place.address, "related-to", (self.accounts[place.address], identity["id"]))
            found[link["id"]] = link | {"description": said, "confidence": stix_confidence(tag)}
        return list(found.values())

    def _link(self, kind: str, key: object, words: str, ends: tuple[str, str]) -> dict[str, Any]:
        made = self._domain("relationship", [kind, key], "", relationship_type=words, source_ref=ends[0],
                            target_ref=ends[1])  # fmt: skip
        del made["name"]
        return made

    def _flow(self, flow: Flow, number: int) -> dict[str, Any] | None:
        """A flow between two places; None for one that ends nowhere, as fees do, or where it began."""
        f = self.f
        stop, colon, place = flow.target.partition(":")
        known = flow.target in self.accounts
        target = self.accounts.get(flow.target if known else place)
        source = self.legs.get(flow.source) or self.accounts.get(flow.source)
        if target is None or source is None or source == target:
            return None
        labels = [f"allocation-rule:{f.statement.rule}", *([f"stop:{stop}"] if colon and not known else [])]
        amount = {
            "extension_type": "property-extension", "asset": shown(flow.asset), "base_units": str(flow.amount),
            "amount": f.amount(flow.amount, flow.asset), "moves": flow.moves, "rule": f.statement.rule,
        }  # fmt: skip
        words = f"{f.amount(flow.amount, flow.asset)} {f.symbol(flow.asset)}, allocated by {f.statement.rule}"
        made = self._link("flow", [number, flow.source, flow.target, flow.asset], "transferred-to", (source, target))
        return made | {"description": words, "labels": labels, "extensions": {self.extension: amount}}

    def _summary(self) -> str:
        s = self.f.statement
        rule = f"Amounts are allocated by the rule {s.rule}, a convention and no probability."
        whole = "" if s.complete else " The statement is incomplete: some units end where the data has a gap."
        ends = "; ".join(self.f.sum_words(t) for t in s.terminals[:20] if t.amount(s.rule))
        return f"{rule}{whole} {ends}"[:_LONG]
