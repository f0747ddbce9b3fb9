"""### index_loras: from one shard of a source to LoRAs that can be searched

One run per shard that `discover_loras` announced, one at a time, so that no LoRA is planned twice; any task can be
killed. `ingest` checks files (bad ones go to quarantine) → `commit_intake` writes listings, LoRAs, refusals →
`describe_weights`: what they are near → `plan` makes batches of what has no representation → `make_baseline`: the bare
backbone's images, once per profile → `index_batch`, mapped: generate, embed, store → `commit_index` computes
representations in one transaction → `run_checks`, `contact_sheet`, `clean_up` removes what killed commits left.

A failed batch takes nothing from the others, and fails the run. `note_failure` puts a shard that could not be read into
`raw.shard_failure`, for the next night. `moderate_index` follows; weekly `evaluate_index`, `verify_lake`, `care_for_lake`.

**By hand.** A run with a partition key takes in that shard (`POST /api/v2/dags/index_loras/dagRuns` with
`{"logical_date": null, "partition_key": "folder:/my/loras!."}`); one without indexes what waits.
"""

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException

from carlos_tasks.nightly import stages as nightly
from carlos_tasks.nightly.failure_reasons import failure_of, leaving_its_reason
from carlos_tasks.nightly.orchestration import COMMIT, MEASURED, NEW_SHARD, default_args, gpu_args, nothing_to_do
from carlos_tasks.nightly.stage_reports import as_json
from carlos_tasks.settings import load_settings


@dag(schedule=NEW_SHARD, max_active_runs=1, default_args=default_args(), doc_md=__doc__, tags=["carlos"])
def index_loras() -> None:
    """Take in the files of the shard, plan, generate, embed, commit and check."""

    @task(multiple_outputs=True)
    def ingest(*, dag_run: Any, ti: Any) -> dict[str, Any]:
        with leaving_its_reason(ti):
            if shard := nightly.shard_of(load_settings(), dag_run.partition_key):
                return as_json(nightly.ingest(load_settings(), *shard))
        raise nothing_to_do("no shard is named; what waits in the lake is indexed.")

    @task(pool=COMMIT)
    def commit_intake(intake_key: str, *, ti: Any) -> Any:
        with leaving_its_reason(ti):
            return as_json(nightly.commit_intake(load_settings(), intake_key))

    @task(pool=COMMIT, trigger_rule="one_failed")
    def note_failure(*, dag_run: Any, ti: Any) -> None:
        nightly.note_failure(load_settings(), dag_run.partition_key, failure_of(ti, "ingest", "commit_intake"))

    @task(pool=COMMIT, trigger_rule="none_failed")
    def describe_weights() -> Any:
        return as_json(nightly.describe_weights(load_settings()))

    @task(trigger_rule="none_failed")
    def plan(*, ti: Any) -> list[str]:
        planned = nightly.plan(load_settings())
        if not planned.batches:
            raise nothing_to_do(f"every LoRA of the lake is indexed with profile {planned.profile_id}.")
        ti.xcom_push("plan_id", planned.plan_id)
        return list(planned.batches)

    @task(**gpu_args())
    def make_baseline() -> Any:
        return as_json(nightly.make_baseline(load_settings()))

    @task(map_index_template="{{ task.op_kwargs['manifest'] }}", **gpu_args())
    def index_batch(manifest: str) -> Any:
        return as_json(nightly.index_batch(load_settings(), manifest))

    # It follows failed batches too, and commits the LoRAs that they had finished.
    @task(pool=COMMIT, trigger_rule="all_done_min_one_success", outlets=[MEASURED])
    def commit_index(plan_id: str, *, outlet_events: Any) -> Any:
        report = nightly.commit_index(load_settings(), plan_id)
        outlet_events[MEASURED].add_partitions(f"snapshot/{report.snapshot_id}")
        return as_json(report)

    @task
    def run_checks() -> None:
        if failures := nightly.run_checks(load_settings()):
            raise AirflowFailException(f"{len(failures)} checks of the lake fail: {failures}")

    @task(pool=COMMIT)
    def clean_up() -> list[str]:
        return nightly.clean_up(load_settings())

    @task
    def contact_sheet() -> str:
        return nightly.contact_sheet(load_settings())

    # A run ends as its last task does: this one fails with any batch, although the commit went on without it.
    finished = EmptyOperator(task_id="finished", trigger_rule="none_failed")
    ingested = ingest()
    committed = commit_intake(ingested["intake_key"])
    manifests = plan()
    batches = index_batch.expand(manifest=manifests)
    [ingested, committed] >> note_failure()
    committed >> describe_weights() >> manifests >> make_baseline() >> batches >> finished
    batches >> commit_index(manifests["plan_id"]) >> [run_checks(), contact_sheet(), clean_up()] >> finished


index_loras()
