"""TagPacks: what their fields become, and 40 hostile packs that are refused or neutralised, loudly."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml

from dyepack.errors import InputError
from dyepack.tags import collect
from dyepack.tags.explorer import NOT_A_PLACE
from dyepack.tags.grades import CONFIDENCE_IDS
from dyepack.tags.load import load, load_file
from dyepack.tags.model import Tag, TagKind
from dyepack.tags.tagpack_words import KINDS

PACKS = Path(__file__).parents[2] / "shared/data/labels/graphsense-tagpacks/packs"
A, B = "0x" + "ab" * 20, "0x" + "cd" * 20
BTC = "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu"
HEAD = "title: t\ncreator: c\nlabel: L\nsource: https://s.example/x\ncurrency: ETH\nconfidence: service_data\n"
TAG = f"tags:\n- address: '{A}'\n"


def put(folder: Path, text: str | bytes) -> Path:
    path = folder / "pack.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_tags_inherit_what_they_do_not_say(tmp_path: Path) -> None:
    text = (
        "title: t\ncreator: c\nlabel: Binance\nsource: https://s.example/x\ncurrency: ETH\nconfidence: service_data\n"
        "category: exchange\nactor: binance\nlastmod: 2023-01-02\nabuse: sanction\n"
        f"tags:\n- address: '{A}'\n- address: {BTC}\n  currency: BTC\n  label: Loot\n  confidence: heuristic\n"
        "  category: user\n  abuse: service_hack\n  source: an e-mail\n  lastmod: 2024-02-03 10:11:12.5\n  actor: apt\n"
    )
    got = load_file(put(tmp_path, text))
    rest = {"sha256": got.sha256}
    assert (got.stated, got.format) == ("2023-01-02", "GraphSense TagPack (YAML)")
    first = {"source": "https://s.example/x", "date": "2023-01-02", "network": "ethereum", "actor": "binance", **rest}
    assert got.tags.tags == [
        Tag(A, "Binance", TagKind.EXCHANGE, 50, "E2", **first),
        Tag(A, "Binance", TagKind.SANCTIONED, 50, "E2", **first),
        Tag(BTC, "Loot [service_hack]", TagKind.THEFT, 10, "E6", source="an e-mail", date="2024-02-03",
            network="bitcoin", actor="apt", **rest),
    ]  # fmt: skip


@pytest.mark.parametrize("word", CONFIDENCE_IDS)
def test_every_confidence_id_has_its_level_and_class(tmp_path: Path, word: str) -> None:
    (tag,) = load(put(tmp_path, HEAD.replace("service_data", word) + TAG)).tags
    assert (tag.confidence, tag.evidence) == CONFIDENCE_IDS[word]
    levels = {
        100: "override ownership ledger_immanent", 90: "manual_transaction", 70: "service_api forensic_investigation",
        60: "authority_data", 50: "trusted_provider service_data forensic", 40: "untrusted_transaction",
        20: "web_crawl", 10: "heuristic", 5: "unknown",
    }  # fmt: skip
    assert word in levels[tag.confidence].split()


def test_what_nobody_says_is_told(tmp_path: Path) -> None:
    got = load(put(tmp_path, f"label: L\ntags:\n- address: '{A}'\n"))
    assert [(t.confidence, t.evidence, t.source, t.network) for t in got.tags] == [(5, "E6", "pack.yaml", "")]
    told = " ".join(got.notes)
    assert "1 tags state no confidence: taken as unknown (5, E6)" in told
    assert "1 tags state no source: taken as 'pack.yaml'" in told
    assert "1 tags name no chain" in told
    assert "1 tags state no category or abuse: taken as other" in told
    given = load(put(tmp_path, f"label: L\ntags:\n- address: '{A}'\n"), confidence=7, kind="mixer", network="bsc")
    assert [(t.confidence, t.kind, t.network) for t in given.tags] == [(7, TagKind.MIXER, "bsc")]


NESTED = "context: " + "{a: " * 30 + "x" + "}" * 30 + "\n"
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
)
REFUSED: dict[str, tuple[str | bytes, str]] = {
    "python object": (HEAD + "tags: !!python/object/apply:os.system ['touch /tmp/pwned']\n", "has the YAML tag"),
    "python name as label": (HEAD + f"tags:\n- address: '{A}'\n  label: !!python/name:os.system\n", "has the YAML tag"),
    "own tag": (HEAD + f"tags:\n- !foo\n  address: '{A}'\n", "has the YAML tag '!foo'"),
    "tag of text": (HEAD + f"tags:\n- address: !!str {A}\n", "has the YAML tag 'tag:yaml.org,2002:str'"),
    "anchor": (HEAD + f"tags: &t\n- address: '{A}'\n", "has the anchor '&t'"),
    "alias": (HEAD + f"description: &d x\nabuse: *d\n{TAG}", "has the anchor '&d'"),
    "alias alone": (HEAD + "abuse: *d\n" + TAG, "has the alias '*d'"),
    "alias bomb": (BOMB + HEAD + TAG, "has the anchor '&a'"),
    "merge key": (HEAD + f"tags:\n- <<: {{label: hidden}}\n  address: '{A}'\n", "is a merge key"),
    "key twice in a tag": (HEAD + f"tags:\n- address: '{A}'\n  address: '{B}'\n", "stands twice in one tag"),
    "key twice in the header": (HEAD + "label: M\n" + TAG, "stands twice in the header"),
    "tags twice": (HEAD + TAG + TAG, "stands twice in the header"),
    "two documents": (HEAD + TAG + "---\n" + HEAD + TAG, "holds a second document"),
    "directive": ("%YAML 1.1\n---\n" + HEAD + TAG, "has YAML directives"),
    "label after the tags": (HEAD + TAG + "actor: x\n", "stands after the tags"),
    "tags of text": (HEAD + "tags: none\n", "is not a list"),
    "tags of a mapping": (HEAD + f"tags:\n  address: '{A}'\n", "is not a list"),
    "tags of texts": (HEAD + f"tags:\n- '{A}'\n", "not a mapping"),
    "no tags": (HEAD, "has no list of tags"),
    "top is a list": ("---\n" + f"- address: '{A}'\n", "is not a mapping"),
    "top is a text": ("--- just a text\n", "is not a mapping"),
    "label is a list": (HEAD + f"tags:\n- address: '{A}'\n  label: [a, b]\n", "is not a text"),
    "address is a mapping": (HEAD + "tags:\n- address: {x: y}\n", "is not a text"),
    "key is a list": (HEAD + f"tags:\n- ? [address]\n  : '{A}'\n", "key that is not a text"),
    "no address": (HEAD + "tags:\n- label: M\n", "is missing"),
    "address is empty": (HEAD + "tags:\n- address:\n", "is missing"),
    "address for all": (HEAD + f"address: '{A}'\n" + TAG, "stands in the header"),
    "no label": (HEAD.replace("label: L\n", "") + TAG, "is missing"),
    "confidence id": (HEAD.replace("service_data", "certain") + TAG, "'certain' is not a confidence id"),
    "confidence is a number": (HEAD.replace("service_data", "100") + TAG, "'100' is not a confidence id"),
    "no such day": (HEAD + "lastmod: 2022-02-30\n" + TAG, "'2022-02-30' is not a day"),
    "day and month swapped": (HEAD + "lastmod: 14/04/2022\n" + TAG, "'14/04/2022' is not a day"),
    "nested": (HEAD + NESTED + TAG, "nested deeper than 20 levels"),
    "nested brackets": (HEAD + "x: " + "[" * 100_000, "nesting depth"),
    "huge text": (HEAD + f"tags:\n- address: '{A}'\n  label: {'x' * 70_000}\n", "a value of 70,000 characters"),
    "long source": (HEAD + f"tags:\n- address: '{A}'\n  source: https://x/{'x' * 300}\n", "has 310 characters"),
    "NUL": (HEAD + f"tags:\n- address: '{A}'\n  label: \"a\0b\"\n", "is not YAML"),
    "escape": (HEAD + f"tags:\n- address: '{A}'\n  label: \x1b[31m\n", "is not YAML"),
    "cut short": (HEAD + "tags:\n- address: '0xab", "is not YAML"),
    "tabs": (HEAD + f"tags:\n\t- address: '{A}'\n", "is not YAML"),
    "binary": (b"\x7fELF\x02\x01\x01\x00" + bytes(range(256)), "is not UTF-8"),
    "Latin-1": (HEAD.encode() + b"description: caf\xe9\n" + TAG.encode(), "is not UTF-8"),
    "UTF-16": ((HEAD + TAG).encode("utf-16"), "is not UTF-8"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_hostile_packs_are_refused_with_their_place(tmp_path: Path, case: str) -> None:
    content, says = REFUSED[case]
    path = put(tmp_path, content)
    began = time.perf_counter()
    with pytest.raises(InputError) as caught:
        load(path)
    assert says in str(caught.value), caught.value
    assert str(caught.value).isprintable() or "\n" in str(caught.value)
    assert not any(sign in str(caught.value) for sign in "\x1b\0\u202e")
    assert time.perf_counter() - began < 5
    assert not Path("/tmp/pwned").exists()  # noqa: S108 - what the first pack would make


def neutral(body: str) -> str:
    return HEAD + f"tags:\n- address: {body}"


NEUTRALISED: dict[str, tuple[str, dict[str, str], str]] = {
    "hexadecimal number": (neutral(A), {"address": A}, "1 values stand without quotes"),
    "big hexadecimal number": (neutral("0x" + "12" * 20), {"address": "0x" + "12" * 20}, "lines 8"),
    "octal": (neutral("0123\n  currency: EOS"), {"address": "0123"}, "stand without quotes"),
    "sexagesimal": (neutral("12:30:45\n  currency: EOS"), {"address": "12:30:45"}, "stand without quotes"),
    "no": (neutral(f"'{A}'\n  label: no"), {"label": "no"}, "stand without quotes"),
    "null": (neutral(f"'{A}'\n  label: null"), {"label": "null"}, "stand without quotes"),
    "float": (neutral("1e5\n  currency: EOS"), {"address": "1e5"}, "stand without quotes"),
    "markup": (neutral(f"'{A}'\n  label: '<script>x</script>'"), {"label": "<script>x</script>"}, ""),
    "bidi in a label": (neutral(f"'{A}'\n  label: \"\\u202eevil\""), {"label": "\u202eevil"}, ""),
    "bidi in an address": (neutral(f'"\\u202e{A}"'), {"address": A, "raw": "\u202e" + A}, "U+202E"),
    "zero width": (neutral(f'"0x\\u200b{A[2:]}"'), {"address": A}, "U+200B (ZERO WIDTH SPACE)"),
    "homoglyph": (neutral(f"'{A[:-2]}аb'"), {"address": A}, "U+0430 (CYRILLIC SMALL LETTER A)"),
    "beyond mending": (neutral("'0x比'"), {"address": "", "raw": "0x比"}, "1 rows are kept out of matching"),
    "file URL": (neutral(f"'{A}'\n  source: file:///etc/passwd"), {"source": "pack.yaml"}, "'file:///etc/passwd'"),
    "javascript URL": (neutral(f"'{A}'\n  source: 'javascript:alert(1)'"), {"source": "pack.yaml"}, "javascript"),
    "no source": (neutral(f"'{A}'\n  source: ''"), {"source": "pack.yaml"}, "1 tags state no source"),
    "unknown field": (neutral(f"'{A}'\n  owner: x"), {"label": "L"}, "fields not read: 'owner'"),
    "unknown category": (neutral(f"'{A}'\n  category: wizard"), {"label": "L [wizard]"}, "'wizard' (1)"),
    "unknown chain": (neutral(f"'{A}'\n  currency: FROB"), {"network": "frob"}, "not known here"),
    "another chain": (neutral(f"'{BTC}'"), {"network": "bitcoin"}, "is listed as of ethereum but is"),
    "wrong checksum": (neutral("'0x8589427373d6D84E98730D7795D8f6f8731FDA16'"),
                       {"address": "0x8589427373d6d84e98730d7795d8f6f8731fda16"}, "EIP-55"),
    "byte order mark": ("\ufeff" + neutral(f"'{A}'"), {"address": A}, ""),
    "one tag twice": (neutral(f"'{A}'\n- address: '{A}'"), {"address": A}, "1 exact repeats are kept once"),
    "long label": (neutral(f"'{A}'\n  label: {'x' * 300}"), {"label": "x" * 256}, "1 labels are kept in part"),
}  # fmt: skip


@pytest.mark.parametrize("case", NEUTRALISED)
def test_hostile_packs_are_neutralised_and_told(tmp_path: Path, case: str) -> None:
    text, fields, told = NEUTRALISED[case]
    got = load(put(tmp_path, text))
    (tag,) = got.every()
    assert {name: str(getattr(tag, name)) for name in fields} == fields
    assert any(told in note for note in got.notes) or not told
    assert all(note.isascii() and note.isprintable() for note in got.notes)


@pytest.mark.slow
def test_a_pack_of_ten_million_rows_is_refused_in_bounded_time_and_memory(tmp_path: Path) -> None:
    path = tmp_path / "pack.yaml"
    with path.open("w") as file:
        file.write(HEAD + "tags:\n")
        for _ in range(1_000):
            file.write("- address: x\n" * 10_000)
    code = (
        "import re, sys, time; from pathlib import Path; from dyepack.tags.load import load\n"
        "began = time.process_time()\n"
        "try: load(Path(sys.argv[1]))\n"
        "except Exception as fault: print(type(fault).__name__, fault.problem)\n"
        # not ru_maxrss: a child that was started by vfork has its parent's (exec_mmap in the kernel's fs/exec.c)
        "peak = re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1]\n"
        "print(time.process_time() - began, peak)"
    )
    said, measured = subprocess.check_output([sys.executable, "-c", code, str(path)], text=True).splitlines()
    assert said == f"InputError {path}: holds more than 1,000,000 statements"
    seconds, kilobytes = map(float, measured.split())
    assert seconds < 10
    assert kilobytes < 800_000


def test_rows_are_capped_however_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "MAX_ROWS", 3)
    rows = [f'{{"address" : "{n}"}}' for n in range(4)]
    path = put(tmp_path, HEAD + "tags: [" + ", ".join(rows) + "]\n")
    with pytest.raises(InputError, match="more than 3 statements"):
        load(path)
    assert len(load(put(tmp_path, HEAD + "tags: [" + ", ".join(rows[:3]) + "]\n")).tags) == 3


def independently(path: Path) -> list[dict[str, str]]:
    """A pack as PyYAML's own loader of texts gives it, header and tag merged by hand."""
    loader = yaml.BaseLoader if path.stat().st_size < 30_000 else yaml.CBaseLoader
    pack = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - texts alone
    head = {key: value for key, value in pack.items() if key != "tags"}
    return [head | tag for tag in pack["tags"]]


