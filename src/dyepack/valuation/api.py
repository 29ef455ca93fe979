"""Prices from an HTTP API of CoinGecko's form, with the rules for answers that are not to be trusted.

`GET /coins/{id}/market_chart/range?vs_currency=usd&from=..&to=..` answers `{"prices": [[ms, price], ...]}`; the last
price of each UTC day is that day's. Guard, keys, rate, size cap, one retry layer and evidence are those of live sources
(docs/live.md): a source is written `coingecko+https://api.coingecko.com/api/v3`, keys as `{NAME}`.
Invariant: what is not a plain positive price inside the days asked for is refused, never passed over.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import nullcontext
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from dyepack.errors import UsageError, quoted
from dyepack.sources.live.endpoint import Endpoint
from dyepack.sources.live.errors import BadAnswer
from dyepack.sources.live.evidence import Evidence
from dyepack.sources.live.fetch import Fetcher
from dyepack.valuation.series import Series

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KIND = "coingecko"
_COIN = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")
_LARGEST = Decimal(10) ** 15


class _Chart(msgspec.Struct):
    """What is read of an answer; other fields (volumes, market caps) are not."""

    prices: list[tuple[int, Decimal]]


def fetch_prices(
    source: str, coin: str, currency: str, days: tuple[date, date], *,
    allow: Sequence[str] = (), evidence: Path | None = None, offline: bool = False,
) -> Series:  # fmt: skip
    """The daily prices of `coin` (the API's id) in a currency, from the first to the last day.

    With `evidence`, a folder, the answers are kept there, and with `offline` nothing else is asked. Raises the errors
    of live sources.
    """
    if not _COIN.fullmatch(coin):
        raise UsageError(f"{quoted(coin)} is no coin's id", remedy="write the API's own id, as ethereum")
    endpoint = Endpoint.parse(source, allow)
    if endpoint.kind != KIND:
        raise UsageError(f"no price source is called {quoted(endpoint.kind)}", remedy=f"write {KIND}+https://...")

    async def ask() -> Series:
        kept = Evidence(evidence, write=not offline) if evidence is not None else nullcontext(None)
        with kept as store:
            async with Fetcher(endpoint, store, offline=offline) as fetcher:
                return await _series(fetcher, coin, currency, days)

    return asyncio.run(ask())


async def _series(fetcher: Fetcher, coin: str, currency: str, days: tuple[date, date]) -> Series:
    first, last = (datetime.combine(day, time(), UTC) for day in days)
    end = last + timedelta(days=1)
    query = {"vs_currency": currency.lower(), "from": str(int(first.timestamp())), "to": str(int(end.timestamp()))}
    answer = await fetcher.get(f"/coins/{coin}/market_chart/range", query)
    try:
        chart = msgspec.json.decode(answer.body, type=_Chart)
    except (msgspec.DecodeError, RecursionError, ValueError) as fault:
        raise BadAnswer(
            f"{answer.url} answered no prices ({quoted(str(fault))})", remedy="ask another source"
        ) from None
    prices: dict[date, Decimal] = {}
    latest = int(first.timestamp()) * 1000
    for at, price in chart.prices:
        if not latest <= at < int(end.timestamp()) * 1000 + 1 or not 0 < price < _LARGEST:
            raise BadAnswer(f"{answer.url} answered a price of {price} at {at}, which cannot be",
                            remedy="ask another source")  # fmt: skip
        latest = at
        day = datetime.fromtimestamp(at / 1000, UTC).date()
        if day <= days[1]:
            prices[day] = price
    if not prices:
        raise BadAnswer(f"{answer.url} answered no price", remedy="ask for other days, or another source")
    return Series(currency, answer.url, answer.sha256, prices)
