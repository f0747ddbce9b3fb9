"""Encoders of images, whatever library loads them: what a worker and a question by pictures need of one."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from carlos_tasks.arrays import Floats
from carlos_tasks.device.choose import choose_device
from carlos_tasks.embedding.encoder import load_encoder
from carlos_tasks.embedding.encoder_files import encoder_folder
from carlos_tasks.errors import SettingsError
from carlos_tasks.extras import require
from carlos_tasks.profiles.profile import Encoder
from carlos_tasks.without_pandas import let_pandas_in


class ImageEncoder(Protocol):
    """Gives features e of images."""

    def embed_images(self, images: Sequence[Any]) -> Floats:
        """Features e of PIL images: float32 (n, d), unnormalised."""
        ...


class PicturesAlone:
    """An encoder without a text tower: unnormalised features in float32.

    Args:
        features: pixels (n, 3, height, width) to features (n, d), on `device`.
        preprocess: PIL images to such pixels, as the model was trained.
        device: a torch device.
    """

    def __init__(self, features: Callable[[Any], Any], preprocess: Callable[[Sequence[Any]], Any], device: str) -> None:
        self._features = features
        self._preprocess = preprocess
        self._device = device

    def embed_images(self, images: Sequence[Any]) -> Floats:
        """Features e of PIL images: float32 (n, d), unnormalised."""
        import torch

        with torch.inference_mode():
            return np.asarray(self._features(self._preprocess(images).to(self._device)).float().cpu().numpy())


def load_image_encoder(encoder: Encoder, device: str) -> ImageEncoder:
    """Load an encoder of images once per process.

    Args:
        encoder: as a profile names it.
        device: a torch device, or `auto`.

    Raises:
        SettingsError: the extra `search` is not installed, there is no such device, or what the profile names is no
            such encoder.
        PassingError: its weights are not on this machine and could not be fetched.
        ProfileMismatch: its weights are not those that the profile names.
    """
    if encoder.reads_text:
        return load_encoder(encoder, device)
    require("a new picture", "search")
    let_pandas_in()
    return _load(encoder, choose_device(device))


@lru_cache(maxsize=4)
def _load(encoder: Encoder, device: str) -> PicturesAlone:
    from carlos_tasks.device.torchvision_cpu import declare_missing_operators

    declare_missing_operators()
    folder = encoder_folder(encoder)
    try:
        if encoder.library == "csd":
            from carlos_tasks.embedding.csd import load_csd as load
        else:
            from carlos_tasks.embedding.vision_model import load_vision_model as load
        features, preprocess = load(folder, device)
    except OSError as exc:
        raise SettingsError(f"{encoder.model} is no encoder of {encoder.library}: {exc}") from exc
    return PicturesAlone(features, preprocess, device)
