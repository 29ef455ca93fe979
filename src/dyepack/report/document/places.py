"""Places in the files of a case: how a fact names what it is made of, and how that is found.

    statement.json#/terminals/3/amounts/fifo          a JSON pointer (RFC 6901) into one file
    moves.csv#/17/units                               a row (from 0) and a column of a table
    statement.json#/terminals/?stop=service&asset=native/amounts/fifo
                                                      of a list every element with these fields (values %-encoded;
                                                      "tag.evidence": a field of a field,
                                                      "amounts.fifo!=0": without this value)
    statement.json#/terminals/*/place                 every element

Invariant: a place is found by its text alone; one that names nothing is a fault of the report, never nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from dyepack.errors import DyepackError, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping


class PlaceError(DyepackError):
    """A place that is not in the case."""

    def __init__(self, ref: str) -> None:
        super().__init__(f"the report names {quoted(ref)}, which is not in the case",
                         remedy="this is a fault in dyepack; please report it with the case folder")  # fmt: skip


def ref(file: object, *steps: object) -> str:
    """The place at these steps: keys and numbers, or a dict of fields that an element must have."""
    return f"{file}#" + "".join(f"/{_step(step)}" for step in steps)


def _step(step: object) -> str:
    if isinstance(step, dict):
        return "?" + "&".join(f"{_safe(name)}={_safe(value)}" for name, value in step.items())
    text = str(step)
    return text if text == "*" else _safe(text)


def _safe(value: object) -> str:
    text = str(value)
    return text if text.isalnum() and text.isascii() else quote(text, safe=" :,.@()+-_!", errors="surrogatepass")


def _raw(text: str) -> str:
    return unquote(text, errors="surrogatepass") if "%" in text else text


def find(files: Mapping[str, Any], ref: str) -> list[Any]:
    """Everything at a place, in the order of the file; PlaceError if the place, or a plain step of it, is not there."""
    name, hash_, pointer = ref.partition("#")
    if not hash_ or name not in files:
        raise PlaceError(ref)
    found = [files[name]]
    for step in pointer.split("/")[1:]:
        try:
            found = [value for held in found for value in _at(held, step)]
        except (KeyError, IndexError, ValueError, TypeError) as fault:
            raise PlaceError(ref) from fault
    return found


def _at(held: Any, step: str) -> list[Any]:
    if step == "*":
        return list(held.values()) if isinstance(held, dict) else list(held)
    if step.startswith("?"):
        wanted = [pair.partition("=")[::2] for pair in step[1:].split("&")]
        fields = [(_raw(name), _raw(value)) for name, value in wanted]
        return [e for e in held if all(_fits(e, name, value) for name, value in fields)]
    return [held[int(step)] if isinstance(held, list) else held[_raw(step)]]


def _fits(element: Any, name: str, value: str) -> bool:
    """Whether a field has a value, or, where its name ends in "!", has another one."""
    return _field(element, name.removesuffix("!")) != value if name.endswith("!") else _field(element, name) == value


def _field(element: Any, name: str) -> str:
    """A field of an element as text; "tag.evidence" is one of the object in it, "" if that is null."""
    first, _, rest = name.partition(".")
    value = element[first]
    return ("" if value is None else str(value.get(rest, ""))) if rest else str(value)
