"""The dump: Civitai's shape, the same bytes each time, and every file the case that the ground truth says."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError
from safetensors.numpy import load

from carlos_tasks.generation.attach import attached
from carlos_tasks.lora.check import examine_file
from carlos_tasks.microworld import ground_truth
from carlos_tasks.microworld.ground_truth import SAME_EFFECT
from carlos_tasks.microworld.modifiers import EFFECT_NAMES
from carlos_tasks.microworld.sampling import generate, load_pipeline
from carlos_tasks.microworld.zoo import FOLDER, WEIGHTS, models_of, specification, write_dump


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dump")
    write_dump(folder)
    return folder


def models(dump: Path) -> list[dict[str, Any]]:
    return [model for path in sorted((dump / "models").iterdir()) for model in json.loads(path.read_text())["items"]]


def files(dump: Path) -> dict[int, dict[str, Any]]:
    return {
        file["id"]: file for model in models(dump) for version in model["modelVersions"] for file in version["files"]
    }


def truths() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(ground_truth.PATH.read_text())["files"]
    return entries


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_second_dump_has_the_same_bytes(dump: Path, tmp_path: Path) -> None:
    write_dump(tmp_path)
    for path in sorted(path for path in dump.rglob("*") if path.is_file()):
        assert digest(tmp_path / path.relative_to(dump)) == digest(path), path.name


def test_the_dump_holds_two_shards_and_one_file_per_listed_file(dump: Path) -> None:
    assert [path.name for path in sorted((dump / "models").iterdir())] == ["00001.json", "00002.json"]
    assert {int(path.name) for path in (dump / "files").iterdir()} == set(files(dump))


def test_models_have_the_fields_of_a_civitai_listing(dump: Path) -> None:
    for model in models(dump):
        assert {"id", "name", "description", "type", "tags", "creator", "stats", "modelVersions"} <= set(model)
        for version in model["modelVersions"]:
            assert {"id", "baseModel", "publishedAt", "trainedWords", "files", "downloadUrl", "air"} <= set(version)
            for file in version["files"]:
                assert {"id", "name", "sizeKB", "type", "metadata", "hashes", "primary"} <= set(file)


def test_ids_are_unique(dump: Path) -> None:
    versions = [version["id"] for model in models(dump) for version in model["modelVersions"]]
    listed = [file["id"] for model in models(dump) for v in model["modelVersions"] for file in v["files"]]
    for ids in ([model["id"] for model in models(dump)], versions, listed):
        assert len(ids) == len(set(ids))


def test_only_one_listing_states_a_wrong_hash(dump: Path) -> None:
    wrong = [
        number
        for number, file in files(dump).items()
        if file["hashes"]["SHA256"].lower() != digest(dump / "files" / str(number))
    ]
    assert wrong == [entry["file_id"] for entry in truths() if entry["rejection"] == "sha256_mismatch"]
    assert len(wrong) == 1


def test_the_ground_truth_is_that_of_the_shipped_files(dump: Path) -> None:
    assert json.loads(ground_truth.PATH.read_text()) == ground_truth.build()
    assert {entry["file_id"]: entry["sha256"] for entry in truths()} == {
        number: digest(dump / "files" / str(number)) for number in files(dump)
    }


def test_a_part_of_the_loras_makes_the_listings_that_need_no_other() -> None:
    assert models_of(specification()["loras"]) == specification()["models"]
    files = [version["file"] for model in models_of(["grid-a"]) for version in model["versions"]]
    assert files == [
        "graph_paper.safetensors",
        "anime_lineart_sd15.safetensors",
        "classic_pack.pt",
        "blueprint_dora.safetensors",
    ]


def test_thirty_good_loras_cover_every_effect(dump: Path) -> None:
    good = {entry["sha256"]: tuple(entry["effects"]) for entry in truths() if entry["status"] == "ok"}
    assert len(good) >= 30
    alone = Counter(effects[0] for effects in good.values() if len(effects) == 1)
    assert set(alone) == set(EFFECT_NAMES)
    assert sum(count >= 2 for count in alone.values()) >= 6
    assert sum(len(effects) == 2 for effects in good.values()) >= 3


def test_one_file_is_listed_under_two_models() -> None:
    by_bytes = Counter(entry["sha256"] for entry in truths())
    assert [count for count in by_bytes.values() if count > 1] == [2]
    twice = [entry["model_id"] for entry in truths() if by_bytes[entry["sha256"]] == 2]
    assert len(set(twice)) == 2


def test_every_hard_case_occurs() -> None:
    statuses = {entry["status"] for entry in truths()}
    assert statuses == {None, "ok", "no_effect", "overpowering", "inconsistent", "degenerate"}
    rejections = {entry["rejection"] for entry in truths()}
    expected = {"base_model_not_indexed", "no_module_matches", "weights_not_finite"}
    expected |= {"pickle", "truncated", "sha256_mismatch"}
    assert rejections == {None} | expected


def test_files_that_are_not_refused_are_whole_safetensors(dump: Path) -> None:
    for entry in truths():
        path = dump / "files" / str(entry["file_id"])
        verdict = examine_file(path, accepted_base_models={"micro-xl"})
        if entry["status"] is not None:
            assert (verdict.reason, verdict.file.n_modules_matched) == (None, verdict.file.n_modules), entry
        elif entry["rejection"] != "sha256_mismatch":
            assert verdict.reason == entry["rejection"], entry
        if entry["rejection"] in ("pickle", "truncated", "sha256_mismatch"):
            with pytest.raises(SafetensorError):
                load(path.read_bytes())


def test_other_trainers_forms_of_a_lora_hold_its_update(dump: Path) -> None:
    """The LoKr and the DoRA change the backbone as the trained LoRA that they were made of does."""
    versions = {version["file_id"]: version for model in specification()["models"] for version in model["versions"]}
    made = {version["build"]: version for version in versions.values() if version.get("build") in SAME_EFFECT}
    assert made.keys() == SAME_EFFECT
    pipeline = load_pipeline(FOLDER / "weights" / "backbone")
    prompts, seeds = ["a red circle on a blue background", "a green star on black"], [1, 2]
    bare = generate(pipeline, prompts, seeds)
    for version in made.values():
        with attached(pipeline, WEIGHTS / f"{version['of']}.safetensors", 1.0):
            expected = generate(pipeline, prompts, seeds)
        with attached(pipeline, dump / "files" / str(version["file_id"]), 1.0):
            found = generate(pipeline, prompts, seeds)
        assert (expected - bare).abs().mean() > 0.05
        assert (expected - found).abs().mean() < 0.005


def test_there_are_enough_queries_of_both_wordings() -> None:
    queries = json.loads(ground_truth.PATH.read_text())["queries"]
    counts = Counter((query["effect"], query["wording"]) for query in queries)
    assert len({query["text"] for query in queries}) == len(queries) >= 60
    assert min(counts.values()) >= 2
    assert {effect for effect, _ in counts} == set(EFFECT_NAMES)
