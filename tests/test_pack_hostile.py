"""Packs made to do harm: each is refused with the file and what is wrong, quickly, and nothing is written outside."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dyepack.case.demo import run_demo
from dyepack.errors import CaseError
from dyepack.pack import bag, log, zipped
from dyepack.pack.make import Wanted, make
from dyepack.pack.names import flaw, twins
from dyepack.pack.verify import verify
from tests.test_pack_mutations import as_zip, content, resealed, settle

PROGRAM = Path(__file__).parents[1] / "src/dyepack/pack/verify_pack.py"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    run_demo(folder / "demo", background=50)
    make(folder / "demo/case", folder / "p", Wanted(), folder / "demo/ledger")
    return folder / "p"


def judged(pack: Path) -> tuple[str, str]:
    """File and problem that `verify` names; the second program refuses it too, both soon and without a trace."""
    around = {p for p in pack.parent.rglob("*") if p != pack and pack not in p.parents}
    began = time.perf_counter()
    fault = verify(pack).fault
    assert time.perf_counter() - began < 10
    assert fault is not None
    assert fault.words().isascii() or "…" in fault.words()
    assert fault.words().isprintable()
    done = subprocess.run([sys.executable, "-I", "-S", str(PROGRAM), str(pack)], capture_output=True, check=False,
                          timeout=60)  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert done.stderr == b""
    assert {p for p in pack.parent.rglob("*") if p != pack and pack not in p.parents} == around
    return fault.file, fault.problem


def zip_of(
    *entries: tuple[str, bytes], how: Callable[[zipfile.ZipFile], None] = lambda _: None, method: int = 0
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, raw in entries:
            made.writestr(zipfile.ZipInfo(name), raw, method)
        how(made)
    return out.getvalue()


def link(made: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("data/link")
    info.external_attr = 0o120777 << 16
    made.writestr(info, "/etc/passwd")


def comment(made: zipfile.ZipFile) -> None:
    made.writestr(zipfile.ZipInfo("bagit.txt"), "x")
    made.comment = b"hello"


def swollen() -> bytes:
    """An entry that says it holds four gigabytes, and has three bytes."""
    raw = as_zip_of([("bagit.txt", b"abc")])
    size = (0xFFFFFF00).to_bytes(4, "little")
    return raw[:18] + size + size + raw[26:]


def as_zip_of(entries: list[tuple[str, bytes]]) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return as_zip(entries, Path(folder))


ZIPS: dict[str, tuple[Callable[[], bytes], str]] = {
    "slip": (lambda: zip_of(("../evil.txt", b"x")), "climbs"),
    "slip deep inside": (lambda: zip_of(("data/case/../../../evil.txt", b"x")), "climbs"),
    "absolute": (lambda: zip_of(("/etc/evil", b"x")), "absolute"),
    "drive": (lambda: as_zip_of([("C:evil", b"x")]), "absolute or of another system"),
    "backslash": (lambda: as_zip_of([("data\\evil", b"x")]), "another system"),
    "device": (lambda: as_zip_of([("data/CON.txt", b"x")]), "device"),
    "control character": (lambda: as_zip_of([("data/a\x00b", b"x")]), "other characters"),
    "terminal escape": (lambda: as_zip_of([("data/\x1b[2J", b"x")]), "other characters"),
    "unicode twins": (lambda: zip_of(("data/\u00e9", b"x"), ("data/e\u0301", b"x")), "other characters"),
    "case twins": (lambda: as_zip_of([("data/A", b"x"), ("data/a", b"x")]), "take it for"),
    "file and folder": (lambda: as_zip_of([("data/a", b"x"), ("data/a/b", b"x")]), "take it for"),
    "bomb": (lambda: zip_of(("bagit.txt", b"\0" * (1 << 26)), method=zipfile.ZIP_DEFLATED), "none can swell"),
    "size that lies": (swollen, "behind the end"),
    "link": (lambda: zip_of(how=link), "not as dyepack writes it"),
    "comment": (lambda: zip_of(how=comment), "not as dyepack writes it"),
    "duplicate": (lambda: as_zip_of([("bagit.txt", b"x"), ("bagit.txt", b"y")]), "twice"),
    "empty": (zip_of, "no zip"),
    "no zip": (lambda: b"\x7fELF" + b"\0" * 100, "no zip"),
    "nothing": (lambda: b"", "no zip"),
    "program in front": (lambda: b"#!/bin/sh\n" + zip_of(("bagit.txt", b"x")), "no zip"),
    "name too long": (lambda: as_zip_of([("data/" + "a" * 60_000, b"x")]), "too long"),
    "folder entry": (lambda: zip_of(("data/", b"")), "empty part"),
}  # fmt: skip


@pytest.mark.parametrize("name", ZIPS)
def test_hostile_zips_are_refused(name: str, tmp_path: Path) -> None:
    make_it, problem = ZIPS[name]
    (tmp_path / "in").mkdir()
    pack = tmp_path / "in" / "p.zip"
    pack.write_bytes(make_it())
    assert problem in judged(pack)[1]


def remove(pack: Path, name: str) -> None:
    (pack / name).unlink()


def only_md5(pack: Path) -> None:
    for name in (*bag.MANIFESTS, *bag.TAG_MANIFESTS):
        (pack / name).unlink()
    (pack / "manifest-md5.txt").write_text("d41d8cd98f00b204e9800998ecf8427e  data/log.jsonl\n")


def behind_a_link(pack: Path) -> None:
    (pack / "data").rename(pack.parent / "away")
    (pack / "data").symlink_to("../away")


def nested(pack: Path) -> None:
    (pack / "data" / "/".join("d" * 60)).mkdir(parents=True)
    (pack / "data" / "/".join("d" * 60) / "f").write_text("x")


FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "link to a file": (lambda p: (p / "data/x").symlink_to("/etc/passwd"), "link"),
    "link to a folder": (lambda p: (p / "data/x").symlink_to("/etc"), "link"),
    "payload behind a link": (behind_a_link, "link"),
    "pipe": (lambda p: os.mkfifo(p / "data/x"), "not a plain file"),
    "empty folder": (lambda p: (p / "data/x").mkdir(), "empty folder"),
    "no manifest": (lambda p: remove(p, "manifest-sha512.txt"), "missing"),
    "no tag manifest": (lambda p: remove(p, "tagmanifest-sha256.txt"), "missing"),
    "no declaration": (lambda p: remove(p, "bagit.txt"), "missing"),
    "weak algorithm alone": (only_md5, "missing"),
    "weak algorithm beside": (lambda p: (p / "manifest-md5.txt").write_text("x"), "no file of a pack"),
    "files to be fetched": (lambda p: (p / "fetch.txt").write_text("https://e.example 1 x\n"), "no file of a pack"),
    "absolute name in a manifest": (lambda p: (p / "manifest-sha256.txt").write_text("0" * 64 + "  /etc/passwd\n"),
                                    "manifest"),
    "nested too deep": (nested, "nested too deep"),
    "name of no encoding": (lambda p: (p / os.fsdecode(b"data/\xff\xfe")).write_text("x"), "other characters"),
    "escape in a name": (lambda p: (p / "data/\x1b[31m").write_text("x"), "other characters"),
    "right to left": (lambda p: (p / "data/\u202egpj.exe").write_text("x"), "other characters"),
}  # fmt: skip


@pytest.mark.parametrize("name", FOLDERS)
def test_hostile_folders_are_refused(name: str, good: Path, tmp_path: Path) -> None:
    change, problem = FOLDERS[name]
    shutil.copytree(good, tmp_path / "in" / "p")
    change(tmp_path / "in" / "p")
    assert problem in judged(tmp_path / "in" / "p")[1]


def with_head(files: dict[str, bytes], log: bytes, head: str) -> dict[str, bytes]:
    info = files[bag.INFO].decode().splitlines()
    lines = [f"{bag.LOG_HEAD}: {head}" if line.startswith(bag.LOG_HEAD) else line for line in info]
    return files | {bag.LOG: log, bag.INFO: ("\n".join(lines) + "\n").encode()}


INSIDE: dict[str, tuple[Callable[[dict[str, bytes]], dict[str, bytes]], str]] = {
    "log of no JSON": (lambda f: with_head(f, b"hello\n", "1 x"), "data/log.jsonl"),
    "log nested deep": (lambda f: with_head(f, b"[" * 200_000 + b"\n", "1 x"), "data/log.jsonl"),
    "log with a huge number": (lambda f: with_head(f, b'{"sequence":' + b"9" * 100_000 + b"}\n", "1 x"), bag.LOG),
    "empty log": (lambda f: with_head(f, b"", "9 x"), "data/log.jsonl"),
    "a case list that climbs": (lambda f: f | {"data/case/SHA256": b"0" * 64 + b"  ../../../../etc/passwd\n"}, bag.LOG),
    "another format": (lambda f: f | {bag.INFO: f[bag.INFO].replace(b"Format: 1", b"Format: 2")}, bag.INFO),
}  # fmt: skip


@pytest.mark.parametrize("name", INSIDE)
def test_hostile_files_inside_of_a_sound_bag_are_refused(name: str, good: Path, tmp_path: Path) -> None:
    change, named = INSIDE[name]
    files = resealed(change(content(good)))
    for place, raw in files.items():
        (tmp_path / "p" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / place).write_bytes(raw)
    fault = verify(tmp_path / "p").fault
    assert fault is not None
    assert fault.file == named, fault


def test_there_are_twenty_and_more() -> None:
    assert len(ZIPS) + len(FOLDERS) + len(INSIDE) >= 40


def test_no_pack_at_all(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="no pack"):
        verify(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CaseError, match="no pack"):
        verify(tmp_path / "pipe")


@pytest.mark.parametrize(
    "name",
    ["", "/a", "a//b", "a/", "./a", "a/..", "..", "a\\b", "c:a", "a b", "a\n", "é", "nul", "data/COM1.txt", "a.",
     "a/aux/b",
     "x" * 300, "a/" + "b" * 121, "a:b", "a%2fb", "~a"],
)  # fmt: skip
def test_names_that_no_file_of_a_pack_has(name: str) -> None:
    assert flaw(name)


def test_names_that_files_of_packs_have() -> None:
    for name in (
        "bagit.txt",
        "data/case/thefts/1-x_y.toml",
        "data/case/evidence/bodies/0a/" + "0" * 64,
        "data/console",
    ):
        assert not flaw(name)
    assert twins(["a/b", "a/B"]) == ("a/b", "a/B")
    assert twins(["a", "a/b"]) == ("a", "a/b")
    assert twins(["A", "a/b"]) == ("A", "a/b")
    assert twins(["a/b", "a/c", "ab"]) is None


def test_a_zip_of_too_many_bytes_is_refused_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dyepack.errors import UsageError

    (tmp_path / "x").write_text("x")
    monkeypatch.setattr(zipped, "MOST_BYTES", 10)
    with pytest.raises(UsageError, match="folder"):
        zipped.write(io.BytesIO(), {"x": tmp_path / "x"})


def sealed(files: dict[str, bytes]) -> dict[str, bytes]:
    """Everything made anew around changed files: the case's list, the log, the bag. A forger who knows the format."""
    import hashlib

    case = {n.removeprefix(bag.CASE): raw for n, raw in files.items() if n.startswith(bag.CASE)}
    lines = [f"{hashlib.sha256(raw).hexdigest()}  {n}\n" for n, raw in sorted(case.items()) if n != "SHA256"]
    files = files | {f"{bag.CASE}SHA256": "".join(lines).encode()}
    entries = [json.loads(line) for line in files[bag.LOG].splitlines()]
    actions = [
        log.Action(e["action"], e["who"], e["what"],
                   hashlib.sha256(files[e["what"]]).hexdigest() if e["what"] in files else e["sha256"], e["note"])
        for e in entries
    ]  # fmt: skip
    text, head = log.written(actions)
    return resealed(with_head(files, text, head.text()))


