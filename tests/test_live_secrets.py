"""A key that is planted everywhere a server can echo it is found nowhere afterwards."""

from __future__ import annotations

import asyncio
import base64
import copy
import gc
import html
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dyepack.errors import DyepackError, UsageError
from dyepack.sources.live import credentials
from dyepack.sources.live.credentials import Secrets
from dyepack.sources.live.endpoint import Endpoint
from dyepack.sources.live.errors import Forbidden, SourceError
from dyepack.sources.live.evidence import Evidence
from dyepack.sources.live.fetch import Call, Fault, Fetcher
from tests.effort import examples
from tests.servers import LOCAL, Reply, Server
from tests.test_live_transport import echoing
from tests.test_live_transport import settings as quick

KEY = 'c4nary/K&y+9f2e="Zu%rich7d1b'
WORD = "Tr0ub4dor&3-canary"
Say = Callable[[dict[str, Any]], list[object]]
TOKEN = "0123456789abcdef0123456789abcdef"


def spellings(value: str) -> list[str]:
    raw = value.encode()
    made = [
        value, value.lower(), value.upper(), quote(value, safe=""), quote(value), quote(value, safe="").lower(),
        raw.hex(), json.dumps(value)[1:-1], html.escape(value), base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    ]  # fmt: skip
    return made + [base64.b64encode(f"operator-name:{value}".encode()).decode()] * (value == WORD)


def found(text: str) -> list[str]:
    """The spellings of a planted secret that a text holds, whole or as the first or last ten characters."""
    low = text.lower()
    planted = [one for value in (KEY, WORD, TOKEN) for one in spellings(value)]
    parts = [KEY[:10], KEY[-10:], WORD[:12]]
    return [one for one in [*planted, *parts] if one.lower() in low]


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", KEY)
    monkeypatch.setenv("CANARY_USER", "operator-name")
    monkeypatch.setenv("CANARY_PASSWORD", WORD)


def told_by(error: BaseException) -> str:
    """Everything that can be read of an error: its words, its chain, its arguments, as a terminal or a log shows it."""
    texts, chain = [], [error]
    while chain:
        one = chain.pop()
        texts += [str(one), repr(one), repr(one.args), "".join(traceback.format_exception(one)), repr(vars(one))]
        chain += [other for other in (one.__cause__, one.__context__) if other is not None]
    return "\n".join(texts)


def everything_in(place: Path) -> Iterator[str]:
    for file in place.rglob("*"):
        yield str(file.relative_to(place))
        if file.is_file():
            yield file.read_bytes().decode(errors="replace")


def ascii_of(spelled: str) -> str:
    """For headers, which carry nothing else."""
    return spelled if spelled.isascii() else quote(spelled)


ECHOES: dict[str, Callable[[str], Reply]] = {
    "body": lambda s: Reply(json.dumps({"echo": s, "n": 1}).encode()),
    "raw body": lambda s: Reply(json.dumps({"echo": s, "n": 1}, ensure_ascii=False).encode()),
    "bad JSON": lambda s: Reply(f'{{"echo": {s}'.encode()),
    "page": lambda s: Reply(f"<html>{s}".encode(), type="text/html"),
    "refusal": lambda s: Reply(f"the key {s} is wrong".encode(), status=403, type="text/plain"),
    "down": lambda s: Reply(f"no {s}".encode(), status=500, type="text/plain"),
    "redirect": lambda s: Reply(status=302, headers={"Location": f"https://example.org/{quote(s)}?{ascii_of(s)}"}),
    "type": lambda s: Reply(b"x", type=ascii_of(s)),
    "coding": lambda s: Reply(b"x", headers={"Content-Encoding": ascii_of(s)}),
    "reset": lambda s: Reply(reset=True),
    "cut": lambda s: Reply(json.dumps([s] * 9).encode(), cut=60),
}
SOURCES = {
    "evm+{url}/{{CANARY_KEY}}": KEY, "evm+{url}/v3?apikey={{CANARY_KEY}}": KEY, f"evm+{{url}}/v3/{TOKEN}": TOKEN,
    "core+{at}": WORD, "evm+{url}#header=X-Key:{{CANARY_KEY}}": KEY,
    "evm+{url}#header=Authorization:Bearer%20{{CANARY_KEY}}": KEY,
}  # fmt: skip


