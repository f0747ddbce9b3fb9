"""LoRAs with fewer pairs than the baseline, and those that get more of them later."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carlos_tasks.arrays import Floats
from carlos_tasks.commit.index import commit_index
from carlos_tasks.intake.commit import commit_intake
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.checks import run_checks
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.shards import write_shard
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from carlos_tasks.store.keys import BASELINE, shard_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.verification.run import verify
from tests.commit.small_index import baseline, sealed, small_profile, with_effect, write_outcome
from tests.conftest import Rows
from tests.intake.small_intake import listing, write_intake

BUDGET = {
    "order": "balanced",
    "looks": [5, 10, 15],
    "settled": {"direction_cosine": 0.98, "strength_error": 0.02, "status_errors": 2.0},
}


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """A profile of 6 prompts and 3 seeds, of which a LoRA has 5, 10 or 15 pairs."""
    return small_profile(tmp_path / "prompts", n_prompts=6, budget=BUDGET, pairs_per_shard=4)


def put_measured(
    store: ObjectStore, profile: Profile, lora_id: str, embeddings: Floats, n_pairs: int, open_: Sequence[str] = ()
) -> str:
    """Write the shards and the outcome of so many pairs; `embeddings` are of all pairs, prompt by prompt."""
    by_pair = {(prompt.prompt_id, seed): row for (prompt, seed), row in zip(profile.pairs(), embeddings, strict=True)}
    cut = profile.baseline_shards() if lora_id == BASELINE else profile.shards()
    keys: list[str] = []
    for pairs in cut:
        if n_pairs > 0:
            n_pairs -= len(pairs)
            keys.append(shard_key(profile.profile_id, lora_id, len(keys)))
            write_shard(store, keys[-1], [_row(prompt.prompt_id, seed, by_pair) for prompt, seed in pairs])
    assert n_pairs == 0
    held = sum(len(pairs) for pairs in cut[: len(keys)])
    fields: dict[str, Any] = {} if lora_id == BASELINE else {"open": open_, "full_cosine_lower": 0.9}
    return write_outcome(store, profile, lora_id, shards=sealed(store, keys), n_pairs=held, **fields)


def _row(prompt_id: str, seed: int, by_pair: dict[tuple[str, int], Floats]) -> dict[str, Any]:
    facts = {"image_mean": 0.5, "image_std": 0.2, "flag": None}
    return {"prompt_id": prompt_id, "seed": seed, "embedding": by_pair[prompt_id, seed], **facts}


@pytest.fixture
def measured(settings: Settings, place: ObjectStore, profile: Profile) -> Floats:
    """A lake that has LoRA a with its first 5 pairs; returns the embeddings of all."""
    taken = [listing(model_id="a", lora_id="a", lora={"base_model": "micro-xl", "rank": 4})]
    commit_intake(settings, [write_intake(place, taken)])
    base = baseline(profile)
    put_measured(place, profile, BASELINE, base, len(base))
    effect = with_effect(base, 1)
    report = commit_index(settings, profile, [put_measured(place, profile, "a", effect, 5, ["direction"])])
    assert report.statuses == {"measured": 1}
    return effect


SAYS = "select n_pairs, is_settled, open, full_cosine_lower from mart.lora"


def checked(settings: Settings) -> None:
    """Nothing in the lake contradicts anything else, or what the SQL computes from the shards."""
    with connect(settings) as con, lake_errors():
        assert run_checks(con) == []
    assert verify(settings).n_faults == 0


def test_fewer_pairs_than_the_baseline_has_are_a_measurement(settings: Settings, measured: Floats, rows: Rows) -> None:
    assert len(measured) == 18
    assert rows(SAYS) == [(5, False, ["direction"], 0.9)]
    checked(settings)


def test_more_pairs_take_the_place_of_fewer_and_the_snapshot_has_what_was_seen(
    settings: Settings, place: ObjectStore, profile: Profile, measured: Floats, rows: Rows
) -> None:
    ((seen,),) = rows("select max(snapshot_id) from mart.commit_log")
    ((few,),) = rows("select direction from core.representation")
    key = put_measured(place, profile, "a", measured, 15)
    report = commit_index(settings, profile, [key])
    assert (report.statuses, report.n_embeddings) == ({"measured": 1}, 10)
    assert rows(SAYS) == [(15, True, [], 0.9)]
    ((more,),) = rows("select direction from core.representation")
    difference = measured - baseline(profile)
    drawn = [profile.pairs().index(pair) for pair in profile.drawn()[:15]]
    assert np.allclose(more, difference[drawn].mean(axis=0), atol=1e-6)
    assert rows("select count(*) from core.prompt_difference") == [(6,)]
    # What was decided then can be looked at as it was seen.
    assert rows(f"select direction from core.representation at (version => {seen})") == [(few,)]  # noqa: S608
    checked(settings)
    again = commit_index(settings, profile, [key])
    assert (again.statuses, again.n_embeddings) == ({}, 0)


def test_a_refinement_is_one_row_beside_what_is_alike(
    settings: Settings, place: ObjectStore, profile: Profile, measured: Floats, rows: Rows
) -> None:
    taken = [listing(model_id="b", lora_id="b", lora={"base_model": "micro-xl", "rank": 4})]
    commit_intake(settings, [write_intake(place, taken, "more")])
    commit_index(settings, profile, [put_measured(place, profile, "b", measured, 15)])
    ((before,),) = rows("select cosine from core.alike")
    commit_index(settings, profile, [put_measured(place, profile, "a", measured, 15)])
    ((after,),) = rows("select cosine from core.alike")
    assert before < after == pytest.approx(1)


@pytest.mark.parametrize(
    ("n_pairs", "says", "names"), [(10, 15, 3), (5, 4, 2), (5, 5, 1)], ids=["claims more", "claims less", "lacks one"]
)
def test_pairs_that_are_not_those_of_the_outcome_cost_that_lora(
    settings: Settings,
    place: ObjectStore,
    profile: Profile,
    measured: Floats,
    rows: Rows,
    n_pairs: int,
    says: int,
    names: int,
) -> None:
    taken = [listing(model_id="b", lora_id="b", lora={"base_model": "micro-xl", "rank": 4})]
    commit_intake(settings, [write_intake(place, taken, "more")])
    put_measured(place, profile, "b", measured, n_pairs)
    keys = [shard_key(profile.profile_id, "b", number) for number in range(names)]
    outcome = write_outcome(place, profile, "b", shards=sealed(place, keys), n_pairs=says)
    assert commit_index(settings, profile, [outcome]).damaged == {"b": "shards_incomplete"}
    assert rows("select lora_id from core.representation") == [("a",)]
