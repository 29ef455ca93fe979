"""One memo for every form that THORChain's documentation has, with what it says; and memos that the network sends back.

Addresses and amounts are made up, but for the contracts of well-known tokens. Used by the tests and by the accuracy
table.

Invariant: FORMS covers every kind and every name of a function (tests/test_thorchain_memo.py checks it).
"""

from __future__ import annotations

from typing import Any

_EVM = "0x" + "5b" * 20
_BTC = "bc1q" + "m" * 38
_THOR = "thor1" + "p" * 38
_THOR_2 = "thor1" + "s" * 38
_NODE = "thor1" + "z" * 38
_TX = "AB" * 32
_USDC = "0XA0B86991C6218B36C1D19D4A2E9EB0CE3606EB48"
_USDT = "0xdac17f958d2ee523a2206206994597c13d831ec7"

Says = dict[str, Any]

_SWAPS: list[tuple[str, Says]] = [
    (f"SWAP:ETH.ETH:{_EVM}", {"kind": "swap", "asset": "ETH.ETH", "address": _EVM, "limit": None}),
    (f"swap:eth.eth:{_EVM}", {"kind": "swap", "asset": "ETH.ETH"}),
    (f"s:ETH.ETH:{_EVM}", {"kind": "swap", "asset": "ETH.ETH"}),
    (f"=:ETH.ETH:{_EVM}:10000000", {"kind": "swap", "limit": 10_000_000, "is_streaming": False}),
    (f"=:e:{_EVM}:1e6/3/0:t:10", {"asset": "ETH.ETH", "limit": 1_000_000, "interval": 3, "quantity": 0,
                                  "is_streaming": True, "affiliates": [("t", 10)]}),
    (f"=:ETH.ETH:{_EVM}:10000000/1/1", {"interval": 1, "quantity": 1, "is_streaming": False}),
    (f"=:ETH.ETH:{_EVM}:10000000/0/1", {"interval": 0, "quantity": 1, "is_streaming": False}),
    (f"=:ETH.ETH:{_EVM}:10000000/0/5", {"interval": 0, "quantity": 5, "is_streaming": True}),
    (f"=:BSC.BNB:{_EVM}:544e6/2/6", {"asset": "BSC.BNB", "limit": 544_000_000, "interval": 2, "quantity": 6,
                                     "is_streaming": True}),
    (f"=:ETH.ETH:{_EVM}:/1/1", {"limit": None, "interval": 1, "quantity": 1}),
    (f"=:ETH.ETH:{_EVM}://", {"limit": None, "interval": 0, "quantity": 0, "is_streaming": False}),
    (f"=:b:{_BTC}/{_EVM}", {"asset": "BTC.BTC", "address": _BTC, "refund_to": _EVM}),
    (f"SWAP:BTC.BTC:{_BTC}/{_EVM}:5e5/1/0:t:30", {"refund_to": _EVM, "limit": 500_000, "affiliates": [("t", 30)]}),
    (f"=:ETH.ETH:{_EVM}::t1/t2/t3:10", {"affiliates": [("t1", 10), ("t2", 10), ("t3", 10)]}),
    (f"=:ETH.ETH:{_EVM}::t1/dx/ss:10/20/30", {"affiliates": [("t1", 10), ("dx", 20), ("ss", 30)]}),
    (f"=:ETH.ETH:{_EVM}:100:{_THOR}:1000", {"affiliates": [(_THOR, 1000)]}),
    (f"=:r:{_THOR}:19779138111", {"asset": "THOR.RUNE", "limit": 19_779_138_111}),
    ("=:e:dx:161e6:t:10", {"asset": "ETH.ETH", "address": "dx", "is_name": True, "limit": 161_000_000}),
    (f"=:BTC/BTC:{_THOR}", {"asset": "BTC/BTC", "asset_kind": "synthetic"}),
    (f"=:ETH/USDC-{_USDC}:{_THOR}:628197586176", {"asset": f"ETH/USDC-{_USDC}", "asset_kind": "synthetic"}),
    (f"=:BTC~BTC:{_THOR}:1e6/1/0:dx:10", {"asset": "BTC~BTC", "asset_kind": "trade"}),
    (f"=:BTC-BTC:{_THOR}:1e6/1/0:dx:10", {"asset": "BTC-BTC", "asset_kind": "secured"}),
    (f"=:THOR.BTC:{_THOR}", {"asset": "THOR.BTC", "asset_kind": "derived"}),
    (f"=:ETH.USDT-{_USDT}:{_EVM}", {"asset": f"ETH.USDT-{_USDT.upper()}", "asset_abbreviated": False}),
    (f"=:ETH.USDT-ec7:{_EVM}", {"asset": "ETH.USDT-EC7", "asset_abbreviated": True}),
    (f"=:ETH.USDT-6994597c13d831ec7:{_EVM}", {"asset_abbreviated": True}),
    (f"=:ETH.USDT:{_EVM}:100e7:t:10", {"asset": "ETH.USDT", "asset_abbreviated": True, "limit": 1_000_000_000}),
    (f"=:ETH.ETH:{_EVM}::::2386f3848:0x{'0a' * 20}", {"aggregator": "2386f3848", "final_token": "0x" + "0a" * 20,
                                                      "final_limit": None}),
    (f"=:ETH.ETH:{_EVM}:9e7:t:10:2386f3848:0x{'0a' * 20}:1425e18", {"final_limit": 1425 * 10**18}),
    (f"=:ETH.ETH:{_EVM}:::::|call:data:for:the:receiver", {"passed_on": "call:data:for:the:receiver"}),
    (f"=<:BTC.BTC:{_BTC}:2e8", {"kind": "limit swap", "limit": 200_000_000, "is_streaming": False}),
    (f"=<:BTC.BTC:{_BTC}:2e8/43200/0", {"kind": "limit swap", "interval": 43_200}),
    (f"=<:ETH.ETH:{_EVM}:5e7/1/0:t1/t2:15", {"kind": "limit swap", "affiliates": [("t1", 15), ("t2", 15)]}),
    (f"lo:BTC.BTC:{_BTC}:2e8", {"kind": "limit swap"}),
    (f"limito:BTC.BTC:{_BTC}:2e8", {"kind": "limit swap"}),
    (f"limitto:BTC.BTC:{_BTC}:2e8", {"kind": "limit swap"}),
    ("m=<:25BTC.BTC:1003ETH.ETH:900", {"kind": "modify limit swap", "source": (25, "BTC.BTC"),
                                       "target": (1003, "ETH.ETH"), "amount": 900}),
    ("m=<:10000000BTC~BTC:50000000ETH~ETH:0", {"source": (10_000_000, "BTC~BTC"), "amount": 0}),
]  # fmt: skip

