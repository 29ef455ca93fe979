"""Check an evidence pack of dyepack with nothing but Python 3.9 or later: python verify_pack.py PACK (folder or zip).

It checks that no file was changed, added, removed or renamed (BagIt manifests, SHA-256 and SHA-512), that the action
log is unbroken, that the case has the hashes it lists, and that the stolen units add up: the moves in
data/case/moves.csv are added once more and compared with data/case/statement.json. It does not make the trace again:
`dyepack verify PACK` does. A copy inside of a pack vouches for nothing; compare the pack id with one you had before.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import struct
import sys
import zlib
from collections import defaultdict
from typing import Any

TAGS = ["bag-info.txt", "bagit.txt", "manifest-sha256.txt", "manifest-sha512.txt", "verify_pack.py"]
TAG_MANIFESTS = ["tagmanifest-sha256.txt", "tagmanifest-sha512.txt"]
NAME = re.compile(r"(?!/)(?:(?!\.\.?(?:/|$))[A-Za-z0-9._-]+(?:/(?!$)|$))+")
Files = dict[str, bytes]
STAYING = ("held", "gap", "date_limit")
UNMOVED = ("unexplained", "declared")


class Wrong(Exception):  # noqa: N818
    """The first thing that is wrong: a file and what is wrong with it."""


def demand(holds: object, file: str, problem: str) -> None:
    """Raise Wrong unless a condition holds."""
    if not holds:
        raise Wrong(f"{file or 'the pack'}: {problem}")


def files_of_folder(path: str) -> Files:
    """Name to bytes of every file below a folder."""
    found: Files = {}
    for folder, folders, names in os.walk(path):
        inside = os.path.relpath(folder, path).replace(os.sep, "/")
        demand(folders or names, inside, "is an empty folder")
        for name in [*folders, *names]:
            full, short = os.path.join(folder, name), name if inside == "." else f"{inside}/{name}"  # noqa: PTH118
            demand(NAME.fullmatch(short), ascii(short), "has a name that a pack may not hold")
            demand(not os.path.islink(full), short, "is a link")  # noqa: PTH114
            if name in names:
                demand(os.path.isfile(full), short, "is no plain file")  # noqa: PTH113
                with open(full, "rb") as file:  # noqa: PTH123
                    found[short] = file.read()
    return found


def files_of_zip(raw: bytes) -> Files:
    """Name to bytes of every entry of a zip as dyepack writes it: stored, sorted, nothing between or behind."""
    found: Files = {}
    central, at, last = b"", 0, ""
    while raw[at : at + 4] == b"PK\x03\x04":
        demand(len(raw) >= at + 30, last, "the zip is cut short behind it")
        crc, size, _, length, _ = struct.unpack("<IIIHH", raw[at + 14 : at + 30])
        name = raw[at + 30 : at + 30 + length].decode("latin-1")
        demand(NAME.fullmatch(name), ascii(name), "has a name that a pack may not hold")
        demand(name > last, name, "stands twice in the zip, or out of order")
        fields = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0x21, crc, size, size, length, 0)
        demand(raw[at + 4 : at + 30] == fields, name, "its header in the zip is not as dyepack writes it")
        body = raw[at + 30 + length : at + 30 + length + size]
        demand(len(body) == size and zlib.crc32(body) == crc, name, "its bytes have another check sum")
        central += b"PK\x01\x02\x14\x00" + fields + struct.pack("<HHHII", 0, 0, 0, 0, at) + name.encode()
        found[name], last, at = body, name, at + 30 + length + size
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, len(found), len(found), len(central), at, 0)
    demand(raw[at:] == central + end, last, "the directory at the end of the zip is not as dyepack writes it")
    return found


def check_bag(files: Files) -> tuple[str, str]:
    """Both manifests, the payload's size and the head of the log; the pack's id."""
    for name in TAGS + TAG_MANIFESTS:
        demand(name in files, name, "is missing")
    folded = {name.casefold() for name in files}
    demand(len(folded) == len(files), "", "two names are one on some systems")
    payload = [name for name in sorted(files) if name.startswith("data/")]
    for name in sorted(files):
        stamp = re.fullmatch(r"stamps/([0-9a-f]{64})\.tsr", name)
        if stamp:
            demand(hashlib.sha256(files[name]).hexdigest() == stamp[1], name, "was changed")
        else:
            demand(name in payload or name in TAGS + TAG_MANIFESTS, name, "is no file of a pack")
    for start, names in (("tagmanifest", sorted(TAGS)), ("manifest", payload)):
        for algorithm in ("sha256", "sha512"):
            check_manifest(files, f"{start}-{algorithm}.txt", names, algorithm)
    info = dict(line.split(": ", 1) for line in files["bag-info.txt"].decode().splitlines())
    oxum = f"{sum(len(files[name]) for name in payload)}.{len(payload)}"
    demand(info["Payload-Oxum"] == oxum, "bag-info.txt", f"its Payload-Oxum is not {oxum}")
    return hashlib.sha256(files[TAG_MANIFESTS[0]]).hexdigest(), info["Action-Log-Head"]


def check_manifest(files: Files, manifest: str, names: list[str], algorithm: str) -> None:
    """A manifest lists exactly these files, with their hashes, in order."""
    lines = files[manifest].decode("latin-1").split("\n")
    listed = {line.partition("  ")[2] for line in lines}
    for name in names:
        demand(name in listed, name, f"was added: {manifest} does not list it")
        line = f"{hashlib.new(algorithm, files[name]).hexdigest()}  {name}"
        demand(line in lines, name, f"was changed, or its line in {manifest} was")
    wanted = [f"{hashlib.new(algorithm, files[name]).hexdigest()}  {name}" for name in names]
    missing = sorted(listed - set(names) - {""})
    demand(lines == [*wanted, ""], ascii(missing[0]) if missing else manifest, f"missing, or {manifest} was changed")


def check_log(files: Files, head: str) -> int:
    """Every line of the action log names the hash of the one before it; the files that it names are there."""
    previous, count = "0" * 64, 0
    for count, line in enumerate(files["data/log.jsonl"].split(b"\n")[:-1], 1):
        entry, place = json.loads(line), f"data/log.jsonl, entry {count}"
        demand(entry["sequence"] == count and entry["previous"] == previous, place, "does not follow from the last")
        if entry["what"]:
            demand(entry["what"] in files, place, "names a file that is missing")
            demand(hashlib.sha256(files[entry["what"]]).hexdigest() == entry["sha256"], place, "has another hash")
        previous = hashlib.sha256(line).hexdigest()
    demand(head == f"{count} {previous}", "data/log.jsonl", "does not end as bag-info.txt says")
    return count


def check_case(files: Files) -> int:
    """The case's own list of hashes."""
    lines = files["data/case/SHA256"].decode().splitlines()
    for digest, name in (line.split("  ", 1) for line in lines):
        demand(f"data/case/{name}" in files, f"data/case/{name}", "is missing")
        demand(hashlib.sha256(files[f"data/case/{name}"]).hexdigest() == digest, f"data/case/{name}", "was changed")
    return len(lines)


