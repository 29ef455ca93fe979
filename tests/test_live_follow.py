"""Following the head: whatever happens on the way, the store equals a fresh rebuild of the chain that won."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dyepack.case.cited import check_cited
from dyepack.errors import UsageError
from dyepack.sources.blocks import BlockRef
from dyepack.sources.live.errors import BadAnswer, SourceError, Unreachable
from dyepack.sources.live.head.blockstore import BlockStore
from dyepack.sources.live.head.events import Event, EventLog
from dyepack.sources.live.head.follower import FellBehind, Follower, Limits, ReorgTooDeep
from dyepack.sources.live.source import LiveTransaction
from tests.effort import examples
from tests.fake_chain import FakeChain, FakeSource, Odds, followed

CRASHES = ("nowhere", "before the log", "in the log", "after the log", "after the store", "before acknowledging")


class CrashError(Exception):
    """The process ends here."""


class CrashingLog(EventLog):
    """A log whose process ends at a named place, once."""

    where = "nowhere"

    def append(self, event: Event) -> None:
        self._end("before the log")
        if self.where == "in the log":
            with self.path.open("ab") as file:
                file.write(b'{"event":{"number":')
            self._end("in the log")
        super().append(event)
        self._end("after the log")

    def acknowledge(self, number: int) -> None:
        self._end("before acknowledging")
        super().acknowledge(number)

    def _end(self, place: str) -> None:
        if self.where == place:
            self.where = "nowhere"
            raise CrashError


class Heard:
    """Who follows: keeps every event, checks that it orphans nothing it need not."""

    def __init__(self, source: FakeSource) -> None:
        self.source = source
        self.events: list[Event] = []
        self.crash = False

    def __call__(self, event: Event) -> None:
        if self.crash:
            self.crash = False
            raise CrashError
        assert not {b.hash for b in event.reverted} & {b.ref.hash for b in event.committed}
        if not event.committed:
            chain, told = self.source.chain, self.source.told
            assert not any(b.number <= told.number and chain.ancestor(b.number, told) == b for b in event.reverted)
        self.events.append(event)

    def check(self) -> None:
        """Every event was told, first tellings in order, repeats word for word."""
        first: dict[int, Event] = {}
        for event in self.events:
            assert first.setdefault(event.number, event) == event
        assert list(first) == list(range(1, len(first) + 1))


@contextmanager
def opened(folder: Path) -> Iterator[tuple[BlockStore, CrashingLog]]:
    with BlockStore(folder / "blocks.sqlite") as store, CrashingLog(folder / "events.jsonl") as log:
        yield store, log


class Schedule:
    """One random schedule: what the chain and the source do, and where the process ends, all from a seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.dice = folder, random.Random(seed)
        dice = self.dice
        self.depth, self.first = dice.choice([0, 0, 1, 2, 6, 12]), dice.randrange(8)
        self.calm = dice.choice([0.2, 0.5, 0.8])
        self.limits = Limits(depth=self.depth, patience=3, batch=dice.choice([3, 8, 32]))
        self.chain = FakeChain()
        self.chain.grow(dice.randrange(24, 90))
        self.source = FakeSource(self.chain, Odds(), seed, self.disturb)
        self.heard = Heard(self.source)
        self.counts: Counter[str] = Counter()

    def disturb(self) -> None:
        """Let the chain go on: longer, onto a new branch, or back to an old one; never deeper than may be followed."""
        chain, dice = self.chain, self.dice
        lowest = max(self.first - 1, 0, chain.highest - self.depth - 64)
        what = dice.random()
        if what < 0.5 or chain.head.number < lowest:
            chain.grow(dice.randrange(1, 6))
        elif what < 0.85:
            fork = max(lowest, chain.head.number - dice.choice([1, 1, 2, 3, 7, 20, dice.randrange(1, 65)]))
            lost = chain.head.number - fork
            chain.grow(1 if dice.random() < 0.2 else max(1, lost + dice.randrange(-2, 4)), chain.ancestor(fork))
        else:
            old = dice.choice(chain.heads[-8:])
            if chain.common(old, chain.head).number >= lowest:
                chain.grow(dice.randrange(3), old)

    def run(self) -> None:
        """All of it; the state must be that of a fresh rebuild, and that of the log."""
        for part in range(self.dice.randrange(2, 5)):
            self.process(start=part == 0)
        self.source.odds, self.heard.crash = Odds(), False
        state = self.end()
        self.heard.check()
        with opened(self.folder / "it") as (_, log), BlockStore(self.folder / "replayed.sqlite") as replayed:
            for event in log.after(0):
                assert replayed.apply(event)
                assert not replayed.apply(event)
            assert replayed.state_hash() == state
        with opened(self.folder / "fresh") as (store, log):
            asyncio.run(settle(Follower(self.source, store, log, self.limits, start=self.first)))
            assert store.state_hash() == state

    def process(self, *, start: bool) -> None:
        """One process, which may end anywhere."""
        dice = self.dice
        with opened(self.folder / "it") as (store, log):
            follower = self.follower(store, log)
            if start:
                asyncio.run(settle(follower))
                rare = [0.0, 0.01, 0.1]
                late = dice.choice([0.0, 0.1, 0.7])
                self.source.odds = Odds(late, dice.choice(rare), dice.choice(rare), dice.choice(rare))
            log.where = dice.choice(CRASHES)
            self.heard.crash = log.where == "after the store"
            try:
                asyncio.run(self.steps(follower, dice.randrange(4, 16)))
            except CrashError:
                self.counts["crash"] += 1

    async def steps(self, follower: Follower, count: int) -> None:
        """Steps with everything that goes wrong; a fault changes nothing."""
        store, log = follower.store, follower.log
        follower.resume()
        for _ in range(count):
            if self.dice.random() > self.calm:
                self.disturb()
            before = store.tip(), store.applied, log.last
            try:
                await follower.step()
            except SourceError as fault:
                self.counts[type(fault).__name__] += 1
                assert (store.tip(), store.applied, log.last) == before

    def end(self) -> str:
        """Two more reorganisations without any fault, and the chain that wins: its state, checked block by block."""
        chain = self.chain
        with opened(self.folder / "it") as (store, log):
            follower = self.follower(store, log)
            for _ in range(2):
                self.win(follower)
                fork = chain.head.number - self.depth - self.dice.randrange(1, 65)
                chain.grow(1, chain.ancestor(max(self.first, fork)))
                asyncio.run(settle(follower))  # a branch that is shorter, and stays
            self.win(follower)
            return store.state_hash()

    def win(self, follower: Follower) -> None:
        """Make the head's branch as long as any, and follow it."""
        self.chain.grow(self.chain.highest - self.chain.head.number)
        asyncio.run(settle(follower))
        right = self.chain.branch(self.first, self.chain.head.number - self.depth)
        assert list(follower.store.blocks()) == [followed(block) for block in right]

    def follower(self, store: BlockStore, log: EventLog) -> Follower:
        return Follower(self.source, store, log, self.limits, start=self.first, deliver=self.heard)

    def happened(self) -> Counter[str]:
        """How often what happened."""
        counts = self.counts.copy()
        for event in self.heard.events:
            counts[event.kind] += 1
        counts["deepest"] = max(len(event.reverted) for event in self.heard.events)
        return counts


