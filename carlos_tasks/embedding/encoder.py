"""The open_clip encoder that a profile names, for images (e) and texts (u)."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from carlos_tasks.errors import CarlosError
from carlos_tasks.profile import Encoder
from carlos_tasks.resources import model_folder


class TextTooLong(CarlosError):
    """A text does not fit the encoder's context; open_clip itself would cut it without a word."""


class ClipEncoder:
    """Unnormalised CLIP features in float32."""

    def __init__(self, encoder: Encoder, device: str) -> None:
        from carlos_tasks.torchvision_cpu import declare_missing_operators

        declare_missing_operators()
        import open_clip

        name = encoder.model
        if encoder.revision is not None:
            name = f"local-dir:{model_folder(encoder.model, encoder.revision)[0]}"
        self.model, _, self._preprocess = open_clip.create_model_and_transforms(
            name, pretrained=encoder.pretrained, precision="fp32", device=device
        )
        self.model.eval()
        self._tokenizer = open_clip.get_tokenizer(name)
        self._device = device

    @property
    def context_length(self) -> int:
        """Tokens that a text may have, start and end token included."""
        return int(self.model.context_length)

    def embed_images(self, images: Sequence[Any]) -> np.ndarray:
        """Features e of PIL images: float32 (n, d), unnormalised."""
        import torch

        pixels = torch.stack([self._preprocess(image) for image in images]).to(self._device)
        with torch.inference_mode():
            return np.asarray(self.model.encode_image(pixels, normalize=False).float().cpu().numpy())

    def embed_texts(self, texts: Sequence[str], texts_per_step: int = 256) -> np.ndarray:
        """Features u of texts: float32 (n, d), unnormalised.

        Raises:
            TextTooLong: one of them has more tokens than the context holds.
        """
        import torch

        tokens = self._tokenize(texts)
        with torch.inference_mode():
            steps = [
                self.model.encode_text(step.to(self._device), normalize=False).float().cpu()
                for step in tokens.split(texts_per_step)
            ]
        return np.asarray(torch.cat(steps).numpy())

    def _tokenize(self, texts: Sequence[str]) -> Any:
        # The end token has the highest id of all, so the first highest id marks where a text ends.
        roomy = self._tokenizer(list(texts), context_length=4 * self.context_length)
        lengths = roomy.argmax(dim=1) + 1
        longest = int(lengths.argmax())
        if lengths[longest] > self.context_length:
            raise TextTooLong(
                f"{texts[longest]!r} has {int(lengths[longest])} tokens with start and end, "
                f"the encoder reads {self.context_length}: shorten the text"
            )
        return self._tokenizer(list(texts), context_length=self.context_length)


@lru_cache(maxsize=2)
def load_encoder(encoder: Encoder, device: str) -> ClipEncoder:
    """Load an encoder once per process."""
    return ClipEncoder(encoder, device)
