"""Profiles whose images are the same: they are drawn once, and embedded by the encoder of each.

sdxl-paper     CLIP ViT-B/32  ─┐
sdxl-siglip2   SigLIP 2        ├─ one backbone, sampler, LoRA use, prompts and seeds: drawn together
sdxl-dinov2    DINOv2         ─┘
micro                          ── drawn by itself
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

from carlos_tasks.errors import NotFound, SettingsError
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.profiles.resources import local_path


def grouped_by_images(profiles: Sequence[Profile]) -> list[tuple[Profile, ...]]:
    """Put profiles with the same images together, in the order given.

    Raises:
        SettingsError: two are the same, have the same images in other shards, or would have the same but for their
            seeds; or the folder of an encoder is not there.
    """
    for profile in profiles:
        _check_encoder(profile)
    for one, other in combinations(profiles, 2):
        _check_pair(one, other)
    groups: dict[str, list[Profile]] = defaultdict(list)
    for profile in profiles:
        groups[profile.images_id].append(profile)
    return [tuple(group) for group in groups.values()]


def _check_encoder(profile: Profile) -> None:
    """Tell what can be told without loading it: whether a folder lies where the profile says."""
    encoder = profile.identity.encoder
    if encoder.revision is None or encoder.model.startswith("hub:"):
        return
    try:
        local_path(encoder.model)
    except NotFound as exc:
        raise SettingsError(f"profile {profile.name} lacks its encoder: {exc}") from exc


def _check_pair(one: Profile, other: Profile) -> None:
    names = f"profiles {one.name} and {other.name}"
    if one.profile_id == other.profile_id:
        raise SettingsError(f"{names} are the same, {one.profile_id}: name one of them")
    if one.images_id == other.images_id:
        if (one.shards(), one.baseline_shards()) != (other.shards(), other.baseline_shards()):
            raise SettingsError(
                f"{names} have the same images in other shards: give both the same budget and pairs_per_shard"
            )
    elif _but_for_seeds(one) == _but_for_seeds(other):
        raise SettingsError(
            f"{names} claim the same images with other seeds: give both the same seeds, or name one of them"
        )


def _but_for_seeds(profile: Profile) -> dict[str, object]:
    return profile.identity.model_dump(mode="json", exclude={"encoder", "seeds"})
