"""The bag around a pack (BagIt 1.0, RFC 8493): its tag files as dyepack writes them, and the check of them.

    bagit.txt, bag-info.txt                            what this is; Payload-Oxum; the head of the action log
    manifest-sha256.txt, manifest-sha512.txt           every file below data/
    tagmanifest-sha256.txt, tagmanifest-sha512.txt     every other file but these two and time stamps
    verify_pack.py                                     a check that needs nothing but Python
    stamps/<sha256>.tsr                                time stamps of tagmanifest-sha256.txt, named by their hash
    data/                                              case/, ledger/, log.jsonl

Invariant: each tag file has one spelling, settled by what it lists, so that no byte of it can change unseen; the
SHA-256 of tagmanifest-sha256.txt is the pack's id and stands for everything but the time stamps.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dyepack.pack.verification import PackFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dyepack.pack.tree import Tree

BAGIT, INFO, VERIFIER = "bagit.txt", "bag-info.txt", "verify_pack.py"
DATA, CASE, LEDGER, LOG = "data/", "data/case/", "data/ledger/", "data/log.jsonl"
STAMPS = "stamps/"
ALGORITHMS = ("sha256", "sha512")
MANIFESTS = tuple(f"manifest-{a}.txt" for a in ALGORITHMS)
TAG_MANIFESTS = tuple(f"tagmanifest-{a}.txt" for a in ALGORITHMS)
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
TAGS = (BAGIT, INFO, *MANIFESTS, VERIFIER)
"""What the tag manifests list."""

LOG_HEAD, OXUM, FORMAT_KEY = "Action-Log-Head", "Payload-Oxum", "Dyepack-Pack-Format"
FORMAT = "1"
_STAMP = re.compile(r"stamps/([0-9a-f]{64})\.tsr")
_MOST_TEXT = 1 << 28


def verifier() -> bytes:
    """The check that needs nothing but Python, as this version puts it into every pack."""
    return (Path(__file__).parent / VERIFIER).read_bytes()


@dataclass(frozen=True, slots=True)
class Sums:
    """A file's hashes and size."""

    sha256: str
    sha512: str
    size: int

    def by(self, algorithm: str) -> str:
        """The hash by an algorithm's name."""
        return self.sha256 if algorithm == "sha256" else self.sha512


def sums_of(pieces: Iterable[bytes]) -> Sums:
    """The hashes and size of bytes that come in pieces."""
    short, long, size = hashlib.sha256(), hashlib.sha512(), 0
    for piece in pieces:
        short.update(piece)
        long.update(piece)
        size += len(piece)
    return Sums(short.hexdigest(), long.hexdigest(), size)


def manifest_text(sums: Mapping[str, Sums], algorithm: str) -> bytes:
    """A manifest: hash and name, in the order of names."""
    return "".join(f"{sums[name].by(algorithm)}  {name}\n" for name in sorted(sums)).encode("ascii")


def info_text(fields: Mapping[str, str]) -> bytes:
    """bag-info.txt; values are one line of printable ASCII."""
    return "".join(f"{name}: {value}\n" for name, value in fields.items()).encode("ascii")


def oxum(sums: Iterable[Sums]) -> str:
    """Bytes and files of the payload."""
    sizes = [s.size for s in sums]
    return f"{sum(sizes)}.{len(sizes)}"


def tag_files(payload: Mapping[str, Sums], info: Mapping[str, str], verifier: bytes) -> dict[str, bytes]:
    """Every tag file of a bag."""
    made = {BAGIT: DECLARATION, INFO: info_text({**info, OXUM: oxum(payload.values())}), VERIFIER: verifier}
    made |= {f"manifest-{a}.txt": manifest_text(payload, a) for a in ALGORITHMS}
    tags = {name: sums_of([raw]) for name, raw in made.items()}
    return made | {f"tagmanifest-{a}.txt": manifest_text(tags, a) for a in ALGORITHMS}


@dataclass(frozen=True, slots=True)
class Bag:
    """A sound bag: hashes by name, the fields of bag-info.txt, its id and the names of its time stamps."""

    sums: dict[str, Sums]
    info: dict[str, str]
    pack_id: str
    stamps: list[str]

    @property
    def payload(self) -> list[str]:
        """The names of the payload."""
        return [name for name in self.sums if name.startswith(DATA)]


