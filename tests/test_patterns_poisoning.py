"""Poisoning: worked cases, recall and false alarms on made-up traffic, hostile histories, the shipped story."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.ledger.builder import build
from dyepack.ledger.manifest import COMPLETE, Manifest
from dyepack.ledger.reader import Ledger
from dyepack.ledger.schema import MoveKind, RawMoves, to_words
from dyepack.money import Asset
from dyepack.patterns.activity import DAY
from dyepack.patterns.confusables import folded
from dyepack.patterns.poisoning import (
    CONFIDENCE,
    COUNTERFEIT,
    FELL_FOR_IT,
    HOURS_BLOCKS,
    MEASURED,
    TINY,
    Lookalike,
    fingerprints,
    lookalikes,
    poisoning_notes,
)
from dyepack.sources.store import store
from dyepack.sources.transfers import import_transfers
from dyepack.synthetic.story import tell
from tests.effort import examples

NATIVE, USDT, FAKE, LINK, ETHER = "native", "0x" + "d1" * 20, "0x" + "fa" * 20, "0x" + "11" * 20, "0x" + "e7" * 20
ASSETS = {
    NATIVE: Asset(NATIVE, "ETH", 18), USDT: Asset(USDT, "USDT", 6), FAKE: Asset(FAKE, "usdt", 6),
    LINK: Asset(LINK, "", None), ETHER: Asset(ETHER, "eth", 18),
}  # fmt: skip
DISGUISES = ("uѕdt", "UЅDТ", "U\u200bSDT", "ＵＳＤＴ", "USD₮", "ÚŚDT", "U S D T", "U.S.D.T.", "\u202eUSDT\u202c",
             "𝐔𝐒𝐃𝐓", "U5DT", "USDT\ufe0f", "🔥USDT🔥")  # fmt: skip
"""Symbols that look like USDT's and are other texts; each is a token of its own below."""
ASSETS |= {(key := f"0x{n:02x}" + "dd" * 19): Asset(key, text, 6) for n, text in enumerate(DISGUISES)}
DISGUISED = [key for key in ASSETS if key.endswith("dd" * 19)]

V = "0x" + "77" * 20
Y = "0xabcde" + "1" * 30 + "54321"
X = "0xabcdf" + "2" * 30 + "64321"
"""Looks like Y: four digits at the start and four at the end."""


class Row(NamedTuple):
    """One move, in a transaction of its own unless `tx` says which; time -1: not told."""

    time: int
    sender: str
    receiver: str
    units: int
    asset: str = NATIVE
    tx: int = -1
    block: int = -1


