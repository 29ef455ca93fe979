"""dyepack patterns: shapes in a ledger that mean something, each by a rule with its measured error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dyepack.cli import show
from dyepack.cli.options import AsCsv, AsJson

if TYPE_CHECKING:
    from dyepack.ledger.open import AnyLedger
    from dyepack.patterns.catalogue import Scope
    from dyepack.tags.model import TagSet
    from dyepack.tracing.moves import DyedMove


def patterns(
    ledger: Annotated[Path | None, typer.Option("--ledger", "-l", help="Folder of the ledger.")] = None,
    case: Annotated[Path | None, typer.Option(help="Look only at what the trace of this case touched.")] = None,
    address: Annotated[list[str] | None, typer.Option(help="Look only at this address; several times.")] = None,
    tags: Annotated[list[Path] | None, typer.Option(help="Tags: hot wallets, and what pays out in bulk.")] = None,
    tag_list: Annotated[list[str] | None, typer.Option(help="KIND=FILE: a list of addresses of one kind.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this detector; several times.")] = None,
    rules: Annotated[bool, typer.Option("--rules", help="Say what the rules are, and their error.")] = False,
    json: AsJson = False,
    csv: AsCsv = False,
    out: Annotated[Path | None, typer.Option(help="Write it to this file instead.")] = None,
) -> None:
    """Find peel chains, CoinJoins, fan-outs, layers, deposit addresses, poisoning and the like.

    Every finding names its rule, what was measured beside what it was held against, its confidence and evidence class,
    and how often the rule errs. A pattern is a lead or a heuristic: it changes no amount of a statement, but for
    CoinJoins, before which a trace stops.
    """
    from dyepack.cli.trace import load_tags
    from dyepack.errors import UsageError
    from dyepack.ledger.open import open_ledger
    from dyepack.patterns.catalogue import search
    from dyepack.patterns.finding import table

    show.one_form(json=json, csv=csv)
    show.check_file(out)
    if rules:
        _show_rules(json=json, out=out)
        return
    if case is not None:
        from dyepack.case.folder import Case

        opened = Case(case)
        on = opened.open_ledger(ledger)
        known = opened.tags()
        known.merge(load_tags(tags or [], tag_list or []))
        scope = _scope(on, known, address or [], tuple(opened.moves()))
    elif ledger is not None:
        on = open_ledger(ledger)
        scope = _scope(on, load_tags(tags or [], tag_list or []), address or [], None)
    else:
        raise UsageError("patterns are looked for in a ledger", remedy="say --ledger FOLDER, or --case CASE --ledger")
    found = search(on, scope, only)
    if json:
        show.out(show.json_text([finding.to_json() for finding in found]), out)
    elif csv:
        show.out(show.csv_text(*table(found)), out)
    else:
        from dyepack.report.patterns import finding_lines

        show.out("\n".join(finding_lines(found)) + "\n", out)


def _scope(ledger: AnyLedger, tags: TagSet, addresses: list[str], moves: tuple[DyedMove, ...] | None) -> Scope:
    """What to look at: the addresses named, else what the trace touched, else everything."""
    from dyepack.cli.clusters import find_address
    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.patterns.activity import traced_places
    from dyepack.patterns.catalogue import Scope
    from dyepack.tags.model import TagKind
    from dyepack.tags.naming import service_name

    hot: dict[int, str] = {}
    kinds: dict[int, tuple[str, ...]] = {}
    for text in tags.addresses():
        number, naming = ledger.find_address(text), tags.naming(text)
        if number is None or naming is None:
            continue
        kinds[number] = tuple(tag.kind.value for tag in tags.of(text))
        if naming.kind is TagKind.EXCHANGE:
            hot[number] = service_name(naming.label, naming.actor)
    places: tuple[int, ...] | None = None
    if addresses:
        places = tuple(find_address(ledger, text) for text in addresses)
    elif moves is not None and not isinstance(ledger, UtxoLedger):
        places = tuple(sorted(traced_places(ledger, moves)))
    return Scope(places, moves, hot, kinds)


def _show_rules(*, json: bool, out: Path | None) -> None:
    from dataclasses import asdict

    from dyepack.patterns.catalogue import RULES
    from dyepack.report.patterns import rule_lines

    if json:
        show.out(show.json_text([asdict(rule) for rule in RULES]), out)
        return
    show.out("\n".join(rule_lines(RULES)) + "\n", out)
