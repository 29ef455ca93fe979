"""dyepack report: a case as a report in which every number can be checked, and letters to the services it names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from dyepack.cli import show
from dyepack.cli.incidents import Own
from dyepack.cli.options import CaseFolder
from dyepack.cli.value import Currencies, Prices

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dyepack.case.folder import Case
    from dyepack.report.document.material import Material
    from dyepack.report.document.model import Report
    from dyepack.report.document.redact import Pseudonyms

_CASE = "case"


class _CaseUnlessNamed(TyperGroup):
    """A group whose first command is meant where none is named: `report FOLDER` is `report case FOLDER`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command's name where it is left out."""
        if args and args[0] not in {*self.commands, "-h", "--help"}:
            args = [_CASE, *args]
        return super().parse_args(ctx, args)


report_app = typer.Typer(
    cls=_CaseUnlessNamed, no_args_is_help=True, rich_markup_mode=None,
    help="Write the report of a case (report CASE), or letters to the services that it names (report letters CASE).",
)  # fmt: skip

Ledger = Annotated[
    Path | None,
    typer.Option("--ledger", "-l", help="The ledger of the case, for sweeps and balances (a live case holds it)."),
]
LanguageName = Annotated[str, typer.Option(help="Language of the words: en, or a TOML file.")]


@report_app.command(_CASE)
def case(
    case: CaseFolder,
    ledger: Ledger = None,
    html: Annotated[Path | None, typer.Option(help="Write it as one HTML file.")] = None,
    pdf: Annotated[Path | None, typer.Option(help="Write it as PDF (PDF/A-2a, tagged).")] = None,
    json: Annotated[Path | None, typer.Option(help="Write it as JSON, with the place of each number.")] = None,
    prices: Prices = None,
    currency: Currencies = None,
    on: Annotated[str, typer.Option(help="Also value everything on this day, as 2026-11-01.")] = "",
    allow_host: Annotated[list[str] | None, typer.Option(help="A price source that may be private.")] = None,
    evidence: Annotated[Path | None, typer.Option(help="Folder in which answers of price sources are kept.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nothing but --evidence.")] = False,
    incident: Annotated[str, typer.Option(help="The registry's entry, for who is said to have done it.")] = "",
    registry: Own = None,
    redact: Annotated[bool, typer.Option("--redact", help="Pseudonyms for addresses, transactions and names.")] = False,
    redaction_key: Annotated[
        Path | None, typer.Option(help="With --redact: write here what the pseudonyms stand for.")
    ] = None,
    annex_rows: Annotated[int, typer.Option(help="Most rows of a long table in the PDF.", min=1, max=1_000_000)] = 2000,
    language: LanguageName = "en",
) -> None:
    """Write the report of a case: every number is produced from the case, and leads to the rows that it comes from.

    Before anything is written a lint makes every number again from the case, and refuses the report if one differs, if
    a number stands in it that is not of the case, or if an inference is worded as a fact. Without --html, --pdf or
    --json the summary is printed.
    """
    from dyepack.errors import UsageError
    from dyepack.report.document.build import build
    from dyepack.report.document.language import load_language

    for file in (html, pdf, json, redaction_key):
        show.check_file(file)
    if redact and incident:
        raise UsageError("--redact and --incident exclude each other: an incident names the victim",
                         remedy="leave one of them out")  # fmt: skip
    if redaction_key and not redact:
        raise UsageError("--redaction-key is only for --redact", remedy="say --redact too")
    words = load_language(language)
    with show.steps("report", 5) as step:
        step("reading the case")
        material = _material(case, ledger, values=(prices, currency, on, allow_host, evidence, offline),
                             incident=incident, registry=registry)  # fmt: skip
        names = None
        if redact:
            from dyepack.report.document.redact import redact as under_pseudonyms

            material, names = under_pseudonyms(material)
        step("writing and checking")
        made = build(material, words, redacted=redact)
        step("setting")
        files = _rendered(made, material, (html, pdf, json), annex_rows, redacted=redact)
    if names is not None:
        _check_redacted(names, made, material, files)
        if redaction_key is not None:
            files[redaction_key] = show.json_text(names.key()).encode()
    if not (html or pdf or json):
        _print_summary(made)
    _write(files)


def _material(case: Path, ledger: Path | None, *, values: tuple[Any, ...], incident: str, registry: Any) -> Material:
    """Everything that the report is made of."""
    from dyepack.case.folder import Case
    from dyepack.cashouts.points import cash_outs
    from dyepack.report.document.material import material_of

    opened = Case(case)
    on = opened.open_ledger(ledger) if ledger is not None or opened.is_live else None
    if on is None:
        show.note("without --ledger no sweep and no balance is known")
    entry = None
    if incident:
        from dyepack.cli.incidents import load

        known = load(registry)
        entry = known[incident], known.sources
    points = cash_outs(opened.statement, opened.moves(), on)
    return material_of(opened, cash_outs=points, values=_values(opened, *values), incident=entry)


