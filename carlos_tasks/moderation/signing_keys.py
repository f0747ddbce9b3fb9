"""Public keys of the deployment and of analysts: added and revoked as rows of core.signing_key, with entries."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.errors import CarlosError
from carlos_tasks.lake.statements import rows
from carlos_tasks.ledger.chain import moment
from carlos_tasks.ledger.keys import key_id_of
from carlos_tasks.ledger.public_keys import PublicKeys, encoded
from carlos_tasks.moderation.free_text import check_text
from carlos_tasks.moderation.recording import Scribe, record
from carlos_tasks.settings import Settings
from carlos_tasks.untrusted.text import says_something

_KEY: pa.Schema = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("change_id", "change", "key_id", "public_key")),
        *(pa.field(name, pa.string(), nullable=False) for name in ("name", "role")),
        pa.field("analyst", pa.string()),
        pa.field("valid_from", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("valid_until", pa.timestamp("us", tz="UTC")),
        pa.field("reason", pa.string()),
        pa.field("recorded_by", pa.string(), nullable=False),
    ]
)
_APPENDED = ("add_signing_keys", "changes", _KEY)


@dataclass(frozen=True)
class KeyDraft:
    """A public key to be added.

    Args:
        public_key: 32 bytes.
        name: what people call it.
        role: deployment or analyst.
        recorded_by: who adds it.
        analyst: whose it is, as `--by` names the person; needed for the role analyst, and for no other.
        valid_from: from when it may sign; None: from now on.
        valid_until: until when; None: no limit.

    Raises:
        CarlosError: a value that can never be right.
    """

    public_key: bytes
    name: str
    role: str
    recorded_by: str
    analyst: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("name", "recorded_by", "analyst"):
            check_text(name, getattr(self, name))
        if not says_something(self.name) or not says_something(self.recorded_by):
            raise CarlosError("a key needs a name, and somebody who adds it")
        if (self.role == "analyst") != says_something(self.analyst):
            raise CarlosError("a key of the role analyst needs the analyst whose it is, and no other takes one")
        if self.valid_until is not None and self.valid_until <= (self.valid_from or datetime.now(UTC)):
            raise CarlosError("the key would never be valid: valid-until has to be later than valid-from, and than now")


def add_key(settings: Settings, draft: KeyDraft) -> Row:
    """Add a public key; returns its row of mart.signing_key.

    Raises:
        NotFound: there is no lake yet.
        CarlosError: the lake has the key already; or the entries are signed, and no key of the deployment is here.
        PassingError: the lake did not take it; nothing was written.
    """
    key_id, change_id, scribe = key_id_of(draft.public_key), uuid.uuid4().hex, Scribe(settings)

    def write(con: duckdb.DuckDBPyConnection, facts: Row) -> Row:
        at = moment(con)
        known = rows(con, "from core.signing_key where key_id = $key_id and change = 'add'", {"key_id": key_id})
        if any(row["change_id"] != change_id for row in known):
            raise CarlosError(f"the lake has key {key_id} already: carlos keys list shows it")
        row = {
            "change_id": change_id,
            "change": "add",
            "key_id": key_id,
            "public_key": encoded(draft.public_key),
            "name": draft.name.strip(),
            "role": draft.role,
            "analyst": draft.analyst.strip() if draft.analyst else None,
            "valid_from": draft.valid_from or at.at,
            "valid_until": draft.valid_until,
            "recorded_by": draft.recorded_by.strip(),
        }
        scribe.append(con, facts, "key", _APPENDED, {change_id: row}, at)
        return _key(con, key_id)

    return record(settings, "key", write)


def revoke_key(
    settings: Settings, named: str, by: str, reason: str | None = None, since: datetime | None = None
) -> Row:
    """Say that a key may not sign any more; returns its row of mart.signing_key.

    Args:
        settings: where the lake lies.
        named: its key_id, or the first digits.
        by: who says so.
        reason: why.
        since: from when on; None: from now on. What it signed later than that is a finding of every verification.

    Raises:
        NotFound: the lake has no such key, or more than one.
        CarlosError: it is the deployment's only key, which signs the revocation itself.
        PassingError: the lake did not take it; nothing was written.
    """
    check_text("recorded_by", by)
    check_text("reason", reason)
    if not says_something(by):
        raise CarlosError("who revokes the key? Name who says so")
    change_id, scribe = uuid.uuid4().hex, Scribe(settings)

    def write(con: duckdb.DuckDBPyConnection, facts: Row) -> Row:
        at = moment(con)
        key = PublicKeys.of_lake(con).require(named)
        row = {
            "change_id": change_id,
            "change": "revoke",
            "key_id": key.key_id,
            "public_key": encoded(key.public_key),
            "name": key.name,
            "role": key.role,
            "analyst": key.analyst,
            "valid_from": since or at.at,
            "reason": reason,
            "recorded_by": by.strip(),
        }
        scribe.append(con, facts, "key", _APPENDED, {change_id: row}, at)
        return _key(con, key.key_id)

    return record(settings, "key", write)


def known_keys(con: duckdb.DuckDBPyConnection) -> list[Row]:
    """Rows of mart.signing_key, the oldest first."""
    return rows(con, "from mart.signing_key order by added_at, key_id")


def _key(con: duckdb.DuckDBPyConnection, key_id: str) -> Row:
    (row,) = rows(con, "from mart.signing_key where key_id = $key_id", {"key_id": key_id})
    return row
