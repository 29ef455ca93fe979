"""Time stamps by an authority that the tests make (certificates here, responses by `openssl ts`): good ones, and each
way in which one can be wrong, by its name."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from typer.testing import CliRunner

from dyepack.case.demo import run_demo
from dyepack.cli.pack import pack as pack_command
from dyepack.cli.pack import stamp as stamp_command
from dyepack.cli.pack import verify as verify_command
from dyepack.errors import CaseError, DyepackError, InputError, UsageError
from dyepack.pack import stamping, stamps
from dyepack.pack.make import Wanted, make
from dyepack.pack.verification import PackFault
from dyepack.pack.verify import verify
from tests.servers import LOCAL, Reply, Server
from tests.test_pack import alone, program

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
DAY = dt.timedelta(days=1)
TEXT = b"the tag manifest"


@dataclass(frozen=True, slots=True)
class Authority:
    """A time stamp authority: its root certificate, and a folder in which openssl signs."""

    folder: Path
    root: bytes

    def stamp(self, request: bytes) -> bytes:
        (self.folder / "q.tsq").write_bytes(request)
        subprocess.run(
            ["openssl", "ts", "-reply", "-queryfile", "q.tsq", "-config", "ts.cnf", "-tspolicy", "1.2.3.4.1", "-out",
             "r.tsr"],
            cwd=self.folder, check=True, capture_output=True,
        )  # fmt: skip
        return (self.folder / "r.tsr").read_bytes()


def name_of(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def authority(folder: Path, *, name: str = "Test TSA", until: dt.datetime = NOW + 365 * DAY) -> Authority:
    """A root and a certificate for stamping under it, valid from a day ago until some time."""
    folder.mkdir()
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = name_of(name + " Root")

    def certificate(subject: x509.Name, public: ec.EllipticCurvePublicKey, end: dt.datetime) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder().subject_name(subject).issuer_name(root_name).public_key(public)
            .serial_number(x509.random_serial_number()).not_valid_before(NOW - DAY).not_valid_after(end)
        )  # fmt: skip

    root = certificate(root_name, root_key.public_key(), NOW + 9999 * DAY).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    ).sign(root_key, hashes.SHA256())  # fmt: skip
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    leaf = certificate(name_of(name), key.public_key(), until).add_extension(usage, critical=True).add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
    ).sign(root_key, hashes.SHA256())  # fmt: skip
    pem = serialization.Encoding.PEM
    (folder / "tsa.pem").write_bytes(leaf.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "serial").write_text("01\n")
    (folder / "ts.cnf").write_text(
        "[tsa]\ndefault_tsa=t\n[t]\nserial=serial\nsigner_cert=tsa.pem\nsigner_key=key.pem\nsigner_digest=sha256\n"
        "default_policy=1.2.3.4.1\ndigests=sha256,sha384,sha512\naccuracy=secs:1\ness_cert_id_alg=sha256\n"
    )
    return Authority(folder, root.public_bytes(pem))


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tsa") / "a")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another authority under the same names, which nobody trusts."""
    return authority(tmp_path_factory.mktemp("tsa") / "b")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stamped")
    run_demo(folder / "demo", background=50)
    for name in ("p", "p.zip"):
        make(folder / "demo/case", folder / name, Wanted(), folder / "demo/ledger")
    return folder


