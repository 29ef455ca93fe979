"""Accuracy of the patterns of account ledgers: on real labels, on the shipped incident and on made-up ledgers.

Each row is one rule on one data set. What is real is read from ../shared/data; what is made up comes from
account_world.py among an economy that knows nothing of it.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import accuracy_harmony
from account_world import (
    DAY,
    NATIVE,
    World,
    customer,
    faucet,
    passing,
    payouts,
    payroll,
    person,
    script,
    split,
)
from accuracy_rows import AccuracyRow, print_rows
from dyepack.case.demo import run_demo
from dyepack.case.run import Trace, trace
from dyepack.ledger.reader import Ledger
from dyepack.money import Asset
from dyepack.patterns.activity import NOBODY, payments
from dyepack.patterns.cadence import RULE as CADENCE
from dyepack.patterns.cadence import scripted_cadence
from dyepack.patterns.deposits import HUB_RULE, deposit_addresses
from dyepack.patterns.deposits import RULE as DEPOSIT
from dyepack.patterns.fan import FAN_IN, FAN_OUT, fan_in, fan_out
from dyepack.patterns.finding import Finding
from dyepack.patterns.funding import RULE as FUNDING
from dyepack.patterns.funding import gas_funding
from dyepack.patterns.layering import RULE as LAYERING
from dyepack.patterns.layering import layering
from dyepack.patterns.poisoning import METHOD, lookalikes
from dyepack.patterns.reuse import RULE as REUSE
from dyepack.patterns.reuse import deposit_reuse
from dyepack.sources.coverage import read_coverage
from dyepack.sources.explorer import import_explorer
from dyepack.sources.result import ETHER
from dyepack.sources.store import store
from dyepack.synthetic.story import tell
from dyepack.tags.load import load
from dyepack.tags.model import TagSet
from dyepack.tracing.resolve import Parameters
from dyepack.tracing.theft import parse_theft

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
RONIN = DATA / "ronin-2022"
OFAC = DATA / "labels" / "ofac-ultrasound-2026-06" / "data.csv"
BACKGROUND = 200_000
THIEF = "0x098b716b8aaf21512996dc57eb0615e2383e2f96"


def row(
    rule: str, pattern: str, data: str, positive: set[str], found: set[str], everything: int, note: str
) -> AccuracyRow:
    """A row from sets of the things that are labelled and found."""
    hits = len(positive & found)
    return AccuracyRow(pattern, rule, data, everything, len(positive), hits, len(found - positive),
                       everything - len(positive), note)  # fmt: skip


def places(findings: list[Finding], at: int = 0) -> set[str]:
    """The first (or last) member of each finding."""
    return {finding.places[at] for finding in findings}


def ids(ledger: Ledger, texts: list[str] | set[str]) -> list[int]:
    """Addresses of a ledger by their texts."""
    return [number for text in sorted(texts) if (number := ledger.find_address(text)) is not None]


def ronin(folder: Path) -> list[AccuracyRow]:
    """Deposits, sanctioned addresses and the gas seed on the Ronin ledger."""
    file = RONIN / "ledger.csv.gz"
    store(import_explorer([file]), folder / "L", chain="ethereum", files=[file], native=ETHER,
          covers=read_coverage(RONIN / "addresses.csv"))  # fmt: skip
    ledger = Ledger.open(folder / "L")
    with (RONIN / "addresses.csv").open(newline="") as table:
        listed = list(csv.DictReader(table))
    entity = {number: r["entity"] for r in listed if r["entity"]
              and (number := ledger.find_address(r["address"])) is not None}  # fmt: skip
    hot = {number: entity[number].split()[0] for r in listed if r["kind"] == "exchange_hot"
           and (number := ledger.find_address(r["address"])) is not None}  # fmt: skip
    real = {r["address"] for r in listed if r["kind"] == "exchange_deposit" and r["full_history_in_ledger"] == "1"}
    many = len(ledger.address_id)
    lone = "3 more deposit addresses have no history in the ledger; Huobi's four were swept once each"
    out = [
        row(DEPOSIT.id, DEPOSIT.pattern, "Ronin, hot wallets known", real, places(deposit_addresses(ledger, hot=hot)),
            many, lone),
        row(HUB_RULE.id, HUB_RULE.pattern, "Ronin, no labels, hubs of one", real,
            places(deposit_addresses(ledger, hub=1)), many, lone),
        row(HUB_RULE.id, HUB_RULE.pattern, "Ronin, no labels", real, places(deposit_addresses(ledger)), many,
            "missed: three whose hot wallet only one address of the ledger sweeps to"),
    ]  # fmt: skip
    theft = parse_theft((ROOT / "examples" / "ronin-2022" / "theft.toml").read_bytes(), "theft.toml")
    found = trace(ledger, [theft], load(RONIN / "addresses.csv"), Parameters())
    with OFAC.open(newline="") as table:
        names = {r["address"].lower(): r["name"] for r in csv.DictReader(table)}
    lazarus = {address for address, name in names.items() if name == "LAZARUS GROUP"}
    met = {m.target for m in found.moves if m.units} & set(names)
    out.append(row("trace under fifo", "sanctioned addresses met", "Ronin, OFAC list of June 2026", lazarus, met,
                   len(names), "other listed addresses met: "
                   f"{len(met - lazarus)}; the ledger was collected around these eight"))  # fmt: skip
    seed = gas_funding(ledger, ids(ledger, [THIEF]), tags=entity)
    out.append(row(FUNDING.id, FUNDING.pattern, "Ronin, the thief", {"0x4976a4a02f38326660d17bf34b431dc6e2eb2327"},
                   places(seed), 1, "1.0569 ETH from Binance 20"))  # fmt: skip
    return out


def harmony(folder: Path) -> list[AccuracyRow]:
    """Deposit addresses of the labelled Harmony flows."""
    ledger, _ = accuracy_harmony.traced(folder)
    label: dict[str, str] = {}
    with (accuracy_harmony.DATA / "HB.csv").open(newline="") as file:
        for r in csv.DictReader(file):
            label |= {r["From"].lower(): r["From_label"], r["To"].lower(): r["To_label"]}
    hot = {number: service for text, name in label.items() if (service := accuracy_harmony.service_of(name))
           and (number := ledger.find_address(text)) is not None}  # fmt: skip
    real = {text for text, name in label.items() if "_Deposit_" in name}
    found = places(deposit_addresses(ledger, hot=hot))
    return [row(DEPOSIT.id, DEPOSIT.pattern, "Harmony flows, hot wallets known", real, found, len(label),
                "missed: one deposit and one sweep each; the false ones are labelled as the hacker's and pass every "
                "deposit on whole within minutes to one exchange, so the label may be what is wrong")]  # fmt: skip


def incident(folder: Path) -> list[AccuracyRow]:
    """The shipped incident, whose truth is known by construction."""
    made, story = run_demo(folder / "demo"), tell()
    ledger = Ledger.open(folder / "demo" / "ledger")
    name = story.names
    hot = {number: text.split()[0] for address, text in name.items() if text.endswith("hot wallet")
           and (number := ledger.find_address(address)) is not None}  # fmt: skip
    paid = payments(ledger)
    senders = {ledger.address_text(place) for place in set(paid.payer.tolist()) - {NOBODY}}
    swept = {address for address, text in name.items() if " deposit " in text} & senders
    many = len(ledger.address_id)
    payers, where = _payers(ledger), "the shipped incident"
    chains = layering(ledger)
    chain = {story.address("Thief 1")}
    return [
        row(DEPOSIT.id, DEPOSIT.pattern, f"{where}, hot wallets known", swept,
            places(deposit_addresses(ledger, hot=hot)), many, "missed: one deposit and one sweep"),
        row(FAN_OUT.id, FAN_OUT.pattern, where, {story.address("Thief 1")}, places(fan_out(ledger)), payers, ""),
        row(FAN_IN.id, FAN_IN.pattern, where, set(), places(fan_in(ledger, made.moves), -1), many,
            "eight wallets meet in it, fewer than ten"),
        row(LAYERING.id, LAYERING.pattern, where, chain, places(chains), payers,
            f"the peel chain of 14 hops, as one chain of {len(chains[0].txs)} payments"),
    ]  # fmt: skip


def _payers(ledger: Ledger) -> int:
    paid = payments(ledger)
    return len(set(paid.payer[paid.payer != NOBODY].tolist()))


def planted(seed: int) -> list[AccuracyRow]:
    """Fan-out, fan-in and layering that are planted in an economy."""
    world = World(Random(seed))
    splits = [split(world) for _ in range(200)]
    chains = [passing(world) for _ in range(200)]
    honest = {world_part(world): name for world_part, name in _HONEST for _ in range(20)}
    ledger = world.ledger(BACKGROUND)
    payers, where = _payers(ledger), f"200 planted among {BACKGROUND:,} moves of an economy"
    thieves = {thief for thief, _, _ in splits}
    out = places(fan_out(ledger))
    others = Counter(honest.get(place, "the economy or another launderer") for place in out - thieves)
    told = "; ".join(f"{n} {what}" for what, n in sorted(others.items()))
    rows = [row(FAN_OUT.id, FAN_OUT.pattern, where, thieves, out, payers,
                f"missed: amounts that vary by more than 0.2; false: {told or 'none'} (of 20 faucets, 20 payrolls, 20 "
                "exchanges paying out)")]  # fmt: skip
    found = _trace_of(ledger, thieves)
    gathered = places(fan_in(ledger, found.moves), -1)
    collectors = {collector for _, _, collector in splits}
    rows.append(row(FAN_IN.id, FAN_IN.pattern, where, collectors, gathered, len(ledger.address_id),
                    "missed: more than a fifth of the inflow is clean"))  # fmt: skip
    true = {place for places_ in chains for place in places_}
    met: Counter[str] = Counter()
    false = 0
    launderers = true | {place for thief, wallets, c in splits for place in (thief, *wallets, c)}
    for finding in layering(ledger):
        if len(true & set(finding.places)) >= 4:
            met[finding.places[1]] += 1
        elif not set(finding.places) & launderers:
            false += 1
    hit = sum(any(place in met for place in chain) for chain in chains)
    rows.append(AccuracyRow(LAYERING.pattern, LAYERING.id, where, payers, len(chains), hit, false,
                            payers - len(chains), "chains of 4 to 16 payments with side payments; false: the economy "
                            "lasts hours, so that every account lives briefly and need only end empty"))  # fmt: skip
    return rows


_HONEST: list[tuple[Callable[[World], str], str]] = [
    (faucet, "faucets"), (payroll, "payrolls"), (payouts, "exchanges paying out"),
]  # fmt: skip


def _trace_of(ledger: Ledger, thieves: set[str]) -> Trace:
    legs = "".join(f'[[leg]]\nname = "{n}"\nasset = "native"\n[[leg.outflow]]\naddress = "{thief}"\n'
                   for n, thief in enumerate(sorted(thieves)))  # fmt: skip
    theft = parse_theft(f'id = "planted"\nchain = "made-up"\n{legs}'.encode(), "planted.toml")
    return trace(ledger, [theft], TagSet(), Parameters(hub=0))


def cadence(seed: int) -> list[AccuracyRow]:
    """Scripts and people: each set of addresses alone, and a hundred of them tried at once (Bonferroni)."""
    world = World(Random(seed))
    scripts = [script(world) for _ in range(100)]
    gaps = [gap for gap in (60, 120, 180, 240, 300, 420, 600, 1800) for _ in range(50)]
    people = [person(world, gap) for gap in gaps]
    ledger = world.ledger()

    def told(who: list[list[str]]) -> set[str]:
        return {min(f.places) for f in scripted_cadence(ledger, [ids(ledger, places_) for places_ in who])}

    def truth(who: list[list[str]]) -> set[str]:
        return {min(places_) for places_ in who}

    alone = {place for one in scripts + people for place in told([one])}
    wrong = sorted({gap for gap, one in zip(gaps, people, strict=True) if one[0] in alone})
    pace = " or ".join(str(gap) for gap in wrong)
    few = [scripts[::5], people[::5]]
    return [
        row(CADENCE.id, CADENCE.pattern, "100 scripts of 3 to 12 spells, 400 people at eight paces, each tried alone",
            truth(scripts), alone, 500, f"false: people whose payments are {pace} s apart on average"),
        row(CADENCE.id, CADENCE.pattern, "20 of these scripts and 80 of these people, tried at once", truth(few[0]),
            told(few[0] + few[1]), 100, "missed: few spells, for which the chance over a hundred tries is too high"),
    ]  # fmt: skip


def poisoning(seed: int) -> AccuracyRow:
    """10,000 look-alike pairs among 20,000,000 innocent ones, fake tokens in disguise among them."""
    dice, world = Random(seed), World(Random(seed))
    symbols = ("USDT", "usdt", "uѕdt", "UЅDТ", "U\u200bSDT", "ＵＳＤＴ", "USD₮", "U.S.D.T", "\u202eUSDT\u202c", "𝐔𝐒𝐃𝐓")
    keys = [f"0x{n:040x}" for n in range(1, len(symbols) + 1)]
    world.assets |= {key: Asset(key, symbol, 6) for key, symbol in zip(keys, symbols, strict=True)}
    at, pairs, poisoned = world.start(), 10_000, {}
    victims = [world.fresh("victim") for _ in range(pairs // 5)]
    for n in range(pairs):
        victim, real = victims[n % len(victims)], world.fresh("real")
        first, last = dice.randint(3, 7), dice.randint(4, 7)
        fake = real[: 2 + first] + world.fresh("fake")[2 + first : -last] + real[-last:]
        units, time = dice.randint(10**6, 10**12), at + dice.randrange(10 * DAY)
        payer, payee = dice.sample((victim, real), 2)
        world.pay(time, payer, payee, units, keys[0])
        later = time + dice.randint(12, DAY)
        if dice.random() < 0.5:
            world.pay(later, fake, victim, dice.randint(1, (units - 1) // 100), keys[0])
        else:
            payer, payee = dice.sample((victim, fake), 2)
            world.pay(later, payer, payee, units, dice.choice(keys[1:]))
        poisoned[victim, fake] = real
    busy = [world.fresh("busy") for _ in range(5)]
    for place in busy:
        for n in range(2000):
            world.pay(at + n, place, world.fresh(), 10**9, dice.choice((NATIVE, keys[0])))
            world.pay(at + 2000 + n, world.fresh(), place, 1, dice.choice((NATIVE, *keys)))
    ledger = world.ledger()
    seen = lookalikes(ledger, ids(ledger, [*victims, *busy]))
    right = {(a.place, a.lookalike) for a in seen if poisoned.get((a.place, a.lookalike)) == a.imitated}
    innocent = len(busy) * 2000 * 2000
    return AccuracyRow("address poisoning", METHOD, "10,000 made-up pairs among 20,000,000 innocent ones",
                       pairs + innocent, pairs, len(right), len(seen) - len(right), innocent,
                       f"half tiny, half fake tokens in {len(symbols) - 1} disguises")  # fmt: skip


def reuse(seed: int, *, sharing: bool) -> AccuracyRow:
    """Pairs of addresses of one owner, among the addresses of 1,000 customers of one exchange."""
    world, truth = World(Random(seed)), dict[str, int]()
    hot, shared = world.fresh("hot"), world.fresh("shared") if sharing else ""
    deposits = {customer(world, hot, owner, truth, shared) for owner in range(1000)}
    ledger = world.ledger()
    made = deposit_reuse(ledger, ids(ledger, [hot]))
    text = {place: ledger.address_text(place) for cluster in made.clusters for place in cluster}
    groups = [[truth[text[p]] for p in cluster if text[p] in truth] for cluster in made.clusters]
    joined = sum(len(g) * (len(g) - 1) // 2 for g in groups)
    right = sum(n * (n - 1) // 2 for g in groups for n in Counter(g).values())
    owned = sum(n * (n - 1) // 2 for n in Counter(truth.values()).values())
    everything = len(truth) * (len(truth) - 1) // 2
    payers = {r[1] for r in world.rows if r[2] in deposits}
    could = sum(n * (n - 1) // 2 for n in Counter(o for a, o in truth.items() if a in payers).values())
    note = f"{could:,} of the pairs paid in at all; missed among these: swept days later or in parts"
    if sharing:
        note = f"false: all met at the one deposit address that a tenth of the customers share; {note}"
    return AccuracyRow(REUSE.pattern, REUSE.id, f"pairs of {len(truth):,} addresses of 1,000 made-up customers",
                       everything, owned, right, joined - right, everything - owned, note)  # fmt: skip


def rows(seed: int = 1) -> list[AccuracyRow]:
    """Every row, in the order in which they are printed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "harmony").mkdir()
        real = [*ronin(folder), *harmony(folder / "harmony"), *incident(folder)]
    return [*real, *planted(seed), *cadence(seed), reuse(seed, sharing=False), reuse(seed, sharing=True),
            poisoning(seed)]  # fmt: skip


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seed", type=int, default=1, help="of what is made up")
    print_rows(rows(words.parse_args().seed))


if __name__ == "__main__":
    main()
