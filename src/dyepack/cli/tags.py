"""dyepack tags: keep lists of tags with their history, and ask what is said about an address.

Exit codes: 0; 4 if `import` or `audit` had to leave a statement unmatched because its address cannot be read, and if
`show` was asked about a text that may be no address, or a mistyped one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dyepack.cli import show
from dyepack.cli.options import AsCsv, AsJson

if TYPE_CHECKING:
    from dyepack.tags.audit import Audit, Difference
    from dyepack.tags.model import Tag, TagSet

tags_app = typer.Typer(
    name="tags", no_args_is_help=True, add_completion=False, rich_markup_mode=None,
    help="Who an address belongs to, by whose word, since when: lists of tags with their history.",
)  # fmt: skip

Store = Annotated[list[str], typer.Option("--store", "-s", help="The store: a file, or the URL of a database.")]
Stores = Annotated[list[str] | None, typer.Option("--store", "-s", help="A store: a file, or the URL of a database; "
                                                  "several times.")]  # fmt: skip
Files = Annotated[list[Path] | None, typer.Option("--tags", help="A file of tags (or a store); several times.")]
AsOf = Annotated[str, typer.Option("--as-of", help="As of a day, YYYY-MM-DD; today if not given.")]
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
    json: AsJson = False,
) -> int:  # fmt: skip
    """Take lists into a store. What a newer edition of a list no longer says is withdrawn as of its day, and kept."""
    from dyepack.errors import EXIT_INCOMPLETE, EXIT_OK
    from dyepack.tags.importing import Words, import_lists, read_lists
    from dyepack.tags.store import Store as OpenStore

    where = _one(store)
    lists = read_lists(files, Words(source, date, kind, confidence, network))
    with OpenStore.open(where, create=True) as opened:
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
            f"{_safe(r['source'])} as of {r['date']}: {_statements(r['added'])} added, {r['withdrawn']:,} withdrawn, "
            f"{r['unchanged']:,} unchanged, {r['unmatched']:,} that match nothing\n" for r in rows), None)  # fmt: skip
    return EXIT_INCOMPLETE if any(d.tags.unmatched for d in done) else EXIT_OK


@tags_app.command("show")
def show_(
    address: Annotated[str, typer.Argument(help="An address, in any form.")],
    store: Stores = None,
    tags: Files = None,
    network: Annotated[str, typer.Option(help="The chain that is meant; any if not given.")] = "",
    as_of: AsOf = "",
    json: AsJson = False,
    csv: AsCsv = False,
) -> int:
    """Show every statement about an address, which of them names it, and why."""
    from dyepack.errors import EXIT_INCOMPLETE, EXIT_OK
    from dyepack.tags.addresses.reading import doubt, read_address
    from dyepack.tags.audit import hints, why_named
    from dyepack.tags.contradiction import pair, told
    from dyepack.tags.load import check_network
    from dyepack.tags.model import in_order

    show.one_form(json=json, csv=csv)
    day = _day(as_of)
    chain = check_network(network)
    read, doubtful = read_address(address, chain), doubt(address, chain)
    if read.flaw:
        show.note(f"the address as given {read.flaw}")
    found = in_order(_find(address, chain, store or [], tags or []), day)
    standing = [tag for tag in found if tag.stands(day)]
    naming, both = standing[0] if standing else None, pair(standing)
    against = [told(tag) for tag in both or ()]
    why, more = why_named(found, day), hints(found, day)
    if csv:
        head = [*_HEADER, "standing", "names"]
        rows = [[*_doubtful_cells(address, doubtful), "may be no address", False]] if doubtful else []
        rows += [[*_cells(t), _standing(t, day), t is naming] for t in found]
        show.out(show.csv_text(head, rows), None)
    elif json:
        said = [_row(t) | {"standing": _standing(t, day), "names": t is naming} for t in found]
        show.out(show.json_text({"asked": address, "address": read.address, "doubt": doubtful, "as_of": day, "why": why,
                                 "conflict": bool(against), "contradicting": against, "hints": more,
                                 "statements": said}), None)  # fmt: skip
    else:
        lines = [f"{_safe(read.address or address)} as of {day}: {_named(naming)}: {why}"]
        lines += [f"! this may be no address, or a mistyped one: it {_safe(doubtful)}"] if doubtful else []
        lines += (
            [f"! statements that stand contradict each other: {_long(' against '.join(against))}"] if against else []
        )
        lines += [f"! {_long(text)}" for text in more]
        show.out("\n".join([*lines, *_screen(found, naming, day)]) + "\n", None)
    return EXIT_INCOMPLETE if doubtful and (read.flaw or not found) else EXIT_OK


def _doubtful_cells(address: str, doubtful: str) -> list[str]:
    """A row of _HEADER for a text that may be no address."""
    return [{"written": address, "flaw": doubtful}.get(name, "") for name in _HEADER]


def _named(naming: Tag | None) -> str:
    return f"{_safe(naming.label) or 'no label'} ({naming.kind.value})" if naming else "not named"


def _screen(found: list[Tag], naming: Tag | None, day: str) -> list[str]:
    lines = []
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
    store: Stores = None,
    as_of: AsOf = "",
    json: AsJson = False,
    csv: AsCsv = False,
) -> int:
    """Look tags over: counts, addresses that are not as they should be, contradictions, age of every source."""
    from dyepack.errors import EXIT_INCOMPLETE, EXIT_OK
    from dyepack.tags.audit import audit

    show.one_form(json=json, csv=csv)
    day = _day(as_of)
    known = _load(store or [], files or [])
    found = audit(known, day)
    for text in known.notes:
        show.note(f"tags: {text}")
    if json:
        show.out(show.json_text(found.to_json()), None)
    elif csv:
        rows = [["flawed", *_cells(t)] for t in found.flawed] + [["unmatched", *_cells(t)] for t in found.unmatched]
        unlike = dict.fromkeys([*(one.address for one in found.conflicts), *found.kinds])
        rows += [["conflict", *_cells(t)] for address in unlike for t in known.of(address, day)]
        show.out(show.csv_text(["what", *_HEADER], rows), None)
    else:
        show.out("\n".join(_audit_lines(found)) + "\n", None)
    return EXIT_INCOMPLETE if found.unmatched else EXIT_OK


def _audit_lines(found: Audit) -> list[str]:
    from dyepack.report.words import counted

    conflicts = found.conflicts
    lines = [f"{_statements(found.statements)} about {counted(found.addresses, 'address', 'addresses')}, as of "
             f"{found.day}",
             f"{found.withdrawn:,} withdrawn; {found.undated:,} without any date; {found.repeats:,} say what "
             "others say",
             f"{counted(len(conflicts), 'address', 'addresses')} with contradicting labels or ends"
             f"{':' if conflicts else ''}"]  # fmt: skip
    for one in conflicts[:_SHOWN]:
        lines.append(f"  {_safe(one.address)}")
        lines += [f"    {_long(text)}" for text in one.statements]
    lines += [f"  and {len(conflicts) - _SHOWN:,} more (--json)"] if len(conflicts) > _SHOWN else []
    lines.append(f"{counted(len(found.kinds), 'address', 'addresses')} with different kinds")
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
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """Show what a newer list says otherwise: statements added, withdrawn and changed."""
    from collections import Counter

    from dyepack.tags.audit import difference
    from dyepack.tags.load import load
    from dyepack.tags.text import storable

    show.one_form(json=json, csv=csv)
    found = difference(load(old), load(new), (storable(old.name), storable(new.name)))
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

    with OpenStore.open(_one(store)) as opened:
        gone = opened.remove(source)
    show.out(f"{_safe(source)}: removed, {_statements(gone)}\n", None)


def _one(stores: list[str]) -> str:
    """The store to write to. UsageError for several."""
    from dyepack.errors import UsageError

    if len(stores) > 1:
        raise UsageError("--store is given more than once", remedy="name the one store that is to be changed")
    return stores[0]


def _find(address: str, network: str, stores: list[str], files: list[Path]) -> list[Tag]:
    """Everything that stores and files say about an address."""
    from dyepack.tags.store import Store as OpenStore

    found: list[Tag] = []
    for store in dict.fromkeys(stores):
        with OpenStore.open(store) as opened:
            found += opened.find(address, network)
    if files or not stores:
        found += _load([], files).find(address, network)
    return list(dict.fromkeys(found))


def _load(stores: list[str], files: list[Path]) -> TagSet:
    from dyepack.errors import UsageError
    from dyepack.tags.load import load
    from dyepack.tags.model import TagSet
    from dyepack.tags.store import Store as OpenStore

    if not stores and not files:
        raise UsageError("no tags are given", remedy="name a store by --store, or files of tags")
    known = TagSet()
    for file in files:
        known.merge(load(file))
    for store in dict.fromkeys(stores):
        with OpenStore.open(store) as opened:
            known.merge(opened.load())
    return known


def _day(text: str) -> str:
    from dyepack.tags.model import today

    return show.day(text, "--as-of").isoformat() if text else today()


def _standing(tag: Tag, day: str) -> str:
    """Whether a statement stands on a day, in words."""
    if tag.withdrawn and tag.withdrawn <= day:
        return f"withdrawn {tag.withdrawn}"
    if tag.known_since > day:
        return f"not known to have been said before {tag.known_since}"
    if tag.first_seen:
        return f"stands since {tag.first_seen}"
    known = f"known since {tag.known_since}" if tag.known_since else "no day is told, so it stands on every day"
    return f"stands, nobody says since when; {known}"


def _statements(number: int) -> str:
    from dyepack.report.words import counted

    return counted(number, "statement")


def _row(tag: Tag) -> dict[str, Any]:
    return {name: getattr(tag, "raw" if name == "written" else name) for name in _HEADER}


def _cells(tag: Tag) -> list[Any]:
    return list(_row(tag).values())


def _long(text: str) -> str:
    """Longer outside text, made visible but not cut to a cell."""
    from dyepack.sinks import visible

    return visible(text, 2000)


def _safe(text: str) -> str:
    from dyepack.sinks import for_terminal

    return for_terminal(text)
