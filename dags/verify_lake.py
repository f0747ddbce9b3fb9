"""### verify_lake: is everything as it was written?

Every Saturday, and by hand, it reads what `index_loras` has left, and holds it against the hashes that were recorded
then: shards, outcomes, the files of the lake itself. It computes the representations anew and compares them to the last
bit. `plan` cuts the lake into batches → `verify_batch`, mapped, leaves the findings of each in the store → `record`
commits them (`core.verification`, `core.damage`) and moves what is damaged aside. The LoRAs that it costs are left out
of search and wait for the next run of `index_loras`.

Any task can be killed and run again. A batch that has its findings is not looked at again, also in a later run, until
`record` has ended. A run with findings fails, so that somebody looks: `docs/operations.md` says what to do. The
parameter `share` lets a run look at a share of the LoRAs.
"""

from typing import Any

from airflow.sdk import Param, dag, task
from airflow.sdk.exceptions import AirflowFailException

from carlos_tasks.nightly import verification_stages as stages
from carlos_tasks.nightly.orchestration import COMMIT, default_args
from carlos_tasks.nightly.stage_reports import as_json
from carlos_tasks.settings import load_settings


@dag(
    schedule="0 4 * * 6",
    catchup=False,
    max_active_runs=1,
    default_args=default_args(),
    params={"share": Param(1.0, type="number", description="Share of the LoRAs that are looked at, above 0; 1: all.")},
    doc_md=__doc__,
    tags=["carlos"],
)
def verify_lake() -> None:
    """Hold shards, outcomes and numbers against what was recorded of them, and record what is wrong."""

    # It brings an older lake up to date.
    @task(pool=COMMIT)
    def plan(*, params: Any, ti: Any) -> list[int]:
        planned = stages.plan_verification(load_settings(), params["share"])
        ti.xcom_push("run_key", planned.run_key)
        return list(planned.batches)

    @task(map_index_template="{{ task.op_kwargs['number'] }}")
    def verify_batch(run_key: str, number: int) -> Any:
        return as_json(stages.verify_batch(load_settings(), run_key, number))

    @task(pool=COMMIT)
    def record(run_key: str) -> Any:
        report = stages.record_verification(load_settings(), run_key)
        if report.damages:
            raise AirflowFailException(f"{report.n_faults} faults were found: {report.damages[:20]}")
        return as_json(report)

    planned = plan()
    batches = verify_batch.partial(run_key=planned["run_key"]).expand(number=planned)
    batches >> record(planned["run_key"])


verify_lake()
