"""Tags of the training captions: read from a stranger's metadata, whatever stands there."""

import json
from typing import Any

import pytest

from carlos_tasks.reports.attribution.claims import MAX_TAGS, training_tags_of


def test_tags_are_counted_over_folders_and_sorted() -> None:
    tags = {"1_a": {"red": 2, "blue\u202e": 9}, "2_b": {"red": 8, " ": 3}}
    found = training_tags_of({"ss_tag_frequency": json.dumps(tags)})
    assert found == [{"tag": "red", "count": 10}, {"tag": "blue", "count": 9}]


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"ss_tag_frequency": "{"},
        {"ss_tag_frequency": "[" * 100_000},
        {"ss_tag_frequency": "[1]"},
        {"ss_tag_frequency": 7},
        {"ss_tag_frequency": '{"a": [1], "b": {"x": "9", "y": true, "z": -1, "w": 1e9, "v": 99999999999999999999}}'},
    ],
)
def test_what_is_not_of_that_form_is_passed_over(metadata: dict[str, Any]) -> None:
    assert training_tags_of(metadata) == []


def test_only_the_most_frequent_are_kept() -> None:
    tags = {"f": {f"tag {number:03d}": number + 1 for number in range(200)}}
    found = training_tags_of({"ss_tag_frequency": json.dumps(tags)})
    assert len(found) == MAX_TAGS
    assert found[0] == {"tag": "tag 199", "count": 200}
