"""Where a source lives: `KIND+URL`, secrets as `{NAME}`, options behind `#`.

    evm+https://host/v3/{KEY}                            a key in the path or the query
    evm+wss://host/ws/{KEY}                              JSON-RPC over WebSocket
    etherscan+https://host/v2/api?chainid=1&apikey={KEY}
    tron+https://host#header=TRON-PRO-API-KEY:{KEY}      a key in a header ("Authorization:Bearer%20{KEY}" too)
    core+http://{CORE_USER}:{CORE_PASSWORD}@127.0.0.1:8332   basic auth
    core+http://{CORE_COOKIE}@127.0.0.1:8332             "user:password" in one: CORE_COOKIE_FILE=~/.bitcoin/.cookie

Where values come from: credentials.py. Options: `rate` (requests a second, 0 for no limit), `parallel` (requests at a
time), `batch` (calls in one JSON-RPC request), `count=calls` (the host counts each call of a batch); none of them
changes what is asked or its evidence.
Invariant: an Endpoint holds no secret but a token written into its path, which `shown` masks; its host is spelled in
one way (guard.py), and is public unless `allow` names it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote

from dyepack.errors import UsageError, quoted
from dyepack.sources.live.credentials import MASK, PLACEHOLDER
from dyepack.sources.live.errors import Forbidden
from dyepack.sources.live.guard import check_host, is_named, read_host

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dyepack.sources.live.credentials import Secrets

_TEXT = re.compile(
    r"(?P<kind>[a-z][a-z0-9-]*)\+(?P<scheme>https?|wss?)://(?:(?P<user>[^@/?#]*)@)?(?P<host>\[[^\]/?#@]*\]|[^:/?#@\[\]]*)"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>/[^?#@]*)?(?:\?(?P<query>[^#@]*))?(?:#(?P<options>.*))?"
)
_USERINFO = re.compile(r"\{\w+\}(:\{\w+\})?")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/-]*")
_SECRET_NAME = re.compile(r"key|token|secret|passw|pwd|auth|credential|signature", re.IGNORECASE)
_TOKEN_LIKE = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9_-]{16,}|[A-Za-z0-9_-]{32,}")
_HEADER = re.compile(r"([A-Za-z0-9-]+):((?:[A-Za-z]+ )?\{\w+\})")
_OPTIONS = {"rate", "parallel", "batch", "count", "header"}
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


@dataclass(frozen=True, slots=True)
class Options:
    """What a host allows; None: dyepack's own choice."""

    rate: float | None = None
    parallel: int = 8
    batch: int = 100
    count_calls: bool = False
    header: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Endpoint:
    """One source's address. `named`: its host was named by the user, so that it may be private."""

    kind: str
    scheme: str
    userinfo: str
    host: str
    port: int
    path: str
    query: tuple[tuple[str, str], ...]
    options: Options
    named: bool

    @classmethod
    def parse(cls, text: str, allow: Sequence[str] = ()) -> Endpoint:
        """Read a source; UsageError if it is none, Forbidden for a secret in the open or a host that is guarded."""
        found = _TEXT.fullmatch(text) if text.isprintable() and " " not in text and "\\" not in text else None
        if found is None:
            raise _no_source(text)
        if found["user"] is not None and not _USERINFO.fullmatch(found["user"]):
            raise _in_the_open("a user or password", "{NAME}:{PASSWORD}@")
        host, scheme = read_host(found["host"]), found["scheme"]
        port = int(found["port"] or _PORTS[scheme])
        if not 0 < port < 65536:
            raise UsageError(f"the port {port} of a source does not exist", remedy="write one from 1 to 65535")
        path, query = found["path"] or "", _read_query(found["query"] or "")
        if not is_plain(PLACEHOLDER.sub("x", path)):
            raise UsageError(f"the path of the source at {quoted(host)} is not plain", remedy=_PATH_REMEDY)
        named = is_named(host, port, allow)
        check_host(host, named=named)
        made = cls(
            found["kind"],
            scheme,
            found["user"] or "",
            host,
            port,
            path,
            query,
            _read_options(found["options"] or ""),
            named,
        )
        if made.names and scheme in {"http", "ws"} and not named:
            raise Forbidden(
                f"the source at {quoted(host)} would be sent a secret over {scheme}, for everyone on the way to read",
                remedy=f"use {scheme}s, or name the host if the way there is safe: --allow-host {host}",
            )
        return made

    def __repr__(self) -> str:
        return f"Endpoint({self.kind}+{self.shown})"

    @property
    def shown(self) -> str:
        """The base URL without secrets: this is what evidence is kept under."""
        return self.show()

    @property
    def is_socket(self) -> bool:
        """Whether it speaks WebSocket."""
        return self.scheme in {"ws", "wss"}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its secrets."""
        parts = [self.userinfo, self.path, *(value for _, value in self.query), (self.options.header or ("", ""))[1]]
        return tuple(dict.fromkeys(PLACEHOLDER.findall("/".join(parts))))

    @property
    def masked(self) -> tuple[str, ...]:
        """Parts that look like tokens written out: secrets as well, as far as one can tell."""
        parts = self.path.split("/") + [value for _, value in self.query]
        return tuple(part for part in parts if _TOKEN_LIKE.fullmatch(part))

    def show(self, path: str = "", query: Mapping[str, str] | None = None) -> str:
        """The URL of a request, without secrets."""
        own = "/".join(MASK if _TOKEN_LIKE.fullmatch(part) else part for part in self.path.split("/"))
        pairs = [(name, MASK if _TOKEN_LIKE.fullmatch(value) else value) for name, value in self.query]
        return self._origin() + _joined(own, path) + _spelled(pairs, query)

    def url(self, secrets: Secrets, path: str = "", query: Mapping[str, str] | None = None) -> str:
        """The URL to ask, secrets filled in; not for any text."""
        own = secrets.fill(self.path, lambda value: quote(value, safe=""))
        pairs = [(n, secrets.fill(v, lambda value: quote(value, safe=""))) for n, v in self.query]
        return self._origin() + _joined(own, path) + _spelled(pairs, query)

    def headers(self, secrets: Secrets) -> dict[str, str]:
        """The headers that carry secrets."""
        made = {"Authorization": secrets.basic(self.userinfo)} if self.userinfo else {}
        if self.options.header:
            name, value = self.options.header
            made[name] = secrets.fill(value)
        return made

    def _origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port != _PORTS[self.scheme] else "")


_PATH_REMEDY = "use letters, digits and ._~- between single slashes, and {NAME} for a secret"


def is_plain(path: str) -> bool:
    """Whether a path says the same to every reader: no dots that climb, no double slash, nothing encoded."""
    return bool(_PLAIN_PATH.fullmatch(path)) and "//" not in path and not {".", ".."} & set(path.split("/"))


def _joined(own: str, path: str) -> str:
    return own.rstrip("/") + "/" + path.lstrip("/") if path else own


def _spelled(own: Sequence[tuple[str, str]], query: Mapping[str, str] | None) -> str:
    pairs = [f"{name}={value}" if value else name for name, value in own]
    pairs += [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in (query or {}).items()]
    return "?" + "&".join(pairs) if pairs else ""


def _no_source(text: str) -> UsageError:
    kind = re.match(r"[a-z0-9+-]{1,30}://", text)
    return UsageError(
        f"a source{' that begins with ' + quoted(kind[0]) if kind else ''} is not written as KIND+URL",
        remedy="write for example evm+https://host/{KEY}, esplora+https://host/api or core+http://127.0.0.1:8332",
    )


def _in_the_open(what: str, write: str) -> Forbidden:
    return Forbidden(
        f"{what} stands in the source itself, where cases, logs and shells keep it",
        remedy=f"write {write} there and set the environment variable of that name, or its keyring entry",
    )


def _read_query(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [(part.partition("=")[0], part.partition("=")[2]) for part in text.split("&") if part]
    for name, value in pairs:
        if _SECRET_NAME.search(unquote(name)) and value and not PLACEHOLDER.fullmatch(value):
            raise _in_the_open(f"the value of {quoted(unquote(name))}", f"{name}={{NAME}}")
    if not re.fullmatch(r"[A-Za-z0-9._~!$'()*+,;:/%-]*", PLACEHOLDER.sub("", "".join(n + v for n, v in pairs))):
        raise UsageError("the query of a source has characters that a URL may not have", remedy="encode them: %20")
    return tuple(pairs)


def _read_options(text: str) -> Options:
    made = Options()
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name == "rate" and re.fullmatch(r"\d{1,6}(\.\d{1,3})?", value):
            made = replace(made, rate=float(value))
        elif name == "parallel" and re.fullmatch(r"[1-9]\d{0,2}", value):
            made = replace(made, parallel=int(value))
        elif name == "batch" and re.fullmatch(r"[1-9]\d{0,2}", value):
            made = replace(made, batch=int(value))
        elif name == "count" and value in {"calls", "requests"}:
            made = replace(made, count_calls=value == "calls")
        elif name == "header" and (found := _HEADER.fullmatch(value)):
            made = replace(made, header=(found[1], found[2]))
        else:
            raise UsageError(
                f"{'the option ' + name if name in _OPTIONS else 'an option'} of a source is not written as it must be",
                remedy="rate=5, parallel=4, batch=50, count=calls, header=Name:{SECRET}",
            )
    return made
