"""Profiles that differ in their encoder alone have the same images, and are drawn together."""

from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.errors import SettingsError
from carlos_tasks.profiles.profile import Encoder, Profile, load_profile
from carlos_tasks.profiles.same_images import grouped_by_images

OTHER = Encoder(model="ViT-B-16", pretrained="openai")
COMPANIONS = ("sdxl-siglip2", "sdxl-dinov2", "sdxl-csd")


def like(profile: Profile, name: str, encoder: Encoder = OTHER, **changed: Any) -> Profile:
    """The profile with another name and encoder, and changes of its identity."""
    identity = profile.identity.model_copy(update={"encoder": encoder, **changed})
    return profile.model_copy(update={"name": name, "identity": identity})


def names(groups: list[tuple[Profile, ...]]) -> list[list[str]]:
    return [[profile.name for profile in group] for group in groups]


def test_groups_keep_the_order_in_which_profiles_are_named(micro: Profile) -> None:
    paper, bare = load_profile("sdxl-paper"), load_profile("micro-without-triggers")
    groups = grouped_by_images([micro, paper, like(micro, "second"), bare])
    assert names(groups) == [["micro", "second"], ["sdxl-paper"], ["micro-without-triggers"]]


def test_an_encoder_changes_the_profile_and_not_the_images(micro: Profile) -> None:
    second = like(micro, "second")
    assert second.images_id == micro.images_id
    assert second.profile_id != micro.profile_id
    assert like(micro, "third", seeds=(0, 1)).images_id != micro.images_id


def test_the_companions_of_the_papers_profile_have_its_images() -> None:
    profiles = [load_profile(name) for name in ("sdxl-paper", *COMPANIONS)]
    assert names(grouped_by_images(profiles)) == [["sdxl-paper", *COMPANIONS]]
    assert [profile.identity.encoder.reads_text for profile in profiles] == [True, True, False, False]


def test_the_same_images_with_other_seeds_are_refused(micro: Profile) -> None:
    with pytest.raises(SettingsError, match="profiles micro and second claim the same images with other seeds"):
        grouped_by_images([micro, like(micro, "second", seeds=(0, 1))])


def test_the_same_images_in_other_shards_are_refused(micro: Profile) -> None:
    second = like(micro, "second").model_copy(update={"pairs_per_shard": micro.pairs_per_shard + 1})
    with pytest.raises(SettingsError, match="other shards: give both the same budget and pairs_per_shard"):
        grouped_by_images([micro, second])


def test_the_same_profile_twice_is_refused(micro: Profile) -> None:
    second = micro.model_copy(update={"name": "second", "pairs_per_shard": 7})
    with pytest.raises(SettingsError, match=f"micro and second are the same, {micro.profile_id}: name one of them"):
        grouped_by_images([micro, second])


def test_an_encoder_that_lacks_is_told_before_anything_is_loaded(micro: Profile, tmp_path: Path) -> None:
    encoder = Encoder(model=str(tmp_path / "none"), revision="sha256:0")
    with pytest.raises(SettingsError, match=r"profile second lacks its encoder: .*none does not exist"):
        grouped_by_images([micro, like(micro, "second", encoder)])
