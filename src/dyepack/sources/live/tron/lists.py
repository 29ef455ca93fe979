"""The lists of an account's transactions that TronGrid keeps, page by page, pinned to a stretch of time.

A list only says which transactions to look at: what they moved is read from the transactions themselves, so a row too
many costs a request and nothing more. A row of another time or another account is refused all the same.
Invariant: a list is told to its end, or with the reason why it is not.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

from dyepack.errors import quoted
from dyepack.sources.live.errors import Refused
from dyepack.sources.live.tron.addresses import to_base58
from dyepack.sources.live.tron.answers import EventRow, Page, Row, TokenRow, address, bad, decode, digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from dyepack.sources.live.fetch import Fetcher

PAGE: Final = 200
MOST_IN_VAIN: Final = 20_000
"""Rows beyond those that count, after which a list that does not end is given up."""
_TOO_FAR: Final = "Exceeds the maximum limit"
DESTROYED: Final = "DestroyedBlackFunds"
"""The event of a stablecoin whose issuer takes what a blacklisted holder had; no list of transfers shows it."""
_ACCOUNT_TIMES: Final = ("min_timestamp", "max_timestamp")
_TIMES: Final[dict[type, tuple[str, str]]] = {EventRow: ("min_block_timestamp", "max_block_timestamp")}
_Row = TypeVar("_Row", bound="Row | TokenRow | EventRow")


@dataclass(frozen=True, slots=True)
class Span:
    """Milliseconds from `first` to `last`, both included."""

    first: int
    last: int


@dataclass(slots=True)
class Listed:
    """Ids with the time of their block in milliseconds, in no order; `partial` as in History."""

    times: dict[str, int] = field(default_factory=dict)
    partial: str = ""

    def join(self, other: Listed) -> None:
        """Add what another list told."""
        for txid, time in other.times.items():
            if self.times.setdefault(txid, time) != time:
                raise bad("lists", f"transaction {txid} has two times")
        self.partial = self.partial or other.partial


async def native_list(fetcher: Fetcher, account: str, span: Span, most: int) -> Listed:
    """Transactions that an account signed, was paid by, or was touched by inside a contract's run."""
    path = f"v1/accounts/{to_base58(account)}"

    def take(row: Row, where: str) -> str:
        parties = {address(party, where, "from_address") for party in (row.sender, row.receiver) if party}
        if not row.id and account not in parties:
            raise bad(where, f"the step inside {row.parent} is not the account's")
        return row.id or row.parent

    found = await _read(fetcher, path + "/transactions", {}, span, most, Row, take)
    found.join(await _read(fetcher, path + "/internal-transactions", {}, span, most, Row, take, optional=True))
    return found


async def token_list(fetcher: Fetcher, account: str, token: str, span: Span, most: int) -> Listed:
    """Transactions with a transfer of one TRC-20 token from or to an account, or in which its issuer took it away."""

    def take(row: TokenRow, where: str) -> str:
        if account not in {address(row.sender, where, "from"), address(row.receiver, where, "to")}:
            raise bad(where, f"the transfer in {row.id} is not the account's")
        if address(row.token.address, where, "token_info.address") != token:
            raise bad(where, f"the transfer in {row.id} is of another token")
        return row.id

    def take_event(row: EventRow, _: str) -> str:
        return row.id if account[2:].encode() in bytes(row.result).lower() else ""

    path, only = f"v1/accounts/{to_base58(account)}/transactions/trc20", {"contract_address": to_base58(token)}
    found = await _read(fetcher, path, only, span, most, TokenRow, take)
    path, only = f"v1/contracts/{to_base58(token)}/events", {"event_name": DESTROYED}
    found.join(await _read(fetcher, path, only, span, most, EventRow, take_event, optional=True))
    return found


async def _read(
    fetcher: Fetcher,
    path: str,
    query: dict[str, str],
    span: Span,
    most: int,
    form: type[_Row],
    take: Callable[[_Row, str], str],
    *,
    optional: bool = False,
) -> Listed:
    """Read a list to its end; where the server stops serving pages, go on from the last time that was told.

    `take` gives the id of a row's transaction, "" for a row that is not wanted.
    """
    into = Listed()
    fingerprint = ""
    seen: set[bytes] = set()
    latest, read = span.first, 0
    while len(into.times) <= most:
        page = await _page(
            fetcher, path, query | _window(span, fingerprint, _TIMES.get(form, _ACCOUNT_TIMES)), optional=optional
        )
        if page is None:
            if latest <= span.first:
                into.partial = "one block has more rows than the server tells"
                break
            span, fingerprint, seen = Span(latest, span.last), "", set()
            continue
        rows: list[_Row] = decode(page.data, list[form], path)  # type: ignore[valid-type]
        if rows and hashlib.sha256(page.data).digest() in seen:
            raise bad(path, "the same page came twice")
        seen.add(hashlib.sha256(page.data).digest())
        read += len(rows)
        if read > most + MOST_IN_VAIN:
            into.partial = f"more than {most + MOST_IN_VAIN} rows, most of which are of others"
            break
        for row in rows:
            if not span.first <= row.timestamp <= span.last:
                raise bad(path, f"a row of the time {row.timestamp} is outside of what was asked")
            latest = max(latest, row.timestamp)
            if txid := take(row, path):
                into.join(Listed({digest(txid, path, "transaction id"): row.timestamp}))
        if not page.meta.fingerprint:
            break
        if not rows or page.meta.fingerprint == fingerprint:
            raise bad(path, "a page says that more follows, but nothing does")
        fingerprint = page.meta.fingerprint
    return into


async def _page(fetcher: Fetcher, path: str, query: dict[str, str], *, optional: bool) -> Page | None:
    """One page; None where the server says that it lies too deep in the list."""
    try:
        answer = await fetcher.get(path, query, missing_ok=optional)
    except Refused as refusal:
        if _TOO_FAR in str(refusal) and "fingerprint" in query:
            return None
        raise
    if optional and answer.status == HTTPStatus.NOT_FOUND:
        return Page(success=True)
    page = decode(answer.body, Page, path)
    if page.success:
        return page
    if _TOO_FAR in page.error and "fingerprint" in query:
        return None
    raise Refused(f"the server refuses {path}: {quoted(page.error)}", remedy="ask again later, or another server")


def _window(span: Span, fingerprint: str, names: tuple[str, str]) -> dict[str, str]:
    window = {
        "only_confirmed": "true",
        "limit": str(PAGE),
        "order_by": "block_timestamp,asc",
        names[0]: str(span.first),
        names[1]: str(span.last),
    }
    return window | ({"fingerprint": fingerprint} if fingerprint else {})
