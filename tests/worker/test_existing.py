"""What lies at a key already is kept where it is whole, and made again where it is not."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from carlos_tasks.profiles.profile import Profile
from carlos_tasks.store.keys import BASELINE, outcome_key, shard_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.worker.existing import existing_shard
from carlos_tasks.worker.worker import Worker
from tests.commit.small_index import as_older_version, baseline, small_profile, with_effect, write_shards
from tests.worker.workers import content, put

Make = Callable[..., tuple[Worker, ObjectStore]]


def flipped(data: bytes, at: int = 700) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


SPOILT: dict[str, Callable[[bytes, bytes], bytes]] = {
    "cut": lambda own, other: own[:-10],
    "empty": lambda own, other: b"",
    "garbage": lambda own, other: bytes(range(256)) * 9,
    "flipped in a row": lambda own, other: flipped(own),
    "flipped in the footer": lambda own, other: flipped(own, len(own) - 60),
    "another number's": lambda own, other: other,
}


@pytest.fixture
def pairs(tmp_path: Path) -> Profile:
    return small_profile(tmp_path / "prompts")


@pytest.mark.parametrize("how", SPOILT)
def test_a_shard_that_is_not_whole_is_not_trusted(store: ObjectStore, pairs: Profile, how: str) -> None:
    key, other, *_ = write_shards(store, pairs, "a", with_effect(baseline(pairs), 1))
    own = [(prompt.prompt_id, seed) for prompt, seed in pairs.shards()[0]]
    whole = existing_shard(store, key, own)
    assert whole is not None and whole.size_bytes == len(store.read(key))
    data = store.read(key)
    store.write(key, SPOILT[how](data, store.read(other)))
    found = existing_shard(store, key, own)
    # Where its rows are whole, it is written again from them.
    assert found is None or (found == whole and store.read(key) == data)
    assert existing_shard(store, key, own[:-1]) is None
    store.delete(key)
    assert existing_shard(store, key, own) is None


def test_every_flipped_bit_of_a_shard_is_told(store: ObjectStore, pairs: Profile) -> None:
    key, *_ = write_shards(store, pairs, "a", with_effect(baseline(pairs), 1))
    own = [(prompt.prompt_id, seed) for prompt, seed in pairs.shards()[0]]
    data = store.read(key)
    for at in range(0, len(data), 23):
        store.write(key, flipped(data, at))
        assert existing_shard(store, key, own) is None or store.read(key) == data


def test_the_baseline_of_an_older_version_is_kept_and_its_loras_are_made_again(
    store: ObjectStore, pairs: Profile
) -> None:
    own = [(prompt.prompt_id, seed) for prompt, seed in pairs.shards()[0]]
    for lora_id, is_kept in ((BASELINE, True), ("a", False)):
        key, *_ = write_shards(store, pairs, lora_id, baseline(pairs))
        as_older_version(store, key)
        before = store.read(key)
        assert (existing_shard(store, key, own) is not None) == is_kept
        assert store.read(key) == before


@pytest.mark.parametrize("lora", ["a LoRA", BASELINE])
def test_a_worker_makes_what_was_spoilt_again_to_the_same_bytes(
    make_worker: Make, small: Profile, zoo_file: Path, lora: str
) -> None:
    worker, store = make_worker("store")
    task = put(store, zoo_file)
    name = BASELINE if lora == BASELINE else task.lora_id

    def make() -> None:
        if lora == BASELINE:
            worker.make_baseline(lambda _: None)
        else:
            worker.index(task, lambda _: None)

    make()
    whole = content(store)
    key = shard_key(small.profile_id, name, 2)
    outcome = outcome_key(small.profile_id, name)
    for spoilt_key, data in (
        (key, store.read(key)[:-9]),
        (key, store.read(shard_key(small.profile_id, name, 1))),
        (key, flipped(store.read(key))),
        (outcome, b"no outcome"),
        (outcome, json.dumps(json.loads(store.read(outcome)) | {"lora_id": "other", "shards": []}).encode()),
    ):
        store.write(spoilt_key, data)
        make()
        assert content(store) == whole
