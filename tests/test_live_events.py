"""The log of events and the store of blocks: what is torn, lost, changed, full or killed is mended or refused."""

from __future__ import annotations

import asyncio
import hashlib
import random
import resource
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from dyepack.errors import LedgerError
from dyepack.sources.live.head.blockstore import BlockStore
from dyepack.sources.live.head.events import Event, EventLog
from dyepack.sources.live.head.follower import Follower
from tests.effort import examples
from tests.fake_chain import FakeChain, FakeSource, Odds, followed
from tests.test_live_follow import FAST, blocks_of, made, opened, settle, store_tip


def settled(folder: Path, length: int = 30) -> tuple[FakeChain, str]:
    """Follow a chain with one reorganisation to its end; the state."""
    chain, source = made(length)
    with opened(folder) as (store, log):
        follower = Follower(source, store, log, replace(FAST, batch=10), start=1)
        asyncio.run(settle(follower))
        chain.grow(8, chain.ancestor(length - 5))
        asyncio.run(settle(follower))
        return chain, store.state_hash()


def test_a_lost_store_is_built_again_from_the_log(tmp_path: Path) -> None:
    chain, state = settled(tmp_path)
    for file in tmp_path.glob("blocks.sqlite*"):
        file.unlink()
    told: list[Event] = []
    with opened(tmp_path) as (store, log):
        assert Follower(FakeSource(chain, Odds()), store, log, FAST, start=1, deliver=told.append).resume() == 0
        assert (store.state_hash(), told) == (state, [])


def test_a_lost_log_is_an_error(tmp_path: Path) -> None:
    chain, state = settled(tmp_path)
    (tmp_path / "events.jsonl").unlink()
    with opened(tmp_path) as (store, log):
        with pytest.raises(LedgerError, match="is ahead of its log of events"):
            asyncio.run(Follower(FakeSource(chain, Odds()), store, log, FAST, start=1).step())
        assert store.state_hash() == state


