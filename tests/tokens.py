"""Tokens that are not what they look like, on a real node: one fixture each, with what a source must make of it.

Every fixture happens to the same holder `who` in blocks of its own. `moves` are those of its token that a source must
show, in order; `true` is what the holder has at the end. Where moves and truth differ, a source must not believe the
moves. Invariant: what is expected is written down from the contract's code, and the balance is checked on the chain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.anvil import ETHER, Anvil
from tests.contracts import call, contract, numbers

HOSTILE = '"><script>alert(1)</script>\x1b[31m\u202e=cmd' + "x" * 3_000
MINT = "mint(address,uint256)"
TRANSFER = "transfer(address,uint256)"
TRANSFER_FROM = "transferFrom(address,address,uint256)"
HUGE = 2**255 + 12_345
NOBODY = "0x" + "00" * 20


@dataclass(slots=True)
class Case:
    """A token and what happened to it: (sender, receiver, units) as a source must show it; `left_out` by reason."""

    name: str
    token: str
    symbol: str
    decimals: int | None
    moves: list[tuple[str, str, int]]
    true: int
    left_out: dict[str, int] = field(default_factory=dict)
    txids: list[str] = field(default_factory=list)
    first: int = 0
    last: int = 0

    def told(self, who: str) -> int:
        """What the moves alone would make of the holder's balance."""
        return sum(units * ((to == who) - (by == who)) for by, to, units in self.moves)


@dataclass(slots=True)
class Scene:
    """The node, the maker of tokens, the holder `who`, the other side, the collector of fees."""

    node: Anvil
    maker: str
    who: str
    other: str
    collector: str
    cases: dict[str, Case] = field(default_factory=dict)

    def create(self, name: str, *arguments: object) -> str:
        token = self.node.deploy(self.maker, contract(name), *arguments)
        self.node.mine()
        return token

    def act(self, case: Case, sender: str, data: str, value: int = 0) -> None:
        """One transaction, alone in its block."""
        case.txids.append(self.node.send(sender, case.token, value, data))
        case.last = self.node.mine()
        case.first = case.first or case.last

    def keep(self, case: Case) -> None:
        """Check against the chain, and keep."""
        for txid in case.txids:
            assert self.node.receipt(txid)["status"] == "0x1", (case.name, txid)
        answer = self.node.call(case.token, call("balanceOf(address)", self.who))
        assert (numbers(answer) or [0])[0] == case.true, (case.name, numbers(answer), case.true)
        self.cases[case.name] = case


def build(node: Anvil) -> Scene:
    """Let every fixture happen."""
    maker, who, other, collector = node.accounts[:4]
    scene = Scene(node, maker, who, other, collector)
    for receiver in (who, other):
        node.send(maker, receiver, 100 * ETHER)
    node.mine()
    for happen in (*_PLAIN, _huge, _fee, _silent_fee, _rebase, _phony, _forged, _destroyed, _nft, _old, *_WRAPPED):
        happen(scene)
    return scene


def _plain(
    name: str, symbol: str | None, decimals: int | None, make: Callable[[Scene], str]
) -> Callable[[Scene], None]:
    """A token that moves as it says; only its description is odd."""

    def happen(s: Scene) -> None:
        token = make(s)
        case = Case(name, token, token if symbol is None else symbol, decimals,
                    [("", s.who, 1_000), (s.who, s.other, 400), (s.other, s.who, 150)], 750)  # fmt: skip
        s.act(case, s.maker, call(MINT, s.who, 1_000))
        s.act(case, s.who, call(TRANSFER, s.other, 400))
        s.act(case, s.other, call(TRANSFER, s.who, 150))
        s.keep(case)

    return happen


_PLAIN = (
    _plain("ordinary", "TOK", 6, lambda s: s.create("Token", "TOK", 6)),
    _plain("symbol in bytes32", "MKR", 18, lambda s: s.create("Bytes32Symbol")),
    _plain("decimals 0", "SHARE", 0, lambda s: s.create("Decimals0")),
    _plain("decimals 255", "BIG", None, lambda s: s.create("Decimals255")),
    _plain("decimals past a byte", "HUGE", None, lambda s: s.create("HugeDecimals")),
    _plain("says nothing of itself", None, None, lambda s: s.create("Silent")),
    _plain("empty symbol", None, 18, lambda s: s.create("HostileSymbol", "")),
    _plain("hostile symbol", HOSTILE, 18, lambda s: s.create("HostileSymbol", HOSTILE)),
)


def _huge(s: Scene) -> None:
    """More units than 128 bits hold."""
    case = Case("past 128 bits", s.create("Coin"), "", None, [("", s.who, HUGE), (s.who, s.other, HUGE - 5)], 5)
    case.symbol = case.token
    s.act(case, s.maker, call(MINT, s.who, HUGE))
    s.act(case, s.who, call(TRANSFER, s.other, HUGE - 5))
    s.keep(case)


