"""Safe reading of XML from outside: no document types, no entities, nothing fetched, bounded depth.

Invariant: memory follows the largest entry, not the file: a subtree that `take` is interested in is handed over as
soon as it is closed, and dropped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

from dyepack.errors import InputError, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_DEPTH = 64
MAX_ELEMENTS = 1 << 20
"""Elements that may be open or kept between two that are dropped."""
_SEPARATOR = "|"
BANK = ("the bank", "bank statement")
"""Who gives the documents, and what they are: for messages."""


@dataclass(slots=True)
class Node:
    """An element: its local name and namespace, attributes, text and children."""

    name: str
    space: str
    attributes: dict[str, str]
    line: int
    parts: list[str] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text directly in it."""
        return "".join(self.parts).strip()

    def all(self, *path: str) -> Iterator[Node]:
        """The elements at a path of local names below this one."""
        if not path:
            yield self
            return
        for child in self.children:
            if child.name == path[0]:
                yield from child.all(*path[1:])

    def first(self, *path: str) -> Node | None:
        """The first element at a path, or None."""
        return next(self.all(*path), None)

    def value(self, *paths: str) -> str:
        """The text of the first of some paths ("Refs/EndToEndId") that has one, or ""."""
        for path in paths:
            for node in self.all(*path.split("/")):
                if node.text:
                    return node.text
        return ""


def read_xml(file: str, data: bytes, closed: Callable[[list[Node]], bool], whose: tuple[str, str] = BANK) -> Node:
    """The tree of a document; `closed` sees the open elements (last: the one just closed) and says whether to drop it.

    `whose` says who gives it and what it is. InputError for what is not well-formed, for document types and entities,
    and for more than MAX_DEPTH levels.
    """
    reader = _Reader(file, closed, whose)
    try:
        reader.parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as fault:
        line = getattr(fault, "lineno", None)
        raise InputError(
            file, f"is not well-formed XML ({quoted(str(fault))})", line=line, remedy=reader.cut
        ) from fault
    if reader.root is None:
        raise InputError(file, "holds no XML element", remedy=reader.cut)
    return reader.root


class _Reader:
    def __init__(self, file: str, closed: Callable[[list[Node]], bool], whose: tuple[str, str]) -> None:
        self.file, self.closed = file, closed
        self.giver, self.sort = whose
        self.cut = f"ask {self.giver} for the file again: it may have been cut short or changed on the way"
        self.stack: list[Node] = []
        self.root: Node | None = None
        self.kept = 0
        self.parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise InputError(
                self.file, f"has elements in more than {MAX_DEPTH} levels: no {self.sort} has",
                line=self.parser.CurrentLineNumber, remedy=self.cut,
            )  # fmt: skip
        self.kept += 1
        if self.kept > MAX_ELEMENTS:
            raise InputError(
                self.file, f"has more than {MAX_ELEMENTS:,} elements in one entry, or outside of entries",
                line=self.parser.CurrentLineNumber, remedy=self.cut,
            )  # fmt: skip
        space, _, local = name.rpartition(_SEPARATOR)
        node = Node(local, space, attributes, self.parser.CurrentLineNumber)
        if self.stack:
            self.stack[-1].children.append(node)
        self.root = self.root or node
        self.stack.append(node)

    def _end(self, _name: str) -> None:
        dropped = self.closed(self.stack)
        self.stack.pop()
        if dropped and self.stack:
            self.stack[-1].children.pop()
            self.kept = 0

    def _text(self, text: str) -> None:
        self.stack[-1].parts.append(text)

    def _doctype(self, *_: object) -> None:
        raise InputError(
            self.file, f"declares a document type, by which XML can hide entities: no {self.sort} has one",
            line=self.parser.CurrentLineNumber, remedy=f"ask {self.giver} for the file again; do not trust this one",
        )  # fmt: skip
