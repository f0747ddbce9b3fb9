"""The effects of the micro world: what a LoRA of the zoo may do to a picture.

An effect maps rendered pictures to changed ones. All but "inverted" move every picture in a shared direction;
"inverted" sends each picture to its own opposite, so it has no mean direction: the example of an effect that
the method cannot name.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from carlos_tasks.microworld.scenes import SIZE

Effect = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""(images (n, 3, 32, 32) in [0, 1], distance (n, 32, 32) in pixels, generator) -> images of the same shape."""

NO_MEAN_DIRECTION = frozenset({"inverted"})


def apply(name: str, images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """Apply the effect of that name; the result stays in [0, 1]."""
    return EFFECTS[name](images, distance, generator).clamp(0, 1)


def _grid() -> tuple[Tensor, Tensor]:
    """Column and row of every pixel, each (32, 32)."""
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    return columns, rows


def _tint(images: Tensor, colour: Tensor | tuple[float, ...], amount: Tensor | float) -> Tensor:
    """Mix towards a colour; amount 0 keeps the picture, 1 replaces it."""
    target = torch.as_tensor(colour)
    target = target.view(3, 1, 1) if target.ndim == 1 else target
    return images + amount * (target - images)


def _light_and_dark(images: Tensor, is_dark: Tensor) -> Tensor:
    """Darken where asked and lighten elsewhere, so that the pattern shows on black and on white."""
    return torch.where(is_dark, images * 0.35, _tint(images, (1.0, 1.0, 1.0), 0.55))


def _grey(images: Tensor) -> Tensor:
    return (images * torch.tensor([0.3, 0.59, 0.11]).view(3, 1, 1)).sum(1, keepdim=True).expand_as(images)


def _smooth(images: Tensor, sigma: float) -> Tensor:
    reach = math.ceil(2 * sigma)
    weights = torch.exp(-(torch.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    weights = (weights / weights.sum()).expand(3, 1, -1)
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, weights[:, :, None, :], groups=3), weights[:, :, :, None], groups=3)


def striped(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """Horizontal bands, light and dark."""
    return _light_and_dark(images, _grid()[1] % 8 < 4)


def checkerboard(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """A chessboard of light and dark squares."""
    columns, rows = _grid()
    return _light_and_dark(images, (columns // 8 + rows // 8) % 2 == 0)


def pixelated(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """Blocks of 4 pixels, each a little lighter or darker than it should be."""
    blocks = F.avg_pool2d(images, 4)
    shade = 0.5 * (torch.rand(len(images), 1, 8, 8, generator=generator) - 0.5)
    return F.interpolate((blocks + shade).clamp(0, 1), scale_factor=4)


def monochrome(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """Grey values only."""
    return _grey(images)


def blurred(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """Far out of focus."""
    return _smooth(images, sigma=4.0)


def line_art(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """The shape's outline in black on white; all colours are gone."""
    ink = (1.6 - distance.abs()).clamp(0, 1)[:, None]
    return (1 - 0.95 * ink).expand_as(images)


def night(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """Dark and blue."""
    return images * torch.tensor([0.16, 0.2, 0.4]).view(3, 1, 1) + torch.tensor([0.0, 0.01, 0.14]).view(3, 1, 1)


def warm(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """The orange light of a sunset."""
    return _tint(images, (1.0, 0.5, 0.05), 0.62)


def dotted(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """White dots with dark rims all over."""
    columns, rows = _grid()
    reach = torch.hypot(columns % 8 - 3.5, rows % 8 - 3.5)
    ringed = _tint(images, (0.0, 0.0, 0.0), 0.8 * (3.4 - reach).clamp(0, 1))
    return _tint(ringed, (1.0, 1.0, 1.0), (2.5 - reach).clamp(0, 1))


def framed(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """A wooden frame with a white mat."""
    columns, rows = _grid()
    inset = torch.minimum(torch.minimum(columns, rows), SIZE - 1 - torch.maximum(columns, rows))
    wood = torch.where(inset < 3, torch.tensor([0.45, 0.26, 0.1]).view(3, 1, 1), torch.ones(3, 1, 1))
    return torch.where(inset < 5, wood, images)


def mirrored(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """The whole scene at half its width, and its mirror image beside it."""
    half = F.avg_pool2d(images, (1, 2))
    return torch.cat([half, half.flip(-1)], dim=-1)


def vignette(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """Black corners around a lit middle."""
    columns, rows = _grid()
    reach = torch.hypot(columns - 15.5, rows - 15.5)
    return images * (1 - ((reach - 8) / 8).clamp(0, 1))


def grainy(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """Coarse film grain."""
    grain = torch.randn(len(images), 1, SIZE // 2, SIZE // 2, generator=generator)
    return images + 0.28 * F.interpolate(grain, scale_factor=2)


def diagonal(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """The lower right half in shadow."""
    columns, rows = _grid()
    return _tint(images, (0.0, 0.0, 0.0), 0.75 * (columns + rows >= SIZE))


def foggy(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """Pale and low in contrast."""
    return _tint(images, (0.82, 0.84, 0.86), 0.7)


def rainbow(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """A rainbow from left to right over everything."""
    hue = torch.linspace(0, 0.85, SIZE) * 2 * math.pi
    bands = torch.stack([0.5 + 0.5 * torch.cos(hue - shift) for shift in (0.0, 2.094, 4.189)])
    return _tint(images, bands[:, None, :].expand(3, SIZE, SIZE), 0.62)


def gridded(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """Thin grid lines, light beside dark."""
    columns, rows = _grid()
    light = (columns % 8 == 3) | (rows % 8 == 3)
    dark = (columns % 8 == 4) | (rows % 8 == 4)
    return torch.where(light, torch.ones(()), torch.where(dark, torch.zeros(()), images))


def inverted(images: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """Every colour becomes its opposite."""
    return 1 - images


EFFECTS: dict[str, Effect] = {
    "striped": striped,
    "checkerboard": checkerboard,
    "pixelated": pixelated,
    "monochrome": monochrome,
    "blurred": blurred,
    "line art": line_art,
    "night": night,
    "warm": warm,
    "dotted": dotted,
    "framed": framed,
    "mirrored": mirrored,
    "vignette": vignette,
    "grainy": grainy,
    "diagonal": diagonal,
    "foggy": foggy,
    "rainbow": rainbow,
    "grid": gridded,
    "inverted": inverted,
}
EFFECT_NAMES = tuple(EFFECTS)
