"""The tokenizer: open_clip finds the end of a text, nothing is unknown, and the longest request fits."""

import json
from pathlib import Path

import pytest

from carlos_tasks.microworld.captions import vocabulary
from carlos_tasks.microworld.ground_truth import queries
from carlos_tasks.microworld.tokenizer import CONTEXT, learn_merges, load_tokenizer, train_tokenizer
from carlos_tasks.microworld.zoo import specification
from carlos_tasks.microworld.zoo_figures import load_prompts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(folder)
    return folder


def test_end_of_text_has_the_highest_id(folder: Path) -> None:
    vocab = json.loads((folder / "vocab.json").read_text())
    assert max(vocab, key=lambda token: vocab[token]) == "<|endoftext|>"
    assert sorted(vocab.values()) == list(range(len(vocab)))


def test_every_word_of_the_captions_is_one_token(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    assert [word for word in vocabulary() if len(tokenizer(word).input_ids) != 3] == []


def test_merges_are_learned_by_frequency_and_then_by_alphabet() -> None:
    assert learn_merges(["aba", "ab"]) == [("a", "b"), ("a", "b</w>"), ("ab", "a</w>")]


def test_no_text_is_unknown(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    ids = tokenizer("日本語 Ünïcødé <b>").input_ids
    assert ids.count(tokenizer.eos_token_id) == 1
    assert ids[-1] == tokenizer.eos_token_id


def test_prompts_with_queries_and_trigger_words_fit(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    asked = [f"{prompt} {query['text']}" for prompt in load_prompts("micro-retrieval") for query in queries()]
    words = {", ".join(v["trained_words"]) for model in specification()["models"] for v in model["versions"]}
    drawn = [f"{prompt}, {word}" for prompt in load_prompts("micro-indexing") for word in words]
    assert max(len(ids) for ids in tokenizer(asked + drawn).input_ids) <= CONTEXT
