"""Lakes that are cared for."""

from pathlib import Path

import pytest

from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from tests.care.grown_lake import grow
from tests.commit.small_index import small_profile


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """A profile of 5 prompts and 3 seeds."""
    return small_profile(tmp_path / "prompts")


@pytest.fixture
def grown(store_uri: str, profile: Profile, tmp_path: Path) -> Settings:
    """A lake of four nights with a LoRA each, in a folder and in S3."""
    settings = Settings(store=store_uri, catalog=f"sqlite:{tmp_path / 'c.sqlite'}")
    grow(settings, profile, "abcd")
    return settings
