"""Retrain the micro world from a seed: ``python -m carlos_tasks.microworld.train all --out DIR``.

What is written has the layout of ``weights/``: ``encoder/``, ``backbone/`` and ``zoo/``. The defaults take about
two hours on two cores. ``--minutes`` or ``--steps`` change the budget of every model that is trained;
with ``--steps`` the same seed gives the same weights on the same machine.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from carlos_tasks.microworld.training import Budget

PARTS = ("clip", "vae", "unet", "loras")
BUDGETS = {
    "clip": Budget(minutes=37),
    "vae": Budget(minutes=16),
    "unet": Budget(minutes=50),
    "loras": Budget(steps=180),
}
"""What each model gets without ``--minutes`` or ``--steps``; for the LoRAs, each."""


def train(part: str, out: Path, seed: int, budget: Budget, processes: int) -> None:
    """Train one part into its place under ``out``; the UNet needs the VAE there, the LoRAs the backbone."""
    if part == "clip":
        from carlos_tasks.microworld.clip import train_clip

        train_clip(out / "encoder", seed, budget)
    elif part == "vae":
        from carlos_tasks.microworld.vae import train_vae

        train_vae(out / "backbone" / "vae", seed, budget)
    elif part == "unet":
        from carlos_tasks.microworld.unet import train_unet

        train_unet(out / "backbone", seed, budget)
    else:
        train_zoo(out, seed, budget, processes)


def train_zoo(out: Path, seed: int, budget: Budget, processes: int) -> None:
    """Train every LoRA of ``zoo.json``, several at a time with one thread each."""
    from carlos_tasks.microworld.zoo import specification

    slugs = list(specification()["loras"])
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=_one_thread) as pool:
        waiting = {slug: pool.submit(train_one, out, slug, seed, budget) for slug in slugs}
        for number, (slug, result) in enumerate(waiting.items(), start=1):
            result.result()
            print(f"loras: {slug} done, {number} of {len(slugs)}", flush=True)


def train_one(out: Path, slug: str, seed: int, budget: Budget) -> None:
    """Train one LoRA of ``zoo.json``; its own seed is shifted by the run's, and it may need more steps and pictures."""
    from carlos_tasks.microworld.loras import PICTURES, Recipe, train_lora
    from carlos_tasks.microworld.zoo import specification

    entry = specification()["loras"][slug]
    recipe = Recipe(slug, tuple(entry["effects"]), entry["subject"], entry["seed"] + 1000 * seed, entry["trigger"])
    if "steps" in entry and budget == BUDGETS["loras"]:
        budget = Budget(steps=entry["steps"])
    train_lora(out / "backbone", out / "zoo", recipe, budget, entry.get("pictures", PICTURES))


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
    parser.add_argument("--steps", type=int, help="steps for each model (each LoRA), instead of wall time")
    parser.add_argument("--processes", type=int, default=2, help="LoRAs trained at the same time (default 2)")
    options = parser.parse_args(arguments)
    for part in PARTS if options.part == "all" else (options.part,):
        asked = options.minutes or options.steps
        budget = Budget(options.minutes, options.steps) if asked else BUDGETS[part]
        train(part, options.out, options.seed, budget, options.processes)


if __name__ == "__main__":
    main()