def test_every_torn_end_of_the_log_is_cut_off(tmp_path: Path) -> None:
    settled(tmp_path)
    path = tmp_path / "events.jsonl"
    whole = path.read_bytes()
    ends = {0, *(at + 1 for at, byte in enumerate(whole) if byte == 0x0A)}
    starts = sorted(ends)
    for cut in sorted({*range(len(whole) - 120, len(whole), 3), *range(0, len(whole), len(whole) // 40)}):
        path.write_bytes(whole[:cut])
        EventLog(path).close()
        assert path.stat().st_size == max(start for start in starts if start <= cut)


@pytest.mark.parametrize("how", ["a byte", "a line twice", "a line less", "lines swapped", "no JSON"])
def test_a_changed_log_is_refused(how: str, tmp_path: Path) -> None:
    settled(tmp_path)
    path = tmp_path / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    where = 3
    match how:
        case "a byte":
            lines[2] = (
                lines[2].replace(b'"time', b'"tine', 1) if b'"time' in lines[2] else lines[2].replace(b"17", b"18", 1)
            )
        case "a line twice":
            lines.insert(2, lines[0])
        case "a line less":
            del lines[0]
            where = 1
        case "lines swapped":
            lines[0], lines[2] = lines[2], lines[0]
            where = 1
        case "no JSON":
            lines[2] = b"{\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(LedgerError, match=f"line {where}: the log of events is damaged or was changed"):
        EventLog(path)


@pytest.mark.parametrize("event", [b'{"number":"x"}', b"7", b'{"number":1,"reverted":[],"committed":[1]}'])
def test_an_event_of_another_form_is_refused(event: bytes, tmp_path: Path) -> None:
    """One whose hash is right all the same."""
    start = hashlib.sha256(b"dyepack events 1").hexdigest()
    digest = hashlib.sha256(start.encode() + event).hexdigest()
    (tmp_path / "log").write_bytes(b'{"event":%b,"sha256":"%b"}\n' % (event, digest.encode()))
    with pytest.raises(LedgerError, match="line 1: the log of events is damaged"), EventLog(tmp_path / "log") as log:
        list(log.after(0))


def test_two_followers_do_not_share_a_log(tmp_path: Path) -> None:
    with EventLog(tmp_path / "log"), pytest.raises(LedgerError, match="is in use"):
        EventLog(tmp_path / "log")
    EventLog(tmp_path / "log").close()


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    chain, source = made(5)
    with opened(tmp_path) as (store, log):
        follower = Follower(source, store, log, FAST, start=1)
        asyncio.run(settle(follower))
        chain.grow(30)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.path.stat().st_size + 1000, hard))
        try:
            with pytest.raises(LedgerError, match="cannot be written"):
                asyncio.run(follower.step())
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (log.last, store_tip(store)) == (1, 5)
        asyncio.run(settle(follower))
    with opened(tmp_path) as (store, log):
        assert (log.last, blocks_of(store)) == (2, chain.branch(1, 35))


def test_a_store_takes_no_event_that_does_not_fit(tmp_path: Path) -> None:
    chain, state = settled(tmp_path)
    tip, first = chain.head, chain.ancestor(1)
    with opened(tmp_path) as (store, log):
        number = log.last + 1
        later = replace(tip, number=tip.number + 2)
        for event, says in [
            (Event(number + 1, (), (followed(tip),)), "the last one applied is event"),
            (Event(number, (first,), ()), "which is not the newest"),
            (Event(number, (), (followed(later),)), "does not follow block"),
            (Event(number, store.above(0), (followed(chain.ancestor(2)),)), "is not the first one, 1"),
        ]:
            with pytest.raises(LedgerError, match=says):
                store.apply(event)
        assert store.state_hash() == state
        assert not store.apply(Event(log.last, (tip,), ()))
        assert store.state_hash() == state


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all" * 1000)
    with pytest.raises(LedgerError, match="cannot be used"):
        BlockStore(tmp_path / "text")
    with closing(sqlite3.connect(tmp_path / "other")) as db:
        db.execute("CREATE TABLE a (b)")
    with pytest.raises(LedgerError, match="is no store of blocks"):
        BlockStore(tmp_path / "other")


CHILD = """
import asyncio, sys
from pathlib import Path
from tests.test_live_events import follow_for_ever
asyncio.run(follow_for_ever(Path(sys.argv[1]), int(sys.argv[2])))
"""


def plan(seed: int) -> FakeChain:
    """A chain whose heads, one after the other, are the same in every process."""
    dice, chain = random.Random(seed), FakeChain()
    chain.grow(70)
    for _ in range(4000):
        if dice.random() < 0.7:
            chain.grow(1)
        else:
            lost = dice.choice([1, 2, 5, 30])
            chain.grow(lost + 1, chain.ancestor(chain.head.number - lost))
    return chain


async def follow_for_ever(folder: Path, seed: int) -> None:
    """What the killed process does: a head a step, its place in the plan kept in a file."""
    chain, place = plan(seed), folder / "place"
    with opened(folder) as (store, log):
        follower = Follower(FakeSource(chain, Odds()), store, log, FAST, start=60)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        at = int(place.read_text() or 0) if place.exists() else 1
        while True:
            chain.head = chain.heads[at]
            await follower.step()
            at += 1
            (folder / "place.new").write_text(str(at))
            (folder / "place.new").rename(place)


@pytest.mark.slow
def test_kill_9_loses_nothing(tmp_path: Path) -> None:
    dice, kills = random.Random(1), examples(50)
    again = 0
    for _ in range(kills):
        command = [sys.executable, "-c", CHILD, str(tmp_path), "5"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            time.sleep(dice.random() * 0.1)
            child.kill()
        with opened(tmp_path) as (store, log):
            again += Follower(FakeSource(FakeChain(), Odds()), store, log, FAST, start=60).resume()
            assert store.applied == log.last == log.acknowledged
    chain = plan(5)
    chain.head = chain.heads[int((tmp_path / "place").read_text())]
    with opened(tmp_path) as (store, log):
        asyncio.run(settle(Follower(FakeSource(chain, Odds()), store, log, FAST, start=60)))
        assert blocks_of(store) == chain.branch(60, chain.head.number)
        assert log.last > kills
    assert again > 0, "no kill hit an event that was not acknowledged"
