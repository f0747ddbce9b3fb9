"""The two prompt sets of the profile `sdxl-paper`: what the method asks of them, and that they are our own."""

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from tests.samples.real import Samples

FOLDER = Path(__file__).parents[1] / "carlos_tasks" / "prompts"
NAMES = ("sdxl-indexing", "sdxl-retrieval")

# A prompt that names a style would put that style into the baseline, and so take it out of every difference.
STYLES = {
    *("anime", "blurry", "cartoon", "cinematic", "comic", "cyberpunk", "illustration", "minimalist", "monochrome"),
    *("neon", "painting", "photo", "photograph", "photorealistic", "pixel", "realistic", "render", "retro", "sketch"),
    *("steampunk", "style", "stylized", "surreal", "vintage", "watercolor", "watercolour"),
}


def prompts(name: str) -> list[dict[str, str]]:
    content = json.loads((FOLDER / f"{name}.json").read_text())
    assert content["prompt_set"] == name
    return list(content["prompts"])


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


@pytest.mark.parametrize("name", NAMES)
def test_280_prompts_in_ten_categories_of_28(name):
    by_category = Counter(prompt["category"] for prompt in prompts(name))
    assert len(by_category) == 10
    assert set(by_category.values()) == {28}
    by_subcategory = Counter((prompt["category"], prompt["subcategory"]) for prompt in prompts(name))
    assert set(by_subcategory.values()) == {7}


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_distinct_and_ordered(name):
    ids = [prompt["prompt_id"] for prompt in prompts(name)]
    letter = name.removeprefix("sdxl-")[0]
    assert ids == [f"x-{letter}-{number:03d}" for number in range(1, 281)]


def test_no_prompt_stands_twice_and_the_sets_are_disjoint():
    texts = [" ".join(words(prompt["text"])) for name in NAMES for prompt in prompts(name)]
    assert [text for text, n in Counter(texts).items() if n > 1] == []


def test_no_two_prompts_are_nearly_the_same():
    bags = [(prompt["text"], {w for w in words(prompt["text"]) if len(w) > 3}) for n in NAMES for prompt in prompts(n)]
    near = [(a, b) for (a, left), (b, right) in combinations(bags, 2) if len(left & right) > 0.5 * len(left | right)]
    assert near == []


@pytest.mark.parametrize("name", NAMES)
def test_prompts_leave_room_in_the_encoders_77_tokens(name):
    lengths = [len(prompt["text"].split()) for prompt in prompts(name)]
    assert min(lengths) >= 6
    assert max(lengths) <= 20


@pytest.mark.parametrize("name", NAMES)
def test_no_prompt_names_a_style(name):
    assert [prompt["text"] for prompt in prompts(name) if STYLES & set(words(prompt["text"]))] == []


N_TEXTS = {"own": 10, "real": 560}


def published_texts(samples: Samples) -> list[str]:
    """The texts of a file in the layout of the published prompts: by use, category and subcategory."""
    uses = json.loads((samples.folder / "carlos_published_prompts.json").read_text())
    return [
        text
        for categories in uses.values()
        for subcategories in categories.values()
        for texts in subcategories.values()
        for text in texts
    ]


def nearness(published: list[str]) -> float:
    """How much of its words our nearest prompt shares with one of these, 0 to 1."""
    ours = [set(words(prompt["text"])) for name in NAMES for prompt in prompts(name)]
    return max(len(a & b) / len(a | b) for a in ours for b in (set(words(text)) for text in published))


def test_the_prompts_are_not_those_of_others(samples):
    published = published_texts(samples)
    assert len(published) == N_TEXTS[samples.kind]
    assert nearness(published) < 0.6


def test_a_prompt_that_was_taken_over_would_be_found(own_samples):
    taken = prompts("sdxl-retrieval")[3]["text"]
    assert nearness([*published_texts(own_samples), f"{taken.upper()}, quietly"]) > 0.85
