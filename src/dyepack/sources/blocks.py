"""Blocks as sources name them: a reference to one, and a window of many.

Invariant: a reference is by number and hash, so that another branch is told apart.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block: number, hash and parent's hash as people write them, seconds UTC."""

    number: int
    hash: str
    parent: str
    time: int


@dataclass(frozen=True, slots=True)
class Window:
    """Blocks `first` to `last`, both included."""

    first: int
    last: int
