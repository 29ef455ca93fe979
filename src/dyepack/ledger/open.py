"""Opening a ledger of either model.

Invariant: what comes back has the model that its manifest says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.ledger.content import current
from dyepack.ledger.manifest import OUTPUTS
from dyepack.ledger.reader import Ledger
from dyepack.ledger.utxo.reader import UtxoLedger

if TYPE_CHECKING:
    from pathlib import Path

AnyLedger = Ledger | UtxoLedger


def open_ledger(path: Path) -> AnyLedger:
    """Open the newest content of a ledger folder; LedgerError says what is missing or damaged."""
    _, manifest, _ = current(path)
    return UtxoLedger.open(path) if manifest.model == OUTPUTS else Ledger.open(path)
