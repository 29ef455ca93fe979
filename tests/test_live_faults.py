"""The scripted theft traced through a server that spoils answers: the truth, or a fault that is told, never a gap.

Each row is a fault and what has to come of it: `same` the whole truth; `told` an error, or a statement that says that
it is not complete. Invariant of all rows: a trace that leaves with 0 and calls itself complete is the truth.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.anvil import Anvil
from tests.faulty import Fault, faulty
from tests.incident import Incident
from tests.live_case import totals, trace

pytestmark = [pytest.mark.node, pytest.mark.slow, pytest.mark.xdist_group("anvil")]

LOGS, TRACES = frozenset({"eth_getLogs"}), frozenset({"trace_filter"})
RECEIPTS = frozenset({"eth_getTransactionReceipt", "eth_getBlockReceipts"})
SAME, TOLD = "same", "told"

FAULTS: dict[str, tuple[str, tuple[Fault, ...]]] = {
    "429, with Retry-After and without": (SAME, (Fault("storm", most=2), Fault("busy", times=2, most=4))),
    "500, 502 with a page, 503": (SAME, (Fault("error", most=3), Fault("gateway", most=2), Fault("down", most=2))),
    "slow bodies": (SAME, (Fault("slow", seconds=0.2, most=2), Fault("drip", seconds=0.4, most=2))),
    "half JSON, a broken connection, no body": (
        SAME,
        (Fault("half", most=2), Fault("cut", most=2), Fault("empty", most=2)),
    ),
    "200 with a page of HTML": (TOLD, (Fault("page", most=4),)),
    "wrong content type": (TOLD, (Fault("mistyped", most=4),)),
    "a redirect to the metadata service": (TOLD, (Fault("redirect", target="http://169.254.169.254/latest/"),)),
    "a node behind, at first": (SAME, (Fault("lagging", count=20, most=30),)),
    "a node behind, for good": (SAME, (Fault("lagging", count=20, times=None),)),
    "a node that falls behind later": (TOLD, (Fault("lagging", count=20, only=LOGS | TRACES | RECEIPTS),)),
    "logs: none": (TOLD, (Fault("no logs", times=None),)),
    "logs: none at first": (TOLD, (Fault("no logs"),)),
    "logs: one lost from the lists": (TOLD, (Fault("lost log", times=None, only=LOGS),)),
    "logs: one lost from receipts": (TOLD, (Fault("lost log", times=None, only=RECEIPTS),)),
    "logs: one too many": (TOLD, (Fault("phony log", times=None),)),
    "a silent cap": (
        SAME,
        (Fault("cap", times=None, count=5, only=TRACES | LOGS),),
    ),
    "ranges of logs refused": (SAME, (Fault("too many", times=None, count=16),)),
    "every row twice": (SAME, (Fault("doubled", times=None),)),
    "traces: the last row lost": (SAME, (Fault("lost trace", times=None, only=TRACES),)),
    "traces: the page before again": (SAME, (Fault("same page", times=None, only=TRACES),)),
    "no trace_filter, no receipts by block": (
        SAME,
        (Fault("refused", times=None, only=TRACES | {"eth_getBlockReceipts"}),),
    ),
    "no traces at all": (
        TOLD,
        (Fault("refused", times=None, only=TRACES | {"trace_transaction", "trace_block", "debug_traceTransaction"}),),
    ),
    "hashes of another block": (TOLD, (Fault("other block", times=None, only=RECEIPTS),)),
    "batch: two answers with one id": (TOLD, (Fault("same id", most=3),)),
    "batch: a wrong id": (TOLD, (Fault("wrong id", most=3),)),
    "batch: an answer missing": (TOLD, (Fault("lost answer", most=3),)),
    "batch: in another order": (SAME, (Fault("shuffled", times=None),)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_leaves_the_truth_or_is_told(node: Anvil, incident: Incident, tmp_path: Path, name: str) -> None:
    wanted, faults = FAULTS[name]
    with faulty(node.url, *faults) as proxy:
        traced = trace(f"evm+{proxy.url}", incident, tmp_path)
        assert set(proxy.spoilt) == {fault.name for fault in faults}, "the fault did not happen"
        assert proxy.requests < 2_000, "no storm of its own"
    written = (traced.case / "statement.json").is_file()
    same = written and traced.totals("fifo") == totals(incident.truth("fifo", traced.head()))
    told = traced.code != 0 and not (written and traced.complete())
    assert same or told, f"a silent gap: code {traced.code}"
    if wanted == SAME:
        assert same
        assert traced.code == 0
    else:
        assert told
