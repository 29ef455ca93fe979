"""Live tracing against a real node (anvil): what a trace asks and how long it takes, how fast answers are decoded, and
how much memory a case of a hundred thousand moves takes.

Beside the live trace, in the same run: reading every block of the window with receipts and traces, over the same
transport (what has to be read where nobody can be asked about single holdings; nothing is replayed for it), and the
re-run from the evidence alone. Beside msgspec's typed decoder: json of the standard library (and orjson, if installed).
Every measured run is a process of its own. Needs the npm packages of tests/node (DYEPACK_NODE, as the tests).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dyepack.case.gather import Limits
from dyepack.case.live import Request, fetch
from dyepack.case.run import trace
from dyepack.ledger.open import open_ledger
from dyepack.sources.live.endpoint import Endpoint
from dyepack.sources.live.evidence import Evidence
from dyepack.sources.live.evm.answers import Block, Listing, Receipt, Trace, decode, decode_block
from dyepack.sources.live.fetch import Fetcher
from dyepack.sources.live.rpc import Call, Fault
from dyepack.tags.model import TagSet
from dyepack.tracing.plan import Plan
from dyepack.tracing.resolve import Parameters
from dyepack.tracing.theft import parse_theft
from live_chains import FEE, Chain, Script, built, market, peel, tree
from tables import Cell, Table, middle, rate, say, show, timed

LOCAL = ("127.0.0.1",)
MB = 1e6
LIVE, OFFLINE, BLOCKS = "live trace", "offline re-run", "every block"
COLUMNS = ["chain", "way", "requests", "calls", "MB", "s", "requests/1,000", "calls/1,000", "s/1,000"]
WHOLE_BLOCK = (("eth_getBlockByNumber", True), ("eth_getBlockReceipts",), ("trace_block",))


def scripts(noise: list[int]) -> Iterator[Script]:
    """Shapes of about a thousand dyed payments; a coin's payment is two dyed moves, itself and its fee."""
    for others in noise:
        yield Script(f"peel, 50 hops of 21, {others} others a block", peel(50, 21), noise=others)
    yield Script("the same peel, 100 empty blocks a hop", peel(50, 21), empty=100)
    yield Script("tree, 3 levels of 11", tree(3, 11))
    yield Script("tree of a token, 3 levels of 11", tree(3, 11, fee=0), token=True)


# One measured run, in a process of its own.


def cell(way: str, url: str, theft: Path, case: Path, last: int) -> dict[str, float]:
    """What one run cost."""
    if way == BLOCKS:
        found = asyncio.run(_every_block(url, case, last))
    else:
        thefts = [parse_theft(theft.read_bytes(), "bench")]
        asked = Request(f"evm+{url}", allow=LOCAL, offline=way == OFFLINE, limits=Limits(depth=0))
        seconds, got = timed(lambda: fetch(asked, thefts, TagSet(), Parameters(), case))
        network = got.network
        found = {
            "requests": network.requests, "calls": network.calls, "received": network.received, "kept": network.kept,
            "s": seconds, "fetch peak": _peak(),
        }  # fmt: skip
        if way == OFFLINE:
            found |= _traced(case, theft)
    return found | {"peak": _peak()}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _traced(case: Path, theft: Path) -> dict[str, float]:
    """Tracing all rules on the ledger of the case, the kernel loaded before."""
    from dyepack.tracing import kernel

    thefts = [parse_theft(theft.read_bytes(), "bench")]
    ledger = open_ledger(case / "ledger")
    kernel.replay(ledger, Plan({}), "fifo")  # type: ignore[arg-type] # of accounts, by the script
    seconds, run = timed(lambda: trace(ledger, thefts, TagSet(), Parameters()))
    if not run.statement.complete:
        raise RuntimeError("the trace is not complete: the bench and the source do not fit")
    return {"trace s": seconds, "moves": len({m.move for m in run.moves})}


