"""What a report is held against: public keys, and the ledger of the lake; and how one entry or signature is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from carlos_tasks.aliases import Json
from carlos_tasks.errors import CarlosError
from carlos_tasks.ledger.canonical import content_hash, without_nulls
from carlos_tasks.ledger.chain import entry_of
from carlos_tasks.ledger.entry import Entry, signed_text
from carlos_tasks.ledger.public_keys import PublicKeys, decoded
from carlos_tasks.reports.bundles.check import Checked
from carlos_tasks.reports.bundles.seal import MANIFEST, SEAL, entry_from, entry_json


@dataclass(frozen=True)
class Witness:
    """What a report is held against.

    Attributes:
        keys: public keys that are trusted; None: none are known.
        con: the lake, whose ledger has the last word; None: it is not asked.
        needs_signature: what is not signed is a fault, since a key was given to check it with.
    """

    keys: PublicKeys | None = None
    con: duckdb.DuckDBPyConnection | None = None
    needs_signature: bool = False


def check_entry(
    found: Checked, witness: Witness, path: str, kind: str, record_id: str, content: Json, told: Any
) -> Entry | None:
    """Check the entry that stands in a file, and that the ledger has it; returns it where it holds."""
    entry = entry_from(told)
    if told is not None and (entry is None or not _is_entry_of(entry, kind, record_id, content)):
        found.fault(path, "its entry in the ledger is that of something else")
        return None
    if witness.con is None:
        return _check_entry_alone(found, witness, path, entry)
    known = entry_of(witness.con, kind, record_id)
    subject = MANIFEST if path == SEAL else path
    if known is None or not _is_entry_of(known, kind, record_id, content):
        found.fault(subject, "is not in the ledger of the lake")
        return None
    if entry is None:
        found.fault(path, f"lacks its entry, which the ledger has at position {known.position}")
    elif entry_json(entry) != entry_json(known):
        found.fault(path, "has another entry than the ledger")
        return None
    if path == SEAL:
        how = f"signed with key {known.key_id}" if known.key_id else "recorded, not signed"
        found.vouched_by.append(f"entry {known.position} of the ledger, {how}")
    return known


def _check_entry_alone(found: Checked, witness: Witness, path: str, entry: Entry | None) -> Entry | None:
    """Check an entry by its signature; without a key nobody vouches for it."""
    if entry is None or witness.keys is None:
        return entry
    if entry.key_id is None or entry.signature is None:
        found.fault(path, "its entry in the ledger is not signed")
        return None
    data = signed_text(entry.entry_hash)
    if fault := signature_fault(witness.keys, entry.key_id, data, entry.signature, entry.entered_at):
        found.fault(path, f"its entry in the ledger: {fault}")
        return None
    return entry


def signature_fault(keys: PublicKeys, key_id: str, data: bytes, signature: Any, at: datetime) -> str | None:
    """What is wrong with a signature of the deployment, one clause; None: it is one."""
    try:
        fault = keys.verify(key_id, data, decoded(str(signature)), at)
    except CarlosError:
        return "its signature is none"
    key = keys.get(key_id)
    return fault or (
        f"key {key_id} is an analyst's, not the deployment's" if key and key.role != "deployment" else None
    )


def _is_entry_of(entry: Entry, kind: str, record_id: str, content: Json) -> bool:
    return (
        (entry.kind, entry.record_id) == (kind, record_id)
        and entry.content_hash == content_hash(without_nulls(content))
        and entry.own_hash() == entry.entry_hash
    )
