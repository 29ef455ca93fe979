"""dyepack claims: what others say about totals, held against the registry, compared by year, or refused a sum."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dyepack.cli import show
from dyepack.cli.incidents import Own, load, out_lines
from dyepack.cli.options import AsCsv, AsJson

if TYPE_CHECKING:
    from dyepack.incidents.claim_model import Claim, ClaimsLedger

claims_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Claims about totals: who says how much, and what stands behind."
)

File = Annotated[Path | None, typer.Option("--claims", "-c", help="Your own file of claims, in the place of ours.")]
Some = Annotated[list[str] | None, typer.Argument(help="Ids of claims; without them, all.")]


@claims_app.command("list")
def list_(claims: File = None, json: AsJson = False, csv: AsCsv = False) -> None:
    """List the claims with their comparator, period, edition and source."""
    from dyepack.incidents.as_json import claim_json
    from dyepack.incidents.words import claim_lines

    show.one_form(json=json, csv=csv)
    ledger = _ledger(claims)
    values = [claim_json(c, ledger) for c in ledger.claims.values()]
    if json:
        show.out(show.json_text(values), None)
    elif csv:
        head = ["id", "says", "by", "anonymous", "told_in", "edition", "comparator", "amount_hundredths",
                "upper_hundredths", "currency", "from", "to", "scope", "measure", "restates", "part_of"]  # fmt: skip
        show.out(show.csv_text(head, [["" if v[name] is None else v[name] for name in head] for v in values]), None)
    else:
        out_lines([line for c in ledger.claims.values() for line in [*claim_lines(c, ledger), ""]])


@claims_app.command()
def check(
    ids: Some = None,
    claims: File = None,
    registry: Own = None,
    tolerance: Annotated[int, typer.Option(help="How far `about` reaches, in percent.", min=0, max=99)] = 10,
    exceeds: Annotated[
        int, typer.Option(help="From which percentage of `more than` the thefts exceed a claim.", min=100)
    ] = 200,
    every: Annotated[bool, typer.Option("--every", help="List every theft, not the largest ten.")] = False,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """Hold claims against the thefts that can stand behind them, by who attributes these.

    Certain thefts are inside the claim's period and regions and firmly attributed; possible ones are so only perhaps.
    Claims that count the same money are named: they may never be added.
    """
    from dyepack.incidents.as_json import CHECK_HEAD, overlap_json, verdict_json, verdict_row
    from dyepack.incidents.overlaps import overlaps, refusals
    from dyepack.incidents.verdicts import SETS, Settings
    from dyepack.incidents.verdicts import check as check_claims
    from dyepack.incidents.words import legend, verdict_lines

    show.one_form(json=json, csv=csv)
    ledger = _ledger(claims)
    chosen = _chosen(ledger, ids)
    verdicts = check_claims(chosen, load(registry), Settings(tolerance, exceeds))
    pairs = overlaps(chosen, ledger)
    if json:
        show.out(show.json_text({"verdicts": [verdict_json(v) for v in verdicts],
                                 "never_add": [overlap_json(p) for p in pairs]}), None)  # fmt: skip
    elif csv:
        show.out(show.csv_text(CHECK_HEAD, [verdict_row(v) for v in verdicts]), None)
    else:
        lines = []
        for at in range(0, len(verdicts), len(SETS)):
            most = len(verdicts[at + len(SETS) - 1].support) if every else 10
            lines += [*verdict_lines(verdicts[at : at + len(SETS)], ledger, most), ""]
        reasons = refusals(chosen, ledger) if len(chosen) > 1 else []
        lines += ["These claims may not be added:"] if reasons else []
        out_lines([*lines, *(f"  {reason}" for reason in reasons)])
        show.note(legend())


@claims_app.command()
def years(claims: File = None, json: AsJson = False, csv: AsCsv = False) -> None:
    """Compare the yearly totals of several parties, with the spread of each year and what they restated."""
    from dyepack.incidents.as_json import comparison_json
    from dyepack.incidents.words import year_lines
    from dyepack.incidents.years import compare

    show.one_form(json=json, csv=csv)
    ledger = _ledger(claims)
    comparison = compare(ledger)
    if json:
        show.out(show.json_text(comparison_json(comparison, ledger)), None)
    elif csv:
        head = ["year", "series", "edition", "amount_hundredths", "currency", "count", "until", "sources"]
        rows = [[y.year, s.id, s.edition, f.amount, "USD", "" if f.count is None else f.count, f.until or "",
                 " ".join(s.source)]
                for y in comparison.years for s, f in zip(comparison.series, y.figures, strict=True) if f]  # fmt: skip
        show.out(show.csv_text(head, rows), None)
    else:
        out_lines(year_lines(comparison, ledger))


@claims_app.command()
def add(
    ids: Annotated[list[str], typer.Argument(help="Ids of claims, or years of a series as monahan-2026/2021.")],
    claims: File = None,
    json: AsJson = False,
) -> None:
    """Add claims if that may be: of one party and edition, about the same things, in periods that do not touch."""
    from dyepack.incidents.overlaps import add as add_claims

    ledger = _ledger(claims)
    chosen = [_claim(ledger, id_) for id_ in ids]
    total = add_claims(chosen, ledger)
    if json:
        show.out(show.json_text({"claims": [c.id for c in chosen], "low_hundredths": str(total.low),
                                 "high_hundredths": None if total.high is None else str(total.high),
                                 "currency": total.currency}), None)  # fmt: skip
    else:
        out_lines([f"{' + '.join(c.id for c in chosen)}: {total}"])


def _ledger(file: Path | None) -> ClaimsLedger:
    from dyepack.incidents.claim_read import claims_ledger, read_claims

    return claims_ledger() if file is None else read_claims(file)


def _chosen(ledger: ClaimsLedger, ids: list[str] | None) -> list[Claim]:
    from dyepack.errors import UsageError

    if not ids:
        return list(ledger.claims.values())
    chosen = [_claim(ledger, id_) for id_ in ids]
    if len({c.id for c in chosen}) != len(chosen):
        raise UsageError("a claim is named twice", remedy="name each once")
    return chosen


def _claim(ledger: ClaimsLedger, id_: str) -> Claim:
    """The claim of an id, in any letter case where only one has it so."""
    name, slash, year = id_.rpartition("/")
    known, asked = (ledger.series, name) if slash else (ledger.claims, id_)
    alike = [one for one in known if one.casefold() == asked.casefold()]
    if asked not in known and len(alike) == 1:
        return ledger[f"{alike[0]}/{year}" if slash else alike[0]]
    return ledger[id_]
