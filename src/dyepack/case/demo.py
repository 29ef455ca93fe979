"""The demo: the synthetic incident written as a ledger, a theft file and tags, and traced like any other.

Invariant: the trace sees only what an investigator would have (moves, tags, the theft's transactions), never the
truth that the generator knows; tests compare the two.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dyepack.case.folder import write_case
from dyepack.case.run import Trace, trace
from dyepack.errors import CaseError
from dyepack.ledger.reader import Ledger
from dyepack.sources.result import Import
from dyepack.sources.store import store_built
from dyepack.synthetic.story import Incident, tell
from dyepack.tags.builtin import builtin_tags
from dyepack.tags.model import TagSet
from dyepack.tracing.resolve import Parameters
from dyepack.tracing.theft import parse_theft

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def run_demo(
    folder: Path, *, seed: int = 2022, background: int = 2000, progress: Callable[[str], None] = lambda _: None
) -> Trace:
    """Write ledger, theft and case of the synthetic incident below `folder`; CaseError if it holds other things."""
    if folder.exists() and any(
        p.name not in {"ledger", "case", "theft.toml", "statement.html"} for p in folder.iterdir()
    ):
        raise CaseError(f"{folder} holds other files", remedy="choose another --out")
    progress("telling the story")
    incident = tell(seed, background)
    progress("writing the ledger")
    addresses = {"0x" + row.tobytes().hex() for row in incident.moves.addresses}
    store_built(
        Import([incident.moves], rows=len(incident.moves), assets=incident.assets), folder / "ledger",
        chain=incident.chain, native=incident.native, inputs=[{"name": f"synthetic story, seed {seed}"}],
        covers=sorted(addresses - set(incident.uncovered)), replace=True,
    )  # fmt: skip
    raw = theft_toml(incident).encode()
    (folder / "theft.toml").write_bytes(raw)
    tags = TagSet()
    tags.add(incident.tags)
    tags.add(builtin_tags())
    made = trace(
        Ledger.open(folder / "ledger"), [parse_theft(raw, "theft.toml")], tags, Parameters(), progress=progress
    )
    progress("writing the case")
    write_case(made, folder / "case", replace=True)
    return made


def theft_toml(incident: Incident) -> str:
    """The incident's theft as a theft file: its legs and their transactions."""
    lines = [
        'id = "synthetic"', f"title = {json.dumps(incident.title)}", f"chain = {json.dumps(incident.chain)}",
        'source = "the seeded generator of dyepack"',
    ]  # fmt: skip
    for leg in incident.legs:
        lines += ["", "[[leg]]", f"name = {json.dumps(leg.name)}", f"asset = {json.dumps(leg.asset)}"]
        for tx in leg.tx_ids:
            lines += ["[[leg.move]]", f"tx = {json.dumps(tx)}"]
    return "\n".join(lines) + "\n"