@pytest.mark.shared
@pytest.mark.slow
def test_every_real_pack_is_read_as_an_independent_reader_reads_it() -> None:
    files = sorted(PACKS.rglob("*.yaml"))
    total: Counter[str] = Counter()
    for path in files:
        rows, got = independently(path), load_file(path)
        assert got.format == "GraphSense TagPack (YAML)"
        written = Counter((row["address"].strip(), row["source"].strip()) for row in rows)
        ours = Counter((tag.raw or tag.address, tag.source) for tag in got.tags.every())
        assert set(written) == set(ours), path.name
        assert {tag.label.split(" [")[0] for tag in got.tags.every()} == {row["label"].split(" [")[0] for row in rows}
        assert {tag.actor for tag in got.tags.every()} == {row.get("actor", "") for row in rows}
        assert {tag.confidence for tag in got.tags.every()} == {
            CONFIDENCE_IDS[row.get("confidence", "unknown")].confidence for row in rows
        }
        crawled = [r for r in rows if r.get("confidence") == "web_crawl" and NOT_A_PLACE.search(r["label"])]
        wanted = {KINDS[row[name]] for row in rows for name in ("category", "abuse") if name in row}
        assert {tag.kind for tag in got.tags.every()} <= wanted | {TagKind.OTHER}
        assert crawled or {tag.kind for tag in got.tags.every()} | {TagKind.OTHER} == wanted | {TagKind.OTHER}
        total["tags"] += len(rows)
        total["statements"] += len(got.tags.tags)
        total["unmatched"] += len(got.tags.unmatched)
        total["flawed"] += sum(bool(tag.flaw) for tag in got.tags.tags)
    assert len(files) == 68
    assert total == {"tags": 89_412, "statements": 89_393, "unmatched": 0, "flawed": 16}
