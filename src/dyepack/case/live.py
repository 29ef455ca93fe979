"""A live trace from start to finish: sources opened, evidence kept, the ledger written into the case.

    case/evidence/   every answer of the source, as it came
    case/ledger/     the ledger made of them
    case/ (rest)     as of any case (folder.py); case.json also says which source, up to which block, by which evidence

Invariant: the same evidence gives the same case, without a network. Evidence of a chain that was reorganised while it
was read is set aside whole (evidence.orphaned-1 ...) and the work begins again, a few times at most.
"""

from __future__ import annotations

import asyncio
import hashlib
import signal
import tempfile
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dyepack.case.cited import CitedCheck, check_cited
from dyepack.case.folder import CHECKS, EVIDENCE, LEDGER, Case, unfinish
from dyepack.case.gather import Gatherer, Limits
from dyepack.case.gather_outputs import OutputGatherer
from dyepack.case.needs import known_tags
from dyepack.errors import CaseError, UsageError
from dyepack.ledger.open import open_ledger
from dyepack.progress import OnStep, no_step
from dyepack.sources.bitcoin.store import BITCOIN, store
from dyepack.sources.live.client import Settings
from dyepack.sources.live.endpoint import Endpoint
from dyepack.sources.live.errors import Reorganised
from dyepack.sources.live.evidence import Evidence
from dyepack.sources.live.fetch import Fetcher
from dyepack.sources.live.head.canonical import SourceView
from dyepack.sources.live.ledger import Gathered
from dyepack.sources.live.open import source_of
from dyepack.sources.live.source import AccountSource, OutputSource
from dyepack.tags.write import csv_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dyepack.sources.bitcoin.result import BitcoinImport
    from dyepack.sources.blocks import BlockRef
    from dyepack.sources.live.rates import Cost
    from dyepack.sources.live.source import Source
    from dyepack.tags.model import TagSet
    from dyepack.tracing.resolve import Parameters
    from dyepack.tracing.theft import Theft

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Request:
    """Where a live trace asks and how: sources as users write them, hosts they allow, limits."""

    source: str
    second: str = ""
    allow: Sequence[str] = ()
    offline: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(slots=True)
class Fetched:
    """What a case says of the source behind it; `interrupted`: the user stopped it; what the network cost."""

    facts: dict[str, Any]
    interrupted: bool
    network: Cost


def fetch(
    request: Request,
    thefts: list[Theft],
    tags: TagSet,
    parameters: Parameters,
    case: Path,
    *,
    ledger: Path | None = None,
    progress: OnStep = no_step,
) -> Fetched:
    """Gather what a trace needs into the case's evidence and ledger (or another place for the ledger)."""
    if request.offline and not (case / EVIDENCE).is_dir():
        raise CaseError(f"{case} holds no evidence", remedy="run the trace without --offline first")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return asyncio.run(_fetch(request, thefts, tags, parameters, case, ledger, progress))
        except Reorganised as fault:
            if request.offline or attempt == _ATTEMPTS:
                raise
            _set_aside(case)
            progress(f"the chain was reorganised ({fault.problem}): once more")
    raise AssertionError


def _set_aside(case: Path) -> None:
    number = 1
    while (case / f"{EVIDENCE}.orphaned-{number}").exists():
        number += 1
    (case / EVIDENCE).rename(case / f"{EVIDENCE}.orphaned-{number}")


async def _fetch(
    request: Request, thefts: list[Theft], tags: TagSet, parameters: Parameters, case: Path, ledger: Path | None,
    progress: OnStep,
) -> Fetched:  # fmt: skip
    endpoint = Endpoint.parse(request.source, request.allow)
    other = Endpoint.parse(request.second, request.allow) if request.second else None
    async with AsyncExitStack() as open_things:
        evidence = open_things.enter_context(Evidence(case / EVIDENCE, write=not request.offline))
        settings = Settings()
        fetcher = await open_things.enter_async_context(
            Fetcher(endpoint, evidence, offline=request.offline, settings=settings)
        )
        source, costs = source_of(fetcher), [fetcher.asked]
        second = None
        if other is not None:
            another = Fetcher(other, evidence, offline=request.offline, settings=settings)
            second = source_of(await open_things.enter_async_context(another))
            costs.append(another.asked)
        work = _gatherer(source, second, (thefts, tags, parameters, request.limits), progress)
        found = await _interruptible(work)
        if not request.offline and not work.stopped:
            await _check_canonical(endpoint, work.head, settings)
        digest = evidence.digest()
        found.notes += evidence.notes()
        found.inputs = [{"name": EVIDENCE, "sha256": digest}]
        if ledger is None:
            unfinish(case)
            if not request.offline:
                (case / CHECKS).unlink(missing_ok=True)
        if isinstance(found, Gathered):
            found.write(ledger or case / LEDGER)
        elif isinstance(source, OutputSource):
            store(found, ledger or case / LEDGER, chain=source.chain, network=source.network, replace=True)
    facts = {
        "source": f"{endpoint.kind}+{endpoint.shown}", "second": f"{other.kind}+{other.shown}" if other else "",
        "head": asdict(work.head), "window": asdict(work.window), "limits": asdict(request.limits), "evidence": digest,
        "interrupted": work.stopped,
    }  # fmt: skip
    return Fetched(facts, work.stopped, sum(costs[1:], costs[0]))