def check(tree: Tree) -> Bag:
    """The bag, every file hashed and compared with both manifests; PackFault names the first that is wrong."""
    for name in (*TAGS, *TAG_MANIFESTS):
        if name not in tree.sizes:
            raise PackFault("bag", name, "is missing")
    sums = {name: sums_of(tree.pieces(name)) for name in tree.sizes}
    stamps = [name for name in tree.sizes if name.startswith(STAMPS)]
    for name in stamps:
        found = _STAMP.fullmatch(name)
        if found is None or found[1] != sums[name].sha256:
            raise PackFault("bag", name, "is not the time stamp that its name says, or was changed")
    payload = {n: s for n, s in sums.items() if n.startswith(DATA)}
    known = {*TAGS, *TAG_MANIFESTS, *stamps, *payload}
    if extra := sorted(sums.keys() - known):
        raise PackFault("bag", extra[0], "is no file of a pack")
    tags = {name: sums[name] for name in TAGS}
    wrong = [a for a in ALGORITHMS if tree.read(f"tagmanifest-{a}.txt", _MOST_TEXT) != manifest_text(tags, a)]
    if len(wrong) == 1:
        _blame(tree, f"tagmanifest-{wrong[0]}.txt", manifest_text(tags, wrong[0]))
    for algorithm in wrong:
        _compare(tree, f"tagmanifest-{algorithm}.txt", tags, algorithm)
    for algorithm in ALGORITHMS:
        _compare(tree, f"manifest-{algorithm}.txt", payload, algorithm)
    info = _info(tree.read(INFO, _MOST_TEXT))
    if info.get(OXUM) != oxum(payload.values()):
        raise PackFault("bag", INFO, f"its {OXUM} is not {oxum(payload.values())}")
    if tree.read(BAGIT, _MOST_TEXT) != DECLARATION:
        raise PackFault("bag", BAGIT, "does not declare BagIt 1.0 in UTF-8")
    if info.get(FORMAT_KEY) != FORMAT:
        raise PackFault("bag", INFO, f"its {FORMAT_KEY} is not {FORMAT}, which this version reads")
    return Bag(sums, info, sums["tagmanifest-sha256.txt"].sha256, stamps)


def _blame(tree: Tree, manifest: str, wanted: bytes) -> None:
    """A tag manifest is wrong while the other one agrees with every file: it was changed itself."""
    lines, ought = tree.read(manifest, _MOST_TEXT).split(b"\n"), wanted.split(b"\n")
    first = next((n for n, pair in enumerate(zip(lines, ought, strict=False)) if pair[0] != pair[1]), len(ought))
    raise PackFault("bag", manifest, "was changed: the files are as the other tag manifest says", first + 1)


def _compare(tree: Tree, manifest: str, sums: Mapping[str, Sums], algorithm: str) -> None:
    """PackFault unless a manifest lists exactly these files with their hashes, in its one spelling."""
    text = tree.read(manifest, _MOST_TEXT)
    if text == manifest_text(sums, algorithm):
        return
    listed: set[str] = set()
    for number, raw in enumerate(text.split(b"\n")[:-1], 1):
        found = re.fullmatch(rb"([0-9a-f]{64}|[0-9a-f]{128})  ([A-Za-z0-9._/-]+)", raw)
        if found is None:
            raise PackFault("bag", manifest, "is not a line of a manifest", number)
        name = found[2].decode("ascii")
        if name in listed:
            raise PackFault("bag", manifest, f"lists {name} twice", number)
        listed.add(name)
        if name not in sums:
            raise PackFault("bag", name, f"is listed in {manifest} (line {number}) and missing")
        if sums[name].by(algorithm).encode() != found[1]:
            raise PackFault("bag", name, f"was changed: it has not the hash in {manifest} (line {number})")
    if extra := sorted(sums.keys() - listed):
        raise PackFault("bag", extra[0], f"was added: {manifest} does not list it")
    raise PackFault("bag", manifest, "is not spelled as dyepack writes it (order, or its end)")


def _info(raw: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(raw.split(b"\n")[:-1], 1):
        name, colon, value = line.decode("ascii", "replace").partition(": ")
        if not colon or not line.isascii() or name in found:
            raise PackFault("bag", INFO, "is not a field, or stands twice", number)
        found[name] = value
    return found
