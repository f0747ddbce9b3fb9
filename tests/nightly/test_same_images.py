"""A night of two profiles with the same images: drawn once, embedded by both encoders, committed for each."""

import shutil
from pathlib import Path

import pytest

from carlos_tasks.embedding.random_encoders import random_dinov2
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.statements import rows
from carlos_tasks.nightly.backlog import backlog_size
from carlos_tasks.nightly.one_process import index_all
from carlos_tasks.nightly.stages import make_baseline, plan
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE, evidence_prefix, outcome_key
from tests.commit.small_index import small_profile

ZOO = Path("carlos_tasks/microworld/weights/zoo")
BUDGET = {
    "order": "balanced",
    "looks": [3, 4],
    "settled": {"direction_cosine": 0.98, "strength_error": 0.02, "status_errors": 2.0},
}


@pytest.fixture
def two(settings: Settings, tmp_path: Path) -> Settings:
    """A lake for the micro world's encoder and a small DINOv2, over the same 4 pairs."""
    profile = small_profile(tmp_path / "prompts", n_prompts=4, seeds=(0,), budget=BUDGET)
    identity = profile.identity.model_copy(update={"encoder": random_dinov2(tmp_path / "encoder")})
    other = profile.model_copy(update={"name": "pictures", "identity": identity})
    for name, one in (("clip", profile), ("pictures", other)):
        (tmp_path / f"{name}.json").write_text(one.model_dump_json())
    (tmp_path / "loras").mkdir()
    shutil.copy(ZOO / "striped-a.safetensors", tmp_path / "loras")
    places = {"profile": str(tmp_path / "clip.json"), "profiles": str(tmp_path / "pictures.json"), "evidence_pairs": 1}
    return settings.model_copy(update=places)


def test_images_are_drawn_once_and_each_profile_has_its_representation(two: Settings, tmp_path: Path) -> None:
    report = index_all(two, f"folder:{tmp_path / 'loras'}")
    assert report.check_failures == ()
    assert report.n_planned == 1
    assert report.profiles is not None
    first, second = sorted(report.profiles, key=lambda own: not own.batches)
    assert [(len(batch.lora_ids), batch.embedded) for batch in first.batches] == [(1, 2)]
    assert first.batches[0].images in {3, 4}
    assert second.batches == ()
    assert (first.commit.statuses, second.commit.statuses) == ({"measured": 1}, {"measured": 1})
    with connect(two) as con:
        found = rows(con, "select profile_id, n_pairs, direction from core.representation")
    ids = [load_profile(name).profile_id for name in (two.profile, two.profiles)]
    assert {row["profile_id"] for row in found} == set(ids)
    assert len({row["n_pairs"] for row in found}) == 1
    assert found[0]["direction"] != found[1]["direction"]
    kept = [
        {item.key.rpartition("/")[2] for item in open_store(two.store).list(evidence_prefix(i, "base"))} for i in ids
    ]
    assert kept[0] == kept[1] != set()
    assert backlog_size(two) == 0
    assert plan(two).batches == {}


def test_a_profile_that_comes_later_is_caught_up_and_the_first_stays(two: Settings, tmp_path: Path) -> None:
    alone = two.model_copy(update={"profiles": ""})
    index_all(alone, f"folder:{tmp_path / 'loras'}")
    with connect(two) as con:
        (before,) = rows(con, "from core.representation")
    assert backlog_size(two) == 1
    index_all(two, f"folder:{tmp_path / 'loras'}")
    with connect(two) as con:
        found = rows(con, "from core.representation")
    assert before in found
    assert len(found) == 2


def test_the_baseline_is_made_by_the_first_of_them(two: Settings) -> None:
    made = [make_baseline(two.of_profile(name)).n_new for name in (two.profile, two.profiles)]
    assert sorted(made) == [0, 4]
    ids = [load_profile(name).profile_id for name in (two.profile, two.profiles)]
    assert all(open_store(two.store).exists(outcome_key(profile_id, BASELINE)) for profile_id in ids)
