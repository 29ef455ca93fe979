"""A statement made by hand: two assets, three legs, a peel chain of 15 hops, mixer, bridge, gap."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dyepack.money import Asset
from dyepack.tracing.statement import Balance, Flow, Source, Statement, Terminal, Unexplained

ETH = 10**18
USDC = 10**6
TOKEN = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
RULES = ["fifo", "lifo-a", "haircut", "taint-first"]
ALL = [*RULES, "dirty-first", "poison"]


def address(number: int) -> str:
    return "0x" + f"{number * 0x9E3779B97F4A7C15F39CC0605CEDC8341082276BF3A27251:040x}"[-40:]


def tag(source: str = "ofac-sdn 2025-03-01", confidence: int = 90, evidence: str = "E3") -> dict[str, Any]:
    return {
        "source": source,
        "confidence": confidence,
        "evidence": evidence,
        "date": "2025-03-01",
        "label": "x",
    }


class Maker:
    """Collects flows and terminals that belong together, and sums them into balances."""

    def __init__(self) -> None:
        self.flows: list[Flow] = []
        self.terminals: list[Terminal] = []

    def move(self, source: str, target: str, amount: int, hop: int, asset: str = "native", moves: int = 1) -> None:
        self.flows.append(Flow(source, target, asset, amount, moves, hop))

    def stop(
        self,
        source: str,
        place: str,
        stop: str,
        amount: int,
        hop: int,
        *,
        entity: str = "",
        asset: str = "native",
        leg: int = 0,
        spread: int = 0,
        moves: int = 1,
        named: dict[str, Any] | None = None,
    ) -> None:
        """One terminal; `spread` says how far the other rules differ (the fee line takes it up again)."""
        self.move(source, f"{stop}:{place}", amount, hop, asset, moves)
        other = {
            "fifo": amount,
            "lifo-a": amount - spread,
            "haircut": amount - spread // 2,
            "taint-first": amount,
        }
        other |= {"dirty-first": max(amount - 2 * spread, 0), "poison": amount * 9}
        txids = [f"0x{hash_of(place, i)}" for i in range(moves)]
        first, last = "2025-02-21T15:16:11+00:00", f"2025-03-{1 + hop % 28:02d}T09:01:35+00:00"
        who = named if named is not None else (tag() if entity else None)
        times = (first, last) if place else ("", "")
        hops = (hop, hop + (moves > 3)) if place else None
        line = Terminal(place, entity, stop, asset, other, {leg: amount}, moves, *times, txids, hops, who)
        self.terminals.append(line)


def hash_of(place: str, number: int) -> str:
    return f"{(sum(map(ord, place)) + 7 * number + 1) * 0xC2B2AE3D27D4EB4F165667B19E3779F9:064x}"[-64:]


def sample(label: str = "Exchange A", symbol: str = "USDC") -> tuple[Statement, list[Flow]]:
    make = Maker()
    _peel_chain(make, label)
    _fan(make, label)
    _tokens(make)
    _level(make)
    assets = {"native": Asset("native", "ETH", 18), TOKEN: Asset(TOKEN, symbol, 6)}
    sources = [
        Source(0, "hot wallet", "native", 1000 * ETH, 1, "E1: transaction 0x46deef0f…"),
        Source(1, "cold wallet", "native", 400 * ETH, 2, "E1"),
        Source(2, "token vault", TOKEN, 2_500_000 * USDC, 1, "E2: the exchange's report of 2025-02-22"),
    ]
    statement = Statement(
        theft="exchange-2025",
        title="Hot wallet theft at an exchange, 21 February 2025",
        chain="ethereum",
        ledger="sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        direction="forward",
        rule="fifo",
        interval_rules=RULES,
        assets=assets,
        sources=sources,
        terminals=make.terminals,
        unexplained=[Unexplained("native", 3, 12 * ETH + 5, 2)],
        balances=_balances(sources, make.terminals),
        parameters={"max_hops": 20, "cut_off": {"native": "1000000000000000"}, "stop_at": [address(77)]},
        notes=["The ledger holds blocks 21,895,000 to 22,020,000.", f"Token transfers of {label} were read."],
    )
    return statement, make.flows


def _peel_chain(make: Maker, label: str) -> None:
    left = 1000 * ETH
    make.move("leg:0", address(1), left, 1)
    for hop in range(1, 16):
        here, peel = address(hop), 20 * ETH + hop * 10**15 + 7
        fee = 21000 * 10**9 * hop
        make.move(here, "fee:", fee, hop)
        target = address(100 + hop)
        if hop % 3 == 0:
            make.stop(here, target, "service", peel, hop + 1, entity=label, spread=10**17, moves=hop)
        elif hop % 3 == 1:
            make.stop(
                here,
                address(900 + hop % 2),
                "service",
                peel,
                hop + 1,
                entity="Exchange B",
                named=tag("tagpack/exchanges.yaml", 70, "E5"),
            )
        else:
            make.move(here, target, peel, hop + 1)
            make.stop(target, target, "held", peel, hop + 1)
        left -= peel + fee
        if hop < 15:
            make.move(here, address(hop + 1), left, hop + 1)
    make.move(address(15), address(3), 5 * ETH, 4)
    make.stop(address(3), address(700), "gap", 5 * ETH, 5)
    make.stop(address(15), address(15), "held", left - 5 * ETH, 15, spread=3 * ETH)


def _fan(make: Maker, label: str) -> None:
    make.move("leg:1", address(300), 400 * ETH, 1, moves=2)
    for number in range(40):
        hop, part = 2, (4 + number % 5) * ETH
        make.move(address(300), address(310 + number), part, hop, moves=3)
        stop, entity = [
            ("service", label),
            ("mixer", "Tornado Cash"),
            ("bridge", "THORChain"),
            ("held", ""),
            ("hub", ""),
        ][number % 5]
        place = address(310 + number) if stop == "held" else address(500 + number % 9)
        make.stop(
            address(310 + number),
            place,
            stop,
            part,
            3,
            entity=entity,
            leg=1,
            spread=part // 3,
            moves=1 + number % 4,
        )
    sent = sum((4 + n % 5) * ETH for n in range(40))
    make.move(address(300), address(12), 100 * ETH, 2)
    make.stop(address(12), address(778), "chosen", 100 * ETH, 13, leg=1)
    make.stop(address(300), address(300), "held", 400 * ETH - sent - 100 * ETH, 1, leg=1)


def _tokens(make: Maker) -> None:
    make.move("leg:2", address(400), 2_500_000 * USDC, 1, TOKEN)
    make.move(address(400), address(401), 2_000_000 * USDC, 2, TOKEN)
    make.stop(
        address(401),
        address(402),
        "swap",
        1_250_000 * USDC,
        3,
        asset=TOKEN,
        leg=2,
        entity="Uniswap v3 pool",
        spread=10**9,
    )
    make.stop(address(401), address(403), "service", 750_000 * USDC, 3, asset=TOKEN, leg=2, entity="Exchange B")
    make.stop(address(400), address(400), "held", 499_999_500_001, 1, asset=TOKEN, leg=2)
    make.stop(address(400), "0x" + "0" * 36 + "dead", "burn", 499_999, 2, asset=TOKEN, leg=2)


def _level(make: Maker) -> None:
    """Join terminals of one place, and let the fee line carry what every other rule moves elsewhere."""
    joined: dict[tuple[str, str, str], Terminal] = {}
    for t in make.terminals:
        key = (t.place, t.stop, t.asset)
        old = joined.get(key)
        if old is None:
            joined[key] = t
            continue
        legs = {leg: old.by_leg.get(leg, 0) + t.by_leg.get(leg, 0) for leg in old.by_leg | t.by_leg}
        amounts = {rule: old.amounts[rule] + t.amounts[rule] for rule in ALL}
        joined[key] = replace(old, amounts=amounts, by_leg=legs, moves=old.moves + t.moves, txids=old.txids + t.txids)
    make.terminals = list(joined.values())
    fees = sum(f.amount for f in make.flows if f.target == "fee:")
    amounts = dict.fromkeys(ALL, fees) | {"poison": fees * 4}
    make.terminals.append(Terminal("", "", "fee", "native", amounts, {0: fees}, 15, "", "", [], None, None))
    for asset, held in (("native", address(99)), (TOKEN, address(98))):
        whole = sum(t.amount("fifo") for t in make.terminals if t.asset == asset)
        rest = {r: whole - sum(t.amount(r) for t in make.terminals if t.asset == asset) for r in ALL}
        rest["poison"] = 3 * whole
        stop = "held"
        make.terminals.append(Terminal(held, "", stop, asset, rest, {}, 0, "", "", [], None, None))
    dusted = dict.fromkeys(ALL, 0) | {"poison": 88 * ETH}
    make.terminals.append(Terminal(address(97), "", "held", "native", dusted, {}, 0, "", "", [], None, None))


def _balances(sources: list[Source], terminals: list[Terminal]) -> list[Balance]:
    found = []
    for rule in (*RULES, "dirty-first"):
        for source in sources:
            parts: dict[str, int] = {}
            for t in terminals:
                mine = t.by_leg.get(source.leg, 0)
                if t.asset == source.asset and mine:
                    parts[t.stop] = parts.get(t.stop, 0) + mine
            found.append(Balance(rule, source.leg, source.asset, source.amount, 0, 0, parts))
    return found


def test_the_sample_balances() -> None:
    statement, flows = sample()
    assert all(b.holds for b in statement.balances)
    for asset in statement.assets:
        reached = sum(f.amount for f in flows if f.asset == asset and f.target.split(":")[0] != f.target)
        assert reached == statement.total(asset)
    for rule in (*RULES, "dirty-first"):
        assert sum(t.amount(rule) for t in statement.terminals if t.asset == "native") == statement.total("native")
