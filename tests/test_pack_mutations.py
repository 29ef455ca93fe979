"""One thousand random single changes of a pack: every one is found, and the file or entry that was changed is named."""

from __future__ import annotations

import importlib.util
import random
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from dyepack.case.demo import run_demo
from dyepack.pack import bag, zipped
from dyepack.pack.make import Wanted, make
from dyepack.pack.verify import verify

SEED = 20_260_301
ON_FOLDERS, ON_ZIPS = 600, 400
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mutations")
    run_demo(folder / "demo", background=200)
    for name in ("p", "p.zip"):
        make(folder / "demo/case", folder / name, Wanted(["one", "two"], "me"), folder / "demo/ledger")
    return folder


@pytest.fixture(scope="module")
def second() -> ModuleType:
    """The program that goes with a pack, as a module."""
    place = Path(__file__).parents[1] / "src/dyepack/pack/verify_pack.py"
    spec = importlib.util.spec_from_file_location("verify_pack_alone", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def content(folder: Path) -> Files:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def settle(folder: Path, now: Files, wanted: Files) -> None:
    """Make the files of a folder others, writing only what differs."""
    for name in now.keys() - wanted.keys():
        (folder / name).unlink()
        parent = (folder / name).parent
        while parent != folder and not any(parent.iterdir()):
            parent.rmdir()
            parent = parent.parent
    for name, raw in wanted.items():
        if now.get(name) != raw:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(raw)


# Each change gives the new files and the names of which one must be named.


def flip(rng: random.Random, files: Files) -> tuple[Files, set[str]]:
    name = rng.choice([n for n, raw in files.items() if raw])
    raw = bytearray(files[name])
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    return files | {name: bytes(raw)}, {name}


def delete(rng: random.Random, files: Files) -> tuple[Files, set[str]]:
    name = rng.choice(list(files))
    return {n: raw for n, raw in files.items() if n != name}, {name}


def add(rng: random.Random, files: Files) -> tuple[Files, set[str]]:
    name = rng.choice(["", "data/", "data/case/", "data/ledger/", "data/new/", "stamps/"]) + f"new-{rng.random()}.txt"
    return files | {name: rng.randbytes(rng.randrange(9))}, {name}


def rename(rng: random.Random, files: Files) -> tuple[Files, set[str]]:
    name = rng.choice(list(files))
    new = name + rng.choice(["x", ".bak", "0"])
    return {n: raw for n, raw in files.items() if n != name} | {new: files[name]}, {name, new}


def truncate(rng: random.Random, files: Files) -> tuple[Files, set[str]]:
    name = rng.choice([n for n, raw in files.items() if raw])
    return files | {name: files[name][: rng.randrange(len(files[name]))]}, {name}


def append(rng: random.Random, files: Files) -> tuple[Files, set[str]]:
    name = rng.choice(list(files))
    return files | {name: files[name] + rng.choice([b"\n", b" ", b"\0", b"\r\n", rng.randbytes(3)])}, {name}


def swap(rng: random.Random, files: Files) -> tuple[Files, set[str]]:
    one, other = rng.sample(list(files), 2)
    if files[one] == files[other]:
        return flip(rng, files)
    return files | {one: files[other], other: files[one]}, {one, other}


def in_lines(names: list[str], change: Callable[[random.Random, list[bytes]], None]) -> Callable[
    [random.Random, Files], tuple[Files, set[str]]
]:  # fmt: skip
    """A change of the lines of one of these files."""

    def changed(rng: random.Random, files: Files) -> tuple[Files, set[str]]:
        name = rng.choice(names)
        lines = files[name].splitlines(keepends=True)
        while b"".join(lines) == files[name]:
            change(rng, lines)
        return files | {name: b"".join(lines)}, {name}

    return changed


def edit_line(rng: random.Random, lines: list[bytes]) -> None:
    at = rng.randrange(len(lines))
    spot = rng.randrange(len(lines[at]) - 1)
    lines[at] = lines[at][:spot] + rng.choice([b"0", b"f", b"A", b" ", b"."]) + lines[at][spot + 1 :]


def swap_lines(rng: random.Random, lines: list[bytes]) -> None:
    one, other = rng.sample(range(len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]


def drop_line(rng: random.Random, lines: list[bytes]) -> None:
    del lines[rng.randrange(len(lines))]


def repeat_line(rng: random.Random, lines: list[bytes]) -> None:
    at = rng.randrange(len(lines))
    lines.insert(at, lines[at])


LISTS = [*bag.MANIFESTS, *bag.TAG_MANIFESTS, "data/case/SHA256", bag.INFO, "data/case/moves.csv"]
CHANGES: dict[str, Callable[[random.Random, Files], tuple[Files, set[str]]]] = {
    "flip": flip, "delete": delete, "add": add, "rename": rename, "truncate": truncate, "append": append, "swap": swap,
    **{f"log {f.__name__}": in_lines([bag.LOG], f) for f in (edit_line, swap_lines, drop_line, repeat_line)},
    **{f"list {f.__name__}": in_lines(LISTS, f) for f in (edit_line, swap_lines, drop_line, repeat_line)},
}  # fmt: skip


@pytest.mark.slow
def test_every_change_of_a_folder_is_found_and_named(pack: Path, second: ModuleType) -> None:
    rng = random.Random(SEED)
    whole = content(pack / "p")
    done: Counter[str] = Counter()
    for turn in range(ON_FOLDERS):
        kind = list(CHANGES)[turn % len(CHANGES)]
        wanted, named = CHANGES[kind](rng, whole)
        settle(pack / "p", whole, wanted)
        fault = verify(pack / "p").fault
        assert fault is not None, (turn, kind, named)
        assert fault.file in named, (turn, kind, named, fault)
        assert second.main(str(pack / "p")) == 1, (turn, kind, named)
        settle(pack / "p", wanted, whole)
        done[kind] += 1
    assert done.total() == ON_FOLDERS
    assert set(done) == set(CHANGES)
    assert verify(pack / "p").sound


def as_zip(entries: list[tuple[str, bytes]], folder: Path) -> bytes:
    """A zip laid out as packs are, of entries in any order and any number of times."""
    parts, central, at = [], b"", 0
    for name, raw in entries:
        (folder / "x").write_bytes(raw)
        crc, size = zipped._sum_of(folder / "x")
        entry = zipped.Entry(name, 0, size, crc)
        entry = zipped.Entry(name, at + len(entry.header), size, crc)
        parts += [entry.header, raw]
        central += entry.central
        at = entry.at + size
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, len(entries), len(entries), len(central), at, 0)
    return b"".join(parts) + central + end


def zip_change(  # noqa: PLR0911  (one kind of change after another)
    rng: random.Random, kind: str, raw: bytes, made: list[zipped.Entry], folder: Path
) -> tuple[bytes, set[str]]:
    """The bytes of a changed zip, and the entries of which one must be named."""
    entries = [(e.name, raw[e.at : e.at + e.size]) for e in made]
    last = made[-1].name
    if kind == "flip anywhere":
        at = rng.randrange(len(raw))
        changed = bytearray(raw)
        changed[at] ^= 1 << rng.randrange(8)
        return bytes(changed), owners(at, made)
    if kind == "cut":
        at = rng.randrange(1, len(raw))
        return raw[:at], owners(at, made)
    if kind == "append":
        return raw + rng.randbytes(rng.randrange(1, 30)), {last}
    if kind == "insert":
        at = rng.randrange(len(raw))
        return raw[:at] + rng.randbytes(3) + raw[at:], owners(at, made)
    pick = rng.randrange(len(entries))
    name, body = entries[pick]
    if kind == "duplicate":
        place = rng.randrange(len(entries) + 1)
        entries.insert(place, (name, rng.choice([body, b"other"])))
        return as_zip(entries, folder), {name, *(entries[place + 1][:1] if place + 1 < len(entries) else ())}
    if kind == "reorder":
        other = rng.choice([n for n in range(len(entries)) if n != pick])
        entries[pick], entries[other] = entries[other], entries[pick]
        touched = {entries[n][0] for n in (pick, other)}
        after = {entries[n + 1][0] for n in (pick, other) if n + 1 < len(entries)}
        return as_zip(entries, folder), touched | after
    if kind == "delete":
        del entries[pick]
        return as_zip(entries, folder), {name}
    if kind == "rename":
        entries[pick] = (name + "x", body)
        entries.sort()
        return as_zip(entries, folder), {name, name + "x"}
    entries[pick] = (name, body + b"\n")
    return as_zip(entries, folder), {name}


def owners(at: int, made: list[zipped.Entry]) -> set[str]:
    """The entries that a byte of a zip belongs to: its own, and at a border the neighbours; in the directory any."""
    for number, entry in enumerate(made):
        if at < entry.at + entry.size:
            near = made[max(number - 1, 0) : number + 2]
            return {e.name for e in near}
    done = made[-1].at + made[-1].size
    for number, entry in enumerate(made):
        done += len(entry.central)
        if at < done:
            return {e.name for e in made[max(number - 1, 0) : number + 1]} | {made[-1].name}
    return {made[-1].name}


ZIP_KINDS = ["flip anywhere", "cut", "append", "insert", "duplicate", "reorder", "delete", "rename", "change"]


@pytest.mark.slow
def test_every_change_of_a_zip_is_found_and_named(pack: Path, second: ModuleType) -> None:
    rng = random.Random(SEED + 1)
    raw = (pack / "p.zip").read_bytes()
    with (pack / "p.zip").open("rb") as file:
        made = zipped.entries(file, len(raw))
    target = pack / "q.zip"
    done: Counter[str] = Counter()
    for turn in range(ON_ZIPS):
        kind = ZIP_KINDS[turn % len(ZIP_KINDS)]
        changed, named = zip_change(rng, kind, raw, made, pack)
        assert changed != raw
        target.write_bytes(changed)
        fault = verify(target).fault
        assert fault is not None, (turn, kind, named)
        entry = made[fault.entry - 1].name if 0 < fault.entry <= len(made) else fault.file
        assert {fault.file, entry} & named, (turn, kind, named, fault)
        assert second.main(str(target)) == 1, (turn, kind, named)
        done[kind] += 1
    assert done.total() == ON_ZIPS
    assert ON_FOLDERS + ON_ZIPS == 1_000


def resealed(files: Files) -> Files:
    """The bag made anew around changed payload, the log's head as it was: what a forger without the log would do."""
    payload = {n: bag.sums_of([raw]) for n, raw in files.items() if n.startswith(bag.DATA)}
    info = dict(line.split(": ", 1) for line in files[bag.INFO].decode().splitlines())
    return {n: raw for n, raw in files.items() if n.startswith(bag.DATA)} | bag.tag_files(
        payload, info, files[bag.VERIFIER]
    )


@pytest.mark.slow
def test_changes_under_a_bag_that_was_made_anew_are_found_by_what_is_inside(pack: Path) -> None:
    """Manifests and Oxum agree again: the log, the case, the ledger and the trace must tell."""
    rng = random.Random(SEED + 2)
    whole = content(pack / "p")
    payload = {n: raw for n, raw in whole.items() if n.startswith(bag.DATA)}
    tags = {n: raw for n, raw in whole.items() if n not in payload}
    checks: Counter[str] = Counter()
    for turn in range(150):
        change = (flip, delete, add, rename, truncate, append, swap)[turn % 7]
        changed, named = change(rng, payload)
        named = {n if n.startswith(bag.DATA) else bag.DATA + n for n in named}
        changed = {n if n.startswith(bag.DATA) else bag.DATA + n: raw for n, raw in changed.items()}
        wanted = resealed(changed | tags)
        settle(pack / "p", whole, wanted)
        fault = verify(pack / "p").fault
        settle(pack / "p", wanted, whole)
        assert fault is not None, (turn, change, named)
        checks[fault.check] += 1
    assert len(checks) >= 3, checks
