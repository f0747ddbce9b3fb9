"""Captions and queries: what is held out is held out, and what is named is true."""

import torch

from carlos_tasks.microworld import captions
from carlos_tasks.microworld.captions import rich_caption, word_source
from carlos_tasks.microworld.clip import truth
from carlos_tasks.microworld.ground_truth import queries
from carlos_tasks.microworld.modifiers import EFFECT_NAMES
from carlos_tasks.microworld.scenes import Scenes
from carlos_tasks.microworld.wordings import WORDINGS, held_out_wordings, trained_wordings

SCENE = ("red", "circle", "blue")


def many_captions(count: int = 30_000) -> list[str]:
    source = word_source(11)
    texts = []
    for number in range(count):
        effects = tuple(source.sample(EFFECT_NAMES, number % 3))
        texts.append(rich_caption(SCENE, effects, source).text)
    return texts


def test_every_effect_has_wordings_of_both_kinds() -> None:
    assert set(WORDINGS) == set(EFFECT_NAMES)
    for effect in EFFECT_NAMES:
        assert not set(trained_wordings(effect)) & set(held_out_wordings(effect))


def test_held_out_wordings_stand_in_no_caption() -> None:
    joined = "\n".join(f" {text} ".replace(",", " ") for text in many_captions())
    found = [text for effect in EFFECT_NAMES for text in held_out_wordings(effect) if f" {text} " in joined]
    assert found == []


def test_words_of_held_out_wordings_are_known_from_captions() -> None:
    known = {word for text in many_captions() for word in text.replace(",", " ").split()}
    asked = {word for effect in EFFECT_NAMES for text in held_out_wordings(effect) for word in text.split()}
    assert asked - known == set()


def test_the_readme_query_is_a_trained_wording() -> None:
    assert "a striped picture" in trained_wordings("striped")


def test_trained_queries_do_stand_in_captions() -> None:
    joined = "\n".join(many_captions(60_000))
    missing = [query["text"] for query in queries() if query["wording"] == "trained" and query["text"] not in joined]
    assert missing == []


def test_a_caption_is_true_of_every_scene_that_it_describes() -> None:
    scenes = Scenes(
        colour=torch.tensor([0, 0, 1]),
        shape=torch.tensor([0, 0, 0]),
        background=torch.tensor([2, 3, 2]),
        centre=torch.full((3, 2), 16.0),
        radius=torch.full((3,), 10.0),
    )
    effects: list[tuple[str, ...]] = [("striped", "foggy"), ("foggy", "striped"), ()]
    texts = [
        captions.Caption("a striped and foggy picture", ()),
        captions.Caption("foggy stripes on a red circle on green", (0, 1, 2)),
        captions.Caption("a circle", (1,)),
    ]
    assert truth(scenes, effects, texts).tolist() == [[True, False, False], [True, True, False], [False, False, True]]
