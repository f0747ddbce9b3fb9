"""What a commit or a verification does about objects that are not what they should be.

Each finding is a row (`core.damage`). The same transaction takes the shards that it names out of the lake, so that
nobody reads them. Then the objects are moved aside, and nothing is lost. The LoRA waits again (`mart.backlog`), and the
next night makes what is missing. A kill between these steps costs nothing: a worker trusts no outcome and no shard that
is not whole.
"""

import hashlib
import logging
from collections.abc import Iterable, Sequence

import duckdb
import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.errors import NotFound
from carlos_tasks.lake.damage import Damage, Fault
from carlos_tasks.lake.manifest import forget_shards
from carlos_tasks.lake.register import registered
from carlos_tasks.lake.statements import rows, run_statement, statement
from carlos_tasks.store.keys import damaged_key, outcome_key
from carlos_tasks.store.objects import ObjectStore

log = logging.getLogger(__name__)

#: After so many attempts in a row whose objects were damaged, a LoRA has failed and is not tried again.
MAX_ATTEMPTS = 3

_DAMAGE = pa.schema([(name, pa.string()) for name in ("profile_id", "lora_id", "key", "fault", "detail", "found_by")])
_OF_SHARDS = (Fault.SHARD_DAMAGED, Fault.SHARD_MISPLACED)
_OF_OUTCOMES = (Fault.OUTCOME_UNREADABLE, Fault.OUTCOME_MISPLACED, Fault.OUTCOME_DIFFERS, Fault.SHARDS_INCOMPLETE)


def add_damages(con: duckdb.DuckDBPyConnection, damages: Sequence[Damage], found_by: str) -> int:
    """Append findings to core.damage, those that are known and open left out; run it inside a transaction.

    The shards that they name are taken out of the lake.
    """
    forget_shards(con, _keys(damages, *_OF_SHARDS, Fault.SHARD_MISSING))
    table = pa.Table.from_pylist([{**vars(damage), "found_by": found_by} for damage in damages], schema=_DAMAGE)
    if not len(table):
        return 0
    with registered(con, "found", table):
        return run_statement(con, "add_damages")


def resolve_damages(con: duckdb.DuckDBPyConnection, profile_id: str, lora_ids: Sequence[str]) -> None:
    """Note that LoRAs with an open finding are right again; run it inside a transaction."""
    if lora_ids:
        run_statement(con, "resolve_damages", {"profile_id": profile_id, "lora_ids": list(lora_ids)})


def damaged_loras(con: duckdb.DuckDBPyConnection, profile_id: str, lora_ids: Sequence[str]) -> set[str]:
    """Which of these LoRAs have a finding that is open."""
    found = con.execute(
        "select distinct lora_id from core.damage "
        "where profile_id = $1 and list_contains($2::varchar[], lora_id) and resolved_at is null",
        [profile_id, list(lora_ids)],
    ).fetchall()
    return {lora_id for (lora_id,) in found}


def given_up(con: duckdb.DuckDBPyConnection, profile_id: str, lora_ids: Sequence[str]) -> list[str]:
    """Which of these LoRAs were spoilt as often as is tried."""
    asked: Row = {"profile_id": profile_id, "lora_ids": list(lora_ids), "faults": list(Fault)}
    found = rows(con, statement("ask/commit/spoilt_attempts"), asked)
    return sorted(row["lora_id"] for row in found if row["n_attempts"] >= MAX_ATTEMPTS)


def _keys(damages: Iterable[Damage], *faults: Fault) -> set[str]:
    return {damage.key for damage in damages if damage.lora_id and damage.fault in faults}


def retire(store: ObjectStore, damages: Iterable[Damage]) -> None:
    """Move the damaged objects aside, after their findings were committed.

    The outcome goes with a damaged shard: what it names is not there any more.
    """
    found = [damage for damage in damages if damage.lora_id]
    spoilt, gone = _keys(found, *_OF_SHARDS), _keys(found, Fault.SHARD_MISSING)
    outcomes = {
        outcome_key(d.profile_id, d.lora_id) for d in found if d.fault in _OF_OUTCOMES or d.key in spoilt | gone
    }
    for key in sorted(spoilt | outcomes):
        if kept := set_aside(store, key):
            log.warning("%s was moved to %s", key, kept)


def set_aside(store: ObjectStore, key: str) -> str | None:
    """Move an object to where damaged ones are kept; returns its key there, None where it is not in the store.

    It is copied before it is deleted: killed in between and run again, it is copied to the same key.
    """
    try:
        kept = damaged_key(key, hashlib.sha256(store.read(key)).hexdigest())
        store.copy(key, kept)
    except NotFound:
        return None
    store.delete(key)
    return kept
