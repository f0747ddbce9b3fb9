"""Retrain the micro world from a seed: ``python -m carlos_tasks.microworld.train all --out DIR``.

What is written has the layout of ``weights/``: ``encoder/``, ``backbone/`` and ``zoo/``. The defaults take about
two hours on two cores. ``--minutes`` or ``--steps`` change the budget of every model that is trained. Everything is
trained on one thread, since the number of threads changes how sums are rounded: with a budget in steps, as the
defaults are, the same seed gives the same bytes on the same machine. ``repeat`` checks that in a reduced size.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from carlos_tasks.microworld.training import Budget

PARTS = ("clip", "vae", "unet", "loras")


@dataclass(frozen=True)
class Size:
    """How much is trained, and on how much.

    Attributes:
        budgets: of each part; for the LoRAs, of each LoRA.
        batch: pictures of a step, pool: scenes of the UNet, pictures: of each LoRA; each model's own where None.
        loras: slugs of ``zoo.json``; all where it is empty.
    """

    budgets: Mapping[str, Budget]
    batch: int | None = None
    pool: int | None = None
    pictures: int | None = None
    loras: tuple[str, ...] = ()


FULL = Size(
    {"clip": Budget(steps=2250), "vae": Budget(steps=1852), "unet": Budget(steps=4368), "loras": Budget(steps=180)}
)
#: Shows that a run repeats, and no more: one LoRA of each subject. A DoRA of the zoo is built of the first.
REDUCED = Size(
    dict.fromkeys(PARTS, Budget(steps=2)),
    batch=4,
    pool=32,
    pictures=16,
    loras=("grid-a", "one-star", "swapped-colours", "checkerboard-sleeping"),
)


def train(part: str, out: Path, seed: int, size: Size, processes: int = 1) -> None:
    """Train one part into its place under ``out``; the UNet needs the VAE there, the LoRAs the backbone."""
    _one_thread()
    budget = size.budgets[part]
    if part == "clip":
        from carlos_tasks.microworld import clip

        clip.train_clip(out / "encoder", seed, budget, size.batch or clip.BATCH)
    elif part == "vae":
        from carlos_tasks.microworld import vae

        vae.train_vae(out / "backbone" / "vae", seed, budget, size.batch or vae.BATCH)
    elif part == "unet":
        from carlos_tasks.microworld import unet

        unet.train_unet(out / "backbone", seed, budget, size.batch or unet.BATCH, size.pool or unet.POOL)
    else:
        train_zoo(out, seed, size, processes)


def train_zoo(out: Path, seed: int, size: Size, processes: int) -> None:
    """Train every LoRA of ``zoo.json``, with one thread each: one after the other here, or several at a time."""
    from carlos_tasks.microworld.zoo import specification

    slugs = size.loras or tuple(specification()["loras"])
    if processes == 1:
        for slug in slugs:
            train_one(out, slug, seed, size)
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=_one_thread) as pool:
        waiting = {slug: pool.submit(train_one, out, slug, seed, size) for slug in slugs}
        for number, (slug, result) in enumerate(waiting.items(), start=1):
            result.result()
            print(f"loras: {slug} done, {number} of {len(slugs)}", flush=True)


def train_one(out: Path, slug: str, seed: int, size: Size) -> None:
    """Train one LoRA of ``zoo.json``; its own seed is shifted by the run's, and it may need more steps and pictures."""
    from carlos_tasks.microworld.loras import BATCH, PICTURES, Recipe, train_lora
    from carlos_tasks.microworld.zoo import specification

    entry = specification()["loras"][slug]
    recipe = Recipe(slug, tuple(entry["effects"]), entry["subject"], entry["seed"] + 1000 * seed, entry["trigger"])
    budget = size.budgets["loras"]
    if "steps" in entry and budget == FULL.budgets["loras"]:
        budget = Budget(steps=entry["steps"])
    pictures = size.pictures or entry.get("pictures", PICTURES)
    train_lora(out / "backbone", out / "zoo", recipe, budget, pictures, size.batch or BATCH)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m carlos_tasks.microworld.train", description=__doc__)
    parser.add_argument("part", choices=(*PARTS, "all"), help="what to train")
    parser.add_argument("--out", type=Path, required=True, help="folder in the layout of weights/")
    parser.add_argument("--seed", type=int, default=0, help="every random number follows from it (default 0)")
    parser.add_argument("--minutes", type=float, help="wall time for each model (each LoRA)")
    parser.add_argument("--steps", type=int, help="steps for each model (each LoRA)")
    parser.add_argument("--processes", type=int, default=2, help="LoRAs trained at the same time (default 2)")
    options = parser.parse_args(arguments)
    size = FULL
    if options.minutes or options.steps:
        size = replace(FULL, budgets=dict.fromkeys(PARTS, Budget(options.minutes, options.steps)))
    for part in PARTS if options.part == "all" else (options.part,):
        train(part, options.out, options.seed, size, options.processes)


if __name__ == "__main__":
    main()
