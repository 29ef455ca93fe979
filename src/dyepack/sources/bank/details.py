"""What the free text of MT940's :86: says: end-to-end reference, account and name of the other side.

Invariant: only what is marked as such is taken (numbered parts ?20 to ?33, coded parts /EREF/ and /IBAN/, or the one
IBAN with right check digits in a free text); anything else is left unsaid.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from dyepack.sources.bank.entries import account_text, clean, is_iban

_NUMBERED = re.compile(r"(?:[0-9]{3})?([?>~<@^])[0-9]{2}")
_WORDS = "EREF|KREF|MREF|BREF|RREF|CRED|DEBT|COAM|OAMT|SVWZ|ABWA|ABWE|IBAN|BIC"
_KEYWORD = re.compile(rf"(?<![A-Z])({_WORDS})[+:]")
_CODES = "EREF|IBAN|NAME|BENM|ORDP|BIC|REMI|MARF|TRTP|CSID|RTRN|CNTP|ISDT|ADDR|ID|PREF|TRCD|CTRY|ULTD|ULTC|TRANSID|UETR"
_CODED = re.compile(rf"/({_CODES})/")
_IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}\b", re.ASCII)


class Details(NamedTuple):
    """Each is "" where the text does not say."""

    reference: str = ""
    account: str = ""
    name: str = ""


def read_details(text: str) -> Details:
    """Read the text of one :86:, line ends included."""
    found = _NUMBERED.match(text)
    if found:
        return _numbered(text.replace("\n", ""), found[1])
    flat = text.replace("\n", "")
    if _CODED.search(flat):
        return _coded(flat)
    ibans = {iban for iban in _IBAN.findall(text.replace("\n", " ")) if is_iban(iban)}
    return Details(account=ibans.pop()) if len(ibans) == 1 else Details()


def _numbered(text: str, mark: str) -> Details:
    """Parts numbered as German banks do: 20-29 and 60-63 purpose, 30 bank, 31 account, 32 and 33 name."""
    pieces: dict[int, list[str]] = {}
    for piece in re.split(re.escape(mark) + r"(?=[0-9]{2})", text)[1:]:
        pieces.setdefault(int(piece[:2]), []).append(piece[2:])
    parts = {number: "".join(said) for number, said in pieces.items()}
    purpose = "".join(parts.get(n, "") for n in (*range(20, 30), *range(60, 64)))
    words = _KEYWORD.split(purpose)
    said = dict(zip(words[1::2], words[2::2], strict=False))
    account, bank = (account_text(parts.get(n, "")) for n in (31, 30))
    if account.isdigit() and bank.isdigit():
        account = f"{bank}/{account}"
    name = clean(parts.get(32, "") + parts.get(33, ""))
    return Details(clean(said.get("EREF", "")), account or account_text(said.get("IBAN", "")), name)


def _coded(text: str) -> Details:
    """Parts in slashes as Dutch banks write them."""
    words = _CODED.split(text)
    said: dict[str, str] = {}
    for code, value in zip(words[1::2], words[2::2], strict=False):
        said.setdefault(code, value)
    party = said.get("CNTP", "").split("/")
    account = said.get("IBAN", "").strip("/") or party[0]
    name = said.get("NAME", "").strip("/") or (party[2] if len(party) > 2 else "")
    return Details(clean(said.get("EREF", "").strip("/")), account_text(account), clean(name))
