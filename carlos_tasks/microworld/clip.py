"""Train the micro world's encoder: an open_clip model of 64 dimensions, on rendered scenes and their captions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from carlos_tasks.device.torchvision_cpu import declare_missing_operators
from carlos_tasks.microworld import captions
from carlos_tasks.microworld.rendered_batches import apply_effects, sample_effects
from carlos_tasks.microworld.scenes import SIZE, Scenes, render, sample_scenes
from carlos_tasks.microworld.tokenizer import CONTEXT, load_tokenizer, train_tokenizer
from carlos_tasks.microworld.training import Budget, MovingAverage, fit

declare_missing_operators()
import open_clip  # noqa: E402  (torchvision's operators come first)

BATCH = 192
PREPROCESSING = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "shortest"}


def model_config(vocabulary_size: int) -> dict[str, Any]:
    """The open_clip configuration of the encoder: patches of 4 pixels, so that it can tell shapes apart."""
    return {
        "embed_dim": 64,
        "vision_cfg": {"image_size": SIZE, "layers": 3, "width": 128, "head_width": 64, "patch_size": 4},
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": vocabulary_size,
            "hf_tokenizer_name": "micro",
            "width": 96,
            "heads": 3,
            "layers": 2,
        },
    }


def soften(images: Tensor, generator: torch.Generator) -> Tensor:
    """Slight blur and noise of random size: what a small VAE does to a picture, so that it changes nothing."""
    count = len(images)
    smooth = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    images = images + 0.7 * torch.rand(count, 1, 1, 1, generator=generator) * (smooth - images)
    strength = 0.04 * torch.rand(count, 1, 1, 1, generator=generator)
    return images + strength * torch.randn(images.shape, generator=generator)


def truth(scenes: Scenes, effects: list[tuple[str, ...]], texts: list[captions.Caption]) -> Tensor:
    """Which caption is true of which picture: bool (pictures, captions).

    A caption is true of every picture with the same effects and the same named parts of the scene.
    """
    codes = {names: number for number, names in enumerate(dict.fromkeys(frozenset(names) for names in effects))}
    effect = torch.tensor([codes[frozenset(names)] for names in effects])
    same = effect[:, None] == effect[None, :]
    for position, attribute in enumerate((scenes.colour, scenes.shape, scenes.background)):
        named = torch.tensor([position in text.named for text in texts])
        same &= (attribute[:, None] == attribute[None, :]) | ~named[None, :]
    return same


def contrastive_loss(logits: Tensor, true: Tensor) -> Tensor:
    """CLIP's loss, with the target spread evenly over all true pairs of a row or column."""
    targets = true.float()
    by_image = F.cross_entropy(logits, targets / targets.sum(1, keepdim=True))
    by_text = F.cross_entropy(logits.T, targets.T / targets.T.sum(1, keepdim=True))
    return (by_image + by_text) / 2


def train_clip(out: Path, seed: int, budget: Budget, batch: int = BATCH) -> None:
    """Train the encoder and write it as an open_clip ``local-dir:`` folder (fp16 safetensors)."""
    torch.manual_seed(seed)
    generator, random_source = torch.Generator().manual_seed(seed), captions.word_source(seed)
    train_tokenizer(out)
    tokenizer = load_tokenizer(out)
    config = model_config(len(tokenizer))
    model = open_clip.CLIP(**config)
    average = MovingAverage(model, decay=0.995)

    def loss_at(step: int) -> Tensor:
        scenes = sample_scenes(batch, generator)
        effects = sample_effects(batch, random_source)
        texts = [captions.rich_caption(scenes.names(row), effects[row], random_source) for row in range(batch)]
        pictures = soften(apply_effects(*render(scenes), effects, generator), generator)
        tokens = tokenizer(
            [text.text for text in texts],
            padding="max_length",
            max_length=CONTEXT,
            truncation=True,
            return_tensors="pt",
        ).input_ids
        # On CPUs the plain attention kernel trains almost twice as fast as the fused one.
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            images, words, scale = model(pictures * 2 - 1, tokens)
        logits = scale.clamp(max=100) * images.float() @ words.float().T
        return contrastive_loss(logits, truth(scenes, effects, texts))

    fit(
        "clip",
        model.parameters(),
        loss_at,
        budget,
        learning_rate=1.2e-3,
        weight_decay=0.05,
        after_step=lambda step: average.update(model, step),
        checkpoint=lambda: save_encoder(average.weights, config, out),
    )


def save_encoder(weights: dict[str, Tensor], config: dict[str, Any], out: Path) -> None:
    """Write configuration and fp16 weights beside the tokenizer."""
    document = {"model_cfg": config, "preprocess_cfg": PREPROCESSING}
    (out / "open_clip_config.json").write_text(json.dumps(document, indent=2) + "\n")
    halves = {name: value.half().contiguous() for name, value in weights.items()}
    save_file(halves, out / "open_clip_model.safetensors", metadata={"format": "pt"})
