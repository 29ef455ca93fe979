"""The labelled laundering flows of the Harmony theft against the trace, service by service and move by move.

The labels say what each service received; the trace says how much of it is dyed. The difference is explained to the
cent by a second, plain replay that knows where every clean unit came from: first-in-first-out with the origin of each
lot, written here and compared with the program's own run at every labelled move.
Invariant: for each service, labelled = repeated rows + dyed + the parts that are not, each with its reason.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path

from dyepack.case.run import Trace, trace
from dyepack.ledger.reader import Ledger
from dyepack.ledger.schema import NOWHERE
from dyepack.money import Asset, format_units, parse_units
from dyepack.sources.store import store
from dyepack.sources.transfers import import_transfers
from dyepack.tags.load import load
from dyepack.tracing.resolve import Parameters
from dyepack.tracing.rules import RULES
from dyepack.tracing.theft import parse_theft

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "launder-harmony"
THEFT = ROOT / "examples" / "harmony-launder" / "theft.toml"
USD = Asset("USD", "USD", 2)
COLUMNS = {"time": "Timestamp", "block": "Block", "tx": "Tx_hash", "from": "From", "to": "To",
           "amount": "Value_in_USD"}  # fmt: skip
SERVICES = {"HTX": ("HTX 33", "HTX 34"), "Binance": ("Binance 14",), "OKX": ("OKX",)}
"""Services and how the labels of their hot wallets begin."""
PUBLISHED = {"HTX": "$40.69M", "Binance": "$14.09M", "OKX": "about $3.0M"}
"""What the README of the data says, all rows counted."""

DYED = ("dyed", "")
Origin = tuple[str, str]
"""Why units are clean, and the address where they came to be so; DYED for the theft's."""

UNEXPLAINED = "the address paid more than the file shows it to have received"
NOT_LISTED = "the address is no listed source and nothing is shown to reach it"
FROM_SERVICE = "paid out by a service"


@dataclass(frozen=True, slots=True)
class Labelled:
    """One labelled row of a service: cents; `repeat` if an earlier row is the same to the letter."""

    line: int
    tx: str
    payer: str
    payer_label: str
    payee: str
    label: str
    units: int
    repeat: bool


@dataclass(slots=True)
class Account:
    """The reconciliation of one service, in cents; `rows` are the labelled moves that are not wholly dyed."""

    service: str
    labelled: int = 0
    labelled_rows: int = 0
    repeats: int = 0
    repeated_rows: int = 0
    dyed: int = 0
    dyed_rows: int = 0
    reasons: dict[Origin, int] = field(default_factory=dict)
    rows: list[tuple[Labelled, int, dict[Origin, int]]] = field(default_factory=list)
    by_rule: dict[str, int] = field(default_factory=dict)

    @property
    def adds_up(self) -> bool:
        """Whether the parts are the whole."""
        return self.labelled == self.repeats + self.dyed + sum(self.reasons.values())


def service_of(label: str) -> str:
    """The service whose hot wallet a label names, "" for none."""
    if "eposit" in label:
        return ""
    return next((name for name, starts in SERVICES.items() if label.startswith(starts)), "")


def labelled_rows() -> list[Labelled]:
    """The rows that reach a hot wallet of a service, in the order of the file."""
    out, seen = [], set()
    with (DATA / "HB.csv").open(newline="") as file:
        for line, row in enumerate(csv.DictReader(file), 2):
            key = tuple(row.values())
            if service_of(row["To_label"]):
                out.append(Labelled(line, row["Tx_hash"].lower(), row["From"].lower(), row["From_label"],
                                    row["To"].lower(), row["To_label"], parse_units(row["Value_in_USD"], 2),
                                    key in seen))  # fmt: skip
            seen.add(key)
    return out


def traced(folder: Path) -> tuple[Ledger, Trace]:
    """The ledger of the file and the trace of all sources on it."""
    read = import_transfers(DATA / "HB.csv", asset=USD, columns=COLUMNS)
    store(read, folder / "ledger", chain="ethereum-usd", files=[DATA / "HB.csv"], native=USD, covers=None)
    ledger = Ledger.open(folder / "ledger")
    tags = load(DATA / "terminal addresses.csv", kind="service")
    theft = parse_theft(THEFT.read_bytes(), THEFT.name)
    return ledger, trace(ledger, [theft], tags, Parameters(hub=0))


