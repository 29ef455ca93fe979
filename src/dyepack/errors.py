"""Every fault that dyepack tells a user about.

DyepackError                 something a user can mend; shown as one sentence, never with a stack
├── UsageError               the command's words do not fit together            (exit 2)
├── InputError               a file from outside is not what it must be         (exit 1)
├── LedgerError              a ledger is missing, damaged or of another chain   (exit 1)
├── TheftError               a theft does not fit the ledger it is traced on    (exit 1)
├── CaseError                a case folder is missing, damaged or changed       (exit 1)
└── BalanceError             the books do not balance: a bug in dyepack         (exit 1)

Invariant: each error carries what is wrong and how to mend it; anything else that escapes is a bug and keeps its stack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

EXIT_OK = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_HIT = 3
EXIT_INCOMPLETE = 4
EXIT_STALE = 5
EXIT_INTERRUPTED = 130

_SHOWN = 80


def quoted(value: str) -> str:
    """A value from outside, escaped and shortened so that it is safe to print in a message."""
    text = value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
    return "'" + text.encode("unicode_escape").decode("ascii") + "'"


class DyepackError(Exception):
    """A fault that the user can mend: `problem` says what is wrong, `remedy` what to do."""

    exit_code = EXIT_FAILURE

    def __init__(self, problem: str, *, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem}\nhint: {self.remedy}"


class UsageError(DyepackError):
    """The words of a command contradict each other or name something that does not exist."""

    exit_code = EXIT_USAGE


class InputError(DyepackError):
    """A file from outside cannot be used; names the file and, where known, its line and field."""

    def __init__(
        self, file: Path | str, problem: str, *, remedy: str, line: int | None = None, field: str | None = None
    ) -> None:
        place = str(file) + (f", line {line}" if line is not None else "")
        place += f", column {quoted(field)}" if field is not None else ""
        super().__init__(f"{place}: {problem}", remedy=remedy)
        self.file, self.line, self.field = str(file), line, field


class LedgerError(DyepackError):
    """A ledger folder is missing, damaged, in the way, or of another chain."""


class TheftError(DyepackError):
    """A theft names a transaction, address or asset that the ledger does not hold."""


class CaseError(DyepackError):
    """A case folder is missing, damaged, in the way, or does not re-run to the same bytes."""


class BalanceError(DyepackError):
    """Dyed units in and dyed units accounted for differ: no statement is printed."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"the books do not balance: {problem}",
            remedy="this is a fault in dyepack, not in your data; please report it with the case folder",
        )