def _fee(s: Scene) -> None:
    """A fee on transfer that the events show: the moves are right."""
    token = s.create("FeeToken", "FEE", 18, s.collector)
    case = Case("fee on transfer, shown", token, "FEE", 18, [
        ("", s.who, 10_000), (s.who, s.other, 4_900), (s.who, s.collector, 100),
        (s.other, s.who, 980), (s.other, s.collector, 20),
    ], 5_980)  # fmt: skip
    s.act(case, s.maker, call(MINT, s.who, 10_000))
    s.act(case, s.who, call(TRANSFER, s.other, 5_000))
    s.act(case, s.other, call(TRANSFER, s.who, 1_000))
    s.keep(case)


def _silent_fee(s: Scene) -> None:
    """A fee on transfer that no event shows: the receiver gets less than the event says."""
    token = s.create("SilentFeeToken", "QUIET", 18)
    case = Case("fee on transfer, hidden", token, "QUIET", 18,
                [("", s.other, 10_000), (s.other, s.who, 5_000), (s.who, s.other, 1_000)], 3_900)  # fmt: skip
    s.act(case, s.maker, call(MINT, s.other, 10_000))
    s.act(case, s.other, call(TRANSFER, s.who, 5_000))
    s.act(case, s.who, call(TRANSFER, s.other, 1_000))
    s.keep(case)


def _rebase(s: Scene) -> None:
    """Balances that grow by a tenth between two transactions, without an event."""
    token = s.create("RebaseToken", "GROW", 9)
    case = Case("rebasing", token, "GROW", 9, [("", s.who, 10_000), (s.who, s.other, 1_100)], 9_900)
    s.act(case, s.maker, call(MINT, s.who, 10_000))
    s.act(case, s.maker, call("rebase(uint256)", 11 * 10**17))
    s.act(case, s.who, call(TRANSFER, s.other, 1_100))
    s.keep(case)


def _phony(s: Scene) -> None:
    """Events of a contract in which nobody has anything: a payment to the holder, and one in the holder's name."""
    token = s.create("PhonyToken", "USDT", 6)
    case = Case("phony", token, "USDT", 6, [(s.maker, s.who, 5_000_000), (s.who, s.other, 5_000_000)], 0)
    s.act(case, s.maker, call("say(address[],address[],uint256)", [s.maker, s.who], [s.who, s.other], 5_000_000))
    s.keep(case)


def _forged(s: Scene) -> None:
    """A transfer of nothing in the holder's name, by somebody else, and one that the holder signed."""
    token = s.create("Token", "ZERO", 18)
    case = Case(
        "zero value, forged sender", token, "ZERO", 18, [("", s.who, 7)], 7, {"zero_value": 2, "forged_sender": 1}
    )
    s.act(case, s.maker, call(MINT, s.who, 7))
    s.act(case, s.other, call(TRANSFER_FROM, s.who, s.collector, 0))
    s.act(case, s.who, call(TRANSFER, s.other, 0))
    s.keep(case)


def _destroyed(s: Scene) -> None:
    """A stablecoin: issued without a transfer, and what the holder has is destroyed without one."""
    token = s.create("UsdtLike", "USDT", 6)
    case = Case("destroyed by its issuer", token, "USDT", 6, [(s.maker, s.who, 500), (s.who, NOBODY, 500)], 0)
    s.act(case, s.maker, call("issue(uint256)", 9_000))
    s.act(case, s.maker, call(TRANSFER, s.who, 500))
    s.act(case, s.maker, call("addBlackList(address)", s.who))
    s.act(case, s.maker, call("destroyBlackFunds(address)", s.who))
    s.keep(case)


def _nft(s: Scene) -> None:
    """Things with a number: the topic of a coin's transfer, and four topics."""
    case = Case("collectible", s.create("Nft"), "ART", None, [], 0, {"nft": 2})
    s.act(case, s.maker, call(MINT, s.who, 42))
    s.act(case, s.who, call(TRANSFER_FROM, s.who, s.other, 42))
    s.cases[case.name] = case


def _old(s: Scene) -> None:
    """Transfers without indexed arguments: not a standard event, so not believed, but counted."""
    case = Case("event without topics", s.create("PlainEventToken"), "OLD", 8, [], 60, {"unusual_transfer": 1})
    s.act(case, s.maker, call(MINT, s.who, 100))
    s.act(case, s.who, call(TRANSFER, s.other, 40))
    s.keep(case)


def _wrapped(name: str, make: str, symbol: str) -> Callable[[Scene], None]:
    """Coins into a token and back, whatever the contract says about it."""

    def happen(s: Scene) -> None:
        token = s.create(make)
        case = Case(name, token, symbol, 18, [("", s.who, 900), (s.who, NOBODY, 250)], 650)
        s.act(case, s.who, call("deposit()"), 900)
        s.act(case, s.who, call("withdraw(uint256)", 250))
        s.keep(case)

    return happen


def _points(s: Scene) -> None:
    """Events called like a wrapper's, without any coin."""
    case = Case("not a wrapper", s.create("Points"), "PTS", 18, [], 0, {"not_a_wrap": 1})
    s.act(case, s.who, call("deposit(uint256)", 5_000))
    s.keep(case)


_WRAPPED = (
    _wrapped("wrapped, no transfer", "WETH9", "WETH"),
    _wrapped("vault, no transfer", "Vault", "VLT"),
    _wrapped("wrapped, said twice", "TwiceWrapped", "TWO"),
    _points,
)
