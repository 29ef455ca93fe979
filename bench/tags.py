"""Tags: seconds to load as many as GraphSense publishes, and microseconds to look an address up.

The tags are the real packs of ../shared/data and generated packs of the same shapes, as many as make --tags in all.
They are loaded as TagPacks (YAML, header fields inherited), as one TagPack whose tags say everything themselves, as
dyepack's own CSV, and from a store. Beside them: PyYAML's safe loaders (dicts, values as YAML makes them, nothing
checked), csv.DictReader and a bare SELECT by sqlite3 over the same files. Each way runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from ledgers import DEFAULT_WORK
from tables import Table, say, show, timed
from utxo_passes import peak

DEFAULT_TAGS = 524_170
REAL = Path(__file__).parents[2] / "shared/data/labels/graphsense-tagpacks/packs"
PACK = 20_000
"""Tags of a generated pack."""
ASKED = 20_000
DAY = "2025-12-01"
FIELDS = ("label", "currency", "category", "source", "confidence", "lastmod", "actor")


def generated(count: int, seed: int) -> Iterator[dict[str, str]]:
    """Tags in the mixture of the real packs: three of four of Bitcoin, the rest of Ethereum with and without case."""
    import wallycore

    from dyepack.tags.addresses.codecs import checksum_case

    chance = random.Random(seed)
    for number in range(count):
        body = chance.randbytes(20)
        sort = number % 4
        if sort == 0:
            address, currency = str(wallycore.addr_segwit_from_bytes(b"\0\x14" + body, "bc", 0)), "BTC"
        elif sort < 3:
            address, currency = str(wallycore.base58check_from_bytes((b"\0", b"\5")[sort - 1] + body)), "BTC"
        else:
            digits = body.hex()
            address, currency = "0x" + (checksum_case(digits) if number % 8 == 7 else digits), "ETH"
        yield {"address": address, "currency": currency, "label": f"party {number % 5000}"}


def make(work: Path, tags: int, seed: int) -> Path:
    """The files, made once: packs/, one.yaml, tags.csv and tags.store."""
    from dyepack.tags.importing import Words, import_lists, read_lists
    from dyepack.tags.load import load
    from dyepack.tags.model import TagSet
    from dyepack.tags.store import Store
    from dyepack.tags.write import write_csv

    folder = work / f"tags-{tags}-{seed}"
    if (folder / "done").exists():
        return folder
    say(f"making {tags:,} tags in {folder}")
    (folder / "packs").mkdir(parents=True, exist_ok=True)
    known = TagSet()
    for path in sorted(REAL.rglob("*.yaml")):
        (folder / "packs" / path.name).write_bytes(path.read_bytes())
    for path in sorted((folder / "packs").iterdir()):
        known.merge(load(path))
    rows = generated(max(0, tags - len(known.tags)), seed)
    for number in range(max(0, tags - len(known.tags)) // PACK + 1):
        path = folder / "packs" / f"generated-{number}.yaml"
        with path.open("w") as file:
            file.write(f"title: generated {number}\ncreator: bench\nconfidence: forensic\nlastmod: {DAY}\n"
                       "source: https://example.org/tags\ncategory: exchange\ntags:\n")  # fmt: skip
            for row in (row for _, row in zip(range(PACK), rows, strict=False)):
                file.write("".join(f"{'-' if k == 'address' else ' '} {k}: '{v}'\n" for k, v in row.items()))
        if path.stat().st_size > 200:
            known.merge(load(path))
        else:
            path.unlink()
    write_csv(folder / "tags.csv", known.tags)
    with (folder / "one.yaml").open("w", encoding="utf-8") as file:
        file.write("title: one\ncreator: bench\ntags:\n")
        for tag in known.tags:
            row = {"address": tag.raw or tag.address, "label": tag.label, "source": tag.source, "category": "exchange",
                   "network": tag.network or "USDT", "confidence": "forensic"}  # fmt: skip
            lines = (
                f"{'-' if k == 'address' else ' '} {k}: {json.dumps(v, ensure_ascii=False)}\n" for k, v in row.items()
            )
            file.write("".join(lines))
    with Store.open(folder / "tags.store", create=True) as store:
        import_lists(store, read_lists([folder / "tags.csv"], Words("bench", DAY)), accept_shrink=False)
    (folder / "done").touch()
    return folder


def packs(folder: Path) -> list[Path]:
    """All TagPacks, or the one."""
    return sorted((folder / "packs").glob("*.yaml"))


def load_all(paths: list[Path]) -> int:
    """Load files with dyepack into one set; how many tags."""
    from dyepack.tags.load import load
    from dyepack.tags.model import TagSet

    known = TagSet()
    for path in paths:
        known.merge(load(path))
    return len(known.tags)


def yaml_all(paths: list[Path], loader: str) -> int:
    """Load files with PyYAML into dicts; how many tags."""
    import yaml

    kept = [yaml.load(path.read_bytes(), Loader=getattr(yaml, loader)) for path in paths]  # noqa: S506 - safe ones
    return sum(len(pack["tags"]) for pack in kept)


def csv_all(path: Path) -> int:
    """Read the CSV into dicts; how many rows."""
    import csv

    with path.open(encoding="utf-8", newline="") as file:
        return len(list(csv.DictReader(file)))


def sqlite_all(path: Path) -> int:
    """Read the store's rows by sqlite3; how many."""
    import sqlite3

    with sqlite3.connect(path) as connection:
        return len(connection.execute("SELECT * FROM statement").fetchall())


