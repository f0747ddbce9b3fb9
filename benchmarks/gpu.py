"""What a GPU makes of the index: SDXL at full size with random weights, and the micro world on CUDA beside the CPU.

    python benchmarks/gpu.py [--minutes 7] [--out FILE.json] [--part NAME …] [--small]

Random weights cost a card what trained ones do, so no model hub is needed, no network and no catalog. Parts:

| part | what it measures |
|---|---|
| `card` | the card, versions, its fp16 matrix products (the peak that shares refer to) |
| `host` | milliseconds that a CPU spends on an image of 1024 x 1024: flags, PIL, CLIP's preprocessing, PNG |
| `loop` | images a second: the plain loop (four at a time, PNG written and read back); the worker's way with the LoRA \
beside the weights, fused into them, and without |
| `stages` | seconds an image spends in each model; the VAE in float32 and in bfloat16 |
| `curve` | images a second and peak memory by images a step |
| `batches` | how far an image moves when it is drawn in company |
| `halves` | the VAE in half precision: what overflows there is not black, since the pipeline decodes in float32 |
| `micro` | representations of the micro world's LoRAs on CUDA and on the CPU |
| `compiled` | images a second with channels_last and torch.compile, LoRA fused |

A part that fails says why, and the others go on; one that would begin after `--minutes` is left out. `--small` runs
all of it on small models, on the CPU too: it proves the program, its times mean nothing.
"""

import argparse
import io
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from carlos_tasks.device.torchvision_cpu import declare_missing_operators
from carlos_tasks.embedding.encoder import ClipEncoder, load_encoder
from carlos_tasks.generation.attach import attached
from carlos_tasks.generation.backbone import load_backbone
from carlos_tasks.generation.image_facts import look_at, to_pil
from carlos_tasks.generation.random_weights import random_sdxl, write_random_lora
from carlos_tasks.generation.sampling import sample_images
from carlos_tasks.microworld.figures import cosine, represent
from carlos_tasks.microworld.zoo import WEIGHTS as ZOO
from carlos_tasks.profiles.profile import Sampler, load_profile
from carlos_tasks.profiles.prompts import Prompt

PLAIN_BATCH = 4
#: What the micro world's representations on CUDA may differ from those on the CPU: 1 − cosine, and shares.
MICRO_BOUNDS = {"direction": 1e-4, "strength": 1e-3, "consistency": 1e-3}

T = TypeVar("T")
Row = dict[str, Any]
Pairs = list[tuple[Prompt, int]]


@dataclass(frozen=True)
class Sizes:
    """How much is drawn: images a step, the steps of the curve, LoRAs and pairs of the micro world."""

    batch: int
    curve: tuple[int, ...]
    micro_loras: int
    micro_pairs: int


FULL = Sizes(batch=8, curve=(1, 4, 8, 16, 32), micro_loras=5, micro_pairs=60)
SMALL = Sizes(batch=2, curve=(1, 2), micro_loras=1, micro_pairs=3)


@dataclass(frozen=True)
class Bench:
    """What the parts share: device, sizes, sampler, pairs, models, a LoRA file."""

    device: str
    sizes: Sizes
    sampler: Sampler
    pairs: Pairs
    pipeline: Any
    encoder: ClipEncoder
    lora: Path

    def draw(self, pairs: Pairs, images_per_step: int, sampler: Sampler | None = None) -> Any:
        """Draw as a worker does: float32 (n, 3, h, w) on the CPU."""
        return sample_images(self.pipeline, sampler or self.sampler, pairs, "", images_per_step)

    def measure(self, pairs: Pairs, images_per_step: int) -> Any:
        """Draw, look and embed as a worker does: float32 (n, d)."""
        images = self.draw(pairs, images_per_step)
        facts = [look_at(image) for image in images]
        assert not [fact for fact in facts if fact.flag], facts
        return self.encoder.embed_images([to_pil(image) for image in images])


def main() -> int:
    """Run the parts, print a line for each figure, and write them; 1 where a part failed."""
    options = _options()
    ends_at = time.monotonic() + 60 * options.minutes
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="carlos-gpu-") as folder:
        bench = prepare(Path(folder), is_small=options.small)
        for name, part in PARTS.items():
            if options.part and name not in options.part:
                continue
            if time.monotonic() > ends_at:
                report[name] = {"left_out": f"more than {options.minutes:g} minutes had gone"}
            else:
                report[name] = _run(part, bench)
            print(f"{name}: {json.dumps(report[name])}", flush=True)
            options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return int(any("failed" in figures for figures in report.values()))


def _run(part: Callable[[Bench], Row], bench: Bench) -> Row:
    started = time.monotonic()
    try:
        figures = part(bench)
    except Exception as exc:  # the other parts still have something to say
        traceback.print_exc()
        figures = {"failed": f"{type(exc).__name__}: {exc}"[:300]}
    return figures | {"part_seconds": round(time.monotonic() - started, 1)}


