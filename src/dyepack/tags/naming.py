"""What tracing needs of tags: which addresses end a trace, and how places are named.

Invariant: a place is named by one tag, whose source, confidence, evidence class and date go with the name, as does what
contradicts it; a tag that was withdrawn names no place and ends no trace. The clock has no say, so that a case re-runs
to the same bytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dyepack.tags.contradiction import all_told, contradicting
from dyepack.tags.model import LATEST
from dyepack.tracing.account import PlaceName

if TYPE_CHECKING:
    from dyepack.tags.model import Tag, TagSet
    from dyepack.tracing.terminals import Stop


def stops(tags: TagSet, day: str = "") -> dict[str, Stop]:
    """The addresses whose naming tag ends a trace, and how, by what stood on a day ("": was not withdrawn since)."""
    found = ((address, tags.naming(address, day or LATEST)) for address in tags.addresses())
    return {address: tag.stop for address, tag in found if tag is not None and tag.stop is not None}


def place_names(tags: TagSet, day: str = "") -> dict[str, PlaceName]:
    """Every address that a tag names, with its name and what says so; `day` as for `stops`.

    The grounds are fields of the tag. Where other statements that stand contradict it, `contradicted_by` lists them in
    words: "Ronin bridge exploiter 7 (theft, confidence 50, E2, gs.yaml)".
    """
    on = day or LATEST
    names: dict[str, PlaceName] = {}
    for address in tags.addresses():
        standing = [tag for tag in tags.of(address, on) if tag.stands(on)]
        if standing:
            names[address] = PlaceName(standing[0].label, _grounds(standing[0], standing))
    return names


_NUMBER = re.compile(r"[\s:#_-]*\d+$")


def service_name(label: str, actor: str = "") -> str:
    """The service that a place is of: the source's own id of the party, else the label without a number behind it.

    "Huobi 34" and "Huobi 35" are wallets of one service.
    """
    return actor or _NUMBER.sub("", label.strip()) or label


def _grounds(tag: Tag, standing: list[Tag]) -> dict[str, Any]:
    grounds: dict[str, Any] = {
        "kind": tag.kind.value, "source": tag.source, "sha256": tag.sha256, "confidence": tag.confidence,
        "evidence": tag.evidence, "date": tag.date,
    }  # fmt: skip
    against = all_told(contradicting(tag, standing))
    grounds |= {"flaw": tag.flaw, "written": tag.raw} if tag.flaw else {}
    return grounds | ({"contradicted_by": against} if against else {})
