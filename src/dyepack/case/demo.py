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
from dyepack.progress import OnStep, no_step
from dyepack.sources.result import Import
from dyepack.sources.store import store_built
from dyepack.synthetic.story import Incident, tell
from dyepack.tags.builtin import builtin_tags
from dyepack.tags.model import TagSet
from dyepack.tags.write import write_csv
from dyepack.tracing.resolve import Parameters
from dyepack.tracing.theft import parse_theft

if TYPE_CHECKING:
    from pathlib import Path

THEFT_ID = "dyepack-demo"
MARK = ".dyepack-demo"
"""An empty file that says that a folder is a demo's and may be written again."""


def run_demo(folder: Path, *, seed: int = 2022, background: int = 2000, progress: OnStep = no_step) -> Trace:
    """Write ledger, theft and case of the synthetic incident below `folder`; CaseError if it holds other things."""
    _check_place(folder)
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
    write_csv(folder / "tags.csv", tags.tags)
    made = trace(
        Ledger.open(folder / "ledger"), [parse_theft(raw, "theft.toml")], tags, Parameters(), progress=progress
    )
    progress("writing the case")
    write_case(made, folder / "case", replace=True)
    return made


def _check_place(folder: Path) -> None:
    """CaseError unless the folder is new, empty, or marked as a demo's; then mark it."""
    if folder.exists() and not (folder.is_dir() and ((folder / MARK).exists() or not any(folder.iterdir()))):
        raise CaseError(f"{folder} holds other files than a demo's", remedy="choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def theft_toml(incident: Incident) -> str:
    """The incident's theft as a theft file: its legs and their transactions."""
    lines = [
        f'id = "{THEFT_ID}"', f"title = {_quoted(incident.title)}", f"chain = {_quoted(incident.chain)}",
        'source = "the seeded generator of dyepack"',
    ]  # fmt: skip
    for leg in incident.legs:
        lines += ["", "[[leg]]", f"name = {_quoted(leg.name)}", f"asset = {_quoted(leg.asset)}"]
        for tx in leg.tx_ids:
            lines += ["[[leg.move]]", f"tx = {_quoted(tx)}"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML string."""
    return json.dumps(text, ensure_ascii=False)
