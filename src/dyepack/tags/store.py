"""Keeps tags of many lists and of their editions: who said what, since when, until when.

SQLite in WAL mode, or PostgreSQL by URL, through SQLAlchemy. A list is known by its name; an edition of it is one
import: its SHA-256 and its day. A statement has the first and the last edition that makes it. What a newer edition no
longer says is withdrawn as of that edition's day, and kept. A statement that gives no day since when it stands is known
since its first edition's day: its `date` is no later than that.

Invariant: an import is one transaction, all or nothing; history is only added to, until a list is removed.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from dyepack.errors import DyepackError, InputError, UsageError, quoted
from dyepack.tags.edition import Change, Edition, Outcome, guard, kept_back, merged
from dyepack.tags.memory import no_collection
from dyepack.tags.model import Tag, TagKind, TagSet, earliest, in_order, today
from dyepack.tags.store_schema import APPLICATION, FIELDS, VERSION, tables
from dyepack.tags.text import is_day

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import Connection, Engine

_BATCH = 20_000
_PLACES = ("one", "two", "three")
"""Most forms that an address can stand under (`keys_of`)."""
_REMEDY = "give a store that `dyepack tags import` made"


class Store:
    """An open store. Use it as a context manager, or call `close`."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine, self.name = engine, name
        self._lookup: tuple[Any, str, Any] | None = None

    @classmethod
    def open(cls, where: str | Path, *, create: bool = False) -> Store:
        """A store by its file or URL; with `create` it is made if it is not there. InputError for what is none."""
        from sqlalchemy import exc

        text = str(where)
        store = cls(_engine(text, create=create), text)
        try:
            with store._faults():
                store._check(create=create)
        except (DyepackError, exc.SQLAlchemyError):
            store.close()
            raise
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file or the server."""
        if self._lookup is not None:
            self._lookup[0].close()
            self._lookup = None
        self._engine.dispose()

    def _check(self, *, create: bool) -> None:
        from sqlalchemy import inspect, select

        data, meta, *_ = tables()
        with self._engine.begin() as connection:
            names = set(inspect(connection).get_table_names())
            if create and not names:
                data.create_all(connection)
                connection.execute(meta.insert().values(name="version", value=VERSION))
                if connection.dialect.name == "sqlite":
                    connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION}")
                return
            if not {table.name for table in data.sorted_tables} <= names:
                raise InputError(self.name, "is a database, but no store of tags", remedy=_REMEDY)
            found = connection.execute(select(meta.c.value).where(meta.c.name == "version")).scalar()
        if found != VERSION:
            problem = f"is a store of version {quoted(str(found))}; this program knows version {VERSION}"
            raise InputError(self.name, problem, remedy="import the lists into a new store")

    def add(self, edition: Edition, tags: TagSet, *, accept_shrink: bool = False) -> Outcome:
        """Take an edition of a list: what is new, what it still says, and what it says no longer.

        Raises UsageError for an edition older than the last one, and for one from which more addresses are gone than
        `edition.guard` lets pass; then nothing is changed.
        """
        from sqlalchemy import insert, select

        _, _, lists, editions, _ = tables()
        with self._faults(), self._engine.begin() as connection:
            number = connection.execute(select(lists.c.id).where(lists.c.name == edition.source)).scalar()
            if number is None:
                made = connection.execute(insert(lists).values(name=edition.source))
                number = _key(made)
            last = connection.execute(
                select(editions.c.day).where(editions.c.list == number).order_by(editions.c.day.desc()).limit(1)
            ).scalar()
            kept_back(edition, last)
            keys, held = self._held(connection, number)
            change = merged(held, tags.every(), edition.day, first=last is None)
            guard(edition, held=held, change=change, accept=accept_shrink)
            made = connection.execute(
                insert(editions).values(list=number, sha256=edition.sha256, day=edition.day, file=edition.file)
            )
            self._write(connection, (number, _key(made)), change, keys)
        gone = len(change.withdrawn) + len(change.gone)
        return Outcome(len(change.added), gone, len(change.same), last or "")

    def _held(self, connection: Connection, number: int) -> tuple[list[int], list[Tag]]:
        """The row numbers of a list's statements, and the statements."""
        from sqlalchemy import select

        statements = tables()[4]
        wanted = select(statements.c.id, *(statements.c[name] for name in FIELDS)).where(statements.c.list == number)
        rows = connection.execute(wanted.order_by(statements.c.id)).all()
        return [row[0] for row in rows], [self._tag(row[1:]) for row in rows]

    def _write(self, connection: Connection, where: tuple[int, int], change: Change, keys: list[int]) -> None:
        from sqlalchemy import bindparam, insert, update

        statements = tables()[4]
        number, edition = where
        rows = [
            {name: getattr(tag, name) for name in FIELDS}
            | {"kind": tag.kind.value, "list": number, "first_edition": edition, "last_edition": edition}
            for tag in change.added
        ]
        for at in range(0, len(rows), _BATCH):
            connection.execute(insert(statements), rows[at : at + _BATCH])
        key: Any = bindparam("key")
        gone = [{"key": keys[at], "day": day} for at, day in [*change.withdrawn, *change.gone]]
        same = [{"key": keys[at], "now": edition} | {f"new_{n}": v for n, v in new.items()} for at, new in change.same]
        if gone:
            connection.execute(
                update(statements).where(statements.c.id == key).values(withdrawn=bindparam("day")), gone
            )
        if same:
            names = ("last_seen", "date", "sha256", "flaw")
            changes: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names} | {
                "last_edition": bindparam("now")
            }
            connection.execute(update(statements).where(statements.c.id == key).values(changes), same)

    def remove(self, source: str) -> int:
        """Remove a list with all its editions and statements, and say how many statements. UsageError if unknown."""
        from sqlalchemy import delete, select

        _, _, lists, editions, statements = tables()
        with self._faults(), self._engine.begin() as connection:
            number = connection.execute(select(lists.c.id).where(lists.c.name == source)).scalar()
            if number is None:
                names = connection.execute(select(lists.c.name).order_by(lists.c.name)).scalars().all()
                known = ", ".join(quoted(name) for name in names[:20]) or "none"
                raise UsageError(f"the store holds no list {quoted(source)}", remedy=f"its lists: {known}")
            gone = connection.execute(delete(statements).where(statements.c.list == number)).rowcount
            connection.execute(delete(editions).where(editions.c.list == number))
            connection.execute(delete(lists).where(lists.c.id == number))
        return int(gone)

    def editions(self) -> list[Edition]:
        """Every edition of every list, lists in the order they came, the oldest edition first."""
        from sqlalchemy import select

        _, _, lists, editions, _ = tables()
        wanted = select(lists.c.name, editions.c.day, editions.c.sha256, editions.c.file)
        wanted = wanted.join(editions, editions.c.list == lists.c.id).order_by(lists.c.id, editions.c.id)
        with self._faults(), self._engine.connect() as connection:
            return [Edition(*row) for row in connection.execute(wanted)]

    def load(self, source: str = "") -> TagSet:
        """All statements (of one list), withdrawn ones too, in the order they came."""
        from sqlalchemy import select

        _, _, lists, editions, statements = tables()
        wanted = select(*(statements.c[name] for name in FIELDS), editions.c.day).order_by(statements.c.id)
        wanted = wanted.join(editions, editions.c.id == statements.c.first_edition)
        if source:
            wanted = wanted.join(lists, lists.c.id == statements.c.list).where(lists.c.name == source)
        tags = TagSet()
        with self._faults(), self._engine.connect() as connection, no_collection():
            tags.add(map(self._known, connection.execution_options(stream_results=True).execute(wanted)))
        return tags

    def find(self, written: str, network: str = "") -> list[Tag]:
        """All statements about an address in any form it may be written in, as `TagSet.find` gives them."""
        from dyepack.tags.addresses.reading import keys_of

        keys = keys_of(written, network)
        if not keys:
            return []
        counts = {key.address: key.networks for key in keys}
        found: list[Tag] = []
        for row in self._rows_of(list(counts)):
            networks = counts[row[0]]
            tag = self._known(row)
            if networks is None or tag.network in networks:
                found.append(tag)
        return in_order(found, today()) if len(found) > 1 else found

    def _rows_of(self, addresses: list[str]) -> Sequence[Any]:
        """The rows of one to three addresses: one connection and one compiled query for all look-ups."""
        if self._lookup is None:
            from sqlalchemy import bindparam, select

            editions, statements = tables()[3:]
            places: list[Any] = [bindparam(name) for name in _PLACES]
            wanted = select(*(statements.c[name] for name in FIELDS), editions.c.day)
            wanted = wanted.join(editions, editions.c.id == statements.c.first_edition)
            wanted = wanted.where(statements.c.address.in_(places))
            compiled = wanted.order_by(statements.c.id).compile(dialect=self._engine.dialect)
            with self._faults():
                raw = self._engine.raw_connection()
            self._lookup = raw, str(compiled), raw.cursor()
        _, query, cursor = self._lookup
        asked = addresses + addresses[:1] * (len(_PLACES) - len(addresses))
        try:
            cursor.execute(query, asked if "%(" not in query else dict(zip(_PLACES, asked, strict=True)))
            rows: Sequence[Any] = cursor.fetchall()
        except Exception as fault:
            with self._faults():
                raise fault from None
        return rows

    def _known(self, row: Sequence[Any]) -> Tag:
        """The statement of a row that ends with the day of its first edition."""
        *told, day = row
        if not told[_FIRST_SEEN] and None not in told:
            told[_DATE] = earliest(told[_DATE], day)
        return self._tag(told)

    def _tag(self, row: Sequence[Any]) -> Tag:
        try:
            kind = _KINDS[row[2]]
        except KeyError:
            raise InputError(
                self.name, f"holds the kind {quoted(str(row[2]))}, which is none", remedy=_REMEDY
            ) from None
        if not _is_sound(row):
            raise InputError(self.name, f"holds a damaged statement about {quoted(str(row[0]))}", remedy=_REMEDY)
        return Tag(row[0], row[1], kind, *row[3:])

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """What a database says of itself, as an InputError."""
        from sqlalchemy import exc

        driver = getattr(self._engine.dialect, "loaded_dbapi", None)
        try:
            yield
        except (exc.SQLAlchemyError, getattr(driver, "Error", exc.SQLAlchemyError)) as fault:
            told = str(getattr(fault, "orig", None) or fault).split("\n", 1)[0]
            problem = f"cannot be used as a store: {quoted(told)}"
            raise InputError(self.name, problem, remedy="check the place, its rights and its space") from None


