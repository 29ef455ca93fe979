"""Which blocks are the chain: work, heights, orphans, over the blocks of all files in any order.

Blocks form trees by their previous hash; those whose parent is not there are the first of a fragment. In each fragment
the branch with the most work wins (of equals the one that comes first in the files); its blocks are the chain, the
others are orphans. Heights count from block 0, from `first_height`, or from what coinbases say of themselves (BIP 34).

Invariant: each block of the chain has the hash of the one below it as its previous hash, fragments do not contradict
each other, and each block is in the chain, an orphan, or a copy of another.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dyepack.errors import InputError
from dyepack.sources.bitcoin.networks import BY_GENESIS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dyepack.ledger.schema import I64

ORPHAN = -1
COPY = -2
"""In Chain.height."""

NO_HEIGHT = -1
"""In Headers.said: the coinbase does not say at which height it stands."""

_NULL = bytes(32)

_TOLD = 20
"""Ties and stretches that are told one by one; of more their number."""


@dataclass(slots=True)
class Headers:
    """The headers of all blocks, in the order of the files; hashes as people write them."""

    hashes: list[bytes]
    prev: list[bytes]
    bits: list[int]
    said: list[int]
    file_of: Callable[[int], str]
    """The file that a block is in, for messages."""


@dataclass(slots=True)
class Chain:
    """height: of each block, ORPHAN or COPY; whole: one chain without a hole."""

    height: I64
    whole: bool
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Fragment:
    """The winning branch of one tree, lowest block first, and the work that is in it."""

    blocks: list[int]
    work: int
    first: int = 0

    @property
    def last(self) -> int:
        return self.first + len(self.blocks) - 1


def target_of(bits: int) -> int | None:
    """The target that `nBits` stands for, None where it is negative, nought or above 256 bits (pow.cpp of Core)."""
    size, digits = bits >> 24, bits & 0x007FFFFF
    target = digits >> 8 * (3 - size) if size <= 3 else digits << 8 * (size - 3)
    return target if 0 < target < 1 << 256 and not bits & 0x00800000 else None


def work_of(bits: int) -> int:
    """Hashes expected for a block of these bits: 2^256 / (target + 1)."""
    target = target_of(bits)
    return (1 << 256) // (target + 1) if target else 0


def said_height(version: int, script: bytes) -> int:
    """The height that a coinbase's input script begins with (BIP 34: from version 2 on), else NO_HEIGHT."""
    if version < 2 or not script:
        return NO_HEIGHT
    size = script[0]
    if 0x51 <= size <= 0x60:
        return size - 0x50
    digits = script[1 : 1 + size]
    if (
        not 1 <= size <= 4
        or len(digits) < size
        or digits[-1] & 0x80
        or (digits[-1] == 0 and not (size > 1 and digits[-2] & 0x80))
    ):
        return NO_HEIGHT
    return int.from_bytes(digits, "little")


def choose(headers: Headers, first_height: int | None) -> Chain:
    """The chain of these blocks; InputError where heights are not known or contradict each other."""
    row = {own: at for at, own in reversed(list(enumerate(headers.hashes)))}
    height = np.full(len(headers.hashes), ORPHAN, np.int64)
    copies = [at for at, own in enumerate(headers.hashes) if row[own] != at]
    height[copies] = COPY
    chain = Chain(height, whole=True)
    fragments = _fragments(headers, row, chain)
    _place(headers, fragments, first_height)
    kept = _without_contradiction(headers, fragments, chain)
    for part in kept:
        height[part.blocks] = np.arange(part.first, part.last + 1)
    chain.whole = len(kept) == 1
    if len(kept) > 1:
        spans = ", ".join(f"{part.first:,} to {part.last:,}" for part in kept[:5]) + (", ..." if len(kept) > 5 else "")
        chain.notes.append(f"the blocks are {len(kept):,} separate stretches of the chain (heights {spans}): what "
                           "lies between is not in the files")  # fmt: skip
    return chain


