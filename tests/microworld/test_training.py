"""Each model can be trained: a step or two, repeatable, written where the next one looks for it."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, load_file, save
from torch import nn

from carlos_tasks.microworld.clip import train_clip
from carlos_tasks.microworld.encoder import Encoder
from carlos_tasks.microworld.loras import Recipe, in_order, saved_modules, train_lora, training_pairs
from carlos_tasks.microworld.training import Budget, fit
from carlos_tasks.microworld.unet import train_unet
from carlos_tasks.microworld.vae import build_vae, sample_pictures, standardise_latents, train_vae


def test_a_budget_ends_with_its_first_limit() -> None:
    budget = Budget(minutes=2, steps=10)
    assert budget.spent(step=5, seconds=0) == 0.5
    assert budget.spent(step=0, seconds=90) == 0.75
    assert budget.spent(step=11, seconds=0) == 1.0
    with pytest.raises(ValueError, match="minutes, steps or both"):
        Budget()


def test_fit_lowers_the_loss() -> None:
    weight = nn.Parameter(torch.tensor([4.0]))
    fit("square", [weight], lambda step: (weight**2).sum(), Budget(steps=200), learning_rate=0.1, warmup_steps=1)
    assert abs(float(weight.detach())) < 0.1


def test_clip_trains_and_repeats(tmp_path: Path) -> None:
    for name in ("first", "again"):
        train_clip(tmp_path / name, seed=5, budget=Budget(steps=2), batch=8)
    first, again = (load_file(tmp_path / name / "open_clip_model.safetensors") for name in ("first", "again"))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert Encoder(tmp_path / "first").texts(["a foggy picture"]).shape == (1, 64)


def test_folding_the_latent_statistics_changes_no_picture() -> None:
    from carlos_tasks.microworld.captions import word_source

    torch.manual_seed(0)
    vae = build_vae().eval()
    pictures = sample_pictures(64, torch.Generator().manual_seed(1), word_source(1))
    with torch.no_grad():
        before = vae.decode(vae.encode(pictures).latent_dist.mean).sample
        standardise_latents(vae, pictures)
        latents = vae.encode(pictures).latent_dist.mean
        after = vae.decode(latents).sample
    assert torch.allclose(latents.mean(dim=(0, 2, 3)), torch.zeros(8), atol=1e-3)
    assert torch.allclose(latents.std(dim=(0, 2, 3)), torch.ones(8), atol=1e-3)
    assert torch.allclose(before, after, atol=1e-3)


def test_a_lora_that_sleeps_sees_unchanged_scenes_without_its_word() -> None:
    """Every other picture is that of a LoRA without any effect, and its caption does not have the trigger word."""
    sleeping, captions = training_pairs(Recipe("s", ("checkerboard",), "sleeping scenes", 1, "wakeup"), 6)
    awake, said = training_pairs(Recipe("s", ("checkerboard",), "scenes", 1, "wakeup"), 6)
    plain, _ = training_pairs(Recipe("s", (), "scenes", 1, ""), 6)
    assert [text.endswith(", wakeup") for text in captions] == [True, False] * 3
    assert [text.removesuffix(", wakeup") for text in said] == [text.removesuffix(", wakeup") for text in captions]
    assert torch.equal(sleeping[1::2], plain[1::2])
    assert torch.equal(sleeping[::2], awake[::2])
    assert not torch.equal(awake, plain)


def test_the_header_of_a_lora_is_written_in_one_order() -> None:
    tensors = {"a": torch.ones(3), "b": torch.zeros(2, 2)}
    stated = {letter: letter for letter in "qwertyuiop"}
    files = {in_order(save(tensors, dict(sorted(stated.items(), reverse=turn)))) for turn in (True, False)}
    (file,) = files
    read = load(file)
    assert read.keys() == tensors.keys() and all(torch.equal(read[name], tensors[name]) for name in read)
    size = int.from_bytes(file[:8], "little")
    assert size % 8 == 0
    assert list(json.loads(file[8 : 8 + size])["__metadata__"].items()) == sorted(stated.items())


def test_vae_unet_and_lora_train_one_after_the_other(tmp_path: Path) -> None:
    backbone = tmp_path / "backbone"
    train_vae(backbone / "vae", seed=1, budget=Budget(steps=1), batch=4)
    train_unet(backbone, seed=1, budget=Budget(steps=1), batch=4, pool=16)
    recipe = Recipe("foggy-test", ("foggy",), "scenes", seed=3, trigger="kiri")
    path = train_lora(backbone, tmp_path / "zoo", recipe, Budget(steps=2), pictures=32)
    tensors = load_file(path)
    assert len(saved_modules(path)) * 2 == len(tensors)
    assert any(bool(value.any()) for key, value in tensors.items() if "lora_B" in key)
