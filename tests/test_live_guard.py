"""Tricks to make dyepack talk to an address that it must not: none reaches."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyepack.errors import DyepackError, UsageError
from dyepack.sources.live.client import Limits, Settings
from dyepack.sources.live.endpoint import Endpoint
from dyepack.sources.live.errors import Forbidden, SourceError
from dyepack.sources.live.fetch import Call, Fetcher
from dyepack.sources.live.guard import Guard, is_address, read_host, refusal
from dyepack.sources.live.rates import Rates
from tests.effort import examples
from tests.servers import LOCAL, Reply, Server
from tests.test_live_transport import Time

UNROUTED = "3ffe::1"


class Canary:
    """A listener on every local address, IPv4 and IPv6, that counts who connects."""

    def __init__(self) -> None:
        self.reached = 0
        self.sockets = [socket.create_server(("0.0.0.0", 0))]  # noqa: S104
        self.port = self.sockets[0].getsockname()[1]
        with contextlib.suppress(OSError):
            self.sockets.append(socket.create_server(("::", self.port), family=socket.AF_INET6))
        for listener in self.sockets:
            threading.Thread(target=self._count, args=(listener,), daemon=True).start()

    def _count(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.reached += 1
            connection.close()

    def close(self) -> None:
        for listener in self.sockets:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    made = Canary()
    yield made
    made.close()


def attempt(text: str, *, allow: Sequence[str] = (), find: object = None, patient: bool = False) -> DyepackError:
    """What dyepack says when it is made to ask this source for something, by GET and by JSON-RPC."""

    async def inside() -> None:
        made = Settings(limits=Limits(connect=0.3), rates=Rates(Time()), find=find)  # type: ignore[arg-type]
        made.retry.attempts = 3 if patient else 1
        async with Fetcher(Endpoint.parse(text, allow), settings=made) as fetcher:
            if fetcher.endpoint.is_socket:
                await fetcher.rpc([Call("eth_chainId")])
            else:
                await fetcher.get("secret")

    with pytest.raises(DyepackError) as told:
        asyncio.run(inside())
    return told.value


SPELLINGS = [
    "127.0.0.1", "127.0.0.2", "localhost", "LOCALHOST", "localhost.", "a.localhost", "127.1", "127.0.1",
    "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1", "017700000001", "0177.0.0.1", "127.0.0.01",
    "127.000.000.001", "127.0.0.1.", "0", "0.0.0.0", "0x0", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]",  # noqa: S104
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::7f00:1]", "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001::1]", "[fe80::1%25lo]", "[::1%lo]", "[fd00::1]",
    "[fc00::1]", "[fec0::1]", "[ff02::1]", "[100::1]", "10.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.1.1", "100.64.0.1", "169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]",
    "0251.0376.0251.0376", "2852039166", "168.63.129.16", "100.100.100.200", "192.0.0.192",
    "metadata.google.internal", "metadata.local", "224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1",
    "192.0.2.1", "１２７.0.0.1", "127。0。0。1", "①②⑦.0.0.1", "ⓛocalhost", "loc\u00adalhost",
    "127.0.0.1%00.example.org", "127.0.0.1\\@example.org", "example.org\\.127.0.0.1",
    "example.org@127.0.0.1", "user:pw@127.0.0.1", "{A}@127.0.0.1", "example.org:80@127.0.0.1",
    "127.0.0.1\t", " 127.0.0.1", "127.0.0.1\r\nHost: x", "%31%32%37.0.0.1", "127.0.0.1#@example.org",
    "[127.0.0.1]", "[::1", "::1", "{HOST}", "",
]  # fmt: skip


@pytest.mark.parametrize("host", SPELLINGS)
@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_no_spelling_of_a_local_host_reaches(host: str, scheme: str, canary: Canary) -> None:
    for text in (f"evm+{scheme}://{host}:{canary.port}/", f"evm+{scheme}s://{host}:{canary.port}"):
        told = attempt(text)
        assert isinstance(told, (Forbidden, UsageError))
        assert told.remedy
    assert canary.reached == 0


@pytest.mark.parametrize(
    "text",
    [
        "evm+file:///etc/passwd", "evm+ftp://127.0.0.1", "evm+unix:///var/run/docker.sock",
        "http://127.0.0.1", "evm+http:127.0.0.1", "evm+http:/127.0.0.1", "evm+http:///127.0.0.1",
        "evm+gopher://127.0.0.1:70", "evm+http://example.org:0", "evm+http://example.org:99999",
        "evm+http://example.org:80:127.0.0.1", "evm+http+unix://x", "EVM+http://example.org",
        "evm+http://example.org/../x", "evm+http://example.org//x", "evm+http://example.org/%2e%2e",
        "evm+http://example.org/a?x=\u2028",
    ],
)  # fmt: skip
def test_other_schemes_and_malformed_sources_are_refused(text: str) -> None:
    with pytest.raises((UsageError, Forbidden)):
        Endpoint.parse(text)


NAMES = [
    ["127.0.0.1"], ["::1"], ["93.184.216.34", "127.0.0.1"], ["2606:2800::1", "::ffff:127.0.0.1"],
    ["169.254.169.254"], ["10.1.2.3"], ["0.0.0.0"], ["fe80::1%lo"], ["64:ff9b::7f00:1"], ["2002:7f00:1::"],  # noqa: S104
    ["fd00:ec2::254"], ["100.64.1.1"],

]  # fmt: skip


@pytest.mark.parametrize("addresses", NAMES)
def test_names_that_stand_for_private_addresses_do_not_reach(addresses: list[str], canary: Canary) -> None:
    """One bad address among good ones is enough: which one a connection takes is not ours to guess."""

    async def find(host: str, port: int) -> list[str]:
        return addresses

    for scheme in ("http", "ws"):
        told = attempt(f"evm+{scheme}://example.org:{canary.port}", find=find)
        assert isinstance(told, Forbidden)
    assert canary.reached == 0


def test_a_name_that_changes_its_address_does_not_reach(canary: Canary) -> None:
    """Public when first asked, private afterwards: each connection resolves once and takes what was checked."""
    answers = [[UNROUTED], ["127.0.0.1"], ["::1"]]
    asked = 0

    async def find(host: str, port: int) -> list[str]:
        nonlocal asked
        asked += 1
        return answers[min(asked, len(answers)) - 1]

    told = attempt(f"evm+http://example.org:{canary.port}", find=find, patient=True)
    assert isinstance(told, Forbidden)
    assert asked == 2
    assert canary.reached == 0


def test_the_last_gate_is_the_socket(canary: Canary) -> None:
    """Even if everything before it were wrong, no socket is made to an address that is not allowed."""
    guard = Guard("example.org", named=False)
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with pytest.raises(Forbidden):
            guard.socket((family, socket.SOCK_STREAM, 6, "", (address, canary.port)))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_to_local_addresses_do_not_reach(status: int, canary: Canary) -> None:
    with Server() as server:
        for scheme in ("http", "ws"):
            for place in (
                f"http://127.0.0.1:{canary.port}/",
                f"//127.0.0.1:{canary.port}",
                f"http://[::1]:{canary.port}",
            ):
                server.script(Reply(status=status, headers={"Location": place}))
                told = attempt(f"evm+{scheme}://127.0.0.1:{server.port}", allow=LOCAL)
                assert isinstance(told, SourceError)
                assert "sends dyepack on" in str(told)
        assert server.hits == 6
    assert canary.reached == 0


def test_proxies_of_the_environment_are_not_used(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    with Server() as server:
        server.answer(status=404)
        attempt(f"evm+{server.url}", allow=LOCAL)
        assert server.hits == 1
    assert canary.reached == 0


def test_what_the_user_names_is_reached_and_nothing_beside_it() -> None:
    with Server() as server:
        server.answer(status=404)
        for host, allow, reached in [
            ("127.0.0.1", ["127.0.0.1"], True), ("127.0.0.1", [f"127.0.0.1:{server.port}"], True),
            ("127.0.0.1", ["127.0.0.1:1"], False), ("127.0.0.1", ["localhost"], False),
            ("127.0.0.1", ["127.0.0"], False), ("localhost", ["localhost"], True),
            ("localhost", ["127.0.0.1"], False), ("localhost", ["LocalHost"], True),
            ("127.1", ["127.1"], False), ("127.0.0.2", ["127.0.0.1"], False),
            ("[::ffff:127.0.0.1]", ["127.0.0.1"], False), ("a.localhost", ["localhost"], False),
            ("127.0.0.1", ["*"], False), ("127.0.0.1", [""], False),
        ]:  # fmt: skip
            before = server.hits
            told = attempt(f"evm+http://{host}:{server.port}", allow=allow)
            assert (server.hits > before) == reached, (host, allow)
            if not reached:
                assert isinstance(told, Forbidden)
        assert "--allow-host 127.0.0.1" in str(attempt(f"evm+http://127.0.0.1:{server.port}"))


def test_a_named_name_may_be_private_but_never_metadata(canary: Canary) -> None:
    addresses = ["169.254.169.254"]

    async def find(host: str, port: int) -> list[str]:
        return addresses

    told = attempt(f"evm+http://node.lan:{canary.port}", allow=["node.lan"], find=find)
    assert isinstance(told, Forbidden)
    assert "credentials" in str(told)
    addresses[:] = ["127.0.0.1"]
    told = attempt(f"evm+http://node.lan:{canary.port}", allow=["node.lan"], find=find)
    assert canary.reached == 1


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_public_addresses_pass(address: str) -> None:
    assert refusal(address) == ""


@settings(max_examples=examples(500), deadline=None)
@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_nothing_that_the_registry_calls_special_is_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    carried = getattr(address, "ipv4_mapped", None) or address
    special = not carried.is_global or carried.is_multicast or carried.is_reserved or carried.is_link_local
    if special and address not in ipaddress.ip_network("64:ff9b::/96" if address.version == 6 else "255.0.0.0/8"):
        assert refusal(str(address))


@settings(max_examples=examples(500), deadline=None)
@given(st.one_of(st.text(max_size=20), st.from_regex(r"[0-9a-fx.:\[\]%@/-]{1,24}", fullmatch=True)))
def test_a_host_that_is_read_is_a_plain_address_or_name(text: str) -> None:
    """What passes is spelled so that the system's own readers of addresses agree with ours."""
    try:
        host = read_host(text)
    except Forbidden:
        return
    assert host.isascii()
    if is_address(host):
        assert str(ipaddress.ip_address(host)) == host
    else:
        with pytest.raises(OSError, match="illegal"):
            socket.inet_aton(host)
