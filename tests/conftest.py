"""House rules for the suite: in CI a skipped test is a failure; groups by name. The chain that several files share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from dyepack.cli import show
from tests.anvil import Anvil, anvil
from tests.incident import ACCOUNTS, GENESIS, Incident, play


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if os.environ.get("CI") and report.outcome == "skipped" and not hasattr(report, "wasxfail"):  # type: ignore[attr-defined]
        report.outcome = "failed"  # type: ignore[attr-defined]
        report.longrepr = f"skipped in CI: {item.nodeid}"  # type: ignore[attr-defined]
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of a module test_live_* is in the group `live`."""
    for item in items:
        if item.path.name.startswith("test_live_"):
            item.add_marker("live")


@pytest.fixture(autouse=True)
def _heard() -> None:
    """What a test said of --quiet holds for that test alone."""
    show.quiet(on=False)


@pytest.fixture(scope="session")
def node() -> Iterator[Anvil]:
    """The node of the scripted incident, played once for each worker: nobody may change its chain."""
    with anvil(GENESIS, ACCOUNTS) as running:
        yield running


@pytest.fixture(scope="session")
def incident(node: Anvil) -> Incident:
    return play(node)
