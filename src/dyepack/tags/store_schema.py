"""The tables of a store of tags.

list(id, name)                                   a source, by its name
edition(id, list, sha256, day, file)             one import of it
statement(id, list, first_edition, last_edition, FIELDS...)

Invariant: FIELDS are those of Tag, in its order; `withdrawn` is "" while a statement stands.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING

from dyepack.tags.model import Tag

if TYPE_CHECKING:
    from sqlalchemy import MetaData, Table

VERSION = "1"
APPLICATION = 0x64796570
"""SQLite's application id of a store: "dyep"."""

FIELDS = tuple(field.name for field in fields(Tag))


@cache
def tables() -> tuple[MetaData, Table, Table, Table, Table]:
    """The whole, then meta, list, edition and statement."""
    from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, Text

    data = MetaData()
    meta = Table("meta", data, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
    lists = Table(
        "list", data, Column("id", Integer, primary_key=True), Column("name", Text, nullable=False, unique=True)
    )
    editions = Table(
        "edition", data, Column("id", Integer, primary_key=True),
        Column("list", ForeignKey("list.id"), nullable=False),
        *(Column(name, Text, nullable=False) for name in ("sha256", "day", "file")),
    )  # fmt: skip
    statements = Table(
        "statement", data, Column("id", Integer, primary_key=True),
        Column("list", ForeignKey("list.id"), nullable=False, index=True),
        Column("first_edition", ForeignKey("edition.id"), nullable=False),
        Column("last_edition", ForeignKey("edition.id"), nullable=False),
        *(Column(name, Integer if name == "confidence" else Text, nullable=False, index=name == "address")
          for name in FIELDS),
    )  # fmt: skip
    return data, meta, lists, editions, statements