async def settle(follower: Follower) -> None:
    """Step until nothing is left to do and the source was given time to be believed."""
    quiet = 0
    while quiet <= follower.limits.patience:
        quiet = 0 if await follower.step() else quiet + 1


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_random_schedules_equal_a_fresh_rebuild(part: int, tmp_path: Path) -> None:
    total: Counter[str] = Counter()
    seeds = range(part, examples(400), 4)
    for seed in seeds:
        schedule = Schedule(tmp_path / str(seed), seed)
        schedule.run()
        total += schedule.happened()
    # The schedules must reach what they are for.
    assert total["reorg"] > len(seeds), total
    assert total["deepest"] > 20 * len(seeds), total
    assert min(total[what] for what in ("commit", "revert", "crash", "FellBehind")) > len(seeds) // 10, total


FAST = Limits(depth=0, patience=3)


def blocks_of(store: BlockStore) -> list[BlockRef]:
    return [block.ref for block in store.blocks()]


def made(length: int) -> tuple[FakeChain, FakeSource]:
    chain = FakeChain()
    chain.grow(length)
    return chain, FakeSource(chain, Odds())


async def stepped(follower: Follower, steps: int = 1) -> list[Event | None]:
    return [await follower.step() for _ in range(steps)]


@pytest.mark.parametrize("depth", [0, 1, 7])
def test_a_reorg_of_the_limit_is_followed_and_one_deeper_changes_nothing(depth: int, tmp_path: Path) -> None:
    chain, source = made(200 + depth)
    limits = Limits(depth=depth, patience=3, batch=500)
    with opened(tmp_path) as (store, log):
        follower = Follower(source, store, log, limits, start=1)
        asyncio.run(settle(follower))
        chain.grow(70 + depth, chain.ancestor(136))
        (event,) = asyncio.run(stepped(follower))
        assert event is not None
        assert (event.kind, len(event.reverted), event.reverted[0].number) == ("reorg", 64, 200)
        before, lines = store.state_hash(), log.path.read_bytes()
        chain.grow(80 + depth, chain.ancestor(store_tip(store) - 65))
        for _ in range(3):
            with pytest.raises(ReorgTooDeep, match="more than 64 of the blocks up to 206: nothing was taken back"):
                asyncio.run(follower.step())
        assert (store.state_hash(), log.path.read_bytes()) == (before, lines)


