"""Queries with known answers: the file, its faults, and what of it a lake can answer."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.evaluation.corpus.truth import Labels, Query, judge, read_truth, shipped_truth
from carlos_tasks.microworld.ground_truth import PATH

GOOD: dict[str, Any] = {
    "files": [{"sha256": "a", "effects": ["night"]}],
    "queries": [{"text": " at\n night ", "effect": "night"}],
}


def written(folder: Path, document: Any) -> Path:
    path = folder / "queries.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_a_file_is_read_and_its_white_space_collapsed(tmp_path: Path) -> None:
    queries, effects, mislabelled = read_truth(written(tmp_path, GOOD))
    assert mislabelled == frozenset()
    assert queries == (Query(text="at night", effect="night", wording="all"),)
    assert effects == {"a": frozenset({"night"})}


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ("", "the whole"),
        ("[]", "the whole"),
        (GOOD | {"queries": []}, "queries: "),
        (GOOD | {"files": []}, "files: "),
        (GOOD | {"queries": [{"text": " \t", "effect": "night"}]}, "queries.0.text: .*the text is empty"),
        (GOOD | {"queries": [{"text": "x"}]}, "queries.0.effect: "),
        (GOOD | {"files": [{"sha256": "a", "effects": "night"}]}, "files.0.effects: "),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_first_fault(tmp_path: Path, document: Any, fault: str) -> None:
    with pytest.raises(CarlosError, match=rf"queries\.json is no file of queries: {fault}"):
        read_truth(written(tmp_path, document))


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(NotFound, match="there is no file of queries at"):
            read_truth(path)


def test_a_lora_that_is_named_twice_has_the_effects_of_both(tmp_path: Path) -> None:
    files = [{"sha256": "a", "effects": ["night"]}, {"sha256": "a", "effects": ["grid"]}]
    assert read_truth(written(tmp_path, GOOD | {"files": files}))[1] == {"a": frozenset({"night", "grid"})}


def test_a_right_answer_has_the_effect_and_a_direction() -> None:
    queries = (Query(text="x", effect="night"), Query(text="y", effect="grid"), Query(text="z", effect="fog"))
    effects = {"a": frozenset({"night", "grid"}), "b": frozenset({"night"}), "c": frozenset({"night"})}
    labels = Labels(queries, effects, frozenset({"b", "elsewhere"}))
    truth = judge(labels, ["a", "b", "c", "d"], np.array([True, True, False, True]))
    assert truth is not None
    assert truth.relevant.tolist() == [[True, True, False, False], [True, False, False, False]]
    assert [query.text for query in truth.queries] == ["x", "y"] and truth.n_without_answer == 1
    assert truth.effects == ["night", "grid"]
    assert truth.labels == [{"night", "grid"}, {"night"}, set(), set()]
    assert truth.mislabelled == {"b"}


def test_where_no_query_has_an_answer_there_is_no_truth() -> None:
    assert judge(Labels((Query(text="x", effect="night"),), {}), ["a"], np.array([True])) is None


def test_the_micro_worlds_effect_without_a_mean_direction_is_a_wording_of_its_own() -> None:
    lora_ids = [file["sha256"] for file in json.loads(PATH.read_text())["files"]]
    truth = shipped_truth(lora_ids, np.ones(len(lora_ids), bool))
    assert truth is not None and truth.n_without_answer == 0
    assert len(truth.queries) == len(json.loads(PATH.read_text())["queries"])
    assert {query.wording for query in truth.queries if query.effect == "inverted"} == {"inverted"}
    assert len(truth.mislabelled) == 5
    assert {query.wording for query in truth.queries if query.effect != "inverted"} == {"trained", "held_out"}


def test_a_lake_without_the_micro_worlds_loras_has_no_shipped_truth() -> None:
    assert shipped_truth(["a", "b"], np.ones(2, bool)) is None
