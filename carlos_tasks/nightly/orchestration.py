"""What the DAGs of CARLoS share: the asset between them, the pools, the queue, and how failures are retried.

The one module of the package that needs Airflow. The pools are described in `dags/pools.json`;
`airflow pools import dags/pools.json` creates them.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, ExceptionRetryPolicy, PartitionedAssetTimetable, RetryAction, RetryRule
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from carlos_tasks.errors import PassingError
from carlos_tasks.nightly import stages
from carlos_tasks.nightly.stage_reports import BatchReport
from carlos_tasks.settings import Settings, load_settings

if TYPE_CHECKING:
    from carlos_tasks.lake.checks import CheckFailure

log = logging.getLogger(__name__)

LORA_SHARDS = Asset("lora_shards")
"""What the sources list; a partition of it is one shard of one source (`carlos_tasks.intake.partitions`)."""

NEW_SHARD = PartitionedAssetTimetable(assets=LORA_SHARDS)
"""One run for each shard that is announced: a partition of the asset `lora_shards`."""

MEASURED = Asset("representations")
"""What `index_loras` has committed; a partition of it is one snapshot of the lake."""

# What a run of a partition announces is heard by partitioned DAGs alone, so those that follow are partitioned too.
NEW_COMMIT = PartitionedAssetTimetable(assets=MEASURED)
"""One run for each commit of the index: a partition of the asset `representations`."""

GPU = "gpu"
COMMIT = "lake_commit"
PROFILE = "{{ task.op_kwargs['profile'] }}"
"""Names an instance of a task that is mapped over the profiles of the deployment."""

Planned = tuple[str, list[str]]
"""What an instance of a task is mapped over: a profile that has a plan, and the manifests of its batches."""

PLANNED = "{{ task.op_kwargs['planned'][0] }}"

ANY = "all_done_min_one_success"
"""The rule of a task after one that is mapped over profiles or batches: what failed stops only what is its own."""

MOST_WAITING = 50
"""Runs of one DAG that wait for a person at once: who has not answered yet keeps nobody else from asking."""

_BACKLOG = "backlog/"

_FIRST_NIGHT = datetime(2026, 1, 1, tzinfo=UTC)


def default_args() -> dict[str, Any]:
    """Arguments of every task: tried three times more, but for our own errors that do not pass."""
    return {
        "owner": "carlos",
        "start_date": _FIRST_NIGHT,
        "retries": 3,
        "retry_delay": timedelta(seconds=load_settings().retry_delay_s),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=30),
        "retry_policy": ExceptionRetryPolicy(
            rules=[
                RetryRule(
                    exception="carlos_tasks.errors.PassingError",
                    action=RetryAction.DEFAULT,
                    reason="trying again later may work",
                ),
                RetryRule(
                    exception="carlos_tasks.errors.CarlosError",
                    action=RetryAction.FAIL,
                    reason="trying again gives the same answer",
                ),
            ]
        ),
    }


def gpu_args() -> dict[str, Any]:
    """Arguments of the tasks that need the device: the pool, and with Celery the queue of the GPU workers.

    A task ends within `CARLOS_TASK_MINUTES` and leaves its shards behind, so a killed worker costs little; how many
    LoRAs a batch has is set by `CARLOS_LORAS_PER_BATCH`.
    """
    settings = load_settings()
    args: dict[str, Any] = {"pool": GPU, "execution_timeout": timedelta(minutes=settings.task_minutes)}
    return args | {"queue": settings.gpu_queue} if settings.gpu_queue else args


def queued_runs(ti: Any, dag_id: str) -> int:
    """How many runs of a DAG wait in Airflow's queue, asked by the running task `ti`."""
    return int(ti.get_dr_count(dag_id=dag_id, states=["queued"]))


def backlog_partition() -> str:
    """The partition of a night without new shards, but with LoRAs that wait in the lake."""
    return f"{_BACKLOG}{datetime.now(UTC):%Y-%m-%d}"


def index_in_time(settings: Settings, manifest: str, ti: Any) -> BatchReport:
    """Measure the LoRAs of a manifest as far as the time of a task goes; its next try goes on where this one ended.

    Raises:
        PassingError: some are left, and there is a next try.
    """
    report = stages.index_batch(settings, manifest, minutes=settings.task_minutes)
    if report.left and ti.try_number <= ti.max_tries:
        raise PassingError(f"{report.left} LoRAs are left when the task's time is over; the next try goes on")
    return report


def fail_for(failures: Sequence["CheckFailure"]) -> None:
    """Fail the task, for good, where checks of the lake found something."""
    if failures:
        raise AirflowFailException(f"{len(failures)} checks of the lake fail: {failures}")


def nothing_to_do(why: str) -> AirflowSkipException:
    """What a task raises when there is no work: it and what follows end as skipped, the run as a success."""
    log.info("Nothing to do: %s", why)  # the task's log shows no more of a skip than that it was one
    return AirflowSkipException(why)
