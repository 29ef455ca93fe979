"""Arguments of calls and events of EVM contracts: 32-byte words into values, as a contract would read them.

Forms that are read: address, bool, uint8 to uint256, bytes32, bytes, string, arrays of one-word types, and tuples of
one-word types. Offsets and lengths must lie inside the data; what follows the arguments, and the padding of bytes and
strings, is ignored, as contracts ignore it.

Invariant: anything else is AbiError; the work is bounded by the number of types times the length of the data, which is
capped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dyepack.keccak import keccak256

if TYPE_CHECKING:
    from collections.abc import Sequence

WORD = 32
MAX_DATA = 1 << 17
"""Bytes of the longest data that is decoded: what a node lets into its pool."""

_UINT = re.compile(r"uint(8|16|32|64|128|256)")
_NAMED = re.compile(r"\s*(\([^()]*\)|[a-z0-9]+)((?:\[\])?)\s*((?:indexed )?)\s*(\w*)\s*")
_SPLIT = re.compile(r",(?![^()]*\))")


class AbiError(ValueError):
    """The data is not what its types say."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a form: its name, its type as in the signature, and whether an event has it as a topic."""

    name: str
    type: str
    indexed: bool


@dataclass(frozen=True, slots=True)
class Form:
    """A function or an event: its name, its arguments, and the signature that is hashed."""

    name: str
    arguments: tuple[Argument, ...]

    @property
    def signature(self) -> str:
        """The name and the types."""
        return f"{self.name}({','.join(a.type for a in self.arguments)})"


@lru_cache(maxsize=256)
def form(text: str) -> Form:
    """A form written as in Solidity's interfaces, with names: "deposit(address vault,uint256 amount)"."""
    name, _, rest = text.strip().partition("(")
    arguments = []
    for piece in _SPLIT.split(rest[: rest.rindex(")")]):
        if not piece.strip():
            continue
        found = _NAMED.fullmatch(piece)
        if found is None:
            raise ValueError(f"{piece!r} is no argument")
        arguments.append(Argument(found[4], found[1].replace(" ", "") + found[2], bool(found[3])))
    return Form(name.strip(), tuple(arguments))


@lru_cache(maxsize=256)
def topic(signature: str) -> bytes:
    """The first topic of an event."""
    return keccak256(signature.encode("ascii"))


def selector(signature: str) -> bytes:
    """The first four bytes of a call."""
    return topic(signature)[:4]


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """The values of the types: int, bool, "0x..." for an address, bytes, str, and tuples of these.

    A string that is no UTF-8 keeps its odd bytes as backslash escapes. Raises AbiError.
    """
    if len(data) > MAX_DATA:
        raise AbiError(f"has {len(data)} bytes, more than {MAX_DATA}")
    values = []
    at = 0
    for kind in types:
        values.append(_value(kind, data, at))
        at += WORD * _words(kind)
    return tuple(values)


def named(arguments: Sequence[Argument], data: bytes) -> dict[str, Any]:
    """The values of arguments by name."""
    return dict(zip((a.name for a in arguments), decode([a.type for a in arguments], data), strict=True))


def one_word(kind: str, word: bytes) -> Any:
    """The value of a one-word type."""
    if len(word) != WORD:
        raise AbiError("ends in the middle of a word")
    number = int.from_bytes(word)
    if kind == "address":
        if number >> 160:
            raise AbiError("an address has more than 20 bytes")
        return "0x" + word[12:].hex()
    if kind == "bytes32":
        return word
    if kind == "bool":
        if number > 1:
            raise AbiError("a truth value is neither 0 nor 1")
        return bool(number)
    found = _UINT.fullmatch(kind)
    if found is None:
        raise AbiError(f"the type {kind} is not read")
    if number >> int(found[1]):
        raise AbiError(f"a number does not fit {kind}")
    return number


def _members(kind: str) -> list[str]:
    return kind[1:-1].split(",")


def _words(kind: str) -> int:
    """Words that a type takes in the head."""
    return len(_members(kind)) if kind.startswith("(") else 1


def _value(kind: str, data: bytes, at: int) -> Any:
    if kind.startswith("("):
        return tuple(one_word(m, data[at + WORD * n : at + WORD * (n + 1)]) for n, m in enumerate(_members(kind)))
    if kind in {"bytes", "string"}:
        start, length = _dynamic(data, at, 1)
        content = data[start : start + length]
        return content if kind == "bytes" else content.decode("utf-8", "backslashreplace")
    if kind.endswith("[]"):
        start, length = _dynamic(data, at, WORD)
        item = kind[:-2]
        return tuple(one_word(item, data[spot : spot + WORD]) for spot in range(start, start + WORD * length, WORD))
    return one_word(kind, data[at : at + WORD])


def _dynamic(data: bytes, at: int, size: int) -> tuple[int, int]:
    """Where the content of a dynamic value begins, and how many items of `size` bytes it has."""
    offset = one_word("uint256", data[at : at + WORD])
    if offset > len(data) - WORD:
        raise AbiError("an offset points past the end")
    length = one_word("uint256", data[offset : offset + WORD])
    start = offset + WORD
    if length * size > len(data) - start:
        raise AbiError("a length reaches past the end")
    return start, length