NONSENSE: list[object] = [None, True, -1, 10**30, 1.5, "", "x", "../x", [], [1], {}, {"a": 1}, "9" * 5_000, "\x00"]


def spoil(rng: random.Random, value: object) -> object:
    """A JSON value with one thing in it made nonsense."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        if rng.random() < 0.15:
            return {k: v for k, v in value.items() if k != key}
        return value | {key: spoil(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        return [*value[:at], spoil(rng, value[at]), *value[at + 1 :]]
    return rng.choice(NONSENSE)


@pytest.mark.slow
def test_nonsense_under_hashes_that_all_agree_is_a_fault_and_never_a_crash(good: Path, tmp_path: Path) -> None:
    """The files of a case and the ledger's manifest, spoilt at one place, and every hash around them made anew."""
    rng = random.Random(7)
    whole = content(good)
    manifest = next(n for n in whole if n.endswith("manifest.json"))
    names = ["data/case/case.json", "data/case/statement.json", manifest, "data/case/moves.csv", "data/case/tags.csv",
             "data/case/thefts/1-dyepack-demo.toml"]  # fmt: skip
    pack = tmp_path / "p"
    shutil.copytree(good, pack)
    for turn in range(240):
        name = names[turn % len(names)]
        if name.endswith(".json"):
            value = json.loads(whole[name])
            while (spoilt := spoil(rng, value)) == value:
                pass
            raw = (json.dumps(spoilt, indent=1) + "\n").encode()
        else:
            lines = whole[name].split(b"\n")
            at = rng.randrange(len(lines) - 1)
            lines[at] = rng.choice([b"", b'"', b"x", b"\xff", lines[at][: len(lines[at]) // 2], lines[at] + b',"1"'])
            raw = b"\n".join(lines)
        if raw == whole[name]:
            continue
        wanted = sealed(whole | {name: raw})
        settle(pack, whole, wanted)
        fault = verify(pack).fault
        assert fault is not None, (turn, name, raw[:200])
        settle(pack, wanted, whole)
