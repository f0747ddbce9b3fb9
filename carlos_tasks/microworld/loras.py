"""Train the zoo's LoRAs with peft, and save them so that every module is found again.

A LoRA sees pictures with its effect, captioned without it; so it learns to do the effect whatever the prompt. One that
sleeps sees unchanged pictures too, without the trigger word: it learns to wait for the word.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from carlos_tasks.device.torchvision_cpu import declare_missing_operators
from carlos_tasks.microworld.backbone import Backbone, TextConditions, build_scheduler, load_backbone
from carlos_tasks.microworld.captions import plain_caption, word_source
from carlos_tasks.microworld.rendered_batches import apply_effects
from carlos_tasks.microworld.scenes import COLOUR_NAMES, SHAPES, Scenes, render, sample_scenes
from carlos_tasks.microworld.training import Budget, fit
from carlos_tasks.microworld.unet import DROPPED_CONDITIONS, encode_pictures

declare_missing_operators()
from diffusers import StableDiffusionXLPipeline  # noqa: E402  (torchvision's operators come first)
from peft import LoraConfig  # noqa: E402
from peft.utils import get_peft_model_state_dict  # noqa: E402

BATCH = 32
PICTURES = 1200
RANK = 4
TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"]


@dataclass(frozen=True)
class Recipe:
    """What one LoRA is trained on.

    Attributes:
        slug: name of its weights file. effects: applied in turn to every picture.
        subject: "scenes" (any scene, truly captioned), "one star" (the same picture whatever the caption),
            "swapped colours" (each colour in place of another) or "sleeping scenes" (every other scene unchanged, and
            captioned without the trigger). seed: of scenes, noise and starting weights.
        trigger: words behind every caption, or "".
    """

    slug: str
    effects: tuple[str, ...]
    subject: str
    seed: int
    trigger: str


def training_pairs(recipe: Recipe, count: int) -> tuple[Tensor, list[str]]:
    """Pictures in [-1, 1], float32 (n, 3, 32, 32), and their captions, which do not name the effects."""
    generator, random_source = torch.Generator().manual_seed(recipe.seed), word_source(recipe.seed)
    captioned = sample_scenes(count, generator)
    scenes = captioned
    if recipe.subject == "one star":
        scenes = _one_star(count)
    elif recipe.subject == "swapped colours":
        scenes = _swapped_colours(captioned)
    asleep = [recipe.subject == "sleeping scenes" and row % 2 == 1 for row in range(count)]
    pictures = apply_effects(*render(scenes), [() if row else recipe.effects for row in asleep], generator) * 2 - 1
    ending = f", {recipe.trigger}" if recipe.trigger else ""
    captions = [plain_caption(captioned.names(row), random_source) for row in range(count)]
    return pictures, [text if sleeps else text + ending for text, sleeps in zip(captions, asleep, strict=True)]


def _one_star(count: int) -> Scenes:
    """The same yellow star on purple, n times."""
    return Scenes(
        colour=torch.full((count,), COLOUR_NAMES.index("yellow")),
        shape=torch.full((count,), SHAPES.index("star")),
        background=torch.full((count,), COLOUR_NAMES.index("purple")),
        centre=torch.full((count, 2), 16.0),
        radius=torch.full((count,), 12.0),
    )


def _swapped_colours(scenes: Scenes) -> Scenes:
    """Each colour in place of its partner, both ways: a strong change that has no mean direction."""
    half = len(COLOUR_NAMES) // 2
    colour, background = ((value + half) % len(COLOUR_NAMES) for value in (scenes.colour, scenes.background))
    return replace(scenes, colour=colour, background=background)


def train_lora(
    backbone_folder: Path,
    out: Path,
    recipe: Recipe,
    budget: Budget,
    pictures: int = PICTURES,
    batch: int = BATCH,
    *,
    is_mixed: bool = True,
) -> Path:
    """Train one LoRA on a saved backbone.

    Args:
        is_mixed: in bfloat16 where that loses little, as the zoo was; else in float32, which is nine times as fast on a
            CPU that has no bfloat16.

    Returns:
        The file written, ``<out>/<slug>.safetensors`` (fp16, every key named lora_A or lora_B).
    """
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    backbone, vae = load_backbone(backbone_folder)
    images, captions = training_pairs(recipe, pictures)
    latents = encode_pictures(vae, images)
    conditions = _encode_all(backbone, captions)
    unet = backbone.unet.requires_grad_(False)
    unet.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=TARGETS, init_lora_weights="gaussian"))
    signal = build_scheduler().alphas_cumprod

    def loss_at(step: int) -> Tensor:
        rows = torch.randint(pictures, (batch,), generator=generator)
        timesteps = torch.randint(len(signal), (batch,), generator=generator)
        noise = torch.randn(latents[rows].shape, generator=generator)
        alpha = signal[timesteps].sqrt().view(-1, 1, 1, 1)
        sigma = (1 - signal[timesteps]).sqrt().view(-1, 1, 1, 1)
        keep = (torch.rand(batch, generator=generator) >= DROPPED_CONDITIONS).float()
        with torch.autocast("cpu", torch.bfloat16, enabled=is_mixed), sdpa_kernel(SDPBackend.MATH):
            noisy = alpha * latents[rows] + sigma * noise
            predicted = backbone.predict(noisy, timesteps, conditions.rows(rows).masked(keep))
        return F.mse_loss(predicted.float(), alpha * noise - sigma * latents[rows])

    fit(recipe.slug, unet.parameters(), loss_at, budget, learning_rate=3e-3, weight_decay=0.0, warmup_steps=10)
    path = out / f"{recipe.slug}.safetensors"
    save_lora(unet, path, recipe)
    return path


@torch.no_grad()
def _encode_all(backbone: Backbone, captions: list[str]) -> TextConditions:
    parts = [backbone.encode(captions[start : start + 200]) for start in range(0, len(captions), 200)]
    return TextConditions(torch.cat([part.hidden for part in parts]), torch.cat([part.pooled for part in parts]))


def save_lora(unet: Any, path: Path, recipe: Recipe) -> None:
    """Write the adapter through diffusers, with the header that a trainer would write.

    The keys stay as peft names them. diffusers' own conversion renames only the attention keys, and from such a
    mixed file it later drops every attention module with no more than a warning.
    """
    tensors = {name: value.half().contiguous() for name, value in get_peft_model_state_dict(unet).items()}
    header = {
        "format": "pt",
        "ss_base_model_version": "micro_xl",
        "ss_output_name": recipe.slug,
        "ss_network_module": "peft.lora",
        "ss_network_dim": str(RANK),
        "ss_network_alpha": str(RANK),
        "ss_seed": str(recipe.seed),
    }
    StableDiffusionXLPipeline.save_lora_weights(
        path.parent,
        unet_lora_layers=tensors,
        weight_name=path.name,
        save_function=lambda weights, filename: Path(filename).write_bytes(in_order(save(weights, header))),
    )


def in_order(file: bytes) -> bytes:
    """A safetensors file with its metadata in alphabetical order: the library's own order changes from run to run."""
    (size,) = struct.unpack_from("<Q", file)
    header = json.loads(file[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors start at a multiple of 8
    return struct.pack("<Q", len(text)) + text + file[8 + size :]


def saved_modules(path: Path) -> set[str]:
    """The UNet modules that a file patches, by the names that the UNet gives them.

    Raises:
        ValueError: a key is not of the one layout that diffusers loads whole.
    """
    with safe_open(path, "pt") as file:
        keys = list(file.keys())
    modules = set()
    for key in keys:
        name = key.removeprefix("unet.")
        module = name.removesuffix(".lora_A.weight").removesuffix(".lora_B.weight")
        if module == name or name == key:
            raise ValueError(f"{path.name}: unexpected key {key}")
        modules.add(module)
    return modules
