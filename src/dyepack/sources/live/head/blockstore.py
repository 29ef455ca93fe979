"""The blocks that a follower delivered, with their moves, in one SQLite file.

Invariant: the blocks are one chain without holes, each naming its parent's hash, and stand after event `applied`: an
event changes the file whole or not at all, and once. So after any events the content is that of a fresh rebuild of the
chain they led to; `state_hash` compares two.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Self

from dyepack.errors import LedgerError
from dyepack.sources.blocks import BlockRef
from dyepack.sources.live.head.events import FollowedBlock, decode_transactions, encode_transactions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from dyepack.sources.live.head.events import Event

_FORMAT = 1
_BUSY_SECONDS = 5.0
_TABLES = """
CREATE TABLE block (
    number INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, parent TEXT NOT NULL, time INTEGER NOT NULL,
    transactions BLOB NOT NULL
) STRICT;
CREATE TABLE mark (applied INTEGER NOT NULL, start INTEGER) STRICT;
INSERT INTO mark VALUES (0, NULL);
"""
_REF = "SELECT number, hash, parent, time FROM block "


class BlockStore:
    """Blocks and moves as the events left them. One writer (the follower's lock sees to it), any number of readers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        except (OSError, sqlite3.Error) as fault:
            raise LedgerError(f"{path} cannot be opened ({fault})", remedy="choose another place") from fault
        try:
            with self._readable():
                self._prepare()
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        self._db.close()

    @property
    def applied(self) -> int:
        """The number of the last event that changed the blocks; 0 before the first."""
        with self._readable():
            return int(self._db.execute("SELECT applied FROM mark").fetchone()[0])

    @property
    def start(self) -> int | None:
        """The number of the first block ever committed: no event changes it again."""
        with self._readable():
            found = self._db.execute("SELECT start FROM mark").fetchone()[0]
        return None if found is None else int(found)

    def tip(self) -> BlockRef | None:
        """The newest block."""
        return self._one(_REF + "ORDER BY number DESC LIMIT 1")

    def at(self, number: int) -> BlockRef | None:
        """The block of a number."""
        return self._one(_REF + "WHERE number = ?", number)

    def above(self, number: int) -> tuple[BlockRef, ...]:
        """The blocks with higher numbers, newest first."""
        with self._readable():
            rows = self._db.execute(_REF + "WHERE number > ? ORDER BY number DESC", (number,)).fetchall()
        return tuple(BlockRef(*row) for row in rows)

    def blocks(self) -> Iterator[FollowedBlock]:
        """Every block with its moves, oldest first."""
        with self._readable(), closing(self._db.cursor()) as cursor:
            for *ref, raw in cursor.execute(
                "SELECT number, hash, parent, time, transactions FROM block ORDER BY number"
            ):
                block = BlockRef(*ref)
                yield FollowedBlock(block, decode_transactions(raw, block))

    def state_hash(self) -> str:
        """SHA-256 over all blocks and moves, whatever events led to them."""
        state = hashlib.sha256()
        with self._readable(), closing(self._db.cursor()) as cursor:
            for number, name, parent, time, raw in cursor.execute("SELECT * FROM block ORDER BY number"):
                state.update(f"{number} {name} {parent} {time} {len(raw)}\n".encode())
                state.update(raw)
        return state.hexdigest()

    def apply(self, event: Event) -> bool:
        """Change the blocks as an event says; False if that was done before. LedgerError if it does not fit them."""
        with self._readable(), self._changing():
            applied = int(self._db.execute("SELECT applied FROM mark").fetchone()[0])
            if event.number <= applied:
                return False
            if event.number != applied + 1:
                raise self._misfit(event, f"the last one applied is event {applied}")
            for block in event.reverted:
                self._revert(event, block)
            for committed in event.committed:
                self._commit(event, committed)
            self._db.execute("UPDATE mark SET applied = ?", (event.number,))
            if event.committed:
                number = event.committed[0].ref.number
                self._db.execute("UPDATE mark SET start = ? WHERE start IS NULL", (number,))
            return True

    def _revert(self, event: Event, block: BlockRef) -> None:
        tip = self.tip()
        if tip != block:
            raise self._misfit(event, f"it reverts block {block.number}, which is not the newest")
        self._db.execute("DELETE FROM block WHERE number = ?", (block.number,))

    def _commit(self, event: Event, block: FollowedBlock) -> None:
        tip, ref = self.tip(), block.ref
        if tip is not None and (ref.number, ref.parent) != (tip.number + 1, tip.hash):
            raise self._misfit(event, f"its block {ref.number} does not follow block {tip.number}")
        if tip is None and self.start not in {None, ref.number}:
            raise self._misfit(event, f"its block {ref.number} is not the first one, {self.start}")
        self._db.execute(
            "INSERT INTO block VALUES (?, ?, ?, ?, ?)",
            (ref.number, ref.hash, ref.parent, ref.time, encode_transactions(block.transactions)),
        )

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and not self._db.execute("SELECT 1 FROM sqlite_master").fetchone():
            self._db.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {_FORMAT}; COMMIT;")
        elif version != _FORMAT:
            raise LedgerError(
                f"{self.path} is no store of blocks that this dyepack reads", remedy="choose another place"
            )

    def _one(self, query: str, *values: int) -> BlockRef | None:
        with self._readable():
            row = self._db.execute(query, values).fetchone()
        return None if row is None else BlockRef(*row)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One transaction: kept whole, or undone."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """LedgerError if the file is damaged, locked for long, or the disk is full."""
        try:
            yield
        except (sqlite3.Error, ValueError) as fault:
            remedy = "make room on the disk; else remove the file: the log of events builds it again"
            raise LedgerError(f"{self.path} cannot be used ({fault})", remedy=remedy) from fault

    def _misfit(self, event: Event, why: str) -> LedgerError:
        remedy = "remove the store of blocks: the log of events builds it again"
        return LedgerError(f"{self.path}: event {event.number} does not fit ({why})", remedy=remedy)
