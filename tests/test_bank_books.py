"""From statements to a ledger: joining, opening balances and overdrafts, matching, order, conversions."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dyepack.case.run import Trace, trace
from dyepack.errors import InputError, UsageError
from dyepack.sources.bank.entries import Entry
from dyepack.sources.bank.importer import BankImport, import_bank
from dyepack.sources.bank.join import Book
from dyepack.sources.bank.match import match_books
from dyepack.sources.bank.order import in_order
from dyepack.tags.model import TagSet
from dyepack.tracing.resolve import Parameters
from dyepack.tracing.theft import parse_theft
from tests.bank_books import HEADER, Step, camt, details, entry, held, ledger_of, mt940, prove, rows, steps, written

WITH_BALANCE = HEADER + ",balance"


def books(tmp_path: Path, *lines: str, header: str = HEADER, days: int = 3) -> BankImport:
    """The import of one CSV of these rows, proved."""
    found = import_bank([rows(tmp_path / "b.csv", *lines, header=header)], match_days=days)
    prove(found)
    return found


def evidence(found: BankImport) -> list[tuple[str, str, str]]:
    return [(m.evidence, m.debit.account, m.credit.account) for m in found.matches]


def follow(found: BankImport, tx: str, asset: str, rule: str = "fifo") -> Trace:
    """A trace of what one transaction moved, checked."""
    text = f'id = "t"\nchain = "books"\n[[leg]]\nasset = "{asset}"\n[[leg.move]]\ntx = "{tx}"\n'
    made = trace(ledger_of(found), [parse_theft(text.encode(), "t.toml")], TagSet(), Parameters(rule=rule))
    made.statement.check()
    return made


def ends(made: Trace) -> dict[tuple[str, str, str], int]:
    """What the headline rule sends to each place, by place, stop and asset."""
    found = {(t.place, t.stop, t.asset): t.amount(made.statement.rule) for t in made.statement.terminals}
    return {key: units for key, units in found.items() if units}


# Joining statements


def test_opening_balance_and_overdraft(tmp_path: Path) -> None:
    found = books(tmp_path, "2016-01-01,A,Shop,-130,EUR,R1,-30", "2016-01-02,A,Work,50,EUR,R2,20", header=WITH_BALANCE)
    assert steps(found) == [
        Step("2016-01-01", "", "A", 10000, "EUR"), Step("2016-01-01", "", "A", 3000, "EUR"),
        Step("2016-01-01", "A", "Shop", 13000, "EUR"), Step("2016-01-02", "Work", "A", 5000, "EUR"),
        Step("2016-01-02", "A", "[overdraft of A]", 3000, "EUR"),
    ]  # fmt: skip
    assert found.owed == {}


def test_opening_overdraft_is_repaid_first(tmp_path: Path) -> None:
    found = books(tmp_path, "2016-01-01,A,Work,20,EUR,R1,-30", header=WITH_BALANCE)
    assert held(ledger_of(found), "A", "EUR") == 0
    assert found.owed == {("A", "EUR"): 3000}


def pages(tmp_path: Path, *texts: str) -> list[Path]:
    return [written(tmp_path / f"{n}.sta", text) for n, text in enumerate(texts)]


ONE = mt940(":61:1601020102D10,00NMSCX1", ":61:1601030103D5,00NMSCX2", closing="C160103EUR85,00")
TWO = mt940(":61:1601040104C7,00NMSCX3", opening="C160103EUR85,00", closing="C160104EUR92,00", number="2/1")
THREE = mt940(":61:1601060106D2,00NMSCX4", opening="C160105EUR90,00", closing="C160106EUR88,00", number="4/1")


def test_statements_join_in_any_order_of_files(tmp_path: Path) -> None:
    found = import_bank(pages(tmp_path, TWO, ONE))
    prove(found)
    assert [e.refs for e in found.books[0].entries] == [("X1",), ("X2",), ("X3",)]
    assert "missing_statements" not in found.result.counts


def test_a_statement_given_twice_counts_once(tmp_path: Path) -> None:
    found = import_bank(pages(tmp_path, ONE, TWO, ONE))
    prove(found)
    assert found.result.counts["repeated_statements"] == 1
    assert found.result.counts["repeated_entries"] == 2


def test_overlapping_periods_and_formats_are_joined(tmp_path: Path) -> None:
    both = camt(
        entry("5.00", "DBIT", day="2016-01-03"), entry("7.00", "CRDT", day="2016-01-04"), opening="90.00",
        closing="92.00",
    )  # fmt: skip
    found = import_bank([*pages(tmp_path, ONE), written(tmp_path / "c.xml", both)])
    prove(found)
    assert [e.units for e in found.books[0].entries] == [-1000, -500, 700]
    assert found.result.counts["repeated_entries"] == 1


def test_a_missing_statement_is_noted_and_the_account_incomplete(tmp_path: Path) -> None:
    found = import_bank(pages(tmp_path, ONE, THREE))
    prove(found)
    assert Step("2016-01-06", "[missing statements of ACC-1]", "ACC-1", 500, "EUR") in steps(found)
    assert found.covers == []
    assert any("a statement between them is missing" in note for note in found.result.notes)


@pytest.mark.parametrize(
    "other",
    [ONE.replace("X2", "X9"), mt940(":61:1601020102D1,00NMSC", opening="C160101EUR70,00", closing="C160102EUR69,00")],
)
def test_statements_that_contradict_are_refused(tmp_path: Path, other: str) -> None:
    with pytest.raises(InputError, match=r"says other things|neither continues nor repeats"):
        import_bank(pages(tmp_path, ONE, other))


def test_rows_without_balance_overlap_by_content(tmp_path: Path) -> None:
    lines = [f"2016-01-0{n},A,Shop,-{n},EUR,R{n}" for n in range(1, 5)]
    files = [rows(tmp_path / "1.csv", *lines[:3]), rows(tmp_path / "2.csv", *lines[1:])]
    found = import_bank(files)
    prove(found)
    assert [e.units for e in found.books[0].entries] == [-100, -200, -300, -400]
    assert found.result.counts["repeated_entries"] == 2


# Matching


def test_the_same_reference_and_amount_is_one_transfer(tmp_path: Path) -> None:
    found = books(tmp_path, "2016-01-01,A,Somebody,-5,EUR,R", "2016-01-01,B,,5,EUR,R")
    assert evidence(found) == [("E1", "A", "B")]
    assert steps(found)[-1] == Step("2016-01-01", "A", "B", 500, "EUR")


def test_a_reference_with_another_amount_or_too_late_is_none(tmp_path: Path) -> None:
    assert evidence(books(tmp_path, "2016-01-01,A,,-5,EUR,R", "2016-01-01,B,,6,EUR,R")) == []
    assert evidence(books(tmp_path, "2016-01-01,A,,-5,EUR,R", "2016-01-05,B,,5,EUR,R")) == []
    assert evidence(books(tmp_path, "2016-01-01,A,,-5,EUR,R", "2016-01-05,B,,5,EUR,R", days=4)) == [("E1", "A", "B")]


def test_two_strangers_with_one_reference_are_not_matched(tmp_path: Path) -> None:
    found = books(tmp_path, "2016-01-01,A,X-10001,-5,EUR,rent", "2016-01-01,B,Y-20002,5,EUR,rent")
    assert evidence(found) == []


def test_accounts_named_are_the_next_evidence(tmp_path: Path) -> None:
    found = books(
        tmp_path, "2016-01-01,ACC-1,ACC-2,-5,EUR,", "2016-01-01,ACC-3,,-5,EUR,", "2016-01-02,ACC-2,,5,EUR,",
        "2016-01-02,ACC-4,ACC 3,5,EUR,",
    )  # fmt: skip
    assert evidence(found) == [("E2", "ACC-1", "ACC-2"), ("E2", "ACC-3", "ACC-4")]


def test_amount_and_days_alone_are_an_inference(tmp_path: Path) -> None:
    found = books(tmp_path, "2016-01-01,A,,-5,EUR,", "2016-01-02,B,Someone,5,EUR,")
    assert evidence(found) == [("E6", "A", "B")]
    assert any("inferred" in note for note in found.result.notes)
    assert found.table()[0]["evidence"] == "E6"


@pytest.mark.parametrize("third", ["2016-01-02,C,,5,EUR,", "2016-01-01,C,,-5,EUR,"])
def test_what_is_ambiguous_is_never_inferred(tmp_path: Path, third: str) -> None:
    found = books(tmp_path, "2016-01-01,A,,-5,EUR,", "2016-01-02,B,,5,EUR,", third)
    assert evidence(found) == []
    assert found.result.counts["ambiguous_debits_not_matched"] >= 1


def test_no_inference_against_what_a_book_names(tmp_path: Path) -> None:
    assert evidence(books(tmp_path, "2016-01-01,A,OTHER-99,-5,EUR,", "2016-01-02,B,,5,EUR,")) == []


def test_nor_of_a_credit_before_its_debit(tmp_path: Path) -> None:
    assert evidence(books(tmp_path, "2016-01-02,A,,-5,EUR,", "2016-01-01,B,,5,EUR,")) == []


def test_equals_are_matched_in_their_order(tmp_path: Path) -> None:
    found = books(
        tmp_path, "2016-01-01,A,ACC-B,-5,EUR,R", "2016-01-01,A,ACC-B,-5,EUR,R", "2016-01-01,ACC-B,,5,EUR,R",
        "2016-01-02,ACC-B,,5,EUR,R",
    )  # fmt: skip
    assert [(m.debit.line, m.credit.line) for m in found.matches] == [(2, 4), (3, 5)]


def test_charges_stand_between_the_sides(tmp_path: Path) -> None:
    debit = entry("50.00", "DBIT", "<Chrgs><Rcrd><Amt Ccy='EUR'>2.00</Amt></Rcrd></Chrgs>", details=details(ref="R"))
    files = [written(tmp_path / "c.xml", camt(debit, closing="50.00")),
             rows(tmp_path / "b.csv", "2016-01-02,B,,48,EUR,R")]  # fmt: skip
    found = import_bank(files)
    prove(found)
    assert steps(found)[-2:] == [
        Step("2016-01-02", "ACC-1", "B", 4800, "EUR"),
        Step("2016-01-02", "ACC-1", "[bank charges of ACC-1]", 200, "EUR"),
    ]
    assert found.matches[0].reason.endswith("less charges of 2.00 EUR")


def test_a_payment_that_the_other_book_lacks_does_not_touch_it(tmp_path: Path) -> None:
    found = books(tmp_path, "2016-01-01,ACC-1,ACC-2,-5,EUR,R", "2016-01-01,ACC-2,,6,EUR,")
    assert Step("2016-01-01", "ACC-1", "[ACC-2: not in its book]", 500, "EUR") in steps(found)
    assert found.result.counts["entries_that_the_other_book_does_not_have"] == 1


def test_names_cannot_pass_for_places_of_ours(tmp_path: Path) -> None:
    found = books(tmp_path, "2016-01-01,ACC-1,[overdraft of ACC-1],-5,EUR,R")
    assert steps(found)[-1].target == "name [overdraft of ACC-1]"


def test_a_window_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        import_bank([rows(tmp_path / "b.csv", "2016-01-01,A,,5,EUR,")], match_days=-1)


# Order


def test_days_apart_go_through_transit(tmp_path: Path) -> None:
    found = books(tmp_path, "2016-01-01,A,,-5,EUR,R", "2016-01-03,B,,5,EUR,R")
    assert steps(found)[-2:] == [
        Step("2016-01-01", "A", "[in transit R]", 500, "EUR"), Step("2016-01-03", "[in transit R]", "B", 500, "EUR"),
    ]  # fmt: skip
    assert set(found.covers) == {"A", "B", "[in transit R]"}


def test_books_that_cross_on_one_day_keep_their_orders(tmp_path: Path) -> None:
    """A pays R1 before it gets R2, B pays R2 before it gets R1: no order has both as one move."""
    found = books(
        tmp_path, "2016-01-01,A,,-5,EUR,R1", "2016-01-01,A,,7,EUR,R2", "2016-01-01,B,,-7,EUR,R2",
        "2016-01-01,B,,5,EUR,R1",
    )  # fmt: skip
    assert found.result.counts["matches_through_transit"] == 1
    assert found.result.counts.get("credits_booked_before_their_debits") is None


def test_books_that_cannot_be_in_order_are_kept_and_noted(tmp_path: Path) -> None:
    """Each gets the other's money before it pays."""
    found = books(
        tmp_path, "2016-01-01,A,,7,EUR,R2", "2016-01-01,A,,-5,EUR,R1", "2016-01-01,B,,5,EUR,R1",
        "2016-01-01,B,,-7,EUR,R2",
    )  # fmt: skip
    assert found.result.counts["credits_booked_before_their_debits"] == 1
    assert any("booked before the debits" in note for note in found.result.notes)


