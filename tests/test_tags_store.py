"""The store: editions, history, as of a day, what it refuses, and what is left after a crash."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.errors import InputError, UsageError
from dyepack.tags.edition import Edition, identity, merged
from dyepack.tags.importing import Words, import_lists, read_lists
from dyepack.tags.load import load
from dyepack.tags.model import LATEST, Tag, TagKind, TagSet, earliest, today
from dyepack.tags.naming import place_names, stops
from dyepack.tags.store import Store
from dyepack.tracing.terminals import Stop

OFAC = Path(__file__).parents[2] / "shared/data/labels/ofac-0xB10C-lists-2025-12"


def address(number: int) -> str:
    return f"0x{number:040x}"


def put(folder: Path, numbers: range | list[int], name: str = "list.txt") -> Path:
    path = folder / name
    path.write_text("".join(address(number) + "\n" for number in numbers))
    return path


def take(store: Path, path: Path, day: str, *, accept: bool = False, source: str = "L") -> tuple[int, int, int]:
    with Store.open(store, create=True) as opened:
        (done,) = import_lists(opened, read_lists([path], Words(source, day)), accept_shrink=accept)
    return done.outcome.added, done.outcome.withdrawn, done.outcome.unchanged


def standing(store: Path, day: str) -> set[str]:
    return {tag.address for tag in load(store).as_of(day).tags}


def test_a_delisted_address_was_listed_then_and_is_not_now(tmp_path: Path) -> None:
    store = tmp_path / "s.store"
    assert take(store, put(tmp_path, range(100)), "2025-03-20") == (100, 0, 0)
    assert take(store, put(tmp_path, [*range(1, 100), 200]), "2025-03-21") == (1, 1, 99)
    gone, came = address(0), address(200)
    (then,) = load(store).of(gone)
    assert (then.withdrawn, then.first_seen, then.last_seen) == ("2025-03-21", "", "2025-03-20")
    assert gone in standing(store, "2025-03-20")
    assert gone not in standing(store, "2025-03-21")
    assert (came in standing(store, "2025-03-20"), came in standing(store, "2025-03-21")) == (False, True)
    with Store.open(store) as opened:
        assert opened.find(gone.upper()) == [then]
        assert [(e.day, e.file) for e in opened.editions()] == [("2025-03-20", "list.txt"), ("2025-03-21", "list.txt")]
    assert take(store, put(tmp_path, [*range(100), 200]), "2025-03-22") == (1, 0, 100)
    assert [(t.first_seen, t.withdrawn) for t in load(store).of(gone)] == [("2025-03-22", ""), ("", "2025-03-21")]
    notes = load(store).as_of("2025-03-21").notes
    assert notes == [
        "as of 2025-03-21: statements not known to have been made by then: 1",
        "as of 2025-03-21: statements withdrawn by then: 1",
    ]
    assert standing(store, "2025-03-19") == set(), "nobody is known to have said any of it before"


def test_a_withdrawn_tag_names_nothing_and_stops_nothing_but_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text(
        "address,label,kind,confidence,withdrawn\n"
        f"{address(1)},old,mixer,90,2025-03-21\n{address(1)},new,exchange,10,\n{address(2)},gone,mixer,90,2025-03-21\n"
    )
    tags = load(path)
    assert [tag.label for tag in tags.of(address(1))] == ["new", "old"]
    assert stops(tags) == {address(1): Stop.SERVICE}
    assert set(place_names(tags)) == {address(1)}
    assert tags.naming(address(2)) is None
    assert [tag.label for tag in tags.of(address(2))] == ["gone"]
    then = tags.naming(address(1), "2025-03-20")
    assert then is not None
    assert then.label == "old"
    assert (tags.conflicts(), tags.conflicts("2025-03-20")) == ([], [address(1)])


@pytest.mark.parametrize(
    ("days", "since"),
    [({}, ""), ({"date": "2022-04-15"}, "2022-04-15"),
     ({"date": "2022-04-15", "first_seen": "2023-01-01"}, "2023-01-01"),
     ({"date": "2022-04-15", "last_seen": "2021-01-01"}, "2021-01-01"),
     ({"last_seen": "2021-01-01"}, "2021-01-01"),
     ({"withdrawn": "2025-03-21"}, "2025-03-20"), ({"date": "2025-12-01", "withdrawn": "2025-03-01"}, "2025-02-28")],
)  # fmt: skip
def test_a_statement_stands_from_its_earliest_known_day(days: dict[str, str], since: str) -> None:
    tag = replace(Tag(address(1), "x", TagKind.OTHER, 1, "E6", "s", ""), **days)  # type: ignore[arg-type]
    assert tag.known_since == since
    gone = tag.withdrawn or LATEST
    for day in (
        "0001-01-01",
        "2021-01-01",
        "2022-04-15",
        "2023-01-01",
        "2025-02-28",
        "2025-03-20",
        "2025-12-01",
        LATEST,
    ):
        assert tag.stands(day) == (since <= day and (day < gone or not tag.withdrawn)), day
    assert tag.stands(LATEST) == (not tag.withdrawn)


def test_a_store_keeps_the_earliest_day_of_what_is_still_said(tmp_path: Path) -> None:
    store, path = tmp_path / "s.store", tmp_path / "l.csv"
    for day, own in (("2025-01-10", "2025-01-05"), ("2025-02-10", "2025-02-05"), ("2025-03-10", "")):
        path.write_text(f"address,label,date\n{address(1)},x,{own}\n{address(2)},y,\n{address(3)},z,2025-03-01\n")
        take(store, path, day)
    found = {tag.label: tag for tag in load(store).tags}
    assert {label: (t.date, t.first_seen, t.last_seen) for label, t in found.items()} == {
        "x": ("2025-01-05", "", "2025-03-10"), "y": ("2025-01-10", "", "2025-03-10"),
        "z": ("2025-01-10", "", "2025-03-10"),
    }  # fmt: skip
    with Store.open(store) as opened:
        assert [opened.find(tag.address) for tag in found.values()] == [[tag] for tag in found.values()]
    assert stops(load(store)) == {}
    assert set(place_names(load(store), "2025-01-09")) == {address(1)}
    assert set(place_names(load(store))) == {address(1), address(2), address(3)}


@pytest.mark.parametrize(
    ("name", "network", "chain"),
    [("sanctioned_addresses_TRX.txt", "", "tron"), ("a_XBT.json", "", "bitcoin"), ("a_XBT.txt", "tron", "tron"),
     ("a_USDT.txt", "", ""), ("a_FROB.txt", "", ""), ("my_near.txt", "", ""), ("TRX.txt", "", "")],
)  # fmt: skip
def test_a_plain_list_is_of_the_chain_that_its_name_ends_with(
    tmp_path: Path, name: str, network: str, chain: str
) -> None:
    path = tmp_path / name
    text = "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq"
    path.write_text(f'["{text}"]' if name.endswith("json") else text + "\n")
    ((_, tags),) = read_lists([path], Words("L", "2025-01-01", network=network))
    (tag,) = tags.tags
    assert tag.network == ("tron" if chain == "bitcoin" else chain), "a Tron address in a list of Bitcoin is told"
    assert bool(tag.flaw) == (chain == "bitcoin")
    told = [note for note in tags.notes if "by its name" in note]
    assert told == ([f"'{name}': taken as of {chain}, by its name; --network says otherwise"]
                    if chain and not network else [])  # fmt: skip
    csv = tmp_path / "a_TRX.csv"
    csv.write_text(f"address\n{text}\n")
    ((_, tags),) = read_lists([csv], Words("L", "2025-01-01"))
    assert tags.tags[0].network in {"", "tron"}
    assert not [note for note in tags.notes if "by its name" in note]


def test_a_list_may_say_itself_what_was_withdrawn(tmp_path: Path) -> None:
    store, path = tmp_path / "s.store", tmp_path / "l.csv"
    rows = [f"{address(n)}," for n in range(100)]
    path.write_text("address,withdrawn\n" + "\n".join(rows) + "\n")
    take(store, path, "2025-01-01")
    rows[:50] = [f"{address(n)},2025-01-15" for n in range(50)]
    path.write_text("address,withdrawn\n" + "\n".join(rows) + "\n")
    assert take(store, path, "2025-02-01") == (0, 50, 50)
    assert take(store, path, "2025-02-02") == (0, 0, 50)
    assert (len(load(store).tags), len(standing(store, "2025-01-14")), len(standing(store, "2025-01-15"))) == (
        100, 100, 50,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [(1000, 980, False), (1000, 979, True), (100, 95, False), (100, 94, True), (10, 9, True), (10, 0, True)],
)
def test_a_list_that_shrinks_without_a_word_is_refused(tmp_path: Path, before: int, after: int, refused: bool) -> None:
    store = tmp_path / "s.store"
    take(store, put(tmp_path, range(before)), "2025-01-01")
    smaller = put(tmp_path, range(after)) if after else put(tmp_path, [99_999])
    if refused:
        with pytest.raises(UsageError, match=f"no longer holds {before - after} of the {before:,} addresses"):
            take(store, smaller, "2025-01-02")
        assert len(standing(store, "2025-01-02")) == before
        take(store, smaller, "2025-01-02", accept=True)
    else:
        take(store, smaller, "2025-01-02")
    assert len(standing(store, "2025-01-02")) == (after or 1)
    assert len(standing(store, "2025-01-01")) == before


def test_editions_come_in_order_and_say_their_day(tmp_path: Path) -> None:
    store, path = tmp_path / "s.store", put(tmp_path, range(9))
    take(store, path, "2025-01-02")
    with pytest.raises(UsageError, match="is of 2025-01-01, and the list 'L' was already taken as of 2025-01-02"):
        take(store, path, "2025-01-01")
    with pytest.raises(UsageError, match="does not say of which day it is"):
        take(store, path, "")
    with pytest.raises(UsageError, match="is still to come"):
        take(store, path, "9999-01-01")
    with pytest.raises(UsageError, match="is not a day"):
        take(store, path, "2025-1-1")
    assert take(store, path, "2025-01-02") == (0, 0, 9)
    assert take(store, path, today()) == (0, 0, 9)


def test_several_files_are_one_list_or_one_each(tmp_path: Path) -> None:
    store = tmp_path / "s.store"
    one, two = put(tmp_path, range(5), "a.txt"), put(tmp_path, range(5, 9), "b.txt")
    with Store.open(store, create=True) as opened:
        import_lists(opened, read_lists([one, two], Words("both", "2025-01-01")), accept_shrink=False)
        import_lists(opened, read_lists([one, two], Words("", "2025-01-01")), accept_shrink=False)
        assert [(e.source, e.file) for e in opened.editions()] == [
            ("both", "a.txt, b.txt"), ("a.txt", "a.txt"), ("b.txt", "b.txt"),
        ]  # fmt: skip
        assert (len(opened.load().tags), len(opened.load("both").tags), opened.remove("both")) == (18, 9, 9)
        assert {e.source for e in opened.editions()} == {"a.txt", "b.txt"}
        with pytest.raises(UsageError, match="holds no list 'both'"):
            opened.remove("both")
    (tmp_path / "d").mkdir()
    other = put(tmp_path / "d", range(5), "a.txt")
    with pytest.raises(UsageError, match="the same name"):
        read_lists([one, other], Words("", "2025-01-01"))
    with pytest.raises(UsageError, match="is a store already"):
        read_lists([store], Words("x", "2025-01-01"))


def test_a_store_gives_back_every_field_and_what_matches_nothing(tmp_path: Path) -> None:
    tag = Tag(address(1), "<b>\u202e=1", TagKind.MIXER, 55, "E5", "s", "0" * 64, "2024-01-01", "1" * 64, "ethereum",
              "actor", "2023-01-01", "2023-06-01", "", "0xraw", "some flaw")  # fmt: skip
    lost = replace(tag, address="", raw="0x比", flaw="holds 比; not matched")
    tags = TagSet()
    tags.add([tag, lost])
    with Store.open(tmp_path / "s.store", create=True) as store:
        store.add(Edition("L", "2025-01-01", "2" * 64, "f"), tags)
        assert store.load().tags == store.find(address(1)) == [tag]
        assert store.load().unmatched == [lost]
        assert store.load("other").tags == []
    assert load(tmp_path / "s.store").tags == [tag]
    with pytest.raises(UsageError, match="is a store of tags"):
        load(tmp_path / "s.store", kind="mixer")


@pytest.mark.shared
def test_a_store_finds_what_its_lists_find(tmp_path: Path) -> None:
    lists = [(path, path.stem[21:]) for path in sorted(OFAC.glob("*.txt"))]
    known = TagSet()
    with Store.open(tmp_path / "s.store", create=True) as store:
        for path, word in lists:
            import_lists(store, read_lists([path], Words(word, "2025-12-01", network=word)), accept_shrink=False)
            known.merge(load(path, network=word, source=word))
        for tag in known.tags:
            for form in (tag.address, tag.raw or tag.address, tag.address.upper()):
                ours = [replace(found, last_seen="", date="") for found in store.find(form)]
                assert ours == known.find(form), form
        assert len(store.editions()) == 19


NO_STORES: dict[str, bytes] = {
    "cut short": b"SQLite format 3\0",
    "noise": b"SQLite format 3\0" + bytes(range(256)) * 16,
}


@pytest.mark.parametrize("case", NO_STORES)
def test_a_file_that_only_looks_like_a_store_is_refused(tmp_path: Path, case: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(NO_STORES[case])
    with pytest.raises(InputError):
        load(path)
    assert path.read_bytes() == NO_STORES[case]


def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE statement (address TEXT)")
    other.close()
    before = path.read_bytes()
    for opening in (lambda: load(path), lambda: Store.open(path, create=True)):
        with pytest.raises(InputError, match="is a database, but no store of tags"):
            opening()
    assert path.read_bytes() == before


def test_stores_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        Store.open(tmp_path / "none")
    for place in (tmp_path, tmp_path / "no" / "s.store"):
        with pytest.raises(InputError, match="is no place for a store"):
            Store.open(place, create=True)
    with pytest.raises(UsageError, match="URL cannot be used"):
        Store.open("frob://x")
    Store.open(tmp_path / "s.store", create=True).close()
    with sqlite3.connect(tmp_path / "s.store") as raw:
        raw.execute("UPDATE meta SET value = '99'")
    raw.close()
    with pytest.raises(InputError, match="is a store of version '99'"):
        Store.open(tmp_path / "s.store")


def test_a_store_with_programs_in_it_is_refused(tmp_path: Path) -> None:
    take(tmp_path / "s.store", put(tmp_path, range(3)), "2025-01-01")
    with sqlite3.connect(tmp_path / "s.store") as raw:
        raw.execute("CREATE TRIGGER t AFTER INSERT ON statement BEGIN DELETE FROM statement; END")
    raw.close()
    for create in (False, True):
        with pytest.raises(InputError, match="holds triggers or views"):
            Store.open(tmp_path / "s.store", create=create)


@pytest.mark.parametrize(
    ("change", "says"),
    [("kind = 'wizard'", "holds the kind 'wizard'"), ("confidence = 101", "holds a damaged statement"),
     ("confidence = 'sure'", "holds a damaged statement"), ("label = x'ff'", "holds a damaged statement"),
     ("date = '2024-13-45'", "holds a damaged statement"), ("withdrawn = 'x'", "holds a damaged statement")],
)  # fmt: skip
def test_a_damaged_value_is_told(tmp_path: Path, change: str, says: str) -> None:
    take(tmp_path / "s.store", put(tmp_path, range(3)), "2025-01-01")
    with sqlite3.connect(tmp_path / "s.store") as raw:
        raw.execute(f"UPDATE statement SET {change} WHERE id = 2")  # noqa: S608 - the table above
    raw.close()
    with pytest.raises(InputError, match=says):
        load(tmp_path / "s.store")


def test_the_tables_can_be_made_on_postgresql() -> None:
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateTable

    from dyepack.tags.store_schema import FIELDS, tables

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    made = [str(CreateTable(table).compile(dialect=dialect)) for table in tables()[0].sorted_tables]
    assert len(made) == 4
    assert all(name in "".join(made) for name in FIELDS)


statements = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["a", "b"])), max_size=8, unique=True)


@settings(deadline=None)
@given(st.lists(statements, min_size=1, max_size=6))
def test_any_editions_give_on_every_day_what_that_edition_said(editions: list[list[tuple[int, str]]]) -> None:
    """Against the plainest way: keep every edition whole."""
    held: list[Tag] = []
    for number, said in enumerate(editions):
        day = f"2025-01-{number + 1:02}"
        new = [Tag(address(n), label, TagKind.OTHER, 1, "E6", "s", "") for n, label in said]
        change = merged(held, new, day, first=number == 0)
        for at, until in [*change.withdrawn, *change.gone]:
            held[at] = replace(held[at], withdrawn=until)
        for at, now in change.same:
            held[at] = replace(held[at], **now)  # type: ignore[arg-type]
        held += [tag if tag.first_seen else replace(tag, date=earliest(tag.date, day)) for tag in change.added]
    for number, said in enumerate(editions):
        day = f"2025-01-{number + 1:02}"
        stood = sorted((tag.address, tag.label) for tag in held if tag.stands(day))
        assert stood == sorted((address(n), label) for n, label in said)
    assert len({(identity(tag), tag.first_seen) for tag in held}) == len(held)


IMPORT = """
import sys
from pathlib import Path
from dyepack.tags.importing import Words, import_lists, read_lists
from dyepack.tags.store import Store
with Store.open(sys.argv[1], create=True) as store:
    lists = read_lists([Path(sys.argv[2])], Words("L", sys.argv[3]))
    print("ready", flush=True)
    import_lists(store, lists, accept_shrink=True)
    print("done", flush=True)
