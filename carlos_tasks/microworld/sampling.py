"""Generate pictures with the micro backbone for the model card: the micro profile, without the platform."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from carlos_tasks.device.torchvision_cpu import declare_missing_operators
from carlos_tasks.microworld.scenes import SIZE
from carlos_tasks.microworld.vae import LATENT_CHANNELS

STEPS = 8
GUIDANCE = 3.0
BATCH = 40
LATENT_SIZE = SIZE // 4


def load_pipeline(folder: Path) -> Any:
    """The saved StableDiffusionXLPipeline in float32, silent."""
    declare_missing_operators()
    from diffusers import StableDiffusionXLPipeline

    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, dtype=torch.float32, add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def starting_noise(seed: int) -> Tensor:
    """The noise of one (prompt, seed): its own generator, so that batches never change a picture."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE, generator=generator)


@torch.no_grad()
def generate(
    pipeline: Any, prompts: Sequence[str], seeds: Sequence[int], steps: int = STEPS, guidance: float = GUIDANCE
) -> Tensor:
    """Generate one picture for every prompt and the seed beside it: float32 (n, 3, 32, 32) in [0, 1]."""
    pictures = []
    for start in range(0, len(prompts), BATCH):
        latents = torch.stack([starting_noise(seed) for seed in seeds[start : start + BATCH]])
        result = pipeline(
            list(prompts[start : start + BATCH]),
            latents=latents,
            height=SIZE,
            width=SIZE,
            num_inference_steps=steps,
            guidance_scale=guidance,
            output_type="pt",
        )
        pictures.append(result.images)
    return torch.cat(pictures)
