"""A credit that is booked before its debit: dye ends in a gap, not "held", and the statement is incomplete."""

from __future__ import annotations

from pathlib import Path

import pytest

from dyepack.cli.app import main
from dyepack.errors import EXIT_INCOMPLETE

HEAD = "date,account,counterparty,amount,currency,reference,balance\n"
GIVER = HEAD + "2024-03-01,A,VICTIM-1,600.00,EUR,STEAL-1,600.00\n2024-03-05,A,B,-600.00,EUR,TR-1,0.00\n"
TAKER = HEAD + "2024-03-04,B,A,600.00,EUR,TR-1,600.00\n2024-03-06,B,CASINO,-600.00,EUR,OUT-1,0.00\n"


@pytest.mark.parametrize(("taken_on", "code", "place"), [
    ("2024-03-04", EXIT_INCOMPLETE, "[in transit TR-1: booked in B before it left A]"),
    ("2024-03-05", EXIT_INCOMPLETE, "CASINO"),
])  # fmt: skip
def test_a_credit_before_its_debit_is_a_gap(
    taken_on: str, code: int, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text(GIVER)
    (tmp_path / "b.csv").write_text(TAKER.replace("2024-03-04", taken_on))
    with pytest.raises(SystemExit):
        main(["import", "bank", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "-l", str(tmp_path / "L")])
    with pytest.raises(SystemExit) as left:
        main(["trace", "-l", str(tmp_path / "L"), "--tx", "STEAL-1", "--csv"])
    assert left.value.code == code
    rows = [line.split('","') for line in capsys.readouterr().out.splitlines() if line.startswith(('"[in', '"CASINO'))]
    assert [(row[0].strip('"'), row[2]) for row in rows] == [(place, "gap")]
