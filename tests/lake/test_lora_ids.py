"""Ids as people type them."""

import pytest

from carlos_tasks.errors import NotFound
from carlos_tasks.lake.lora_ids import named_id

IDS = ("civitai-21221", "civitai-212213", "f00d", "feed")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("civitai-21221", "civitai-21221"),
        ("civitai-212213", "civitai-212213"),
        (" F0 ", "f00d"),
        ("x", None),
        (" ", None),
    ],
)
def test_a_text_names_one_id_or_none(given: str, named: str | None) -> None:
    assert named_id(given, IDS) == named


@pytest.mark.parametrize("given", ["civitai-2122", "f"])
def test_first_digits_of_several_name_none_of_them(given: str) -> None:
    with pytest.raises(NotFound, match=f"more than one LoRA id begins with '{given}'"):
        named_id(given, IDS)
