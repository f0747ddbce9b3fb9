"""### discover_loras: what is new at the sources?

Every night it looks at each source of `CARLOS_SOURCES`: a live one is polled into its mirror, then the shards are
listed. Those that are new or rewritten are announced, each as one partition `<source>!<shard>` of the asset
`lora_shards`; `index_loras` gets one run per partition. A source that fails stops no other, and fails the run.

A source's watermark moves in a task of its own, after the partitions are stored. A crash between the two announces
the same shards again on the next night, and `index_loras` finds them known: nothing is lost, nothing is there twice.

When nothing is new but LoRAs of the lake still wait to be indexed, one partition `backlog/<date>` is announced for
them. When nothing waits either, every task says so in its log and ends as skipped: one listing per source and one
query are all it costs.

**From the start.** Airflow drops what is announced while `index_loras` is paused. A run with the parameter
`from_start` ignores the watermarks and announces every shard again.

**Sweep.** The nights read what is newest at a live source. A run with the parameter `sweep` reads its whole listing,
and asks by id for what is no longer in it: so it learns what was changed or taken down. Hours; once a month.
`evaluate_index` measures the index every week.
"""

from typing import Any

from airflow.sdk import Param, dag, task, task_group

from carlos_tasks.nightly.orchestration import LORA_SHARDS, backlog_partition, default_args, nightly, nothing_to_do
from carlos_tasks.nightly.partitions import partition_of, watermark_of
from carlos_tasks.settings import load_settings


@dag(
    schedule="0 2 * * *",
    catchup=False,
    max_active_runs=1,
    default_args=default_args(),
    params={
        "from_start": Param(False, type="boolean", description="Announce every shard again."),
        "sweep": Param(False, type="boolean", description="Read live sources whole; ask for what is missing."),
    },
    doc_md=__doc__,
    tags=["carlos"],
)
def discover_loras() -> None:
    """Look at each source, announce each new shard as a partition `<source>!<shard>` of the asset `lora_shards`,
    and then move the source's watermark.
    """

    @task(outlets=[LORA_SHARDS], map_index_template="{{ task.op_kwargs['source'] }}")
    def announce_shards(source: str, *, params: Any, outlet_events: Any, asset_state_store: Any) -> Any:
        before = None if params["from_start"] else asset_state_store[LORA_SHARDS].get(watermark_of(source))
        found = nightly().discover(load_settings(), source, before, sweep=params["sweep"])
        if not found["shards"]:
            raise nothing_to_do(f"{source} has no shard that is new since the watermark {before}.")
        outlet_events[LORA_SHARDS].add_partitions([partition_of(source, shard) for shard in found["shards"]])
        return {"source": source, "n_partitions": len(found["shards"]), "watermark": found["watermark"]}

    @task(inlets=[LORA_SHARDS])
    def move_watermark(announced: Any, *, asset_state_store: Any) -> None:
        asset_state_store[LORA_SHARDS].set(watermark_of(announced["source"]), announced["watermark"])

    @task_group(prefix_group_id=False)
    def look_at(source: str) -> Any:
        announced = announce_shards(source=source)
        move_watermark(announced)
        return announced

    @task(outlets=[LORA_SHARDS], trigger_rule="all_done")
    def announce_backlog(announced: Any, *, outlet_events: Any) -> Any:
        if announced or not nightly().backlog_size(load_settings()):
            raise nothing_to_do("what waits comes with the new shards, or no LoRA waits.")
        outlet_events[LORA_SHARDS].add_partitions(backlog_partition())
        return {"n_partitions": 1}

    announce_backlog(look_at.expand(source=list(load_settings().source_uris)))


discover_loras()