@pytest.fixture(params=["p", "p.zip"])
def pack(original: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    place = tmp_path / str(request.param)
    (shutil.copytree if request.param == "p" else shutil.copyfile)(original / place.name, place)
    return place


def fault_of(response: bytes, roots: list[bytes], text: bytes = TEXT) -> str:
    """The fault that the check of a stamp names."""
    with pytest.raises(PackFault) as found:
        stamps.check(response, text, "stamps/x.tsr", roots)
    assert found.value.fault.check == "stamp"
    return found.value.fault.problem


def test_a_pack_without_a_stamp_says_so(pack: Path) -> None:
    found = verify(pack, deep=False)
    assert found.sound
    assert found.stamps == []
    assert "stamp: unstamped" in found.lines()


def test_a_stamp_keeps_the_id_and_is_checked_offline(pack: Path, tsa: Authority) -> None:
    before = verify(pack, deep=False).pack_id
    asked = stamps.request(stamping.text_of(pack))
    name = stamping.add(pack, tsa.stamp(asked), "r.tsr", asked)
    found = verify(pack, roots=[tsa.root])
    assert found.sound, found.lines()
    assert found.pack_id == before
    assert [s.file for s in found.stamps] == [name]
    assert found.stamps[0].time[:10] == dt.datetime.now(dt.UTC).date().isoformat()
    assert "Test TSA Root" in found.stamps[0].authority
    assert "signed under a trusted certificate" in found.stamps[0].state
    assert "signature not checked" in verify(pack, deep=False).stamps[0].state
    assert alone(pack).returncode == 0


def test_two_authorities_and_the_same_stamp_twice(pack: Path, tsa: Authority, other: Authority) -> None:
    asked = stamps.request(stamping.text_of(pack))
    response = tsa.stamp(asked)
    stamping.add(pack, response, "r.tsr", asked)
    stamping.add(pack, other.stamp(asked), "r.tsr", asked)
    assert len(verify(pack, roots=[tsa.root, other.root], deep=False).stamps) == 2
    with pytest.raises(CaseError, match="already"):
        stamping.add(pack, response, "r.tsr", asked)
    fault = verify(pack, roots=[tsa.root], deep=False).fault
    assert fault is not None
    assert fault.check == "stamp"


@pytest.mark.slow
def test_an_authority_that_expired_since_still_counts(tmp_path: Path) -> None:
    made = authority(tmp_path / "soon", until=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2))
    response = made.stamp(stamps.request(TEXT))
    time.sleep(3)
    assert "trusted" in stamps.check(response, TEXT, "x", [made.root]).state


def test_a_stamp_made_after_its_certificate_ended_does_not_count(tmp_path: Path) -> None:
    made = authority(tmp_path / "late", until=NOW - dt.timedelta(hours=1))
    assert "trusted certificate" in fault_of(made.stamp(stamps.request(TEXT)), [made.root])


def test_another_authority_of_the_same_name_does_not_count(tsa: Authority, other: Authority) -> None:
    assert "trusted certificate" in fault_of(other.stamp(stamps.request(TEXT)), [tsa.root])


def test_a_stamp_of_another_message(tsa: Authority) -> None:
    response = tsa.stamp(stamps.request(b"something else"))
    assert "another message" in fault_of(response, [tsa.root])
    with pytest.raises(InputError, match="another message"):
        stamps.accept(response, TEXT, "r.tsr")


def test_an_answer_to_another_request(tsa: Authority) -> None:
    response = tsa.stamp(stamps.request(TEXT))
    with pytest.raises(InputError, match="nonce"):
        stamps.accept(response, TEXT, "r.tsr", stamps.request(TEXT))


def test_a_request_that_was_not_granted(tsa: Authority) -> None:
    """The same authority asked by something that it cannot read."""
    response = tsa.stamp(b"0\x03\x02\x01\x01")
    assert "not granted" in fault_of(response, [tsa.root])
    with pytest.raises(InputError, match="not granted"):
        stamps.accept(response, TEXT, "r.tsr")


def test_a_stamp_over_another_hash(tsa: Authority) -> None:
    (tsa.folder / "d").write_bytes(TEXT)
    subprocess.run(["openssl", "ts", "-query", "-data", "d", "-sha512", "-cert", "-out", "d.tsq"], cwd=tsa.folder,
                   check=True, capture_output=True)  # fmt: skip
    assert "another hash" in fault_of(tsa.stamp((tsa.folder / "d.tsq").read_bytes()), [tsa.root])


def test_a_stamp_without_its_certificate(tsa: Authority) -> None:
    (tsa.folder / "d").write_bytes(TEXT)
    subprocess.run(["openssl", "ts", "-query", "-data", "d", "-sha256", "-out", "d.tsq"], cwd=tsa.folder, check=True,
                   capture_output=True)  # fmt: skip
    assert "trusted certificate" in fault_of(tsa.stamp((tsa.folder / "d.tsq").read_bytes()), [tsa.root])


def test_no_changed_byte_of_a_response_counts(tsa: Authority) -> None:
    """Every byte flipped: refused, or the stamp says the same (bytes that nothing signs, such as the status text)."""
    response = tsa.stamp(stamps.request(TEXT))
    whole = stamps.check(response, TEXT, "x", [tsa.root])
    passed = 0
    for at in range(len(response)):
        changed = bytearray(response)
        changed[at] ^= 1
        try:
            found = stamps.check(bytes(changed), TEXT, "x", [tsa.root])
        except PackFault:
            continue
        passed += 1
        assert (found.time, found.state) == (whole.time, whole.state)
    assert passed < 40


