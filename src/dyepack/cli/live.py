"""What the commands that ask a live source have in common: their words, and the fetching itself with its notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.cli import show

if TYPE_CHECKING:
    from pathlib import Path

    from dyepack.case.live import Fetched, Request
    from dyepack.ledger.open import AnyLedger
    from dyepack.tags.model import TagSet
    from dyepack.tracing.resolve import Parameters
    from dyepack.tracing.theft import Theft


class Live:
    """A live source as the words of a command name it."""

    def __init__(self, request: Request) -> None:
        self.request = request

    def identity(self, case: Path) -> tuple[str, str]:
        """The chain of the source and the key of its own coin."""
        from dyepack.case.live import identity

        return identity(self.request, case)

    def check_same(
        self, thefts: list[Theft], tags: TagSet, parameters: Parameters, case: Path, *, replace: bool
    ) -> None:
        """CaseError if an offline run would put another case in the place of the one that is there, unasked."""
        from dyepack.case.live import differs

        if self.request.offline and not replace and (what := differs(self.request, thefts, tags, parameters, case)):
            from dyepack.errors import CaseError

            raise CaseError(f"{case} was traced with other {what}", remedy="say the same, or --replace the case")

    def fetch(self, thefts: list[Theft], tags: TagSet, parameters: Parameters, case: Path) -> Fetched:
        """Gather what the trace needs into the case, and say what it cost."""
        from dyepack.case.live import fetch

        with show.rounds("fetching") as step:
            found = fetch(self.request, thefts, tags, parameters, case, progress=step)
        cost = found.network
        show.note(f"{cost.requests:,} requests, {cost.received:,} bytes; {cost.kept:,} answers from the evidence")
        if found.interrupted:
            show.note("interrupted: what was not fetched is a gap; the same command goes on from there")
        return found


def live_of(
    ledger: Path | None, source: str, out: Path | None, second: str, allow: list[str], *, offline: bool,
    limits: tuple[int, int, int],
) -> Live | None:  # fmt: skip
    """The live source that a command names, None where it names a ledger; UsageError if its words do not fit."""
    from dyepack.case.gather import Limits
    from dyepack.case.live import Request
    from dyepack.errors import UsageError

    if bool(source) == (ledger is not None):
        raise UsageError("a trace needs a ledger or a live source", remedy="say --ledger FOLDER, or --from SOURCE")
    if not source:
        if offline or second or allow:
            raise UsageError("--offline, --check-with and --allow-host go with --from", remedy="leave them out")
        return None
    if out is None:
        raise UsageError("a live trace keeps its evidence in a case", remedy="say --out FOLDER")
    return Live(Request(source, second, tuple(allow), offline, Limits(*limits)))


def reached(ledger: AnyLedger, parameters: Parameters) -> Parameters:
    """The parameters, without the places and assets that the money never came to, which are noted."""
    from dyepack.case.needs import fitting

    kept = fitting(ledger, parameters)
    for name in ("follow", "stop", "cut_off"):
        for word in getattr(parameters, name).keys() - getattr(kept, name).keys():
            show.note(f"the money did not come to {word}")
    return kept
