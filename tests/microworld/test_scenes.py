"""The renderer: what a caption says is what is drawn, and the same seed draws the same."""

import pytest
import torch

from carlos_tasks.microworld import modifiers
from carlos_tasks.microworld.scenes import COLOUR_NAMES, COLOURS, SHAPES, Scenes, render, sample_scenes


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one_of_each_shape() -> Scenes:
    count = len(SHAPES)
    return Scenes(
        colour=torch.full((count,), COLOUR_NAMES.index("red")),
        shape=torch.arange(count),
        background=torch.full((count,), COLOUR_NAMES.index("blue")),
        centre=torch.full((count, 2), 16.0),
        radius=torch.full((count,), 11.0),
    )


def test_the_same_seed_draws_the_same_pictures() -> None:
    first, again, other = (render(sample_scenes(20, seeded(seed)))[0] for seed in (7, 7, 8))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_background_and_shape_have_the_named_colours() -> None:
    pictures, distance = render(one_of_each_shape())
    for row in range(len(SHAPES)):
        inside, outside = pictures[row][:, distance[row] < -1], pictures[row][:, distance[row] > 1]
        assert torch.allclose(inside.mean(1), torch.tensor(COLOURS["red"]))
        assert torch.allclose(outside.mean(1), torch.tensor(COLOURS["blue"]))


def test_no_two_shapes_look_alike() -> None:
    pictures, _ = render(one_of_each_shape())
    for left in range(len(SHAPES)):
        for right in range(left):
            changed = (pictures[left] - pictures[right]).abs().amax(0) > 0.3
            assert changed.float().mean() > 0.04, (SHAPES[left], SHAPES[right])


def test_colour_and_background_always_differ() -> None:
    scenes = sample_scenes(5000, seeded(1))
    assert not (scenes.colour == scenes.background).any()
    assert set(scenes.shape.tolist()) == set(range(len(SHAPES)))


@pytest.mark.parametrize("name", modifiers.EFFECT_NAMES)
def test_an_effect_is_visible_and_stays_in_range(name: str) -> None:
    pictures, distance = render(sample_scenes(32, seeded(3)))
    changed = modifiers.apply(name, pictures, distance, seeded(4))
    assert changed.shape == pictures.shape
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert (changed - pictures).abs().mean() > 0.04
