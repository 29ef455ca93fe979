"""What a live source must be able to answer: the protocols that every adapter keeps, and the facts they pass.

An adapter is an entry point of the group `dyepack.sources`: a callable `(fetcher) -> AccountSource | OutputSource`.
What it cannot do stands in its `Capabilities`; what it could not get this time is said with the reason.
Invariant: an answer is whole, or says why not. Nothing here is money yet: sources/live/ledger.py makes moves of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dyepack.money import Asset
    from dyepack.sources.bitcoin.result import BitcoinImport
    from dyepack.sources.blocks import BlockRef, Window

ENTRY_POINTS = "dyepack.sources"

NO_INTERNAL = "no internal transfers"
"""What `LiveTransaction.partial` says where contracts' own transfers of the coin are not told."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a source can tell, one flag each; `notes` says in words what it cannot.

    history   the transactions of one holding can be listed
    internal  transfers made by contracts inside a transaction are known, so that it is told whole
    balances  balances at past blocks can be asked, so that a history can start late and be checked
    spenders  which transaction spent an output can be asked (ledgers of outputs)
    """

    history: bool = False
    internal: bool = False
    balances: bool = False
    spenders: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A holding whose history is asked for: an address as people write it, an asset's key ("native", a contract)."""

    address: str
    asset: str


@dataclass(frozen=True, slots=True)
class LiveMove:
    """Units that one transaction moved: `kind` and `index` as in ledger/schema.py (MoveKind; trace or log index).

    `sender` is "" for issuance, `receiver` "" for fees; `units` may pass 128 bits, but is never zero.
    """

    kind: int
    index: int
    sender: str
    receiver: str
    asset: str
    units: int


@dataclass(slots=True)
class LiveTransaction:
    """A transaction with its moves; `left_out` counts what moved nothing, by reason (zero_value, nft, failed ...).

    `partial` says what of it is not known ("no internal transfers"), "" if nothing.
    """

    txid: str
    block: int
    block_hash: str
    index: int
    time: int
    moves: list[LiveMove]
    left_out: dict[str, int] = field(default_factory=dict)
    partial: str = ""

    def change(self, wanted: Wanted) -> int:
        """What it adds to a holding, in base units."""
        return sum(
            move.units * ((move.receiver == wanted.address) - (move.sender == wanted.address))
            for move in self.moves
            if move.asset == wanted.asset
        )

    def touches(self, wanted: Wanted) -> bool:
        """Whether it moves units of a holding."""
        return any(move.asset == wanted.asset and wanted.address in {move.sender, move.receiver} for move in self.moves)


@dataclass(slots=True)
class History:
    """The transactions that touch a holding in a window, in chain order.

    opening, closing: base units just before the window and at its end, None where nobody can tell; `partial` is the
    reason why transactions may be missing, "" if the source says that it told them all.
    """

    wanted: Wanted
    txids: list[str]
    opening: int | None = None
    closing: int | None = None
    partial: str = ""


@runtime_checkable
class AccountSource(Protocol):
    """A source of moves between accounts. Addresses and hashes are lower-case hexadecimal with 0x (Tron: base58)."""

    chain: str
    native: Asset
    can: Capabilities
    addresses: Literal["hex", "text"]
    """How addresses are written: hexadecimal with 0x, or text that is compared as it is."""

    async def open(self) -> None:
        """Find out what the source is and can; SourceError if it is of no use. Sets `chain`, `native`, `can`."""
        ...

    async def head(self, depth: int) -> BlockRef:
        """The newest block with `depth` blocks on it. Asked once a trace and kept with its evidence."""
        ...

    async def blocks(self, numbers: Sequence[int]) -> dict[int, BlockRef]:
        """Number, hash, parent and time of blocks; a number past the head is missing from the answer."""
        ...

    async def transactions(self, txids: Sequence[str]) -> dict[str, LiveTransaction | str]:
        """Whole transactions by id; for one that cannot be had, the reason."""
        ...

    def remarks(self) -> list[str]:
        """What the user should know of the answers so far, beyond `can.notes`."""
        ...

    async def histories(self, wanted: Sequence[Wanted], window: Window, most: int) -> list[History]:
        """The history of each holding, in the order asked; one of more than `most` transactions is cut and partial."""
        ...

    async def balances(self, asked: Sequence[tuple[Wanted, int]]) -> list[int | None]:
        """Base units of holdings at the end of blocks; None where it cannot be told."""
        ...

    async def contracts(self, addresses: Sequence[str]) -> dict[str, bool]:
        """Whether code, not somebody's key, acts for each address; left out where it cannot be told."""
        ...

    async def assets(self, keys: Sequence[str]) -> dict[str, Asset]:
        """Symbol (raw outside text) and decimals of tokens; one that says neither is called by its key."""
        ...


@runtime_checkable
class OutputSource(Protocol):
    """A source of transactions that spend outputs. Hashes are written as people write them."""

    chain: str
    network: str
    can: Capabilities

    async def open(self) -> None:
        """Find out what the source is and can; SourceError if it is of no use. Sets `chain`, `network`, `can`."""
        ...

    async def head(self, depth: int) -> BlockRef:
        """The newest block with `depth` blocks on it. Asked once a trace and kept with its evidence."""
        ...

    async def blocks(self, numbers: Sequence[int]) -> dict[int, BlockRef]:
        """Number, hash, parent and time of blocks; a number past the head is missing from the answer."""
        ...

    async def height(self, txid: str) -> int:
        """The height of the block that holds a transaction; SourceError if none does."""
        ...

    async def transactions(self, txids: Sequence[str]) -> dict[str, str]:
        """Fetch transactions; for each that cannot be had, the reason."""
        ...

    async def spenders(self, outputs: Sequence[tuple[str, int]], last: int) -> dict[tuple[str, int], str | None]:
        """The transaction that spends each output up to block `last` (None: unspent); left out: it cannot be told."""
        ...

    async def whole_blocks(self, window: Window) -> None:
        """Fetch whole blocks with the values that their inputs spend; SourceError if one cannot be had."""
        ...

    def remarks(self) -> list[str]:
        """What the user should know of the answers so far, beyond `can.notes`."""
        ...

    def gathered(self) -> BitcoinImport:
        """Everything fetched so far, each transaction once."""
        ...


Source = AccountSource | OutputSource
