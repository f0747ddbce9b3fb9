"""A LoRA saved again with other metadata is not drawn again: its measurement is copied, to the same bytes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from carlos_tasks.lake.evidence import image_keys
from carlos_tasks.lake.outcomes import read_outcome
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.store.keys import file_key, outcome_key, shard_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.worker.copying import copy_measured
from carlos_tasks.worker.plans import LoraTask
from tests.commit.small_index import sealed, small_profile, write_outcome, write_shards
from tests.worker.workers import Killed, Listening, content, embeddings, keys, put

KEY = "what fixes the images"
DRAWN = LoraTask("drawn", file_key("drawn"), (), KEY)
TWIN = LoraTask("twin", file_key("twin"), (), KEY, "drawn")


def put_file(store: ObjectStore, lora_id: str, source: Path, folder: Path, metadata: dict[str, str]) -> None:
    """Save the tensors of a file again, with other metadata."""
    path = folder / f"{lora_id}.safetensors"
    save_file(load_file(source), path, metadata)
    put(store, path)


@pytest.fixture
def put_twins(zoo_file: Path, tmp_path: Path) -> Callable[[ObjectStore], None]:
    def put_both(store: ObjectStore) -> None:
        for lora_id in ("drawn", "twin"):
            put_file(store, lora_id, zoo_file, tmp_path, {"title": lora_id})

    return put_both


def test_the_twin_gets_the_same_bytes_and_no_picture_is_drawn(
    store_uri: str, make_worker: Callable[..., Any], put_twins: Any, small: Profile, backbone: Any
) -> None:
    heard, seen = Listening(backbone), list[int]()
    worker, store = make_worker(store_uri, pipeline=heard)
    put_twins(store)
    (drawn,) = worker.index(DRAWN, lambda _: None)
    n_drawn = len(heard.prompts)
    (twin,) = worker.index(TWIN, seen.append)
    assert (n_drawn, len(heard.prompts), sum(seen)) == (len(small.pairs()), n_drawn, len(small.pairs()))
    # Another worker measures the twin itself, and gets the same bytes.
    alone, other_store = make_worker("alone")
    put_twins(other_store)
    (itself,) = alone.index(replace(TWIN, measured_as=None), lambda _: None)
    assert twin.shards == itself.shards and keys(twin) != keys(drawn)
    assert [store.read(key) for key in keys(twin)] == [other_store.read(key) for key in keys(twin)]
    assert embeddings(store, keys(twin)).keys() == {(prompt.prompt_id, seed) for prompt, seed in small.pairs()}
    kept = image_keys(store, small.profile_id, ["drawn", "twin"])
    assert [store.read(key) for key in kept["twin"].values()] == [store.read(key) for key in kept["drawn"].values()]
    assert list(kept["twin"]) == list(kept["drawn"]) != []
    assert (drawn.copied_from, drawn.measure_key) == (None, KEY)
    changed = {"lora_id", "shards", "seconds", "attempted_at", "copied_from"}
    assert twin.model_dump(exclude=changed) == drawn.model_dump(exclude=changed)
    assert twin.copied_from == "drawn"
    assert read_outcome(store, outcome_key(small.profile_id, "twin"), small.profile_id) == twin


# As where it is drawn: 3 evidence images, 4 shards, 1 outcome.
@pytest.mark.parametrize("dies_at_write", [1, 3, 6, 8])
def test_killed_between_copies_and_run_again_it_ends_with_the_same_bytes(
    measured: ObjectStore, made_up: Profile, make_worker: Callable[..., Any], dies_at_write: int
) -> None:
    dying, store = make_worker(measured.uri, dies_at_write, profile=made_up)
    with pytest.raises(Killed):
        dying.index(TWIN, lambda _: None)
    assert not store.exists(outcome_key(made_up.profile_id, "twin"))
    again, _ = make_worker(measured.uri, profile=made_up)
    again.index(TWIN, lambda _: None)
    killed = content(store)
    for item in list(store.list()):
        if "lora_id=twin" in item.key:
            store.delete(item.key)
    again.index(TWIN, lambda _: None)
    assert content(store) == killed


@pytest.fixture
def made_up(tmp_path: Path) -> Profile:
    """A profile of 8 pairs in 4 shards."""
    return small_profile(tmp_path / "prompts", n_prompts=4, seeds=(0, 1), pairs_per_shard=2)


@pytest.fixture
def measured(tmp_path: Path, made_up: Profile, put_twins: Any) -> ObjectStore:
    """A store with the files of both, and what a worker leaves of the first one."""
    from carlos_tasks.store import open_store

    store = open_store(str(tmp_path / "store"))
    put_twins(store)
    numbers = np.arange(8 * 4, dtype=np.float32).reshape(8, 4)
    write_outcome(
        store, made_up, "drawn", shards=write_shards(store, made_up, "drawn", numbers), n_pairs=8, measure_key=KEY
    )
    for number in range(3):
        store.write(f"evidence/profile_id={made_up.profile_id}/lora_id=drawn/p{number}-0.webp", bytes([number]))
    return store


def has_failed(store: ObjectStore, profile: Profile) -> None:
    write_outcome(store, profile, "drawn", status="failed", reason="load_failed", measure_key=KEY)


def is_of_an_older_version(store: ObjectStore, profile: Profile) -> None:
    shards = [shard_key(profile.profile_id, "drawn", number) for number in range(4)]
    write_outcome(store, profile, "drawn", shards=shards, n_pairs=8)


def had_other_trigger_words(store: ObjectStore, profile: Profile) -> None:
    shards = [shard_key(profile.profile_id, "drawn", number) for number in range(4)]
    write_outcome(store, profile, "drawn", shards=shards, n_pairs=8, measure_key="with other words")


def has_no_outcome(store: ObjectStore, profile: Profile) -> None:
    store.delete(outcome_key(profile.profile_id, "drawn"))


def lacks_a_shard(store: ObjectStore, profile: Profile) -> None:
    store.delete(shard_key(profile.profile_id, "drawn", 2))


def has_a_cut_shard(store: ObjectStore, profile: Profile) -> None:
    key = shard_key(profile.profile_id, "drawn", 2)
    store.write(key, store.read(key)[:-9])


def has_a_foreign_shard(store: ObjectStore, profile: Profile) -> None:
    """Another number's, under an outcome of an older version, which names no hash."""
    store.copy(shard_key(profile.profile_id, "drawn", 1), shard_key(profile.profile_id, "drawn", 2))