def test_entries_out_of_the_order_of_days_keep_the_order_of_the_book(tmp_path: Path) -> None:
    lines = [":61:1601030103D10,00NMSCX1", ":61:1601020102D5,00NMSCX2"]
    found = import_bank(pages(tmp_path, mt940(*lines, closing="C160103EUR85,00")))
    prove(found)
    assert found.result.counts["entries_listed_out_of_the_order_of_days"] == 1


@given(st.data())
def test_every_book_keeps_its_order(data: st.DataObject) -> None:
    """Random books with references drawn from few: all entries come out once, each book's in order, days ascending."""
    made = []
    for name in "ABC":
        lines = data.draw(st.lists(st.tuples(st.integers(1, 2), st.sampled_from([-5, 5, 7]), st.sampled_from("rst")),
                                   max_size=6))  # fmt: skip
        entries = [Entry(name, "EUR", u, d, "f", n, refs=(r,)) for n, (d, u, r) in enumerate(sorted(lines))]
        made.append(Book(name, "EUR", 0, 1, entries, days=[e.booked for e in entries]))
    matches = match_books(made, 3)
    out: dict[int, list[int]] = {0: [], 1: [], 2: []}
    days = []
    for step in in_order(made, matches):
        days.append(step.day)
        sides = [step.match.debit_at, step.match.credit_at] if step.whole and step.match else [step.at]
        for at in sides:
            if at is not None:
                out[at[0]].append(at[1])
    assert days == sorted(days)
    assert out == {n: list(range(len(book.entries))) for n, book in enumerate(made)}


