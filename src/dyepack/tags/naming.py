"""What tracing needs of tags: which addresses end a trace, and how places are named.

Invariant: a place is named by one tag, whose source, confidence, evidence class and date go with the name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyepack.tracing.account import PlaceName

if TYPE_CHECKING:
    from dyepack.tags.model import Tag, TagSet
    from dyepack.tracing.terminals import Stop


def stops(tags: TagSet) -> dict[str, Stop]:
    """The addresses whose naming tag ends a trace, and how."""
    found = ((address, tags.naming(address)) for address in tags.addresses())
    return {address: tag.stop for address, tag in found if tag is not None and tag.stop is not None}


def place_names(tags: TagSet) -> dict[str, PlaceName]:
    """Every tagged address with its name and what says so."""
    named = ((address, tags.naming(address)) for address in tags.addresses())
    return {address: PlaceName(tag.label, _grounds(tag)) for address, tag in named if tag is not None}


def _grounds(tag: Tag) -> dict[str, str | int]:
    return {
        "kind": tag.kind.value, "source": tag.source, "sha256": tag.sha256, "confidence": tag.confidence,
        "evidence": tag.evidence, "date": tag.date,
    }  # fmt: skip
