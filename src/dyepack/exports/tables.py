"""Every dyed move as a table: CSV that a spreadsheet may open, Parquet that a data frame may read.

Invariant: amounts are whole base units as text, exact, with the decimal number beside them; no cell of the CSV is a
formula. The texts of the Parquet file are raw: it is data, and shows nothing.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from dyepack.sinks import for_csv
from dyepack.tracing.moves import FIELDS

if TYPE_CHECKING:
    from dyepack.exports.model import Findings

_AMOUNTS = ("value", "units", "fresh")
_WHOLE = ("move", "block", "index", "leg", "hop")
HEADER = [*FIELDS, "asset_symbol", "asset_decimals", "amount", "entity"]


def export_csv(findings: Findings) -> bytes:
    """The moves as CSV, every cell quoted."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(HEADER)
    for row in _rows(findings):
        writer.writerow([for_csv("" if row[name] is None else str(row[name])) for name in HEADER])
    return out.getvalue().encode("utf-8")


def export_parquet(findings: Findings) -> bytes:
    """The moves as Parquet (zstd)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = list(_rows(findings))
    kinds = {name: pa.int64() for name in (*_WHOLE, "asset_decimals")}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in HEADER])
    columns = {name: [_cell(name, row[name]) for row in rows] for name in HEADER}
    out = pa.BufferOutputStream()
    pq.write_table(pa.table(columns, schema=schema), out, compression="zstd")
    return bytes(out.getvalue())


def _cell(name: str, value: Any) -> Any:
    if name in _AMOUNTS:
        return str(value)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _rows(findings: Findings) -> list[dict[str, Any]]:
    entities = {t.place: t.entity for t in findings.statement.terminals if t.entity}
    return [
        {name: getattr(m, name) for name in FIELDS}
        | {
            "asset_symbol": findings.statement.assets[m.asset].symbol,
            "asset_decimals": findings.statement.assets[m.asset].decimals,
            "amount": findings.amount(m.units, m.asset), "entity": entities.get(m.target, ""),
        }
        for m in findings.moves
    ]  # fmt: skip
