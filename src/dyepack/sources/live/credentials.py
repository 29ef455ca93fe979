"""Secrets of an endpoint: where their values come from, and how every text that leaves is freed of them.

A placeholder `{NAME}` is filled from the environment variable NAME; else from the file that NAME_FILE names (so a
node's cookie file works: CORE_COOKIE_FILE=~/.bitcoin/.cookie); else from the keyring, service "dyepack", user NAME.
Invariant: values live in this object only, it never prints them, and `scrub` knows each of them in every spelling in
which a request or a server's echo carries it: as it is, URL-encoded, as JSON, in base64 (basic auth) and hexadecimal.
"""

from __future__ import annotations

import base64
import html
import importlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from dyepack.sources.live.errors import Forbidden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
SHORTEST = 8
SERVICE = "dyepack"
MASK = "***"
_ECHOES = 2
"""An echo of an echo is spelled twice; what is spelled more often is looked at no further."""
_SPELL: tuple[Callable[[str], str], ...] = (
    quote, quote_plus, lambda text: quote(text, safe=""), lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
)  # fmt: skip


def secret_of(name: str) -> str | None:
    """The value of a secret, or None if no place has one."""
    if value := os.environ.get(name):
        return value
    if file := os.environ.get(name + "_FILE"):
        try:
            return Path(file).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise Forbidden(
                f"the file that {name}_FILE names cannot be read", remedy=f"correct {name}_FILE, or set {name}"
            ) from None
    return _from_keyring(name)


def _from_keyring(name: str) -> str | None:
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        return None
    try:
        value = keyring.get_password(SERVICE, name)
    except keyring.errors.KeyringError:
        return None
    return value if isinstance(value, str) else None


_ESCAPED = re.compile(rb"\\u00(2[013-9a-fA-F]|[3467][0-9a-fA-F]|5[0-9abABd-fD-F])")
"""A printable character as JSON may escape it; quotes and backslashes stay as they are."""


class Secrets:
    """The secrets of one endpoint; values are looked up once, when first needed."""

    def __init__(
        self, names: Iterable[str], literals: Iterable[str] = (), find: Callable[[str], str | None] = secret_of
    ) -> None:
        self._names = tuple(dict.fromkeys(names))
        self._values: dict[str, str] | None = None if self._names else {}
        self._find = find
        self._hidden: dict[str, str] = {}
        for literal in literals:
            self._hide(literal, MASK)
        self._compile()

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self._names)})"

    def __reduce__(self) -> str:
        raise TypeError("secrets are not written anywhere")

    def resolve(self) -> None:
        """Look the values up; Forbidden names the one that no place has, or that is too short to be told apart."""
        if self._values is not None:
            return
        values = {}
        for name in self._names:
            value = self._find(name)
            if not value:
                raise Forbidden(
                    f"the source needs the secret {name}, which is not set",
                    remedy=f"set the environment variable {name}, or {name}_FILE, or say: keyring set {SERVICE} {name}",
                )
            if any(len(part) < SHORTEST for part in self._parts(name, value)) or not (
                value.isascii() and value.isprintable()
            ):
                raise Forbidden(
                    f"the secret {name} is too short, or not plain text: it could not be found again in a log",
                    remedy=f"use one of at least {SHORTEST} printable ASCII characters",
                )
            values[name] = value
        for name, value in values.items():
            self._hide(value, "{" + name + "}")
            for part in self._parts(name, value):
                self._hide(part, "{" + name + "}")
        self._values = values
        self._compile()

    @staticmethod
    def _parts(name: str, value: str) -> list[str]:
        """What of a value must not be seen: of "user:password" (a cookie) the password; of a user's name nothing."""
        if "USER" in name.upper() and ":" not in value:
            return []
        return [value.partition(":")[2] if ":" in value else value]

    def fill(self, template: str, spell: Callable[[str], str] = str) -> str:
        """A text with its placeholders filled, each value spelled by `spell`."""
        self.resolve()
        values = self._values or {}
        return PLACEHOLDER.sub(lambda found: spell(values[found[1]]), template)

    def basic(self, userinfo: str) -> str:
        """The value of an Authorization header for `{USER}:{PASSWORD}` or `{COOKIE}`; hidden from now on as well."""
        filled = self.fill(userinfo)
        coded = base64.b64encode(filled.encode()).decode()
        if filled not in self._hidden:
            self._hide(filled, "{" + "}:{".join(PLACEHOLDER.findall(userinfo)) + "}")
            self._compile()
        return "Basic " + coded

    def _hide(self, value: str, instead: str) -> None:
        if len(value) < SHORTEST:
            return
        raw = value.encode()
        spellings = {
            value, value.rstrip("="), html.escape(value), raw.hex(), base64.b64encode(raw).decode().rstrip("="),
            base64.urlsafe_b64encode(raw).decode().rstrip("="),
        }  # fmt: skip
        for _ in range(_ECHOES):
            spellings |= {again(spelling) for spelling in spellings for again in _SPELL}
        for spelling in spellings:
            if len(spelling) >= SHORTEST:
                self._hidden.setdefault(spelling, instead)

    def _compile(self) -> None:
        longest_first = sorted(self._hidden, key=lambda s: (-len(s), s))
        self._pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if longest_first else None
        self._by_lower = {spelling.lower(): instead for spelling, instead in self._hidden.items()}
        raw = "|".join(map(re.escape, longest_first)).encode()
        self._bytes = re.compile(raw, re.IGNORECASE) if longest_first else None
        self._lower_bytes = [spelling.encode().lower() for spelling in longest_first]

    def scrub(self, text: str) -> str:
        """A text without the values of secrets."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: self._by_lower.get(found[0].lower(), MASK), text)

    def scrub_body(self, body: bytes) -> tuple[bytes, int]:
        """A body without the values of secrets, and how many there were."""
        if self._bytes is None:
            return body, 0
        spellings = [body]
        while len(spellings) <= _ECHOES and b"\\u00" in spellings[-1]:  # JSON may spell any character so
            spellings.append(_ESCAPED.sub(lambda m: bytes([int(m[1], 16)]), spellings[-1]))
        for plain in reversed(spellings):  # the plainest spelling says the same
            low = plain.lower()
            if any(spelling in low for spelling in self._lower_bytes):
                return self._bytes.subn(
                    lambda m: self._by_lower.get(m[0].decode(errors="replace").lower(), MASK).encode(), plain
                )
        return body, 0
