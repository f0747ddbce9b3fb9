"""What a second encoder costs: a LoRA under one profile, under two with the same images, and under two without.

    python benchmarks/encoders.py [--pairs 120] [--repeat 3] [--json]

It is a LoRA of the micro world, and the second encoder a small DINOv2 with random weights. The runs alternate, and the
best of each way counts, by the processor's time and by the clock.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from carlos_tasks.embedding.random_encoders import random_dinov2
from carlos_tasks.microworld.zoo import WEIGHTS as ZOO
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.profiles.same_images import grouped_by_images
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.worker.plans import LoraTask
from carlos_tasks.worker.worker import Worker

#: Times of one profile: two with the same images may take so much, since drawing is nearly all of it.
TARGET = 1.15
LORA = ZOO / "striped-a.safetensors"


def main() -> int:
    """Measure, print, and exit with 1 where a target of the project is missed."""
    options = parse_options()
    with tempfile.TemporaryDirectory() as folder:
        report = measure(Path(folder), options.pairs, options.repeat)
    show(report, options.json)
    return 0 if report["reached"] else 1


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=120, help="of a LoRA, at most 120")
    parser.add_argument("--repeat", type=int, default=4, help="the best of so many runs counts, of each way")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(arguments)


def measure(folder: Path, n_pairs: int, repeat: int) -> dict[str, Any]:
    """Measure all ways by turns."""
    one, same, other = profiles_of(folder, n_pairs)
    ways = {
        "one": Way(folder / "one", [one]),
        "same_images": Way(folder / "same", [one, same]),
        "other_images": Way(folder / "other", [one, other]),
    }
    for way in ways.values():
        way.seconds("warm")  # loads the models
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(repeat):
        # By turns in both directions: what stands behind another finds caches and clock as that left them.
        for name, way in list(ways.items())[:: 1 if number % 2 else -1]:
            taken[name].append(way.seconds(f"run-{number}"))
    best = {name: [min(column) for column in zip(*its, strict=True)] for name, its in taken.items()}
    ratios = {f"times_{name}": round(its[0] / best["one"][0], 2) for name, its in best.items() if name != "one"}
    return {
        "pairs": len(one.pairs()),
        **{f"{name}_seconds": [round(value, 2) for value in its] for name, its in best.items()},
        **ratios,
        "reached": ratios["times_same_images"] <= TARGET,
    }


def profiles_of(folder: Path, n_pairs: int) -> tuple[Profile, Profile, Profile]:
    """The micro profile; it with another encoder; and that at another scale, so that its images are others."""
    micro = load_profile("micro").model_copy(update={"budget": None})
    n_prompts = len(micro.indexing_prompts().prompts)
    one = with_identity(micro, "one", seeds=micro.identity.seeds[: max(1, n_pairs // n_prompts)])
    same = with_identity(one, "same", encoder=random_dinov2(folder / "encoder"))
    other = with_identity(same, "other", lora=micro.identity.lora.model_copy(update={"scale": 0.9}))
    return one, same, other


def with_identity(profile: Profile, name: str, **changes: Any) -> Profile:
    """The profile with changes of its identity."""
    return profile.model_copy(update={"name": name, "identity": profile.identity.model_copy(update=changes)})


class Way:
    """Workers for some profiles, one for each group of them with the same images, in a store of their own."""

    def __init__(self, folder: Path, profiles: Sequence[Profile]) -> None:
        self.store = open_store(str(folder))
        settings = Settings(store=str(folder))
        self.workers = [Worker(settings, group, self.store) for group in grouped_by_images(profiles)]

    def seconds(self, lora_id: str) -> tuple[float, float]:
        """Measure a LoRA under all profiles: the processor's time and the clock's."""
        task = LoraTask(lora_id, f"files/{lora_id}.safetensors", ())
        self.store.upload(LORA, task.file_key)
        started, began = time.process_time(), time.perf_counter()
        outcomes = [outcome for worker in self.workers for outcome in worker.index(task, lambda _: None)]
        taken = time.process_time() - started, time.perf_counter() - began
        assert {outcome.status for outcome in outcomes} == {"embedded"}
        return taken


def show(report: dict[str, Any], as_json: bool) -> None:
    """Print the report as JSON, or as a table."""
    if as_json:
        json.dump(report, sys.stdout)
        return
    table = Table("profiles", "processor, s", "clock, s", "times one", title=f"a LoRA of {report['pairs']} pairs")
    for name, words in (
        ("one", "one"),
        ("same_images", "two with the same images"),
        ("other_images", "two with different images"),
    ):
        processor, clock = report[f"{name}_seconds"]
        table.add_row(words, f"{processor:.2f}", f"{clock:.2f}", f"{report.get(f'times_{name}', 1):.2f}")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