_CODES: list[tuple[str, Says]] = [
    (f"=:{code}:{_EVM}", {"kind": "swap", "asset": asset})
    for code, asset in (
        ("a", "AVAX.AVAX"), ("b", "BTC.BTC"), ("c", "BCH.BCH"), ("d", "DOGE.DOGE"), ("e", "ETH.ETH"),
        ("f", "BASE.ETH"), ("g", "GAIA.ATOM"), ("l", "LTC.LTC"), ("p", "POL.POL"), ("r", "THOR.RUNE"),
        ("rune", "THOR.RUNE"), ("s", "BSC.BNB"), ("tr", "TRON.TRX"), ("x", "XRP.XRP"),
    )
]  # fmt: skip

_LIQUIDITY: list[tuple[str, Says]] = [
    ("ADD:BTC.BTC", {"kind": "add", "asset": "BTC.BTC", "address": ""}),
    (f"a:ETH.ETH:{_THOR}", {"kind": "add", "address": _THOR}),
    (f"+:ETH.ETH:{_THOR}:t:15", {"kind": "add", "affiliates": [("t", 15)]}),
    ("+:ETH.ETH:", {"kind": "add", "address": ""}),
    ("ADD:ETH/ETH", {"kind": "add", "asset_kind": "synthetic"}),
    ("+:BTC/BTC::t:10", {"kind": "add", "asset": "BTC/BTC", "affiliates": [("t", 10)]}),
    ("WITHDRAW:BTC.BTC:10000", {"kind": "withdraw", "basis_points": 10_000}),
    ("-:BTC.BTC:1000", {"kind": "withdraw", "basis_points": 1000}),
    ("wd:BTC.BTC:5000:BTC.BTC", {"kind": "withdraw", "basis_points": 5000, "preferred": "BTC.BTC"}),
    ("w:BTC.BTC:5000:BTC.BTC", {"kind": "withdraw", "preferred": "BTC.BTC"}),
    ("-:ETH/ETH:5000", {"kind": "withdraw", "asset": "ETH/ETH"}),
    ("-:e", {"kind": "withdraw", "basis_points": 10_000}),
    ("LOAN+:BTC.BTC:" + _BTC, {"kind": "loan open", "address": _BTC}),
    (f"$+:ETH.USDC-{_USDC}:{_EVM}:10400000000:t:20", {"kind": "loan open", "limit": 10_400_000_000,
                                                      "affiliates": [("t", 20)]}),
    ("LOAN-:BTC.BTC:" + _BTC, {"kind": "loan repayment"}),
    (f"$-:ETH.ETH:{_EVM}:404204059", {"kind": "loan repayment", "limit": 404_204_059}),
    ("POOL+", {"kind": "rune pool deposit"}),
    ("POOL-:10000:dx:10", {"kind": "rune pool withdrawal", "basis_points": 10_000, "affiliates": [("dx", 10)]}),
    ("DONATE:ETH.ETH", {"kind": "donate", "asset": "ETH.ETH"}),
    ("d:r", {"kind": "donate", "asset": "THOR.RUNE"}),
    ("RESERVE", {"kind": "reserve"}),
]  # fmt: skip

