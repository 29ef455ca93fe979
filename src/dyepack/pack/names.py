"""The names that files of a pack may have: the same file on every system, and inside the pack.

Invariant: a name that `flaw` finds nothing wrong with is letters, digits and ._- in parts between single slashes, so
that it cannot climb, be absolute, hide a character, have a twin in another spelling, or name a device.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PART = re.compile(r"[A-Za-z0-9._-]+")
_DEVICES = re.compile(r"(con|prn|aux|nul|clock\$|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_LONGEST, _LONGEST_PART = 240, 120


def flaw(name: str) -> str:
    """Why a file of a pack may not be called that, "" if it may."""
    if not name or name.startswith("/") or "\\" in name or re.match(r"[A-Za-z]:", name):
        return "its name is empty, absolute or of another system"
    parts = name.split("/")
    if {"", ".", ".."} & set(parts):
        return "its name climbs, or has an empty part"
    if not all(map(_PART.fullmatch, parts)):
        return "its name has other characters than letters, digits, '.', '_' and '-'"
    if len(name) > _LONGEST or max(map(len, parts)) > _LONGEST_PART:
        return "its name is too long"
    if any(_DEVICES.fullmatch(part) or part.endswith(".") for part in parts):
        return "its name is that of a device, or ends in a dot"
    return ""


def twins(names: Iterable[str]) -> tuple[str, str] | None:
    """Two names that some system takes for one, or of which one is the other's folder; None if there are none."""
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        key = name.casefold()
        if key in seen:
            return seen[key], name
        seen[key] = name
        parts = key.split("/")
        for depth in range(1, len(parts)):
            folders.setdefault("/".join(parts[:depth]), name)
    both = min(seen.keys() & folders.keys(), default=None)
    return None if both is None else (seen[both], folders[both])