async def _every_block(url: str, folder: Path, last: int) -> dict[str, float]:
    """Ask for all blocks up to the last with receipts and traces, and decode them."""
    forms = (Block, list[Receipt], list[Trace])
    calls = [Call(m, (hex(n), *more)) for n in range(1, last + 1) for m, *more in WHOLE_BLOCK]

    async def read() -> Any:
        with Evidence(folder) as evidence:
            async with Fetcher(Endpoint.parse(f"evm+{url}", allow=LOCAL), evidence) as fetcher:
                for at, reply in enumerate(await fetcher.rpc(calls)):
                    if isinstance(reply, Fault):
                        raise TypeError(reply.message)
                    decode(reply, forms[at % 3], WHOLE_BLOCK[at % 3][0])
        return fetcher.asked

    loop = asyncio.get_running_loop()
    start = loop.time()
    network = await read()
    return {
        "requests": network.requests, "calls": network.calls, "received": network.received, "s": loop.time() - start,
    }  # fmt: skip


def run_cell(way: str, chain: Chain, theft: Path, case: Path) -> dict[str, float]:
    """The same in a new process."""
    words = [way, chain.node.url, str(theft), str(case), str(chain.last)]
    done = subprocess.run([sys.executable, __file__, "--cell", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{way} failed: {done.stderr}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


# Tables.


def asking(noise: list[int], runs: int, work: Path) -> Table:
    """Requests and seconds of a trace, of its re-run, and of reading every block."""
    table = Table(f"about 1,000 dyed payments against anvil, median of {runs}", COLUMNS)
    for script in scripts(noise):
        with built(script) as chain, tempfile.TemporaryDirectory(dir=work) as scratch:
            theft = Path(scratch) / "theft.toml"
            theft.write_text(chain.theft, encoding="utf-8")
            found: dict[str, list[dict[str, float]]] = {LIVE: [], OFFLINE: [], BLOCKS: []}
            for number in range(runs):
                say(f"{script.name}: {number + 1} of {runs}")
                for way, done in found.items():
                    folder = Path(scratch) / f"{'blocks' if way == BLOCKS else 'case'}-{number}"
                    done.append(run_cell(way, chain, theft, folder))
            moves = int(found[OFFLINE][-1]["moves"])
            name = f"{script.name}: {moves:,} dyed moves of {chain.transactions:,} transactions, {chain.last:,} blocks"
            table.rows += [[name, way, *_costs(done, moves)] for way, done in found.items()]
    table.notes += [
        "requests: HTTP requests of at most 100 calls. MB: as received. A trace asks about holdings, a round a hop;",
        "every block: blocks, receipts and traces of the window, decoded, no replay. Offline: from the evidence.",
        "anvil keeps no index: its trace_filter and eth_getLogs go through all blocks, so its part grows with them.",
    ]
    return table


def _costs(done: list[dict[str, float]], moves: int) -> list[Cell]:
    requests, calls, received, seconds = (median(d[k] for d in done) for k in ("requests", "calls", "received", "s"))
    each = moves / 1000
    return [
        int(requests), int(calls), received / MB, seconds, requests / each, calls / each, seconds / each,
    ]  # fmt: skip


def decoding(runs: int) -> Table:
    """MB a second of typed decoding, and of decoders that make dictionaries."""
    beside: list[tuple[str, Callable[[bytes], object]]] = [("json", json.loads)]
    if find_spec("orjson") is not None:
        beside.append(("orjson", import_module("orjson").loads))
    names = [name for name, _ in beside]
    columns = ["answer", "MB", "msgspec MB/s", *(f"{n} MB/s" for n in names), *(f"msgspec/{n}" for n in names)]
    table = Table(f"decoding answers about one block of 1,000 transactions, median of {runs}", columns)
    for kind, token in (("payments", False), ("token transfers", True)):
        script = Script(kind, tree(1, 1000, fee=0 if token else FEE), token=token)
        with built(script) as chain:
            for name, form, body in asyncio.run(_bodies(chain)):
                decoder: Callable[[bytes], object] = msgspec.json.Decoder(form).decode
                if form is Block:
                    decoder = decode_block
                rates = [_speed(way, body, runs) for way in (decoder, *(way for _, way in beside))]
                table.rows.append([f"{name}, {kind}", len(body) / MB, *rates, *(rates[0] / one for one in rates[1:])])
    table.notes.append("msgspec: into the typed structures that the adapter reads; the others: into dictionaries.")
    return table


async def _bodies(chain: Chain) -> list[tuple[str, Any, bytes]]:
    """Answers about the newest block, as bytes."""
    number = hex(chain.last)
    asked = [
        ("block in full", Block, Call("eth_getBlockByNumber", (number, True))),
        ("block with ids", Listing, Call("eth_getBlockByNumber", (number, False))),
        ("receipts", list[Receipt], Call("eth_getBlockReceipts", (number,))),
        ("traces", list[Trace], Call("trace_block", (number,))),
    ]
    async with Fetcher(Endpoint.parse(f"evm+{chain.node.url}", allow=LOCAL)) as fetcher:
        replies = await fetcher.rpc([call for _, _, call in asked])
    bodies = [bytes(reply) for reply in replies if not isinstance(reply, Fault)]
    return [(name, form, body) for (name, form, _), body in zip(asked, bodies, strict=True)]


def _speed(way: Callable[[bytes], object], body: bytes, runs: int) -> float:
    times = max(1, int(20 * MB / len(body)))

    def often() -> None:
        for _ in range(times):
            way(body)

    return rate(times * len(body), middle(often, runs)[0]) / MB


def memory(wallets: int, rounds: int, runs: int, work: Path) -> Table:
    """Seconds and resident memory of a large case, inside the usual limits of a trace."""
    table = Table(
        f"a case of {wallets:,} places that pay each other {rounds:,} times, median of {runs}",
        ["way", "dyed moves", "requests", "calls", "MB", "fetch s", "peak MB", "trace s", "peak with trace MB"],
    )
    say("the large case: building its chain")
    with built(Script("market", market(wallets, rounds))) as chain, tempfile.TemporaryDirectory(dir=work) as scratch:
        theft = Path(scratch) / "theft.toml"
        theft.write_text(chain.theft, encoding="utf-8")
        found: dict[str, list[dict[str, float]]] = {LIVE: [], OFFLINE: []}
        for number in range(runs):
            for way, done in found.items():
                say(f"the large case: {way}, {number + 1} of {runs}")
                done.append(run_cell(way, chain, theft, Path(scratch) / f"case-{number}"))
        moves = int(found[OFFLINE][-1]["moves"])
        for way, done in found.items():
            middles = {k: median(d[k] for d in done) for k in done[0]}
            table.rows.append([
                way, moves, int(middles["requests"]), int(middles["calls"]), middles["received"] / MB, middles["s"],
                middles["fetch peak"], middles.get("trace s"), middles["peak"] if "trace s" in middles else None,
            ])  # fmt: skip
    table.notes += [
        "peak MB: resident, of the whole process with Python. fetch: until evidence and ledger are written. trace:",
        "every rule replayed by the kernel and proved, moves and statement made; the kernel was loaded before.",
    ]
    return table


def arguments() -> Any:
    """What was asked for."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--noise", default="0,200", help="payments of others in each block, with commas")
    words.add_argument("--wallets", type=int, default=100, help="places of the large case (0: leave it out)")
    words.add_argument("--rounds", type=int, default=500, help="how often each of them pays")
    words.add_argument("--runs", type=int, default=3, help="runs, of which the median counts")
    words.add_argument("--large-runs", type=int, default=1, help="the same of the large case")
    words.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()), help="where cases are written meanwhile"
    )
    words.add_argument("--json", action="store_true", help="print JSON")
    words.add_argument("--cell", nargs=5, help=argparse.SUPPRESS)
    return words.parse_args()


def main() -> None:
    """Measure and print."""
    given = arguments()
    if given.cell:
        way, url, theft, case, last = given.cell
        print(json.dumps(cell(way, url, Path(theft), Path(case), int(last))))
        return
    given.work.mkdir(parents=True, exist_ok=True)
    tables = [
        asking([int(t) for t in given.noise.split(",")], given.runs, given.work),
        decoding(given.runs),
    ]
    if given.wallets:
        tables.append(memory(given.wallets, given.rounds, given.large_runs, given.work))
    show(tables, as_json=given.json)


if __name__ == "__main__":
    main()
