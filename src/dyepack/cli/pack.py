"""dyepack pack, verify and stamp: a case as evidence that others can check without us and without a network."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from dyepack.cli import show
from dyepack.cli.options import AsJson, CaseFolder

PackPath = Annotated[Path, typer.Argument(help="The pack: a folder, or a file that ends in .zip.")]
AllowHost = Annotated[list[str] | None, typer.Option(help="A host that may be private, as 127.0.0.1.")]
_MIB = 1 << 20
_MOST_FILE = 1 << 20


def pack(
    case: CaseFolder,
    out: Annotated[Path, typer.Option(help="The pack to write: a folder, or a file that ends in .zip.")],
    ledger: Annotated[
        Path | None, typer.Option("--ledger", "-l", help="The ledger it was traced on (a live case holds its own).")
    ] = None,
    note: Annotated[list[str] | None, typer.Option(help="A remark for the action log; several times.")] = None,
    by: Annotated[str, typer.Option(help="Who makes the remarks.")] = "",
    at: Annotated[str, typer.Option(help="When, for the log, as 2026-03-01T12:00:00Z (no clock is read).")] = "",
    most_ledger: Annotated[int, typer.Option(help="Largest imported ledger that is packed, in MiB.", min=1)] = 512,
    timestamp: Annotated[str, typer.Option(help="Have it stamped by this RFC 3161 authority (a URL).")] = "",
    allow_host: AllowHost = None,
    json: AsJson = False,
) -> None:
    """Pack a case with its ledger, its raw answers and a log of what was done (BagIt, SHA-256 and SHA-512).

    The same case gives the same bytes. The id that is printed names them: keep it apart from the pack.
    """
    from dyepack.errors import DyepackError
    from dyepack.pack.make import Wanted, make

    _check_at(at)
    if timestamp:
        from dyepack.pack import stamps

        stamps.library()
    wanted = Wanted(note or [], by, at, most_ledger * _MIB)
    made = make(case, out, wanted, ledger)
    stamp_file = ""
    try:
        stamp_file = _stamp_from(out, timestamp, allow_host or []) if timestamp else ""
    except DyepackError:
        show.note(f"{out} is written and has no time stamp: `dyepack stamp` adds one later")
        raise
    if json:
        show.out(show.json_text({"pack": str(out), "pack_id": made.pack_id, "files": made.files, "bytes": made.octets,
                                 "stamp": stamp_file}), None)  # fmt: skip
        return
    show.out(f"{made.files:,} files of {made.octets:,} bytes packed\npack id: {made.pack_id}\n", None)
    show.note(f"stamped: {stamp_file}" if stamp_file else "unstamped: `dyepack stamp` adds a time stamp")


def verify(
    pack: PackPath,
    pack_id: Annotated[str, typer.Option("--id", help="The id that it must have, from a source that you trust.")] = "",
    tsa_root: Annotated[
        list[Path] | None, typer.Option(help="Certificate (PEM) of a time stamp authority you trust; several times.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Hashes, log and sums only: do not trace again.")] = False,
    json: AsJson = False,
) -> int:
    """Check a pack offline, from its bytes to every dyed move; say the first thing that is wrong.

    Leaves with 1 if anything is.
    """
    from dyepack.errors import EXIT_FAILURE, EXIT_OK, UsageError
    from dyepack.pack.verify import verify as check
    from dyepack.sinks import visible

    if pack_id and not re.fullmatch(r"[0-9A-Fa-f]{64}", pack_id):
        raise UsageError("a pack id is 64 hexadecimal digits", remedy="give the whole id")
    roots = [_read(path) for path in tsa_root or []]
    with show.steps("verifying", 12) as step:
        found = check(pack, roots=roots, pack_id=pack_id, deep=not quick, progress=step)
    if json:
        show.out(show.json_text(found.to_json()), None)
    else:
        show.out("".join(visible(line) + "\n" for line in found.lines()), None)
    return EXIT_OK if found.sound else EXIT_FAILURE


def stamp(
    pack: PackPath,
    timestamp: Annotated[str, typer.Option(help="Ask this RFC 3161 authority (a URL).")] = "",
    request: Annotated[
        Path | None, typer.Option(help="Write the request to this file (.tsq), to be sent by other means.")
    ] = None,
    response: Annotated[Path | None, typer.Option(help="Put this response (.tsr) into the pack.")] = None,
    to: Annotated[Path | None, typer.Option(help="The request that the response answers: compares the nonce.")] = None,
    allow_host: AllowHost = None,
) -> None:
    """Have a pack stamped with the time, over the network or by files that you send; the pack's id stays."""
    from dyepack.errors import UsageError
    from dyepack.pack import stamping, stamps

    if sum(map(bool, (timestamp, request, response))) != 1 or (to is not None and response is None):
        raise UsageError("one way to stamp is needed", remedy="give --timestamp, --request, or --response [--to]")
    stamps.library()
    if timestamp:
        show.out(_stamp_from(pack, timestamp, allow_host or []) + "\n", None)
    elif request is not None:
        show.check_file(request)
        if Path(os.path.realpath(request)).is_relative_to(os.path.realpath(pack)):
            raise UsageError("a request cannot be inside of its pack", remedy="choose another --request")
        show.out(stamps.request(stamping.text_of(pack)), request)
        show.note(f"request written to {request}: send it as application/timestamp-query, then stamp --response")
    elif response is not None:
        show.out(stamping.add(pack, _read(response), response, _read(to) if to else None) + "\n", None)


def _stamp_from(pack: Path, url: str, allow: list[str]) -> str:
    import asyncio

    from dyepack.pack import stamping, stamps

    asked = stamps.request(stamping.text_of(pack))
    return stamping.add(pack, asyncio.run(stamps.fetch(url, asked, allow)), url, asked)


def _read(path: Path) -> bytes:
    from dyepack.files import read_bounded

    return read_bounded(path, _MOST_FILE, remedy="give a certificate, a request or a response")


def _check_at(text: str) -> None:
    from contextlib import suppress
    from datetime import UTC, datetime

    from dyepack.errors import UsageError

    if not text:
        return
    written = re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", text, re.ASCII)
    with suppress(ValueError):
        if written is not None:
            datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            return
    raise UsageError("--at is no time in UTC", remedy="write it as 2026-03-01T12:00:00Z")
