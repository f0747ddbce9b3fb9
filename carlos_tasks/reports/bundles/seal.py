"""What vouches for a manifest: the signature of the deployment's key, and an entry in the ledger of the lake.

    manifest.json    lists every file by its hash         signed and entered, never changed afterwards
    seal.json        signature and entry of the manifest
    release.json     who approved it, with its entry      (`reports.bundles.release`)
    redactions.json  whose pictures were cut out since    (`reports.bundles.redaction`)

What an entry has of each follows from the files alone: whoever has report and entry can hold one against the other.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import duckdb
import orjson

from carlos_tasks.aliases import Json
from carlos_tasks.errors import CarlosError
from carlos_tasks.lake.state import RECORD
from carlos_tasks.ledger.canonical import canonical_json, utc_text
from carlos_tasks.ledger.chain import enter, head_facts
from carlos_tasks.ledger.entry import Entry
from carlos_tasks.ledger.keys import Signer, signer_of
from carlos_tasks.ledger.public_keys import encoded
from carlos_tasks.moderation.recording import record
from carlos_tasks.settings import Settings

MANIFEST, SEAL, RELEASE, REDACTIONS = "manifest.json", "seal.json", "release.json", "redactions.json"


@dataclass(frozen=True)
class Seal:
    """The seal of a manifest.

    Attributes:
        manifest_sha256: hash of its bytes.
        key_id, signature: Ed25519 over `signed_text` of its bytes, in base64; None: not signed.
        entry: its entry in the ledger, as `entry_json` has it; None: none yet.
        not_entered: why there is none, where whoever wrote the report could not enter it.
    """

    manifest_sha256: str
    key_id: str | None = None
    signature: str | None = None
    entry: Json | None = None
    not_entered: str | None = None

    def to_json(self) -> bytes:
        """Its file."""
        return canonical_json(asdict(self))


def sha256_of(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def seal_of(manifest: bytes, signer: Signer | None) -> Seal:
    """The seal of a manifest that is not entered yet."""
    sha256 = sha256_of(manifest)
    return Seal(sha256, signer.key_id, encoded(signer.sign(signed_text(manifest)))) if signer else Seal(sha256)


def signed_text(manifest: bytes) -> bytes:
    """What the signature of a manifest is over: no signature of an entry can stand for one of a manifest."""
    return b"carlos manifest\n" + manifest


def report_content(manifest: bytes) -> Json:
    """What the ledger has of a report: the hash of its manifest, and what people look for it by."""
    told = orjson.loads(manifest)
    named = {name: told.get(name) for name in ("report", "kept_at", "profile_id", "snapshot_id", "created_at")}
    return {"manifest_sha256": sha256_of(manifest)} | named


def enter_report(settings: Settings, manifest: bytes) -> Entry:
    """Enter a manifest in the ledger, in a commit of its own; one that is entered is not entered again.

    Raises:
        NotFound: there is no lake yet.
        PermanentError: the lake cannot be written, or its entries are signed and here is no key.
        PassingError: the lake did not take it.
    """
    return enter_one(settings, "report", "report", sha256_of(manifest), report_content(manifest))


def enter_one(settings: Settings, what: str, kind: str, record_id: str, content: Mapping[str, Any]) -> Entry:
    """Enter one record of a report in a commit that reports do not count as another state of the lake.

    Args:
        settings: where the lake lies, and the key.
        what: is recorded, for the commit's message: report, release or redaction.
        kind: of the entry.
        record_id: of the entry.
        content: of the entry.
    """
    signer = signer_of(settings)

    def write(con: duckdb.DuckDBPyConnection, facts: Json) -> Entry:
        entry = enter(con, signer, kind, record_id, content)
        # The report may be kept elsewhere: its snapshot is one that nobody may expire.
        of_snapshot = {"snapshot_id": content["snapshot_id"]} if content.get("snapshot_id") is not None else {}
        facts |= {"kind": kind, "record_id": record_id} | of_snapshot | head_facts(con)
        return entry

    return record(settings, f"{RECORD} {what}", write)


def sealed(settings: Settings, manifest: bytes) -> Seal:
    """Sign and enter a manifest, as far as whoever runs this may: the seal says what could not be done, and why."""
    seal = seal_of(manifest, signer_of(settings))
    try:
        return with_entry(seal, enter_report(settings, manifest))
    except CarlosError as exc:
        return Seal(seal.manifest_sha256, seal.key_id, seal.signature, not_entered=str(exc))


def with_entry(seal: Seal, entry: Entry) -> Seal:
    """The seal with the entry."""
    return Seal(seal.manifest_sha256, seal.key_id, seal.signature, entry_json(entry))


def entry_json(entry: Entry) -> Json:
    """An entry as files hold it: what is null left out, times in UTC as the hash of the entry has them."""
    return {
        name: utc_text(value) if isinstance(value, datetime) else value
        for name, value in vars(entry).items()
        if value is not None
    }


def entry_from(value: Any) -> Entry | None:
    """Read what `entry_json` wrote; None where it is no entry."""
    if not isinstance(value, dict) or not all(isinstance(held, str | int) for held in value.values()):
        return None
    fields: Json = dict(value)
    try:
        fields |= {name: datetime.fromisoformat(value[name]) for name in ("entered_at", "clock_at")}
        entry = Entry(**fields)
    except (KeyError, TypeError, ValueError):
        return None
    return entry if entry_json(entry) == value else None