def test_a_changed_or_renamed_stamp_in_a_pack_is_named(original: Path, tmp_path: Path, tsa: Authority) -> None:
    pack = tmp_path / "p"
    shutil.copytree(original / "p", pack)
    asked = stamps.request(stamping.text_of(pack))
    name = stamping.add(pack, tsa.stamp(asked), "r.tsr", asked)
    raw = (pack / name).read_bytes()
    for at in range(0, len(raw), 37):
        changed = bytearray(raw)
        changed[at] ^= 4
        (pack / name).write_bytes(changed)
        fault = verify(pack, deep=False).fault
        assert fault is not None
        assert fault.file == name
    (pack / name).write_bytes(raw)
    (pack / name).rename(pack / "stamps" / ("0" * 64 + ".tsr"))
    fault = verify(pack, deep=False).fault
    assert fault is not None
    assert fault.file == "stamps/" + "0" * 64 + ".tsr"
    assert alone(pack).returncode == 1


def test_a_named_stamp_that_is_none(original: Path, tmp_path: Path) -> None:
    """Right name, no stamp in it."""
    shutil.copytree(original / "p", tmp_path / "p")
    for raw in (b"", b"hello", b"0" * 1000, b"\x30\x80" * 500):
        name = f"stamps/{hashlib.sha256(raw).hexdigest()}.tsr"
        (tmp_path / "p/stamps").mkdir(exist_ok=True)
        (tmp_path / "p" / name).write_bytes(raw)
        fault = verify(tmp_path / "p", deep=False).fault
        assert fault is not None
        assert fault.file == name
        (tmp_path / "p" / name).unlink()


@pytest.mark.parametrize("raw", [b"", b"hello", b"\x30\x03\x02\x01\x00", b"\xff" * 100])
def test_what_is_no_response_or_request_is_refused(raw: bytes, tsa: Authority) -> None:
    with pytest.raises(InputError):
        stamps.accept(raw, TEXT, "r.tsr")
    with pytest.raises(InputError):
        stamps.accept(tsa.stamp(stamps.request(TEXT)), TEXT, "r.tsr", raw)


def test_a_root_that_is_no_certificate_is_refused(tsa: Authority) -> None:
    with pytest.raises(InputError, match="certificate"):
        stamps.check(tsa.stamp(stamps.request(TEXT)), TEXT, "x", [b"hello"])


def test_a_pack_that_is_not_sound_is_not_stamped(original: Path, tmp_path: Path) -> None:
    shutil.copytree(original / "p", tmp_path / "p")
    (tmp_path / "p/data/log.jsonl").write_bytes(b"")
    with pytest.raises(CaseError, match=r"log\.jsonl"):
        stamping.text_of(tmp_path / "p")


def test_an_authority_is_asked_over_http(tsa: Authority) -> None:
    with Server() as server:
        server.on("/tsa", lambda seen: Reply(tsa.stamp(seen.body), type="application/timestamp-reply"))
        asked = stamps.request(TEXT)
        response = asyncio.run(stamps.fetch(server.url + "/tsa", asked, LOCAL))
        stamps.accept(response, TEXT, "r.tsr", asked)


def test_a_guarded_host_is_not_asked_unless_it_is_named() -> None:
    for url in ("http://127.0.0.1:9/tsa", "http://localhost/tsa", "http://169.254.169.254/", "ftp://e.example/"):
        with pytest.raises(DyepackError):
            asyncio.run(stamps.fetch(url, b"x"))


