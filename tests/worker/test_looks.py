"""Looks of the worker: it stops when a LoRA is settled, goes on to the same bits, and needs no catalog for it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.errors import PermanentError
from carlos_tasks.lake.outcomes import OutcomeRecord, write_outcome
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE, outcome_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.worker.plans import LoraTask
from carlos_tasks.worker.worker import Worker
from tests.worker.workers import DyingStore, Killed, Listening, content, put

# Three pairs tell next to nothing, so that it depends on `settled` alone when a LoRA is done.
EASY = {"direction_cosine": 0.01, "strength_error": 0.99, "status_errors": 0.001}
HARD = {"direction_cosine": 0.999999, "strength_error": 0.000001, "status_errors": 2.0}
Measure = Callable[..., tuple[OutcomeRecord, ObjectStore]]


@pytest.fixture(scope="module")
def few(micro: Profile) -> Profile:
    """The micro profile in 2 steps with its first 2 seeds: 60 pairs, of which 4, 8 or 12 are drawn."""
    sampler = micro.identity.sampler.model_copy(update={"steps": 2})
    identity = micro.identity.model_copy(update={"seeds": (0, 1), "sampler": sampler})
    return micro.model_copy(update={"identity": identity, "thresholds": {}, "pairs_per_shard": 3})


def settled_by(profile: Profile, settled: dict[str, float]) -> Profile:
    budget = {"order": "balanced", "looks": [4, 8, 12], "settled": settled}
    return Profile.model_validate(profile.model_dump(mode="json") | {"budget": budget})


@pytest.fixture(scope="module")
def with_baseline(few: Profile, backbone: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the baseline."""
    folder = tmp_path_factory.mktemp("baseline")
    worker_of(settled_by(few, HARD), folder, backbone).make_baseline(lambda _: None)
    return folder


def worker_of(
    profile: Profile, folder: Path, pipeline: Any, budget: str = "settled", dies_at_write: int | None = None
) -> Worker:
    settings = Settings(store=str(folder), budget=budget, evidence_pairs=1, images_per_step=4)
    store = open_store(str(folder))
    seen: Any = store if dies_at_write is None else DyingStore(store, dies_at_write)
    return Worker(settings, [profile], seen, load_pipeline=lambda identity, device: pipeline)


@pytest.fixture
def measure(few: Profile, with_baseline: Path, backbone: Any, zoo_file: Path, tmp_path: Path) -> Measure:
    """Measure the LoRA in a store of its own that has the baseline; further calls with `place` go on there."""

    def index(
        settled: dict[str, float], budget: str = "settled", place: str = "a", at_least: int = 0, **fails: Any
    ) -> tuple[OutcomeRecord, ObjectStore]:
        store = open_store(str(tmp_path / place))
        for item in open_store(str(with_baseline)).list():
            store.write(item.key, open_store(str(with_baseline)).read(item.key))
        task = replace(put(store, zoo_file), at_least=at_least)
        told: list[int] = []
        worker = worker_of(settled_by(few, settled), tmp_path / place, backbone, budget, **fails)
        (outcome,) = worker.index(task, told.append)
        assert sum(told) in {0, 12}  # the bar ends, however early the LoRA is done
        return outcome, store

    return index


def test_it_stops_at_the_look_that_settles_it(measure: Measure) -> None:
    done, _ = measure(EASY)
    assert (done.n_pairs, done.open, len(done.shards)) == (4, (), 2)
    assert done.full_cosine_lower is not None
    longer, _ = measure(HARD, place="b")
    assert (longer.n_pairs, longer.open) == (12, ("direction", "strength"))


def test_a_setting_says_to_stop_at_the_first_look_or_to_take_all(measure: Measure) -> None:
    first, _ = measure(HARD, budget="first look")
    assert (first.n_pairs, first.open) == (4, ("direction", "strength"))
    everything, _ = measure(EASY, budget="all", place="b")
    assert (everything.n_pairs, everything.open) == (12, ())


def test_what_is_refined_later_equals_what_was_measured_so_at_once(measure: Measure) -> None:
    measure(EASY)
    refined, store = measure(EASY, at_least=6)
    assert refined.n_pairs == 8
    at_once, other = measure(EASY, place="b", at_least=6)
    assert (refined.shards, refined.open, refined.full_cosine_lower) == (
        at_once.shards,
        at_once.open,
        at_once.full_cosine_lower,
    )
    assert content(store) == content(other)
    # A retry of the same task finds all done.
    assert measure(EASY, at_least=6)[0] == refined


# An evidence image, 3 shards of the look at 4 and at 8, and so on: it dies within looks and between them.
@pytest.mark.parametrize("dies_at_write", [2, 3, 4, 5, 7])
def test_killed_between_looks_it_goes_on_to_the_same_bits(measure: Measure, dies_at_write: int) -> None:
    with pytest.raises(Killed):
        measure(HARD, dies_at_write=dies_at_write)
    _, store = measure(HARD)
    _, whole = measure(HARD, place="whole")
    assert content(store) == content(whole)


def test_a_refinement_that_fails_leaves_what_was_measured(measure: Measure, few: Profile) -> None:
    done, store = measure(EASY)
    task = LoraTask(done.lora_id, "files/gone.safetensors", (), at_least=8)
    worker = worker_of(settled_by(few, EASY), Path(store.url("x")).parent, None)
    assert worker.index(task, lambda _: None) == (done,)


def test_a_copy_of_fewer_pairs_than_asked_for_goes_on_from_there(
    measure: Measure, few: Profile, backbone: Any, zoo_file: Path
) -> None:
    done, store = measure(EASY)
    write_outcome(store, done.model_copy(update={"measure_key": "k"}))
    store.write("files/twin.safetensors", zoo_file.read_bytes())
    heard = Listening(backbone)
    twin = LoraTask("twin", "files/twin.safetensors", (), "k", done.lora_id, at_least=8)
    (outcome,) = worker_of(settled_by(few, EASY), Path(store.url("x")).parent, heard).index(twin, lambda _: None)
    assert (outcome.n_pairs, len(heard.prompts)) == (8, 4)


def test_without_a_baseline_nothing_is_measured(few: Profile, backbone: Any, zoo_file: Path, tmp_path: Path) -> None:
    worker = worker_of(settled_by(few, EASY), tmp_path, backbone)
    task = put(open_store(str(tmp_path)), zoo_file)
    with pytest.raises(PermanentError, match="the baseline of profile micro is not all there"):
        worker.index(task, lambda _: None)
    # The run after the baseline was made goes on with the shards that are there.
    assert open_store(str(tmp_path)).exists(outcome_key(few.profile_id, task.lora_id)) is False


def test_a_baseline_that_is_whole_stays_however_it_was_cut(few: Profile, with_baseline: Path, backbone: Any) -> None:
    heard = Listening(backbone)
    other_cut = settled_by(few, EASY).model_copy(update={"pairs_per_shard": 7})
    before = content(open_store(str(with_baseline)))
    assert worker_of(other_cut, with_baseline, heard).make_baseline(lambda _: None) == 0
    assert heard.prompts == []
    assert content(open_store(str(with_baseline))) == before
    assert any(BASELINE in key for key in before)
