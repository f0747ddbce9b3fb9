"""Profiles with the same images: each image is drawn once, and every profile gets the bytes that it would get alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.embedding.random_encoders import random_csd, random_dinov2
from carlos_tasks.errors import SettingsError
from carlos_tasks.profiles.profile import Encoder, Profile
from carlos_tasks.store.keys import BASELINE, outcome_key, shard_key
from carlos_tasks.worker.plans import LoraTask
from tests.worker.workers import Killed, Listening, content, keys, put

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def companions(small: Profile, tmp_path_factory: pytest.TempPathFactory) -> list[Profile]:
    """The small profile with two other encoders."""
    folder = tmp_path_factory.mktemp("encoders")
    encoders = {"dinov2": random_dinov2(folder / "dinov2"), "csd": random_csd(folder / "csd")}
    return [with_encoder(small, name, encoder) for name, encoder in encoders.items()]


def with_encoder(profile: Profile, name: str, encoder: Encoder) -> Profile:
    identity = profile.identity.model_copy(update={"encoder": encoder})
    return profile.model_copy(update={"name": name, "identity": identity})


def measure(worker: Any, task: LoraTask) -> Any:
    worker.make_baseline(lambda _: None)
    return worker.index(task, lambda _: None)


def test_together_each_profile_gets_the_bytes_that_it_gets_alone(
    make_worker: Make, small: Profile, companions: list[Profile], backbone: Any, zoo_file: Path
) -> None:
    heard = Listening(backbone)
    together, store = make_worker("together", None, small, *companions, pipeline=heard)
    outcomes = measure(together, put(store, zoo_file, ("red",)))
    # Once without the LoRA, once with it, for three profiles.
    texts = [prompt.text for prompt, _ in small.pairs()]
    assert heard.prompts == texts + [f"{text}, red" for text in texts]
    assert [outcome.profile_id for outcome in outcomes] == [p.profile_id for p in (small, *companions)]
    expected: dict[str, bytes] = {}
    for profile in (small, *companions):
        alone, other = make_worker(f"alone-{profile.name}", None, profile)
        measure(alone, put(other, zoo_file, ("red",)))
        expected |= content(other)
    assert content(store) == expected


def test_the_time_of_one_pass_is_shared_out(
    make_worker: Make, small: Profile, companions: list[Profile], zoo_file: Path
) -> None:
    worker, store = make_worker("together", None, small, *companions)
    (first, *others) = worker.index(put(store, zoo_file), lambda _: None)
    assert [outcome.seconds for outcome in others] == [first.seconds] * 2
    assert first.seconds > 0


@pytest.mark.parametrize("dies_at_write", [2, 6, 9, 14])
def test_killed_together_and_run_again_it_ends_with_the_same_bytes(
    make_worker: Make, small: Profile, companions: list[Profile], zoo_file: Path, dies_at_write: int
) -> None:
    whole, whole_store = make_worker("whole", None, small, companions[0])
    whole.index(put(whole_store, zoo_file), lambda _: None)
    dying, store = make_worker("killed", dies_at_write, small, companions[0])
    task = put(store, zoo_file)
    with pytest.raises(Killed):
        dying.index(task, lambda _: None)
    again, _ = make_worker("killed", None, small, companions[0])
    again.index(task, lambda _: None)
    assert content(store) == content(whole_store)


def test_a_profile_that_comes_later_leaves_what_there_is_alone(
    make_worker: Make, small: Profile, companions: list[Profile], backbone: Any, zoo_file: Path
) -> None:
    first, store = make_worker("lake")
    task = put(store, zoo_file)
    (known,) = first.index(task, lambda _: None)
    before, heard, seen = content(store), Listening(backbone), list[int]()
    both, _ = make_worker("lake", None, small, companions[0], pipeline=heard)
    outcomes = both.index(task, seen.append)
    assert outcomes[0] == known
    assert before.items() <= content(store).items()
    assert len(heard.prompts) == sum(seen) == outcomes[1].n_pairs == len(small.pairs())


def test_a_shard_that_one_profile_lacks_is_drawn_for_that_one_alone(
    make_worker: Make, small: Profile, companions: list[Profile], backbone: Any, zoo_file: Path
) -> None:
    other, heard = companions[0], Listening(backbone)
    both, store = make_worker("lake", None, small, other, pipeline=heard)
    task = put(store, zoo_file)
    (first, second) = both.index(task, lambda _: None)
    whole, n_drawn = content(store), len(heard.prompts)
    store.delete(shard_key(other.profile_id, task.lora_id, 1))
    store.delete(outcome_key(small.profile_id, task.lora_id))
    again = both.index(task, lambda _: None)
    assert len(heard.prompts) - n_drawn == len(small.shards()[1])
    assert [keys(outcome) for outcome in again] == [keys(first), keys(second)]
    assert content(store) == whole


def test_the_baseline_is_made_once_for_all(
    make_worker: Make, small: Profile, companions: list[Profile], backbone: Any
) -> None:
    heard = Listening(backbone)
    worker, store = make_worker("lake", None, small, *companions, pipeline=heard)
    assert worker.make_baseline(lambda _: None) == len(heard.prompts) == len(small.pairs())
    assert worker.make_baseline(lambda _: None) == 0
    for profile in (small, *companions):
        assert store.read(outcome_key(profile.profile_id, BASELINE))


def test_a_measurement_is_copied_where_it_is_and_drawn_for_the_others(
    make_worker: Make, small: Profile, companions: list[Profile], backbone: Any, zoo_file: Path
) -> None:
    first, store = make_worker("lake")
    task = replace(put(store, zoo_file), measure_key="k")
    first.index(task, lambda _: None)
    heard, seen = Listening(backbone), list[int]()
    both, _ = make_worker("lake", None, small, companions[0], pipeline=heard)
    twin = replace(task, lora_id="twin", measured_as=task.lora_id)
    outcomes = both.index(twin, seen.append)
    assert [outcome.copied_from for outcome in outcomes] == [task.lora_id, None]
    assert len(heard.prompts) == sum(seen) == len(small.pairs())


def test_a_file_that_is_gone_is_an_outcome_under_each_profile(
    make_worker: Make, small: Profile, companions: list[Profile]
) -> None:
    worker, _ = make_worker("lake", None, small, *companions)
    outcomes = worker.index(LoraTask("gone", "files/gone.safetensors", ()), lambda _: None)
    assert [(outcome.status, outcome.reason) for outcome in outcomes] == [("failed", "file_gone")] * 3


def test_an_encoder_that_lacks_costs_no_image(
    make_worker: Make, small: Profile, backbone: Any, zoo_file: Path, tmp_path: Path
) -> None:
    nobodys = Encoder(model="ViT-B-32", pretrained="nobody")
    heard = Listening(backbone)
    worker, store = make_worker("lake", None, small, with_encoder(small, "lacking", nobodys), pipeline=heard)
    with pytest.raises(SettingsError, match="open_clip has no weights 'nobody' of 'ViT-B-32'"):
        worker.index(put(store, zoo_file), lambda _: None)
    assert heard.prompts == []
    assert not [key for key in content(store) if not key.startswith("files/")]