"""


@pytest.mark.slow
def test_an_import_that_is_killed_leaves_all_of_it_or_nothing(tmp_path: Path) -> None:
    """Killed at random moments between reading and committing; what was told as done is there."""
    store = tmp_path / "s.store"
    take(store, put(tmp_path, range(20_000)), "2025-01-01")
    chance = random.Random(5)
    killed = torn = 0
    day, size = 2, 20_000
    while killed < 8 and day < 28:
        path = put(tmp_path, range(day * 1000, day * 1000 + 20_000), "next.txt")
        process = subprocess.Popen(
            [sys.executable, "-c", IMPORT, str(store), str(path), f"2025-01-{day:02}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0, 0.8))
        os.kill(process.pid, signal.SIGKILL)
        done = process.stdout.read() == "done\n"
        process.wait()
        process.stdout.close()
        killed += not done
        with Store.open(store) as opened:
            last = opened.editions()[-1].day
        now = standing(store, "2025-01-31")
        assert len(now) == size, "20,000 of one edition, never a mixture"
        first = min(int(text, 16) for text in now)
        assert now == {address(n) for n in range(first, first + size)}
        assert not done or last == f"2025-01-{day:02}"
        torn += last != f"2025-01-{day:02}"
        day += 1
    assert killed >= 8
    assert torn, "at least one was killed before it was on disk"


@pytest.mark.slow
def test_two_imports_at_the_same_time_wait_for_each_other(tmp_path: Path) -> None:
    store = tmp_path / "s.store"
    Store.open(store, create=True).close()
    paths = [put(tmp_path, range(n * 2000, n * 2000 + 2000), f"{n}.txt") for n in range(3)]
    code = IMPORT.replace('Words("L"', "Words(sys.argv[2]")
    running = [subprocess.Popen([sys.executable, "-c", code, str(store), str(path), "2025-01-01"],
                                stdout=subprocess.PIPE) for path in paths]  # fmt: skip
    assert [process.communicate()[0] for process in running] == [b"ready\ndone\n"] * 3
    assert len(load(store).tags) == 6000
