"""How many examples the property tests draw: all of them in CI, a fifth elsewhere, so that a run takes a minute."""

from __future__ import annotations

import os


def examples(count: int) -> int:
    """`count` in CI."""
    return count if os.environ.get("CI") else max(count // 5, 10)
