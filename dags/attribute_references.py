"""### attribute_references: which LoRAs come near to what right holders have shown us?

Follows every commit of `index_loras` (asset `representations`). Each reference set of `CARLOS_REFERENCES` (a folder or
an S3 prefix with pictures and a `reference.toml`) gets an attribution report of this state of the lake, below
`reports/attribution/` in the store: page, PDF, all LoRAs as a table, evidence, manifest. A set that fails stops no
other, and fails the run. A state that has its report gets no second one, unless the run has the parameter `again`.

A report is a risk indicator, not a finding of infringement. Whoever looks into one goes on in the queue of
`moderate_index`, and decides with `carlos decide` or `decide_batch`.
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
    params={"again": Param(False, type="boolean", description="Write the reports also where this state has them.")},
    doc_md=__doc__,
    tags=["carlos"],
)
def attribute_references() -> None:
    """Write an attribution report for each set of `CARLOS_REFERENCES`.

    One task for each set and profile; it encodes pictures and texts, and so runs where the encoder does.
    """

    @task(map_index_template="{{ task.op_kwargs['reference'] }} " + PROFILE, **gpu_args())
    def attribute(reference: str, profile: str, *, params: Any) -> Any:
        from carlos_tasks.errors import NothingMeasured
        from carlos_tasks.reports.attribution.stored import store_attribution

        try:
            stored = store_attribution(load_settings().of_profile(profile), reference, again=params["again"])
        except NothingMeasured as nothing_yet:
            raise nothing_to_do(str(nothing_yet)) from nothing_yet
        if not stored.is_new:
            raise nothing_to_do(f"this state of the lake has its report at {stored.prefix}.")
        return as_json(stored)

    attribute.expand(reference=list(load_settings().reference_places), profile=list(load_settings().profile_names))


attribute_references()
