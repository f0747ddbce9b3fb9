"""Captions for the scenes: plain ones for the backbone, richly worded ones for the encoder.

The encoder's captions vary in what they name, in wording and in word order, and remember what they name, so
that the contrastive loss knows every picture of the batch that a caption is true of.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from carlos_tasks.microworld.wordings import WORDINGS, trained_wordings

PLAIN_TEMPLATES = (
    "a {c} {s} on a {b} background",
    "{c} {s} on {b}",
    "a {c} {s} on {b}",
    "a {c} {s} in front of a {b} background",
    "a {b} background with a {c} {s}",
)
# Words that say nothing about the picture; the held-out wordings are made of them.
NEUTRAL_FRAMES = (
    "{x}", "{x}", "{x}", "{x}", "a picture of {x}", "an image of {x}", "a drawing of {x}", "show me {x}",
    "make it {x}", "i want to see {x}", "something very simple {x}", "add {x} to the picture", "it has {x}",
    "this is {x}", "lots of space around {x}", "the look of {x}", "{x} and everything else", "{x} everywhere",
)  # fmt: skip
PARTIAL_TEMPLATES = (("a {c} {s}", (0, 1)), ("a {s}", (1,)), ("a {s} on {b}", (1, 2)), ("{b} background", (2,)))

Names = tuple[str, str, str]
"""Colour, shape and background in words."""


@dataclass(frozen=True)
class Caption:
    """A text and what it names: positions 0, 1 and 2 are colour, shape and background."""

    text: str
    named: tuple[int, ...]


def word_source(seed: int) -> random.Random:
    """The random source for captions and effects of one run."""
    return random.Random(seed)  # noqa: S311  (words, not secrets)


def plain_caption(names: Names, random_source: random.Random) -> str:
    """A caption of the scene alone, for the backbone."""
    template = random_source.choice(PLAIN_TEMPLATES)
    return template.format(c=names[0], s=names[1], b=names[2])


def rich_caption(names: Names, effects: tuple[str, ...], random_source: random.Random) -> Caption:
    """A caption of the scene with all its effects, in one of many word orders.

    A caption without an effect is true of unchanged pictures only; what it says of the scene may be partial.
    """
    pick = random_source.random()
    if pick < 0.22:
        return Caption(_alone(effects, random_source), ())
    template, named = random_source.choice(PARTIAL_TEMPLATES) if pick < 0.4 else (None, (0, 1, 2))
    if template is None:
        template = random_source.choice(PLAIN_TEMPLATES)
    scene = template.format(c=names[0], s=names[1], b=names[2])
    if not effects:
        return Caption(random_source.choice(NEUTRAL_FRAMES).format(x=scene), named)
    if random_source.random() < 0.3:
        return Caption(_in_front(scene, effects, random_source), named)
    framed = random_source.choice(NEUTRAL_FRAMES).format(x=scene) if random_source.random() < 0.2 else scene
    joint = random_source.choice((" ", " ", " ", ", "))
    return Caption(framed + joint + _wordings(effects, random_source), named)


def _wordings(effects: tuple[str, ...], random_source: random.Random) -> str:
    return " and ".join(random_source.choice(_TRAINED[effect]) for effect in effects)


def _alone(effects: tuple[str, ...], random_source: random.Random) -> str:
    """A caption that names the effects and nothing of the scene."""
    if not effects:
        return random_source.choice(("a plain picture", "plain", "an image of a shape", "a simple drawing"))
    return _wordings(effects, random_source)


def _in_front(scene: str, effects: tuple[str, ...], random_source: random.Random) -> str:
    """The effects as words before the scene: "a banded red circle on blue", "misty picture of a red circle"."""
    words = " ".join(
        random_source.choice((*WORDINGS[effect].adjectives, *(WORDINGS[effect].prefix_only,) * 2)) for effect in effects
    )
    bare = scene.removeprefix("a ")
    order = random_source.choice(("a {w} {x}", "{w} {x}", "a {w} picture of a {x}", "a {w} image of a {x}"))
    if "picture" in order or "image" in order:
        words = " ".join(random_source.choice(WORDINGS[effect].adjectives) for effect in effects)
    return order.format(w=words, x=bare)


def vocabulary() -> list[str]:
    """Every word that a caption can contain, in order of first use."""
    colours_and_shapes = "a an the red green blue yellow purple cyan white black circle square triangle star cross ring"
    frames = (*PLAIN_TEMPLATES, *NEUTRAL_FRAMES, "a plain picture", "an image of a shape", "a simple drawing ,")
    texts = [colours_and_shapes, *frames, *(template for template, _ in PARTIAL_TEMPLATES)]
    for effect in WORDINGS:
        texts += [*trained_wordings(effect), WORDINGS[effect].prefix_only]
    words = (word for text in texts for word in text.split() if "{" not in word)
    return list(dict.fromkeys(words))


_TRAINED = {effect: trained_wordings(effect) for effect in WORDINGS}