def origins(ledger: Ledger, found: Trace) -> dict[int, Counter[Origin]]:
    """For each move the origins of its units: a plain first-in-first-out replay from the first move on."""
    sources = {spec.address.lower() for theft in found.thefts for leg in theft.legs for spec in leg.outflows}
    stops = {tag.address for tag in found.tags.tags if tag.stop is not None}
    lots: dict[str, deque[tuple[int, Origin]]] = defaultdict(deque)
    received: set[str] = set()
    out: dict[int, Counter[Origin]] = {}
    for move in range(ledger.moves):
        payer, payee = (ledger.place_text(int(c[move])) for c in (ledger.move_from, ledger.move_to))
        if NOWHERE in (ledger.move_from[move], ledger.move_to[move]) or payer == payee:
            raise AssertionError("a move of the file has one end only")
        units = ledger.amount(move)
        parts: list[tuple[int, Origin]] = []
        while units and lots[payer]:
            much, origin = lots[payer].popleft()
            taken = min(much, units)
            if much > taken:
                lots[payer].appendleft((much - taken, origin))
            parts.append((taken, origin))
            units -= taken
        if units:
            why = FROM_SERVICE if payer in stops else UNEXPLAINED if payer in received else NOT_LISTED
            parts.append((units, (why, payer)))
        if payer in sources:
            parts = [(much, DYED) for much, _ in parts]
        out[move] = Counter()
        for much, origin in parts:
            out[move][origin] += much
        received.add(payee)
        if payee not in stops:
            lots[payee].extend(parts)
    return out


def reconcile(ledger: Ledger, found: Trace) -> list[Account]:
    """Every service's labelled rows against the trace; AssertionError if a sum or the two replays differ."""
    dyed: Counter[int] = Counter()
    for carried in found.moves:
        dyed[carried.move] += carried.units
    from_lots = origins(ledger, found)
    moves: dict[tuple[str, str, str, int], deque[int]] = defaultdict(deque)
    for move in range(ledger.moves):
        payer, payee = (ledger.place_text(int(c[move])) for c in (ledger.move_from, ledger.move_to))
        moves[ledger.tx_text(int(ledger.move_tx[move])), payer, payee, ledger.amount(move)].append(move)
    accounts = {name: Account(name) for name in SERVICES}
    for row in labelled_rows():
        account = accounts[service_of(row.label)]
        account.labelled += row.units
        account.labelled_rows += 1
        if row.repeat:
            account.repeats += row.units
            account.repeated_rows += 1
            continue
        move = moves[(row.tx, row.payer, row.payee, row.units)].popleft()
        parts = from_lots[move]
        if parts[DYED] != dyed[move]:
            raise AssertionError(f"line {row.line}: the replays differ, {parts[DYED]} and {dyed[move]}")
        _book(account, row, dyed[move], {o: n for o, n in parts.items() if o != DYED})
    _by_rule(accounts, found)
    if not all(account.adds_up for account in accounts.values()):
        raise AssertionError("the parts of a service are not its whole")
    return list(accounts.values())


def _book(account: Account, row: Labelled, dyed: int, clean: dict[Origin, int]) -> None:
    account.dyed += dyed
    account.dyed_rows += dyed == row.units
    if clean:
        account.rows.append((row, dyed, clean))
    for origin, units in clean.items():
        account.reasons[origin] = account.reasons.get(origin, 0) + units


def _by_rule(accounts: dict[str, Account], found: Trace) -> None:
    """What the statement says each service's hot wallets got, under every rule."""
    service = {row.payee: service_of(row.label) for row in labelled_rows()}
    for terminal in found.statement.terminals:
        if terminal.place in service and terminal.stop == "service":
            account = accounts[service[terminal.place]]
            for rule, units in terminal.amounts.items():
                account.by_rule[rule] = account.by_rule.get(rule, 0) + units
    for account in accounts.values():
        if account.by_rule[found.statement.rule] != account.dyed:
            raise AssertionError(f"{account.service}: the statement and the dyed moves differ")


def usd(cents: int) -> str:
    """Cents as dollars."""
    return format_units(cents, 2, places=2)


def report(accounts: list[Account]) -> str:
    """The reconciliation as text."""
    lines: list[str] = []
    for a in accounts:
        fresh = a.labelled - a.repeats
        lines += [
            f"{a.service}: labelled {usd(a.labelled)} USD in {a.labelled_rows} rows (published {PUBLISHED[a.service]})",
            f"  repeats of an earlier row           {usd(a.repeats):>16}  in {a.repeated_rows} rows",
            f"  dyed under fifo                     {usd(a.dyed):>16}  {a.dyed_rows} rows wholly, {len(a.rows)} not",
            *(f"  clean: {why}: {where} {usd(n)}" for (why, where), n in sorted(a.reasons.items())),
            f"  sum of the parts                    {usd(a.repeats + a.dyed + sum(a.reasons.values())):>16}",
            f"  difference                          "
            f"{usd(a.labelled - a.repeats - a.dyed - sum(a.reasons.values())):>16}",
            f"  without the repeats {usd(fresh)}; by rule: "
            + ", ".join(
                f"{rule} {usd(n)} ({usd(n - fresh)})" for rule, n in a.by_rule.items() if RULES[rule].conserves
            ),
        ]
        for row, dyed, clean in a.rows:
            lines.append(f"    line {row.line} {row.tx} {row.payer} ({row.payer_label or 'no label'}) -> {row.label}: "
                         f"{usd(row.units)}, dyed {usd(dyed)}")  # fmt: skip
            lines += [f"      {usd(n)}: {why}: {where}" for (why, where), n in sorted(clean.items())]
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Trace, reconcile and print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(report(reconcile(*traced(Path(folder)))))


if __name__ == "__main__":
    main()
