"""Workers of a small profile, in stores that a test names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.worker.worker import Worker
from tests.worker.workers import DyingStore

WEIGHTS = Path("carlos_tasks/microworld/weights/zoo")


@pytest.fixture(scope="session")
def small(micro: Profile) -> Profile:
    """The micro profile with 8 pairs in 4 shards."""
    identity = micro.identity.model_copy(update={"seeds": (0,)})
    profile = micro.model_copy(update={"identity": identity, "pairs_per_shard": 8, "budget": None})
    assert len(profile.shards()) == 4
    return profile


@pytest.fixture
def make_worker(tmp_path: Path, small: Profile, backbone: Any) -> Callable[..., tuple[Worker, ObjectStore]]:
    def make(
        place: str,
        dies_at_write: int | None = None,
        profile: Profile = small,
        *others: Profile,
        pipeline: Any = backbone,
    ) -> tuple[Worker, ObjectStore]:
        uri = place if "://" in place else str(tmp_path / place)
        store = open_store(uri)
        seen = store if dies_at_write is None else DyingStore(store, dies_at_write)
        settings = Settings(store=uri, images_per_step=8, evidence_pairs=3)
        # The backbone is loaded once for all tests: the weights are the same.
        return Worker(settings, [profile, *others], seen, load_pipeline=lambda identity, device: pipeline), store

    return make


@pytest.fixture(scope="session")
def zoo_file() -> Path:
    return sorted(WEIGHTS.glob("*.safetensors"))[0]
