"""Is the lake right, or does it say which LoRA is not?

The truth is what the lake held before it was harmed. What was computed of a LoRA is compared to the bit: its
representation and what it does to each prompt. `computed_at` is left out: a LoRA that is measured again gets a new one.
"""

import hashlib
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store

#: Hash of what was computed, by lora_id.
Measured = dict[str, str]

_COMPUTED = (
    "select * exclude (computed_at, profile_id) from core.representation order by lora_id",
    "select * exclude (profile_id) from core.prompt_difference order by lora_id, prompt_id",
)
# Who has an attempt that failed, is damaged, or waits to be measured.
_TOLD = """
select lora_id from core.outcome where status = 'failed'
union
select lora_id from mart.damage
union
select lora_id from core.lora
where lora_id not in (select lora_id from core.representation where measured <> 'failed')
"""
# The catalog's own tables: no function lists the files of every snapshot.
_FILES = """
select path from __ducklake_metadata_carlos.ducklake_data_file
union all
select path from __ducklake_metadata_carlos.ducklake_delete_file
union all
select path from __ducklake_metadata_carlos.ducklake_files_scheduled_for_deletion
"""


@dataclass(frozen=True)
class State:
    """What a lake says: what it computed, which LoRAs it knows, which it says are not right, and what is left over."""

    measured: Measured
    known: frozenset[str]
    told: frozenset[str]
    left_over: tuple[str, ...]


def state_of(settings: Settings) -> State:
    """Read all of it, in one look."""
    with connect(settings) as con, lake_errors():
        return State(
            measured=_measured(con),
            known=frozenset(_ids(con, "select lora_id from core.lora")),
            told=frozenset(_ids(con, _TOLD)),
            left_over=tuple(sorted(_there(settings) - _known(con))),
        )


def _ids(con: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    return [lora_id for (lora_id,) in con.execute(query).fetchall()]


def _measured(con: duckdb.DuckDBPyConnection) -> Measured:
    digests: dict[str, hashlib._Hash] = {}
    for query in _COMPUTED:
        for rows in con.execute(query).to_arrow_table().to_batches():
            _add(digests, rows)
    return {lora_id: digest.hexdigest() for lora_id, digest in digests.items()}


def _add(digests: dict[str, "hashlib._Hash"], rows: pa.RecordBatch) -> None:
    """Take rows into the digests; numbers by their bytes: 0.0 and -0.0 differ, and so does a NaN of other bits."""
    ids = rows.column("lora_id").to_pylist()
    for number, lora_id in enumerate(ids):
        digest = digests.setdefault(lora_id, hashlib.sha256())
        for name in rows.schema.names:
            cell = rows.column(name).slice(number, 1)
            flat = cell.flatten() if pa.types.is_list(cell.type) else cell
            digest.update(f"{name} {flat.null_count} ".encode())
            if pa.types.is_floating(flat.type) and not flat.null_count:
                digest.update(flat.to_numpy(zero_copy_only=False).tobytes())
            else:
                digest.update(repr(flat.to_pylist()).encode())


def _there(settings: Settings) -> set[str]:
    """Names of the parquet files that lie below lake/; DuckLake gives each a name of its own."""
    return {item.key.rpartition("/")[2] for item in open_store(settings.store).list("lake/") if item.size}


def _known(con: duckdb.DuckDBPyConnection) -> set[str]:
    """Names of those that the catalog knows, also where only an older snapshot reads them."""
    return {path.rpartition("/")[2] for (path,) in con.execute(_FILES).fetchall()}
