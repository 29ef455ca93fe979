"""Whatever a file holds, an import ends with a ledger whose books are proved, or with an InputError."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dyepack.errors import InputError
from dyepack.sources.bank.importer import import_bank
from tests.bank_books import EXAMPLE_FILES, HEADER, camt, details, entry, mt940, prove
from tests.effort import examples

SEEDS = [
    camt(entry("40.00", "DBIT", "<AmtDtls><InstdAmt><Amt Ccy='USD'>44</Amt></InstdAmt></AmtDtls>",
               details=details(ref="E", amount="40.00", other="ACC-2")), closing="60.00").encode(),
    mt940(":61:1601020103C10,00NTRFPAY-1//B1", ":86:166?00X?20EREF+E-9?3112345?32ANNA", ":61:160102RC4,5NMSCNONREF",
          closing="C160105EUR105,50").encode(),
    f"{HEADER},balance,sequence,time\n2016-01-02,A-1,B-2,-5.00,EUR,R,95.00,1,10:15\n"
    "2016-01-03,B-2,A-1,5.00,EUR,R,5.00,2,\n".encode(),
    *(file.read_bytes() for file in EXAMPLE_FILES),
]  # fmt: skip
PIECES = [
    *(b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"<", b"&x;", b"<!DOCTYPE a [<!ENTITY x 'y'>]>", b"<Ntry>", b"</Stmt>"),
    *(b":61:", b":62F:", b":20:", b":86:", b"\r", b"\n", b"-", b"9" * 400, b"1e999999", b"-0", b"0,", b"NaN", b'"'),
    *(b",", "٣".encode(), "\u202e".encode(), b"\xe9", b"USD", b"JPY", b"0001-01-01", b"9999-12-31", b"<![CDATA["),
    *(b"RC", b"RD"),
]
BILLION = b'<!DOCTYPE l [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9)
) + b"]><Document>&j;</Document>"  # fmt: skip


def import_of(*files: bytes) -> None:
    """Import these bytes as files: an InputError, or an import that is proved."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / str(n) for n in range(len(files))]
        for path, data in zip(paths, files, strict=True):
            path.write_bytes(data)
        try:
            found = import_bank(paths)
        except InputError:
            return
        prove(found)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A sound file with some pieces cut out, doubled or put in."""
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        low = draw(st.integers(0, len(data)))
        high = min(len(data), low + draw(st.sampled_from([0, 1, 2, 5, 30, 200])))
        middle = draw(st.sampled_from([*PIECES, data[low:high] * 2]))
        data = data[:low] + middle + data[high:]
    return data


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_changed_files(data: bytes) -> None:
    import_of(data)


@settings(max_examples=40, deadline=None)
@given(st.lists(mutated(), min_size=2, max_size=3))
def test_changed_files_together(files: list[bytes]) -> None:
    import_of(*files)


@settings(max_examples=examples(100), deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace"))))
@example(BILLION)
@example(b"<a>" * 100_000)
@example(b"<?xml version='1.0' encoding='utf-7'?><a/>")
@example(b"<?xml version='1.0' encoding='rot13'?><a/>")
@example(b"\xfe\xff" + "<a/>".encode("utf-16-be"))
@example(b":20:\n:25:\n:60F:\n:62F:")
def test_any_bytes(data: bytes) -> None:
    import_of(data)


@pytest.mark.slow
@settings(max_examples=examples(5000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(mutated(), min_size=1, max_size=2))
def test_many_changed_files(files: list[bytes]) -> None:
    import_of(*files)
