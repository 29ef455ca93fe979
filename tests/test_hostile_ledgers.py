"""Hostile input to what reads statements, blocks and ledgers of outputs: each ends soon, with one sentence."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dyepack.errors import DyepackError, InputError, LedgerError
from dyepack.ledger.utxo.join import join_inputs
from dyepack.ledger.utxo.reader import UtxoLedger
from dyepack.sources import json_files
from dyepack.sources.bank.entries import Read
from dyepack.sources.bank.importer import import_bank
from dyepack.sources.bitcoin.blocks import segment_store
from dyepack.sources.bitcoin.blocks.headers import Headers, choose
from dyepack.sources.bitcoin.blocks.importer import import_blocks
from dyepack.sources.bitcoin.collect import import_bitcoin
from dyepack.sources.bitcoin.result import BitcoinImport
from dyepack.sources.bitcoin.store import store
from tests.bank_books import HEADER, mt940, prove, rows, written
from tests.blocks import demo_chain, write_blk
from tests.outputs import Tx, ledger_of, raw

Column = npt.NDArray[Any]
Edit = Callable[[Column], Column]

CHAIN = [
    Tx([], [("m", 50)], 0),
    Tx([], [("m", 50), ("data", 0)], 1),
    Tx([(0, 0)], [("a", 30), ("", 19)], 1),
    Tx([], [("m", 50)], 2),
    Tx([(2, 0), (1, 0), (-7, 0, 5)], [("b", 80), ("a", 4)], 2),
]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of outputs on disk."""
    folder = tmp_path_factory.mktemp("ledgers")
    (folder / "file").write_bytes(b"")
    path = folder / "ledger"
    store(BitcoinImport([raw(CHAIN)], files=[folder / "file"]), path, chain="bitcoin", network="mainnet")
    return path


def doctored(ledger: Path, to: Path, name: str, edit: Edit | None, manifest: dict[str, Any] | None = None) -> Path:
    """A copy with one column edited, whose manifest has been hashed anew."""
    current = ledger / (ledger / "CURRENT").read_text().strip()
    said = json.loads((current / "manifest.json").read_bytes()) | (manifest or {})
    folder = to / "new"
    folder.mkdir(parents=True)
    for file in current.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    if edit is not None:
        column = edit(np.load(folder / f"{name}.npy").copy())
        np.save(folder / f"{name}.npy", column)
        for row in said["columns"]:
            if row["name"] == name:
                digest = hashlib.sha256(column.tobytes()).hexdigest()
                row |= {"dtype": column.dtype.str, "shape": list(column.shape), "sha256": digest}
    data = json.dumps(said, indent=1).encode()
    (folder / "manifest.json").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()[:16]
    folder.rename(to / digest)
    (to / "CURRENT").write_text(digest)
    return to


def put(at: int, value: int) -> Edit:
    """One value changed."""

    def edit(column: Column) -> Column:
        column[at] = value
        return column

    return edit


NOWHERE = [
    *[("input_tx", put(0, n)) for n in (2, 4, 99, 0xFFFFFFFE)],
    *[("input_index", put(at, n)) for at, n in ((0, 1), (0, 0xFFFFFFFF), (3, 1))],
    ("input_value", put(1, 31)),
    *[("output_spender", put(0, n)) for n in (0, 4, 5, 0xFFFFFFFD, 0xFFFFFFFF)],
    ("output_spender", put(3, 1)),
    *[("tx_input", put(at, n)) for at, n in ((0, 1), (2, 3), (3, 0))],
    *[("tx_output", put(at, n)) for at, n in ((1, 7), (0, 1), (2, 0))],
    *[("block_tx", put(at, n)) for at, n in ((1, 4), (1, 0), (2, 2))],
    *[("tx_block", put(at, n)) for at, n in ((0, 1), (4, 3), (4, 0xFFFFFFFF))],
    *[("output_address", put(0, n)) for n in (3, 0xFFFFFFFE)],
    *[("address_output", put(at, n)) for at, n in ((0, 99), (0, 0))],
    *[("address_offset", put(at, n)) for at, n in ((1, 99), (0, 1))],
    ("outside_address", put(0, 5)),
    ("tx_find_row", put(0, 5)),
    ("address_find_row", put(0, 3)),
    ("address_id", lambda column: column * 0 + 255),
    ("address_id", lambda column: column[:, :1]),
    ("address_id", lambda column: np.pad(column, ((0, 0), (0, 90)))),
    ("output_value", put(0, 1 << 60)),
    ("output_value", put(6, 90)),
    ("output_type", put(0, 99)),
    *[("tx_flag", put(at, n)) for at, n in ((0, 4), (2, 1), (0, 0))],
    *[("block_time", put(0, n)) for n in (-2, 1 << 62)],
    ("block_height", put(0, 101)),
    ("tx_input", lambda column: column.astype(np.float64)),
    ("input_tx", lambda column: column.astype(np.int64)),
    ("tx_id", lambda column: column[:, :31]),
    ("output_value", lambda column: column[:-1]),
]