def prepare(folder: Path, is_small: bool) -> Bench:
    """Build pipeline, encoder and LoRA file with random weights, from the same seed every time."""
    declare_missing_operators()
    import diffusers
    import torch

    diffusers.utils.logging.set_verbosity_error()  # the pipeline warns of every cast of its VAE
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    profile = load_profile("micro" if is_small else "sdxl-paper")
    sampler = profile.identity.sampler
    if is_small:
        pipeline, encoder = load_backbone(profile.identity, device), load_encoder(profile.identity.encoder, device)
    else:
        pipeline, encoder = random_sdxl(device, profile.identity.backbone.dtype), random_clip(device)
    lora = folder / "random.safetensors"
    write_random_lora(pipeline, lora)
    pairs = profile.pairs()[:: len(profile.identity.seeds)]
    return Bench(device, SMALL if is_small else FULL, sampler, pairs, pipeline, encoder, lora)


def random_clip(device: str) -> ClipEncoder:
    """CLIP ViT-B/32 from its configuration, with open_clip's preprocessing."""
    import open_clip

    name = "ViT-B-32-quickgelu"
    model, _, preprocess = open_clip.create_model_and_transforms(name, pretrained=None, precision="fp32", device=device)
    return ClipEncoder(model, preprocess, open_clip.get_tokenizer(name), device)


def card(bench: Bench) -> Row:
    """Name the card and the versions, and measure its matrix products."""
    import diffusers
    import peft
    import torch
    import transformers

    versions = {module.__name__: module.__version__ for module in (torch, diffusers, transformers, peft)}
    if bench.device == "cpu":
        return {"name": "no GPU", **versions}
    size = 8192
    left, right = (torch.randn(size, size, device="cuda", dtype=torch.float16) for _ in range(2))
    seconds = best(lambda: left @ right, repeat=10)
    facts = torch.cuda.get_device_properties(0)
    peak = {"peak_tflops": round(2 * size**3 / seconds / 1e12), "memory_gb": round(facts.total_memory / 2**30)}
    return {"name": facts.name, **versions, "cuda": torch.version.cuda, **peak}


def host(bench: Bench) -> Row:
    """Time what the CPU does to one image."""
    import torch

    image = torch.rand(3, bench.sampler.height_px, bench.sampler.width_px)
    picture = to_pil(image)
    preprocess = bench.encoder._preprocess
    steps: dict[str, Callable[[], object]] = {
        "look_at_ms": lambda: look_at(image),
        "to_pil_ms": lambda: to_pil(image),
        "preprocess_ms": lambda: preprocess(picture),
        "png_ms": lambda: through_png(picture),
    }
    return {name: round(1000 * best(step, repeat=5), 2) for name, step in steps.items()}


def loop(bench: Bench) -> Row:
    """Compare the plain loop with the worker's ways, on the same pairs."""
    few, many, batch = bench.pairs[: bench.sizes.batch], bench.pairs[: 2 * bench.sizes.batch], bench.sizes.batch
    bench.measure(many[:1], 1)  # kernels are chosen and memory is taken at the first image
    figures: Row = {"bare": per_second(lambda: bench.measure(many, batch), len(many))}
    with attached(bench.pipeline, bench.lora, 1.0, fuse=False):
        bench.measure(many[:1], 1)
        figures["plain_loop"] = per_second(lambda: plain_loop(bench, few), len(few))
        figures["worker_adapter"] = per_second(lambda: bench.measure(many, batch), len(many))
    with fused(bench):
        figures["worker_fused"] = per_second(lambda: bench.measure(many, batch), len(many))
    figures["fused_over_plain"] = round(figures["worker_fused"] / figures["plain_loop"], 2)
    figures["adapter_over_plain"] = round(figures["worker_adapter"] / figures["plain_loop"], 2)
    figures["tflop_per_image"] = round(flops_of_an_image(bench) / 1e12, 1)
    figures["achieved_tflops"] = round(figures["tflop_per_image"] * figures["worker_fused"], 1)
    return figures


def plain_loop(bench: Bench, pairs: Pairs) -> None:
    """Draw four at a time, write and read PNG files, embed one at a time: as the authors' code does."""
    import torch

    for start in range(0, len(pairs), PLAIN_BATCH):
        batch = pairs[start : start + PLAIN_BATCH]
        with torch.inference_mode():
            pictures = bench.pipeline(
                prompt=[prompt.text for prompt, _ in batch],
                generator=[torch.Generator(bench.device).manual_seed(seed) for _, seed in batch],
                num_inference_steps=bench.sampler.steps,
                guidance_scale=bench.sampler.guidance_scale,
                width=bench.sampler.width_px,
                height=bench.sampler.height_px,
            ).images
        for picture in pictures:
            bench.encoder.embed_images([through_png(picture)])


