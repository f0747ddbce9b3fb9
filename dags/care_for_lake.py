"""### care_for_lake: keeping the lake small, and a backup of it

Every Sunday, and by hand: `compact` merges small files where a table has 64 or more → `expire` gives up snapshots that
are older than 400 days and that nothing names → `clean` removes what no snapshot has needed for a day → `back_up`
copies catalog and store to `CARLOS_BACKUP`, what is new of them; where that is empty it ends as skipped and says so.

`index_loras` does the first and the third each night, of what one night leaves; `verify_lake` looks on Saturday whether
all is as it was written. Any task can be killed and run again, and commits may go on meanwhile. `back_up` also follows
care that failed. It fails where the lake lacks objects that it names: the backup is made, and somebody should look.
`docs/operations.md` says how to restore.
"""

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException

from carlos_tasks.nightly import care_stages as stages
from carlos_tasks.nightly.orchestration import COMMIT, default_args, nothing_to_do
from carlos_tasks.nightly.stage_reports import as_json
from carlos_tasks.settings import load_settings


@dag(
    schedule="0 4 * * 0",
    catchup=False,
    max_active_runs=1,
    default_args=default_args(),
    doc_md=__doc__,
    tags=["carlos"],
)
def care_for_lake() -> None:
    """Merge small files, expire old snapshots, remove what nothing needs, back the lake up."""

    @task(pool=COMMIT)
    def compact() -> dict[str, int]:
        return stages.compact(load_settings())

    @task(pool=COMMIT)
    def expire() -> list[int]:
        return stages.expire(load_settings())

    @task(pool=COMMIT)
    def clean() -> list[str]:
        return stages.clean(load_settings())

    @task(trigger_rule="all_done")
    def back_up() -> Any:
        if not load_settings().backup:
            raise nothing_to_do("CARLOS_BACKUP is empty: the lake is not backed up.")
        report = stages.back_up(load_settings())
        if report.faults:
            raise AirflowFailException(
                f"backup {report.backup_id} is made, but {len(report.faults)} objects that the lake names are missing "
                f"or damaged: {report.faults[:20]}"
            )
        return as_json(report)

    # A run ends as its last task does: this one fails with any of the others.
    finished = EmptyOperator(task_id="finished", trigger_rule="none_failed")
    cared = clean()
    compact() >> expire() >> cared >> back_up() >> finished
    cared >> finished


care_for_lake()
