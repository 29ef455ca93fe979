"""Following a theft over a live source of outputs: replay what is known, ask what spends what, repeat.

A source that knows who spends an output is asked about the outputs that dye reached, one round after another; one that
does not (a node) is asked for every block since the theft.
Invariant: as gather.py; every dyed output is spent, was said to be unspent, or says why that is not known.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from dyepack.case.gather import wrong_chain
from dyepack.case.mixes import stop_at_mixes
from dyepack.case.needs import fitting, known_tags
from dyepack.errors import TheftError, quoted
from dyepack.ledger.utxo.schema import NOT_ASKED
from dyepack.progress import OnStep, no_step
from dyepack.sources.bitcoin.store import ledger_of
from dyepack.sources.blocks import BlockRef, Window
from dyepack.tags.naming import stops
from dyepack.tracing.rules import ALLOCATING
from dyepack.tracing.terminals import Stop
from dyepack.tracing.utxo.engine import run_rule
from dyepack.tracing.utxo.resolve import resolve

if TYPE_CHECKING:
    from dyepack.case.gather import Limits
    from dyepack.ledger.utxo.reader import UtxoLedger
    from dyepack.sources.bitcoin.result import BitcoinImport
    from dyepack.sources.live.source import OutputSource
    from dyepack.tags.model import TagSet
    from dyepack.tracing.resolve import Parameters
    from dyepack.tracing.theft import Theft

Output = tuple[str, int]


class OutputGatherer:
    """One live trace over one source of outputs."""

    def __init__(
        self, source: OutputSource, thefts: list[Theft], tags: TagSet, parameters: Parameters, limits: Limits,
        *, progress: OnStep = no_step,
    ) -> None:  # fmt: skip
        self.source, self.thefts, self.tags = source, thefts, tags
        self.parameters, self.limits, self.progress = parameters, limits, progress
        self.head = BlockRef(0, "", "", 0)
        self.window = Window(0, 0)
        self.stopped = False
        self.asked: set[Output] = set()
        self.reasons: dict[Output, str] = {}

    async def run(self) -> BitcoinImport:
        """Fetch until nothing is needed, a limit is reached, or the work is cancelled."""
        source = self.source
        await source.open()
        for theft in self.thefts:
            if theft.chain != source.chain:
                raise wrong_chain(theft, source.chain)
        txids = self._named()
        self.head = await source.head(self.limits.depth)
        try:
            await (self._follow(txids) if source.can.spenders and not self.parameters.backward else self._read(txids))
        except asyncio.CancelledError:
            self.stopped = True
        return self._result()

    def _named(self) -> list[str]:
        """The transactions that the thefts name."""
        named: list[str] = []
        for theft in self.thefts:
            for leg in theft.legs:
                if leg.outflows:
                    raise TheftError(
                        f"leg {quoted(leg.name)} of {quoted(theft.id)} names an address by its outflow: a live source "
                        "of outputs is not asked for whole addresses",
                        remedy="name the transactions, or import the blocks and trace on the ledger",
                    )
                named += [m.tx for m in leg.moves] + [d.tx for d in leg.deposits if d.tx]
        return list(dict.fromkeys(t.strip().lower() for t in named))

    async def _read(self, txids: list[str]) -> None:
        """Every block from the first theft to the head; backward, from the first block to the theft."""
        self.progress("the blocks of the theft")
        heights = [await self.source.height(t) for t in txids]
        back = self.parameters.backward
        self.window = Window(0, max(heights)) if back else Window(min(heights), self.head.number)
        self.progress(f"blocks {self.window.first:,} to {self.window.last:,}")
        await self.source.whole_blocks(self.window)

    async def _follow(self, txids: list[str]) -> None:
        """Rounds: which dyed outputs are not accounted for; who spends them; those transactions."""
        self.progress("what was stolen")
        for txid, reason in (await self.source.transactions(txids)).items():
            raise TheftError(f"transaction {quoted(txid)} cannot be had: {reason}", remedy="check it and the source")
        lead = list(dict.fromkeys((self.parameters.rule, "haircut")))
        for rules in (lead, list(dict.fromkeys((self.parameters.rule, *ALLOCATING)))):
            while wanted := self._needs(rules):
                room = self.limits.places - len(self.asked)
                if room <= 0:
                    return
                await self._ask(wanted[:room])

    async def _ask(self, outputs: list[Output]) -> None:
        self.progress(f"{len(self.asked):,} outputs asked about")
        found = await self.source.spenders(outputs, self.head.number)
        self.asked.update(outputs)
        spending = sorted({txid for txid in found.values() if txid is not None})
        await self.source.transactions(spending)

    def _needs(self, rules: list[str]) -> list[Output]:
        """The dyed outputs of which it was not asked what spends them, nearest to the theft first."""
        ledger = ledger_of(self.source.gathered(), self.source.chain, self.source.network)
        known = known_tags(ledger, self.tags)
        resolved = resolve(ledger, self.thefts, fitting(ledger, self.parameters),
                           stops(known, self.parameters.tags_as_of))  # fmt: skip
        stop_at_mixes(ledger, resolved.plan, known)
        found: dict[Output, int] = {}
        for rule in rules:
            dyed = run_rule(ledger, resolved.plan, rule)[0].dyed
            gaps = dyed[(dyed["stop"] == Stop.GAP) & (dyed["output"] >= 0)]
            open_ends = gaps[ledger.output_spender[gaps["output"]] == NOT_ASKED]
            for output, hop in zip(open_ends["output"].tolist(), open_ends["hop"].tolist(), strict=True):
                key = _outpoint(ledger, output)
                if key not in self.asked:
                    found[key] = min(hop, found.get(key, hop))
        return sorted(found, key=lambda key: (found[key], key))

    def _result(self) -> BitcoinImport:
        """What was gathered, and why what is still open was not asked."""
        found = self.source.gathered()
        found.notes += self.source.remarks()
        if not found.batches or found.unspent is None:
            return found
        why = "interrupted before it was asked" if self.stopped else (
            f"not asked: the limit of {self.limits.places} places was reached")  # fmt: skip
        left = self._needs(list(dict.fromkeys((self.parameters.rule, *ALLOCATING))))
        found.gap_reasons |= {output: why for output in left if output not in found.gap_reasons}
        return found


def _outpoint(ledger: UtxoLedger, output: int) -> Output:
    tx = int(np.searchsorted(ledger.tx_output, output, side="right")) - 1
    return ledger.tx_text(tx), output - int(ledger.tx_output[tx])
