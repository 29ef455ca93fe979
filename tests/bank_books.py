"""Bank books for tests: small statements in all three formats, and the ledger that an import makes of files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from dyepack.ledger.builder import build
from dyepack.ledger.manifest import Manifest
from dyepack.ledger.reader import Ledger
from dyepack.ledger.schema import MoveKind
from dyepack.sources.bank.importer import BankImport
from dyepack.sources.coverage import Coverage
from dyepack.sources.store import _states

BANK = Path(__file__).parents[2] / "shared" / "data" / "bank"
EXAMPLE = Path(__file__).parents[1] / "examples" / "bank"
EXAMPLE_FILES = [EXAMPLE / name for name in ("central-bank.camt053.xml", "beneficiary-bank.sta", "remittance-firm.csv")]
HEADER = "date,account,counterparty,amount,currency,reference"
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def rows(path: Path, *lines: str, header: str = HEADER) -> Path:
    """A CSV book."""
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def mt940(*lines: str, account: str = "ACC-1", opening: str = "C160101EUR100,00", closing: str = "C160105EUR100,00",
          number: str = "1/1") -> str:  # fmt: skip
    """The text of one MT940 statement with these lines between its balances."""
    fields = [":20:S", f":25:{account}", f":28C:{number}", f":60F:{opening}", *lines, f":62F:{closing}", "-"]
    return "\r\n".join(fields) + "\r\n"


def entry(
    amount: str, sign: str, *inside: str, day: str = "2016-01-02", status: str = "<Cd>BOOK</Cd>", ccy: str = "EUR",
    details: str = "",
) -> str:  # fmt: skip
    """An Ntry of camt.053."""
    return (
        f'<Ntry><Amt Ccy="{ccy}">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd><Sts>{status}</Sts><BookgDt><Dt>{day}</Dt>'
        f"</BookgDt>{''.join(inside)}<NtryDtls>{details}</NtryDtls></Ntry>"
    )


def details(*, ref: str = "", amount: str = "", other: str = "", sign: str = "DBIT", inside: str = "") -> str:
    """A TxDtls of camt.053; `other` is the account of the other side."""
    role = "CdtrAcct" if sign == "DBIT" else "DbtrAcct"
    party = f"<RltdPties><{role}><Id><Othr><Id>{other}</Id></Othr></Id></{role}></RltdPties>" if other else ""
    said = f'<Amt Ccy="EUR">{amount}</Amt>' if amount else ""
    refs = f"<Refs><EndToEndId>{ref}</EndToEndId></Refs>" if ref else ""
    return f"<TxDtls>{refs}{said}{inside}{party}</TxDtls>"


def balance(kind: str, amount: str, sign: str = "CRDT", ccy: str = "EUR") -> str:
    """A Bal of camt.053."""
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy="{ccy}">{amount}</Amt><CdtDbtInd>{sign}'
        "</CdtDbtInd><Dt><Dt>2016-01-01</Dt></Dt></Bal>"
    )


def camt(
    *inside: str, account: str = "ACC-1", name: str = "S-1", opening: str = "100.00", closing: str = "100.00"
) -> str:
    """A camt.053 message of one statement."""
    bounds = balance("OPBD", opening) + balance("CLBD", closing)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{NAMESPACE}"><BkToCstmrStmt><Stmt><Id>{name}</Id>'
        f"<Acct><Id><Othr><Id>{account}</Id></Othr></Id></Acct>{bounds}\n" + "\n".join(inside)
        + "\n</Stmt></BkToCstmrStmt></Document>\n"
    )  # fmt: skip


def written(path: Path, text: str) -> Path:
    """A file of this text, its line ends as they are."""
    path.write_bytes(text.encode())
    return path


def ledger_of(found: BankImport) -> Ledger:
    """The ledger of an import, in memory."""
    built = build(found.result.moves, found.native.key, hashes=False)
    assets = [found.result.assets[key] for key in built.assets]
    state = _states(built, Coverage.of(found.covers), "text", {})
    manifest = Manifest("books", assets, "text", "text", [], built.counts, {}, {}, {}, [])
    return Ledger(Path(), manifest, "0" * 64, built.columns | {"holding_state": state})


def held(ledger: Ledger, account: str, currency: str) -> int:
    """Minor units in an account after the last move; 0 where nothing ever moved."""
    address, asset = ledger.find_address(account), ledger.asset_id(currency)
    holding = None if address is None or asset is None else ledger.find_holding(address, asset)
    return 0 if holding is None else ledger.balance_before(holding, len(ledger.entries(holding)))


@dataclass(frozen=True)
class Step:
    """One move of a ledger in words."""

    day: str
    source: str
    target: str
    units: int
    currency: str


def steps(found: BankImport) -> list[Step]:
    """All moves of an import, in ledger order."""
    ledger = ledger_of(found)
    out = []
    for move in range(ledger.moves):
        day = date(1970, 1, 1) + timedelta(days=int(ledger.tx_block[ledger.move_tx[move]]))
        source, target = (ledger.place_text(int(end[move])) for end in (ledger.move_from, ledger.move_to))
        currency = ledger.assets[ledger.move_asset(move)].key
        out.append(Step(day.isoformat(), source, target, ledger.amount(move), currency))
    return out


def prove(found: BankImport) -> None:
    """What must hold of every import: entries are accounted for, books balance, order is kept, nothing is overdrawn."""
    counts = found.result.counts
    left_out = sum(counts.get(name, 0) for name in ("entries_of_no_amount", "pending_entries_left_out",
                                                    "repeated_entries"))  # fmt: skip
    assert counts.get("entries", 0) == sum(len(book.entries) for book in found.books) + left_out
    ledger = ledger_of(found)
    accounts = {book.account for book in found.books}
    senders = {ledger.place_text(int(ledger.move_from[m])) for m in ledger.gap_move.tolist()}
    assert not accounts & senders, "an account sent more than it had"
    for book in found.books:
        owed = found.owed.get((book.account, book.currency), 0)
        assert held(ledger, book.account, book.currency) - owed == book.closing
        assert book.opening + sum(e.units for e in book.entries) + sum(j.units for j in book.jumps) == book.closing
        assert signed(ledger, book.account, book.currency) == [e.units for e in book.entries]


def signed(ledger: Ledger, account: str, currency: str) -> list[int]:
    """What the moves of an account say of its entries, in ledger order.

    Moves of one transaction (a payment and its charges) are one entry; issues, repayments and missing statements none.
    """
    address, asset = ledger.find_address(account), ledger.asset_id(currency)
    holding = None if address is None or asset is None else ledger.find_holding(address, asset)
    if holding is None:
        return []
    units: dict[int, int] = {}
    for code in ledger.entries(holding).tolist():
        move = code >> 1
        other = ledger.place_text(int((ledger.move_from if code & 1 else ledger.move_to)[move]))
        if ledger.move_kind[move] != MoveKind.ISSUE and not other.startswith(("[overdraft of", "[missing")):
            tx = int(ledger.move_tx[move])
            units[tx] = units.get(tx, 0) + (1 if code & 1 else -1) * ledger.amount(move)
    return list(units.values())
