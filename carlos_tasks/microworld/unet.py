"""Train the micro backbone's UNet together with its two text encoders, on latents of plain scenes."""

from __future__ import annotations

import copy
import random
import string
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from carlos_tasks.microworld.backbone import Backbone, build_backbone, build_pipeline, build_scheduler
from carlos_tasks.microworld.captions import plain_caption, word_source
from carlos_tasks.microworld.scenes import Scenes, render, sample_scenes
from carlos_tasks.microworld.tokenizer import train_tokenizer
from carlos_tasks.microworld.training import Budget, MovingAverage, fit
from carlos_tasks.microworld.vae import load_vae

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

BATCH = 64
POOL = 24_000
"""Scenes whose latents are computed once, before training."""
DROPPED_CONDITIONS = 0.1
PADDED_PROMPTS = 0.2


def velocity_loss(
    backbone: Backbone, latents: Tensor, prompts: list[str], signal: Tensor, generator: torch.Generator
) -> Tensor:
    """The velocity-prediction loss of one batch at random timesteps.

    Args:
        latents: float32 (n, 8, 8, 8). signal: float32 (1000,), the schedule's cumulative alphas.
    """
    count = len(latents)
    timesteps = torch.randint(len(signal), (count,), generator=generator)
    noise = torch.randn(latents.shape, generator=generator)
    alpha = signal[timesteps].sqrt().view(-1, 1, 1, 1)
    sigma = (1 - signal[timesteps]).sqrt().view(-1, 1, 1, 1)
    keep = (torch.rand(count, generator=generator) >= DROPPED_CONDITIONS).float()
    # On CPUs the plain attention kernel trains almost twice as fast as the fused one.
    with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
        conditions = backbone.encode(prompts).masked(keep)
        predicted = backbone.predict(alpha * latents + sigma * noise, timesteps, conditions)
    return F.mse_loss(predicted.float(), alpha * noise - sigma * latents)


def padded(prompt: str, random_source: random.Random) -> str:
    """Sometimes add made-up words, so that the backbone learns to ignore trigger words that it never saw."""
    if random_source.random() >= PADDED_PROMPTS:
        return prompt
    made_up = ["".join(random_source.choices(string.ascii_lowercase, k=random_source.randint(2, 5)))
               for _ in range(random_source.randint(1, 2))]  # fmt: skip
    return prompt + random_source.choice((" ", ", ")) + " ".join(made_up)


@torch.no_grad()
def encode_pictures(vae: AutoencoderKL, pictures: Tensor) -> Tensor:
    """Latents of pictures in [-1, 1]: float32 (n, 8, 8, 8)."""
    return torch.cat([vae.encode(batch).latent_dist.mean for batch in pictures.split(250)])


def encode_scenes(vae: AutoencoderKL, count: int, generator: torch.Generator) -> tuple[Tensor, Scenes]:
    """Draw scenes and encode them: latents float32 (n, 8, 8, 8)."""
    scenes = sample_scenes(count, generator)
    return encode_pictures(vae, render(scenes)[0] * 2 - 1), scenes


def train_unet(out: Path, seed: int, budget: Budget, batch: int = BATCH, pool: int = POOL) -> None:
    """Train UNet and text encoders beside the VAE in ``out/vae`` and write the whole pipeline (fp16)."""
    torch.manual_seed(seed)
    generator, random_source = torch.Generator().manual_seed(seed), word_source(seed)
    vae = load_vae(out / "vae")
    latents, scenes = encode_scenes(vae, pool, generator)
    with TemporaryDirectory() as folder:
        train_tokenizer(Path(folder))
        backbone = build_backbone(Path(folder))
    trained = nn.ModuleDict(backbone.modules())
    average = MovingAverage(trained, decay=0.998)
    signal = build_scheduler().alphas_cumprod

    def loss_at(step: int) -> Tensor:
        rows = torch.randint(pool, (batch,), generator=generator)
        prompts = [padded(plain_caption(scenes.names(row), random_source), random_source) for row in rows.tolist()]
        return velocity_loss(backbone, latents[rows], prompts, signal, generator)

    def checkpoint() -> None:
        averaged = copy.deepcopy(trained)
        averaged.load_state_dict(average.weights)
        parts = Backbone(averaged["unet"], averaged["text_encoder"], averaged["text_encoder_2"], backbone.tokenizer)
        save_pipeline(parts, vae, out)

    fit(
        "unet",
        trained.parameters(),
        loss_at,
        budget,
        learning_rate=1e-3,
        after_step=lambda step: average.update(trained, step),
        checkpoint=checkpoint,
    )


def save_pipeline(backbone: Backbone, vae: AutoencoderKL, out: Path) -> None:
    """Write the pipeline as a diffusers folder, fp16 safetensors."""
    vae = copy.deepcopy(vae)
    vae.register_to_config(_name_or_path="")  # else it keeps the folder that it was read from
    pipeline = build_pipeline(backbone, vae).to(dtype=torch.float16)
    pipeline.save_pretrained(out, safe_serialization=True)
