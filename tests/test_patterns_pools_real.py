"""The real pools: every deposit of the Ronin theft, every anonymity set, every known contract."""

from __future__ import annotations

import csv
import gzip
import io
import json
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dyepack.ledger.reader import Ledger
from dyepack.patterns.pools.anonymity import anonymity, unspent
from dyepack.patterns.pools.candidates import onward
from dyepack.patterns.pools.history import History, with_facts
from dyepack.patterns.pools.in_ledger import from_ledger, senders
from dyepack.patterns.pools.known import ROUTERS, known_pools
from dyepack.patterns.pools.reader import read_folder
from dyepack.patterns.pools.rules import own_gas
from dyepack.patterns.pools.structured import Receipt, links_of, structured_deposits
from dyepack.patterns.pools.view import view
from dyepack.sources.coverage import read_coverage
from dyepack.sources.explorer import import_explorer
from dyepack.sources.result import ETHER
from dyepack.sources.store import store

pytestmark = pytest.mark.shared

DATA = Path(__file__).parents[2] / "shared" / "data"
TORNADO = DATA / "tornado"
RONIN = DATA / "ronin-2022"
LABELS = DATA / "labels" / "etherscan-labels-brianleect" / "combinedAccountLabels.json"


@pytest.fixture(scope="module")
def history() -> History:
    (found,) = read_folder(TORNADO)
    return found


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    path = tmp_path_factory.mktemp("ronin") / "ledger"
    files = [RONIN / "ledger.csv.gz"]
    covers = read_coverage(RONIN / "addresses.csv")
    store(import_explorer(files), path, chain="ethereum", files=files, native=ETHER, covers=covers)
    return Ledger.open(path)


def test_every_known_contract_is_labelled_as_this_pool() -> None:
    labels = json.loads(LABELS.read_text(encoding="utf-8"))
    for pool in known_pools():
        said = labels[pool.address]
        assert "tornado-cash" in said["labels"] or "ofac-sanctions-lists" in said["labels"], pool.name
    differ = {}
    for pool in known_pools():
        said = labels[pool.address]["name"].removeprefix("Tornado.Cash: ").removesuffix(" 2").replace(",", "")
        if said != pool.name.removeprefix("Tornado Cash "):
            differ[pool.name.removeprefix("Tornado Cash ")] = said
    # The explorer swaps the two USDC pools, as known.py says.
    assert differ == {"100 USDC": "1000 USDC", "1000 USDC": "100 USDC"}
    assert {labels[router]["labels"][-1] for router in ROUTERS} == {"tornado-cash"}


def test_every_known_contract_is_on_the_list_of_2022() -> None:
    pack = (DATA / "labels" / "graphsense-tagpacks" / "packs" / "tornado_cash.yaml").read_text().lower()
    assert [pool.name for pool in known_pools() if pool.address not in pack] == []


def test_the_whole_pool_is_read_as_the_json_says(history: History) -> None:
    with zipfile.ZipFile(TORNADO / "deposits_eth_100.json.zip") as packed:
        came = json.loads(packed.read("deposits_eth_100.json"))
    with zipfile.ZipFile(TORNADO / "withdrawals_eth_100.json.zip") as packed:
        went = json.loads(packed.read("withdrawals_eth_100.json"))
    assert (len(history.deposits), len(history.withdrawals)) == (len(came), len(went)) == (27_544, 25_608)
    assert history.whole
    assert ["0x" + bytes(row).hex() for row in history.deposits.tx] == [row["transactionHash"] for row in came]
    assert history.deposits.time.tolist() == [int(row["timestamp"]) for row in came]
    by_tx = {row["transactionHash"]: row for row in went}
    for at in range(len(history.withdrawals)):
        row = by_tx["0x" + bytes(history.withdrawals.tx[at]).hex()]
        assert (int(row["fee"]), row["to"].lower()) == (
            history.withdrawals.fee[at],
            "0x" + bytes(history.withdrawals.to[at]).hex(),
        )
    assert len(own_gas(view([history]))) == sum(row["fee"] == "0" for row in went) == 6_760


def test_the_anonymity_set_at_every_withdrawal_equals_a_walk_over_the_blocks() -> None:
    for history in [*read_folder(TORNADO), *read_folder(TORNADO / "erc20")]:
        came, went = history.deposits.block.tolist(), history.withdrawals.block.tolist()
        inside, at, walked = 0, 0, []
        for row, block in enumerate(went):
            while at < len(came) and came[at] <= block:
                at += 1
                inside += 1
            same = row - went.index(block) if row and went[row - 1] == block else 0
            walked.append(inside + same)
            inside -= 1
        sets = anonymity(history)
        assert sets.most.tolist() == walked, history.pool.name
        assert int(sets.least.min()) >= 1


