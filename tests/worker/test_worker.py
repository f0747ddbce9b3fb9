"""The GPU task: killed anywhere and run again, it ends with the same bytes; a LoRA that cannot be measured is a row."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from carlos_tasks.lake.evidence import evidence_pairs
from carlos_tasks.lake.outcomes import read_outcome
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import outcome_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.worker.plans import LoraTask
from carlos_tasks.worker.worker import Worker

WEIGHTS = Path("carlos_tasks/microworld/weights/zoo")


class Killed(BaseException):
    """What a kill −9 does to a process, as far as one process can show it: no handler runs."""


class DyingStore:
    """A store in front of another one; the worker dies at its n-th write."""

    def __init__(self, store: ObjectStore, dies_at_write: int) -> None:
        self._store = store
        self._left = dies_at_write

    def write(self, key: str, data: bytes) -> None:
        self._left -= 1
        if self._left == 0:
            raise Killed
        self._store.write(key, data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.fixture(scope="session")
def small(micro: Profile) -> Profile:
    """The micro profile with 8 pairs in 4 shards."""
    identity = micro.identity.model_copy(update={"seeds": (0,)})
    profile = micro.model_copy(update={"identity": identity, "pairs_per_shard": 8})
    assert len(profile.shards()) == 4
    return profile


@pytest.fixture
def make_worker(tmp_path: Path, small: Profile, backbone: Any) -> Callable[..., tuple[Worker, ObjectStore]]:
    def make(folder: str, dies_at_write: int | None = None) -> tuple[Worker, ObjectStore]:
        store = open_store(str(tmp_path / folder))
        seen = store if dies_at_write is None else DyingStore(store, dies_at_write)
        settings = Settings(store=str(tmp_path / folder), images_per_step=8, evidence_pairs=3)
        worker = Worker(settings, small, seen)
        worker.__dict__["_pipeline"] = backbone  # loaded once for all tests: the weights are the same
        return worker, store

    return make


def put(store: ObjectStore, path: Path, words: tuple[str, ...] = ()) -> LoraTask:
    lora_id = path.stem.replace("_", "-")
    store.upload(path, f"files/{lora_id}.safetensors")
    return LoraTask(lora_id, f"files/{lora_id}.safetensors", words)


def content(store: ObjectStore) -> dict[str, bytes]:
    """Everything in the store but the clock."""
    kept = {item.key: store.read(item.key) for item in store.list()}
    for key, data in kept.items():
        if key.startswith("outcomes/"):
            outcome = json.loads(data)
            kept[key] = json.dumps({**outcome, "seconds": 0, "attempted_at": ""}).encode()
    return kept


@pytest.fixture(scope="session")
def zoo_file() -> Path:
    return sorted(WEIGHTS.glob("*.safetensors"))[0]


# 3 evidence images, 4 shards, 1 outcome: dying at each of these writes covers every kind of unfinished state.
@pytest.mark.parametrize("dies_at_write", [1, 3, 6, 8])
def test_killed_and_run_again_it_ends_with_the_same_bytes(
    make_worker: Callable[..., Any], zoo_file: Path, dies_at_write: int
) -> None:
    whole, whole_store = make_worker("whole")
    whole.index(put(whole_store, zoo_file), lambda _: None)
    dying, store = make_worker("killed", dies_at_write)
    task = put(store, zoo_file)
    with pytest.raises(Killed):
        dying.index(task, lambda _: None)
    again, _ = make_worker("killed")
    again.index(task, lambda _: None)
    assert content(store) == content(whole_store)


def test_a_finished_lora_is_not_made_again(make_worker: Callable[..., Any], zoo_file: Path) -> None:
    worker, store = make_worker("lake")
    task = put(store, zoo_file)
    first = worker.index(task, lambda _: None)
    again, _ = make_worker("lake", dies_at_write=1)
    assert again.index(task, lambda _: None) == first


def test_the_shards_hold_every_pair_once(make_worker: Callable[..., Any], small: Profile, zoo_file: Path) -> None:
    worker, store = make_worker("lake")
    outcome = worker.index(put(store, zoo_file), lambda _: None)
    rows = [row for key in outcome.shards for row in pq.read_table(store.url(key), partitioning=None).to_pylist()]
    expected = {(prompt.prompt_id, seed) for prompt, seed in small.pairs()}
    assert len(rows) == outcome.n_pairs == len(expected)
    assert {(row["prompt_id"], row["seed"]) for row in rows} == expected


def test_the_baseline_is_made_once(make_worker: Callable[..., Any], small: Profile) -> None:
    worker, _ = make_worker("lake")
    assert worker.make_baseline(lambda _: None) == len(small.pairs())
    assert worker.make_baseline(lambda _: None) == 0


def test_trigger_words_reach_the_prompt(make_worker: Callable[..., Any], zoo_file: Path) -> None:
    worker, store = make_worker("plain")
    worker.index(put(store, zoo_file), lambda _: None)
    triggered, triggered_store = make_worker("triggered")
    triggered.index(put(triggered_store, zoo_file, ("red",)), lambda _: None)
    assert content(store).keys() == content(triggered_store).keys()
    assert content(store) != content(triggered_store)


def test_a_file_that_is_gone_is_an_outcome_not_a_failed_night(make_worker: Callable[..., Any], small: Profile) -> None:
    worker, store = make_worker("lake")
    outcome = worker.index(LoraTask("gone", "files/gone.safetensors", ()), lambda _: None)
    assert (outcome.status, outcome.reason, outcome.shards) == ("failed", "file_gone", ())
    assert read_outcome(store, outcome_key(small.profile_id, "gone"), small.profile_id) == outcome


def test_evidence_is_spread_over_the_prompts(small: Profile) -> None:
    kept = evidence_pairs(small, 3)
    prompts = [prompt.prompt_id for prompt in small.indexing_prompts().prompts]
    assert [prompts.index(prompt_id) for prompt_id, _ in kept] == [0, len(prompts) // 3, 2 * len(prompts) // 3]
    assert len(evidence_pairs(small, 1000)) == len(prompts)
