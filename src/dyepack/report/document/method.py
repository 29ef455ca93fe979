"""The method: the rule, why it, what the others give, and the parameters of the run.

Invariant: every rule that was run stands in the table, under the same stops; poison is not added up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.report.document.model import Block, Bullets, Cell, Column, Row, Section, Table, Text
from dyepack.report.document.places import ref

if TYPE_CHECKING:
    from dyepack.report.document.author import Author


def method(author: Author) -> Section:
    """The section."""
    rules = author.fact("listed", ref("statement.json", "interval_rules", "*"))
    reach = author.fact("text", ref("statement.json", "reach_rule"))
    blocks: list[Block] = [
        author.paragraph("method.problem"),
        author.paragraph("method.rule", rule=author.fact("text", ref("statement.json", "rule"))),
        author.paragraph("method.why"),
        author.paragraph("method.interval", rules=rules),
        author.paragraph("method.reach", reach=reach),
        Bullets((author.say("method.stop_service"), author.say("method.stop_mixer"), author.say("method.stop_valid"),
                 author.say("method.balance"))),
        _rules(author),
        *(_compared(author, asset) for asset in author.assets()),
        _proof(author),
        _parameters(author),
    ]  # fmt: skip
    return Section("method", author.say("method.title"), blocks)


def _rules(author: Author) -> Table:
    """What each rule does."""
    rows = tuple(
        Row(f"rule-{number}", (author.cell("text", ref("program.json", "rules", number, "name")),
                               author.cell("text", ref("program.json", "rules", number, "title")),
                               author.cell("text", ref("program.json", "rules", number, "words"))))
        for number, _ in enumerate(author.material.files["program.json"]["rules"])
    )  # fmt: skip
    columns = author.columns("method.rules", ("name", False, 1.2), ("title", False, 2), ("words", False, 6))
    return Table("rules", author.say("method.rules.caption"), columns, rows)


def _compared(author: Author, asset: str) -> Table:
    """Units by stop under every rule, cut to a few digits; the exact ones are in the findings."""
    statement = author.statement
    run = [rule["name"] for rule in author.material.files["program.json"]["rules"]]
    run = [author.rule, *(r for r in run if r != author.rule)]
    mine = [t for t in statement.terminals if t.asset == asset and any(t.amounts.values())]
    stops = sorted({t.stop for t in mine}, key=lambda s: (-sum(t.amount(author.rule) for t in mine if t.stop == s), s))
    rows = []
    for stop in stops:
        first = next(n for n, t in enumerate(statement.terminals) if t.stop == stop and t.asset == asset)
        tag = statement.terminals[first].tag or {}
        head = author.cell(f"stop:{statement.direction}", ref("statement.json", "terminals", first, "stop"),
                           evidence=str(tag.get("evidence", "")))  # fmt: skip
        rows.append(Row(f"compared-{author.assets().index(asset)}-{stop}", (
            head, *(author.cell(f"brief:{asset}", author.terminals(rule, stop=stop, asset=asset), evidence="E4")
                    for rule in run),
        )))  # fmt: skip
    swapped = [ref("statement.json", "balances", {"rule": rule, "asset": asset}, "swapped_out") for rule in run]
    if any(b.swapped_out for b in statement.balances if b.asset == asset):
        rows.append(Row(f"compared-{author.assets().index(asset)}-swapped", (
            (author.say("method.compared.swapped"),),
            *(author.cell(f"brief:{asset}", place, evidence="E4") for place in swapped),
        )))  # fmt: skip
    sums: list[Cell] = [(author.say("method.compared.all"),)]
    for rule, place in zip(run, swapped, strict=True):
        reach = rule == statement.reach_rule
        sums.append((author.say("method.compared.not_added"),) if reach else
                    author.cell(f"brief:{asset}", author.terminals(rule, asset=asset), place,
                                evidence="E4"))  # fmt: skip
    rows.append(Row(f"compared-{author.assets().index(asset)}-all", tuple(sums)))
    heads = [author.columns("method.compared", ("stop", False, 2))[0]]
    heads += [Column(_rule_head(author, rule), True, 1.3) for rule in run]
    symbol = author.fact(f"symbol:{asset}", ref("statement.json", "assets", asset))
    return Table(f"compared-{author.assets().index(asset)}", author.say("method.compared.caption", asset=symbol),
                 tuple(heads), tuple(rows))  # fmt: skip


def _rule_head(author: Author, rule: str) -> Text:
    names = [r["name"] for r in author.material.files["program.json"]["rules"]]
    fact = author.fact("text", ref("program.json", "rules", names.index(rule), "name")) if rule in names else (
        author.rule_fact())  # fmt: skip
    kind = ("headline" if rule == author.rule else "reach" if rule == author.statement.reach_rule else
            "unmixed" if rule == author.statement.unmixed_rule else "other")  # fmt: skip
    return author.say(f"method.compared.{kind}", rule=fact)


def _proof(author: Author) -> Table:
    """Both sides of the balance under the headline rule."""
    rows = []
    for number, balance in enumerate(author.statement.balances):
        if balance.rule != author.rule:
            continue
        at = ["statement.json", "balances", number]
        leg = next((n for n, s in enumerate(author.statement.sources) if s.leg == balance.leg), None)
        name = () if leg is None else author.cell("text", ref("statement.json", "sources", leg, "name"))
        put = [ref(*at, "put_in"), ref(*at, "swapped_in")]
        found = [ref(*at, "parts", "*"), ref(*at, "swapped_out")]
        rows.append(Row(f"balance-{number}", (
            name or (author.say("values.unnamed_leg"),), author.cell(f"amount:{balance.asset}", *put, evidence="E4"),
            author.cell(f"amount:{balance.asset}", *found, evidence="E4"),
        )))  # fmt: skip
    columns = author.columns("method.proof", ("leg", False, 2), ("put_in", True, 3), ("found", True, 3))
    return Table("proof", author.say("method.proof.caption", rule=author.rule_fact()), columns, tuple(rows))


def _parameters(author: Author) -> Table:
    place = ref("statement.json", "parameters")
    rows = tuple(
        Row(f"parameter-{number}", (author.cell(f"key:{number}", place),
                                    author.cell("json", ref("statement.json", "parameters", key))))
        for number, key in enumerate(author.statement.parameters)
    )  # fmt: skip
    columns = author.columns("method.parameters", ("name", False, 1), ("value", False, 4))
    return Table("parameters", author.say("method.parameters.caption"), columns, rows)