def has_a_shard_with_another_hash(store: ObjectStore, profile: Profile) -> None:
    shards = [shard_key(profile.profile_id, "drawn", number) for number in range(4)]
    named = sealed(store, shards)
    named[3]["sha256"] = "0" * 64
    write_outcome(store, profile, "drawn", shards=named, n_pairs=8, measure_key=KEY)


def has_an_outcome_of_garbage(store: ObjectStore, profile: Profile) -> None:
    store.write(outcome_key(profile.profile_id, "drawn"), b"no outcome")


@pytest.mark.parametrize(
    "spoil",
    [
        has_a_cut_shard,
        has_a_foreign_shard,
        has_a_shard_with_another_hash,
        has_an_outcome_of_garbage,
        has_failed,
        is_of_an_older_version,
        had_other_trigger_words,
        has_no_outcome,
        lacks_a_shard,
    ],
)
def test_it_is_measured_where_the_other(
    measured: ObjectStore, made_up: Profile, spoil: Callable[[ObjectStore, Profile], None]
) -> None:
    spoil(measured, made_up)
    before = content(measured)
    assert copy_measured(measured, made_up.profile_id, TWIN) is None
    assert content(measured) == before


def test_what_the_plan_does_not_name_is_measured(measured: ObjectStore, made_up: Profile) -> None:
    assert copy_measured(measured, made_up.profile_id, replace(TWIN, measured_as=None)) is None
    assert copy_measured(measured, made_up.profile_id, replace(TWIN, measure_key=None)) is None


def test_that_no_layer_matches_is_copied(measured: ObjectStore, made_up: Profile) -> None:
    told = {"reason": "no_layer_patched", "detail": "none of the 4 modules of the file match the backbone"}
    write_outcome(measured, made_up, "drawn", status="unpatched", measure_key=KEY, modules_patched=0, **told)
    outcome = copy_measured(measured, made_up.profile_id, TWIN)
    assert outcome is not None
    assert (outcome.status, outcome.reason, outcome.n_pairs, outcome.shards) == ("unpatched", told["reason"], 0, ())
    assert outcome.copied_from == "drawn"


def test_a_copy_of_a_copy_names_the_one_that_was_drawn(measured: ObjectStore, made_up: Profile) -> None:
    shards = [shard_key(made_up.profile_id, "drawn", number) for number in range(4)]
    write_outcome(measured, made_up, "drawn", shards=shards, n_pairs=8, measure_key=KEY, copied_from="first")
    outcome = copy_measured(measured, made_up.profile_id, TWIN)
    assert outcome is not None and outcome.copied_from == "first"


def test_where_it_cannot_be_copied_the_worker_draws(
    make_worker: Callable[..., Any], put_twins: Any, small: Profile, backbone: Any
) -> None:
    heard = Listening(backbone)
    worker, store = make_worker("store", pipeline=heard)
    put_twins(store)
    write_outcome(store, small, "drawn", status="failed", reason="load_failed", measure_key=KEY)
    (outcome,) = worker.index(TWIN, lambda _: None)
    assert (outcome.status, outcome.copied_from, outcome.measure_key) == ("embedded", None, KEY)
    assert heard.prompts == [prompt.text for prompt, _ in small.pairs()]
