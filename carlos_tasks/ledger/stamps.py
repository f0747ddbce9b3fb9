"""Time stamps (RFC 3161) of the chain's head, by an authority that the deployment names: off unless it does.

A stamp is asked for once what was decided is written, and costs it nothing: an authority that is down, slow or wrong
costs the stamp alone, and a line in the log. An authority is sent 32 bytes, the hash of the head's hash.
"""

import hashlib
import logging
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import duckdb
import httpx
import pyarrow as pa
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from carlos_tasks.errors import CarlosError, PassingError, SettingsError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.register import registered
from carlos_tasks.lake.statements import run_statement
from carlos_tasks.lake.transaction import transaction
from carlos_tasks.ledger.chain import head
from carlos_tasks.ledger.entry import Head, signed_text
from carlos_tasks.ledger.public_keys import encoded

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from carlos_tasks.settings import Settings

_LOG = logging.getLogger(__name__)
_PATIENCE_S = 10.0
_LONGEST_ANSWER = 100_000
_STAMP: pa.Schema = pa.schema(
    [
        pa.field("stamp_id", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in ("entry_hash", "authority", "token")),
        *(pa.field(name, pa.timestamp("us", tz="UTC"), nullable=False) for name in ("stamped_at", "recorded_at")),
    ]
)


@dataclass(frozen=True)
class Stamp:
    """What an authority said: its answer as it came, and the time in it."""

    token: bytes
    stamped_at: datetime


def stamp_head(settings: "Settings") -> bool:
    """Have the head stamped, where the setting CARLOS_TIMESTAMP_URL names an authority; tell whether it was.

    Nothing is raised: what goes wrong is a warning in the log.
    """
    if not settings.timestamp_url:
        return False
    try:
        with connect(settings) as con, lake_errors():
            newest = head(con)
        if newest is None:
            return False
        stamp = ask_for_stamp(settings.timestamp_url, signed_text(newest.entry_hash), read_roots(settings))
        patience = Retrying(
            retry=retry_if_exception_type(PassingError), wait=wait_fixed(1), stop=stop_after_attempt(3), reraise=True
        )
        patience(_keep, settings, newest, stamp)
    except (CarlosError, duckdb.Error) as exc:
        said = " ".join(str(exc).split())[:300]
        _LOG.warning("no time stamp of what was written, which stands all the same: %s", said)
        return False
    return True


def ask_for_stamp(url: str, data: bytes, roots: "list[Certificate] | None") -> Stamp:
    """Have some bytes stamped.

    Args:
        url: of the authority.
        data: what is to be stamped; its SHA-256 is sent.
        roots: certificates that the authority's signature has to come from; None: it is not checked.

    Raises:
        SettingsError: the package for time stamps is not installed.
        CarlosError: the authority did not answer in time, or not with a stamp of these bytes.
    """
    client = stamp_client()
    request = client.TimestampRequestBuilder().data(data).hash_algorithm(client.HashAlgorithm.SHA256).build()
    answer = _post(url, request.as_bytes())
    stamp = read_stamp(answer)
    if fault := fault_of_stamp(answer, data, roots, request.nonce):
        raise CarlosError(f"{authority_of(url)}: {fault}")
    return stamp


def read_stamp(answer: bytes) -> Stamp:
    """Read what an authority answered.

    Raises:
        CarlosError: it is no granted stamp.
    """
    client = stamp_client()
    try:
        read = client.decode_timestamp_response(answer)
        if client.PKIStatus(read.status) not in (client.PKIStatus.GRANTED, client.PKIStatus.GRANTED_WITH_MODS):
            raise CarlosError("the authority refused the stamp")
        return Stamp(answer, read.tst_info.gen_time.astimezone(UTC))
    except ValueError as exc:
        raise CarlosError("what the authority answered is no time stamp") from exc


def fault_of_stamp(
    answer: bytes, data: bytes, roots: "list[Certificate] | None", nonce: int | None = None
) -> str | None:
    """What is wrong with a stamp, one clause; None: it is one of these bytes, by an authority that the roots know."""
    client = stamp_client()
    read = client.decode_timestamp_response(answer)
    if read.tst_info.message_imprint.message != hashlib.sha256(data).digest():
        return "the time stamp is of another hash"
    if nonce is not None and read.tst_info.nonce != nonce:
        return "the time stamp answers another request"
    if roots is None:
        return None
    builder = client.VerifierBuilder(roots=list(roots))
    try:
        builder.build().verify(read, hashlib.sha256(data).digest())
    except (client.VerificationError, ValueError) as exc:
        return f"the time stamp is not signed by the authority whose root is known ({' '.join(str(exc).split())[:120]})"
    return None


def read_roots(settings: "Settings") -> "list[Certificate] | None":
    """The certificates of the setting CARLOS_TIMESTAMP_ROOTS; None: it names no file, and signatures are not checked.

    Raises:
        SettingsError: the file cannot be read, or holds no certificate in PEM.
    """
    from cryptography.x509 import load_pem_x509_certificates

    if not settings.timestamp_roots:
        return None
    try:
        return load_pem_x509_certificates(Path(settings.timestamp_roots).read_bytes())
    except (OSError, ValueError) as exc:
        raise SettingsError(
            f"CARLOS_TIMESTAMP_ROOTS: {settings.timestamp_roots} holds no certificate in PEM that can be read"
        ) from exc


def authority_of(url: str) -> str:
    """The address of an authority without user, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def stamp_client() -> Any:
    """The package rfc3161_client.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        import rfc3161_client
    except ModuleNotFoundError:
        raise SettingsError(
            "time stamps need rfc3161-client: pip install 'carlos-platform[timestamps]', or unset CARLOS_TIMESTAMP_URL"
        ) from None
    return rfc3161_client


def _post(url: str, request: bytes) -> bytes:
    """Ask, for ten seconds in all: an authority that sends a byte a second is slow, too."""
    until = time.monotonic() + _PATIENCE_S
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    name = authority_of(url)
    try:
        with httpx.stream("POST", url, content=request, headers=headers, timeout=_PATIENCE_S) as response:
            if response.status_code != httpx.codes.OK:
                raise CarlosError(f"{name} answered {response.status_code}")
            answer = b""
            for part in response.iter_raw():
                answer += part
                if time.monotonic() > until:
                    raise CarlosError(f"{name} was too slow: no time stamp in {_PATIENCE_S:g} s")
                if len(answer) > _LONGEST_ANSWER:
                    raise CarlosError(f"{name} answered more than {_LONGEST_ANSWER} bytes, which is no time stamp")
            return answer
    except httpx.TimeoutException:
        raise CarlosError(f"{name} was too slow: no time stamp in {_PATIENCE_S:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
        # Not chained: the error may quote the address with its password.
        raise CarlosError(f"{name} did not answer") from None


def _keep(settings: "Settings", stamped: Head, stamp: Stamp) -> None:
    row = {
        "stamp_id": uuid.uuid4().hex,
        "position": stamped.position,
        "entry_hash": stamped.entry_hash,
        "authority": authority_of(settings.timestamp_url),
        "token": encoded(stamp.token),
        "stamped_at": stamp.stamped_at,
        "recorded_at": datetime.now(UTC),
    }
    stamps = pa.Table.from_pylist([row], schema=_STAMP)
    with (
        connect(settings, read_only=False, create=False) as con,
        lake_errors(),
        transaction(con, "stamp", {"position": stamped.position}),
        registered(con, "stamps", stamps),
    ):
        run_statement(con, "add_stamps")
