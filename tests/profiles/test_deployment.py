"""Several profiles in one deployment: they are loaded and checked together, and wrong ones are one line at start."""

import json
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.errors import NotFound, SettingsError
from carlos_tasks.profiles.deployment import (
    check_weights,
    deployed_by_id,
    deployed_profiles,
    measured_profiles,
    taken_by_others,
)
from carlos_tasks.profiles.profile import PROFILES_FOLDER, load_profile
from carlos_tasks.settings import Settings


def names(settings: Settings) -> list[str]:
    return list(deployed_profiles(settings))


def changed(folder: Path, name: str = "micro", **identity: Any) -> str:
    """A copy of a shipped profile with another identity; the path of its file."""
    document = json.loads((PROFILES_FOLDER / f"{name}.json").read_text())
    document["identity"] |= identity
    path = folder / "mine.json"
    path.write_text(json.dumps(document))
    return str(path)


@pytest.mark.parametrize(
    ("profile", "profiles", "expected"),
    [
        ("micro", "", ["micro"]),
        ("micro", "sdxl-paper micro flux-dev", ["micro", "sdxl-paper", "flux-dev"]),
        ("flux-dev", "sd15  sd35 sd15", ["flux-dev", "sd15", "sd35"]),
    ],
)
def test_the_profile_that_is_asked_comes_first_and_each_once(profile: str, profiles: str, expected: list[str]) -> None:
    settings = Settings(profile=profile, profiles=profiles)
    assert names(settings) == expected
    other = settings.of_profile(expected[-1])
    assert (other.profile, set(other.profile_names)) == (expected[-1], set(expected))


def test_backbones_follow_one_another_and_what_is_imported_is_not_measured() -> None:
    settings = Settings(profile="micro", profiles="sdxl-paper micro-without-triggers carlos-published")
    assert list(measured_profiles(settings)) == ["micro", "micro-without-triggers", "sdxl-paper"]
    with pytest.raises(SettingsError, match="carlos-published is imported: nothing can be measured"):
        measured_profiles(Settings(profile="carlos-published"))


def test_a_name_that_does_not_exist_is_named() -> None:
    with pytest.raises(NotFound, match=r"no profile 'pnoy'; shipped profiles: .*pony"):
        deployed_profiles(Settings(profiles="pnoy"))


def test_the_same_images_with_other_seeds_are_refused(tmp_path: Path) -> None:
    path = changed(tmp_path, seeds=[0, 1, 2, 4])
    with pytest.raises(SettingsError, match=r"micro and .*mine.json claim the same images with other seeds"):
        deployed_profiles(Settings(profiles=path))
    # With other prompts, or another encoder besides the same seeds, there is nothing to be said.
    encoder = {"model": "ViT-B-32-quickgelu", "pretrained": "openai"}
    assert len(names(Settings(profiles=changed(tmp_path, encoder=encoder)))) == 2


def test_one_profile_under_two_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"micro and .*mine.json are one profile, [0-9a-f]{16}: name one"):
        deployed_profiles(Settings(profiles=changed(tmp_path)))


def test_a_backbone_without_weights_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^profile pony: its backbone has no weights: hub:.*, not by 'main'"):
        deployed_profiles(Settings(profiles="pony"))
    backbone = load_profile("micro").identity.backbone.model_dump() | {"uri": str(tmp_path / "nothing")}
    settings = Settings(profiles=changed(tmp_path, backbone=backbone))
    assert len(names(settings)) == 2, "the weights lie where they are drawn with, not where the plan is made"
    with pytest.raises(SettingsError, match=r"profile micro: its backbone has no weights: no model .*/nothing$"):
        check_weights(settings)
    check_weights(Settings(profiles="sdxl-paper"))


def test_relatives_are_left_to_the_profile_that_takes_them() -> None:
    deployed = deployed_profiles(Settings(profile="sdxl-paper", profiles="noobai illustrious flux-dev"))
    left = taken_by_others(deployed["sdxl-paper"], deployed)
    assert {"NoobAI", "Illustrious"} <= set(left)
    assert [taken_by_others(deployed[name], deployed) for name in ("noobai", "flux-dev")] == [(), ()]
    alone = deployed_profiles(Settings(profile="sdxl-paper"))
    assert taken_by_others(alone["sdxl-paper"], alone) == ()


def test_a_profile_is_found_by_its_id() -> None:
    settings = Settings(profiles="sdxl-paper")
    assert deployed_by_id(settings, load_profile("sdxl-paper").profile_id).name == "sdxl-paper"
    with pytest.raises(NotFound, match="0123 is none of micro, sdxl-paper: add it to CARLOS_PROFILES"):
        deployed_by_id(settings, "0123")
