"""dyepack tags: keep lists of tags with their history, and ask what is said about an address.

Exit codes: 0; 4 if `import` or `audit` had to leave a statement unmatched because its address cannot be read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dyepack.cli import show

if TYPE_CHECKING:
    from dyepack.tags.audit import Audit, Difference
    from dyepack.tags.model import Tag, TagSet

tags_app = typer.Typer(
    name="tags", no_args_is_help=True, add_completion=False, rich_markup_mode=None,
    help="Who an address belongs to, by whose word, since when: lists of tags with their history.",
)  # fmt: skip

Store = Annotated[str, typer.Option("--store", "-s", help="The store: a file, or the URL of a database.")]
Files = Annotated[list[Path] | None, typer.Option("--tags", help="A file of tags (or a store); several times.")]
AsOf = Annotated[str, typer.Option("--as-of", help="As of a day, YYYY-MM-DD; today if not given.")]
Json = Annotated[bool, typer.Option("--json", help="The result as JSON.")]
Csv = Annotated[bool, typer.Option("--csv", help="The result as CSV.")]
_HEADER = ("address", "written", "network", "label", "kind", "confidence", "evidence", "source", "date", "actor",
           "first_seen", "last_seen", "withdrawn", "flaw", "sha256")  # fmt: skip
_SHOWN = 20


@tags_app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="Files of tags, each told by its content.")],
    store: Store,
    source: Annotated[str, typer.Option(help="Name of the list; of one list if several files are given.")] = "",
    date: Annotated[str, typer.Option(help="The day the list is of, YYYY-MM-DD, if it does not say so.")] = "",
    kind: Annotated[str | None, typer.Option(help="What the addresses are, where rows do not say.")] = None,
    confidence: Annotated[int | None, typer.Option(help="Confidence, 0 to 100, where rows do not say.")] = None,
    network: Annotated[str, typer.Option(help="The chain (bitcoin, XBT, tron ...), where rows do not say.")] = "",
    accept_shrink: Annotated[bool, typer.Option("--accept-shrink", help="Take an edition that lost many addresses.")]
        = False,
    json: Json = False,
) -> int:  # fmt: skip
    """Take lists into a store. What a newer edition of a list no longer says is withdrawn as of its day, and kept."""
    from dyepack.errors import EXIT_INCOMPLETE, EXIT_OK
    from dyepack.tags.importing import Words, import_lists, read_lists
    from dyepack.tags.store import Store as OpenStore

    lists = read_lists(files, Words(source, date, kind, confidence, network))
    with OpenStore.open(store, create=True) as opened:
        done = import_lists(opened, lists, accept_shrink=accept_shrink)
    for one in done:
        for text in one.tags.notes:
            show.note(f"tags: {text}")
    rows: list[dict[str, Any]] = [
            {"source": d.edition.source, "date": d.edition.day, "sha256": d.edition.sha256, "added": d.outcome.added,
             "withdrawn": d.outcome.withdrawn, "unchanged": d.outcome.unchanged, "before": d.outcome.before,
             "unmatched": len(d.tags.unmatched)} for d in done]  # fmt: skip
    if json:
        show.out(show.json_text(rows), None)
    else:
        show.out("".join(
            f"{_safe(r['source'])} as of {r['date']}: {r['added']:,} statements added, {r['withdrawn']:,} withdrawn, "
            f"{r['unchanged']:,} unchanged, {r['unmatched']:,} that match nothing\n" for r in rows), None)  # fmt: skip
    return EXIT_INCOMPLETE if any(d.tags.unmatched for d in done) else EXIT_OK


@tags_app.command("show")
def show_(
    address: Annotated[str, typer.Argument(help="An address, in any form.")],
    store: Store = "",
    tags: Files = None,
    network: Annotated[str, typer.Option(help="The chain that is meant; any if not given.")] = "",
    as_of: AsOf = "",
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show every statement about an address, which of them names it, and why."""
    from dyepack.errors import UsageError, quoted
    from dyepack.tags.addresses.reading import read_address
    from dyepack.tags.audit import why_named
    from dyepack.tags.load import check_network
    from dyepack.tags.model import differ, in_order

    show.one_form(json=json, csv=csv)
    day = _day(as_of)
    chain = check_network(network)
    read = read_address(address, chain)
    if not read.address:
        raise UsageError(f"{quoted(address)} cannot be read as an address: it {read.flaw}", remedy="check it")
    if read.flaw:
        show.note(f"the address as given {read.flaw}")
    found = in_order(_find(address, chain, store, tags or []), day)
    standing = [tag for tag in found if tag.stands(day)]
    naming = standing[0] if standing else None
    why, conflict = why_named(found, day), differ(standing)
    if csv:
        head = [*_HEADER, "standing", "names"]
        show.out(show.csv_text(head, [[*_cells(t), _standing(t, day), t is naming] for t in found]), None)
    elif json:
        rows = [_row(t) | {"standing": _standing(t, day), "names": t is naming} for t in found]
        show.out(show.json_text({"asked": address, "address": read.address, "as_of": day, "why": why,
                                 "conflict": conflict, "statements": rows}), None)  # fmt: skip
    else:
        show.out("\n".join(_screen(read.address, found, naming, day, f"{why}{_CONFLICT * conflict}")) + "\n", None)