def _gatherer(
    source: Source, second: Source | None, what: tuple[list[Theft], TagSet, Parameters, Limits], progress: OnStep
) -> Gatherer | OutputGatherer:
    """The work on a source of either model."""
    if not isinstance(source, AccountSource):
        if second is not None:
            raise UsageError("a source of outputs is not checked with a second one", remedy="leave it out")
        return OutputGatherer(source, *what, progress=progress)
    if second is not None and not isinstance(second, AccountSource):
        raise UsageError("the two sources are of different kinds", remedy="check with one of the same model")
    return Gatherer(source, *what, second=second, progress=progress)


async def _interruptible(work: Gatherer | OutputGatherer) -> Gathered | BitcoinImport:
    """Run, and on Ctrl-C stop fetching and account for what is there."""
    task: asyncio.Task[Gathered | BitcoinImport] = asyncio.create_task(work.run())
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        loop.remove_signal_handler(signal.SIGINT)


async def _check_canonical(endpoint: Endpoint, head: BlockRef, settings: Settings) -> None:
    """Reorganised if the block up to which was read is no longer in the chain."""
    async with Fetcher(endpoint, settings=settings) as now:
        source = source_of(now)
        await source.open()
        block = (await source.blocks([head.number])).get(head.number)
    if block is None or block.hash != head.hash:
        raise Reorganised(head.number, head.hash, block.hash if block else "orphaned")


def recheck(source: str, allow: Sequence[str], blocks: Mapping[int, str]) -> CitedCheck:
    """Whether blocks (number to hash) still stand in the chain, as a source sees it now."""

    async def ask() -> CitedCheck:
        async with Fetcher(Endpoint.parse(source, allow)) as now:
            adapter = source_of(now)
            await adapter.open()
            return await check_cited(blocks, SourceView(adapter, now.endpoint.shown))

    return asyncio.run(ask())


def check_evidence(case: Case) -> None:
    """CaseError unless a live case's evidence is whole, and gives its ledger once more (one that its user stopped: is
    whole)."""
    with Evidence(case.path / EVIDENCE, write=False) as evidence:
        evidence.verify()
    live = case.about["live"]
    if live["interrupted"]:
        return
    hosts = [urlsplit(live[name].partition("+")[2]).netloc for name in ("source", "second") if live[name]]
    request = Request(live["source"], live["second"], hosts, offline=True, limits=Limits(**live["limits"]))
    with tempfile.TemporaryDirectory(prefix="dyepack-") as folder:
        made = fetch(request, case.thefts(), case.tags(), case.parameters, case.path, ledger=Path(folder) / LEDGER)
        found = open_ledger(Path(folder) / LEDGER).sha256
    if found != case.about["ledger"]["sha256"] or made.facts != live:
        raise CaseError(f"the evidence of {case.path} does not give its ledger",
                        remedy="get the case again from where it came from, or trace anew")  # fmt: skip


def differs(request: Request, thefts: list[Theft], tags: TagSet, parameters: Parameters, case: Path) -> str:
    """In what a request differs from that of the whole case which is there; "" if in nothing, or there is none."""
    if not (case / "SHA256").exists():
        return ""
    opened = Case(case)
    about = opened.about
    used = csv_text(known_tags(opened.open_ledger(), tags).tags).encode()
    live = about.get("live", {})
    asked = {
        "thefts": [hashlib.sha256(t.raw).hexdigest() for t in thefts],
        "parameters": {k: v for k, v in asdict(parameters).items() if k != "fees"},
        "limits": asdict(request.limits),
        "tags": hashlib.sha256(used).hexdigest(),
    }
    there = {
        "thefts": [t["sha256"] for t in about["thefts"]],
        "parameters": {k: v for k, v in about["parameters"].items() if k != "fees"},
        "limits": live.get("limits"),
        "tags": about["tags"]["sha256"],
    }
    return next((name for name, value in asked.items() if value != there[name]), "")


def identity(request: Request, case: Path) -> tuple[str, str]:
    """The chain of a source and the key of its own coin; asked of the evidence where there is one."""

    async def ask() -> tuple[str, str]:
        endpoint = Endpoint.parse(request.source, request.allow)
        with Evidence(case / EVIDENCE, write=not request.offline) as evidence:
            async with Fetcher(endpoint, evidence, offline=request.offline) as fetcher:
                source = source_of(fetcher)
                await source.open()
        return source.chain, source.native.key if isinstance(source, AccountSource) else BITCOIN.key

    return asyncio.run(ask())