@pytest.mark.parametrize("case", range(len(NOWHERE)))
def test_columns_that_lead_nowhere_are_refused(ledger: Path, tmp_path: Path, case: int) -> None:
    name, edit = NOWHERE[case]
    with pytest.raises(LedgerError) as fault:
        UtxoLedger.open(doctored(ledger, tmp_path / "l", name, edit))
    assert str(tmp_path / "l") in str(fault.value)
    assert fault.value.remedy == "import the ledger again"


@pytest.mark.parametrize(
    "manifest",
    [{"network": "moon"}, {"assets": []}, {"assets": [{"key": "native", "symbol": "BTC", "decimals": "8"}]},
     {"completeness": []}],
)  # fmt: skip
def test_a_manifest_that_makes_no_sense_is_refused(ledger: Path, tmp_path: Path, manifest: dict[str, Any]) -> None:
    with pytest.raises(LedgerError):
        UtxoLedger.open(doctored(ledger, tmp_path / "l", "", None, manifest))


def test_what_the_builder_makes_is_sound(ledger: Path) -> None:
    UtxoLedger.open(ledger).check_sound()
    ledger_of(CHAIN).check_sound()


@pytest.mark.parametrize("file", ["pipe", "/dev/zero"])
def test_pipes_and_devices_are_not_read(tmp_path: Path, file: str) -> None:
    path = Path(file) if file.startswith("/") else tmp_path / file
    if file == "pipe":
        os.mkfifo(path)
    with pytest.raises(InputError, match="pipe or a device"):
        import_bank([path])
    with pytest.raises(InputError, match="pipe or a device"):
        import_bitcoin([path], work=tmp_path / "work")


def test_a_statement_of_very_many_lines_takes_no_longer_than_its_size(tmp_path: Path) -> None:
    text = mt940(":61:1601020103C10,00NTRFREF", ":86:166" + "?20a" * 100_000, *["x"] * 200_000,
                 closing="C160105EUR110,00")  # fmt: skip
    prove(import_bank([written(tmp_path / "a", text)]))


def test_very_many_explanations_of_one_entry_are_refused(tmp_path: Path) -> None:
    text = mt940(":61:1601020103C10,00NTRFREF", *[f":86:/EREF/R{n}/" for n in range(200)], closing="C160105EUR110,00")
    with pytest.raises(InputError, match="more than 100 times"):
        import_bank([written(tmp_path / "a", text)])


def test_one_account_that_pays_itself_the_same_often(tmp_path: Path) -> None:
    lines = [f"2020-01-01,ACC-1,,{'-' if n % 2 else ''}100.00,EUR,RENT,{n}" for n in range(6_000)]
    prove(found := import_bank([rows(tmp_path / "a.csv", *lines, header=f"{HEADER},sequence")]))
    assert not found.matches


def test_very_many_accounts_on_one_day(tmp_path: Path) -> None:
    lines = [f"2020-01-01,ACC-{n},X,5.00,EUR,R{n}" for n in range(2_000)]
    assert len(import_bank([rows(tmp_path / "a.csv", *lines)]).books) == 2_000


def test_very_many_statements_that_do_not_join(tmp_path: Path) -> None:
    pages = [f":20:S{n}\n:25:A-1\n:28C:{n}/1\n:60F:C160101EUR{n * 7},00\n:61:1601020102C1,00NTRFR{n}\n"
             f":62F:C160105EUR{n * 7 + 1},00\n-\n" for n in range(3_000)]  # fmt: skip
    found = import_bank([written(tmp_path / "a", "".join(pages))])
    assert found.result.counts["missing_statements"] == 2_999


def test_a_note_is_kept_once() -> None:
    read = Read()
    for text in ("a", "b", "a"):
        read.note(text)
    assert list(read.notes) == ["a", "b"]


def fragments(count: int, height: Callable[[int], int]) -> Headers:
    """Blocks none of which has the one before it here."""
    return Headers(
        [n.to_bytes(32, "big") for n in range(count)], [(1 << 200 | n).to_bytes(32, "big") for n in range(count)],
        [0x207FFFFF] * count, [height(n) for n in range(count)], lambda _row: "blocks",
    )  # fmt: skip


def test_very_many_stretches_of_a_chain() -> None:
    apart = choose(fragments(20_000, lambda n: 3 * n + 5), None)
    assert apart.height.tolist() == [3 * n + 5 for n in range(20_000)]


