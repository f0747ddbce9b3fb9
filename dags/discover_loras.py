"""### discover_loras: what is new at the source?

Every night it lists the shards of the dump (`CARLOS_DUMP`) that are newer than the watermark, and announces
each as one partition of the asset `civitai_dump`. `index_loras` gets one run per partition.

The watermark moves in a task of its own, after the partitions are stored. A crash between the two announces
the same shards again on the next night, and `index_loras` finds them known: nothing is lost, nothing is there
twice.

When nothing is new but LoRAs of the lake still wait to be indexed, one partition `backlog/<date>` is announced
for them. When nothing waits either, the first task says so in its log and ends as skipped: one listing and one
query are all it costs.

**From the start.** Airflow drops what is announced while `index_loras` is paused. A run with the parameter
`from_start` ignores the watermark and announces every shard of the dump again.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from carlos_tasks.orchestration import DUMP, backlog_partition, default_args, nightly, nothing_to_do
from carlos_tasks.settings import load_settings


@dag(
    schedule="0 2 * * *",
    catchup=False,
    max_active_runs=1,
    default_args=default_args(),
    params={"from_start": Param(False, type="boolean", description="Announce every shard again.")},
    doc_md=__doc__,
    tags=["carlos"],
)
def discover_loras() -> None:
    """Wire the listing of the dump to its watermark."""

    @task(outlets=[DUMP])
    def announce_shards(*, params: Any, outlet_events: Any, asset_state_store: Any) -> Any:
        dump = load_settings().dump
        watermark = None if params["from_start"] else asset_state_store[DUMP].get("watermark")
        found = nightly().discover(dump, watermark)
        partitions = found["shards"]
        if not partitions and nightly().backlog_size(load_settings()):
            partitions = [backlog_partition()]
        if not partitions:
            raise nothing_to_do(f"{dump} has no shard newer than the watermark {watermark}, and no LoRA waits.")
        outlet_events[DUMP].add_partitions(partitions)
        return {"n_partitions": len(partitions), "watermark": found["watermark"]}

    @task(inlets=[DUMP])
    def move_watermark(announced: Any, *, asset_state_store: Any) -> None:
        asset_state_store[DUMP].set("watermark", announced["watermark"])

    move_watermark(announce_shards())


discover_loras()
