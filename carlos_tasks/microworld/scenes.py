"""The scenes of the micro world: one coloured shape on a background of another colour, 32 x 32 pixels.

Everything is drawn from signed distances on tensors, a batch at a time, so that every training step can have
fresh pictures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

SIZE = 32
COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.90, 0.10, 0.10),
    "green": (0.10, 0.65, 0.20),
    "blue": (0.12, 0.25, 0.92),
    "yellow": (0.98, 0.88, 0.10),
    "purple": (0.58, 0.15, 0.75),
    "cyan": (0.15, 0.85, 0.90),
    "white": (1.0, 1.0, 1.0),
    "black": (0.04, 0.04, 0.04),
}
SHAPES = ("circle", "square", "triangle", "star", "cross", "ring")
COLOUR_NAMES = tuple(COLOURS)


@dataclass(frozen=True)
class Scenes:
    """A batch of n scenes.

    Attributes:
        colour, shape, background: int64 (n,), positions in COLOUR_NAMES and SHAPES.
        centre: float32 (n, 2), x and y in pixels. radius: float32 (n,), in pixels.
    """

    colour: Tensor
    shape: Tensor
    background: Tensor
    centre: Tensor
    radius: Tensor

    def __len__(self) -> int:
        return len(self.colour)

    def names(self, index: int) -> tuple[str, str, str]:
        """Colour, shape and background of one scene, in words."""
        return (
            COLOUR_NAMES[int(self.colour[index])],
            SHAPES[int(self.shape[index])],
            COLOUR_NAMES[int(self.background[index])],
        )


def sample_scenes(count: int, generator: torch.Generator) -> Scenes:
    """Draw scenes uniformly over colours, shapes and backgrounds; colour and background always differ."""
    colour = torch.randint(len(COLOURS), (count,), generator=generator)
    step = torch.randint(1, len(COLOURS), (count,), generator=generator)
    return Scenes(
        colour=colour,
        shape=torch.randint(len(SHAPES), (count,), generator=generator),
        background=(colour + step) % len(COLOURS),
        centre=SIZE / 2 + 5 * (torch.rand(count, 2, generator=generator) - 0.5),
        radius=9 + 3 * torch.rand(count, generator=generator),
    )


def render(scenes: Scenes) -> tuple[Tensor, Tensor]:
    """Draw the scenes with antialiased edges.

    Returns:
        images: float32 (n, 3, 32, 32) in [0, 1]. distance: float32 (n, 32, 32), pixels to the shape's edge,
        negative inside.
    """
    axis = torch.arange(SIZE) + 0.5
    radius = scenes.radius[:, None, None]
    x = (axis[None, None, :] - scenes.centre[:, 0, None, None]) / radius
    y = (axis[None, :, None] - scenes.centre[:, 1, None, None]) / radius
    x, y = torch.broadcast_tensors(x, y)
    distances = torch.stack([shape(x, y) for shape in _SIGNED_DISTANCES], dim=1)
    distance = distances[torch.arange(len(scenes)), scenes.shape] * radius
    palette = torch.tensor(list(COLOURS.values()))
    coverage = (0.5 - distance).clamp(0, 1)[:, None]
    foreground, background = palette[scenes.colour], palette[scenes.background]
    images = coverage * foreground[:, :, None, None] + (1 - coverage) * background[:, :, None, None]
    return images, distance


# Signed distances for a shape of radius 1 around the origin; y points down, as in pictures.


def _circle(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y) - 0.95


def _square(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x.abs(), y.abs()) - 0.82


def _triangle(x: Tensor, y: Tensor) -> Tensor:
    slope = math.sqrt(3) / 2
    sides = torch.maximum(slope * x.abs() - 0.5 * (y + 0.15), y + 0.15 - 0.35)
    return sides - 0.5


def _star(x: Tensor, y: Tensor) -> Tensor:
    # Fold the plane into one half of one of the five points, where the edge is a single straight line.
    fifth = 2 * math.pi / 5
    angle = torch.atan2(x, -y).abs()
    angle = (angle - fifth * torch.round(angle / fifth)).abs()
    length = torch.hypot(x, y)
    along, across = length * torch.cos(angle), length * torch.sin(angle)
    tip, inner = 1.12, 0.46
    notch_x, notch_y = inner * math.cos(fifth / 2), inner * math.sin(fifth / 2)
    normal = (notch_y, tip - notch_x)
    return ((along - tip) * normal[0] + across * normal[1]) / math.hypot(*normal)


def _cross(x: Tensor, y: Tensor) -> Tensor:
    wide, narrow = torch.maximum(x.abs(), y.abs()), torch.minimum(x.abs(), y.abs())
    return torch.maximum(wide - 1.0, narrow - 0.3)


def _ring(x: Tensor, y: Tensor) -> Tensor:
    return (torch.hypot(x, y) - 0.74).abs() - 0.25


_SIGNED_DISTANCES = (_circle, _square, _triangle, _star, _cross, _ring)
