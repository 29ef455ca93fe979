"""Every file of the real and published samples: imported, or refused for a reason that is pinned; against oracles."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dyepack.errors import InputError
from dyepack.sources.bank.entries import Read
from dyepack.sources.bank.importer import import_bank
from dyepack.sources.bank.recognise import read_file
from tests.bank_books import BANK, prove

pytestmark = pytest.mark.shared

REASONS = [
    (r"transaction_details\.yml$", "outside of a statement"),
    (r"LICENSE(\.txt)?$|\.(yml|json)$", "not a bank statement that dyepack knows"),
    (r"\.tgz$", "gzip archive"),
    (r"camt052\.", "camt.052, an account report"),
    (r"camt054\.", "camt.054, a debit and credit notification"),
    (r"camt\.003", "camt.003, a query"),
    (r"pacs\.002", "pacs.002, a payment status report"),
    (r"pacs\.008", "pacs.008, a payment order"),
    (r"pacs\.009", "pacs.009, a payment order"),
    (r"header", "a message header without its document"),
    (r"mt103\.", "SWIFT MT103 (a payment order)"),
    (r"mt942\.sta$", "MT942, an interim report"),
    (r"053\.v2\.wrong", "without a statement"),
    (r"053\.v2\.with-account-name", "no opening or closing balance in it"),
    (r"053\.(v2\.(minimal|minimal\.ultimate|with-party-ids)|v3|v4|v8)\.xml", "in different currencies"),
    (r"all-balance-types|five\.decimals", "does not add up"),
    (r"^(empty_86|available_balance|empty_non_swift|statement_number|amount_formats|currency_in_25|empty_entry_date|"
     r"missing_crlf_at_end|account_\w+|closing_balance|statement_details|statement_line|sparkassen)\.sta",
     "outside of a statement"),
    (r"(empty_line|reference)\.sta", "has no opening balance"),
    (r"gv_codes\.sta", "has no closing balance"),
    (r"invalid_statement\.sta", "not a bank statement"),
    (r"sepa_snippet_broken", ":25: comes twice"),
    (r"knab", "is not a statement line"),
    (r"raphaelm", "is not a balance"),
    (r"(sepa_snippet|abnamro|ing|postfinance|rabobank|triodos|with_newline_in_tnr|details_60-63|malformed_details|"
     r"overly_long_details|raiffeisen-cmi|whitespace)\.sta", "does not add up"),
]  # fmt: skip
"""Names and the words of their refusal, the first that fits; what fits none is imported."""

IMPORTED = {
    "camt053.v2.multi.statement.xml": 2, "camt53.only-Dt-with-DtTm.xml": 0, "camt.053.001.07.xml": 0,
    "0708271685_09022020_164516.940.txt": 8, "sepa_mt9401.sta": 97, "with_binary_character.sta": 4,
    "mBank/mt940.sta": 3, "cmxl/mt940.sta": 16,
    "generic.sta": 2, "rabobank-iban.sta": 4, "sns.sta": 2, "171011_01234945.sta": 3, "february_30.sta": 1,
    "transaction_details_wrapped.sta": 1, "wrapped_timestamp.sta": 1, "long_statement_number.sta": 0,
}  # fmt: skip
"""Entries of each file that is imported."""

FILES = sorted(path for path in BANK.rglob("*") if path.is_file()) if BANK.is_dir() else []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(BANK)))
def test_every_file_is_imported_or_refused_with_a_reason(path: Path) -> None:
    reason = next((words for pattern, words in REASONS if re.search(pattern, path.name)), None)
    if reason is not None:
        with pytest.raises(InputError) as fault:
            import_bank([path])
        assert reason in str(fault.value).splitlines()[0]
        assert str(path) in str(fault.value)
        return
    expected = IMPORTED[path.name if path.name != "mt940.sta" else f"{path.parent.name}/mt940.sta"]
    if path.name == "long_statement_number.sta":
        with pytest.raises(InputError, match="no entry that moves money"):
            import_bank([path])
        return
    found = import_bank([path])
    prove(found)
    assert sum(len(b.entries) for b in found.books) == expected


def oracles() -> list[tuple[Path, Path]]:
    pairs = [(path, path.with_suffix(".yml")) for path in FILES if path.suffix == ".sta"]
    return [(path, yml) for path, yml in pairs if yml.exists()]


def test_mt940_against_the_parses_beside_the_files() -> None:
    """Amounts, entries and closing balances; they give reversals of credits (RC) no sign."""
    compared = 0
    for path, yml in oracles():
        read = Read()
        try:
            read_file(path, read)
        except InputError:
            continue
        head, _, tail = yml.read_text("utf-8").partition("\ntransactions:")
        amount = r"decimal\.Decimal ?\['?(-?[0-9.E+-]+)'?\]"
        theirs = [Decimal(a) for a in re.findall(r"    amount: !!python/object:mt940\.models\.Amount\n\s+amount: .*" +
                                                 amount, tail)]  # fmt: skip
        ours = [Decimal(e.units).scaleb(-2) for s in read.statements for e in s.entries]
        assert [abs(a) for a in ours] == [abs(a) for a in theirs], path
        raw = path.read_bytes().decode("latin-1")
        reversals = len(re.findall(r"(?m)^:61:[0-9]{6,10}R[CD]", raw))
        assert sum(a != b for a, b in zip(ours, theirs, strict=True)) <= reversals, path
        closing = re.search(r"final_closing_balance:.*\n.*\n\s+amount: .*" + amount, head)
        assert closing, path
        assert Decimal(closing[1]) in {Decimal(s.closing or 0).scaleb(-2) for s in read.statements}, path
        compared += len(ours)
    assert compared > 150


def walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


@pytest.mark.parametrize(
    ("name", "entries"),
    [("camt053.v2.multi.statement", 1), ("camt053.v2.five.decimals", 1), ("camt053.v2.all-balance-types", 1),
     ("camt53.only-Dt-with-DtTm", 0)],
)  # fmt: skip
def test_camt_against_the_parses_beside_the_files(name: str, entries: int) -> None:
    """Of several statements they keep the last only."""
    data = json.loads((BANK / "camt-genkgo" / f"{name}.json").read_text())
    theirs = {
        int(d["getAmount"]["getAmount"]) for d in walk(data["getEntries"])
        if d.get("__CLASS__", "").endswith("DTO\\Entry")
    }  # fmt: skip
    read = Read()
    read_file(BANK / "camt-genkgo" / f"{name}.xml", read)
    ours = [e.units for s in read.statements for e in s.entries]
    assert theirs <= set(ours)
    assert len(theirs) == entries
    balances = {
        (d["getType"], int(d["getAmount"]["getAmount"])) for d in walk(data)
        if d.get("__CLASS__", "").endswith("DTO\\Balance") and "getType" in d
    }  # fmt: skip
    last = read.statements[-1]
    assert ("opening", last.opening) in balances
    assert last.closing is None or ("closing", last.closing) in balances
