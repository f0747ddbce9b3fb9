"""### moderate_index: what do the new LoRAs do, and who should look?

Follows every commit of `index_loras`: one run for each partition of the asset `representations`, which is a snapshot.
`score_concepts` compares the LoRAs that are new, or were measured again, with the concepts of the policy;
`report_moderation` writes the moderation report of this state of the lake to the store, below
`reports/moderation/profile_id=…/snapshot_id=…/`: page, PDF, tables, manifest.

A concept that changed in the policy's folder is a new version, and every LoRA is scored again with it. Where nothing is
new, nothing is committed; a state that has its report gets no second one, unless the run has the parameter `again`.
Tasks can be killed and run again: scores are one commit, the manifest is stored last, and then entered in the ledger.

`hide_pictures` finds nothing to do where `carlos decide takedown` and `decide_batch` did it: contact sheets and reports
that are kept show the pictures of no LoRA that was taken down.

Nothing here decides. People do, with `carlos decide`, or many at once with `decide_batch`; `report_transparency` counts
each month what they did. `attribute_references` follows the same commits.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from carlos_tasks.nightly.orchestration import NEW_COMMIT, PROFILE, default_args, gpu_args, nothing_to_do
from carlos_tasks.nightly.stage_reports import as_json
from carlos_tasks.settings import load_settings


@dag(
    schedule=NEW_COMMIT,
    catchup=False,
    max_active_runs=1,
    default_args=default_args(),
    params={"again": Param(False, type="boolean", description="Write the report also where this state has one.")},
    doc_md=__doc__,
    tags=["carlos"],
)
def moderate_index() -> None:
    """Score what is new with the policy's concepts, and leave the moderation report below `reports/` in the store.

    Once for each profile. Scores first: the report reads them from the lake.
    """

    # It encodes, so it runs where the encoder does. Its commit is short: one that meets another's is tried again.
    @task(map_index_template=PROFILE, max_active_tis_per_dagrun=1, **gpu_args())
    def score_concepts(profile: str) -> Any:
        from carlos_tasks.moderation.scoring import score_concepts

        return as_json(score_concepts(load_settings().of_profile(profile)))

    @task
    def hide_pictures() -> Any:
        from carlos_tasks.reports.takedowns import hide_pictures

        return as_json(hide_pictures(load_settings()))

    @task(map_index_template=PROFILE)
    def report_moderation(profile: str, *, params: Any) -> Any:
        from carlos_tasks.reports.moderation.report import store_moderation

        stored = store_moderation(load_settings().of_profile(profile), again=params["again"])
        if not stored.is_new:
            raise nothing_to_do(f"this state of the lake has its report at {stored.prefix}.")
        return as_json(stored)

    hide_pictures()
    profiles = list(load_settings().profile_names)
    score_concepts.expand(profile=profiles) >> report_moderation.expand(profile=profiles)


moderate_index()
