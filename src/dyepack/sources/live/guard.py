"""Which addresses a source may live at: public ones, and others only where the user named the host.

A host is read in one spelling each: a dotted IPv4 address in decimal, an IPv6 address in brackets, or a name of ASCII
labels. Other spellings (octal, hexadecimal, short, a single number, zone ids, trailing dots, Unicode) are refused, so
that two readers of one text cannot see two hosts. A name is resolved once for each connection, every address of the
answer is checked, and the connection goes to one of these; the socket is checked once more when it is made.
Invariant: no connection is opened to an address that `refusal` refuses, unless its host was named by the user; one
that hands out credentials of a machine (metadata) only if the address itself was named.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver, ResolveResult

from dyepack.errors import quoted
from dyepack.sources.live.errors import Forbidden

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiohttp.connector import AddrInfoType

    LookUp = Callable[[str, int], Awaitable[Sequence[str]]]

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOCAL_NAMES = ("localhost", "local", "internal", "lan", "home.arpa", "intranet", "corp", "home")

_NOT_PUBLIC_4 = tuple(map(ipaddress.IPv4Network, (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/3", "168.63.129.16/32",
)))  # fmt: skip
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_CARRIES_4 = tuple(map(ipaddress.IPv6Network, ("::ffff:0:0/96", "64:ff9b::/96")))
_METADATA = tuple(map(ipaddress.ip_network, (
    "169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "fd20:ce::/32", "100.100.100.200/32", "168.63.129.16/32",
    "192.0.0.192/32",
)))  # fmt: skip


def read_host(text: str) -> str:
    """A host in its one spelling, IPv6 without brackets; Forbidden for every other spelling."""
    host = text.lower() if text.isascii() else ""
    if host.startswith("[") and host.endswith("]"):
        try:
            return ipaddress.IPv6Address(_no_zone(host[1:-1])).compressed
        except ValueError:
            raise _unusual(text) from None
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise _unusual(text) from None
    if len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise _unusual(text)
    return host


def _no_zone(text: str) -> str:
    return "" if "%" in text else text


def _unusual(text: str) -> Forbidden:
    return Forbidden(
        f"the host {quoted(text)} is not spelled as a host name or a plain address",
        remedy="write the host as it is registered, or its address in the usual form (127.0.0.1, [::1])",
    )


def refusal(text: str) -> str:
    """Why an address is not public, "" if it is."""
    address = ipaddress.ip_address(_no_zone(text) or "::")
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in net for net in _CARRIES_4):
            return refusal(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        public = address in _PUBLIC_6 and not any(address in net for net in _NOT_PUBLIC_6)
    else:
        public = not any(address in net for net in _NOT_PUBLIC_4)
    if public:
        return ""
    return "hands out a machine's credentials" if is_metadata(text) else "is private, local or reserved"


def is_metadata(text: str) -> bool:
    """Whether an address is one at which clouds tell a machine its credentials."""
    address = ipaddress.ip_address(_no_zone(text) or "::")
    if isinstance(address, ipaddress.IPv6Address) and any(address in net for net in _CARRIES_4):
        address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return any(address in net for net in _METADATA)


def is_address(host: str) -> bool:
    """Whether a host, as `read_host` gives it, is an address and no name."""
    return ":" in host or bool(_NUMBER.fullmatch(host.rpartition(".")[2]))


def is_named(host: str, port: int, allow: Sequence[str]) -> bool:
    """Whether the user named this host (`name`, `address`, either with `:port`); nothing is resolved for it."""
    shown = f"[{host}]" if ":" in host else host
    return any(entry.lower() in {host, shown, f"{shown}:{port}"} for entry in allow)


def check_host(host: str, *, named: bool) -> None:
    """Forbidden if a host must not be asked at all; what a name stands for is checked when it is resolved."""
    if named:
        return
    why = refusal(host) if is_address(host) else ""
    local = not is_address(host) and any(host == n or host.endswith("." + n) for n in _LOCAL_NAMES)
    if why or local:
        raise forbidden(host, why or "is a name of a private network")


def forbidden(host: str, why: str) -> Forbidden:
    """The error for a host that is not to be asked."""
    return Forbidden(f"the host {quoted(host)} {why}", remedy=f"if it is meant, name it: --allow-host {host}")


async def system_look_up(host: str, port: int) -> Sequence[str]:
    """Every address that the system knows for a name."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guard(AbstractResolver):
    """Resolves the one host of an endpoint, and makes sockets to what it may be."""

    def __init__(self, host: str, *, named: bool, find: LookUp = system_look_up) -> None:
        self._host, self._named, self._find = host, named, find
        self.refused: Forbidden | None = None

    def why_not(self, address: str) -> str:
        """Why this endpoint may not be at an address, "" if it may."""
        if address == self._host and self._named:
            return ""
        if self._named and not is_address(self._host) and not is_metadata(address):
            return ""
        return refusal(address)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Every address of the name, all of them checked; Forbidden if one is refused."""
        addresses = [host] if is_address(host) else list(await self._find(host, port))
        for address in addresses:
            self._check(host, address)
        if not addresses:
            raise OSError(f"{host} has no address")
        return [
            ResolveResult(
                hostname=host, host=address, port=port, proto=0, flags=socket.AI_NUMERICHOST,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            )
            for address in addresses
        ]  # fmt: skip

    def socket(self, info: AddrInfoType) -> socket.socket:
        """A socket for a connection to an address, if it may be one: the last gate."""
        self._check(self._host, str(info[4][0]))
        made = socket.socket(info[0], info[1], info[2])
        made.setblocking(False)
        return made

    def _check(self, host: str, address: str) -> None:
        why = self.why_not(address)
        if why:
            place = host if host == address else f"{host} (at {address})"
            self.refused = Forbidden(
                f"the host {quoted(place)} {why}", remedy=f"if it is meant, name it: --allow-host {host}"
            )
            raise self.refused

    async def close(self) -> None:
        """Nothing to close."""