def test_very_many_orphan_stretches_are_told_by_their_number() -> None:
    chain = choose(fragments(5_000, lambda n: 100 + n % 2), None)
    assert (chain.height >= 0).sum() == 1
    assert len(chain.notes) == 21
    assert chain.notes[-1].startswith("4,979 more")


@pytest.mark.slow
def test_a_file_of_reserved_zeros_without_end_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "blk00000.dat"
    write_blk(demo_chain().blocks[:3], path)
    with path.open("r+b") as file:
        file.truncate(1 << 29)
    found = import_blocks([path], work=tmp_path / "work")
    assert sum(len(batch.block_id) for batch in found.batches) == 3
    with path.open("r+b") as file:
        file.truncate(3 << 29)
        file.seek((3 << 29) - 1)
        file.write(b"x")
    with pytest.raises(InputError, match="no record begins here") as fault:
        import_blocks([path], work=tmp_path / "work")
    assert f"byte {(3 << 29) - 1:,}" in str(fault.value)


@pytest.mark.parametrize("harm", ["gone", "type", "offset", "place", "note", "pickle"])
def test_a_segment_that_was_tampered_with_is_made_again(tmp_path: Path, harm: str) -> None:
    path, work = tmp_path / "blk00000.dat", tmp_path / "work"
    write_blk(demo_chain().blocks[:20], path)
    before = import_blocks([path], work=work)
    (folder,) = [p for p in work.iterdir() if p.is_dir()]
    note = json.loads((folder / "segment.json").read_text())
    columns = {name: np.load(folder / f"{name}.npy") for name in note["columns"]}
    edits: dict[str, Callable[[], None]] = {
        "gone": lambda: note["columns"].pop("block_tx"),
        "type": lambda: columns.update(tx_in=columns["tx_in"].astype(np.float64)),
        "offset": lambda: columns["tx_in"].__setitem__(-2, 1 << 40),
        "place": lambda: columns["out_address"].__setitem__(0, 1 << 40),
        "note": lambda: note.update(counts={"half_written_blocks": "many"}),
        "pickle": lambda: columns.update(tx_in=np.array([{}], object)),
    }
    edits[harm]()
    for name in note["columns"]:
        np.save(folder / f"{name}.npy", columns[name], allow_pickle=True)
        note["columns"][name] = hashlib.sha256(columns[name].tobytes()).hexdigest()
    (folder / "segment.json").write_text(json.dumps(note))
    again = import_blocks([path], work=work)
    assert [b.tx_id.tolist() for b in again.batches] == [b.tx_id.tolist() for b in before.batches]
    assert again.counts == before.counts


def test_only_segments_are_removed(tmp_path: Path) -> None:
    work = tmp_path / ".x.import"
    (work / ("0" * 32)).mkdir(parents=True)
    (work / "mine.txt").write_text("keep")
    segment_store.remove(work)
    assert [p.name for p in work.iterdir()] == ["mine.txt"]
    (work / "mine.txt").unlink()
    segment_store.remove(work)
    assert not work.exists()


@pytest.mark.parametrize(
    ("name", "start"), [("a.json.gz", b'{"a":'), ("a.csv.gz", b"hash,block_number,inputs,outputs\n")]
)
def test_an_archive_that_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, start: bytes
) -> None:
    monkeypatch.setattr(json_files, "_LEAST_HELD", 1 << 20)
    path = tmp_path / name
    with gzip.open(path, "wb") as file:
        file.write(start)
        for _ in range(20):
            file.write(b" " * (1 << 20))
    with pytest.raises(InputError, match="unpacks to more"):
        import_bitcoin([path], work=tmp_path / "work")


def test_ids_that_begin_alike_are_joined_as_fast_as_others() -> None:
    count = 20_000
    ids = np.zeros((count, 32), np.uint8)
    ids[:, 28:] = np.arange(count, dtype=">u4").view(np.uint8).reshape(-1, 4)
    joined = join_inputs(ids, ids[:-1], np.arange(1, count))
    assert joined.tx.tolist() == list(range(count - 1))
    assert not joined.late
    assert join_inputs(ids, ids[5:6], np.array([3])).late == {0: 5}


def test_a_number_of_many_digits_is_not_shown_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    start = json.dumps({"hash": "1" * 64, "block_number": 1, "inputs": [], "outputs": [{"index": 0, "value": 7}]})
    path.write_text(start.replace("7", "9" * 4000))
    with pytest.raises(DyepackError) as fault:
        import_bitcoin([path], work=tmp_path / "work")
    assert len(str(fault.value)) < 400
