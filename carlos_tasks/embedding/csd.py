"""CSD, which describes the style of a picture (Somepalli et al. 2024, arXiv 2404.01292).

It is the image tower of OpenAI's CLIP, trained further, with two projections in place of its own: one for style, one
for content. The feature here is the style projection, unnormalised. The authors' checkpoint is a pickle, which is never
read here; its state dict as `model.safetensors`, with the same names, is.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from carlos_tasks.errors import SettingsError

FILE = "model.safetensors"
# In all of OpenAI's transformers of pictures.
_HEAD_WIDTH = 64
_MLP_RATIO = 4.0


def load_csd(folder: Path, device: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Load the image tower with the style projection; its size is told by the shapes of the weights.

    Args:
        folder: with `model.safetensors`.
        device: a torch device.

    Returns:
        Pixels to features, and PIL images to pixels by CLIP's own preprocessing.

    Raises:
        SettingsError: it is no checkpoint of CSD.
        OSError: the file is not there.
    """
    from open_clip.transform import image_transform

    tower = style_tower(folder, _weights(folder / FILE)).eval().to(device)
    transform = image_transform(tower.image_size, is_train=False)  # CLIP's mean, deviation and cut

    def preprocess(images: Sequence[Any]) -> Any:
        import torch

        return torch.stack([transform(image) for image in images])

    return tower, preprocess


def _weights(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as exc:
        raise SettingsError(f"{path} is no safetensors file: {exc}") from exc


def style_tower(folder: Path, weights: dict[str, Any]) -> Any:
    """Build the image tower that ends in the style projection.

    Args:
        folder: where the weights are from.
        weights: under the names of the checkpoint.

    Raises:
        SettingsError: they are not those of CSD.
    """
    from open_clip.model import QuickGELU
    from open_clip.transformer import VisionTransformer

    backbone = {key.removeprefix("backbone."): value for key, value in weights.items() if key.startswith("backbone.")}
    try:
        width, _, patch_size, _ = backbone["conv1.weight"].shape
        n_patches = backbone["positional_embedding"].shape[0] - 1
        style = weights["last_layer_style"]
        tower = VisionTransformer(
            image_size=patch_size * math.isqrt(n_patches),
            patch_size=patch_size,
            width=width,
            layers=len({key.split(".")[2] for key in backbone if key.startswith("transformer.resblocks.")}),
            heads=width // _HEAD_WIDTH,
            mlp_ratio=_MLP_RATIO,
            output_dim=style.shape[1],
            act_layer=QuickGELU,
        )
        tower.load_state_dict({**backbone, "proj": style})
    except (KeyError, ValueError, IndexError, RuntimeError) as exc:
        raise SettingsError(f"{folder} is no checkpoint of CSD: {' '.join(str(exc).split())[:200]}") from exc
    return tower.float()
