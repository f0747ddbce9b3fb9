"""The commit of what LoRAs' weights say: sketches of those that have none yet, and whom each is near.

It follows the commit of an intake and comes before any picture, so that a copy of what was taken down is signalled at
the door, and the plan looks first at what is near to nothing known. LoRAs of before are described the same way. A
batch is a transaction; a killed run loses one batch, and no sketch that the store has.
"""

import logging
from collections import Counter
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.commit.alike_weights import add_alike_weights
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.register import registered
from carlos_tasks.lake.row_groups import keep_row_groups_small
from carlos_tasks.lake.statements import rows, run_statement, statement
from carlos_tasks.lake.transaction import transaction
from carlos_tasks.lora.sketch.kept import sketch_of
from carlos_tasks.lora.sketch.sketch import VERSION, Sketch
from carlos_tasks.progress import progress
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore

log = logging.getLogger(__name__)

#: LoRAs of one transaction: 8 MB of sketches.
BATCH = 512
_SKETCHES = pa.schema(
    [
        pa.field("lora_id", pa.string()),
        pa.field("base_model", pa.string()),
        pa.field("version", pa.int32()),
        pa.field("reason", pa.string()),
        pa.field("n_modules", pa.int32()),
        pa.field("change_norm", pa.float64()),
        pa.field("change_sketch", pa.binary()),
        pa.field("output_sketch", pa.binary()),
    ]
)


@dataclass(frozen=True)
class WeightsReport:
    """How many LoRAs were described, how many pairs of near ones were noted, and how many say nothing, by reason."""

    n_described: int = 0
    n_pairs: int = 0
    without: dict[str, int] = field(default_factory=dict)


def commit_weights(settings: Settings, batch: int = BATCH) -> WeightsReport:
    """Describe the weights of every LoRA of the lake that has no sketch yet.

    Args:
        settings: where the lake lies.
        batch: LoRAs of one transaction.

    Raises:
        PassingError: another commit came in between, or catalog or storage did not answer.
    """
    store = open_store(settings.store)
    n_described, n_pairs, without = 0, 0, Counter[str]()
    with connect(settings, read_only=False) as con, lake_errors():
        migrate(con)
        keep_few_rows_together(con)
        while waiting := rows(con, statement("ask/commit/without_weight_sketch"), {"version": VERSION, "n": batch}):
            sketches = _sketches(store, waiting)
            with transaction(con, "describe weights", {"n_loras": len(sketches)}):
                n_pairs += _put(con, sketches)
            n_described += sum(sketch.reason is None for sketch in sketches.values())
            without.update(sketch.reason for sketch in sketches.values() if sketch.reason)
    report = WeightsReport(n_described, n_pairs, dict(sorted(without.items())))
    log.info("the weights of %d LoRAs are described, %d say nothing", n_described, sum(without.values()))
    return report


def keep_few_rows_together(con: duckdb.DuckDBPyConnection) -> None:
    """Let a row group of core.weight_sketch hold 32 MB; of DuckDB's own size it would hold 2 GB until it is written."""
    keep_row_groups_small(con, "core.weight_sketch", parquet_row_group_size="2048")


def _sketches(store: ObjectStore, waiting: list[Row]) -> dict[str, Sketch]:
    with progress("weights", len(waiting), "LoRAs") as advance:
        sketches = {}
        for lora in waiting:
            sketches[lora["lora_id"]] = sketch_of(store, **lora)
            advance(1)
    return sketches


def _put(con: duckdb.DuckDBPyConnection, sketches: dict[str, Sketch]) -> int:
    """Put sketches in place of those of before; returns how many pairs were noted."""
    ids = {"lora_ids": list(sketches)}
    con.execute("delete from core.weight_sketch where list_contains($lora_ids, lora_id)", ids)
    con.execute(
        "delete from core.alike_weights where list_contains($lora_ids, lora_id) or list_contains($lora_ids, other_id)",
        ids,
    )
    table = pa.Table.from_pylist([_row(lora_id, sketch) for lora_id, sketch in sketches.items()], schema=_SKETCHES)
    with registered(con, "sketches", table):
        run_statement(con, "add_weight_sketches")
    return add_alike_weights(con, sketches)


def _row(lora_id: str, sketch: Sketch) -> Row:
    is_told = sketch.reason is None
    return {
        "lora_id": lora_id,
        "base_model": sketch.base_model,
        "version": VERSION,
        "reason": sketch.reason.value if sketch.reason else None,
        "n_modules": sketch.n_modules if is_told else None,
        "change_norm": sketch.change_norm if is_told else None,
        "change_sketch": sketch.change if is_told else None,
        "output_sketch": sketch.output if is_told else None,
    }
