"""Tags as rows of dyepack's own CSV, which `load` reads back to the very same tags.

Invariant: load(write_csv(tags)) gives the same tags in the same order, for any label. The text is raw: the
file is for dyepack, not for a spreadsheet, where a label such as "=1+1" would be run; labels are shown
through the safe function of each sink.
"""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

from dyepack.tags.text import bounded_label, normal_address, storable, why_unmatchable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dyepack.tags.model import Tag

COLUMNS = ("address", "label", "kind", "confidence", "evidence", "source", "sha256", "date", "label_sha256")


def to_rows(tags: Iterable[Tag]) -> list[dict[str, str]]:
    """One dict per tag with exactly COLUMNS. Raises ValueError for a tag that no loader could have made."""
    rows = []
    for tag in tags:
        if normal_address(tag.address) != tag.address or why_unmatchable(tag.address) or not tag.address:
            raise ValueError(f"not a normalised address: {tag.address!a}")
        if bounded_label(tag.label)[0] != tag.label or storable(tag.source) != tag.source or not tag.source:
            raise ValueError(f"label or source is not storable: {tag.address!a}")
        rows.append(
            {
                "address": tag.address,
                "label": tag.label,
                "kind": tag.kind.value,
                "confidence": str(tag.confidence),
                "evidence": tag.evidence,
                "source": tag.source,
                "sha256": tag.sha256,
                "date": tag.date,
                "label_sha256": tag.label_sha256,
            }
        )
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