def ledger_of(rows: list[Row]) -> Ledger:
    """A ledger of exactly these addresses, times and blocks (12 seconds each unless told)."""
    texts = sorted({a.lower() for r in rows for a in (r.sender, r.receiver)} - {""})
    place = {text: i for i, text in enumerate(texts)} | {"": -1}
    keys = sorted({r.asset for r in rows})
    tx = [r.tx if r.tx >= 0 else 1_000_000 + i for i, r in enumerate(rows)]
    raw = RawMoves(
        tx_id=np.array([list(n.to_bytes(32, "big")) for n in tx], np.uint8).reshape(-1, 32),
        block=np.array([r.block if r.block >= 0 else r.time // 12 for r in rows], np.int64),
        tx_index=np.array(tx, np.int64),
        time=np.array([r.time for r in rows], np.int64),
        kind=np.array([MoveKind.VALUE if r.asset == NATIVE else MoveKind.TOKEN for r in rows], np.uint8),
        index=np.arange(len(rows)),
        sender=np.array([place[r.sender.lower()] for r in rows], np.int64),
        receiver=np.array([place[r.receiver.lower()] for r in rows], np.int64),
        asset=np.array([keys.index(r.asset) for r in rows], np.int64),
        amount=np.array([to_words(r.units) for r in rows], np.uint64).reshape(-1, 2),
        row=np.arange(len(rows)),
        addresses=np.array([list(bytes.fromhex(t[2:])) for t in texts], np.uint8).reshape(-1, 20),
        assets=keys, source="test",
    )  # fmt: skip
    built = build([raw])
    manifest = Manifest("test", [ASSETS[k] for k in built.assets], "hex", "hex", [], built.counts, {}, {}, {}, [])
    state = np.full(built.counts["holdings"], COMPLETE, np.uint8)
    return Ledger(Path(), manifest, "0" * 64, built.columns | {"holding_state": state})


def found(rows: list[Row], *places: str) -> list[Lookalike]:
    """What is found at V, or at `places`."""
    ledger = ledger_of(rows)
    ids = [ledger.find_address(text) for text in places or (V,)]
    return lookalikes(ledger, [i for i in ids if i is not None])


def kinds(rows: list[Row]) -> list[str]:
    """The kinds of what is found at V."""
    return [alike.kind for alike in found(rows)]


def test_a_tiny_transfer_in_every_field() -> None:
    [alike] = found([Row(1000, V, Y, 10**18), Row(1000 + DAY, X, V, 10**15)])
    assert (alike.place, alike.lookalike, alike.imitated) == (V, X, Y)
    assert (alike.kind, alike.incoming, alike.amount, alike.asset) == (TINY, True, "0.001", NATIVE)
    assert (alike.tx, alike.imitated_tx) == (f"0x{1_000_001:064x}", f"0x{1_000_000:064x}")
    assert (alike.move, alike.time) == ("value 1", "1970-01-02T00:16:40Z")
    assert (alike.first, alike.last) == (4, 4)
    assert (alike.evidence, alike.confidence, alike.measured) == ("E5", CONFIDENCE, MEASURED)
    for part in (V, X, Y, "0.001 'ETH'", "first 4 and last 4", "less than 1 %", alike.tx, "E5"):
        assert part in alike.words()


@pytest.mark.parametrize(
    ("units", "later", "sender", "expected"),
    [
        (99, 60, X, [TINY]),
        (100, 60, X, []),  # one per cent is not less than one per cent
        (1, DAY, X, [TINY]),
        (1, DAY + 1, X, []),
        (1, 60, Y, []),  # the address itself
        (1, 60, Y.upper().replace("0X", "0x"), []),  # in other letters it is the same address
        (1, 60, "0xabc9" + "3" * 32 + "4321", [TINY]),  # three digits and four
        (1, 60, "0xab99" + "3" * 32 + "4321", []),  # two and four
        (1, 60, "0xabc9" + "3" * 32 + "9321", []),  # three and three
    ],
)
@pytest.mark.parametrize("sent", [True, False])
def test_the_limits_of_the_rule(units: int, later: int, sender: str, expected: list[str], *, sent: bool) -> None:
    dealing = Row(0, V, Y, 10_000) if sent else Row(0, Y, V, 10_000)
    assert kinds([dealing, Row(later, sender, V, units)]) == expected


def test_the_largest_dealing_of_the_day_counts_and_only_while_it_lasts() -> None:
    rows = [Row(0, V, Y, 10**6), Row(20 * 3600, V, Y, 1000)]
    assert kinds([*rows, Row(23 * 3600, X, V, 50)]) == [TINY]
    assert kinds([*rows, Row(25 * 3600, X, V, 50)]) == []
    assert kinds([*rows, Row(25 * 3600, X, V, 9)]) == [TINY]


def test_another_asset_is_never_tiny() -> None:
    assert kinds([Row(0, V, Y, 10**9, USDT), Row(9, X, V, 1, LINK)]) == []


@pytest.mark.parametrize(("dealt", "shown", "expected"), [
    (USDT, FAKE, [COUNTERFEIT]), (FAKE, USDT, [COUNTERFEIT]), (LINK, ETHER, [COUNTERFEIT]),
    (USDT, LINK, []), (LINK, LINK, []), (ETHER, NATIVE, []), (NATIVE, USDT, []),
])  # fmt: skip
@pytest.mark.parametrize("incoming", [True, False])
def test_counterfeits_by_symbol(dealt: str, shown: str, expected: list[str], *, incoming: bool) -> None:
    """Either way: what a worthless contract says that V sent, V need not have sent. The coin is no counterfeit."""
    ends = (X, V) if incoming else (V, X)
    seen = found([Row(0, V, Y, 5_000_000, dealt), Row(9, *ends, 5_000_000, shown)])
    assert [a.kind for a in seen] == expected
    for alike in seen:
        assert alike.asset in alike.words()
        assert ("is said by" in alike.words()) is not incoming


@pytest.mark.parametrize("key", DISGUISED)
def test_counterfeits_in_disguise(key: str) -> None:
    [alike] = found([Row(0, V, Y, 5_000_000, USDT), Row(9, X, V, 5_000_000, key)])
    assert (alike.kind, alike.asset) == (COUNTERFEIT, key)
    assert alike.words().isascii()


@pytest.mark.parametrize("symbol", ["USDC", "USDT0x", "TUSD", "U", "USD", "DAI", "🔥", "\u200b", "WUSDT"])
def test_other_symbols_are_no_disguise(symbol: str) -> None:
    ledger = ledger_of([Row(0, V, Y, 5_000_000, USDT), Row(9, X, V, 5_000_000, FAKE)])
    at = next(n for n, asset in enumerate(ledger.assets) if asset.key == FAKE)
    ledger.manifest.assets[at] = Asset(FAKE, symbol, 6)
    number = ledger.find_address(V)
    assert number is not None
    assert lookalikes(ledger, [number]) == []


@given(st.text(max_size=40))
def test_folding_a_folded_text_changes_nothing(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(st.text("ABCDEFGHJKMNPQRTUVWXYZ2346789", max_size=12), st.text("ABCDEFGHJKMNPQRTUVWXYZ2346789", max_size=12))
def test_plain_symbols_stay_apart(one: str, other: str) -> None:
    assert (folded(one) == folded(other)) is (one == other)


def test_a_symbol_of_any_length_is_folded_quickly() -> None:
    start = time.perf_counter()
    assert len(folded("\ufdfa" * 1_000_000)) < 10_000
    assert time.perf_counter() - start < 1


def test_a_place_falls_for_it_each_time_it_sends() -> None:
    rows = [Row(0, V, Y, 10**18), Row(60, X, V, 1), Row(30 * DAY, V, X, 5 * 10**18), Row(31 * DAY, V, X, 10**18)]
    seen = found(rows)
    assert [a.kind for a in seen] == [TINY, FELL_FOR_IT, FELL_FOR_IT]
    assert (seen[1].lookalike, seen[1].imitated, seen[1].amount, seen[1].incoming) == (X, Y, "5", False)
    assert "likely a mistake" in seen[1].words()
    assert "5 'ETH'" in seen[1].words()


def test_no_mistake_without_poison_before_it_or_where_it_was_known() -> None:
    assert kinds([Row(0, V, Y, 10**18), Row(60, V, X, 10**18)]) == []
    assert kinds([Row(0, V, X, 10), Row(5, V, Y, 10**18), Row(60, X, V, 1), Row(90, V, X, 10**18)]) == [TINY]


def test_order_inside_one_transaction_proves_nothing() -> None:
    assert kinds([Row(0, V, Y, 10**18, tx=5), Row(0, X, V, 1, tx=5)]) == []
    assert kinds([Row(0, V, Y, 10**18), Row(60, X, V, 1, tx=2_000_000), Row(60, V, X, 10**18, tx=2_000_000)]) == [TINY]


def test_a_look_alike_that_was_found_out_is_not_imitated_itself() -> None:
    z, hour = "0xabc7" + "4" * 32 + "4321", 3600
    rows = [Row(0, V, Y, 10**6), Row(20 * hour, X, V, 10**6), Row(25 * hour, z, V, 1)]
    assert [a.imitated for a in found(rows)] == [X]
    assert [a.lookalike for a in found([*rows[:2], Row(23 * hour, X, V, 1), rows[2]])] == [X]


def test_what_was_sent_in_the_very_transaction_of_the_poison_was_not_sent_before() -> None:
    rows = [Row(0, V, Y, 10**18), Row(60, V, X, 10**18, tx=2_000_000), Row(60, X, V, 1, tx=2_000_000)]
    assert kinds(rows) == [TINY]
    assert kinds([*rows, Row(90, V, X, 10**18, tx=3_000_000)]) == [TINY, FELL_FOR_IT]


def test_places_are_looked_at_one_by_one_and_in_chain_order() -> None:
    w = "0x" + "66" * 20
    rows = [Row(0, V, Y, 10**6), Row(1, w, Y, 10**6), Row(2, X, w, 1), Row(3, X, V, 1)]
    assert [a.place for a in found(rows, V, w)] == [w, V]
    assert [a.place for a in found(rows, w, V, w)] == [w, V]
    assert [a.place for a in found(rows, V)] == [V]
    assert found(rows, X, Y) == []
    assert found([], V) == []


@pytest.mark.parametrize(("blocks", "expected"), [(HOURS_BLOCKS, [TINY]), (HOURS_BLOCKS + 1, [])])
@pytest.mark.parametrize("times", [(-1, -1), (-1, 10**9), (10**9, -1)])
def test_blocks_stand_in_for_missing_times(blocks: int, expected: list[str], times: tuple[int, int]) -> None:
    rows = [Row(times[0], V, Y, 10**6, block=100), Row(times[1], X, V, 1, block=100 + blocks)]
    assert kinds(rows) == expected
    if times[1] < 0 and expected:
        assert found(rows)[0].time == ""
        assert " at " not in found(rows)[0].words()


def test_symbols_from_outside_are_escaped() -> None:
    ledger = ledger_of([Row(0, V, Y, 10**6), Row(9, X, V, 1)])
    ledger.manifest.assets[0] = Asset(NATIVE, "E\x1b[2J\u202e" + "H" * 500, 18)
    number = ledger.find_address(V)
    assert number is not None
    [alike] = lookalikes(ledger, [number])
    assert alike.words().isascii()
    assert alike.words().isprintable()
    assert len(alike.words()) < 600


def test_ledgers_of_names_have_no_look_alikes() -> None:
    ledger = ledger_of([Row(0, V, Y, 10**6), Row(9, X, V, 1)])
    ledger.manifest.address_format = "text"
    assert lookalikes(ledger, [0, 1, 2]) == []


def test_notes_name_mistakes_first_and_count_the_rest() -> None:
    rows = [Row(0, V, Y, 10**18), *(Row(60 + n, X, V, 1) for n in range(20)), Row(999, V, X, 10**18)]
    notes = poisoning_notes(found(rows))
    assert len(notes) == 6
    assert "likely a mistake" in notes[0]
    assert "20 tiny and 0 counterfeit" in notes[-1]
    assert "sent to such an address: 1;" in notes[-1]
    assert MEASURED in notes[-1]
    assert poisoning_notes([]) == []


# ---------------------------------------------------------------- beside the rule written plainly


def plainly(ledger: Ledger, place: int) -> list[tuple[int, str, str]]:
    """(move, kind, look-alike) at a place, where each transaction is one move: each dealing against each before it."""
    dealings: list[tuple[int, int]] = []
    fakes: set[int] = set()
    sent_to: set[int] = set()
    alarms = []
    text = [ledger.address_text(a) for a in range(len(ledger.address_id))]
    symbol = [folded(asset.symbol) for asset in ledger.assets]
    for move in range(ledger.moves):
        source, target = (ledger.holding_address(int(c[move])) for c in (ledger.move_from, ledger.move_to))
        if source == target or place not in (source, target):
            continue
        far, asset, units = source if target == place else target, ledger.move_asset(move), ledger.amount(move)
        near = [
            m for m, y in dealings
            if y != far and y not in fakes
            and text[y][:5] == text[far][:5] and text[y][-4:] == text[far][-4:]
            and (int(ledger.tx_time[move]) - int(ledger.tx_time[m]) <= DAY if ledger.tx_time[m] >= 0
                 else int(ledger.tx_block[move]) - int(ledger.tx_block[m]) <= HOURS_BLOCKS)
        ]  # fmt: skip
        same = [m for m in near if ledger.move_asset(m) == asset]
        named = [m for m in near if symbol[asset] in (symbol[ledger.move_asset(m)], symbol[0])]
        kind = ""
        if target == place and any(100 * units < ledger.amount(m) for m in same):
            kind = TINY
        elif asset and symbol[asset] and named and not same:
            kind = COUNTERFEIT
        elif far in fakes and source == place and far not in sent_to:
            kind = FELL_FOR_IT
        if kind in (TINY, COUNTERFEIT):
            fakes.add(far)
        elif far not in fakes:
            dealings.append((move, far))
            sent_to |= {far} if source == place else set()
        alarms += [(move, kind, text[far])] if kind else []
    return alarms


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    """Some days of a few addresses of two fingerprints."""
    others = [Y, X, *(f"0xabc{n:033x}4321" for n in range(3)), "0xfff" + "0" * 33 + "1111", "0xfff" + "1" * 33 + "1111"]
    told, at, rows = draw(st.booleans()), 0, []
    for _ in range(draw(st.integers(2, 25))):
        at += draw(st.sampled_from([12, 600, 6 * 3600, 20 * 3600]))
        source, target = draw(st.permutations([V, draw(st.sampled_from([*others, V]))]))
        units = draw(st.sampled_from([1, 5, 100, 501, 10_000, 10**30]))
        rows.append(Row(at if told else -1, source, target, units, draw(st.sampled_from(list(ASSETS))), block=at // 12))
    return rows


@settings(max_examples=examples(400), deadline=None)
@given(histories())
def test_the_windows_find_what_the_rule_written_plainly_finds(rows: list[Row]) -> None:
    ledger = ledger_of(rows)
    place = ledger.find_address(V)
    assert place is not None
    seen = [(a.tx, a.kind, a.lookalike) for a in lookalikes(ledger, [place])]
    assert seen == [(ledger.tx_text(int(ledger.move_tx[m])), kind, far) for m, kind, far in plainly(ledger, place)]


# ---------------------------------------------------------------- measured


def _address(random: Random) -> str:
    return f"0x{random.getrandbits(160):040x}"


def _alike(random: Random, target: str) -> str:
    """An address with 3 to 7 first and 4 to 7 last digits of another."""
    first, last = random.randint(3, 7), random.randint(4, 7)
    return target[: 2 + first] + _address(random)[2 + first : -last] + target[-last:]


PAIRS = 10_000
ORDINARY = 2_000
"""Dealings, and as many tiny transfers, of each of the five busy places: four million pairs each."""


@pytest.mark.slow
def test_ten_thousand_poison_pairs_among_twenty_million_innocent_ones() -> None:
    """Recall and precision as MEASURED says; an innocent pair is a dealing and a tiny transfer within 24 hours."""
    random = Random(4)
    rows: list[Row] = []
    poisoned: dict[tuple[str, str], str] = {}
    victims = [_address(random) for _ in range(PAIRS // 5)]
    for n in range(PAIRS):
        victim, real = victims[n % len(victims)], _address(random)
        fake = _alike(random, real)
        units, at = random.randint(10**6, 10**12), random.randint(0, 10 * DAY)
        ends = (victim, real) if random.random() < 0.5 else (real, victim)
        rows.append(Row(at, *ends, units, USDT))
        later = at + random.randint(12, DAY)
        if random.random() < 0.5:
            rows.append(Row(later, fake, victim, random.randint(1, (units - 1) // 100), USDT))
        else:
            rows.append(
                Row(later, *random.choice([(fake, victim), (victim, fake)]), units, random.choice([FAKE, *DISGUISED]))
            )
        poisoned[victim, fake] = real
    busy = [_address(random) for _ in range(5)]
    for place in busy:
        for n in range(ORDINARY):
            rows.append(Row(n, place, _address(random), 10**9, random.choice([USDT, NATIVE])))
            rows.append(Row(ORDINARY + n, _address(random), place, 1, random.choice([USDT, NATIVE, FAKE])))
    seen = found(rows, *victims, *busy)
    right = [a for a in seen if poisoned.get((a.place, a.lookalike)) == a.imitated]
    false = len(seen) - len(right)
    innocent = len(busy) * ORDINARY**2
    recall = len({(a.place, a.lookalike) for a in right})
    assert recall >= 0.99 * PAIRS
    assert false * 10**6 <= innocent
    assert f"found {recall:,} of {PAIRS:,}" in MEASURED
    assert f"{false} false alarms in {innocent:,} pairs" in MEASURED
    assert 100 * len(right) / len(seen) >= CONFIDENCE


def test_random_addresses_look_alike_once_in_two_hundred_million_pairs() -> None:
    """All pairs of 100,000 random addresses, five thousand million: expected 5e9 / 2^28, nineteen."""
    count = 100_000
    prints = fingerprints(np.random.default_rng(4).integers(0, 256, (count, 20), np.uint8))
    _, same = np.unique(prints, return_counts=True)
    alike = int((same.astype(np.int64) * (same - 1) // 2).sum())
    pairs = count * (count - 1) // 2
    assert 5 <= alike <= 40
    assert alike * 10**6 <= pairs


def test_fingerprints_are_the_digits_people_see() -> None:
    rows = np.array([list(bytes.fromhex(text[2:])) for text in (Y, X)], np.uint8)
    assert [f"{n:07x}" for n in fingerprints(rows).tolist()] == ["abc4321", "abc4321"]


# ---------------------------------------------------------------- hostile


@pytest.mark.parametrize("asset", [NATIVE, FAKE, LINK])
def test_many_look_alikes_of_one_address_cost_no_more_each(asset: str) -> None:
    """Tiny ones, counterfeits, and a worthless token without a name: all of one fingerprint, each address once.

    Looking at each for each of the others would take a hundred million steps.
    """
    count = 10_000
    rows = [Row(0, V, Y, 10**9, USDT if asset == FAKE else NATIVE)]
    rows += [Row(1 + n // 2, f"0xabc{n:033x}4321", V, 1, asset) for n in range(count)]
    ledger = ledger_of(rows)
    number = ledger.find_address(V)
    assert number is not None
    start = time.perf_counter()
    seen = lookalikes(ledger, [number])
    assert time.perf_counter() - start < 10
    assert len(seen) == (0 if asset == LINK else count)
    assert {a.imitated for a in seen} <= {Y}


@pytest.mark.slow
def test_a_place_of_a_hundred_thousand_ordinary_transfers_is_quick() -> None:
    random = Random(9)
    rows = [Row(n, *random.choice([(V, o), (o, V)]), 10**6) for n in range(100_000) for o in (_address(random),)]
    ledger = ledger_of(rows)
    start = time.perf_counter()
    assert lookalikes(ledger, range(len(ledger.address_id))) == []
    assert time.perf_counter() - start < 10


def test_worthless_tokens_do_not_push_the_imitated_address_out() -> None:
    """Fifty look-alikes that send a token of no name, then the tiny transfer that counts."""
    rows = [Row(0, V, Y, 10**18), *(Row(1 + n, f"0xabc{n:033x}4321", V, 10**30, LINK) for n in range(50))]
    [alike] = found([*rows, Row(99, X, V, 1)])
    assert (alike.lookalike, alike.imitated) == (X, Y)


def test_an_imported_ledger_whose_addresses_are_in_several_letter_cases(tmp_path: Path) -> None:
    """The imitated address in capitals is itself, not a look-alike; a real one is found through the import."""
    file, capital = tmp_path / "t.csv", "0x" + Y[2:].upper()
    rows = [(0, V, Y, "1"), (60, capital, V, "0.000001"), (120, "0x" + X[2:].upper(), V, "0.000001"), (180, V, X, "1")]
    lines = [f"{at},{at},0x{at + 1:064x},{ends[0]},{ends[1]},{amount}" for at, *ends, amount in rows]
    file.write_text("\n".join(["time,block,tx,from,to,amount", *lines]) + "\n")
    read = import_transfers(file, asset=ASSETS[NATIVE])
    store(read, tmp_path / "ledger", chain="test", files=[file], native=ASSETS[NATIVE], covers=None)
    ledger = Ledger.open(tmp_path / "ledger")
    seen = lookalikes(ledger, range(len(ledger.address_id)))
    assert [(a.kind, a.place, a.lookalike, a.imitated) for a in seen] == [(TINY, V, X, Y), (FELL_FOR_IT, V, X, Y)]


def test_the_shipped_story() -> None:
    """Out of all its places only the one that is fooled is found, as the story tells it."""
    incident = tell(background=200)
    built = build([incident.moves])
    assets = [incident.assets[key] for key in built.assets]
    manifest = Manifest("test", assets, "hex", "hex", [], built.counts, {}, {}, {}, [])
    ledger = Ledger(Path(), manifest, "0" * 64, built.columns)
    seen = lookalikes(ledger, range(len(ledger.address_id)))
    assert [(a.kind, *(incident.names[n] for n in (a.place, a.lookalike, a.imitated)), a.amount) for a in seen] == [
        (TINY, "Ferris (fooled)", "Look-alike of Thief 2", "Thief 2", "0.000000000001"),
        (FELL_FOR_IT, "Ferris (fooled)", "Look-alike of Thief 2", "Thief 2", "60"),
    ]
