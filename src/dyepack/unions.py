"""Sets that grow together as one thing after another is found to belong with another (union-find).

Invariant: the smallest member stands for its set, so the order in which sets were joined makes no difference.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Member = TypeVar("Member", int, bytes, str)


class Unions(Generic[Member]):
    """Sets of members; one that was not named before is alone."""

    def __init__(self) -> None:
        self._above: dict[Member, Member] = {}

    def root(self, member: Member) -> Member:
        """The smallest member of its set."""
        above = self._above
        while above.setdefault(member, member) != member:
            above[member] = above[above[member]]
            member = above[member]
        return member

    def join(self, one: Member, other: Member) -> bool:
        """Make the sets of two members one; whether they were two."""
        low, high = sorted((self.root(one), self.root(other)))
        self._above[high] = low
        return low != high

    def roots(self) -> dict[Member, Member]:
        """Every member that was named, and the smallest of its set."""
        return {member: self.root(member) for member in list(self._above)}
