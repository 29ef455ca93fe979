"""Tags as rows of dyepack's own CSV, which `load` reads back to the very same tags.

Invariant: load(write_csv(tags)) gives the same tags in the same order, for any label. The text is raw: the
file is for dyepack, not for a spreadsheet, where a label such as "=1+1" would be run; labels are shown
through the safe function of each sink.
"""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

from dyepack.tags.addresses.reading import read_address
from dyepack.tags.text import bounded_label, is_foreign_url, storable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dyepack.tags.model import Tag

COLUMNS = ("address", "label", "kind", "confidence", "evidence", "source", "sha256", "date", "label_sha256", "network",
           "actor", "first_seen", "last_seen", "withdrawn", "raw", "flaw")  # fmt: skip


def to_rows(tags: Iterable[Tag]) -> list[dict[str, str]]:
    """One dict per tag with exactly COLUMNS. Raises ValueError for a tag that no loader could have made."""
    rows = []
    for tag in tags:
        if tag.address and read_address(tag.address, tag.network)[:2] != (tag.address, tag.network):
            raise ValueError(f"not a normalised address: {tag.address!a}")
        if not tag.address and not tag.raw:
            raise ValueError("not a normalised address: nothing")
        if bounded_label(tag.label)[0] != tag.label or storable(tag.source) != tag.source or not tag.source:
            raise ValueError(f"label or source is not storable: {tag.address!a}")
        if is_foreign_url(tag.source) or any(storable(text) != text for text in (tag.actor, tag.raw, tag.flaw)):
            raise ValueError(f"source, actor or written form is not storable: {tag.address!a}")
        rows.append({name: str(getattr(tag, name)) for name in COLUMNS})
    return rows


def csv_text(tags: Iterable[Tag]) -> str:
    """The whole CSV: header, every cell quoted, lines ended by LF; the same tags give the same text."""
    out = StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows(to_rows(tags))
    return out.getvalue()


def write_csv(path: Path, tags: Iterable[Tag]) -> None:
    """Write tags to a CSV file (UTF-8). Raises OSError as the file system does."""
    path.write_bytes(csv_text(tags).encode("utf-8"))