_CONFLICT = "; statements that stand contradict each other"


def _screen(address: str, found: list[Tag], naming: Tag | None, day: str, why: str) -> list[str]:
    named = f"{_safe(naming.label) or 'no label'} ({naming.kind.value})" if naming else "not named"
    lines = [f"{_safe(address)} as of {day}: {named}: {why}"]
    for tag in found:
        lines.append(f"{'*' if tag is naming else ' '} {_safe(tag.label) or 'no label'}: {tag.kind.value}, confidence "
                     f"{tag.confidence}, {tag.evidence}, {_standing(tag, day)}")  # fmt: skip
        about = [f"source {_safe(tag.source)}", f"dated {tag.date or 'nowhere'}"]
        about += [f"last seen {tag.last_seen}"] if tag.last_seen else []
        about += [f"chain {_safe(tag.network)}"] if tag.network else []
        about += [f"actor {_safe(tag.actor)}"] if tag.actor else []
        about += [f"written {_safe(tag.raw)}"] if tag.raw else []
        about += [f"the address {_safe(tag.flaw)}"] if tag.flaw else []
        lines.append("    " + "; ".join(about))
    return lines


@tags_app.command("audit")
def audit_(
    files: Annotated[list[Path] | None, typer.Argument(help="Files of tags, or stores.")] = None,
    store: Store = "",
    as_of: AsOf = "",
    json: Json = False,
    csv: Csv = False,
) -> int:
    """Look tags over: counts, addresses that are not as they should be, contradictions, age of every source."""
    from dyepack.errors import EXIT_INCOMPLETE, EXIT_OK
    from dyepack.tags.audit import audit

    show.one_form(json=json, csv=csv)
    day = _day(as_of)
    known = _load(store, files or [])
    found = audit(known, day)
    for text in known.notes:
        show.note(f"tags: {text}")
    if json:
        show.out(show.json_text(found.to_json()), None)
    elif csv:
        rows = [["flawed", *_cells(t)] for t in found.flawed] + [["unmatched", *_cells(t)] for t in found.unmatched]
        rows += [["conflict", *_cells(t)] for a in dict.fromkeys([*found.conflicts, *found.kinds]) for t in known.of(a)]
        show.out(show.csv_text(["what", *_HEADER], rows), None)
    else:
        show.out("\n".join(_audit_lines(found)) + "\n", None)
    return EXIT_INCOMPLETE if found.unmatched else EXIT_OK


def _audit_lines(found: Audit) -> list[str]:
    lines = [f"{found.statements:,} statements about {found.addresses:,} addresses, as of {found.day}",
             f"{found.withdrawn:,} withdrawn; {found.undated:,} without any date; {found.repeats:,} say what "
             "others say",
             f"{len(found.conflicts):,} addresses with contradicting labels or ends; {len(found.kinds):,} with "
             "different kinds"]  # fmt: skip
    for name, counts in found.counts.items():
        lines.append(f"by {name}:")
        lines += [f"  {count:>9,}  {_safe(word)}" for word, count in list(counts.items())[:_SHOWN]]
        lines += [f"  and {len(counts) - _SHOWN:,} more (--json)"] if len(counts) > _SHOWN else []
    lines.append(f"{len(found.flawed):,} with something wrong, kept and matched:")
    lines += [f"  {_safe(t.raw or t.address)}: {_safe(t.flaw)}" for t in found.flawed[:_SHOWN]]
    lines.append(f"{len(found.unmatched):,} that match nothing:")
    lines += [f"  {_safe(t.raw)}: {_safe(t.flaw)}" for t in found.unmatched[:_SHOWN]]
    lines.append("age of the sources, the oldest first:")
    lines += [f"  {'?' if a.days < 0 else a.days:>6} days  {_safe(a.source)}" for a in found.ages[:_SHOWN]]
    return lines


