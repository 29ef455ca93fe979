"""FollowTheMoney entities, one JSON object a line: wallets and accounts, their holders, and a payment for each move.

Schemas (FollowTheMoney 4): CryptoWallet (publicKey, currencySymbol, blockchain, holder), BankAccount (accountNumber,
holder is left to the LegalEntity's payments), LegalEntity (name) and Payment (payer, beneficiary, amount, currency,
date, transactionNumber, purpose). A payment needs parties: where nobody names the holder of a place it is a
LegalEntity that says so. Payments are allocations by the case's rule, and say which; fees have no beneficiary and are
left out.
Invariant: every entity that a property names is in the file; values are lists of texts.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dyepack.exports.model import Findings, shown

if TYPE_CHECKING:
    from dyepack.exports.model import Place

Entity = dict[str, object]


def export(findings: Findings) -> bytes:
    """The entities as JSON lines."""
    found: dict[str, Entity] = {}
    parties = {place.address: _party(findings, place, found) for place in findings.places().values()}
    for number, m in enumerate(findings.moves):
        if m.source in parties and m.target in parties and m.source != m.target:
            payment = _entity(findings.id("payment", number), "Payment", {
                "payer": parties[m.source], "beneficiary": parties[m.target],
                "amount": findings.amount(m.units, m.asset), "currency": findings.symbol(m.asset),
                "date": m.time.removesuffix("Z"), "transactionNumber": shown(m.txid),
                "recordId": f"{shown(m.txid)}:{m.kind}:{m.index}",
                "purpose": f"{m.units} dyed base units of leg {m.leg}, allocated by {findings.statement.rule}",
            })  # fmt: skip
            found[str(payment["id"])] = payment
    return "".join(json.dumps(e, ensure_ascii=True) + "\n" for e in found.values()).encode("ascii")


def _party(findings: Findings, place: Place, found: dict[str, Entity]) -> str:
    """Add a place and its holder; the holder's id."""
    named = place.named
    name = shown(named.entity) if named else f"Unknown holder of {shown(place.address)}"
    tag = (named.tag or {}) if named else {}
    grounds = f"evidence {tag.get('evidence')}, confidence {tag.get('confidence')}"
    said = f"named by {shown(str(tag.get('source', '')))}, {grounds}"
    holder = _entity(findings.id("holder", named.entity if named else "", "" if named else place.address),
                     "LegalEntity", {"name": name, "summary": said if named else ""})  # fmt: skip
    found.setdefault(str(holder["id"]), holder)
    symbols = [findings.symbol(asset) for asset in place.assets]
    ends = [findings.sum_words(t) for t in place.terminals]
    if place.is_crypto:
        wallet = _entity(findings.id("place", place.address), "CryptoWallet", {
            "publicKey": shown(place.address), "currencySymbol": symbols, "blockchain": shown(findings.statement.chain),
            "holder": str(holder["id"]), "managingExchange": name if tag.get("kind") == "exchange_deposit" else "",
            "summary": ends,
        })  # fmt: skip
    else:
        wallet = _entity(findings.id("place", place.address), "BankAccount", {
            "accountNumber": shown(place.address, 64), "name": name, "currency": symbols, "summary": ends,
        })  # fmt: skip
    found[str(wallet["id"])] = wallet
    return str(holder["id"])


def _entity(entity_id: str, schema: str, properties: dict[str, str | list[str]]) -> Entity:
    texts = {k: [v] if isinstance(v, str) else v for k, v in properties.items()}
    kept = {k: [t for t in v if t] for k, v in texts.items()}
    return {"id": entity_id, "schema": schema, "properties": {k: v for k, v in kept.items() if v}}
