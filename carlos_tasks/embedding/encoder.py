"""The open_clip encoder that a profile names, for images (e) and texts (u); `image_encoder` loads the others."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from carlos_tasks.arrays import Floats
from carlos_tasks.device.choose import choose_device
from carlos_tasks.embedding.encoder_files import encoder_folder, not_loaded
from carlos_tasks.embedding.tokens import TextTokens
from carlos_tasks.errors import SettingsError
from carlos_tasks.extras import require
from carlos_tasks.profiles.profile import Encoder
from carlos_tasks.without_pandas import let_pandas_in


class ClipEncoder:
    """Unnormalised CLIP features in float32.

    Args:
        model: an open_clip model in float32, on `device`.
        preprocess: PIL image to tensor, as the model was trained.
        tokenizer: its tokenizer.
        device: a torch device.
    """

    def __init__(
        self, model: Any, preprocess: Callable[[Any], Any], tokenizer: Callable[..., Any], device: str = "cpu"
    ) -> None:
        self.model = model.eval()
        self.tokens = TextTokens(tokenizer, int(model.context_length))
        self._preprocess = preprocess
        self.device = device

    @property
    def context_length(self) -> int:
        """Tokens that a text may have, start and end token included."""
        return self.tokens.context_length

    def embed_images(self, images: Sequence[Any]) -> Floats:
        """Features e of PIL images: float32 (n, d), unnormalised."""
        import torch

        pixels = torch.stack([self._preprocess(image) for image in images]).to(self.device)
        with torch.inference_mode():
            return np.asarray(self.model.encode_image(pixels, normalize=False).float().cpu().numpy())

    def embed_texts(self, texts: Sequence[str], texts_per_step: int = 256) -> Floats:
        """Features u of texts: float32 (n, d), unnormalised.

        Raises:
            TextTooLong: one of them has more tokens than the context holds.
        """
        return self.embed_tokens(self.tokens(texts).ids, texts_per_step)

    def embed_tokens(self, ids: Any, texts_per_step: int = 256) -> Floats:
        """Features u of texts as tokens, int64 (n, context): float32 (n, d), unnormalised."""
        import torch

        with torch.inference_mode():
            steps = [
                self.model.encode_text(step.to(self.device), normalize=False).float().cpu()
                for step in ids.split(texts_per_step)
            ]
        return np.asarray(torch.cat(steps).numpy())


def load_encoder(encoder: Encoder, device: str) -> ClipEncoder:
    """Load an encoder that reads text once per process.

    Args:
        encoder: as a profile names it.
        device: a torch device, or `auto`.

    Raises:
        SettingsError: it reads pictures alone, the extra `search` is not installed, open_clip does not know the
            encoder, or there is no such device.
        PassingError: its weights are not on this machine and could not be fetched.
        ProfileMismatch: its weights are not those that the profile names.
    """
    if not encoder.reads_text:
        raise SettingsError(
            f"the encoder {encoder.model} reads pictures and no words: ask by a LoRA (carlos similar) or by pictures "
            "(carlos search --image), or under a profile whose encoder reads text"
        )
    require("a new text or picture", "search")
    let_pandas_in()
    return _load(encoder, choose_device(device))


@lru_cache(maxsize=4)
def _load(encoder: Encoder, device: str) -> ClipEncoder:
    from carlos_tasks.device.torchvision_cpu import declare_missing_operators

    declare_missing_operators()
    import open_clip

    name = encoder.model
    if encoder.revision is not None:
        name = f"local-dir:{encoder_folder(encoder)}"
    elif encoder.pretrained not in open_clip.list_pretrained_tags_by_model(name):
        raise SettingsError(f"open_clip has no weights {encoder.pretrained!r} of {name!r}")
    try:
        model, _, preprocess = open_clip.create_model_and_transforms(
            name, pretrained=encoder.pretrained, precision="fp32", device=device
        )
        return ClipEncoder(model, preprocess, open_clip.get_tokenizer(name), device)
    except (OSError, RuntimeError) as exc:  # open_clip raises the latter where it could not fetch a file
        raise not_loaded(encoder, exc) from exc