# Conversions


@pytest.mark.parametrize("day", ["2016-01-02", "2016-01-03"])
@pytest.mark.parametrize("account", ["A", "B"])
def test_dye_passes_a_conversion_in_proportion(tmp_path: Path, day: str, account: str) -> None:
    """A has 30 clean dollars and gets 10 stolen ones; 20 are sold for 9 euros: fifo 0, haircut a quarter of 9."""
    found = books(
        tmp_path, "2016-01-01,A,Clean,30,USD,C", "2016-01-01,A,Victim,10,USD,T", "2016-01-02,A,,-20,USD,FX",
        f"{day},{account},,9,EUR,FX", f"{day},{account},Shop,-4,EUR,S",
    )  # fmt: skip
    assert [(m.evidence, m.method) for m in found.matches] == [("E1", "conversion by reference")]
    assert ends(follow(found, "T", "USD")) == {("A", "held", "USD"): 1000}
    parts = ends(follow(found, "T", "USD", "haircut"))
    assert parts == {("A", "held", "USD"): 500, (account, "held", "EUR"): 125, ("Shop", "gap", "EUR"): 100}
    first = ends(follow(found, "T", "USD", "taint-first"))
    assert first == {(account, "held", "EUR"): 50, ("Shop", "gap", "EUR"): 400}


