"""The tokens file of ethereum-etl: symbol and decimals of token contracts.

Invariant: a symbol is outside text, kept as written; a contract described twice keeps its first description.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.money import Asset
from dyepack.sources.identifiers import ADDRESS, hex_ids
from dyepack.sources.table import Layout, read_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dyepack.sources.result import Import

TOKENS = Layout("an ethereum-etl tokens export", ("address", "symbol", "decimals"))
MAX_DECIMALS = 77
"""More decimals than an amount of 256 bits has digits say nothing about it."""


def read_tokens(paths: Sequence[Path], result: Import) -> dict[str, Asset]:
    """Assets by contract address, in lower case."""
    assets: dict[str, Asset] = {}
    for path in paths:
        table = read_table(path, TOKENS)
        if table.note:
            result.notes.append(table.note)
        ids, _ = hex_ids(table["address"], ADDRESS)
        symbols = table["symbol"].data.to_pylist()
        decimals = table["decimals"].data.to_pylist()
        for row, (symbol, places) in enumerate(zip(symbols, decimals, strict=True)):
            key = "0x" + ids[row].tobytes().hex()
            asset = Asset(key, str(symbol) or key, _decimals(str(places)))
            result.count("token_decimals_unknown", asset.decimals is None)
            result.count("token_conflict", assets.setdefault(key, asset) != asset)
    return assets


def _decimals(text: str) -> int | None:
    usable = text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= MAX_DECIMALS
    return int(text) if usable else None