def test_the_commands(original: Path, tmp_path: Path, tsa: Authority) -> None:
    app = program(pack=pack_command, verify=verify_command, stamp=stamp_command)
    run = CliRunner()
    pack, request, response = tmp_path / "p", tmp_path / "q.tsq", tmp_path / "r.tsr"
    shutil.copytree(original / "p", pack)
    (tmp_path / "root.pem").write_bytes(tsa.root)
    assert run.invoke(app, ["stamp", str(pack), "--request", str(request)]).exit_code == 0
    response.write_bytes(tsa.stamp(request.read_bytes()))
    done = run.invoke(app, ["stamp", str(pack), "--response", str(response), "--to", str(request)])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("stamps/")
    done = run.invoke(app, ["verify", str(pack), "--quick", "--tsa-root", str(tmp_path / "root.pem")])
    assert "signed under a trusted certificate" in done.stdout
    with Server() as server:
        server.on("/", lambda seen: Reply(tsa.stamp(seen.body), type="application/timestamp-reply"))
        words = ["pack", str(original / "demo/case"), "--ledger", str(original / "demo/ledger"), "--out",
                 str(tmp_path / "n.zip"), "--timestamp", server.url + "/", "--allow-host", "127.0.0.1"]  # fmt: skip
        done = run.invoke(app, words)
    assert done.exit_code == 0, done.output
    assert len(verify(tmp_path / "n.zip", roots=[tsa.root], deep=False).stamps) == 1
    for wrong in ([], ["--request", "a", "--response", "b"], ["--request", "a", "--to", "b"]):
        assert isinstance(run.invoke(app, ["stamp", str(pack), *wrong]).exception, UsageError)
    inside = run.invoke(app, ["stamp", str(pack), "--request", str(pack / "q.tsq")])
    assert isinstance(inside.exception, UsageError)
    assert verify(pack, deep=False).sound
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for words in (["pack", str(tmp_path / "loop"), "--out", str(tmp_path / "x.zip")],
                  ["stamp", str(tmp_path / "loop"), "--request", str(tmp_path / "x.tsq")]):  # fmt: skip
        assert isinstance(run.invoke(app, words).exception, DyepackError)
    os.mkfifo(tmp_path / "pipe")
    for words in (["stamp", str(pack), "--response"], ["verify", str(pack), "--quick", "--tsa-root"]):
        assert isinstance(run.invoke(app, [*words, str(tmp_path / "pipe")]).exception, InputError)


WITHOUT = """
import sys
sys.modules["rfc3161_client"] = None
from pathlib import Path
from dyepack.errors import UsageError
from dyepack.pack import stamps
from dyepack.pack.verify import verify
found = verify(Path(sys.argv[1]), deep=False)
print(found.sound, found.stamps[0].state)
try:
    stamps.request(b"x")
except UsageError as fault:
    print(fault)
"""


def test_without_the_package_a_stamped_pack_verifies_and_says_that_nobody_looked(
    original: Path, tmp_path: Path, tsa: Authority
) -> None:
    shutil.copytree(original / "p", tmp_path / "p")
    asked = stamps.request(stamping.text_of(tmp_path / "p"))
    stamping.add(tmp_path / "p", tsa.stamp(asked), "r.tsr", asked)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(tmp_path / "p")], capture_output=True, text=True, check=True
    )
    assert "True not looked at: time stamps need the package rfc3161-client" in done.stdout
    assert "dyepack[timestamps]" in done.stdout


def test_a_pack_whose_authority_does_not_answer_is_written_without_a_stamp(original: Path, tmp_path: Path) -> None:
    with Server() as server:
        server.answer(b"no", status=403, type="text/plain")
        words = ["pack", str(original / "demo/case"), "--ledger", str(original / "demo/ledger"), "--out",
                 str(tmp_path / "p"), "--timestamp", server.url + "/", "--allow-host", "127.0.0.1"]  # fmt: skip
        done = CliRunner().invoke(program(pack=pack_command), words)
    assert isinstance(done.exception, DyepackError)
    assert "403" in str(done.exception)
    assert verify(tmp_path / "p", deep=False).stamps == []


@pytest.mark.parametrize("body", [b"", b"hello", b"\0" * (2 << 20)])
def test_what_a_lying_authority_answers_goes_into_no_pack(body: bytes, original: Path, tmp_path: Path) -> None:
    shutil.copytree(original / "p", tmp_path / "p")
    with Server() as server:
        server.answer(body, type="application/timestamp-reply")
        done = CliRunner().invoke(
            program(stamp=stamp_command, verify=verify_command),
            ["stamp", str(tmp_path / "p"), "--timestamp", server.url + "/", "--allow-host", "127.0.0.1"],
        )
    assert isinstance(done.exception, DyepackError)
    assert not (tmp_path / "p/stamps").exists()
