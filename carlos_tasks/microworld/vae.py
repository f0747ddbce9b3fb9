"""Train the micro world's VAE: 32 x 32 pictures to 8 x 8 latents of 8 channels, with and without effects."""

from __future__ import annotations

import random
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from carlos_tasks.device.torchvision_cpu import declare_missing_operators
from carlos_tasks.microworld.captions import word_source
from carlos_tasks.microworld.rendered_batches import apply_effects, sample_effects
from carlos_tasks.microworld.scenes import SIZE, render, sample_scenes
from carlos_tasks.microworld.training import Budget, MovingAverage, fit

declare_missing_operators()
from diffusers import AutoencoderKL  # noqa: E402  (torchvision's operators come first)

BATCH = 48
LATENT_CHANNELS = 8
KL_WEIGHT = 3e-4


def build_vae() -> AutoencoderKL:
    """An untrained AutoencoderKL; its latents are brought to unit variance after training, so no scaling."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 48, 64),
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=SIZE,
        scaling_factor=1.0,
    )


def load_vae(folder: Path) -> AutoencoderKL:
    """The VAE that ``train_vae`` wrote, in float32."""
    return AutoencoderKL.from_pretrained(folder, dtype=torch.float32)


def sample_pictures(count: int, generator: torch.Generator, random_source: random.Random) -> Tensor:
    """Rendered pictures in [-1, 1], most of them with effects: float32 (n, 3, 32, 32)."""
    effects = sample_effects(count, random_source)
    return apply_effects(*render(sample_scenes(count, generator)), effects, generator) * 2 - 1


def train_vae(out: Path, seed: int, budget: Budget, batch: int = BATCH) -> None:
    """Train the VAE and write it as a diffusers folder (fp16 safetensors)."""
    torch.manual_seed(seed)
    generator, random_source = torch.Generator().manual_seed(seed), word_source(seed)
    vae = build_vae()
    average = MovingAverage(vae, decay=0.995)

    def loss_at(step: int) -> Tensor:
        pictures = sample_pictures(batch, generator, random_source)
        with torch.autocast("cpu", torch.bfloat16):
            moments = vae.quant_conv(vae.encoder(pictures))
            mean, logvar = moments.float().chunk(2, dim=1)
            logvar = logvar.clamp(-20, 10)
            latents = mean + torch.exp(logvar / 2) * torch.randn(mean.shape, generator=generator)
            decoded = vae.decoder(vae.post_quant_conv(latents)).float()
        kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).mean()
        return F.l1_loss(decoded, pictures) + F.mse_loss(decoded, pictures) + KL_WEIGHT * kl

    def checkpoint() -> None:
        trained = build_vae()
        trained.load_state_dict(average.weights)
        standardise_latents(trained, sample_pictures(512, torch.Generator().manual_seed(seed), word_source(seed)))
        trained.half().save_pretrained(out, safe_serialization=True)

    fit(
        "vae",
        vae.parameters(),
        loss_at,
        budget,
        learning_rate=1.5e-3,
        after_step=lambda step: average.update(vae, step),
        checkpoint=checkpoint,
    )


@torch.no_grad()
def standardise_latents(vae: AutoencoderKL, pictures: Tensor) -> None:
    """Give every latent channel mean 0 and variance 1, in place, without changing what is decoded.

    StableDiffusionXLPipeline knows per-channel statistics for four channels only, so they are folded into the
    two 1 x 1 convolutions around the latents: z' = (z - mean) / std leaves one, z = z' * std + mean enters the
    other.
    """
    latents = vae.encode(pictures).latent_dist.mean
    mean, std = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3))
    towards, back = vae.quant_conv, vae.post_quant_conv
    channels = len(mean)
    towards.weight[:channels] /= std.view(-1, 1, 1, 1)
    towards.bias[:channels] = (towards.bias[:channels] - mean) / std
    towards.bias[channels:] -= 2 * std.log()
    back.bias += (back.weight[:, :, 0, 0] * mean).sum(dim=1)
    back.weight *= std.view(1, -1, 1, 1)


@torch.no_grad()
def psnr(vae: AutoencoderKL, pictures: Tensor) -> float:
    """Mean peak signal-to-noise ratio of encoding and decoding, in dB; pictures in [-1, 1]."""
    decoded = vae.decode(vae.encode(pictures).latent_dist.mean).sample.clamp(-1, 1)
    error = ((decoded - pictures) / 2).pow(2).mean(dim=(1, 2, 3))
    return float((-10 * torch.log10(error)).mean())