def _fragments(headers: Headers, row: dict[bytes, int], chain: Chain) -> list[_Fragment]:
    """The winning branch of each tree."""
    children: dict[bytes, list[int]] = {}
    for at in sorted(row.values()):
        children.setdefault(headers.prev[at], []).append(at)
    works = {bits: work_of(bits) for bits in set(headers.bits)}
    found = []
    ties: list[tuple[int, int]] = []
    for before in [before for before in children if before not in row]:
        total = {before: 0}
        reached = [before]
        for parent in reached:  # grows while it is walked: the tree from its root up
            for at in children.get(parent, ()):
                total[headers.hashes[at]] = total[parent] + works[headers.bits[at]]
                reached.append(headers.hashes[at])
        most = max(total.values())
        ends = sorted(row[own] for own in reached[1:] if total[own] == most)
        if len(ends) > 1:
            ties.append((ends[0], ends[1]))
        branch = [ends[0]]
        while headers.prev[branch[-1]] != before:
            branch.append(row[headers.prev[branch[-1]]])
        found.append(_Fragment(branch[::-1], most))
    for one, other in ties[:_TOLD]:
        names = f"{headers.hashes[one].hex()} and {headers.hashes[other].hex()}"
        chain.notes.append(f"two branches end with the same work, in {names}: the first was taken")
    _tell_rest(chain, len(ties), "branches end with the same work as another: the first was taken")
    return found


def _place(headers: Headers, fragments: list[_Fragment], first_height: int | None) -> None:
    """Give each fragment its first height."""
    unknown = 0
    for part in fragments:
        root = part.blocks[0]
        before = headers.prev[root]
        said = Counter(
            headers.said[at] - above for above, at in enumerate(part.blocks) if headers.said[at] >= above
        )  # fmt: skip
        common, votes = said.most_common(1)[0] if said else (0, 0)
        if before == _NULL:
            part.first = 0
        elif before in BY_GENESIS:
            part.first = 1
        elif votes * 2 > said.total():
            part.first = common
        elif first_height is not None and not unknown:
            part.first, unknown = first_height, 1
        else:
            raise InputError(
                headers.file_of(root), f"block {headers.hashes[root].hex()} does not say its height, and the block "
                f"before it ({before.hex()}) is not in the files",
                remedy="give the blocks from block 0 on, or say the height of the first block",
            )  # fmt: skip
    if first_height is not None and all(part.first != first_height for part in fragments):
        lowest = min(fragments, key=lambda part: part.first)
        raise InputError(
            headers.file_of(lowest.blocks[0]), f"the first block is said to be at height {first_height:,}, and by its "
            f"own word or its place after block 0 it is at {lowest.first:,}",
            remedy="leave the height of the first block out",
        )  # fmt: skip


def _without_contradiction(headers: Headers, fragments: Sequence[_Fragment], chain: Chain) -> list[_Fragment]:
    """Fragments in the order of height, without those that cannot stand beside one with more work."""
    kept: list[_Fragment] = []
    orphans = 0
    for part in sorted(fragments, key=lambda part: (-part.work, part.blocks[0])):
        # A fragment also claims the height below its first block, for a parent that is not in the files. Those kept
        # are apart from each other, so that only the two between which it would come can be in its way.
        at = bisect_left(kept, part.first, key=lambda other: other.first)
        if all(part.first - 1 > other.last or other.first - 1 > part.last for other in kept[max(at - 1, 0) : at + 1]):
            kept.insert(at, part)
            continue
        orphans += 1
        if orphans <= _TOLD:
            chain.notes.append(
                f"{len(part.blocks):,} blocks from {headers.hashes[part.blocks[0]].hex()} on (height {part.first:,}) "
                "do not fit onto the chain with the most work and have less of it: taken as orphans"
            )  # fmt: skip
    _tell_rest(chain, orphans, "stretches do not fit onto it either and are taken as orphans")
    return kept


def _tell_rest(chain: Chain, count: int, words: str) -> None:
    """What is not told one by one."""
    if count > _TOLD:
        chain.notes.append(f"{count - _TOLD:,} more {words}")
