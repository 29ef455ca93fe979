"""dyepack trace: follow thefts over a ledger into a case folder."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dyepack.cli import show
from dyepack.cli.live import live_of, reached
from dyepack.errors import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from dyepack.tags.model import TagSet
    from dyepack.tracing.resolve import Parameters
    from dyepack.tracing.theft import Theft

Texts = list[str] | None
_MOST = 1 << 30


def trace(
    ledger: Annotated[Path | None, typer.Option("--ledger", "-l", help="Folder of the ledger.")] = None,
    source: Annotated[str, typer.Option("--from", help="Instead of a ledger: a live source, as evm+https://host/{KEY} "
                                        "(docs/live.md).")] = "",
    offline: Annotated[bool, typer.Option("--offline", help="With --from: ask nothing but the case's evidence.")]
        = False,
    second: Annotated[str, typer.Option("--check-with", help="With --from: ask this source too, and say where the two "
                                        "differ.")] = "",
    allow_host: Annotated[Texts, typer.Option(help="With --from: a host that may be private, as 127.0.0.1 or "
                                              "10.0.0.5:8545.")] = None,
    depth: Annotated[int, typer.Option(help="With --from: confirmations, blocks at the head that are not read yet.",
                                       min=0, max=_MOST)] = 12,
    most_places: Annotated[int, typer.Option(help="With --from: most holdings or outputs to ask about.", min=1,
                                             max=_MOST)] = 2000,
    most_transactions: Annotated[int, typer.Option(help="With --from: most transactions of one holding.", min=1,
                                                   max=_MOST)] = 5000,
    theft: Annotated[list[Path] | None, typer.Option(help="Theft file (docs/theft-files.md); may be repeated.")] = None,
    tx: Annotated[Texts, typer.Option(help="Instead of a file: a transaction by which the money left.")] = None,
    asset: Annotated[str, typer.Option(help="With --tx: the asset (default: the ledger's first).")] = "",
    tags: Annotated[list[Path] | None, typer.Option(help="Tags (CSV, label JSON, list); several times.")] = None,
    tag_list: Annotated[Texts, typer.Option(help="KIND=FILE: a list of addresses of one kind, as sanctioned=x.txt.")]
        = None,
    tags_as_of: Annotated[str, typer.Option(help="Take the tags that stood on this day, as 2025-03-20 (usual: those "
                                            "that were not withdrawn since).")] = "",
    rule: Annotated[str, typer.Option(help="Headline rule; backward fifo, lifo-a or lifo-b.")] = "fifo",
    cut_off: Annotated[Texts, typer.Option(help="ASSET=AMOUNT: do not follow a move with less dye.")] = None,
    hops: Annotated[int, typer.Option(help="Most moves from the theft, by the shortest way (0: no limit).", min=0,
                                      max=_MOST)] = 0,
    until: Annotated[str, typer.Option(help="Last time to follow, as 2023-01-01 or 2023-01-01T12:00:00Z.")] = "",
    hub: Annotated[int, typer.Option(help="Do not follow through an address with more counterparties (0: no limit).",
                                     min=0, max=_MOST)] = 3000,
    fees: Annotated[str, typer.Option(help="Accounts: clean-first (usual) or rule (backward); outputs: last or first.")]
        = "",
    follow_fees: Annotated[bool, typer.Option("--follow-fees", help="Outputs: fees go on into their block's coinbase.")]
        = False,
    follow: Annotated[Texts, typer.Option(help="ADDRESS=REASON: go on through it whatever its tags say.")] = None,
    stop: Annotated[Texts, typer.Option(help="ADDRESS=REASON: stop there.")] = None,
    backward: Annotated[bool, typer.Option("--backward", help="Follow the money to where it came from.")] = False,
    out: Annotated[Path | None, typer.Option(help="Case folder to write.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of the case that is there.")] = False,
    html: Annotated[Path | None, typer.Option(help="Also write the statement as one HTML file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The statement as JSON.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="The terminals as CSV.")] = False,
    every: Annotated[bool, typer.Option("--all", help="List every place.")] = False,
) -> int:  # fmt: skip
    """Follow stolen money and account for every unit.

    A theft file says what was taken: id, chain, and for each asset a [[leg]] with [[leg.move]] (tx), [[leg.outflow]]
    (address) or [[leg.deposit]] (to, amount, tx or block, evidence). See docs/theft-files.md and examples/.

    Backward, the moves named (by --tx or the file) are followed to where their units came from; deposits that theft
    files declare are known inflows on the way.

    With --from the money is followed on a node or a public API: what the trace needs is fetched, and every answer is
    kept as evidence in the case (--out), from which --offline makes the same case again.

    Leaves with 4 if dyed units end in a gap of the data, with 130 if a live trace was stopped.
    """
    from dyepack.case.folder import check_place, write_case
    from dyepack.case.run import trace as run
    from dyepack.ledger.open import open_ledger

    show.one_form(json=json, csv=csv)
    show.check_file(html)
    parameters = _parameters(rule, cut_off, hops, until, hub, fees, follow, stop, backward=backward)
    parameters.follow_fees = follow_fees
    parameters.tags_as_of = show.day(tags_as_of, "--tags-as-of").isoformat() if tags_as_of else ""
    known = load_tags(tags or [], tag_list or [])
    live = live_of(ledger, source, out, second, allow_host or [], offline=offline,
                   limits=(most_places, most_transactions, depth))  # fmt: skip
    fetched = None
    if live is not None and out is not None:
        check_place(out, replace=replace or offline, live=True)
        thefts = thefts_of(theft or [], tx or [], asset, lambda: live.identity(out), both=backward)
        live.check_same(thefts, known, parameters, out, replace=replace)
        fetched = live.fetch(thefts, known, parameters, out)
        ledger = out / "ledger"
    elif ledger is not None:
        on = ledger
        if out is not None:
            check_place(out, replace=replace)
        thefts = thefts_of(theft or [], tx or [], asset, lambda: identity_of(on), both=backward)
    opened = open_ledger(ledger or Path())
    if fetched is not None:
        parameters = reached(opened, parameters)
    with show.steps("tracing", 9) as step:
        found = run(opened, thefts, known, parameters, live=fetched.facts if fetched else None, progress=step)
    for text in known.notes:
        show.note(f"tags: {text}")
    if out is None:
        show.note("no case was written: say --out FOLDER to keep it")
    else:
        write_case(found, out, replace=replace or offline)
        show.note(f"case written to {out}")
    if html is not None:
        from dyepack.report.page import render

        words = ["dyepack", "rerun", str(out or "CASE"), *(() if fetched else ("--ledger", str(ledger)))]
        show.out(render(found.statement, found.flows(), rerun=shlex.join(words)), html)
        show.note(f"page written to {html}")
    code = show.statement(found.statement, json=json, csv=csv, every=every)
    return EXIT_INTERRUPTED if fetched and fetched.interrupted else code


def identity_of(ledger: Path) -> tuple[str, str]:
    """The chain of a ledger and the key of its first asset."""
    from dyepack.ledger.open import open_ledger

    opened = open_ledger(ledger)
    return opened.chain, opened.assets[0].key


def thefts_of(
    files: list[Path], txs: list[str], asset: str, identity: Callable[[], tuple[str, str]], *, both: bool
) -> list[Theft]:
    """The thefts of files, or one made of transactions; `both`: transactions beside files are allowed.

    `identity` says the chain and the asset that is meant where none is named.
    """
    from dyepack.errors import UsageError
    from dyepack.tracing.theft import parse_theft, read_theft

    if not files and not txs:
        raise UsageError("nothing says what was stolen", remedy="give --theft FILE, or --tx HASH with --asset")
    if files and txs and not both:
        raise UsageError("--theft and --tx exclude each other", remedy="put the transaction into the theft file")
    thefts = [read_theft(f) for f in files]
    if not txs:
        return thefts
    import json

    chain, first = identity()
    asset = asset or first
    lines = ['id = "command-line"', f"title = {json.dumps('Transaction ' + ', '.join(txs))}"]
    lines += [f"chain = {json.dumps(chain)}", "[[leg]]", f"name = {json.dumps(asset)}", f"asset = {json.dumps(asset)}"]
    for text in txs:
        lines += ["[[leg.move]]", f"tx = {json.dumps(text)}"]
    return [*thefts, parse_theft(("\n".join(lines) + "\n").encode(), "--tx")]


def load_tags(files: list[Path], lists: list[str]) -> TagSet:
    """The tags of all files, and those that ship with the program."""
    from dyepack.errors import UsageError
    from dyepack.tags.builtin import builtin_tags
    from dyepack.tags.load import load
    from dyepack.tags.model import TagSet

    known = TagSet()
    for file in files:
        known.merge(load(file))
    for text in lists:
        kind, equals, file_name = text.partition("=")
        if not equals:
            raise UsageError("--tag-list wants KIND=FILE", remedy="write for example --tag-list sanctioned=list.txt")
        known.merge(load(Path(file_name), kind=kind))
    known.add(builtin_tags())
    return known


def _parameters(
    rule: str, cut_off: Texts, hops: int, until: str, hub: int, fees: str, follow: Texts, stop: Texts, *, backward: bool
) -> Parameters:  # fmt: skip
    from dyepack.errors import UsageError
    from dyepack.tracing.resolve import Parameters

    cuts = dict(_pair(text, "AMOUNT") for text in cut_off or [])
    if any(not amount for amount in cuts.values()):
        raise UsageError("--cut-off wants ASSET=AMOUNT", remedy="write for example --cut-off native=0.01")
    return Parameters(
        rule=rule, cut_off=cuts, hops=hops, until=_time(until) if until else None, hub=hub, fees=fees,
        follow=dict(_pair(t, "no reason given") for t in follow or []),
        stop=dict(_pair(t, "no reason given") for t in stop or []), backward=backward,
    )  # fmt: skip


def _pair(text: str, default: str) -> tuple[str, str]:
    name, equals, rest = text.partition("=")
    return name, rest if equals else default if default != "AMOUNT" else ""


def _time(text: str) -> int:
    """A date (its whole day included) or time, in UTC, as seconds."""
    from datetime import UTC, datetime

    from dyepack.errors import UsageError

    try:
        when = datetime.fromisoformat(text)
        seconds = int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError) as fault:
        raise UsageError(
            f"--until {text!a} is not a date", remedy="write 2023-01-01 or 2023-01-01T12:00:00Z"
        ) from fault
    return seconds if "T" in text.upper() or ":" in text else seconds + 86_399
