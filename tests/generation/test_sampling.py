"""An image is a function of its prompt and seed, whatever else is drawn with it."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from carlos_tasks.errors import PassingError
from carlos_tasks.generation.sampling import images_at_once, noise_seed, sample_images
from carlos_tasks.profiles.profile import Profile, Sampler
from carlos_tasks.profiles.prompts import Prompt

SAMPLER = Sampler(scheduler="EulerDiscreteScheduler", steps=1, guidance_scale=3, width_px=8, height_px=8)


def prompts(count: int) -> list[tuple[Prompt, int]]:
    return [(Prompt(prompt_id=f"p{n}", category="", subcategory="", text=f"prompt {n}"), n) for n in range(count)]


class SmallDevice:
    """A pipeline on a device that holds `capacity` images; draws each image from its generator alone."""

    device = torch.device("cpu")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.batches: list[int] = []

    def __call__(self, prompt: list[str], generator: list[torch.Generator], **sampler: Any) -> Any:
        if len(prompt) > self.capacity:
            raise torch.OutOfMemoryError("the device is full")
        self.batches.append(len(prompt))

        @dataclass
        class Drawn:
            images: torch.Tensor

        return Drawn(torch.stack([torch.rand(3, 8, 8, generator=g) for g in generator]))


@pytest.mark.parametrize("images_per_step", [1, 3, 8])
def test_batch_size_does_not_change_an_image(backbone: Any, micro: Profile, images_per_step: int) -> None:
    pairs = micro.pairs()[:9]
    sampler = micro.identity.sampler
    together = sample_images(backbone, sampler, pairs, "", images_per_step=9)
    apart = sample_images(backbone, sampler, pairs, "", images_per_step)
    torch.testing.assert_close(apart, together, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("size", "device", "together"),
    [(32, "cpu", 20), (512, "cpu", 20), (1024, "cpu", 8), (4096, "cpu", 1), (32, "cuda", 8), (1024, "cuda:1", 8)],
)
def test_what_is_small_is_drawn_in_larger_company_on_a_cpu_alone(size: int, device: str, together: int) -> None:
    sampler = SAMPLER.model_copy(update={"width_px": size, "height_px": size})
    assert images_at_once(sampler, device) == together


def test_order_does_not_change_an_image(backbone: Any, micro: Profile) -> None:
    pairs = micro.pairs()[:6]
    forward = sample_images(backbone, micro.identity.sampler, pairs, "", images_per_step=6)
    backward = sample_images(backbone, micro.identity.sampler, pairs[::-1], "", images_per_step=6)
    torch.testing.assert_close(backward.flip(0), forward, rtol=0, atol=1e-4)


def test_another_prompt_or_seed_is_another_noise() -> None:
    seeds = {noise_seed(prompt, seed) for prompt in ("a", "b", "1") for seed in (0, 1, 10)}
    assert len(seeds) == 9
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_the_suffix_reaches_the_prompt(backbone: Any, micro: Profile) -> None:
    pairs = micro.pairs()[:2]
    bare = sample_images(backbone, micro.identity.sampler, pairs, "", images_per_step=2)
    suffixed = sample_images(backbone, micro.identity.sampler, pairs, " striped", images_per_step=2)
    assert (bare - suffixed).abs().max() > 0.01


def test_out_of_memory_halves_the_batch_and_loses_nothing() -> None:
    device = SmallDevice(capacity=3)
    images = sample_images(device, SAMPLER, prompts(7), "", images_per_step=8)
    assert device.batches == [2, 2, 2, 1]
    torch.testing.assert_close(images, sample_images(SmallDevice(99), SAMPLER, prompts(7), "", 7), rtol=0, atol=0)


def test_a_device_too_small_for_one_image_is_a_passing_error() -> None:
    with pytest.raises(PassingError, match="one image at a time"):
        sample_images(SmallDevice(capacity=0), SAMPLER, prompts(2), "", images_per_step=2)


class Vae(torch.nn.Linear):
    """What a pipeline casts; its dtype is that of its weights, as diffusers has it."""

    @property
    def dtype(self) -> torch.dtype:
        return self.weight.dtype


class DecodesInFloat32(SmallDevice):
    """Casts its VAE from half precision as SDXL's pipeline does, and runs out of memory in between."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self.vae = Vae(1, 1).half()

    def __call__(self, prompt: list[str], generator: list[torch.Generator], **sampler: Any) -> Any:
        assert self.vae.dtype == torch.float16, "the latents are of half precision"
        self.vae.float()
        drawn = super().__call__(prompt, generator, **sampler)
        self.vae.half()
        return drawn


def test_out_of_memory_while_the_vae_is_cast_leaves_a_pipeline_that_still_draws() -> None:
    images = sample_images(DecodesInFloat32(capacity=2), SAMPLER, prompts(5), "", images_per_step=8)
    torch.testing.assert_close(images, sample_images(SmallDevice(99), SAMPLER, prompts(5), "", 5), rtol=0, atol=0)


def test_a_vae_cast_by_what_failed_is_cast_back() -> None:
    device = DecodesInFloat32(capacity=0)
    with pytest.raises(PassingError, match="one image at a time"):
        sample_images(device, SAMPLER, prompts(1), "", images_per_step=1)
    assert device.vae.dtype == torch.float16