def test_fifo_follows_the_very_units_through_a_conversion(tmp_path: Path) -> None:
    found = books(
        tmp_path, "2016-01-01,A,Clean,5,USD,C", "2016-01-01,A,Victim,10,USD,T", "2016-01-02,A,,-15,USD,FX",
        "2016-01-02,B,,30,EUR,FX", "2016-01-03,B,Shop,-12,EUR,S",
    )  # fmt: skip
    assert ends(follow(found, "T", "USD")) == {("Shop", "gap", "EUR"): 200, ("B", "held", "EUR"): 1800}


def test_an_amount_that_a_book_states_ties_a_conversion(tmp_path: Path) -> None:
    stated = "<AmtDtls><CntrValAmt><Amt Ccy='USD'>44.00</Amt></CntrValAmt></AmtDtls>"
    text = camt(entry("40.00", "DBIT", stated), closing="60.00")
    files = [written(tmp_path / "c.xml", text), rows(tmp_path / "b.csv", "2016-01-02,B,,44,USD,")]
    found = import_bank(files)
    prove(found)
    assert [(m.evidence, m.converts) for m in found.matches] == [("E2", True)]
    other = import_bank([files[0], rows(tmp_path / "o.csv", "2016-01-02,B,,45,USD,")])
    assert other.matches == []


def test_what_was_paid_and_sent_back_is_followed(tmp_path: Path) -> None:
    found = books(
        tmp_path, "2016-01-01,A,Work,5,EUR,W", "2016-01-01,A,X-9000,-5,EUR,T", "2016-01-02,A,X-9000,5,EUR,BACK",
    )  # fmt: skip
    assert ends(follow(found, "T", "EUR")) == {("A", "held", "EUR"): 500}