@tags_app.command("diff")
def diff(
    old: Annotated[Path, typer.Argument(help="The older file of tags, or store.")],
    new: Annotated[Path, typer.Argument(help="The newer one.")],
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show what a newer list says otherwise: statements added, withdrawn and changed."""
    from collections import Counter

    from dyepack.tags.audit import difference
    from dyepack.tags.load import load

    show.one_form(json=json, csv=csv)
    found = difference(load(old), load(new))
    if json:
        show.out(show.json_text([{"what": d.what, "changes": [list(c) for c in d.changes()]} | _row(d.tag)
                                 for d in found]), None)  # fmt: skip
    elif csv:
        rows = [[d.what, _changes(d), *_cells(d.tag)] for d in found]
        show.out(show.csv_text(["what", "changes", *_HEADER], rows), None)
    else:
        count = Counter(d.what for d in found)
        lines = [f"{count['added']:,} added, {count['withdrawn']:,} withdrawn, {count['changed']:,} changed"]
        lines += [f"{d.what:9}  {_safe(d.tag.address or d.tag.raw)}  {_safe(d.tag.label)} ({d.tag.kind.value})"
                  f"{'  ' + _safe(_changes(d)) if d.changes() else ''}" for d in found]  # fmt: skip
        show.out("\n".join(lines) + "\n", None)


def _changes(one: Difference) -> str:
    return "; ".join(f"{name}: {was or 'nothing'} -> {now or 'nothing'}" for name, was, now in one.changes())


@tags_app.command("remove")
def remove(source: Annotated[str, typer.Argument(help="Name of the list.")], store: Store) -> None:
    """Remove a list from a store, with all its editions and its history."""
    from dyepack.tags.store import Store as OpenStore

    with OpenStore.open(store) as opened:
        gone = opened.remove(source)
    show.out(f"{_safe(source)}: removed, {gone:,} statements\n", None)


def _find(address: str, network: str, store: str, files: list[Path]) -> list[Tag]:
    """Everything that a store and files say about an address."""
    from dyepack.tags.store import Store as OpenStore

    found: list[Tag] = []
    if store:
        with OpenStore.open(store) as opened:
            found += opened.find(address, network)
    if files or not store:
        found += _load("", files).find(address, network)
    return found


def _load(store: str, files: list[Path]) -> TagSet:
    from dyepack.errors import UsageError
    from dyepack.tags.load import load
    from dyepack.tags.model import TagSet
    from dyepack.tags.store import Store as OpenStore

    if not store and not files:
        raise UsageError("no tags are given", remedy="name a store by --store, or files of tags")
    known = TagSet()
    for file in files:
        known.merge(load(file))
    if store:
        with OpenStore.open(store) as opened:
            known.merge(opened.load())
    return known


def _day(text: str) -> str:
    from dyepack.errors import UsageError
    from dyepack.tags.model import today
    from dyepack.tags.text import is_day

    if text and not is_day(text):
        raise UsageError(f"--as-of {text!a} is not a day", remedy="write it as YYYY-MM-DD")
    return text or today()


def _standing(tag: Tag, day: str) -> str:
    """Whether a statement stands on a day, in words."""
    if tag.withdrawn and tag.withdrawn <= day:
        return f"withdrawn {tag.withdrawn}"
    if tag.first_seen > day:
        return f"first made {tag.first_seen}"
    return f"stands since {tag.first_seen}" if tag.first_seen else "stands, nobody says since when"


def _row(tag: Tag) -> dict[str, Any]:
    return {name: getattr(tag, "raw" if name == "written" else name) for name in _HEADER}


def _cells(tag: Tag) -> list[Any]:
    return list(_row(tag).values())


def _safe(text: str) -> str:
    from dyepack.sinks import for_terminal

    return for_terminal(text)
