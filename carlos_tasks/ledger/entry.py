"""One entry of the chain, and how it is tied to the one before it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa

from carlos_tasks.ledger.canonical import content_hash, without_nulls
from carlos_tasks.ledger.keys import Signer
from carlos_tasks.ledger.public_keys import encoded

#: What the first entry names as the hash before it.
NO_HASH = "0" * 64
#: Columns of core.ledger.
ENTRY: pa.Schema = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in ("kind", "record_id", "content_hash")),
        *(pa.field(name, pa.string(), nullable=False) for name in ("previous_hash", "entry_hash")),
        *(pa.field(name, pa.timestamp("us", tz="UTC"), nullable=False) for name in ("entered_at", "clock_at")),
        pa.field("based_on", pa.int64(), nullable=False),
        pa.field("is_late", pa.bool_(), nullable=False),
        *(pa.field(name, pa.string()) for name in ("analyst_key_id", "analyst_signature", "key_id", "signature")),
    ]
)


@dataclass(frozen=True)
class Entry:
    """One row of core.ledger, whose columns say what each field is."""

    position: int
    kind: str
    record_id: str
    content_hash: str
    previous_hash: str
    entry_hash: str
    entered_at: datetime
    clock_at: datetime
    based_on: int
    is_late: bool = False
    analyst_key_id: str | None = None
    analyst_signature: str | None = None
    key_id: str | None = None
    signature: str | None = None

    def own_hash(self) -> str:
        """What entry_hash has to be: SHA-256 of all other fields but the signature over it, nulls left out."""
        hashed = {name: value for name, value in vars(self).items() if name not in ("entry_hash", "signature")}
        return content_hash(without_nulls(hashed))


@dataclass(frozen=True)
class Head:
    """The last entry of the chain: whoever keeps it elsewhere can tell later that nothing before it has changed."""

    position: int
    entry_hash: str
    entered_at: datetime
    key_id: str | None
    signature: str | None


@dataclass(frozen=True)
class Moment:
    """When something is entered, and what the clock says: later than the clock, where that was set back."""

    at: datetime
    clock_at: datetime


def signed_text(entry_hash: str) -> bytes:
    """What the signature of an entry is over."""
    return entry_hash.encode("ascii")


def linked_behind(last: Entry | None, entries: Sequence[Entry], signer: Signer | None) -> list[Entry]:
    """The entries with their places, hashes and signatures, behind `last`."""
    position, previous = (last.position, last.entry_hash) if last else (0, NO_HASH)
    linked = []
    for entry in entries:
        position += 1
        key_id = signer.key_id if signer else None
        placed = replace(entry, position=position, previous_hash=previous, key_id=key_id)
        previous = placed.own_hash()
        signature = encoded(signer.sign(signed_text(previous))) if signer else None
        linked.append(replace(placed, entry_hash=previous, signature=signature))
    return linked
