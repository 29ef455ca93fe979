"""Reading camt.053, MT940 and CSV: amounts, signs, days, references, what is left out and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dyepack.errors import InputError
from dyepack.sources.bank.check import check
from dyepack.sources.bank.currency import minor_units
from dyepack.sources.bank.details import Details, read_details
from dyepack.sources.bank.entries import Entry, Read, Statement, clean, day_text, is_iban
from dyepack.sources.bank.recognise import read_file
from tests.bank_books import HEADER, balance, camt, details, entry, mt940, rows, written


def read(path: Path) -> Read:
    found = Read()
    read_file(path, found)
    for statement in found.statements:
        check(statement)
    return found


def only(path: Path) -> Statement:
    (statement,) = read(path).statements
    return statement


def refused(path: Path, *words: str, line: int | None = None) -> None:
    with pytest.raises(InputError) as fault:
        read(path)
    for word in words:
        assert word in str(fault.value)
    assert line is None or fault.value.line == line


@pytest.mark.parametrize(
    ("text", "currency", "units"),
    [("1", "EUR", 100), ("0.10", "EUR", 10), ("5.000", "EUR", 500), ("7", "JPY", 7), ("1.234", "KWD", 1234),
     ("0001.0000", "CLF", 10_000), ("9" * 30, "JPY", int("9" * 30))],
)  # fmt: skip
def test_amounts_are_exact(text: str, currency: str, units: int) -> None:
    assert minor_units(text, currency) == units


@pytest.mark.parametrize(
    ("text", "currency"),
    [("0.001", "EUR"), ("1.5", "JPY"), ("1e3", "EUR"), ("-1", "EUR"), ("", "EUR"), ("1,5", "EUR"), ("٣", "EUR"),
     ("1.", "EUR"), (".5", "EUR"), ("9" * 31, "EUR"), (" 1", "EUR"), ("NaN", "EUR")],
)  # fmt: skip
def test_amounts_that_are_none(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match=r"is not|digits"):
        minor_units(text, currency)


def test_camt_reads_an_entry_with_all_it_says(tmp_path: Path) -> None:
    inside = "<BookgDt><DtTm>2016-01-02T23:30:00+02:00</DtTm></BookgDt>"
    text = camt(
        entry("40.00", "DBIT", "<AcctSvcrRef>B-1</AcctSvcrRef>",
              "<Chrgs><Rcrd><Amt Ccy='EUR'>1.50</Amt></Rcrd></Chrgs>",
              "<AmtDtls><InstdAmt><Amt Ccy='USD'>44.00</Amt></InstdAmt></AmtDtls>",
              details=details(ref="E2E-1", other="ACC-2")).replace("<BookgDt><Dt>2016-01-02</Dt></BookgDt>", inside),
        entry("40.00", "CRDT", "<RvslInd>true</RvslInd>", details=details(ref="NOTPROVIDED", other="ACC-2")),
    )  # fmt: skip
    debit, credit = only(written(tmp_path / "c.xml", text)).entries
    assert debit == Entry(
        "ACC-1", "EUR", -4000, 16802, str(tmp_path / "c.xml"), debit.line, 16802 * 86400 + 21 * 3600 + 1800,
        ("E2E-1",), "B-1", "ACC-2", "", 150, ("USD", 4400),
    )  # fmt: skip
    assert (credit.units, credit.refs, credit.other_account) == (4000, (), "ACC-2")


@pytest.mark.parametrize("version", ["02", "03", "04", "06", "08", "13"])
def test_camt_of_any_version_and_wrapping(tmp_path: Path, version: str) -> None:
    text = camt(entry("1.00", "CRDT", status="BOOK"), closing="101.00").replace("001.08", f"001.{version}")
    head, _, body = text.partition("\n")
    wrapped = f"{head}<message><AppHdr><Fr/></AppHdr>{body}</message>"
    assert only(written(tmp_path / "c.xml", wrapped)).entries[0].units == 100


def test_camt_leaves_out_what_is_not_booked(tmp_path: Path) -> None:
    states = [entry("9.00", "CRDT", status=s) for s in ("<Cd>PDNG</Cd>", "INFO", "<Prtry>x</Prtry><Cd>FUTR</Cd>")]
    found = read(written(tmp_path / "c.xml", camt(*states, entry("0", "DBIT"))))
    assert found.counts == {"entries": 4, "pending_entries_left_out": 3, "entries_of_no_amount": 1}


def test_camt_splits_a_batch_that_adds_up(tmp_path: Path) -> None:
    parts = [details(ref=f"P{n}", amount=a, other=f"X-{n}00") for n, a in ((1, "10.00"), (2, "30.00"))]
    whole = entry("40.00", "DBIT", details="".join(parts))
    found = read(written(tmp_path / "c.xml", camt(whole, closing="60.00")))
    assert [(e.units, e.refs, e.other_account) for e in found.statements[0].entries] == [
        (-1000, ("P1",), "X-100"), (-3000, ("P2",), "X-200"),
    ]  # fmt: skip
    short = entry("41.00", "DBIT", details="".join(parts))
    found = read(written(tmp_path / "c.xml", camt(short, closing="59.00")))
    assert [(e.units, e.refs) for e in found.statements[0].entries] == [(-4100, ())]
    assert found.counts == {"entries": 1, "batch_entries_kept_whole": 1}


def test_camt_keeps_the_currencies_of_an_account_apart(tmp_path: Path) -> None:
    usd = balance("OPBD", "5.00", ccy="USD") + balance("CLBD", "7.00", ccy="USD")
    text = camt(usd, entry("2.00", "CRDT", ccy="USD"), entry("1.00", "DBIT"), closing="99.00")
    found = read(written(tmp_path / "c.xml", text)).statements
    assert [(s.currency, s.opening, s.closing, len(s.entries)) for s in found] == [
        ("EUR", 10000, 9900, 1), ("USD", 500, 700, 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (camt(entry("1.005", "CRDT", "<AcctSvcrRef>Q7</AcctSvcrRef>")), ["'Q7'", "EUR does not have"]),
        (camt(entry("1.00", "XXXX")), ["CRDT or DBIT"]),
        (camt(entry("1.00", "CRDT", day="2016-02-31")), ["'2016-02-31' as a date"]),
        (camt(entry("1.00", "CRDT", status="")), ["has no status"]),
        (camt(entry("1.00", "CRDT", ccy="eur")), ["'eur' as its currency"]),
        (camt(entry("1.00", "CRDT", ccy="USD")), ["no opening or closing balance in it"]),
        (camt(account=""), ["does not name its account"]),
        (camt().replace("</Stmt>", ""), ["not well-formed"]),
        ("<a>" * 65 + "</a>" * 65, ["64 levels"]),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', ["document type"]),
        ('<!DOCTYPE a SYSTEM "file:///etc/hostname"><a/>', ["document type"]),
        ("<html/>", ["not a bank statement"]),
        (camt().replace("BkToCstmrStmt", "BkToCstmrAcctRpt"), ["camt.052", "import the day's booked statement"]),
    ],
)  # fmt: skip
def test_camt_refusals_say_what_and_where(tmp_path: Path, text: str, words: list[str]) -> None:
    refused(written(tmp_path / "c.xml", text), str(tmp_path / "c.xml"), *words)


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "c.xml", camt(*[entry("1.00", "CRDT") for _ in range(30)], closing="130.00"))
    monkeypatch.setattr("dyepack.sources.bank.xmltree.MAX_ELEMENTS", 40)
    assert len(only(path).entries) == 30
    monkeypatch.setattr("dyepack.sources.bank.xmltree.MAX_ELEMENTS", 12)
    refused(path, "more than 12 elements")
    monkeypatch.setattr("dyepack.sources.bank.recognise.LARGEST", 100)
    refused(path, "is larger than")


def test_camt_in_utf_16(tmp_path: Path) -> None:
    path = tmp_path / "c.xml"
    path.write_bytes(camt(entry("1.00", "CRDT"), closing="101.00").replace("UTF-8", "UTF-16").encode("utf-16"))
    assert only(path).closing == 10100


def test_mt940_marks_days_and_references(tmp_path: Path) -> None:
    text = mt940(
        ":61:1601020103C10,00NTRFPAY-1//B1", ":86:166?00X?20EREF+E-9?30COBADEFF?31DE89370400440532013000?32ANNA?33 B",
        ":61:160102D4,5NMSCNONREF", ":61:1601021231RC5,NTRFX", ":61:1601020102RD0,5NTRFY", ":86:FREE", "TEXT",
        closing="C160105EUR101,00",
    )  # fmt: skip
    statement = only(written(tmp_path / "m.sta", text))
    assert [(e.units, day_text(e.booked), e.refs, e.bank_ref, e.line) for e in statement.entries] == [
        (1000, "2016-01-03", ("E-9", "PAY-1"), "B1", 5), (-450, "2016-01-02", (), "", 7),
        (-500, "2015-12-31", ("X",), "", 8), (50, "2016-01-02", ("Y",), "", 9),
    ]  # fmt: skip
    first = statement.entries[0]
    assert (first.other_account, first.other_name) == ("DE89370400440532013000", "ANNA B")


def test_mt940_pages_and_overdrafts(tmp_path: Path) -> None:
    text = mt940(":61:160102D150,00NMSC", closing="D160102EUR50,00", number="7/1").replace(":62F:", ":62M:")
    text += mt940(":61:160103C20,00NMSC", opening="D160102EUR50,00", closing="D160105EUR30,00",
                  number="7/2").replace(":60F:", ":60M:")  # fmt: skip
    found = read(written(tmp_path / "m.sta", text)).statements
    assert [(s.opening, s.closing, s.order[1:]) for s in found] == [(10000, -5000, (7, 1)), (-5000, -3000, (7, 2))]


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        (mt940(":61:160102D10.50NMSC"), ["'160102D10.50NMSC' is not a statement line"], 5),
        (mt940(":61:160102D10NMSC"), ["is not a statement line"], 5),
        (mt940(":61:160102D0,001NMSC"), ["EUR does not have"], 5),
        (mt940(":61:161302D1,00NMSC"), ["no sound date"], 5),
        (mt940(":61:1601020230D1,00NMSC", ":99:?"), [":99:", "none that MT940 has"], 6),
        (mt940(":34F:EUR0,"), ["MT942"], 5),
        (mt940(closing="C160105USD100,00"), ["is in USD, the opening balance in EUR"], 5),
        (mt940(closing="C160105EUR90.55"), ["is not a balance"], 5),
        (mt940(closing="C160105EUR100,00\r\n50,00"), ["is not a balance"], 5),
        (mt940().replace(":62F:", ":64:"), ["no closing balance"], 1),
        (mt940(":62M:C160105EUR100,00"), ["a second closing balance"], 6),
        (mt940().replace(":20:S\r\n", ""), ["outside of a statement"], 1),
        ("{1:F01A}{2:I103B}{4:\n:20:X\n-}", ["MT103 (a payment order)"], None),
        (mt940().replace("S", "\0", 1), ["NUL byte"], 1),
    ],
)  # fmt: skip
def test_mt940_refusals_say_what_and_where(tmp_path: Path, text: str, words: list[str], line: int | None) -> None:
    refused(written(tmp_path / "m.sta", text), *words, line=line)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/EREF/E-1/IBAN/NL91ABNA0417164300/NAME/J. DOE/REMI/x", Details("E-1", "NL91ABNA0417164300", "J. DOE")),
        ("/CNTP/NL91ABNA0417164300/ABNANL2A/J DOE///REMI/USTD//y", Details("", "NL91ABNA0417164300", "J DOE")),
        ("paid to NL91ABNA0417164300\nthanks", Details("", "NL91ABNA0417164300", "")),
        ("paid to NL91ABNA0417164301", Details()),
        ("177?00A?20EREF+AB\n12?21SVWZ+x?3050070010?310123", Details("AB12", "50070010/0123", "")),
    ],
)  # fmt: skip
def test_details_take_only_what_is_marked(text: str, said: Details) -> None:
    assert read_details(text) == said


def test_iban_check_digits() -> None:
    assert is_iban("NL91ABNA0417164300")
    assert not is_iban("NL92ABNA0417164300")


def test_csv_with_balances_sequence_and_times(tmp_path: Path) -> None:
    header = HEADER + ",balance,sequence,time,value_date"
    path = rows(
        tmp_path / "r.csv", "2016-01-02,A-1,B-2,-5.00,EUR,R,95.00,2,10:15,2016-01-02",
        "2016-01-02,A-1,,0,EUR,,100.00,1,,", "2016-01-03,A-1,Shop,+1.5,EUR,NONREF,96.50,3,10:15:30,", header=header,
    )  # fmt: skip
    statement = only(path)
    assert (statement.opening, statement.closing) == (10000, 9650)
    assert [(e.units, e.refs, e.other_account, e.other_name, e.line) for e in statement.entries] == [
        (-500, ("R",), "", "B-2", 2), (150, (), "", "Shop", 4),
    ]  # fmt: skip
    assert statement.entries[0].time == 16802 * 86400 + 10 * 3600 + 15 * 60


def test_csv_newest_first_is_turned_and_noted(tmp_path: Path) -> None:
    path = rows(tmp_path / "r.csv", "2016-01-03,A-1,,1,EUR,", "2016-01-02,A-1,,2,EUR,")
    found = read(path)
    assert [e.units for e in found.statements[0].entries] == [200, 100]
    assert any("newest first" in note for note in found.notes)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("2016-02-30,A,B,1,EUR,", ["'date'", "'2016-02-30'"]), ("2016-02-03,,B,1,EUR,", ["'account'"]),
        ("2016-02-03,A,B,1.005,EUR,", ["'amount'", "EUR does not have"]), ("2016-02-03,A,B,,EUR,", ["'amount'"]),
        ("2016-02-03,A,B,1,euro,", ["'currency'"]), ("1969-12-31,A,B,1,EUR,", ["'date'"]),
        ("2016-02-03,A,B,--1,EUR,", ["'amount'"]), ("2016-02-03,A,B,1", []),
    ],
)  # fmt: skip
def test_csv_refusals_name_line_and_column(tmp_path: Path, row: str, words: list[str]) -> None:
    refused(rows(tmp_path / "r.csv", row), "line 2", *words)


def test_csv_refuses_a_number_that_comes_twice(tmp_path: Path) -> None:
    lines = ["2016-01-02,A,B,1,EUR,,1", "2016-01-02,A,B,2,EUR,,1"]
    refused(rows(tmp_path / "r.csv", *lines, header=HEADER + ",sequence"), "comes twice", line=3)


@pytest.mark.parametrize(
    ("lines", "closing", "words", "line"),
    [
        (["C10,00", "D3,00", "D3,00"], "107,00", "over -3.00 EUR is there twice", 7),
        (["C10,00", "D3,00"], "113,00", "over -3.00 EUR seems to have the wrong sign", 6),
        (["C10,00", "D3,00"], "97,00", "over 10.00 EUR seems not to belong here", 5),
        (["C10,00", "D3,00"], "100,00", "over -3.00 EUR is the last entry before that balance", 6),
    ],
)
def test_a_wrong_sum_names_the_entry(tmp_path: Path, lines: list[str], closing: str, words: str, line: int) -> None:
    text = mt940(*(f":61:160102{part}NMSC" for part in lines), closing=f"C160105EUR{closing}")
    refused(written(tmp_path / "m.sta", text), "does not add up", words, line=line)


def test_a_wrong_running_balance_names_the_entry(tmp_path: Path) -> None:
    lines = ["2016-01-01,A,B,1,EUR,,11", "2016-01-02,A,B,2,EUR,,13", "2016-01-03,A,B,-4,EUR,,17"]
    refused(rows(tmp_path / "r.csv", *lines, header=HEADER + ",balance"), "2016-01-03", "wrong sign", line=4)


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"\x1f\x8b\x08\x00", "gzip archive"), (b"PK\x03\x04", "unpack it"), (b"%PDF-1.7", "a PDF"), (b"", "is empty"),
     (b"hello world", "begins with 'hello world'"), (b"[1, 2]", "not a bank statement")],
)  # fmt: skip
def test_other_files_are_named(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    refused(path, words)


def test_long_text_is_cut_but_told_apart() -> None:
    one, two = (clean("n" * 300 + end) for end in "ab")
    assert len(one.encode()) <= 120
    assert one != two
    assert clean(" a\x00\tb\u2028 ") == "a b"