def test_another_chain_is_left_after_few_questions(tmp_path: Path) -> None:
    chain, source = made(1000)
    with opened(tmp_path) as (store, log):
        follower = Follower(source, store, log, replace(FAST, batch=1000), start=1)
        asyncio.run(settle(follower))
        chain.grow(1001, chain.ancestor(0))
        source.asked.clear()
        with pytest.raises(ReorgTooDeep):
            asyncio.run(follower.step())
        assert len(source.asked) == 1 + 65  # the head, and its parents down to the 64th below the tip
        assert (store_tip(store), log.last) == (1000, 1)


def store_tip(store: BlockStore) -> int:
    tip = store.tip()
    assert tip is not None
    return tip.number


@pytest.mark.parametrize("fallen", [10_100, 10_000, 5, 1])
def test_a_head_that_falls_back_without_another_branch_takes_nothing_back(fallen: int, tmp_path: Path) -> None:
    chain, source = made(10_100)
    with opened(tmp_path) as (store, log):
        follower = Follower(source, store, log, FAST, start=10_080)
        asyncio.run(settle(follower))
        before, head = store.state_hash(), chain.head
        chain.turn_to(chain.ancestor(head.number - fallen))
        assert asyncio.run(stepped(follower, 2)) == [None, None]
        with pytest.raises(FellBehind, match="shows no other branch: nothing was taken back"):
            asyncio.run(follower.step())
        assert store.state_hash() == before
        chain.grow(3, head)
        asyncio.run(settle(follower))
        assert store_tip(store) == 10_103


def test_a_shorter_branch_is_believed_when_it_stays(tmp_path: Path) -> None:
    chain, source = made(20)
    with opened(tmp_path) as (store, log):
        follower = Follower(source, store, log, FAST, start=0)
        asyncio.run(settle(follower))
        best = chain.head
        other = chain.grow(1, chain.ancestor(15))
        assert asyncio.run(stepped(follower, 2)) == [None, None]
        chain.turn_to(best)
        assert asyncio.run(stepped(follower)) == [None]
        assert log.last == 1
        chain.turn_to(other)
        (*quiet, event) = asyncio.run(stepped(follower, 3))
        assert quiet == [None, None]
        assert event is not None
        assert [b.number for b in event.reverted] == [20, 19, 18, 17, 16]
        assert blocks_of(store) == chain.branch(0, 16)


def test_depth_keeps_short_reorgs_out_of_sight(tmp_path: Path) -> None:
    chain, source = made(30)
    with opened(tmp_path) as (store, log):
        follower = Follower(source, store, log, Limits(depth=6), start=None)
        asyncio.run(settle(follower))
        assert blocks_of(store) == [chain.ancestor(24)]
        for lost in (1, 3, 6):
            chain.grow(lost + 1, chain.ancestor(chain.head.number - lost))
            (event,) = asyncio.run(stepped(follower))
            assert event is not None
            assert event.kind == "commit"
        assert blocks_of(store) == chain.branch(24, chain.head.number - 6)


def test_nothing_is_asked_twice_for_a_head_that_stays(tmp_path: Path) -> None:
    _, source = made(100)
    with opened(tmp_path) as (store, log):
        follower = Follower(source, store, log, Limits(depth=12), start=0)
        asyncio.run(settle(follower))
        source.asked.clear()
        assert asyncio.run(stepped(follower, 3)) == [None] * 3
        assert source.asked == ["head"] * 3
        source.chain.grow(1)
        source.asked.clear()
        assert asyncio.run(stepped(follower)) != [None]
        assert [what.split()[0] for what in source.asked] == ["head", "moves"]