_ACCOUNTS: list[tuple[str, Says]] = [
    (f"TRADE+:{_THOR}", {"kind": "trade account deposit", "address": _THOR}),
    (f"trade-:{_BTC}", {"kind": "trade account withdrawal", "address": _BTC}),
    (f"SECURE+:{_THOR}", {"kind": "secured asset deposit", "address": _THOR}),
    (f"secure-:{_BTC}", {"kind": "secured asset withdrawal", "address": _BTC}),
    (f"x:{_THOR}:AA==", {"kind": "execute", "address": _THOR, "message": "AA=="}),
    (f"exec:{_THOR}:eyJhIjoxfQ==", {"kind": "execute", "message": "eyJhIjoxfQ=="}),
    (f"switch:{_THOR}", {"kind": "switch", "address": _THOR}),
    (f"tcy:{_THOR}", {"kind": "tcy claim", "address": _THOR}),
    ("TCY+", {"kind": "tcy stake"}),
    ("TCY-:5000", {"kind": "tcy unstake", "basis_points": 5000}),
    (f"BOND:{_NODE}", {"kind": "bond", "address": _NODE, "provider": ""}),
    (f"BOND:{_NODE}:{_THOR}:1000", {"kind": "bond", "provider": _THOR, "basis_points": 1000}),
    (f"UNBOND:{_NODE}:750000000000", {"kind": "unbond", "amount": 750_000_000_000}),
    (f"UNBOND:{_NODE}:400:{_THOR}", {"kind": "unbond", "provider": _THOR}),
    (f"REBOND:{_NODE}:{_THOR}:300", {"kind": "rebond", "provider": _THOR, "amount": 300}),
    (f"REBOND:{_NODE}:{_THOR}", {"kind": "rebond", "amount": None}),
    (f"LEAVE:{_NODE}", {"kind": "leave", "address": _NODE}),
    (f"OPERATOR:{_THOR}", {"kind": "operator", "address": _THOR}),
    (f"maint:{_NODE}", {"kind": "maintenance", "address": _NODE}),
    (f"~:odin:BTC:{_BTC}:{_THOR}:BTC.BTC", {"kind": "name", "name": "odin", "chain": "BTC", "address": _BTC,
                                            "owner": _THOR, "preferred": "BTC.BTC"}),
    (f"n:odin:THOR:{_THOR}", {"kind": "name", "chain": "THOR", "owner": ""}),
    (f"name:ac-test:ETH:{_EVM}:{_THOR}:ETH.USDC-{_USDC}::50", {"kind": "name", "multiplier": 50, "expiry": None}),
    (f"~:ac-test:ETH:{_EVM}:{_THOR_2}:BTC.BTC:12345678", {"kind": "name", "expiry": 12_345_678}),
    (f"REFERENCE:BTC.BTC:=:ETH.ETH:{_EVM}", {"kind": "reference", "asset": "BTC.BTC", "inner": "swap"}),
    (f"reference:ETH.ETH:+:ETH.ETH:{_THOR}", {"kind": "reference", "inner": "add"}),
    ("R:20002", {"kind": "use reference", "reference": "20002"}),
    ("r", {"kind": "use reference", "reference": ""}),
]  # fmt: skip

