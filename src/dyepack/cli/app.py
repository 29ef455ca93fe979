"""The dyepack command. Thin: each command reads its words, calls the library, shows the result object.

Data goes to standard output, progress and notes to standard error. Command bodies import what they need when they
run, so that --help stays fast.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import typer

from dyepack import __version__
from dyepack.cli import show
from dyepack.cli.bridges import bridges
from dyepack.cli.candidates import candidates
from dyepack.cli.case import case_commands
from dyepack.cli.cashouts import cashouts
from dyepack.cli.claims import claims_app
from dyepack.cli.clusters import clusters
from dyepack.cli.cross import cross
from dyepack.cli.demo import demo
from dyepack.cli.export import export
from dyepack.cli.exposure import exposure
from dyepack.cli.head import head
from dyepack.cli.import_bank import bank
from dyepack.cli.import_bitcoin import bitcoin
from dyepack.cli.incidents import incidents_app
from dyepack.cli.ledger import import_app, ledger_app
from dyepack.cli.pack import pack, stamp, verify
from dyepack.cli.patterns import patterns
from dyepack.cli.report import report_app
from dyepack.cli.tags import tags_app
from dyepack.cli.trace import trace
from dyepack.cli.value import convert, value
from dyepack.errors import EXIT_FAILURE, EXIT_INTERRUPTED, DyepackError

if TYPE_CHECKING:
    from collections.abc import Sequence

EPILOG = (
    "Exit codes: 0 done; 1 failure (a file, ledger or case is wrong); 2 the words of the command are wrong; "
    "3 a hit (kept for screening); 4 the answer is incomplete (dyed units end in a gap of the data, a block that a "
    "case cites was orphaned, an address of a list cannot be read, money left over a bridge without a link); "
    "5 a list is too old (kept for screening); 130 interrupted. NO_COLOR is honoured."
)

app = typer.Typer(
    name="dyepack", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG, rich_markup_mode=None,
    help="Follow stolen money across ledgers, exactly: every stolen unit is always somewhere.",
)  # fmt: skip
import_app.command()(bitcoin)
import_app.command()(bank)
app.add_typer(import_app, name="import")
app.add_typer(ledger_app, name="ledger")
app.add_typer(report_app, name="report")
app.add_typer(tags_app, name="tags")
app.add_typer(incidents_app, name="incidents")
app.add_typer(claims_app, name="claims")
app.command()(demo)
app.command()(trace)
case_commands(app)
app.command()(bridges)
app.command()(candidates)
app.command()(cashouts)
app.command()(clusters)
app.command()(exposure)
app.command()(cross)
app.command()(patterns)
app.command()(value)
app.command()(pack)
app.command()(verify)
app.command()(stamp)
app.command()(export)
app.command()(convert)
app.command()(head)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"dyepack {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress and no notes on standard error."),
) -> None:
    del version
    show.quiet(on=quiet)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code; a user's fault is one sentence, never a stack."""
    try:
        code = app(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except DyepackError as fault:
        _tell(str(fault))
        sys.exit(fault.exit_code)
    except KeyboardInterrupt:
        _tell("interrupted; run the command again")
        sys.exit(EXIT_INTERRUPTED)
    except MemoryError:
        _tell("out of memory\nhint: give a smaller input, or limits such as --hops and --cut-off")
        sys.exit(EXIT_FAILURE)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILURE)
    except Exception as fault:
        if isinstance(fault, OSError):
            _tell(f"{fault.strerror or fault}: {fault.filename or ''}\nhint: check the place, its space and its rights")
            sys.exit(EXIT_FAILURE)
        usage = getattr(fault, "format_message", None)
        if usage is None:
            raise
        _tell(f"{usage()}\nhint: see `dyepack --help`, or --help after the command's name")
        sys.exit(getattr(fault, "exit_code", EXIT_FAILURE))
    sys.exit(code if isinstance(code, int) else 0)


def _tell(message: str) -> None:
    from dyepack.sinks import visible

    typer.echo("\n".join(visible(line) for line in f"dyepack: {message}".split("\n")), err=True)
