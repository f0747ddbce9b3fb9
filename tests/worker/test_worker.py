"""The GPU task: killed anywhere and run again, it ends with the same bytes; a LoRA that cannot be measured is a row."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from carlos_tasks.lake.evidence import evidence_pairs
from carlos_tasks.lake.outcomes import read_outcome
from carlos_tasks.lora.scale.config import state_config
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.store.keys import BASELINE, outcome_key, shard_key
from carlos_tasks.worker.plans import LoraTask, Manifest
from tests.generation.interrupting import Interrupting
from tests.lora.crafted import MICRO_ATTENTION
from tests.worker.workers import Killed, Listening, content, embeddings, keys, put


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
    (first,) = worker.index(task, lambda _: None)
    again, _ = make_worker("lake", dies_at_write=1)
    assert again.index(task, lambda _: None) == (first,)


def test_the_shards_hold_every_pair_once(make_worker: Callable[..., Any], small: Profile, zoo_file: Path) -> None:
    worker, store = make_worker("lake")
    (outcome,) = worker.index(put(store, zoo_file), lambda _: None)
    rows = [row for file in outcome.shards for row in pq.read_table(store.url(file.key), partitioning=None).to_pylist()]
    expected = {(prompt.prompt_id, seed) for prompt, seed in small.pairs()}
    assert len(rows) == outcome.n_pairs == len(expected)
    assert {(row["prompt_id"], row["seed"]) for row in rows} == expected


def test_the_baseline_is_made_once(make_worker: Callable[..., Any], small: Profile) -> None:
    worker, _ = make_worker("lake")
    assert worker.make_baseline(lambda _: None) == len(small.pairs())
    assert worker.make_baseline(lambda _: None) == 0


def test_a_lora_that_was_interrupted_is_not_in_the_baseline_that_follows(
    make_worker: Callable[..., Any], small: Profile, zoo_file: Path
) -> None:
    worker, store = make_worker("interrupted")
    interruption, shards = Interrupting(), list[int]()

    def interrupt_behind_the_last(n_pairs: int) -> None:
        shards.append(n_pairs)
        interruption.at = 2 * (len(shards) == len(small.shards()))

    with pytest.raises(KeyboardInterrupt), interruption:
        worker.index(put(store, zoo_file), interrupt_behind_the_last)
    fresh, fresh_store = make_worker("fresh")
    first = shard_key(small.profile_id, BASELINE, 0)
    for each in (worker, fresh):
        with pytest.raises(Killed):
            each.make_baseline(die)
    assert store.read(first) == fresh_store.read(first)


def die(n_pairs: int) -> None:
    raise Killed


def test_trigger_words_stand_behind_every_prompt_and_change_every_picture(
    make_worker: Callable[..., Any], small: Profile, backbone: Any, zoo_file: Path
) -> None:
    heard = Listening(backbone)
    plain, store = make_worker("plain", pipeline=heard)
    (without,) = plain.index(put(store, zoo_file), lambda _: None)
    texts = [prompt.text for prompt, _ in small.pairs()]
    assert heard.prompts == texts
    triggered, triggered_store = make_worker("triggered", pipeline=heard)
    (with_words,) = triggered.index(put(triggered_store, zoo_file, ("red", "in fog")), lambda _: None)
    assert heard.prompts[len(texts) :] == [f"{text}, red, in fog" for text in texts]
    assert content(store).keys() == content(triggered_store).keys()
    before, after = embeddings(store, keys(without)), embeddings(triggered_store, keys(with_words))
    assert before.keys() == after.keys() and len(before) == len(texts)
    assert [pair for pair in before if before[pair] == after[pair]] == []


def test_a_profile_may_ignore_trigger_words(
    make_worker: Callable[..., Any], small: Profile, backbone: Any, zoo_file: Path
) -> None:
    use = small.identity.lora.model_copy(update={"trigger_words": "ignore"})
    ignoring = small.model_copy(update={"identity": small.identity.model_copy(update={"lora": use})})
    heard = Listening(backbone)
    worker, store = make_worker("ignoring", profile=ignoring, pipeline=heard)
    worker.index(put(store, zoo_file, ("red",)), lambda _: None)
    assert heard.prompts == [prompt.text for prompt, _ in small.pairs()]


def test_a_scale_that_lies_beside_the_file_acts_as_one_in_it(make_worker: Callable[..., Any], tmp_path: Path) -> None:
    worker, store = make_worker("scales")
    random = np.random.default_rng(4)
    halves = {
        f"{MICRO_ATTENTION}.lora_A.weight": random.normal(size=(4, 128)).astype(np.float32),
        f"{MICRO_ATTENTION}.lora_B.weight": random.normal(size=(64, 4)).astype(np.float32),
    }
    save_file(halves | {f"{MICRO_ATTENTION}.alpha": np.array(2, np.float32)}, tmp_path / "in.safetensors")
    save_file(halves, tmp_path / "beside.safetensors")
    stated = state_config(b'{"peft_type": "LORA", "r": 4, "lora_alpha": 2}')
    tasks = {
        "in": put(store, tmp_path / "in.safetensors"),
        "beside": replace(put(store, tmp_path / "beside.safetensors"), stated_scale=stated),
        "lost": replace(put(store, tmp_path / "beside.safetensors"), lora_id="lost"),
    }
    shards = {name: worker.index(task, lambda _: None)[0].shards[0].key for name, task in tasks.items()}
    found = {name: pq.read_table(io.BytesIO(store.read(key)))["embedding"].to_pylist() for name, key in shards.items()}
    assert found["in"] == found["beside"] != found["lost"]


def test_a_manifest_of_an_older_version_states_no_scale() -> None:
    task = {"lora_id": "a", "file_key": "files/a", "trigger_words": []}
    (lora,) = Manifest.model_validate_json(json.dumps({"profile_id": "p", "loras": [task]})).loras
    assert lora.stated_scale is None


def test_a_file_that_is_gone_is_an_outcome_not_a_failed_night(make_worker: Callable[..., Any], small: Profile) -> None:
    worker, store = make_worker("lake")
    (outcome,) = worker.index(LoraTask("gone", "files/gone.safetensors", ()), lambda _: None)
    assert (outcome.status, outcome.reason, outcome.shards) == ("failed", "file_gone", ())
    assert read_outcome(store, outcome_key(small.profile_id, "gone"), small.profile_id) == outcome


def test_evidence_is_spread_over_the_prompts(small: Profile) -> None:
    kept = evidence_pairs(small, 3)
    prompts = [prompt.prompt_id for prompt in small.indexing_prompts().prompts]
    assert [prompts.index(prompt_id) for prompt_id, _ in kept] == [0, len(prompts) // 3, 2 * len(prompts) // 3]
    assert len(evidence_pairs(small, 1000)) == len(prompts)