def real_only(folder: Path) -> list[Path]:
    """The real packs among all."""
    return [path for path in packs(folder) if not path.name.startswith("generated-")]


WAYS: dict[str, tuple[str, Callable[[Path], int]]] = {
    "dyepack, TagPacks": ("packs", lambda f: load_all(packs(f))),
    "PyYAML CSafeLoader": ("packs", lambda f: yaml_all(packs(f), "CSafeLoader")),
    "dyepack, real packs": ("real packs", lambda f: load_all(real_only(f))),
    "PyYAML SafeLoader (safe_load)": ("real packs", lambda f: yaml_all(real_only(f), "SafeLoader")),
    "dyepack, one TagPack": ("one.yaml", lambda f: load_all([f / "one.yaml"])),
    "PyYAML CSafeLoader, one TagPack": ("one.yaml", lambda f: yaml_all([f / "one.yaml"], "CSafeLoader")),
    "dyepack, CSV": ("tags.csv", lambda f: load_all([f / "tags.csv"])),
    "csv.DictReader": ("tags.csv", lambda f: csv_all(f / "tags.csv")),
    "dyepack, store": ("tags.store", lambda f: load_all([f / "tags.store"])),
    "sqlite3 SELECT": ("tags.store", lambda f: sqlite_all(f / "tags.store")),
}


def cell(way: str, folder: Path) -> dict[str, Any]:
    """One way, once, in this process: seconds of wall and of processor, tags, peak memory."""
    import time

    began = time.process_time()
    seconds, count = timed(lambda: WAYS[way][1](folder))
    return {"seconds": seconds, "cpu": time.process_time() - began, "tags": count, "peak": peak()}


def loads(folder: Path, runs: int) -> Table:
    """Every way to load."""
    made = Table(f"loading tags, median of {runs}", ["way", "from", "tags", "s", "CPU s", "tags/s", "peak MiB"])
    for way, (what, _) in WAYS.items():
        say(way)
        command = [sys.executable, __file__, "--cell", way, "--folder", str(folder)]
        found = [json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout) for _ in range(runs)]
        seconds, cpu = median(f["seconds"] for f in found), median(f["cpu"] for f in found)
        tags = found[0]["tags"]
        made.rows.append([way, what, tags, seconds, cpu, tags / seconds, max(f["peak"] for f in found)])
    made.notes += [
        "dyepack checks every address, keeps text as text, and indexes; the others give dicts or rows, unchecked.",
        "PyYAML repeats nothing and refuses nothing: equal tags count once in dyepack, each time in PyYAML.",
    ]
    return made


def lookups(folder: Path, runs: int, seed: int) -> Table:
    """Microseconds an address, for addresses that are tagged and that are not."""
    import sqlite3

    from dyepack.tags.load import load
    from dyepack.tags.store import Store

    tags = load(folder / "tags.csv")
    chance = random.Random(seed)
    held = chance.sample(list(tags.addresses()), min(ASKED, len(tags.tags)))
    other = [row["address"] for row in generated(ASKED, seed + 1)]
    plain: dict[str, list[Any]] = {}
    for tag in tags.tags:
        plain.setdefault(tag.address, []).append(tag)
    bare = sqlite3.connect(folder / "tags.store")
    query = "SELECT * FROM statement WHERE address = ?"
    made = Table(
        f"look-ups among {len(tags.tags):,} tags, microseconds an address, median of {runs}",
        ["way", "tagged: median", "tagged: 99th percentile", "not tagged: median", "not tagged: 99th percentile"],
    )
    with Store.open(folder / "tags.store") as store:
        ways: dict[str, Callable[[str], Any]] = {
            "TagSet.of (form known)": tags.of,
            "dict of lists": lambda a: plain.get(a, []),
            "TagSet.find (any form)": tags.find,
            "Store.find (any form)": store.find,
            "sqlite3 SELECT": lambda a: bare.execute(query, (a,)).fetchall(),
        }
        for name, way in ways.items():
            say(name)
            made.rows.append([name, *_each(way, held, runs, found=True), *_each(way, other, runs, found=False)])
    bare.close()
    made.notes.append("any form: reads the address (checksum), then asks for the forms that other chains give its key.")
    return made


def _each(way: Callable[[str], Any], addresses: list[str], runs: int, *, found: bool) -> tuple[float, float]:
    """Median and 99th percentile of single look-ups, in microseconds: medians over runs."""
    from time import perf_counter_ns

    middles, tails = [], []
    for _ in range(runs):
        times = []
        for address in addresses:
            began = perf_counter_ns()
            got = way(address)
            times.append(perf_counter_ns() - began)
            if bool(got) != found:
                raise AssertionError(f"{address}: {got!r}")
        times.sort()
        middles.append(times[len(times) // 2] / 1000)
        tails.append(times[len(times) * 99 // 100] / 1000)
    return median(middles), median(tails)


def main() -> None:
    """Print both tables."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--tags", type=int, default=DEFAULT_TAGS)
    words.add_argument("--runs", type=int, default=3)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--work", type=Path, default=DEFAULT_WORK)
    words.add_argument("--json", action="store_true")
    words.add_argument("--cell", help=argparse.SUPPRESS)
    words.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.cell:
        print(json.dumps(cell(given.cell, given.folder)))
        return
    folder = make(given.work, given.tags, given.seed)
    show([loads(folder, given.runs), lookups(folder, given.runs, given.seed)], as_json=given.json)


if __name__ == "__main__":
    main()
