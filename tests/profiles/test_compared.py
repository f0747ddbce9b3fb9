"""Which profiles a search ranks together, and which cannot be."""

import json
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.errors import NotFound, SettingsError
from carlos_tasks.profiles.compared import compared_profiles
from carlos_tasks.profiles.profile import PROFILES_FOLDER, Profile, load_profile


def file_of(folder: Path, name: str, changes: dict[tuple[str, ...], Any]) -> str:
    """A file of the micro profile with some fields changed."""
    document = json.loads((PROFILES_FOLDER / "micro.json").read_text()) | {"name": name}
    for path, value in changes.items():
        part = document
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = value
    file = folder / f"{name}.json"
    file.write_text(json.dumps(document))
    return str(file)


def compared_with(other: str) -> Profile:
    return load_profile("micro").model_copy(update={"compared_with": (other,)})


def test_the_published_profiles_differ_in_their_seeds_alone() -> None:
    own, published = compared_profiles(load_profile("sdxl-published"))
    assert (own.profile.name, own.differs_in) == ("sdxl-published", ())
    assert (published.profile.name, published.differs_in) == ("carlos-published", ("seeds",))
    assert len(own.profile.identity.seeds) == 16
    assert published.profile.thresholds == own.profile.thresholds
    # The statement goes one way: who asks the imported profile gets its own alone.
    assert [each.profile.name for each in compared_profiles(published.profile)] == ["carlos-published"]


def test_other_seeds_and_another_sampler_are_told(tmp_path: Path) -> None:
    changes = {("identity", "seeds"): [7], ("identity", "sampler", "steps"): 9}
    _, other = compared_profiles(compared_with(file_of(tmp_path, "other", changes)))
    assert other.differs_in == ("sampler", "seeds")


@pytest.mark.parametrize(
    ("path", "value", "what"),
    [
        (("identity", "encoder", "revision"), "sha256:0", "encoders"),
        (("retrieval_prompts", "sha256"), "0", "retrieval prompts"),
    ],
)
def test_another_encoder_or_text_space_is_refused(tmp_path: Path, path: tuple[str, ...], value: str, what: str) -> None:
    profile = compared_with(file_of(tmp_path, "other", {path: value}))
    with pytest.raises(SettingsError, match=f"micro says that it is compared with other, and their {what} differ"):
        compared_profiles(profile)


def test_a_profile_that_is_not_there_is_named() -> None:
    with pytest.raises(NotFound, match="no profile 'mikro'"):
        compared_profiles(compared_with("mikro"))
