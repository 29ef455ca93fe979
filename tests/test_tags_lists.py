"""Lists of authorities: OFAC's XML in both forms, OpenSanctions' wallets, and XML that would do harm."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from dyepack.errors import InputError, UsageError
from dyepack.tags.load import load, load_file
from dyepack.tags.model import Tag, TagKind

ETH, TRON = "0x098b716b8aaf21512996dc57eb0615e2383e2f96", "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq"
BTC = "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu"
SPACE = "https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/XML"


def sdn(body: str, day: str = "03/21/2025") -> str:
    return (
        f'<?xml version="1.0" standalone="yes"?>\n<sdnList xmlns="{SPACE}">\n<publshInformation>'
        f"<Publish_Date>{day}</Publish_Date><Record_Count>2</Record_Count></publshInformation>\n{body}</sdnList>\n"
    )


def entry(uid: int, ids: list[tuple[str, str]], first: str = "", last: str = "LAZARUS GROUP") -> str:
    listed = "".join(
        f"<id><uid>{n}</uid><idType>{kind}</idType><idNumber>{number}</idNumber></id>\n"
        for n, (kind, number) in enumerate(ids)
    )
    name = f"<firstName>{first}</firstName>" if first else ""
    return (
        f"<sdnEntry><uid>{uid}</uid>{name}<lastName>{last}</lastName><sdnType>Entity</sdnType>"
        f"<programList><program>DPRK3</program></programList><idList>{listed}</idList></sdnEntry>\n"
    )


DIGITAL = "Digital Currency Address - "
SDN = sdn(
    entry(1, [(DIGITAL + "ETH", "0x098B716B8Aaf21512996dC57EB0615e2383E2f96"), ("Passport", "X1"),
              (DIGITAL + "XBT", TRON)])
    + entry(2, [("Email Address", "a@b.example")], "Il", "KIM")
    + entry(3, [(DIGITAL + "XBT", BTC)], "Huihui", "WU &amp; SONS")
)  # fmt: skip


def advanced(features: str, day: str = "<Year>2025</Year><Month>3</Month><Day>21</Day>") -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<Sanctions xmlns="http://www.un.org/sanctions/1.0" Version="1.1">'
        f'<DateOfIssue CalendarTypeID="1">{day}</DateOfIssue><ReferenceValueSets><FeatureTypeValues>'
        '<FeatureType ID="8" FeatureTypeGroupID="1">Birthdate</FeatureType>'
        '<FeatureType ID="344" FeatureTypeGroupID="1">Digital Currency Address - XBT</FeatureType>'
        '<FeatureType ID="345" FeatureTypeGroupID="1">Digital Currency Address - ETH</FeatureType>'
        "</FeatureTypeValues></ReferenceValueSets><Locations><Location ID='1'><Comment>x</Comment></Location>"
        "</Locations><DistinctParties>\n<DistinctParty FixedRef='12747'><Comment/><Profile ID='12747'><Identity "
        "ID='1' Primary='true'><Alias Primary='false'><DocumentedName><DocumentedNamePart><NamePartValue>APT-C-26"
        "</NamePartValue></DocumentedNamePart></DocumentedName></Alias><Alias Primary='true'><DocumentedName>"
        "<DocumentedNamePart><NamePartValue>LAZARUS</NamePartValue></DocumentedNamePart><DocumentedNamePart>"
        f"<NamePartValue>GROUP</NamePartValue></DocumentedNamePart></DocumentedName></Alias></Identity>{features}"
        "</Profile></DistinctParty>\n</DistinctParties><SanctionsEntries><SanctionsEntry><EntryEvent/>"
        "</SanctionsEntry></SanctionsEntries></Sanctions>"
    )


def feature(kind: int, value: str) -> str:
    return (
        f"<Feature ID='9' FeatureTypeID='{kind}'><FeatureVersion ID='1'><Comment/><VersionDetail DetailTypeID='1432'>"
        f"{value}</VersionDetail></FeatureVersion></Feature>"
    )


ADVANCED = advanced(feature(8, "1 Jan 1970") + feature(345, ETH) + feature(344, BTC))


def put(folder: Path, text: str, name: str = "list") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_sdn_list_gives_every_digital_currency_address(tmp_path: Path) -> None:
    got = load_file(put(tmp_path, SDN), source="OFAC SDN")
    rest = {"source": "OFAC SDN", "sha256": got.sha256, "date": "2025-03-21"}
    flaw = "is listed as of bitcoin but is an address of tron; matched as one"
    assert (got.stated, got.format) == ("2025-03-21", "OFAC list (XML)")
    assert got.tags.tags == [
        Tag(ETH, "LAZARUS GROUP", TagKind.SANCTIONED, 60, "E3", network="ethereum", actor="1",
            raw="0x098B716B8Aaf21512996dC57EB0615e2383E2f96", **rest),
        Tag(TRON, "LAZARUS GROUP", TagKind.SANCTIONED, 60, "E3", network="tron", actor="1", flaw=flaw, **rest),
        Tag(BTC, "Huihui WU & SONS", TagKind.SANCTIONED, 60, "E3", network="bitcoin", actor="3", **rest),
    ]  # fmt: skip
    assert any("3 parties, 1 of them without an address" in note for note in got.tags.notes)


def test_the_advanced_list_says_the_same(tmp_path: Path) -> None:
    got = load_file(put(tmp_path, ADVANCED))
    assert got.stated == "2025-03-21"
    assert [(t.address, t.label, t.network, t.actor, t.kind) for t in got.tags.tags] == [
        (ETH, "LAZARUS GROUP", "ethereum", "12747", TagKind.SANCTIONED),
        (BTC, "LAZARUS GROUP", "bitcoin", "12747", TagKind.SANCTIONED),
    ]


def test_a_list_of_sanctions_does_not_take_another_kind(tmp_path: Path) -> None:
    assert len(load(put(tmp_path, SDN), kind="sanctioned").tags) == 3
    with pytest.raises(UsageError, match="states its kind"):
        load(put(tmp_path, SDN), kind="exchange")


BOMB = "".join(
    f'<!ENTITY {chr(98 + n)} "{"&" + chr(97 + n) + ";" * 1}{("&" + chr(97 + n) + ";") * 9}">' for n in range(9)
)
HARMFUL: dict[str, tuple[str, str]] = {
    "billion laughs": (f'<!DOCTYPE s [<!ENTITY a "ha">{BOMB}]><sdnList>&j;</sdnList>', "declares a document type"),
    "quadratic": (
        f'<!DOCTYPE s [<!ENTITY a "{"x" * 100_000}">]><sdnList>{"&a;" * 1000}</sdnList>', "declares a document type",
    ),
    "external entity": (
        '<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/hostname">]><sdnList>&x;</sdnList>', "declares a document type",
    ),
    "external entity of the web": (
        '<!DOCTYPE s [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]><sdnList>&x;</sdnList>', "declares a document type",
    ),
    "parameter entity": (
        '<!DOCTYPE s [<!ENTITY % x SYSTEM "file:///etc/hostname"> %x;]><sdnList/>', "declares a document type",
    ),
    "document type of the web": ('<!DOCTYPE s SYSTEM "http://127.0.0.1:9/s.dtd"><sdnList/>', "document type"),
    "undeclared entity": (sdn(entry(1, [(DIGITAL + "XBT", "&boom;")])), "undefined entity"),
    "deep": ("<sdnList>" + "<a>" * 100 + "</a>" * 100 + "</sdnList>", "more than 64 levels"),
    "cut short": (SDN[: len(SDN) // 2], "is not well-formed XML"),
    "page of an error": ("<!DOCTYPE html><html><body>403</body></html>", "declares a document type"),
    "page without a type": ("<html><body>403 Forbidden</body></html>", "its root is 'html'"),
    "list of nobody": (sdn(""), "holds no sanctioned party"),
    "address of nothing": (sdn(entry(1, [(DIGITAL + "XBT", " ")])), "address that is empty"),
    "day first": (sdn(entry(1, [(DIGITAL + "XBT", BTC)]), "21/03/2025"), "is no day as OFAC writes it"),
    "no such day": (advanced(feature(344, BTC), "<Year>2025</Year><Month>2</Month><Day>30</Day>"), "is no day"),
    "inclusion": (
        '<sdnList xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="/etc/hostname" parse="text"/></sdnList>',
        "holds no sanctioned party",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HARMFUL)
def test_harmful_xml_is_refused_at_once(tmp_path: Path, case: str) -> None:
    text, says = HARMFUL[case]
    began = time.perf_counter()
    with pytest.raises(InputError) as caught:
        load(put(tmp_path, text))
    assert says in str(caught.value), caught.value
    assert "bank" not in str(caught.value)
    assert time.perf_counter() - began < 1


def test_an_xml_bomb_costs_no_memory(tmp_path: Path) -> None:
    path = put(tmp_path, HARMFUL["billion laughs"][0])
    code = (
        "import re, sys; from pathlib import Path; import dyepack.tags.load as l\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1])\n"
        "before = peak()\n"
        "try: l.load(Path(sys.argv[1]))\n"
        "except Exception as fault: print(type(fault).__name__)\n"
        "print(peak() - before)"
    )
    said, kilobytes = subprocess.check_output([sys.executable, "-c", code, str(path)], text=True).split()
    assert said == "InputError"
    assert int(kilobytes) < 30_000


def wallet(number: str, properties: Mapping[str, object], **rest: object) -> dict[str, object]:
    days = {"first_seen": "2023-04-24T10:00:00", "last_seen": "2025-03-20T06:00:00",
            "last_change": "2024-01-02T00:00:00"}  # fmt: skip
    return {"id": number, "schema": "CryptoWallet", "caption": "", "properties": properties,
            "datasets": ["us_ofac_sdn"], **days, **rest}  # fmt: skip


def lines(*entities: dict[str, object]) -> str:
    return "\n".join(json.dumps(entity) for entity in entities) + "\n"


def test_wallets_of_opensanctions_are_read_with_their_holders(tmp_path: Path) -> None:
    text = lines(
        wallet("w1", {"publicKey": [ETH], "currency": ["ETH"], "topics": ["sanction"], "holder": ["p1"]}),
        {"id": "p1", "schema": "Person", "caption": "WU Huihui", "properties": {"name": ["WU Huihui"]}},
        wallet("w2", {"accountId": [TRON], "currency": ["USDT"], "topics": ["crime.fin", "wizardry"],
                      "holder": [{"id": "p2", "schema": "Person", "properties": {"name": ["CHENG"]}}]}),
        wallet("w3", {"publicKey": [BTC], "topics": ["sanction", "crime.theft"], "frob": ["1"]}, caption="Loot",
               last_seen="2025-06-01T00:00:00", datasets=["a", "b"]),
        wallet("w4", {"currency": ["XBT"]}),
    )  # fmt: skip
    got = load_file(put(tmp_path, text))
    rest = {"sha256": got.sha256, "date": "2024-01-02", "first_seen": "2023-04-24"}
    ofac = {"source": "OpenSanctions: us_ofac_sdn", "last_seen": "2025-03-20", **rest}
    both = {"source": "OpenSanctions: a, b", "last_seen": "2025-06-01", "actor": "w3", **rest}
    assert (got.stated, got.format) == ("2025-06-01", "OpenSanctions entities (JSON lines)")
    assert got.tags.tags == [
        Tag(ETH, "WU Huihui", TagKind.SANCTIONED, 60, "E3", network="ethereum", actor="p1", **ofac),
        Tag(TRON, "CHENG [crime.fin, wizardry]", TagKind.OTHER, 50, "E6", actor="p2", **ofac),
        Tag(BTC, "Loot", TagKind.SANCTIONED, 60, "E3", **both),
        Tag(BTC, "Loot", TagKind.THEFT, 50, "E6", **both),
    ]
    told = " ".join(got.tags.notes)
    assert "4 wallets; 1 entities of other schemas" in told
    assert "1 wallets have neither publicKey nor accountId" in told
    assert "topics that are not known, taken as other: 'wizardry'" in told
    assert "properties not read: 'frob'" in told


WALLET = {"publicKey": [ETH], "topics": ["sanction"]}
BAD_WALLETS: dict[str, tuple[str, int, str]] = {
    "line cut short": (lines(wallet("w", WALLET)) + '{"id": "x", "schema": "Cry', 2, "is not JSON"),
    "two in a line": (lines(wallet("w", WALLET)) + lines(wallet("v", WALLET)).strip() * 2, 2, "not one JSON object"),
    "list in a line": (lines(wallet("w", WALLET)) + "[]", 2, "not one JSON object"),
    "no id": (lines(wallet("w", WALLET), {"schema": "Person", "properties": {}}), 2, "is missing, or of another"),
    "key of a number": (lines(wallet("w", {"publicKey": [7]})), 1, "is no list of texts"),
    "key that is no list": (lines(wallet("w", {"publicKey": ETH})), 1, "is no list of texts"),
    "no such day": (lines(wallet("w", WALLET, first_seen="2023-02-30")), 1, "is not a day"),
    "day of a number": (lines(wallet("w", WALLET, last_seen=20230224)), 1, "is not a day"),
    "holder of a number": (lines(wallet("w", {**WALLET, "holder": [7]})), 1, "neither an id nor an entity"),
    "datasets of a text": (lines(wallet("w", WALLET, datasets="x")), 1, "is no list of texts"),
    "key twice": (lines(wallet("w", WALLET)).replace('"caption"', '"id": "y", "caption"'), 1, "stands twice"),
    "deep": (lines(wallet("w", WALLET)) + '{"a":' * 100_000, 2, "nested too deep"),
}


@pytest.mark.parametrize("case", BAD_WALLETS)
def test_bad_entities_are_told_with_their_line(tmp_path: Path, case: str) -> None:
    text, line, says = BAD_WALLETS[case]
    with pytest.raises(InputError) as caught:
        load(put(tmp_path, text))
    assert (says in str(caught.value), caught.value.line) == (True, line), caught.value


def test_wallets_state_their_kinds(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="state their kinds"):
        load(put(tmp_path, lines(wallet("w", WALLET))), kind="mixer")
