"""What can go wrong between dyepack and a source of live data.

SourceError        a live source cannot be used; shown as one sentence like every DyepackError
├── Unreachable    the network, a timeout, or a server that is down or busy, after every attempt
├── Refused        the server understood and said no (4xx, a redirect, a JSON-RPC error)
├── BadAnswer      an answer that is cut short, too large, of another type, or not what was asked
├── Forbidden      dyepack itself says no: a guarded address, a secret in the open or one that is missing
├── NotKept        offline, and the evidence does not hold the answer
└── Reorganised    a block changed its hash between two answers

Invariant: a kind that the transport raises can be kept in the evidence by its name and raised again from there, word
for word.
"""

from __future__ import annotations

from dyepack.errors import DyepackError


class SourceError(DyepackError):
    """A live source cannot give what is asked of it; `less`: it might give a part of what was asked at once."""

    less = False


class Unreachable(SourceError):  # noqa: N818  (the words of the interface: what the source is)
    """The source does not answer: network, timeout, 5xx or 429 until the retries were spent."""


class Refused(SourceError):  # noqa: N818
    """The source answers that it will not: 4xx, a redirect, a JSON-RPC error where an answer must be."""


class BadAnswer(SourceError):  # noqa: N818
    """The answer cannot be trusted: cut short, of another type, over the size cap, or not of this question."""


class Forbidden(SourceError):  # noqa: N818
    """dyepack will not send this: a guarded address, a secret in the open, a secret that is missing."""


class NotKept(SourceError):  # noqa: N818
    """Offline, and the evidence does not hold the answer."""


class Reorganised(SourceError):  # noqa: N818
    """A block changed its hash between two answers: what was read of it may be orphaned."""

    def __init__(self, number: int, first: str, second: str) -> None:
        super().__init__(
            f"block {number} was {first} and is now {second}",
            remedy="read again, with more confirmations: --depth 32",
        )
        self.number = number


KINDS: dict[str, type[SourceError]] = {k.__name__: k for k in (Unreachable, Refused, BadAnswer, Forbidden, NotKept)}


def again(kind: str, problem: str, remedy: str) -> SourceError:
    """The error that was kept under these words."""
    return KINDS.get(kind, SourceError)(problem, remedy=remedy)