def source(template: str, server: Server) -> str:
    at = f"http://{{CANARY_USER}}:{{CANARY_PASSWORD}}@127.0.0.1:{server.port}"
    return template.format(url=server.url, at=at)


@pytest.mark.parametrize("place", ECHOES)
def test_the_canary_is_found_nowhere(place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Errors, chains, reprs, logs, lines, bodies, names, notes, counters: no appearance, whatever the server echoes."""
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []

    async def ask(text: str, secret: str, at: int, kept: Evidence) -> None:
        async with Fetcher(Endpoint.parse(text, LOCAL), kept, settings=quick()) as fetcher:
            fetcher.settings.retry.attempts = 1
            for number in (at, at + 1000, at):
                try:
                    answer = await fetcher.get(f"x/{number}", {"a": str(number), "echo": secret})
                    texts.append(repr(answer))
                    answers = await fetcher.rpc([Call("m", (number, secret)), Call("n", (number, secret))])
                    texts.append(repr([a if isinstance(a, Fault) else bytes(a) for a in answers]))
                except SourceError as fault:
                    texts.append(told_by(fault))
            texts.extend(map(repr, (fetcher, fetcher.endpoint, fetcher._secrets, fetcher.asked, fetcher._client)))

    with Server() as server, Evidence(tmp_path / "evidence") as kept:
        for template, secret in SOURCES.items():
            for at, spelled in enumerate(spellings(secret)):
                server.clear()
                server.on("/", lambda seen, s=spelled: ECHOES[place](s))  # type: ignore[misc]
                asyncio.run(ask(source(template, server), secret, at, kept))
        kept.note("done", time="", url="")
        texts += [*kept.notes(), kept.digest()]
        kept.verify()
    sent = "".join(seen.url + str(seen.headers) for seen in server.seen)
    assert quote(KEY, safe="") in sent
    assert base64.b64encode(f"operator-name:{WORD}".encode()).decode() in sent
    texts += [caplog.text, *everything_in(tmp_path)]
    assert len(texts) > 20
    for text in texts:
        assert found(text) == []


def test_the_canary_is_not_in_what_a_websocket_says(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    texts = []
    says: list[Say] = [
        lambda asked: [{"id": asked["id"], "result": KEY}],
        lambda asked: [{"id": asked["id"], "error": {"code": 1, "message": "bad key " + KEY}}],
        lambda asked: [{"id": asked["id"], "error": {"code": 429, "message": "bad key " + KEY}}],
        lambda asked: [{"id": KEY, "result": 1}],
        lambda asked: ["no JSON " + KEY],
        lambda asked: [json.dumps({"id": asked["id"], "result": quote(KEY, safe="")})],
        lambda asked: ["close"],
    ]
    with Evidence(tmp_path / "evidence") as kept:
        for number, say in enumerate(says):
            with Server() as server:

                def talk(asked: dict[str, Any], _: int, say: Say = say) -> list[object]:
                    return [*say(asked), *["close"] * (asked["method"] == "eth_subscribe")]

                echoing(server, talk)

                async def ask(url: str, number: int = number) -> None:
                    async with Fetcher(
                        Endpoint.parse(f"evm+{url}/{{CANARY_KEY}}", LOCAL), kept, settings=quick()
                    ) as fetcher:
                        fetcher.settings.retry.attempts = 1
                        try:
                            texts.append(
                                repr(
                                    [
                                        a if isinstance(a, Fault) else bytes(a)
                                        for a in await fetcher.rpc([Call("m", (number,))])
                                    ]
                                )
                            )
                            async for head in fetcher.subscribe("eth_subscribe", [number]):
                                texts.append(repr(bytes(head)))
                        except SourceError as fault:
                            texts.append(told_by(fault))

                asyncio.run(asyncio.wait_for(ask(server.ws_url), 10))
        with Server() as server:
            for status in (401, 403, 302, 500):
                server.answer(KEY.encode(), status=status, headers={"Location": quote(KEY)})
                asyncio.run(ask(server.ws_url, status))
    gc.collect()
    texts += [caplog.text, *everything_in(tmp_path)]
    assert len(texts) > 12
    for text in texts:
        assert found(text) == []


def test_a_scrubbed_body_says_so_and_is_the_answer(tmp_path: Path) -> None:
    async def ask(url: str, kept: Evidence, *, offline: bool) -> bytes:
        async with Fetcher(Endpoint.parse(url, LOCAL), kept, offline=offline) as fetcher:
            return (await fetcher.get("x")).body

    with Server() as server, Evidence(tmp_path / "evidence") as kept:
        server.answer(json.dumps([KEY, "other", KEY], ensure_ascii=False).encode())
        text = f"evm+{server.url}?apikey={{CANARY_KEY}}"
        body = asyncio.run(ask(text, kept, offline=False))
        assert body == b'["{CANARY_KEY}", "other", "{CANARY_KEY}"]'
        assert [record.scrubbed for record in kept.records()] == [2]
        assert asyncio.run(ask(text, kept, offline=True)) == body


@pytest.mark.parametrize(
    "text",
    [
        "evm+https://user:password1@example.org", "evm+https://password1@example.org", "evm+https://{USER}:password1@example.org",
        "evm+https://example.org?apikey=password1", "evm+https://example.org?a=1&API_KEY=password1", "evm+https://example.org?token=password1",
        "evm+https://example.org?client%5Fsecret=password1", "evm+https://example.org?apikey={NAME}password1",
        "evm+https://example.org?x-auth=password1", "evm+http://example.org/{NAME}", "evm+ws://example.org?key={NAME}",
        "evm+https://example.org#header=X-Key:password1", "evm+https://example.org#password1", "evm+https://example.org:password1",
        "evm+https://password1:x@y@example.org", "evm+ht tps://user:password1@x", "https://user:password1@example.org",
    ],
)  # fmt: skip
def test_secrets_in_the_open_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises((Forbidden, UsageError)) as told:
        Endpoint.parse(text)
    assert "password1" not in told_by(told.value)
    assert told.value.remedy


def test_what_is_shown_of_an_endpoint() -> None:
    for text, shown in {
        "evm+https://Example.org:443/v3/{KEY}": "https://example.org/v3/{KEY}",
        f"evm+https://example.org/v3/{TOKEN}": "https://example.org/v3/***",
        "core+https://{CORE_USER}:{CORE_PASSWORD}@example.org:8332": "https://example.org:8332",
        "etherscan+https://example.org/v2/api?chainid=1&apikey={K}": "https://example.org/v2/api?chainid=1&apikey={K}",
        "tron+https://example.org#header=TRON-PRO-API-KEY:{K}&rate=5": "https://example.org",
        f"evm+https://example.org/a?id={TOKEN}": "https://example.org/a?id=***",
    }.items():
        endpoint = Endpoint.parse(text)
        assert endpoint.shown == shown
        assert repr(endpoint) == f"Endpoint({endpoint.kind}+{shown})"
        assert TOKEN not in repr(endpoint)
    assert Endpoint.parse("tron+https://example.org#header=X:{K}&rate=5&batch=7&parallel=2&count=calls").names == ("K",)


def test_values_come_from_the_environment_a_file_or_a_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert credentials.secret_of("CANARY_KEY") == KEY
    cookie = tmp_path / ".cookie"
    cookie.write_text("__cookie__:0123456789abcdef\n")
    monkeypatch.setenv("COOKIE_FILE", str(cookie))
    assert credentials.secret_of("COOKIE") == "__cookie__:0123456789abcdef"
    monkeypatch.setenv("COOKIE_FILE", str(tmp_path / "none"))
    with pytest.raises(Forbidden, match="COOKIE_FILE"):
        credentials.secret_of("COOKIE")
    keyring = pytest.importorskip("keyring")
    monkeypatch.setattr(keyring, "get_password", lambda service, name: f"from {service} for {name}")
    assert credentials.secret_of("ELSEWHERE") == "from dyepack for ELSEWHERE"


def test_missing_and_short_secrets_are_named() -> None:
    for value, words in (
        (None, "not set"),
        ("", "not set"),
        ("sh0rt", "too short"),
        ("tab\tin a key", "plain text"),
        ("Schlüssel-9f2e", "plain text"),
    ):
        with pytest.raises(Forbidden, match=words) as told:
            Secrets(["NAME"], find=lambda name, v=value: v).resolve()  # type: ignore[misc]
        assert "NAME" in str(told.value)
        assert not value or value not in str(told.value)


def test_a_cookie_file_signs_in_and_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = tmp_path / ".cookie"
    cookie.write_text(f"__cookie__:{TOKEN}")
    monkeypatch.setenv("CORE_COOKIE_FILE", str(cookie))

    async def ask(text: str, kept: Evidence) -> None:
        async with Fetcher(Endpoint.parse(text, LOCAL), kept, settings=quick()) as fetcher:
            await fetcher.rpc([Call("getblockcount")])

    with Server() as server, Evidence(tmp_path / "evidence") as kept:
        server.rpc(lambda method, params: TOKEN)
        asyncio.run(ask(f"core+http://{{CORE_COOKIE}}@127.0.0.1:{server.port}", kept))
        signed = base64.b64encode(f"__cookie__:{TOKEN}".encode()).decode()
        assert server.seen[0].headers["Authorization"] == "Basic " + signed
    for text in everything_in(tmp_path / "evidence"):
        assert TOKEN not in text
        assert signed not in text


def test_secrets_are_not_copied_out() -> None:
    secrets = Secrets(["CANARY_KEY"])
    secrets.resolve()
    for copying in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            copying(secrets)
    assert found(repr(secrets)) == []


def test_offline_needs_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(text: str, kept: Evidence, *, offline: bool) -> bytes:
        async with Fetcher(Endpoint.parse(text, LOCAL), kept, offline=offline) as fetcher:
            return (await fetcher.get("x")).body

    with Server() as server, Evidence(tmp_path / "evidence") as kept:
        server.answer(b"[1]")
        text = f"evm+{server.url}/{{CANARY_KEY}}"
        assert asyncio.run(ask(text, kept, offline=False)) == b"[1]"
        monkeypatch.delenv("CANARY_KEY")
        assert asyncio.run(ask(text, kept, offline=True)) == b"[1]"
        with pytest.raises(DyepackError, match="CANARY_KEY"):
            asyncio.run(ask(text + "/more", kept, offline=False))


@settings(max_examples=examples(300), deadline=None)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40), st.text(max_size=30))
def test_any_secret_is_scrubbed_in_every_spelling(value: str, around: str) -> None:
    secrets = Secrets(["NAME"], find=lambda name: value)
    assume(":" not in value)
    secrets.resolve()
    for spelled in (value, quote(value, safe=""), json.dumps(value)[1:-1], base64.b64encode(value.encode()).decode()):
        text = around + "|" + spelled + "|" + around
        assert spelled not in secrets.scrub(text)
        body, count = secrets.scrub_body(text.encode(errors="replace"))
        assert spelled.encode() not in body
        assert count >= 1
    assert secrets.scrub("{NAME}") == "{NAME}" or value.lower() in "{name}"


@pytest.mark.parametrize("spell", ["=&<>", "all", "mixed"])
def test_a_secret_that_json_escapes_is_found(spell: str) -> None:
    """Servers escape = & < > (Gson always does), and may escape anything."""
    value = "CANARY-1234&ab=="
    chosen = {"=&<>": "=&<>", "all": value, "mixed": "C1a="}[spell]
    escaped = "".join(f"\\u{ord(c):04x}" if c in chosen else c for c in value)
    secrets = Secrets(("KEY",), find=lambda _: value)
    secrets.resolve()
    body, found = secrets.scrub_body(f'{{"error":"no such key {escaped}","quote":"\\u0022"}}'.encode())
    assert found == 1
    assert json.loads(body) == {"error": "no such key {KEY}", "quote": '"'}
    assert secrets.scrub("no such key CANARY-1234&ab") == "no such key {KEY}"


def test_escapes_of_escapes_without_end_are_looked_through_twice() -> None:
    secrets = Secrets(("KEY",), find=lambda _: "CANARY-1234&ab==")
    secrets.resolve()
    deep = b"\\" * 5_000 + b"u0075" + b"0075" * 5_000
    assert secrets.scrub_body(deep) == (deep, 0)
    twice = "CANARY-1234&ab==".replace("&", r"\u00750026").replace("\\", "\\\\", 1)
    assert secrets.scrub_body(twice.encode()) == (b"{KEY}", 1)
