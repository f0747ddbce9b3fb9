"""A plan's batches: a LoRA and those that are copied from it are in the hands of one worker."""

import pytest

from carlos_tasks.worker.plans import LoraTask, Manifest, cut


def task(name: str, measured_as: str | None = None) -> LoraTask:
    return LoraTask(name, f"files/{name}", (), "k", measured_as)


@pytest.mark.parametrize(
    ("waiting", "expected"),
    [
        ([], []),
        ([task("a"), task("b"), task("c"), task("d"), task("e")], ["ab", "cd", "e"]),
        ([task("a"), task("b"), task("c", "b"), task("d")], ["a", "bc", "d"]),
        ([task("a"), task("b", "a"), task("c", "a"), task("d")], ["abc", "d"]),
        # What another night has drawn is there for every worker.
        ([task("a"), task("b", "old"), task("c", "old"), task("d", "old")], ["ab", "cd"]),
    ],
)
def test_equals_stay_together_and_batches_have_their_size(waiting: list[LoraTask], expected: list[str]) -> None:
    assert ["".join(lora.lora_id for lora in batch) for batch in cut(waiting, 2)] == expected


def test_a_manifest_of_an_older_version_is_read() -> None:
    text = '{"profile_id": "p", "loras": [{"lora_id": "a", "file_key": "files/a", "trigger_words": ["x"]}]}'
    assert Manifest.model_validate_json(text).loras == (LoraTask("a", "files/a", ("x",)),)
