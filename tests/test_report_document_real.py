"""The report of the Ronin theft: published sums, values with their price and day, the same bytes three times."""

from __future__ import annotations

from pathlib import Path

import pytest

from dyepack.cli.app import main
from dyepack.cli.report import report_app
from tests.test_report_page import Reader

SHARED = Path(__file__).parents[2] / "shared" / "data"
RONIN = SHARED / "ronin-2022"
PRICES = SHARED / "prices" / "eth_daily" / "ETH-USD_2017-11_2024-08_yahoo_nolicense.csv"
THEFT = Path(__file__).parents[1] / "examples" / "ronin-2022" / "theft.toml"

pytestmark = [pytest.mark.shared, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ronin")
    with pytest.raises(SystemExit):
        main(["-q", "import", "explorer", str(RONIN / "ledger.csv.gz"), "--covers", str(RONIN / "addresses.csv"),
              "--ledger", str(out / "ledger")])  # fmt: skip
    with pytest.raises(SystemExit):
        main(["-q", "trace", "--ledger", str(out / "ledger"), "--theft", str(THEFT), "--tags",
              str(RONIN / "addresses.csv"), "--out", str(out / "case")])  # fmt: skip
    return out


def test_the_ronin_report_says_what_is_published_and_is_the_same_three_times(folder: Path) -> None:
    made = []
    for number in range(3):
        page, paper = folder / f"{number}.html", folder / f"{number}.pdf"
        words = [str(folder / "case"), "--ledger", str(folder / "ledger"), "--prices", f"native={PRICES}",
                 "--currency", "USD", "--currency", "GBP", "--incident", "ronin-2022"]  # fmt: skip
        report_app(args=[*words, "--html", str(page), "--pdf", str(paper)], standalone_mode=False)
        made.append((page.read_bytes(), paper.read_bytes()))
    assert made[0] == made[1] == made[2]
    said = Reader(made[0][0].decode()).words
    for expected in ("182,162.860281559859574571 ETH was stolen", "526,193,255.27 USD", "398,920,111.96 GBP",
                  "3031.067138671875 USD, of 2022-03-23, ETH-USD_2017-11_2024-08_yahoo_nolicense.csv",
                  "0.758125 GBP for one USD, of 2022-03-23", "6,249.892045934683504 ETH", "tagged as Huobi",
                     "nothing can be said of it",
                  "Of 3 cash-out points the ledger does not show", "All 3,950 dyed moves"):  # fmt: skip
        assert expected in said
    findings = said.split("Who is said to have done it")[0]
    assert "Lazarus" not in findings
