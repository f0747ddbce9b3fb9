"""The commit of a sweep over scales: figures of each LoRA at each scale, as rows of core.lora_scale."""

from collections.abc import Sequence

import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.errors import NotFound
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.register import register_profile, registered
from carlos_tasks.lake.statements import rows, run_statement, statement
from carlos_tasks.lake.transaction import transaction
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.representation.estimates import estimates
from carlos_tasks.representation.pair_sums import prompt_sums
from carlos_tasks.representation.pairs import BaselinePairs, embeddings_of
from carlos_tasks.representation.settled import retention_se
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.worker.existing import existing_outcome
from carlos_tasks.worker.scales import DrawnScale

_NUMBERS = ("strength", "strength_se", "consistency", "consistency_se", "prompt_retention", "prompt_retention_se")
_COUNTS = ("n_pairs", "n_prompts", "n_flagged")
_SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("profile_id", "lora_id")),
        pa.field("scale", pa.float64()),
        *(pa.field(name, pa.string()) for name in ("measured", "reason")),
        *(pa.field(name, pa.int32()) for name in _COUNTS),
        *(pa.field(name, pa.float64()) for name in _NUMBERS),
    ]
)


def baseline_pairs(store: ObjectStore, profile: Profile) -> BaselinePairs:
    """The embeddings of the bare backbone's images, which every scale is compared with.

    Raises:
        NotFound: they are not there, or not whole.
    """
    outcome = existing_outcome(store, profile.profile_id, BASELINE)
    if outcome is None:
        raise NotFound(f"the baseline of profile {profile.name} is not in the store, or not whole: run carlos index")
    return BaselinePairs(embeddings_of(store, outcome.shards))


def commit_scales(settings: Settings, profile: Profile, drawn: Sequence[DrawnScale]) -> list[Row]:
    """Put the figures of a sweep into the lake, in one transaction; a second commit of the same changes nothing.

    Args:
        settings: where the lake lies.
        profile: the profile that was swept.
        drawn: what was drawn; its shards lie in the store.

    Returns:
        Rows of mart.lora_scale of the LoRAs that were swept, all scales of each, by LoRA and scale.

    Raises:
        NotFound: the baseline is not in the store.
    """
    store = open_store(settings.store)
    baseline = baseline_pairs(store, profile)
    swept = pa.Table.from_pylist([_figures(store, profile, baseline, one) for one in drawn], schema=_SCHEMA)
    ids = sorted({one.lora_id for one in drawn})
    with connect(settings, read_only=False) as con, lake_errors():
        migrate(con)
        with registered(con, "swept", swept):
            (n_new,) = con.execute(statement("ask/commit/new_lora_scales")).fetchall()[0]
            if n_new:
                with transaction(con, "scales", {"profile_id": profile.profile_id, "n_loras": len(ids)}):
                    register_profile(con, profile)
                    run_statement(con, "remove_lora_scales")
                    run_statement(con, "add_lora_scales")
        return rows(
            con,
            "from mart.lora_scale where profile_id = $profile_id and list_contains($ids::varchar[], lora_id) "
            "order by lora_id, scale",
            {"profile_id": profile.profile_id, "ids": ids},
        )


def _figures(store: ObjectStore, profile: Profile, baseline: BaselinePairs, drawn: DrawnScale) -> Row:
    """Columns of core.lora_scale."""
    row: Row = dict.fromkeys(_SCHEMA.names) | {
        "profile_id": profile.profile_id,
        "lora_id": drawn.lora_id,
        "scale": drawn.scale,
        "measured": drawn.outcome.status,
        "reason": drawn.outcome.reason,
    }
    if drawn.outcome.status == "embedded":
        pairs = baseline.beside(embeddings_of(store, drawn.outcome.shards))
        sums = prompt_sums(pairs)
        found = estimates(sums, pairs.n_all, pairs.n_flagged)
        row |= {name: found[name] for name in found if name in row}
        row["prompt_retention_se"] = retention_se(sums)
    return row
