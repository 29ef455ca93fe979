"""Whether the blocks that a case cites are still in the chain.

A case keeps the hash of every block that its moves are in. A reorganisation after the trace can take a block out of the
chain: what the case says of its transactions is then no longer so, and has to be traced again.
Invariant: a block is only called orphaned where the source shows another one in its place; a number that the source
does not reach, as one that is behind, says nothing and is listed so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dyepack.errors import quoted
from dyepack.sources.blocks import BlockRef
from dyepack.sources.live.errors import BadAnswer
from dyepack.sources.live.together import together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dyepack.sources.live.head.canonical import CanonicalView

AT_A_TIME = 32
METHOD = "each block asked for by its number, its hash compared with the case's"


@dataclass(frozen=True, slots=True)
class OrphanedBlock:
    """A cited block that is no longer in the chain; `canonical` is the hash of the block in its place."""

    number: int
    hash: str
    canonical: str


@dataclass(frozen=True, slots=True)
class CitedCheck:
    """What a source says about the blocks that a case cites, at a time (UTC)."""

    source: str
    time: str
    head: BlockRef
    checked: int
    orphaned: tuple[OrphanedBlock, ...]
    unknown: tuple[int, ...]
    method: str = METHOD

    @staticmethod
    def from_json(data: dict[str, Any]) -> CitedCheck:
        """The check that was kept as JSON."""
        orphaned = tuple(OrphanedBlock(**b) for b in data["orphaned"])
        return CitedCheck(
            **data | {"head": BlockRef(**data["head"]), "orphaned": orphaned, "unknown": tuple(data["unknown"])}
        )

    @property
    def holds(self) -> bool:
        """Whether every cited block was seen to be in the chain."""
        return not self.orphaned and not self.unknown

    def note(self) -> str:
        """What the case's notes say about it."""
        place = f"{self.source}, {self.time}, head {self.head.number} ({quoted(self.head.hash)[1:-1]})"
        lines = [f"Cited blocks checked at {place}: {self.checked} in all; {self.method}."]
        lines += [
            f"Block {block.number} is orphaned: the case cites {quoted(block.hash)[1:-1]}, "
            f"{quoted(block.canonical)[1:-1]} stands in its place. What the case says of its transactions is not so "
            "any more: trace again."
            for block in self.orphaned
        ]
        if self.unknown:
            numbers = ", ".join(map(str, self.unknown[:10])) + (", ..." if len(self.unknown) > 10 else "")
            lines.append(f"The source does not know {len(self.unknown)} of the blocks ({numbers}): not checked.")
        if self.holds:
            lines.append("All of them are in the chain.")
        return "\n".join(lines)


async def check_cited(blocks: Mapping[int, str], source: CanonicalView, *, time: str | None = None) -> CitedCheck:
    """Compare cited blocks (number to hash) with the chain as a source sees it now; SourceError if it cannot tell."""
    head = await source.head()
    numbers = sorted(blocks)
    orphaned: list[OrphanedBlock] = []
    unknown: list[int] = []
    for start in range(0, len(numbers), AT_A_TIME):
        part = numbers[start : start + AT_A_TIME]
        for number, found in zip(part, await _numbered(source, part), strict=True):
            if found is None:
                unknown.append(number)
            elif found.hash.lower() != blocks[number].lower():
                orphaned.append(OrphanedBlock(number, blocks[number], found.hash))
    when = time or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return CitedCheck(source.shown, when, head, len(numbers), tuple(orphaned), tuple(unknown))


async def _numbered(source: CanonicalView, numbers: Sequence[int]) -> list[BlockRef | None]:
    """The blocks of numbers, asked for together; the first fault ends the others."""
    found = await together(source.block(number) for number in numbers)
    for number, block in zip(numbers, found, strict=True):
        if block is not None and block.number != number:
            raise BadAnswer(
                f"block {number} was asked for, block {block.number} came", remedy="ask another node: this one errs"
            )
    return found
