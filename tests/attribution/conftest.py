"""One small lake with planted infringers for all tests of attribution; they only read it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from carlos_tasks.attribution.attribute import attribute
from carlos_tasks.attribution.attribution import Attribution
from carlos_tasks.attribution.reference import make_reference
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from tests.attribution.studio import make_studio, write_set


@dataclass(frozen=True)
class Studio:
    """The lake, its profile, and the studio's reference set."""

    settings: Settings
    profile: Profile
    plates: Path


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """A lake of 36 innocents and 3 infringers."""
    folder = tmp_path_factory.mktemp("studio")
    settings, profile = make_studio(folder)
    return Studio(settings, profile, write_set(folder / "plates"))


@pytest.fixture(scope="session")
def by_plates(studio: Studio) -> Attribution:
    """The lake held against the studio's pictures."""
    return attribute(studio.settings, make_reference(str(studio.plates)))