_NETWORK: list[tuple[str, Says]] = [
    ("OUT:" + _TX, {"kind": "out", "tx": _TX, "is_outbound": True}),
    ("out:0x" + _TX.lower(), {"kind": "out", "tx": _TX}),
    ("REFUND:" + _TX, {"kind": "refund", "tx": _TX, "is_outbound": True}),
    ("RAGNAROK:1024", {"kind": "ragnarok", "height": 1024, "is_outbound": True}),
    ("MIGRATE:3494355", {"kind": "migrate", "height": 3_494_355}),
    ("YGGDRASIL+:3494355", {"kind": "yggdrasil fund", "height": 3_494_355}),
    ("YGGDRASIL-:3494355", {"kind": "yggdrasil return", "height": 3_494_355}),
    ("consolidate", {"kind": "consolidate"}),
    ("NOOP", {"kind": "noop", "message": ""}),
    ("noop:novault", {"kind": "noop", "message": "novault"}),
]

FORMS: list[tuple[str, Says]] = [*_SWAPS, *_CODES, *_LIQUIDITY, *_ACCOUNTS, *_NETWORK]
"""A memo and what it says: fields of Memo; assets by their full notation, an inner memo by its kind."""

FAULTY: list[tuple[str, str]] = [
    (f"=:ETH.ETH:/{_EVM}:87e7", "a refund address without a destination"),
    (f"=:ETH.ETH:{_EVM}:five", "a limit in words"),
    (f"=:ETH.ETH:{_EVM}:1e78", "an exponent past 256 bits"),
    (f"=:ETH.ETH:{_EVM}:1200/10/20abc", "a quantity that is no number"),
    (f"=:ETH.ETH:{_EVM}:1200/10/////", "more parts of a limit than there are"),
    (f"=:ETH.ETH:{_EVM}:1200/-10/20", "an interval below 0"),
    (f"=:ETH.ETH:{_EVM}:1200/{'9' * 39}/20", "an interval past 64 bits"),
    (f"=:ETH.ETH:{_EVM}::t1/t2/t3:10/20", "three affiliates and two fees"),
    (f"=:ETH.ETH:{_EVM}::t1/t2:6000/6000", "fees of more than the whole"),
    (f"=:ETH.ETH:{_EVM}:100:t:20000", "a fee of more than the whole"),
    ("=:BCH.BCH:bitcoincash:qz" + "p" * 40 + ":0/20/1:t:30", "an address with a colon"),
    ("swap", "no asset"),
    (f"=:!!:{_EVM}", "an asset that is none"),
    (f"=:THOR/RUNE:{_THOR}", "a synthetic of the network's own coin"),
    ("withdraw:ETH.ETH:twenty-two", "a share in words"),
    ("-:ETH.ETH:10001", "a share of more than the whole"),
    ("out", "no transaction"),
    ("OUT:" + "M" * 64, "a transaction that is no hash"),
    ("refund:1234", "a transaction cut short"),
    ("migrate:abc", "a height in words"),
    ("bond", "no node"),
    ("leave", "no node"),
    ("reference:BTC.BTC:hello", "a registered memo that is none"),
    ("r:", "a reference without its number"),
    (f"x:{_THOR}:not base64", "a message that is no base64"),
    ("m=<:BTC.BTC:1003ETH.ETH:900", "a coin without its amount"),
    (f"=>:BTC.BTC:{_BTC}:2e8", "a function that only the documentation has"),
    (f"=:ETH.ETH:{_EVM}:{'0' * 300}", "more than 250 bytes"),
]
"""Memos whose deposits the network sends back, and why."""

NO_MEMOS = ("", "bogus", "CREATE", "c:", ">:eth:x", "!:key:val", "nextpool:x", "hello world", "swapp:ETH.ETH", " ")
"""Texts that are no memo."""
