"""Asking for several things at the same time.

Invariant: when one fails the others have ended before the fault is raised, and the fault is raised as it was.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

T = TypeVar("T")


async def together(asked: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """Answers in the order asked; the first fault ends the others."""
    tasks = [asyncio.ensure_future(one) for one in asked]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
