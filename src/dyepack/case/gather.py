"""Following a theft over a live source of accounts: replay what is known, fetch what the replay asks for, repeat.

Invariant: what is fetched is decided by the thefts, the parameters and the answers alone, so the same evidence gives
the same ledger; every holding that dye reached is complete, or says why it is not.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyepack.case.ahead import ahead
from dyepack.case.needs import Need, needs
from dyepack.errors import TheftError, quoted
from dyepack.money import MAX_AMOUNT, Asset
from dyepack.progress import OnStep, no_step
from dyepack.sources.blocks import BlockRef, Window
from dyepack.sources.live.errors import BadAnswer, Reorganised, SourceError, Unreachable
from dyepack.sources.live.ledger import MAX_BLOCK, Gathered, misfit
from dyepack.sources.live.reconcile import Difference, adds_up, adjusted, between_key, difference
from dyepack.sources.live.source import NO_INTERNAL, History, LiveTransaction, Wanted
from dyepack.tracing.rules import ALLOCATING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dyepack.ledger.reader import Ledger
    from dyepack.sources.live.source import AccountSource
    from dyepack.tags.model import TagSet
    from dyepack.tracing.resolve import Parameters
    from dyepack.tracing.theft import Theft


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a live trace asks for at most: holdings or outputs, and transactions of one; `depth`: confirmations."""

    places: int = 2000
    transactions: int = 5000
    depth: int = 12


