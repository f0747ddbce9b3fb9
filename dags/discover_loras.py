"""### discover_loras: what is new at the sources?

Every night it looks at each source of `CARLOS_SOURCES`: a live one is polled into its mirror, then the shards are
listed and compared with what the lake has read. Each shard that is new, changed or gone, that was read under other
rules (another backbone, size limit or version of the checks), or that could not be read, is announced as one partition
`<source>!<shard>` of the asset `lora_shards`; `index_loras` gets one run per partition. A source that fails stops no
other, and fails the run.

The lake is the only memory. What was announced and not read, because `index_loras` was paused or because its run
failed, is announced again on the next night. While runs of `index_loras` wait in the queue, nothing is announced, so
that no shard stands in it twice.

When nothing is new but LoRAs of the lake still wait to be indexed, one partition `backlog/<date>` is announced for
them. When nothing waits either, the tasks that announce say so in their log and end as skipped: one listing and one
query per source, and one query more, are all it costs.

**Sweep.** The nights read what is newest at a live source. A run with the parameter `sweep` reads its whole listing,
and asks by id for what is no longer in it: so it learns what was changed or taken down. Hours; once a month.
`evaluate_index` measures the index every week.

**Again.** A run with the parameter `again` announces every shard, whatever the lake has read of it. It is seldom
needed: a shard with files that came later, or that were refused or not answered, is found by itself.
"""

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Param, dag, task

from carlos_tasks.intake.partitions import partition_of
from carlos_tasks.nightly import stages as nightly
from carlos_tasks.nightly.backlog import backlog_size
from carlos_tasks.nightly.orchestration import LORA_SHARDS, backlog_partition, default_args, nothing_to_do, queued_runs
from carlos_tasks.nightly.stage_reports import Announcement, as_json
from carlos_tasks.settings import load_settings


@dag(
    schedule="0 2 * * *",
    catchup=False,
    max_active_runs=1,
    default_args=default_args(),
    params={
        "sweep": Param(False, type="boolean", description="Read live sources whole; ask for what is missing."),
        "again": Param(False, type="boolean", description="Announce every shard, also those that did not change."),
    },
    doc_md=__doc__,
    tags=["carlos"],
)
def discover_loras() -> None:
    """Each source by itself; the queue is counted before any of them announces something."""

    @task
    def count_queued(*, ti: Any) -> int:
        return queued_runs(ti, "index_loras")

    @task(outlets=[LORA_SHARDS], map_index_template="{{ task.op_kwargs['source'] }}")
    def announce_shards(source: str, n_queued: int, *, params: Any, outlet_events: Any) -> Any:
        shards = nightly.discover(load_settings(), source, params.get("again"), sweep=params["sweep"]).shards
        if not shards or n_queued:
            raise nothing_to_do(f"{len(shards)} shards of {source} are unread, {n_queued} runs of index_loras wait.")
        outlet_events[LORA_SHARDS].add_partitions([partition_of(source, shard) for shard in shards])
        return as_json(Announcement(source, len(shards)))

    @task(outlets=[LORA_SHARDS], trigger_rule="all_done")
    def announce_backlog(announced: Any, n_queued: int, *, outlet_events: Any) -> Any:
        if announced or n_queued or not backlog_size(load_settings()):
            raise nothing_to_do("what waits comes with the shards or with a run in the queue, or no LoRA waits.")
        outlet_events[LORA_SHARDS].add_partitions(backlog_partition())
        return as_json(Announcement("backlog", 1))

    # A run ends as its last tasks do: this one fails with any source.
    finished = EmptyOperator(task_id="finished", trigger_rule="none_failed")
    n_queued = count_queued()
    announced = announce_shards.partial(n_queued=n_queued).expand(source=list(load_settings().source_uris))
    announced >> finished
    announce_backlog(announced, n_queued)


discover_loras()
