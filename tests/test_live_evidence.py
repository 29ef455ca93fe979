"""The evidence store: the same again without a network, whole after a kill, and nothing in it changed unseen."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.errors import CaseError
from dyepack.sources.live.endpoint import Endpoint
from dyepack.sources.live.errors import NotKept, Refused, SourceError, Unreachable
from dyepack.sources.live.evidence import BODIES, LINES, Evidence, Record, question
from dyepack.sources.live.fetch import Answer, Call, Fault, Fetcher
from tests.effort import examples
from tests.servers import LOCAL, Reply, RpcError, Server, rpc_body
from tests.test_live_transport import double, numbers, read
from tests.test_live_transport import settings as quick

URL = "http://127.0.0.1:9"


def fetcher(url: str, kept: Evidence, *, offline: bool = False) -> Fetcher:
    return Fetcher(Endpoint.parse(f"evm+{url}", allow=LOCAL), kept, offline=offline, settings=quick())


def rpc(url: str, kept: Evidence, calls: list[Call], *, offline: bool = False, fresh: bool = False) -> list[object]:
    async def inside() -> list[object]:
        async with fetcher(url, kept, offline=offline) as asking:
            return read(await asking.rpc(calls, fresh=fresh))

    return asyncio.run(inside())


def get(url: str, kept: Evidence, path: str, *, offline: bool = False, **how: Any) -> Answer:
    async def inside() -> Answer:
        async with fetcher(url, kept, offline=offline) as asking:
            return await asking.get(path, **how)

    return asyncio.run(inside())


def some(method: str, params: list[Any]) -> object:
    if params[0] % 7 == 3:
        raise RpcError(-32000, f"no {params[0]}")
    return {"n": params[0], "text": "x" * params[0]}


def test_offline_gives_the_same_and_asks_nobody(tmp_path: Path) -> None:
    place = tmp_path / "evidence"
    with Server() as server:
        server.rpc(some)
        server.on("/rest", lambda seen: Reply(msgspec.json.encode(seen.path)))
        with Evidence(place) as kept:
            calls, answer = rpc(server.url, kept, numbers(250)), get(server.url, kept, "rest/1")
            assert Fault(-32000, "no 3") in calls
            digest, hits = kept.digest(), server.hits
            assert rpc(server.url, kept, numbers(250)) == calls
            assert get(server.url, kept, "rest/1") == answer
            assert server.hits == hits
            assert kept.verify().answers == 251
        url = server.url
    with Evidence(place, write=False) as kept:
        assert rpc(url, kept, numbers(250), offline=True) == calls
        assert get(url, kept, "rest/1", offline=True) == answer
        assert kept.digest() == digest == kept.digest(everything=True)


def test_what_is_not_kept_is_said_offline(tmp_path: Path) -> None:
    with Server() as server, Evidence(tmp_path / "evidence") as kept:
        server.rpc(double)
        rpc(server.url, kept, numbers(5))
        with pytest.raises(NotKept, match=r"double '\[5\]'.*\n.*without --offline"):
            rpc(server.url, kept, numbers(6), offline=True)
        with pytest.raises(NotKept, match="/block/7"):
            get(server.url, kept, "block/7", offline=True)
        assert server.hits == 1
    with pytest.raises(CaseError, match="no evidence"):
        Evidence(tmp_path / "nothing", write=False)


def test_failures_are_kept_and_only_they_are_asked_again(tmp_path: Path) -> None:
    with Server() as server, Evidence(tmp_path / "evidence") as kept:
        server.answer(status=500)
        with pytest.raises(Unreachable) as first:
            get(server.url, kept, "x")
        with pytest.raises(Unreachable) as second:
            rpc(server.url, kept, numbers(3))
        assert server.hits == 12
        digest = kept.digest()
        with pytest.raises(Unreachable) as again:
            get(server.url, kept, "x", offline=True)
        assert str(again.value) == str(first.value)
        with pytest.raises(Unreachable) as again:
            rpc(server.url, kept, numbers(3), offline=True)
        assert str(again.value) == str(second.value)
        assert server.hits == 12
        server.rpc(double)
        assert rpc(server.url, kept, numbers(3)) == [0, 2, 4]
        assert rpc(server.url, kept, numbers(3), offline=True) == [0, 2, 4]
        assert server.hits == 13
        assert kept.digest() != digest
        assert kept.verify().failures == 2


def test_a_404_that_was_allowed_is_kept_as_such(tmp_path: Path) -> None:
    with Server() as server, Evidence(tmp_path / "evidence") as kept:
        server.answer(b"gone", status=404, type="text/plain")
        assert get(server.url, kept, "x", missing_ok=True).status == 404
        assert get(server.url, kept, "x", missing_ok=True, offline=True).body == b"gone"
        with pytest.raises(Refused):
            get(server.url, kept, "x", offline=True)


def test_a_fresh_answer_takes_the_place_of_the_old(tmp_path: Path) -> None:
    with Server() as server, Evidence(tmp_path / "evidence") as kept:
        for height in (100, 101):
            server.rpc(lambda method, params, now=height: now)  # type: ignore[misc]
            assert rpc(server.url, kept, [Call("height")], fresh=True) == [height]
        assert rpc(server.url, kept, [Call("height")]) == [101]
        assert rpc(server.url, kept, [Call("height")], fresh=True, offline=True) == [101]


def test_an_interrupted_fetch_goes_on_where_it_was(tmp_path: Path) -> None:
    """The server refuses after 5 of 10 batches; the second run asks for the other 5 only, and comes to the same."""
    with Server() as server, Evidence(tmp_path / "whole") as whole, Evidence(tmp_path / "part") as part:
        server.rpc(double)
        answers = rpc(server.url, whole, numbers(1000))
        assert server.hits == 10
        server.on("/", lambda seen: Reply(rpc_body(seen.body, double), 200 if server.hits <= 15 else 403))
        with pytest.raises(Refused):
            rpc(server.url + "#parallel=1", part, numbers(1000))
        assert len(part) in {600, 700}  # those refused are kept as such, and one more may have been on its way
        server.clear()
        server.rpc(double)
        before = server.hits
        assert rpc(server.url, part, numbers(1000)) == answers
        assert server.hits - before in {5, 6}  # the one on its way may reach a busy server only now
        part.close()
        with Evidence(tmp_path / "part", write=False) as again:
            assert rpc(server.url, again, numbers(1000), offline=True) == answers
            assert again.digest() == whole.digest()


def keep(kept: Evidence, number: int, body: bytes = b"", *, minute: int = 0) -> bytes:
    key = question(URL, ["GET", number])
    asked = [msgspec.Raw(b'["GET",%d]' % number)]
    kept.keep(Record(f"2026-11-23T00:{minute:02}:00Z", URL, asked, [key.hex()], 200), body or b"body %d" % number)
    kept.use(key)
    return key


@settings(max_examples=examples(50), deadline=None)
@given(st.permutations(range(12)), st.integers(0, 59))
def test_the_digest_knows_answers_and_not_their_order(order: list[int], minute: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        a, b, c = (Path(name) / each for each in "abc")
        with Evidence(a) as one, Evidence(b) as two, Evidence(c) as other:
            for number in range(12):
                keep(one, number)
            for number in order:
                keep(two, number, minute=minute)
                keep(other, number, b"changed" if number == order[-1] else b"")
            assert one.digest() == two.digest()
            assert one.digest() != other.digest()
            keep(other, order[-1])
            assert one.digest() == other.digest()


def test_batches_of_any_size_have_one_digest(tmp_path: Path) -> None:
    digests = set()
    with Server() as server:
        server.rpc(some)
        for size in (1, 7, 100):
            with Evidence(tmp_path / str(size)) as kept:
                rpc(f"{server.url}#batch={size}", kept, numbers(50))
                digests.add(kept.digest())
    assert len(digests) == 1


def test_a_line_that_was_cut_is_repaired(tmp_path: Path) -> None:
    """Cut at every byte of the last line: what stood before is there, what is written next is sound."""
    place = tmp_path / "evidence"
    with Evidence(place) as kept:
        keys = [keep(kept, number) for number in range(3)]
    whole = (place / LINES).read_bytes()
    last = whole[:-1].rindex(b"\n") + 1
    for at in range(last, len(whole)):
        (place / LINES).write_bytes(whole[:at])
        (place / BODIES / ".new-left").write_bytes(b"half")
        with Evidence(place, write=False) as kept:
            assert (keys[0] in kept, keys[1] in kept, keys[2] in kept) == (True, True, False)
        with Evidence(place) as kept:
            assert len(kept) == 2
            keep(kept, 2)
            assert kept.verify().answers == 3
        assert (place / LINES).read_bytes() == whole
        assert not (place / BODIES / ".new-left").exists()


WRITER = """
import sys
from pathlib import Path
from dyepack.sources.live.evidence import Evidence, Record, question
with Evidence(Path(sys.argv[1])) as kept:
    for number in range(len(kept), 1_000_000):
        key = question("", [number])
        kept.keep(Record("", "", [], [key.hex()], 200), b"%d " % number * SIZE)
        print(number, flush=True)
