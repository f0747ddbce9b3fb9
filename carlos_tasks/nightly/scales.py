"""A sweep over scales, by hand: the stage behind `carlos scales`.

It draws LoRAs at several scales, of few pairs each, and commits the figures. No night does it by itself.
"""

import math
from collections.abc import Sequence

from carlos_tasks.aliases import Row
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.lora_ids import named_id, short_id
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.progress import progress
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.worker.plans import LoraTask


def sweep_scales(settings: Settings, lora_ids: Sequence[str], scales: Sequence[float], n_pairs: int) -> list[Row]:
    """Measure LoRAs at several scales; what a killed sweep has drawn is not drawn again.

    Args:
        settings: where the lake lies, the profile and the device.
        lora_ids: whole ids, or first digits that name only one LoRA.
        scales: above 0, in any order.
        n_pairs: pairs at each scale, the first of the profile's balanced order.

    Returns:
        Rows of mart.lora_scale, all scales of each LoRA, by LoRA and scale.

    Raises:
        NotFound: there is no lake, no such LoRA, or no baseline of the profile yet.
        CarlosError: a scale is not above 0, or a LoRA's file is not here or is for another base model.
        SettingsError: the profile is imported, or has fewer pairs.
    """
    from carlos_tasks.commit.scales import baseline_pairs, commit_scales
    from carlos_tasks.worker.scales import draw_scales, scaled_profile

    profile = load_profile(settings.profile)
    wanted = sorted(set(scales))
    if not wanted or not all(math.isfinite(scale) and scale > 0 for scale in wanted):
        raise CarlosError(f"scales {list(scales)}: give numbers above 0, such as 0.5 1 1.5")
    if n_pairs < 2:
        raise CarlosError(f"{n_pairs} pairs: give at least 2; a standard error takes 3 prompts")
    scaled_profile(profile, wanted[0], n_pairs)
    tasks = _tasks(settings, profile, lora_ids)
    store = open_store(settings.store)
    baseline_pairs(store, profile)  # before anything is drawn
    with progress("scales", len(tasks) * len(wanted) * n_pairs) as advance:
        drawn = draw_scales(settings, profile, store, tasks, wanted, n_pairs, advance)
    return commit_scales(settings, profile, drawn)


def _tasks(settings: Settings, profile: Profile, lora_ids: Sequence[str]) -> list[LoraTask]:
    with connect(settings) as con, lake_errors():
        found = {
            given: rows(con, statement("ask/nightly/loras_to_sweep"), {"lora_id": given.strip().lower()})
            for given in lora_ids
        }
    tasks = [_task(profile, given, known) for given, known in found.items()]
    return list({task.lora_id: task for task in tasks}.values())


def _task(profile: Profile, given: str, known: Sequence[Row]) -> LoraTask:
    named = named_id(given, [row["lora_id"] for row in known])
    if named is None:
        raise NotFound(f"no LoRA {given!r} is known here: see carlos sql 'from core.lora'")
    row = next(row for row in known if row["lora_id"] == named)
    if row["file_key"] is None:
        raise CarlosError(f"the file of LoRA {short_id(named)} is not in the store, so it cannot be drawn")
    if row["base_model"] != profile.identity.backbone.base_model:
        raise CarlosError(
            f"LoRA {short_id(named)} is for {row['base_model']}, and profile {profile.name} draws with "
            f"{profile.identity.backbone.base_model}: set CARLOS_PROFILE to one of its base model"
        )
    return LoraTask(named, row["file_key"], tuple(row["trigger_words"] or ()), stated_scale=row["stated_scale"])