class Gatherer:
    """One live trace over one source, with a second source that checks it where there is one."""

    def __init__(
        self, source: AccountSource, thefts: list[Theft], tags: TagSet, parameters: Parameters, limits: Limits,
        *, second: AccountSource | None = None, progress: OnStep = no_step,
    ) -> None:  # fmt: skip
        self.source, self.second, self.thefts, self.tags = source, second, thefts, tags
        self.parameters, self.limits, self.progress = parameters, limits, progress
        self.histories: dict[Wanted, History] = {}
        self.reasons: dict[Wanted, str] = {}
        self.window = Window(0, 0)
        self.head = BlockRef(0, "", "", 0)
        self.gathered: Gathered
        self.stopped = False
        self.phony: set[str] = set()
        self.notes: list[str] = []

    async def run(self) -> Gathered:
        """Fetch until nothing is needed, a limit is reached, or the work is cancelled."""
        await self._open()
        try:
            await self._start()
            await self._follow()
            await self._check()
        except asyncio.CancelledError:
            self.stopped = True
        self._close()
        return self.gathered

    async def _open(self) -> None:
        source = self.source
        await source.open()
        self.gathered = Gathered(source.chain, source.native, hex_addresses=source.addresses == "hex")
        for theft in self.thefts:
            if theft.chain != source.chain:
                raise wrong_chain(theft, source.chain)
        self.head = await source.head(self.limits.depth)
        if not 0 <= self.head.number <= MAX_BLOCK:
            raise BadAnswer(f"the source says that its newest block is {self.head.number}", remedy="ask another source")

    async def _start(self) -> None:
        """The transactions and outflows that the thefts name, and the blocks to look at."""
        self.progress("what was stolen")
        txids = list(dict.fromkeys(
            tx for t in self.thefts for leg in t.legs
            for tx in (*(m.tx for m in leg.moves), *(d.tx for d in leg.deposits)) if tx
        ))  # fmt: skip
        for txid, reason in (await self._transactions(txids)).items():
            raise TheftError(f"transaction {quoted(txid)} cannot be had: {reason}", remedy="check it and the source")
        named = [self.gathered.transactions[self._key(t)].block for t in txids]
        named += [d.block for t in self.thefts for leg in t.legs for d in leg.deposits if d.block is not None]
        since = [o.since for t in self.thefts for leg in t.legs for o in leg.outflows]
        named += [await self._block_at(s) if s is not None else 0 for s in since]
        whole = self.parameters.backward or not self.source.can.balances
        first = 0 if whole else max(min(named, default=0), 0)
        last = max(named) if self.parameters.backward else self.head.number
        self.window = Window(first, max(first, last))
        self.gathered.first_block = self.window.first
        places = [(a, leg.asset) for t in self.thefts for leg in t.legs
                  for a in (*(o.address for o in leg.outflows), *(d.to for d in leg.deposits))]  # fmt: skip
        await self._ask([Need(0, self._place(a), self._asset(k)) for a, k in places])
        declared = {self._asset(leg.asset) for t in self.thefts for leg in t.legs}
        await self._name(declared)

    def _key(self, txid: str) -> str:
        """A transaction id as the source writes it."""
        key = txid.strip().lower()
        return key if key.startswith("0x") else f"0x{key}"

    def _place(self, address: str) -> str:
        return address.strip().lower() if self.gathered.hex_addresses else address.strip()

    def _asset(self, key: str) -> str:
        return self._place(key) if key.lower().startswith("0x") else key

    async def _block_at(self, time: int) -> int:
        """The first block that is not before a time."""
        low, high = 0, self.head.number
        while low < high:
            middle = (low + high) // 2
            block = (await self.source.blocks([middle])).get(middle)
            if block is None or block.time >= time:
                high = middle
            else:
                low = middle + 1
        return low

    async def _transactions(self, txids: Sequence[str]) -> dict[str, str]:
        """Fetch transactions that are not here yet; why, for those that cannot be had."""
        new = [t for t in dict.fromkeys(map(self._key, txids)) if t not in self.gathered.transactions]
        missing: dict[str, str] = {}
        for txid, found in (await self.source.transactions(new) if new else {}).items():
            if isinstance(found, str):
                missing[txid] = found
            elif found.block > self.head.number:
                missing[txid] = f"its block {found.block} is later than the last one looked at, {self.head.number}"
            elif wrong := misfit(found):
                missing[txid] = f"{wrong} that no ledger holds"
            else:
                self._drop([found])
                self.gathered.transactions[txid] = found
        return missing

    async def _ask(self, wanted: Sequence[Need]) -> None:
        """Fetch histories with their transactions, and note what is known of them."""
        new = [w for w in dict.fromkeys(Wanted(n.address, n.asset) for n in wanted) if w not in self.histories]
        if not new:
            return
        try:
            found = await self.source.histories(new, self.window, self.limits.transactions)
            missing = await self._transactions([t for h in found for t in h.txids])
        except Reorganised:
            raise
        except SourceError as fault:
            await self._ask_apart(new, fault)
            return
        checks: list[History] = []
        for history in found:
            lost = [t for t in history.txids if t in missing]
            history.txids = [t for t in history.txids if t not in missing]
            self.histories[history.wanted] = history
            reason = history.partial or (f"transaction {lost[0]} cannot be had: {missing[lost[0]]}" if lost else "")
            self.reasons[history.wanted] = reason or self._inner(history)
            if history.opening and history.opening <= MAX_AMOUNT:
                self.gathered.openings[history.wanted] = history.opening
            if max(history.opening or 0, history.closing or 0) > MAX_AMOUNT:
                self.reasons[history.wanted] = "its balance passes 128 bits"
            elif not reason and not adds_up(history, self.gathered.transactions):
                checks.append(history)
        await self._reconcile(checks)

    async def _ask_apart(self, wanted: Sequence[Wanted], fault: SourceError) -> None:
        """One holding at a time, so that an answer that cannot be used spoils one only."""
        if len(wanted) > 1 and not isinstance(fault, Unreachable):
            for one in wanted:
                await self._ask([Need(0, one.address, one.asset)])
            return
        for one in wanted:
            self.histories[one] = History(one, [])
            self.reasons[one] = fault.problem

    def _inner(self, history: History) -> str:
        """Why moves of its transactions may be missing, where the balances do not prove that none is."""
        proved = history.opening is not None and history.closing is not None
        if proved and adds_up(history, self.gathered.transactions):
            return ""
        told = [self.gathered.transactions[t].partial for t in history.txids]
        coin = history.wanted.asset == self.gathered.native.key
        return next((t for t in told if t and (coin or t != NO_INTERNAL)), "")

    async def _reconcile(self, histories: Sequence[History]) -> None:
        """Make the moves of tokens agree with their balances, or say why they do not."""
        transactions = self.gathered.transactions
        native = self.gathered.native.key
        found = [await difference(self.source, h, transactions, native) for h in histories]
        for one in found:
            if one.phony:
                self.reasons[one.wanted] = "its transfers change no balance"
            elif one.reason:
                self.reasons[one.wanted] = one.reason
        phony = {one.wanted.asset for one in found if one.phony} - self._trusted()
        sound = [one for one in found if one.wanted.asset not in phony]
        blocks = await self.source.blocks([at for d in sound for at in d.adjustments if isinstance(at, int)])
        times = {n: (b.hash, b.time) for n, b in blocks.items()}
        for changed in adjusted(sound, transactions, times):
            transactions[changed.txid or between_key(changed.block)] = changed
        self.phony |= phony
        self.notes += [f"token {asset} tells of transfers that change no balance: left out" for asset in sorted(phony)]
        self._drop(transactions.values())
        self._count(sound)

    def _trusted(self) -> set[str]:
        """Tokens that are no phonies: what was stolen, and those whose moves another holding's balances bear out."""
        borne_out = {
            h.wanted.asset
            for h in self.histories.values()
            if h.closing is not None
            and h.closing != h.opening
            and self.reasons.get(h.wanted) == ""
            and adds_up(h, self.gathered.transactions)
        }
        return borne_out | {self._asset(leg.asset) for t in self.thefts for leg in t.legs}

    def _count(self, found: Sequence[Difference]) -> None:
        """Say which tokens' balances move by more than their events."""
        for one in found:
            if one.adjustments:
                between = any(isinstance(at, int) for at in one.adjustments)
                word = "changes balances without transfers" if between else "keeps a part of what is sent"
                self.notes.append(f"token {one.wanted.asset} {word}: balances are followed, not its events")

    def _drop(self, transactions: Iterable[LiveTransaction]) -> None:
        """Leave out the moves of tokens that change no balance, counted."""
        for transaction in transactions if self.phony else ():
            kept = [m for m in transaction.moves if m.asset not in self.phony]
            if len(kept) < len(transaction.moves):
                dropped = len(transaction.moves) - len(kept)
                transaction.left_out["phony"] = transaction.left_out.get("phony", 0) + dropped
                transaction.moves = kept

    async def _name(self, assets: set[str]) -> None:
        """What tokens are called; one that cannot be asked is called by its key."""
        keys = sorted(k for k in assets - set(self.gathered.assets) if k != self.gathered.native.key)
        try:
            self.gathered.assets |= await self.source.assets(keys) if keys else {}
        except Reorganised:
            raise
        except SourceError as fault:
            self.notes.append(f"what tokens are called could not be asked: {fault.problem}")
            self.gathered.assets |= {key: Asset(key, key, None) for key in keys}

    async def _follow(self) -> None:
        """Rounds: what do the rules need, fetch it. The headline and haircut lead, the others come after."""
        lead = list(dict.fromkeys((self.parameters.rule, "haircut"))) if not self.parameters.backward else []
        every = [self.parameters.rule] if self.parameters.backward else list(
            dict.fromkeys((self.parameters.rule, *ALLOCATING)))  # fmt: skip
        for rules in filter(None, (lead, every)):
            while True:
                found = needs(self.gathered_ledger(), self.thefts, self.tags, self.parameters, rules)
                await self._name(found.assets)
                if await self._look_at(found.payees):
                    continue
                if not found.holdings or not await self._go_on(found.holdings, rules):
                    break

    async def _look_at(self, payees: set[str]) -> bool:
        """Find out whether payees of swaps are contracts; True if it was told of one, so that it counts from now on."""
        new = sorted(payees - set(self.gathered.contracts))
        try:
            found = await self.source.contracts(new) if new else {}
        except Reorganised:
            raise
        except SourceError as fault:
            self.notes.append(f"whether the payees of swaps are contracts could not be asked: {fault.problem}")
            found = {}
        self.gathered.contracts |= found
        return bool(found)

    async def _go_on(self, wanted: list[Need], rules: Sequence[str]) -> bool:
        """Fetch what is wanted, and what the money needs from there on; False at the limit of holdings."""
        while wanted:
            room = self.limits.places - len(self.histories)
            if room <= 0:
                return False
            self.progress(f"{len(self.histories):,} holdings, {len(self.gathered.transactions):,} transactions")
            await self._ask(wanted[:room])
            reached = [n for n in wanted[:room] if Wanted(n.address, n.asset) in self.histories]
            self.gathered.states = self.reasons
            wanted = [] if self.parameters.backward else await self._next(reached, rules)
        return True

    async def _next(self, reached: list[Need], rules: Sequence[str]) -> list[Need]:
        """What the money that has just reached some holdings needs next."""
        args = (self.gathered, self.histories, reached, self.thefts, self.tags, self.parameters, rules)
        found = ahead(*args)
        if await self._look_at(found.payees):
            found = ahead(*args)
        return found.holdings

    def gathered_ledger(self) -> Ledger:
        """The ledger so far."""
        self.gathered.states = self.reasons
        return self.gathered.ledger()

    async def _check(self) -> None:
        """Ask a second source for the same histories, and say where the two differ."""
        if self.second is None:
            return
        self.progress("the second source")
        try:
            await self.second.open()
            theirs = (await self.second.blocks([self.head.number])).get(self.head.number)
            found = await self.second.histories(list(self.histories), self.window, self.limits.transactions)
        except SourceError as fault:
            self.notes.append(f"the second source could not be asked: {fault.problem}")
            return
        if theirs is None or theirs.hash != self.head.hash:
            self.notes.append(f"the second source has another block {self.head.number}, or none")
        unsure = [other.partial for other in found if other.partial]
        if unsure:
            self.notes.append(f"the second source does not know {len(unsure)} of the histories whole: {unsure[0]}")
        for other in found:
            if why := _disagreement(self.histories[other.wanted], other):
                self.reasons[other.wanted] = f"two sources disagree {why}"

    def _close(self) -> None:
        """Say of every holding that is still needed why it was not fetched."""
        ledger = self.gathered_ledger()
        why = "interrupted before it was fetched" if self.stopped else (
            f"not fetched: the limit of {self.limits.places} places was reached")  # fmt: skip
        rules = dict.fromkeys((self.parameters.rule, *(() if self.parameters.backward else ALLOCATING)))
        try:
            left = needs(ledger, self.thefts, self.tags, self.parameters, rules).holdings
        except TheftError:
            if self.stopped:
                return
            raise
        for need in left:
            self.reasons[Wanted(need.address, need.asset)] = why
        self.gathered.states = self.reasons
        self.gathered.notes = sorted({*self.notes, *self.source.can.notes, *self.source.remarks()})


def _disagreement(mine: History, other: History) -> str:
    """In what two histories of one holding differ, "" if in nothing that both tell."""
    balances = ((mine.opening, other.opening), (mine.closing, other.closing))
    if any(a != b for a, b in balances if a is not None and b is not None):
        return "on its balance"
    differs = set(mine.txids) ^ set(other.txids)
    return f"on {len(differs)} of its transactions" if differs and not other.partial else ""


def wrong_chain(theft: Theft, chain: str) -> TheftError:
    """The fault of a theft on another chain than the source's."""
    return TheftError(f"theft {quoted(theft.id)} is on chain {quoted(theft.chain)}, the source is of {quoted(chain)}",
                      remedy="ask a source of its own chain")  # fmt: skip
