"""The trained encoder in use: unnormalised features, and zero-shot reading of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from carlos_tasks.device.torchvision_cpu import declare_missing_operators
from carlos_tasks.microworld.scenes import COLOUR_NAMES, SHAPES, Scenes

ATTRIBUTE_PROMPTS: dict[str, tuple[str, ...]] = {
    "colour": tuple(f"a {colour} {{shape}} on a {{background}} background" for colour in COLOUR_NAMES),
    "shape": tuple(f"a {{colour}} {shape} on a {{background}} background" for shape in SHAPES),
    "background": tuple(f"a {{colour}} {{shape}} on a {background} background" for background in COLOUR_NAMES),
}


class Encoder:
    """The open_clip model of a ``local-dir:`` folder, in float32."""

    def __init__(self, folder: Path) -> None:
        declare_missing_operators()
        import open_clip

        self.model = open_clip.create_model(f"local-dir:{folder}", precision="fp32").eval()
        self.tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")

    @torch.no_grad()
    def images(self, pictures: Tensor) -> Tensor:
        """Features of pictures in [0, 1], (n, 3, 32, 32): float32 (n, 64), unnormalised."""
        return torch.cat([self.model.encode_image(batch * 2 - 1) for batch in pictures.split(256)])

    @torch.no_grad()
    def texts(self, texts: Sequence[str]) -> Tensor:
        """Features of texts: float32 (n, 64), unnormalised."""
        tokens = self.tokenizer(list(texts))
        return torch.cat([self.model.encode_text(batch) for batch in tokens.split(512)])

    def read(self, pictures: Tensor, attribute: str, scenes: Scenes) -> Tensor:
        """Choose the value of one attribute for every picture, the other two being known.

        Args:
            attribute: "colour", "shape" or "background".

        Returns:
            int64 (n,): positions in COLOUR_NAMES or SHAPES.
        """
        templates = ATTRIBUTE_PROMPTS[attribute]
        texts = []
        for row in range(len(scenes)):
            colour, shape, background = scenes.names(row)
            texts += [text.format(colour=colour, shape=shape, background=background) for text in templates]
        choices = self.texts(texts).view(len(scenes), len(templates), -1)
        choices = choices / choices.norm(dim=-1, keepdim=True)
        return torch.einsum("ncd,nd->nc", choices, self.images(pictures)).argmax(dim=1)

    def accuracy(self, pictures: Tensor, scenes: Scenes) -> dict[str, float]:
        """The share of pictures whose colour, shape and background are read right."""
        truths = {"colour": scenes.colour, "shape": scenes.shape, "background": scenes.background}
        return {
            name: float((self.read(pictures, name, scenes) == truth).float().mean()) for name, truth in truths.items()
        }
