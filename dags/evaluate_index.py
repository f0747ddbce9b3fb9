"""### evaluate_index: how good is the index?

Every Sunday, and by hand, it measures the index that `index_loras` built from what `discover_loras` found: retrieval
against search by metadata, the ablation, diversity, convergence, duplicates and clusters (`docs/evaluation.md`). The
tables, figures and the page `report.md` go to the store, below `evaluation/profile_id=…/snapshot_id=…/`.

It reads the lake, and enters the report in its ledger. A state of the lake that was evaluated already is not
evaluated again, unless the run has the parameter `again`; then `evaluate` ends as skipped and says so, as it does while
nothing is measured. Killed at any point it can be run again: the manifest is uploaded last and entered then, and where
that is missing the report is made anew.

It encodes texts and so runs where the encoder does: in the pool and the queue of the device.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from carlos_tasks.nightly.orchestration import PROFILE, default_args, gpu_args, nothing_to_do
from carlos_tasks.nightly.stage_reports import as_json
from carlos_tasks.settings import load_settings


@dag(
    schedule="0 6 * * 0",
    catchup=False,
    max_active_runs=1,
    default_args=default_args(),
    params={"again": Param(False, type="boolean", description="Evaluate also what was evaluated already.")},
    doc_md=__doc__,
    tags=["carlos"],
)
def evaluate_index() -> None:
    """Measure the index (docs/evaluation.md) and leave tables and plots below `evaluation/` in the store.
    All that is committed is the report's entry in the ledger.

    One task for each profile: the sections share the lake's rows and the query vectors.
    """

    @task(map_index_template=PROFILE, **gpu_args())
    def evaluate(profile: str, *, params: Any) -> Any:
        from carlos_tasks.errors import NotFound
        from carlos_tasks.evaluation.stored import evaluate_and_keep

        try:
            kept = evaluate_and_keep(load_settings().of_profile(profile), again=params["again"])
        except NotFound as nothing_yet:
            raise nothing_to_do(str(nothing_yet)) from nothing_yet
        if not kept.is_new:
            raise nothing_to_do(f"this state of the lake has its report at {kept.prefix}.")
        return as_json(kept)

    evaluate.expand(profile=list(load_settings().profile_names))


evaluate_index()
