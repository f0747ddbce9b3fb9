"""### decide_batch: one decision about several LoRAs, once a person approves it

By hand: the parameters say what is to be decided about which LoRAs. `prepare` checks all of it against the lake and
writes nothing; `approve` waits under "Required Actions" and shows what would be decided, with what speaks for it; it
holds no slot meanwhile. Approved, `decide` records one decision for each LoRA, and the approval, in one commit, in the
name of whoever approved (docs/moderation.md). Rejected, nothing is written.

After a takedown, `decide` also takes the LoRAs' pictures out of the contact sheet and the reports that are kept.

The batch is the run: run again, it writes nothing twice. Decisions about single LoRAs need no DAG: `carlos decide`.
What waits to be decided stands in the queue that `moderate_index` reports on.
"""

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param, dag, task

from carlos_tasks.moderation.approval import Approval
from carlos_tasks.moderation.vocabulary import DECISIONS, GROUNDS
from carlos_tasks.nightly.orchestration import COMMIT, MOST_WAITING, default_args
from carlos_tasks.nightly.stage_reports import as_json, from_json
from carlos_tasks.settings import load_settings

_TEXT = ["null", "string"]


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=MOST_WAITING,
    default_args=default_args(),
    params={
        "lora_ids": Param([], type="array", items={"type": "string"}, description="Ids, or their first digits."),
        "action": Param("restrict", enum=list(DECISIONS)),
        "reasons": Param("", type="string", maxLength=5000, description="Why, in words."),
        "ground": Param(None, type=_TEXT, enum=[None, *GROUNDS]),
        "ground_reference": Param(None, type=_TEXT, description="The law, or the clause of the terms."),
        "concept": Param(None, type=_TEXT, description="The concept applied."),
        "category": Param(None, type=_TEXT, description="Of the statement of reasons."),
    },
    doc_md=__doc__,
    tags=["carlos"],
)
def decide_batch() -> None:
    """Show decisions about many LoRAs, wait for an approval, write them."""

    @task
    def prepare(*, params: Any) -> Any:
        from carlos_tasks.moderation.batches import BatchRequest, prepare_batch

        return as_json(prepare_batch(load_settings(), from_json(BatchRequest, dict(params))))

    approve = ApprovalOperator(
        task_id="approve",
        subject="{{ ti.xcom_pull(task_ids='prepare')['subject'] }}",
        body="{{ ti.xcom_pull(task_ids='prepare')['body'] }}",
    )

    @task(pool=COMMIT)
    def decide(batch: Any, *, run_id: Any, ti: Any) -> Any:
        from carlos_tasks.moderation.batches import PreparedBatch, record_batch
        from carlos_tasks.reports.takedowns import hide_pictures

        approval = Approval.of(ti.xcom_pull(task_ids="approve"))
        decided = record_batch(load_settings(), from_json(PreparedBatch, batch), approval, run_id)
        hide_pictures(load_settings())
        return as_json(decided)

    prepared = prepare()
    prepared >> approve >> decide(prepared)


decide_batch()