def _values(
    case: Case, prices: Any, currency: Any, on: str, allow: Any, evidence: Path | None, offline: bool
) -> Any:  # fmt: skip
    """The values of a case, None where nothing asks for them."""
    if not (prices or currency or on):
        return None
    from dyepack.cli.value import book_of, currencies_of
    from dyepack.valuation.case_values import value_case

    wanted, day = currencies_of(currency), show.day(on, "--on") if on else None
    book = book_of(case, prices or [], day, allow or [], evidence, offline=offline)
    return value_case(case.statement, case.moves(), book, wanted, day)


def _rendered(
    made: Report, material: Material, places: tuple[Path | None, ...], annex_rows: int, *, redacted: bool
) -> dict[Path, bytes]:  # fmt: skip
    """The files to be written, all made before the first is."""
    html, pdf, json = places
    files: dict[Path, bytes] = {}
    if html is not None:
        from dyepack.report.document.html import render_html

        files[html] = render_html(made).encode()
    if pdf is not None:
        from dyepack.report.document.pdf import render_pdf

        files[pdf] = render_pdf(made, annex_rows=annex_rows)
    if json is not None:
        from dyepack.report.document.as_json import report_json

        files[json] = show.json_text(report_json(made, material, redacted=redacted)).encode()
    return files


def _check_redacted(names: Pseudonyms, made: Report, material: Material, files: dict[Path, bytes]) -> None:
    """RedactionError if a redacted text is left anywhere."""
    from dyepack.report.document.as_json import report_json
    from dyepack.report.document.html import render_html
    from dyepack.report.document.language import english
    from dyepack.report.document.redact import RedactionError, leaks

    written = [show.json_text(report_json(made, material, redacted=True)), render_html(made)]
    written += [raw.decode(errors="replace") for place, raw in files.items() if place.suffix != ".pdf"]
    words = show.json_text([english().entries, material.files["program.json"]]) + " ".join(material.files)
    if left := leaks(names, written, words):
        raise RedactionError(len(left))


def _print_summary(made: Report) -> None:
    from dataclasses import replace

    from dyepack.report.document.letters import render_text

    show.out(render_text(replace(made, sections=made.sections[:1])), None)


def _write(files: dict[Path, bytes]) -> None:
    """Write files, each whole or not at all."""
    for file, raw in files.items():
        show.out(raw, file)
        show.note(f"{file} written")


@report_app.command()
def letters(
    case: CaseFolder,
    out: Annotated[Path, typer.Option(help="Folder for the letters: new, or empty.")],
    ledger: Ledger = None,
    by: Annotated[str, typer.Option(help="Who asks: name and office.")] = "",
    reply_to: Annotated[str, typer.Option(help="Where the answer should go.")] = "",
    pdf: Annotated[bool, typer.Option("--pdf/--no-pdf", help="Also as PDF.")] = True,
    language: LanguageName = "en",
) -> None:
    """Write a request to each service that received stolen money: preserve records, freeze what is still there.

    A letter lists the addresses that are tagged as the service's, every transaction with time and amount, what is
    asked, and what is not claimed.
    """
    from dyepack.report.document.language import load_language
    from dyepack.report.document.letters import letters as write
    from dyepack.report.document.letters import render_text

    _check_folder(out)
    words = load_language(language)
    material = _material(case, ledger, values=(None, None, "", None, None, False), incident="", registry=None)
    made = write(material, words, by=by, reply_to=reply_to)
    if not made:
        show.note("no money reached a service, so there is nobody to write to")
        return
    files: dict[Path, bytes] = {}
    for letter in made:
        files[out / f"{letter.file}.txt"] = render_text(letter.report).encode()
        if pdf:
            from dyepack.report.document.pdf import render_pdf

            files[out / f"{letter.file}.pdf"] = render_pdf(letter.report, annex_rows=100_000)
    out.mkdir(parents=True, exist_ok=True)
    _write(files)
    doubted = sum(bool(point["tag"].get("contradicted_by")) for point in material.files["cashouts.json"])
    if doubted:
        show.note(f"{doubted} of the places have names that other lists contradict: read the notes of the statement "
                  "before you send a letter")  # fmt: skip
    show.out("".join(_lines(letter.file, letter.service) for letter in made), None)


def _lines(file: str, service: str) -> str:
    from dyepack.sinks import for_terminal

    return f"{file}: {for_terminal(service)}\n"


def _check_folder(folder: Path) -> None:
    from dyepack.errors import InputError

    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and _is_empty(folder.iterdir()))):
        raise InputError(folder, "is not empty, or no folder", remedy="choose another --out")


def _is_empty(found: Iterable[Path]) -> bool:
    return next(iter(found), None) is None
