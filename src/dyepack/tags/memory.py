"""Python's search for garbage, put off while many tags are made.

The search walks over all objects again and again as they grow in number, and there are no cycles among tags to find.
Invariant: it is on again afterwards if it was on before.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def no_collection() -> Iterator[None]:
    """Put the cyclic garbage collector off."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
