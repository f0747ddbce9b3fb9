"""### index_loras: from one shard of a source to LoRAs that can be searched

One run per shard that `discover_loras` announced, one at a time, so that no LoRA is planned twice; any task can be
killed. `ingest` → `commit_intake` → `describe_weights` → `plan` → for each profile `make_baseline`, once →
`with_baseline` leaves out profiles without → `index_batch`, mapped: generate, embed, store → for each profile
`commit_index` → `run_checks`, `contact_sheet`, `clean_up`. A failed batch or profile takes nothing from the others, and
fails the run. `note_failure` notes a shard that could not be read, for the next night. `moderate_index` follows; weekly
`evaluate_index`, `verify_lake`, `care_for_lake`.

**By hand.** A run with a partition key takes in that shard (`POST /api/v2/dags/index_loras/dagRuns` with
`{"logical_date": null, "partition_key": "folder:/my/loras!."}`); one without indexes what waits.
"""

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import dag, task

from carlos_tasks.nightly import orchestration as parts
from carlos_tasks.nightly import stages as nightly
from carlos_tasks.nightly.failure_reasons import failure_of, leaving_its_reason
from carlos_tasks.nightly.stage_reports import as_json
from carlos_tasks.settings import load_settings


@dag(schedule=parts.NEW_SHARD, max_active_runs=1, default_args=parts.default_args(), doc_md=__doc__, tags=["carlos"])
def index_loras() -> None:
    """Take in the files of the shard, plan, generate, embed, commit and check."""

    @task(multiple_outputs=True)
    def ingest(*, dag_run: Any, ti: Any) -> dict[str, Any]:
        with leaving_its_reason(ti):
            if shard := nightly.shard_of(load_settings(), dag_run.partition_key):
                return as_json(nightly.ingest(load_settings(), *shard))
        raise parts.nothing_to_do("no shard is named; what waits in the lake is indexed.")

    @task(pool=parts.COMMIT)
    def commit_intake(intake_key: str, *, ti: Any) -> Any:
        with leaving_its_reason(ti):
            return as_json(nightly.commit_intake(load_settings(), intake_key))

    @task(pool=parts.COMMIT, trigger_rule="one_failed")
    def note_failure(*, dag_run: Any, ti: Any) -> None:
        nightly.note_failure(load_settings(), dag_run.partition_key, failure_of(ti, "ingest", "commit_intake"))

    @task(pool=parts.COMMIT, trigger_rule="none_failed")
    def describe_weights() -> Any:
        return as_json(nightly.describe_weights(load_settings()))

    @task(trigger_rule="none_failed")
    def plan(*, ti: Any) -> dict[str, Any]:
        planned = as_json(nightly.plan(load_settings()))
        if not planned["batches"]:
            raise parts.nothing_to_do("every LoRA of the lake is indexed with its profiles.")
        ti.xcom_push("plan_id", planned["plan_id"])
        return planned["batches"]

    @task(map_index_template=parts.PLANNED, **parts.gpu_args())
    def make_baseline(planned: parts.Planned) -> Any:
        return as_json(nightly.make_baseline(load_settings().of_profile(planned[0])))

    @task(trigger_rule=parts.ANY)
    def with_baseline(batches: dict[str, Any]) -> list[str]:
        return nightly.with_baseline(load_settings(), batches)

    @task(map_index_template="{{ task.op_kwargs['manifest'] }}", **parts.gpu_args())
    def index_batch(manifest: str, *, ti: Any) -> Any:
        return as_json(parts.index_in_time(load_settings(), manifest, ti))

    # It follows failed batches too, and commits the LoRAs that they had finished.
    @task(pool=parts.COMMIT, trigger_rule=parts.ANY, outlets=[parts.MEASURED], map_index_template=parts.PLANNED)
    def commit_index(planned: parts.Planned, plan_id: str, *, outlet_events: Any) -> Any:
        report = nightly.commit_index(load_settings().of_profile(planned[0]), plan_id)
        outlet_events[parts.MEASURED].add_partitions(f"snapshot/{report.snapshot_id}")
        return as_json(report)

    @task(trigger_rule=parts.ANY)
    def run_checks() -> None:
        parts.fail_for(nightly.run_checks(load_settings()))

    @task(pool=parts.COMMIT, trigger_rule=parts.ANY)
    def clean_up() -> list[str]:
        return nightly.clean_up(load_settings())

    @task(trigger_rule=parts.ANY, map_index_template=parts.PLANNED)
    def contact_sheet(planned: parts.Planned) -> str:
        return nightly.contact_sheet(load_settings().of_profile(planned[0]))

    finished = EmptyOperator(task_id="finished", trigger_rule="none_failed")  # the run ends as it: failed with any
    ingested, planned = ingest(), plan()
    committed, baselines = commit_intake(ingested["intake_key"]), make_baseline.expand(planned=planned)
    measured = index_batch.expand(manifest=(ready := with_baseline(planned)))
    commits = commit_index.partial(plan_id=planned["plan_id"]).expand(planned=planned)
    [ingested, committed] >> note_failure()
    committed >> describe_weights() >> planned >> baselines >> ready
    measured >> commits >> [run_checks(), contact_sheet.expand(planned=planned), clean_up()] >> finished
    [baselines, measured, commits] >> finished


index_loras()
