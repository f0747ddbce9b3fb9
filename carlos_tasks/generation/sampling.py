"""Sample images: one generator per (prompt_id, seed), so that the company an image is made in never changes it."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from carlos_tasks.errors import PassingError
from carlos_tasks.profiles.profile import Sampler
from carlos_tasks.profiles.prompts import Prompt

log = logging.getLogger(__name__)

# Pipelines that are called otherwise than with `guidance_scale`, by class. FLUX takes it as an input of its model.
# Qwen-Image's own is for distilled models alone; its guidance needs something to be guided away from.
_GUIDED_OTHERWISE: Mapping[str, Callable[[float, int], dict[str, Any]]] = {
    "QwenImagePipeline": lambda scale, n_images: {"true_cfg_scale": scale, "negative_prompt": [" "] * n_images},
}

_TOGETHER, _TOGETHER_ON_CPU = 8, 20
_PIXELS_TOGETHER = _TOGETHER * 1024**2


def noise_seed(prompt_id: str, seed: int) -> int:
    """The 63-bit seed of a pair's noise.

    It depends on the prompt too: with the same noise under every prompt, pairs of different prompts would share it
    and standard errors clustered by prompt would be too small.
    """
    digest = hashlib.sha256(f"{prompt_id}\n{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def images_at_once(sampler: Sampler, device: str) -> int:
    """Return how many images are drawn together where no setting says it.

    On a GPU always as many, since company moves an image there (docs/gpu.md). On a CPU, small ones are drawn in larger
    company, with no more memory than eight of 1024 x 1024 take.
    """
    if device != "cpu":
        return _TOGETHER
    return max(1, min(_TOGETHER_ON_CPU, _PIXELS_TOGETHER // (sampler.width_px * sampler.height_px)))


def sample_images(
    pipeline: Any, sampler: Sampler, pairs: Sequence[tuple[Prompt, int]], suffix: str, images_per_step: int
) -> Any:
    """Draw one image per pair.

    Args:
        pipeline: the backbone, with or without a LoRA.
        sampler: steps, guidance and size.
        pairs: (prompt, seed) in the order of the result.
        suffix: appended to every prompt (the LoRA's trigger words; empty for the baseline).
        images_per_step: how many are drawn together; halved when the device runs out of memory.

    Returns:
        torch float32 (n, 3, height, width) on the CPU in [0, 1]; NaN stays NaN.

    Raises:
        PassingError: not even one image at a time fits into the device's memory.
    """
    import torch

    images, start, together = [], 0, images_per_step
    while start < len(pairs):
        batch = pairs[start : start + together]
        try:
            images.append(_draw(pipeline, sampler, batch, suffix))
        except torch.OutOfMemoryError as exc:
            if together == 1:
                raise PassingError(f"out of memory on {pipeline.device} with one image at a time: {exc}") from exc
            together = max(1, together // 2)
            torch.cuda.empty_cache()
            log.warning("out of memory on %s: going on with %d images at a time", pipeline.device, together)
            continue
        start += len(batch)
    return torch.cat(images)


def _draw(pipeline: Any, sampler: Sampler, batch: Sequence[tuple[Prompt, int]], suffix: str) -> Any:
    import torch

    generators = [torch.Generator("cpu").manual_seed(noise_seed(prompt.prompt_id, seed)) for prompt, seed in batch]
    with torch.inference_mode(), _vae_as_it_was(pipeline):
        drawn = pipeline(
            prompt=[prompt.text + suffix for prompt, _ in batch],
            generator=generators,
            num_inference_steps=sampler.steps,
            **_guidance(pipeline, sampler.guidance_scale, len(batch)),
            width=sampler.width_px,
            height=sampler.height_px,
            output_type="pt",
        )
    return drawn.images.float().cpu()


def _guidance(pipeline: Any, scale: float, n_images: int) -> dict[str, Any]:
    guided = _GUIDED_OTHERWISE.get(type(pipeline).__name__)
    return guided(scale, n_images) if guided else {"guidance_scale": scale}


@contextmanager
def _vae_as_it_was(pipeline: Any) -> Iterator[None]:
    """Give the VAE its precision back: SDXL's pipeline casts it to float32 to decode, and where memory runs out in that
    it stays so, and refuses the half precision of the next latents.
    """
    vae = getattr(pipeline, "vae", None)
    dtype = None if vae is None else vae.dtype
    try:
        yield
    finally:
        if vae is not None and vae.dtype != dtype:
            vae.to(dtype)
