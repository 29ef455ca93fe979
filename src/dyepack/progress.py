"""How long work says how far it is: the calls that it makes on the way, and what takes them where nobody watches.

Invariant: no result depends on them.
"""

from __future__ import annotations

from collections.abc import Callable

OnStep = Callable[[str], None]
"""Called with the name of the step that begins."""

OnBytes = Callable[[int, int, str], None]
"""Called with bytes done, bytes in all, and what is in hand."""


def no_step(_step: str, /) -> None:
    """Steps that nobody watches."""


def no_bytes(_done: int, _total: int, _text: str, /) -> None:
    """Bytes that nobody watches."""
