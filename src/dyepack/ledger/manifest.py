"""What a ledger says about itself: chain, counts, span, completeness and the hash of every column.

Invariant: the same inputs give the same manifest bytes (no times, no paths), so its SHA-256 names the ledger.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from dyepack.errors import LedgerError
from dyepack.money import Asset

FORMAT = 1

ACCOUNTS = "accounts"
OUTPUTS = "outputs"
"""The two models of a ledger: moves between accounts, and transactions that spend outputs and make new ones."""

COMPLETE = 0
COUNTERPARTY = 1
NOT_STATED = 2

STATES = [
    "complete: every move between the first and last position is here",
    "partial: only seen as a counterparty, its own history was not imported",
    "partial: the import did not say whose history it covers",
]
"""What is known of a holding's history; `holding_state` is an index into the manifest's `states`: these, and what
more a live source had to say."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column file: its name, type, shape and SHA-256."""

    name: str
    dtype: str
    shape: list[int]
    sha256: str

    @property
    def file(self) -> str:
        """The name of its file: JSON lines, or an array of NumPy."""
        return f"{self.name}.{'jsonl' if self.dtype == 'jsonl' else 'npy'}"


@dataclass(slots=True)
class Manifest:
    """The contents of manifest.json; every number is a count unless its name says otherwise.

    network      that of addresses (mainnet, testnet, signet, regtest) where the model is OUTPUTS
    gap_reasons  output (transaction id:number) -> why its onward or earlier history is not here, where a live source
                 said; not written where there is none
    """

    chain: str
    assets: list[Asset]
    tx_format: str
    address_format: str
    columns: list[Column]
    counts: dict[str, int]
    first: dict[str, int]
    last: dict[str, int]
    completeness: dict[str, int]
    inputs: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=lambda: list(STATES))
    model: str = ACCOUNTS
    network: str = ""
    gap_reasons: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def to_bytes(self) -> bytes:
        """The file, byte for byte."""
        data = asdict(self)
        if not self.gap_reasons:
            del data["gap_reasons"]
        return (json.dumps(data, indent=1, ensure_ascii=True, sort_keys=True) + "\n").encode()

    def sha256(self) -> str:
        """The name of the ledger's content."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @staticmethod
    def from_bytes(raw: bytes, place: str) -> Manifest:
        """Read manifest.json; LedgerError if it is damaged or of another format version."""
        try:
            data = json.loads(raw)
            if data.get("format") != FORMAT:
                raise LedgerError(
                    f"the ledger {place} has format {data.get('format')!r}, this version reads {FORMAT}",
                    remedy="import it again with this version of dyepack",
                )
            data["assets"] = [Asset(**a) for a in data["assets"]]
            data["columns"] = [Column(**c) for c in data["columns"]]
            return Manifest(**data)
        except (ValueError, KeyError, TypeError, AttributeError) as fault:
            raise LedgerError(
                f"the manifest of ledger {place} is damaged ({fault})", remedy="import the ledger again"
            ) from fault
