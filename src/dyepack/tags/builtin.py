"""Tags that are true by the protocol itself, for every case.

Invariant: short enough to check by eye; each states why it holds. `sha256` is of the source text, as there is
no file.
"""

from __future__ import annotations

import hashlib

from dyepack.tags.grades import PROTOCOL
from dyepack.tags.model import Tag, TagKind

_BURN = "EVM protocol constant: an address of chosen form, for which no key can have been computed"

_PLACES: tuple[tuple[str, str, TagKind, str], ...] = (
    ("0x" + "0" * 40, "Null address", TagKind.BURN, _BURN),
    ("0x" + "0" * 36 + "dead", "Burn address 0x…dEaD", TagKind.BURN, _BURN),
)


def builtin_tags() -> tuple[Tag, ...]:
    """The protocol's own constants as tags, confidence 100, evidence E1."""
    return tuple(
        Tag(
            address=address,
            label=label,
            kind=kind,
            confidence=PROTOCOL.confidence,
            evidence=PROTOCOL.evidence,
            source=source,
            sha256=hashlib.sha256(source.encode()).hexdigest(),
        )
        for address, label, kind, source in _PLACES
    )
