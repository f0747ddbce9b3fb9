"""Public keys, when each may sign, and whether a signature is theirs."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from carlos_tasks.aliases import Row
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.lake.statements import rows
from carlos_tasks.ledger.keys import key_id_of, read_public_key

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
_KEY_BYTES = 32


@dataclass(frozen=True)
class PublicKey:
    """A public key and when it may sign.

    Attributes:
        key_id: its name, told from the key itself.
        public_key: 32 bytes.
        name: what people call it.
        role: deployment or analyst.
        analyst: whose it is; None: the deployment's.
        valid_from: from when it may sign.
        valid_until: until when; None: no limit.
        revoked_at: from when it may not any more; None: not revoked.
    """

    key_id: str
    public_key: bytes
    name: str = ""
    role: str = "deployment"
    analyst: str | None = None
    valid_from: datetime = _ALWAYS
    valid_until: datetime | None = None
    revoked_at: datetime | None = None

    def fault_at(self, at: datetime) -> str | None:
        """Why it may not sign at a time, in words; None: it may."""
        if at < self.valid_from:
            return f"key {self.key_id} is valid from {self.valid_from:%Y-%m-%d %H:%M UTC} only"
        if self.valid_until is not None and at >= self.valid_until:
            return f"key {self.key_id} expired at {self.valid_until:%Y-%m-%d %H:%M UTC}"
        if self.revoked_at is not None and at > self.revoked_at:
            return f"key {self.key_id} was revoked from {self.revoked_at:%Y-%m-%d %H:%M UTC} on"
        return None


class PublicKeys:
    """The public keys that are known, by key_id."""

    def __init__(self, keys: Iterable[PublicKey] = ()) -> None:
        self._keys = {key.key_id: key for key in keys}

    @classmethod
    def of_lake(cls, con: duckdb.DuckDBPyConnection) -> "PublicKeys":
        """The keys of core.signing_key; none where the lake is of before it had keys."""
        try:
            found = rows(con, "from core.signing_key order by recorded_at, change_id")
        except duckdb.CatalogException:
            return cls()
        return cls.of_rows(found)

    @classmethod
    def of_rows(cls, found: Iterable[Row]) -> "PublicKeys":
        """The keys that rows of core.signing_key, in their order, add and revoke.

        A row whose public key does not fit its key_id adds nothing: its signatures are those of no known key.
        """
        keys: dict[str, PublicKey] = {}
        for row in found:
            key_id, public_key = str(row["key_id"]), _decoded(row["public_key"])
            if row["change"] == "revoke" and (known := keys.get(key_id)):
                revoked = [at for at in (known.revoked_at, row["valid_from"]) if at is not None]
                keys[key_id] = replace(known, revoked_at=min(revoked))
            elif row["change"] == "add" and key_id not in keys and _is_key(public_key, key_id):
                keys[key_id] = PublicKey(
                    key_id,
                    public_key,
                    row["name"],
                    row["role"],
                    row["analyst"],
                    row["valid_from"],
                    row["valid_until"],
                )
        return cls(keys.values())

    @classmethod
    def of_path(cls, path: Path) -> "PublicKeys":
        """The public key of a PEM file, or those of all `*.pub` and `*.pem` in a folder; they are valid at any time.

        Raises:
            NotFound: nothing is there, or the folder holds no key.
            CarlosError: a file holds no Ed25519 public key.
        """
        files = sorted([*path.glob("*.pub"), *path.glob("*.pem")]) if path.is_dir() else [path]
        if not files:
            raise NotFound(f"{path} holds no public key: files that end in .pub or .pem are read")
        found = []
        for file in files:
            public_key = read_public_key(file)
            found.append(PublicKey(key_id_of(public_key), public_key, file.stem))
        return cls(found)

    @property
    def keys(self) -> Mapping[str, PublicKey]:
        """Them all, by key_id."""
        return self._keys

    def get(self, key_id: str) -> PublicKey | None:
        """The key of that name."""
        return self._keys.get(key_id)

    def in_force(self, role: str, at: datetime) -> list[PublicKey]:
        """The keys of a role that may sign at a time."""
        return [key for key in self._keys.values() if key.role == role and key.fault_at(at) is None]

    def of_analyst(self, analyst: str, at: datetime) -> list[PublicKey]:
        """The keys with which an analyst may sign at a time."""
        return [key for key in self.in_force("analyst", at) if key.analyst == analyst]

    def verify(self, key_id: str, data: bytes, signature: bytes, at: datetime) -> str | None:
        """Tell what is wrong with a signature.

        Args:
            key_id: the key that is said to have signed.
            data: what was signed.
            signature: 64 bytes.
            at: when it was signed.

        Returns:
            One clause, e.g. "key 5e0b… expired at 2026-11-23 14:30 UTC"; None: it is that key's, which was valid then.
        """
        key = self._keys.get(key_id)
        if key is None:
            return f"key {key_id[:32]} is not known"
        try:
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, data)
        except InvalidSignature:
            return f"the signature is not one of key {key_id}"
        return key.fault_at(at)

    def require(self, key_id: str) -> PublicKey:
        """The key of that name, or whose name begins so.

        Raises:
            NotFound: none, or more than one.
        """
        found = [key for name, key in self._keys.items() if key_id and name.startswith(key_id)]
        if len(found) != 1:
            raise NotFound(f"the lake has no key {key_id!r}: carlos keys list names them")
        return found[0]


def encoded(data: bytes) -> str:
    """A key or a signature as tables hold it."""
    return base64.b64encode(data).decode("ascii")


def decoded(text: str) -> bytes:
    """Read what `encoded` wrote.

    Raises:
        CarlosError: it is not base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise CarlosError("not base64") from exc


def _is_key(public_key: bytes, key_id: str) -> bool:
    return len(public_key) == _KEY_BYTES and key_id_of(public_key) == key_id


def _decoded(text: str) -> bytes:
    try:
        return decoded(text)
    except CarlosError:
        return b""
