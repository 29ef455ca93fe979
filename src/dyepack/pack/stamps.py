"""Time stamps (RFC 3161): that a pack existed at a time, by the word of an authority.

What is stamped is tagmanifest-sha256.txt, which stands for all of the pack. The request goes to an authority over the
network, or into a file that the user sends there; the response goes into the pack. Checking is offline: the stamp is
of this pack, and its signature leads to a certificate that the user trusts, as of the time that the stamp says (so it
holds when that certificate has expired since). Without a trusted certificate the stamp is shown as not checked.
Needs the optional package rfc3161-client (Apache-2.0): pip install "dyepack[timestamps]".
Invariant: a response goes into a pack only if it was granted and is of that pack (and of the request, if given).
"""

from __future__ import annotations

import hashlib
from datetime import UTC
from typing import TYPE_CHECKING, Any

from dyepack.errors import DyepackError, InputError, UsageError, quoted
from dyepack.pack.verification import PackFault, Stamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MOST = 1 << 20
_NEEDED = "time stamps need the package rfc3161-client"


def library() -> Any:
    """rfc3161-client; UsageError if it is not installed."""
    try:
        import rfc3161_client
    except ImportError as fault:
        raise UsageError(_NEEDED, remedy='pip install "dyepack[timestamps]"') from fault
    return rfc3161_client


def request(text: bytes) -> bytes:
    """A request (DER) to stamp a text, with a nonce of its own."""
    lib = library()
    made = lib.TimestampRequestBuilder().data(text).hash_algorithm(lib.HashAlgorithm.SHA256).build()
    return bytes(made.as_bytes())


def accept(response: bytes, text: bytes, file: Path | str, asked: bytes | None = None) -> None:
    """Return if a response (DER) may go into the pack of `text`; InputError says why not."""
    said = _read(response)
    why = _refused(said, text) if said is not None else "is no time stamp response (DER)"
    if not why and asked is not None and _nonce(asked) != said.tst_info.nonce:
        why = "answers another request: the nonce is not that of the request"
    if why:
        raise InputError(file, why, remedy="stamp the pack again")


def check(response: bytes, text: bytes, file: str, roots: Sequence[bytes]) -> Stamp:
    """What a stamp of a pack says; PackFault if it is of another text, or does not lead to one of `roots` (PEM)."""
    try:
        said = _read(response)
    except UsageError:
        return Stamp(file, "", "", f"not looked at: {_NEEDED}")
    why = "is no time stamp response" if said is None else _refused(said, text)
    if why:
        raise PackFault("stamp", file, why)
    time = said.tst_info.gen_time.replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if not roots:
        return Stamp(file, time, _signer(said), "of this pack; signature not checked: name a certificate, --tsa-root")
    _verify(said, text, file, roots)
    return Stamp(file, time, _signer(said), "of this pack; signed under a trusted certificate")


def _read(response: bytes) -> Any:
    """A response as the library reads it, None if it is none."""
    lib = library()
    try:
        return lib.decode_timestamp_response(response)
    except (ValueError, TypeError):
        return None


def _refused(said: Any, text: bytes) -> str:
    """Why a response is no stamp of a text, "" if it is one."""
    try:
        if said.status != 0:
            return f"was not granted (status {said.status})"
        imprint = said.tst_info.message_imprint
        if imprint.hash_algorithm.dotted_string != "2.16.840.1.101.3.4.2.1":
            return "is over another hash than SHA-256"
        if bytes(imprint.message) != hashlib.sha256(text).digest():
            return "is of another message, not of this pack"
    except (ValueError, TypeError, AttributeError):
        return "holds no time stamp"
    return ""


def _nonce(asked: bytes) -> int | None:
    """The nonce of a request (DER)."""
    library()
    from rfc3161_client._rust import parse_timestamp_request  # the package has no public reader of requests

    try:
        found: int | None = parse_timestamp_request(asked).nonce
    except (ValueError, TypeError, AttributeError) as fault:
        raise InputError("the request", "is no time stamp request (DER)", remedy="give the .tsq file") from fault
    return found


def _signer(said: Any) -> str:
    """Who the stamp says signed it, safe to print."""
    try:
        info = next(iter(said.signed_data.signer_infos))
        return quoted(info.issuer.rfc4514_string()).strip("'")
    except (StopIteration, ValueError, AttributeError):
        return "an unnamed authority"


def _verify(said: Any, text: bytes, file: str, roots: Sequence[bytes]) -> None:
    """PackFault unless the stamp leads to one of `roots`, each a file of certificates that is tried by itself."""
    from cryptography.x509 import load_pem_x509_certificates

    lib = library()
    why = ""
    for pem in roots:
        try:
            trusted = load_pem_x509_certificates(pem)
        except ValueError as fault:
            raise InputError("--tsa-root", "is no certificate in PEM", remedy="give the authority's root") from fault
        try:
            builder = lib.VerifierBuilder()
            for certificate in dict.fromkeys(trusted):
                builder = builder.add_root_certificate(certificate)
            builder.build().verify_message(said, text)
        except (lib.VerificationError, ValueError, AssertionError) as fault:
            why = why or quoted(str(fault))
        else:
            return
    raise PackFault("stamp", file, f"does not lead to a trusted certificate ({why})")


async def fetch(url: str, body: bytes, allow: Sequence[str] = ()) -> bytes:
    """Ask an authority over HTTP, guarded as every source is, once, without redirects; the response's bytes.

    Raises SourceError (a DyepackError) for a host that is guarded, cannot be reached or refuses.
    """
    import aiohttp
    from yarl import URL

    from dyepack.sources.live.client import Client, Settings
    from dyepack.sources.live.credentials import Secrets
    from dyepack.sources.live.endpoint import Endpoint
    from dyepack.sources.live.errors import BadAnswer, Refused
    from dyepack.sources.live.rates import Cost

    endpoint = Endpoint.parse("tsa+" + url, allow)
    secrets = Secrets(endpoint.names, endpoint.masked)
    client = Client(endpoint, secrets, Settings(), Cost(), lambda _: None)
    error: DyepackError | None = None
    try:
        headers = endpoint.headers(secrets) | {"Content-Type": "application/timestamp-query"}
        async with client.session.post(
            URL(endpoint.url(secrets), encoded=True), data=body, headers=headers, allow_redirects=False
        ) as answer:
            if answer.status != 200:
                raise Refused(f"the authority at {quoted(endpoint.host)} answers with status {answer.status}",
                              remedy="check its address, or use another one")  # fmt: skip
            found = b""
            async for piece in answer.content.iter_chunked(1 << 14):
                found += piece
                if len(found) > _MOST:
                    raise BadAnswer(f"the answer of {quoted(endpoint.host)} is larger than {_MOST:,} bytes",
                                    remedy="check its address, or use another one")  # fmt: skip
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError, DyepackError) as fault:
        error = client.error_of(fault)
    finally:
        await client.close()
    if error is not None:
        raise error
    return found