"""


def write_until_it_ends(place: Path, *, before: str = "", size: int) -> subprocess.Popen[str]:
    source = Path(__file__).parents[1] / "src"
    return subprocess.Popen(
        [sys.executable, "-c", before + WRITER.replace("SIZE", str(size)), str(place)], env={"PYTHONPATH": str(source)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_killed_writers_lose_nothing_that_they_told(tmp_path: Path) -> None:
    """10 times kill -9 at a random moment: every answer that was reported is there, each whole."""
    place, draw, told = tmp_path / "evidence", random.Random(4), 0
    for _ in range(10):
        writer = write_until_it_ends(place, size=5000)
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(draw.random() * 0.05)
        writer.send_signal(signal.SIGKILL)
        lines = (first + writer.communicate()[0]).split()
        told = max(told, int(lines[-1]))
        with Evidence(place) as kept:
            assert len(kept) > told
            assert [n for n in range(told + 1) if question("", [n]) not in kept] == []
    assert told > 50
    with Evidence(place) as kept:
        for record in kept.records():
            assert kept.body(record.body)


def test_changes_are_seen(tmp_path: Path) -> None:
    place = tmp_path / "evidence"
    with Evidence(place) as kept:
        key = keep(kept, 1, b"the body")
        record, _ = kept.find(key) or (Record("", ""), 0)
        body = place / BODIES / record.body[:2] / record.body
        assert kept.body(record.body) == b"the body"
        for change in (b"the bodY", b"", b"the body "):
            body.write_bytes(change)
            with pytest.raises(CaseError, match="was changed"):
                kept.body(record.body)
            with pytest.raises(CaseError, match="was changed"):
                kept.verify()
        body.unlink()
        with pytest.raises(CaseError, match="missing"):
            kept.verify()
    for line in (b"{}x\n", b"[]\n", b"\xff\n", b'{"keys":["zz"]}\n', b'{"keys":3}\n', b"\n"):
        (place / LINES).write_bytes(line)
        with pytest.raises(CaseError, match="damaged"):
            Evidence(place)
    bad = msgspec.json.encode(Record("t", URL, [], [key.hex()], 200, "../../../etc/passwd"))
    (place / LINES).write_bytes(bad + b"\n")
    with Evidence(place) as kept, pytest.raises(CaseError, match="no hash"):
        kept.verify()


def test_a_call_of_a_batch_that_was_changed_is_seen(tmp_path: Path) -> None:
    place = tmp_path / "evidence"
    with Server() as server, Evidence(place) as kept:
        server.rpc(double)
        rpc(server.url, kept, numbers(3))
        url = server.url
    lines = (place / LINES).read_bytes()
    record = msgspec.json.decode(lines, type=Record)
    record.parts.reverse()
    (place / LINES).write_bytes(msgspec.json.encode(record) + b"\n")
    with Evidence(place, write=False) as kept, pytest.raises(SourceError, match="does not hold"):
        rpc(url, kept, numbers(3), offline=True)


def test_one_writer_at_a_time_and_any_number_of_readers(tmp_path: Path) -> None:
    place = tmp_path / "evidence"
    with Evidence(place) as kept:
        keep(kept, 1)
        for _ in range(3):
            with pytest.raises(CaseError, match="another process is writing"):
                Evidence(place)
        with Evidence(place, write=False) as reader:
            assert len(reader) == 1
            with pytest.raises(ValueError, match="not open for writing"):
                keep(reader, 2)
        keep(kept, 3)
    with Evidence(place) as kept:
        assert len(kept) == 2


def test_equal_bodies_are_kept_once(tmp_path: Path) -> None:
    with Evidence(tmp_path / "evidence") as kept:
        for number in range(50):
            keep(kept, number, b"same")
        found = kept.verify()
    assert (found.answers, found.bodies, found.octets) == (50, 1, 4)


def test_a_full_disk_leaves_the_store_sound(tmp_path: Path) -> None:
    """A process that may write files of 4,000 bytes only: it is told, and what it wrote before is sound."""
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
    out, errors = write_until_it_ends(tmp_path / "evidence", before=limit, size=1).communicate(timeout=60)
    assert "make room on the disk" in errors
    with Evidence(tmp_path / "evidence") as kept:
        assert len(kept) == len(out.split()) > 5
        assert all(kept.body(record.body) for record in kept.records())
        assert (tmp_path / "evidence" / LINES).read_bytes().endswith(b"\n")


def test_a_hundred_thousand_answers_fit_in_little_memory(tmp_path: Path) -> None:
    """In 1,000 batches: less than 30 MB when the store is open, and each answer is found."""
    place, count = tmp_path / "evidence", 100_000
    keys = [question(URL, ["call", n]) for n in range(count)]
    part = "0" * 64
    with Evidence(place) as kept:
        kept._put = lambda body: part  # type: ignore[method-assign]
        for at in range(0, count, 100):
            asked = [msgspec.Raw(b'["call",%d]' % n) for n in range(at, at + 100)]
            hexes = [key.hex() for key in keys[at : at + 100]]
            kept.keep(Record("2026-11-23T00:00:00Z", URL, asked, hexes, 200, "", list(range(100)), [part] * 100), b"x")
    tracemalloc.start()
    with Evidence(place, write=False) as kept:
        used = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert len(kept) == count
        for n in range(0, count, 997):
            found = kept.find(keys[n])
            assert found is not None
            assert found[1] == n % 100
        assert len(kept.digest(everything=True)) == 64
    assert used < 30_000_000
