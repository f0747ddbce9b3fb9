"""A broken image is flagged before anybody trusts its embedding."""

import pytest
import torch

from carlos_tasks.generation.image_facts import look_at, to_pil

NOISE = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))


def with_value(value: float) -> torch.Tensor:
    image = NOISE.clone()
    image[1, 3, 3] = value
    return image


@pytest.mark.parametrize(
    ("image", "flag"),
    [
        (NOISE, None),
        (with_value(float("nan")), "nan"),
        (with_value(float("inf")), "nan"),
        (torch.zeros(3, 16, 16), "black"),
        (torch.full((3, 16, 16), 0.003), "black"),
        (torch.full((3, 16, 16), 0.5), "constant"),
        (torch.tensor([1.0, 0.0, 0.0])[:, None, None].expand(3, 16, 16), "constant"),
        (torch.linspace(0, 1, 256).reshape(1, 16, 16).expand(3, 16, 16), None),
    ],
)
def test_flag(image: torch.Tensor, flag: str | None) -> None:
    assert look_at(image).flag == flag


def test_statistics_are_those_of_all_values() -> None:
    facts = look_at(NOISE)
    assert facts.mean == pytest.approx(NOISE.mean().item())
    assert facts.std == pytest.approx(NOISE.std(correction=0).item())


def test_the_picture_rounds_to_eight_bits_and_shows_nan_black() -> None:
    image = torch.zeros(3, 1, 2)
    image[:, 0, 0] = torch.tensor([1.0, 0.5, float("nan")])
    assert to_pil(image).getpixel((0, 0)) == (255, 128, 0)
