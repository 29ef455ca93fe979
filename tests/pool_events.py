"""Small pools for tests: events from plain tuples, and random histories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from dyepack.patterns.pools.history import Deposits, History, Withdrawals, checked
from dyepack.patterns.pools.known import Pool

NOTE = 10**18


def pool(name: str = "pool", units: int = NOTE) -> Pool:
    return Pool(name, "0x" + name.encode().hex().ljust(40, "0"), "native", "ETH", 18, units, "test")


@dataclass(frozen=True)
class In:
    """A deposit: who paid it in may be unknown."""

    block: int
    sender: str = ""
    price: int = -1
    time: int = -1
    rank: int = -1


@dataclass(frozen=True)
class Out:
    """A withdrawal."""

    block: int
    to: str = "x"
    fee: int = 0
    price: int = -1
    sender: str = ""
    time: int = -1
    rank: int = -1


def address(name: str) -> bytes:
    return name.encode().ljust(20, b"\0")


def identity(text: str) -> bytes:
    return text.encode().ljust(32, b"\0")


def rows(texts: list[bytes], width: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(texts), np.uint8).reshape(-1, width)


def whole(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, np.int64)


def deposits(events: list[In], name: str = "pool") -> Deposits:
    return Deposits(
        whole([e.block for e in events]), whole([e.rank for e in events]), whole([e.time for e in events]),
        np.arange(len(events)), rows([identity(f"{name} note {at}") for at in range(len(events))], 32),
        rows([identity(f"{name} in {at}") for at in range(len(events))], 32),
        rows([address(e.sender) for e in events], 20), whole([e.price for e in events]),
    )  # fmt: skip


def withdrawals(events: list[Out], name: str = "pool") -> Withdrawals:
    return Withdrawals(
        whole([e.block for e in events]), whole([e.rank for e in events]), whole([e.time for e in events]),
        rows([identity(f"{name} spent {at:04}") for at in range(len(events))], 32),
        rows([identity(f"{name} out {at}") for at in range(len(events))], 32),
        rows([address(e.to) for e in events], 20), rows([address(e.sender) for e in events], 20),
        rows([address("") for _ in events], 20), tuple(e.fee for e in events), whole([e.price for e in events]),
    )  # fmt: skip


def history(came: list[In], went: list[Out], name: str = "pool", units: int = NOTE) -> History:
    """The events in the order given, which must be the order of the chain for deposits."""
    return checked(pool(name, units), deposits(came, name), withdrawals(went, name), "test")


def tx(text: str) -> str:
    """The hash that stands for an event, as "pool in 0"."""
    return "0x" + identity(text).hex()


@st.composite
def histories(draw: st.DrawFn, *, ranked: bool | None = None) -> History:
    """A sound random history: blocks with several events, few addresses, ranks of all events or of none."""
    known = draw(st.booleans()) if ranked is None else ranked
    came: list[In] = []
    went: list[Out] = []
    names = st.sampled_from(["a", "b", "c", "d"])
    block, rank = draw(st.integers(0, 3)), 0
    for _ in range(draw(st.integers(0, 40))):
        step = draw(st.integers(0, 2))
        block, rank = block + step, 0 if step else rank + 1
        at = rank if known else -1
        if len(came) > len(went) and draw(st.booleans()):
            fee = draw(st.sampled_from([0, 5]))
            went.append(Out(block, draw(names), fee, draw(st.integers(-1, 9)), draw(names), rank=at))
        else:
            came.append(In(block, draw(st.sampled_from(["", "a", "b", "c", "d"])), draw(st.integers(-1, 9)), rank=at))
    return history(came, went)