def check_sums(files: Files) -> int:
    """What the moves leave at each place is what the statement says, leg by leg."""
    statement = json.loads(files["data/case/statement.json"])
    left: dict[Any, int] = defaultdict(int)
    swapped: dict[Any, int] = defaultdict(int)
    carried: dict[Any, int] = defaultdict(int)
    for row in csv.DictReader(io.StringIO(files["data/case/moves.csv"].decode(), newline="")):
        units, fresh, leg, asset, stop = int(row["units"]), int(row["fresh"]), row["leg"], row["asset"], row["stop"]
        swapped["in", leg, asset] += fresh
        left[leg, asset, row["source"], "held"] -= units - fresh
        if stop not in UNMOVED:
            carried[row["move"], row["made"]] += units
            demand(carried[row["move"], row["made"]] <= int(row["value"]), "data/case/moves.csv",
                   f"move {row['move']} carries more dye than its value")  # fmt: skip
        if stop == "converted":
            swapped["out", leg, asset] += units
        else:
            at_source = stop in ("issued", *UNMOVED)
            place = row["target"] or (row["source"] if at_source else "")
            left[leg, asset, place, "held" if stop in ("carried", *STAYING) else stop] += units
    for end in statement["terminals"]:
        for leg, units in end["by_leg"].items():
            left[leg, end["asset"], end["place"], "held" if end["stop"] in STAYING else end["stop"]] -= int(units)
    for (leg, asset, place, stop), units in left.items():
        demand(units <= 0 if stop == "held" else units == 0, "data/case/statement.json",
               f"differs from the moves at {place!a} ({stop}) by {units} units of {asset!a}")  # fmt: skip
        swapped["product", leg, asset] -= units
    for proof in statement["balances"]:
        key = str(proof["leg"]), proof["asset"]
        put, product, out = int(proof["put_in"]), int(proof["swapped_in"]), int(proof["swapped_out"])
        ends = sum(map(int, proof["parts"].values()))
        demand(put + product == ends + out, "data/case/statement.json", f"rule {proof['rule']} does not balance")
        if proof["rule"] == statement["rule"]:
            found = tuple(swapped.pop((what, *key), 0) for what in ("in", "product", "out"))
            demand(found == (put, product, out), "data/case/statement.json", f"proof of leg {key[0]} is not the moves'")
    demand(not any(swapped.values()), "data/case/statement.json", "lacks a proof")
    return len(statement["terminals"])


def main(path: str) -> int:
    """Check a pack and say what was found; 0 if it is sound, else 1."""
    try:
        if os.path.isdir(path):  # noqa: PTH112
            files = files_of_folder(path)
        else:
            with open(path, "rb") as file:  # noqa: PTH123
                files = files_of_zip(file.read())
        pack_id, head = check_bag(files)
        counts = [len(files), check_log(files, head), check_case(files), check_sums(files)]
    except (Wrong, OSError) as fault:
        sys.stdout.write(f"WRONG: {fault}\n")
        return 1
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as fault:
        sys.stdout.write(f"WRONG: a file is not what it must be ({type(fault).__name__}: {ascii(str(fault))[:200]})\n")
        return 1
    sys.stdout.write("{} files, {} log entries, {} case files, {} terminals: sound\n".format(*counts))
    sys.stdout.write(f"pack id: {pack_id}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) == 2 else os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