class WrongSource(FakeSource):
    """Answers one kind of question with something else."""

    wrong = ""

    async def block(self, which: str | int) -> BlockRef | None:
        found = await super().block(which)
        if found is None or not isinstance(which, str):
            return replace(found, number=found.number + 1) if found and self.wrong == "number" else found
        match self.wrong:
            case "hash":
                return replace(found, hash="0x" + "ab" * 32)
            case "link":
                return replace(found, number=found.number - 1)
            case "unknown":
                return None
        return found

    async def moves(self, block: BlockRef) -> list[LiveTransaction]:
        one = LiveTransaction("0xaa", block.number, block.hash, 0, block.time, [])
        match self.wrong:
            case "other block":
                return [replace(one, block_hash="0x" + "ab" * 32)]
            case "other height":
                return [replace(one, block=block.number + 1)]
            case "twice":
                return [one, one]
        return list(await super().moves(block))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("number", r"block \d+ was asked for, block \d+ came"),
        ("hash", "was asked for, '0xabab"),
        ("link", r"the parent of block \d+ says that it is block"),
        ("other block", "says that it is in another block"),
        ("other height", "says that it is in another block"),
        ("twice", "holds a transaction twice"),
    ],
)
def test_answers_that_contradict_themselves_change_nothing(wrong: str, says: str, tmp_path: Path) -> None:
    chain, _ = made(100 if wrong == "number" else 20)
    source = WrongSource(chain, Odds())
    source.wrong = wrong
    with opened(tmp_path) as (store, log):
        follower = Follower(source, store, log, FAST, start=1)
        with pytest.raises(BadAnswer, match=says):
            asyncio.run(follower.step())
        assert (store.tip(), log.last) == (None, 0)
        source.wrong = ""
        asyncio.run(settle(follower))
        assert blocks_of(store) == chain.branch(1, chain.head.number)


def test_a_parent_that_is_not_known_is_asked_for_again(tmp_path: Path) -> None:
    chain, _ = made(20)
    source = WrongSource(chain, Odds())
    source.wrong = "unknown"
    with opened(tmp_path) as (store, log):
        follower = Follower(source, store, log, FAST, start=1)
        assert asyncio.run(stepped(follower, 9)) == [None] * 9
        source.wrong = ""
        asyncio.run(settle(follower))
        assert blocks_of(store) == chain.branch(1, 20)


@pytest.mark.parametrize("wrong", [{"depth": -1}, {"deepest": -1}, {"patience": 0}, {"batch": 0}])
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="cannot be followed"):
        Limits(**wrong)


def test_following_misses_polls_but_not_for_ever(tmp_path: Path) -> None:
    chain, source = made(40)
    with opened(tmp_path) as (store, log):
        follower = Follower(source, store, log, Limits(depth=0, patience=3, batch=8), start=0)
        asyncio.run(follower.follow(interval=0.0, until=lambda: store.tip() == chain.head))
        source.odds = Odds(failing=1.0)
        source.asked.clear()
        with pytest.raises(Unreachable):
            asyncio.run(follower.follow(interval=0.0))
        assert source.asked == ["head"] * 3


def test_cited_blocks_that_are_gone_are_named(tmp_path: Path) -> None:
    chain, source = made(100)
    cited = {number: chain.ancestor(number).hash for number in (0, 7, 90, 95, 100)}
    assert asyncio.run(check_cited(cited, source)).holds
    chain.grow(3, chain.ancestor(92))
    check = asyncio.run(check_cited({n: h.upper().replace("0X", "0x") for n, h in cited.items()}, source, time="T"))
    assert [(b.number, b.canonical) for b in check.orphaned] == [(95, chain.ancestor(95).hash)]
    assert (check.checked, check.unknown, check.holds, check.source, check.time) == (5, (100,), False, "fake", "T")
    note = check.note()
    assert cited[95].upper()[2:] in note
    assert "does not know 1 of the blocks (100): not checked" in note
    assert "All of them" not in note
    assert "All of them" in asyncio.run(check_cited({7: cited[7]}, source)).note()
    source.odds = Odds(failing=1.0)
    with pytest.raises(Unreachable):
        asyncio.run(check_cited(cited, source))
