"""The registry of thefts: what ships with the program, and a user's own beside it.

Invariant: one id names one incident or one source, over all files; every source that is named is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from dyepack.errors import InputError, UsageError, quoted
from dyepack.incidents.read import read_incidents, read_sources
from dyepack.incidents.table import Table, parse_toml, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dyepack.incidents.model import Incident, Source

MOST_FILES = 1000
_REMEDY = "mend the file; docs/incidents.md has the schema"


@dataclass(frozen=True, slots=True)
class Registry:
    """Incidents in order of their date, and the sources that they name."""

    incidents: tuple[Incident, ...]
    sources: dict[str, Source]

    def __iter__(self) -> Iterator[Incident]:
        return iter(self.incidents)

    def __len__(self) -> int:
        return len(self.incidents)

    def __getitem__(self, id_: str) -> Incident:
        for incident in self.incidents:
            if incident.id == id_:
                return incident
        raise UsageError(f"there is no incident {quoted(id_)}", remedy="see `dyepack incidents list` for the ids")

    def select(
        self, *, year: int | None = None, actor: str | None = None, source_code: str | None = None,
        kind: str | None = None, region: str | None = None,
    ) -> Registry:  # fmt: skip
        """The incidents that fit every word given.

        `year` takes a date that may be in it; `source_code` (F, O, U, M, P, V) those that such a party attributes, to
        `actor` if that is given too.
        """
        found = [
            i for i in self.incidents
            if (year is None or year in i.date.years)
            and (kind is None or i.kind == kind)
            and (region is None or i.part_of_world == region)
            and ((actor is None and source_code is None) or any(
                (actor is None or a.actor == actor) and (source_code is None or a.code == source_code)
                for a in i.attributions))
        ]  # fmt: skip
        return Registry(tuple(found), self.sources)

    def merged(self, other: Registry) -> Registry:
        """Both together; InputError if an id is in both."""
        return _build([*self.incidents, *other.incidents], [*self.sources.values(), *other.sources.values()])


@cache
def registry() -> Registry:
    """The registry that ships with the program."""
    folder = resources.files("dyepack.incidents") / "data" / "incidents"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return _read(parse_toml((folder / name).read_bytes(), name) for name in names)


def read_registry(folder: Path, *, onto: Registry | None = None) -> Registry:
    """A user's own files (*.toml of a folder), added to the registry that ships, or to `onto`.

    Their incidents may name its sources. Raises InputError that names file, entry and field, also for an id that
    either has already.
    """
    base = registry() if onto is None else onto
    if not folder.is_dir():
        raise InputError(folder, "is not a folder", remedy="give a folder with TOML files")
    files = sorted(folder.glob("*.toml"))
    if not files or len(files) > MOST_FILES:
        problem = "holds no .toml file" if not files else f"holds more than {MOST_FILES} files"
        raise InputError(folder, problem, remedy="docs/incidents.md says what a registry looks like")
    return _read((read_toml(file) for file in files), base)


def _read(tables: Iterable[Table], base: Registry | None = None) -> Registry:
    incidents = list(base.incidents) if base else []
    sources = list(base.sources.values()) if base else []
    for table in tables:
        sources += read_sources(table)
        incidents += read_incidents(table)
        table.done()
    return _build(incidents, sources)


def _build(incidents: list[Incident], sources: list[Source]) -> Registry:
    known: dict[str, Source] = {}
    for source in sources:
        if source.id in known:
            raise _twice("source", source, known[source.id])
        known[source.id] = source
    seen: dict[str, Incident] = {}
    for incident in incidents:
        if incident.id in seen:
            raise _twice("incident", incident, seen[incident.id])
        seen[incident.id] = incident
        check_sources(incident, known)
    return Registry(tuple(sorted(incidents, key=lambda i: (i.date.first, i.date.last, i.id))), known)


def _twice(kind: str, entry: Incident | Source, first: Incident | Source) -> InputError:
    return InputError(
        entry.file,
        f"{kind} {quoted(entry.id)}, field 'id': is a duplicate, {Path(first.file).name} has it already",
        remedy="give it another id, or leave it out",
    )


def check_sources(incident: Incident, known: dict[str, Source]) -> None:
    """InputError if the incident names a source that is not there."""
    named = [("source", incident.source), *((f"cite, {name}", ids) for name, ids in incident.cite.items())]
    named += [("taken", t.source) for t in incident.taken]
    if incident.loss:
        named += [("loss", incident.loss.source), *(("loss, figure", f.source) for f in incident.loss.figures)]
    if incident.attempt:
        named.append(("attempt", incident.attempt.source))
    for a in incident.attributions:
        named += [("attribution", a.source), *(("disputed_by", d.source) for d in a.disputes)]
    named += [("address", p.source) for p in incident.addresses]
    named += [("transaction", p.source) for p in incident.transactions]
    for where, ids in named:
        for id_ in ids:
            if id_ not in known:
                raise InputError(
                    incident.file,
                    f"incident {quoted(incident.id)}, field {quoted(where)}: there is no source {quoted(id_)}",
                    remedy=_REMEDY,
                )
