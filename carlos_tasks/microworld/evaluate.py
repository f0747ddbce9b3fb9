"""Measure the shipped micro world and print the figures of its model card, as Markdown.

``python -m carlos_tasks.microworld.evaluate [encoder|vae|backbone|zoo|all]``. ``zoo`` generates 120 pictures per
LoRA: about six minutes on two cores; the others take seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from carlos_tasks.microworld import captions, modifiers
from carlos_tasks.microworld.encoder import Encoder
from carlos_tasks.microworld.sampling import generate, load_pipeline
from carlos_tasks.microworld.scenes import Scenes, render, sample_scenes
from carlos_tasks.microworld.vae import load_vae, psnr
from carlos_tasks.microworld.wordings import WORDINGS
from carlos_tasks.microworld.zoo import FOLDER
from carlos_tasks.microworld.zoo_figures import measure_retrieval, represent_zoo, zoo_rows

TEST_SEED = 2024
"""Of the rendered scenes that are tested on; training draws from other seeds."""


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; floats with three digits."""
    lines: list[Sequence[object]] = [header, ["---"] * len(header), *rows]
    cells = ([f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in line] for line in lines)
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def held_back_scenes(count: int) -> tuple[Scenes, Tensor, Tensor]:
    """Scenes that no training saw, with their pictures and distances."""
    scenes = sample_scenes(count, torch.Generator().manual_seed(TEST_SEED))
    return (scenes, *render(scenes))


def evaluate_encoder(weights: Path, count: int = 960) -> str:
    """Zero-shot reading of rendered scenes, and of their effect among all effects."""
    encoder = Encoder(weights / "encoder")
    scenes, pictures, distance = held_back_scenes(count)
    rows: list[tuple[str, float]] = list(encoder.accuracy(pictures, scenes).items())
    texts = encoder.texts([f"a {WORDINGS[name].adjectives[0]} picture" for name in modifiers.EFFECT_NAMES])
    texts = texts / texts.norm(dim=1, keepdim=True)
    generator = torch.Generator().manual_seed(TEST_SEED)
    hits = []
    for number, name in enumerate(modifiers.EFFECT_NAMES):
        changed = modifiers.apply(name, pictures, distance, generator)
        hits.append((encoder.images(changed) @ texts.T).argmax(dim=1) == number)
    rows.append((f"effect (one of {len(hits)})", float(torch.stack(hits).float().mean())))
    return table(("zero-shot on renders", "accuracy"), rows)


def evaluate_vae(weights: Path, count: int = 240) -> str:
    """PSNR of encoding and decoding, for plain pictures and for every effect."""
    vae = load_vae(weights / "backbone" / "vae")
    _, pictures, distance = held_back_scenes(count)
    generator = torch.Generator().manual_seed(TEST_SEED)
    rows = [("plain", psnr(vae, pictures * 2 - 1))]
    for name in modifiers.EFFECT_NAMES:
        rows.append((name, psnr(vae, modifiers.apply(name, pictures, distance, generator) * 2 - 1)))
    return table(("VAE", "PSNR (dB)"), rows)


def evaluate_backbone(weights: Path, count: int = 336) -> str:
    """What the encoder reads in generated pictures of random scenes."""
    encoder, pipeline = Encoder(weights / "encoder"), load_pipeline(weights / "backbone")
    scenes = sample_scenes(count, torch.Generator().manual_seed(TEST_SEED))
    source = captions.word_source(TEST_SEED)
    prompts = [captions.plain_caption(scenes.names(row), source) for row in range(count)]
    read = encoder.accuracy(generate(pipeline, prompts, range(count)), scenes)
    return table(("zero-shot on generated pictures", "accuracy"), read.items())


def evaluate_zoo(weights: Path) -> str:
    """Strength, consistency and retention of every LoRA, and whether queries find the right effect."""
    represented = represent_zoo(weights)
    header = ("file", "expected", "effects", "strength", "consistency", "retention", "variety")
    measures = table(header, zoo_rows(represented))
    hits = table(
        ("wording", "queries", "right effect first", "among the first three"),
        measure_retrieval(Encoder(weights / "encoder"), represented),
    )
    return f"{measures}\n\n{hits}"


EVALUATIONS: dict[str, Callable[[Path], str]] = {
    "encoder": evaluate_encoder,
    "vae": evaluate_vae,
    "backbone": evaluate_backbone,
    "zoo": evaluate_zoo,
}


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m carlos_tasks.microworld.evaluate", description=__doc__)
    parser.add_argument("part", nargs="?", default="all", choices=(*EVALUATIONS, "all"), help="what to measure")
    parser.add_argument("--weights", type=Path, default=FOLDER / "weights", help="default: the shipped ones")
    options = parser.parse_args(arguments)
    for part in EVALUATIONS if options.part == "all" else (options.part,):
        print(EVALUATIONS[part](options.weights), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
