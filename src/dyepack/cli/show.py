"""How commands show things: data to standard output or a file, progress and notes to standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dyepack.progress import OnBytes, OnStep, no_bytes, no_step

if TYPE_CHECKING:
    from datetime import date

    from dyepack.tracing.statement import Statement

_state = {"quiet": False}


def quiet(*, on: bool) -> None:
    """Say nothing but data and errors."""
    _state["quiet"] = on


def note(text: str) -> None:
    """One line for the user, made safe, on standard error."""
    if not _state["quiet"]:
        from dyepack.sinks import visible

        sys.stderr.write(visible(text) + "\n")


@contextmanager
def steps(words: str, total: int) -> Iterator[OnStep]:
    """A progress bar on standard error that names the step in hand, of `total`; only on a terminal."""
    if _state["quiet"] or not sys.stderr.isatty():
        yield no_step
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(words, total=total, completed=-1)
        yield lambda step: progress.update(task, description=f"{words}: {step}", advance=1)


@contextmanager
def rounds(words: str) -> Iterator[OnStep]:
    """What is in hand, on standard error, where nobody knows how much there will be; only on a terminal."""
    if _state["quiet"] or not sys.stderr.isatty():
        yield no_step
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from dyepack.sinks import visible

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(words, total=None)
        yield lambda step: progress.update(task, description=f"{words}: {visible(step)}")


@contextmanager
def flow(words: str) -> Iterator[OnBytes]:
    """A progress bar on standard error with bytes, rate and time left; only on a terminal.

    It yields progress(bytes done, bytes in all, what is in hand).
    """
    if _state["quiet"] or not sys.stderr.isatty():
        yield no_bytes
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from dyepack.sinks import visible

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(words, total=None)
        yield lambda done, total, text: progress.update(
            task, description=f"{words}: {visible(text)}", completed=done, total=total
        )


def out(content: str | bytes, file: Path | None) -> None:
    """Data to a file (written whole, text as UTF-8) or to standard output."""
    if file is None:
        if isinstance(content, str):
            sys.stdout.write(content)
        else:
            sys.stdout.buffer.write(content)
        return
    from dyepack.errors import InputError

    check_file(file)
    partial = file.with_name(f".{file.name}.partial")
    try:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        partial.replace(file)
    except OSError as fault:
        with suppress(OSError):
            partial.unlink()
        raise InputError(file, f"cannot be written ({fault.strerror})", remedy="choose another place") from fault


def day(text: str, option: str) -> date:
    """A day given as an option, as YYYY-MM-DD and in no other form; UsageError if it is none."""
    from datetime import date

    from dyepack.errors import UsageError
    from dyepack.tags.text import is_day

    if not is_day(text):
        raise UsageError(f"{option} {text!a} is not a day", remedy="write it as YYYY-MM-DD, for example 2022-02-07")
    return date.fromisoformat(text)


def json_text(value: Any) -> str:
    """A result object as JSON."""
    import json

    return json.dumps(value, indent=1, ensure_ascii=True) + "\n"


def line(value: Any) -> None:
    """A result object as one line of JSON, written through at once."""
    import json

    sys.stdout.write(json.dumps(value, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def csv_text(header: list[str], rows: list[list[Any]]) -> str:
    """Rows as CSV, safe to open in a spreadsheet."""
    import csv
    import io

    from dyepack.sinks import for_csv

    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[for_csv(str(cell)) for cell in row] for row in rows])
    return text.getvalue()


def shown(renderable: Any) -> str:
    """What a rich renderable looks like: coloured only where standard output is a terminal that wants it."""
    from dyepack.report.terminal import console

    screen = console()
    with screen.capture() as capture:
        screen.print(renderable)
    return "\n".join(line.rstrip() for line in capture.get().split("\n"))


def one_form(*, json: bool, csv: bool) -> None:
    """UsageError if two forms are asked for; called before anything is done."""
    from dyepack.errors import UsageError

    if json and csv:
        raise UsageError("--json and --csv exclude each other", remedy="choose one")


def check_file(file: Path | None) -> None:
    """InputError if a file to be written has no folder to be in, or is a folder; called before anything is done."""
    from dyepack.errors import InputError

    if file is None:
        return
    if file.is_symlink() or (file.exists() and not file.is_file()) or not file.parent.is_dir():
        raise InputError(file, "cannot be written: no such folder, or no plain file", remedy="choose another place")
    if (file.parent / "case.json").exists():
        raise InputError(file, "is inside a case folder, which is a record", remedy="choose another place")


def statement(statement: Statement, *, json: bool, csv: bool, every: bool, file: Path | None = None) -> int:
    """Show a statement in the form asked for; the exit code says whether it is complete."""
    from dyepack.errors import EXIT_INCOMPLETE, EXIT_OK

    one_form(json=json, csv=csv)
    if json:
        out(json_text(statement.to_json()), file)
    elif csv:
        out(csv_text(*statement.table()), file)
    else:
        from dyepack.report.terminal import statement_lines

        out(shown(statement_lines(statement, every=every)), file)
    return EXIT_OK if statement.complete else EXIT_INCOMPLETE


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def __call__(self) -> float:
        """The seconds so far."""
        return time.perf_counter() - self._start