_KINDS = {kind.value: kind for kind in TagKind}
_DATE, _FIRST_SEEN = FIELDS.index("date"), FIELDS.index("first_seen")
_CONFIDENCE = FIELDS.index("confidence")
_DAYS = [FIELDS.index(name) for name in ("date", "first_seen", "last_seen", "withdrawn")]


def _is_sound(row: Sequence[Any]) -> bool:
    """Whether a row of a statement is what an import writes: texts, a confidence, and days that exist."""
    confidence = row[_CONFIDENCE]
    return (
        confidence.__class__ is int
        and 0 <= confidence <= 100
        and sum(value.__class__ is str for value in row) == len(FIELDS) - 1
        and all(is_day(row[at]) for at in _DAYS if row[at])
    )


def load_store(path: Path) -> TagSet:
    """All statements of a store in a file."""
    with Store.open(path) as store:
        return store.load()


def _key(made: Any) -> int:
    return int(made.inserted_primary_key[0])


def _engine(where: str, *, create: bool) -> Engine:
    from sqlalchemy import create_engine, event, exc

    if "://" in where:
        try:
            return create_engine(where)
        except (exc.ArgumentError, ImportError) as fault:
            problem = f"the store's URL cannot be used: {fault}"
            remedy = "give a file, or a URL such as postgresql+psycopg://user@host/database, with its driver installed"
            raise UsageError(problem, remedy=remedy) from None
    path = Path(where)
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(path, "is no place for a store: a folder, or in none", remedy="choose another place")
    if not create and not path.is_file():
        raise InputError(path, "does not exist", remedy="check the path, or make it by `dyepack tags import`")
    engine = create_engine("sqlite+pysqlite://", creator=lambda: _connect(path, create=create))

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if create else "BEGIN")

    return engine


def _connect(path: Path, *, create: bool) -> Any:
    """A connection that runs no code of a foreign schema, waits for others, and is on disk when it says so."""
    import sqlite3

    made = sqlite3.connect(f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}", uri=True, timeout=30,
                           isolation_level=None, check_same_thread=False)  # fmt: skip
    try:
        made.execute("PRAGMA trusted_schema=OFF").close()
        _check_owner(made, path, create=create)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            made.execute(f"PRAGMA {pragma}").close()
    except (sqlite3.Error, InputError):
        made.close()
        raise
    return made


def _check_owner(made: Any, path: Path, *, create: bool) -> None:
    """InputError, before anything is touched, for a database of another program."""
    (application,) = made.execute("PRAGMA application_id").fetchone()
    (things,) = made.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and (things or not create):
        raise InputError(path, "is a database, but no store of tags", remedy=_REMEDY)
    (programs,) = made.execute("SELECT count(*) FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchone()
    if programs:
        problem = "holds triggers or views, which no store has: they change what is written to it"
        raise InputError(path, problem, remedy=_REMEDY)