def stages(bench: Bench) -> Row:
    """Seconds an image spends in each model, and the VAE's share in float32 and bfloat16."""
    import torch

    pairs, pipeline = bench.pairs[: bench.sizes.batch], bench.pipeline
    modules = {
        "text_encoders": (pipeline.text_encoder, pipeline.text_encoder_2),
        "unet": (pipeline.unet,),
        "vae": (pipeline.vae.decoder,),
        "encoder": (bench.encoder.model.visual,),
    }
    with timed(modules) as seconds:
        total = best(lambda: bench.measure(pairs, len(pairs)), repeat=1)
    figures: Row = {name: round(spent / len(pairs), 4) for name, spent in seconds.items()}
    figures |= {"other": round((total - sum(seconds.values())) / len(pairs), 4), "all": round(total / len(pairs), 4)}
    dtype, side = pipeline.vae.dtype, bench.sampler.height_px // 8
    latents = torch.randn(1, pipeline.vae.config.latent_channels, side, side, device=bench.device)
    for name in ("float32", "bfloat16"):
        pipeline.vae.to(getattr(torch, name))
        given = latents.to(getattr(torch, name))
        with torch.inference_mode():
            figures[f"vae_{name}"] = round(best(lambda: pipeline.vae.decode(given), repeat=3), 4)  # noqa: B023 - at once
    pipeline.vae.to(dtype)
    return figures


@contextmanager
def timed(modules: dict[str, tuple[Any, ...]]) -> Iterator[dict[str, float]]:
    """Sum up the seconds that calls of some modules take, the device's queue emptied around each."""
    seconds, starts = dict.fromkeys(modules, 0.0), {}

    def begin(name: str) -> Callable[..., None]:
        return lambda *_: starts.update({name: now()})

    def end(name: str) -> Callable[..., None]:
        return lambda *_: seconds.update({name: seconds[name] + now() - starts[name]})

    hooks = []
    for name, some in modules.items():
        for module in some:
            hooks += [module.register_forward_pre_hook(begin(name)), module.register_forward_hook(end(name))]
    try:
        yield seconds
    finally:
        for hook in hooks:
            hook.remove()


def curve(bench: Bench) -> Row:
    """Images a second and peak memory by the number of images that a step makes."""
    import torch

    figures: Row = {}
    for together in bench.sizes.curve:
        pairs = (bench.pairs * 2)[:together]
        if bench.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        rate = per_second(lambda: bench.draw(pairs, together), together)  # noqa: B023 - called at once
        figures[str(together)] = {"images_per_second": rate, "peak_gb": peak_gb(bench)}
    return figures


def batches(bench: Bench) -> Row:
    """Draw the same pairs together and one by one, and compare pixels and features."""
    pairs = bench.pairs[: bench.sizes.batch]
    together, alone = bench.draw(pairs, len(pairs)), bench.draw(pairs, 1)
    features = [bench.encoder.embed_images([to_pil(image) for image in images]) for images in (together, alone)]
    cosines = [cosine(a.astype(np.float64), b.astype(np.float64)) for a, b in zip(*features, strict=True)]
    lengths = np.linalg.norm(features[0] - features[1], axis=1) / np.linalg.norm(features[0], axis=1)
    return {
        "images": len(pairs),
        "equal_images": int(sum(bool((a == b).all()) for a, b in zip(together, alone, strict=True))),
        "largest_pixel_difference": round(float((together - alone).abs().max()), 5),
        "least_feature_cosine": round(min(cosines), 7),
        "largest_feature_change": round(float(lengths.max()), 6),
    }


def halves(bench: Bench) -> Row:
    """Let the VAE overflow in half precision: decoded so it is NaN, and through the pipeline it is an image."""
    import torch

    vae, pairs = bench.pipeline.vae, bench.pairs[:1]
    if bench.device == "cpu":
        return {"left_out": "half precision is for a GPU"}
    first = vae.decoder.conv_in.weight
    kept = first.detach().clone()
    latents = torch.randn(1, vae.config.latent_channels, 128, 128, device="cuda", dtype=torch.float16)
    try:
        with torch.inference_mode():
            first.mul_(30_000 / float(vae.decoder.conv_in(vae.post_quant_conv(latents)).abs().max()) * 4)
            in_half = vae.decode(latents).sample.float().cpu()[0]
        through_pipeline = bench.draw(pairs, 1)[0]
    finally:
        with torch.no_grad():
            first.copy_(kept)
    flags = {"in_half": look_at(in_half).flag, "through_pipeline": look_at(through_pipeline).flag}
    assert flags == {"in_half": "nan", "through_pipeline": None}, flags
    return flags


