"""### report_transparency: what was reported, decided and appealed in a month, approved before it goes out

On the 2nd of each month, and by hand for any month (parameter `month`). `draft` writes the report of the month to the
store: counts, statements of reasons, those that could not be made and why. `approve` waits, without holding a slot,
until somebody has read the draft and answers under *Required Actions*. `release` then notes beside the report who
approved it, and of which bytes; what was drafted anew meanwhile needs its own approval, and what was released is not
drafted again. A rejected draft stays where it is, and is not released.

What it counts are the notices and the steps that were recorded with `carlos decide` and `decide_batch`, about what
`moderate_index` had put into the queue.
"""

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param, dag, task

from carlos_tasks.moderation.approval import Approval
from carlos_tasks.nightly.orchestration import MOST_WAITING, default_args
from carlos_tasks.nightly.stage_reports import as_json, from_json
from carlos_tasks.settings import load_settings

DRAFT = "ti.xcom_pull(task_ids='draft')"


@dag(
    schedule="0 5 2 * *",
    catchup=False,
    max_active_runs=MOST_WAITING,
    default_args=default_args(),
    params={"month": Param(None, type=["null", "string"], description="YYYY-MM; empty: the last month that is over.")},
    doc_md=__doc__,
    tags=["carlos"],
)
def report_transparency() -> None:
    """Draft the report of the month before, wait for an approval, note the release."""

    @task
    def draft(*, params: Any, dag_run: Any) -> Any:
        from carlos_tasks.reports.transparency.report import store_transparency

        kept = store_transparency(load_settings(), params["month"], asked_at=dag_run.run_after, again=True)
        return as_json(kept)

    approve = ApprovalOperator(
        task_id="approve",
        subject="Release the transparency report?",
        body=f"It lies in the store at `{{{{ {DRAFT}['prefix'] }}}}`: {{{{ {DRAFT}['summary'] }}}}",
    )

    @task
    def release(drafted: Any, answer: Any) -> Any:
        from carlos_tasks.reports.bundles.release import release_report
        from carlos_tasks.reports.bundles.stored import KeptReport

        report = from_json(KeptReport, drafted)
        return as_json(release_report(load_settings(), report.prefix, report.manifest_sha256, Approval.of(answer)))

    drafted = draft()
    drafted >> approve
    release(drafted, approve.output)


report_transparency()
