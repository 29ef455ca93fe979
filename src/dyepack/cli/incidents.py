"""dyepack incidents: the registry of thefts, listed, shown and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dyepack.cli import show
from dyepack.cli.options import AsCsv, AsJson

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from dyepack.incidents.registry import Registry

incidents_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Known thefts, with their sources.")

Own = Annotated[
    Path | None, typer.Option("--registry", "-r", help="Folder of your own TOML files, added to those that ship.")
]


@incidents_app.command("list")
def list_(
    year: Annotated[int | None, typer.Option(help="Thefts that may be of this year.")] = None,
    actor: Annotated[str, typer.Option(help="Thefts that somebody attributes to this actor, as dprk.")] = "",
    attributed_by: Annotated[str, typer.Option(help="By a party of this kind: F, O, U, M, P, V or C.")] = "",
    kind: Annotated[str, typer.Option(help="Kind of victim, as exchange or bridge.")] = "",
    region: Annotated[str, typer.Option(help="Part of the world, as asia or north-america.")] = "",
    registry: Own = None,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """List thefts. The letters say who attributes them; a party's letter is not an agreement of the others."""
    from dyepack.incidents.as_json import LIST_HEAD, incident_json, incident_row
    from dyepack.incidents.countries import REGIONS
    from dyepack.incidents.vocabulary import ACTORS, CODES, KINDS
    from dyepack.incidents.words import legend, list_lines

    show.one_form(json=json, csv=csv)
    for option, word, known in (("--actor", actor, ACTORS), ("--attributed-by", attributed_by, CODES),
                                ("--kind", kind, KINDS), ("--region", region, REGIONS)):  # fmt: skip
        _known(option, word, known)
    chosen = load(registry).select(year=year, actor=actor or None, source_code=attributed_by or None,
                                   kind=kind or None, region=region or None)  # fmt: skip
    if json:
        show.out(show.json_text([incident_json(i) for i in chosen]), None)
    elif csv:
        show.out(show.csv_text(LIST_HEAD, [incident_row(i) for i in chosen]), None)
    else:
        out_lines(list_lines(chosen))
        show.note(f"{len(chosen):,} thefts; {legend()}")


@incidents_app.command("show")
def show_(
    incident: Annotated[str, typer.Argument(help="Id of a theft, as in `dyepack incidents list`.")],
    registry: Own = None,
    json: AsJson = False,
) -> None:
    """Show all that is known of a theft: facts with their sources, and apart from them who says who did it."""
    from dyepack.incidents.as_json import incident_json
    from dyepack.incidents.words import incident_lines

    known = load(registry)
    found = known[incident]
    if json:
        show.out(show.json_text(incident_json(found, known.sources)), None)
    else:
        out_lines(incident_lines(found, known.sources))


@incidents_app.command()
def check(
    folder: Annotated[Path | None, typer.Argument(help="Folder of TOML files; without it, what ships.")] = None,
    json: AsJson = False,
) -> None:
    """Check every field of a registry; the first fault is named with file, theft and field."""
    known = load(folder)
    ours = len(load(None)) if folder is not None else 0
    unchecked = sum(i.in_doubt for i in known)
    if json:
        show.out(show.json_text({"incidents": len(known) - ours, "incidents_in_all": len(known),
                                 "sources_in_all": len(known.sources), "with_unchecked": unchecked}), None)  # fmt: skip
        return
    added = f" ({len(known) - ours:,} of your own)" if folder is not None else ""
    out_lines([f"{len(known):,} thefts{added}, {len(known.sources):,} sources: all fields are valid; {unchecked:,} "
               "thefts have something unchecked"])  # fmt: skip


def load(folder: Path | None) -> Registry:
    """What ships, with a user's own files if there is a folder of them."""
    from dyepack.incidents.registry import read_registry, registry

    return registry() if folder is None else read_registry(folder)


def out_lines(lines: Sequence[str]) -> None:
    """Lines to standard output, each made safe for a terminal."""
    from dyepack.sinks import visible

    show.out("".join(visible(line) + "\n" for line in lines), None)


def _known(option: str, word: str, known: Collection[str]) -> None:
    from dyepack.errors import UsageError, quoted

    if word and word not in known:
        raise UsageError(f"{option} {quoted(word)} is not known", remedy=f"use one of {', '.join(sorted(known))}")