def micro(bench: Bench) -> Row:
    """Measure LoRAs of the micro world on both devices, from the same noise, and compare their representations."""
    profile = load_profile("micro")
    pairs = spread(profile.pairs(), bench.sizes.micro_pairs)
    files = spread(sorted(ZOO.glob("*.safetensors")), bench.sizes.micro_loras)
    features: dict[str, list[Any]] = {}
    for device in ("cpu", bench.device):
        pipeline, encoder = load_backbone(profile.identity, device), load_encoder(profile.identity.encoder, device)

        def embed(pipeline: Any = pipeline, encoder: ClipEncoder = encoder) -> Any:
            images = sample_images(pipeline, profile.identity.sampler, pairs, "", 40)
            return encoder.embed_images([to_pil(image) for image in images]).astype(np.float64)

        measured = [embed()]
        for file in files:
            with attached(pipeline, file, profile.identity.lora.scale):
                measured.append(embed())
        features[device] = measured
    worst = dict.fromkeys(MICRO_BOUNDS, 0.0)
    for number in range(1, len(files) + 1):
        here, there = (represent(features[d][0], features[d][number]) for d in ("cpu", bench.device))
        worst["direction"] = max(worst["direction"], 1 - cosine(here.direction, there.direction))
        for name in ("strength", "consistency"):
            change = abs(getattr(there, name) / getattr(here, name) - 1)
            worst[name] = max(worst[name], change)
    assert all(worst[name] <= bound for name, bound in MICRO_BOUNDS.items()), worst
    return {"loras": len(files), "pairs": len(pairs), **{f"worst_{k}": float(f"{v:.2g}") for k, v in worst.items()}}


def compiled(bench: Bench) -> Row:
    """Fuse the LoRA, lay channels last and compile the UNet; compiling is timed apart."""
    import torch

    batch = bench.sizes.batch
    pairs = bench.pairs[: 2 * batch]
    with fused(bench):
        bench.pipeline.unet.to(memory_format=torch.channels_last)
        bench.measure(pairs[:batch], batch)
        figures: Row = {"channels_last": per_second(lambda: bench.measure(pairs, batch), len(pairs))}
        if bench.device == "cpu":
            return figures
        bench.pipeline.unet.compile(fullgraph=True)
        started = time.monotonic()
        bench.measure(pairs[:batch], batch)
        figures["first_batch_seconds"] = round(time.monotonic() - started, 1)
        figures["compiled"] = per_second(lambda: bench.measure(pairs, batch), len(pairs))
    return figures


@contextmanager
def fused(bench: Bench) -> Iterator[None]:
    """The LoRA computed into the weights."""
    with attached(bench.pipeline, bench.lora, 1.0, fuse=True):
        yield


def flops_of_an_image(bench: Bench) -> float:
    """Count the floating-point operations of one image: the matrix products and convolutions of all models."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    one_step = bench.sampler.model_copy(update={"steps": 1})
    two_steps = bench.sampler.model_copy(update={"steps": 2})
    totals = []
    for sampler in (one_step, two_steps):
        with counter:
            bench.draw(bench.pairs[:1], 1, sampler)
        totals.append(counter.get_total_flops())
    return float(totals[0] + (bench.sampler.steps - 1) * (totals[1] - totals[0]))


def through_png(picture: Any) -> Any:
    """Write and read back a PNG."""
    from PIL import Image

    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")


def per_second(work: Callable[[], object], count: int) -> float:
    """How many of `count` things the work does in a second, in one go."""
    return round(count / best(work, repeat=1), 3)


def best(work: Callable[[], object], repeat: int) -> float:
    """Seconds of the fastest of some runs, the device's queue emptied before and after."""
    times = []
    for _ in range(repeat):
        started = now()
        work()
        times.append(now() - started)
    return min(times)


def now() -> float:
    """The clock in seconds, read once the device has done what it was given."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def spread(items: Sequence[T], count: int) -> list[T]:
    """At most `count` of the items, evenly spread."""
    count = min(count, len(items))
    return [items[number * len(items) // count] for number in range(count)]


def peak_gb(bench: Bench) -> float | None:
    """The most memory that was taken on the card, None without one."""
    import torch

    return round(torch.cuda.max_memory_allocated() / 2**30, 1) if bench.device == "cuda" else None


PARTS: dict[str, Callable[[Bench], Row]] = {
    part.__name__: part for part in (card, host, loop, stages, curve, batches, halves, micro, compiled)
}


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=7.0, help="no part begins after that (default: 7)")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"), help="where the figures go (default: gpu.json)")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only this part; more than once")
    parser.add_argument("--small", action="store_true", help="small models, to prove the program")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