def test_the_figures_of_the_large_pool(history: History) -> None:
    sets = anonymity(history)
    assert (int(sets.most.min()), int(sets.most.max()), unspent(history)) == (1, 2_068, 1_936)


def test_every_ronin_deposit_is_a_deposit_of_the_pool(history: History, ledger: Ledger) -> None:
    (own,) = from_ledger(ledger, known_pools())
    assert own.pool == history.pool
    assert (len(own.deposits), own.whole) == (1_751, False)
    known = {bytes(tx): int(block) for tx, block in zip(history.deposits.tx, history.deposits.block, strict=True)}
    assert all(known[bytes(tx)] == block for tx, block in zip(own.deposits.tx, own.deposits.block, strict=True))
    found = onward([history], ["0x" + bytes(tx).hex() for tx in own.deposits.tx])
    assert not found.missing
    (rest,) = found.pools
    assert (rest.deposits, rest.deposited, rest.rest) == (1_751, "175100000000000000000000", rest.deposited)
    assert rest.whole


def test_structured_deposits_of_ronin_are_found_and_their_candidates_are_worth_nothing(
    history: History, ledger: Ledger
) -> None:
    full = with_facts(history, senders(ledger, history))
    payers = {bytes(row) for row in full.deposits.sender if row.any()}
    receipts = [receipt for payer in sorted(payers) for receipt in received(ledger, payer)]
    found = structured_deposits(view([full]), receipts)
    covered = sum(count for one in found for _, count in one.deposits.key)
    assert (len(found), covered) == plain_bursts() == (44, 1_494)
    # Two of them have a later burst of as many notes at all, and there most decoys find one too.
    assert [(one.deposits.key[0][1], one.chance > 0.5) for one in found if one.candidates] == [(15, True), (15, True)]
    assert links_of(view([full]), found) == []


def plain_bursts() -> tuple[int, int]:
    """Bursts, and notes in them, by lists of times and amounts of the export."""
    paid: dict[str, list[int]] = {}
    got: dict[str, list[tuple[int, int]]] = {}
    with gzip.open(RONIN / "ledger.csv.gz") as file:
        for row in csv.DictReader(io.TextIOWrapper(file, "utf-8")):
            units = int(row["value_wei"]) if row["is_error"] == "0" else 0
            if row["to"] == ROUTERS[0] and units == 10**20:
                paid.setdefault(row["from"], []).append(int(row["timestamp"]))
            if units:
                got.setdefault(row["to"], []).append((int(row["timestamp"]), units))
    bursts = notes = 0
    for payer, times in paid.items():
        rest = sorted(times)
        while rest:
            part = [time for time in rest if time <= rest[0] + 86_400]
            total = len(part) * 10**20
            cut = any(when <= part[0] and 0.9 * receipt <= total <= 2 * receipt for when, receipt in got[payer])
            bursts, notes = bursts + (cut and len(part) >= 5), notes + len(part) * (cut and len(part) >= 5)
            rest = rest[len(part) :]
    return bursts, notes


def received(ledger: Ledger, payer: bytes) -> list[Receipt]:
    address = ledger.find_address("0x" + payer.hex())
    assert address is not None
    holding = ledger.find_holding(address, 0)
    assert holding is not None
    entries = [int(code) for code in ledger.entries(holding) if code & 1]
    return [Receipt(payer, "native", ledger.amount(code >> 1), int(ledger.tx_time[ledger.move_tx[code >> 1]]))
            for code in entries]  # fmt: skip


def test_the_whole_pool_takes_less_than_ten_seconds() -> None:
    began = time.perf_counter()
    (history,) = read_folder(TORNADO)
    txs = ["0x" + bytes(tx).hex() for tx in history.deposits.tx[::10]]
    found = onward([history], txs)
    assert time.perf_counter() - began < 10
    assert found.pools[0].deposits == len(txs)
    assert np.all(anonymity(history).most > 0)


def test_the_ledger_that_the_tests_read_is_the_one_of_the_export(ledger: Ledger) -> None:
    with gzip.open(RONIN / "ledger.csv.gz") as file:
        rows = sum(1 for _ in csv.DictReader(io.TextIOWrapper(file, "utf-8")))
    assert rows == len(ledger.tx_block) == 3_755
