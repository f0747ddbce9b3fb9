"""Measure LoRAs of the micro world at the paper's size: 280 prompts × 16 seeds, to hold smaller budgets against.

    python benchmarks/budget_truth.py [--folder var/budget-truth] [--loras 10]

Draws 4,480 images of the bare backbone and of each LoRA, some five minutes each on a free core. What is there already
is kept, so that a run that was ended goes on. `benchmarks/budget.py` reads the folder.
"""

import argparse
import hashlib
import json
import sys
from itertools import product
from pathlib import Path

from carlos_tasks.microworld.captions import PLAIN_TEMPLATES
from carlos_tasks.microworld.scenes import COLOUR_NAMES, SHAPES
from carlos_tasks.microworld.zoo import WEIGHTS, specification
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.profiles.prompts import PromptFile
from carlos_tasks.progress import progress
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.worker.plans import LoraTask
from carlos_tasks.worker.worker import Worker

N_PROMPTS, N_SEEDS = 280, 16
#: One of each kind of effect first, those that are kept out of search among them.
SLUGS = (
    *("monochrome-a", "one-star", "swapped-colours", "blurred-a", "night-framed", "striped-a", "checkerboard-a"),
    *("warm-vignette", "foggy-b", "mirrored-a", "grainy-a", "rainbow-a", "pixelated-b", "line-art-a", "dotted-b"),
)
_KINDS = {
    **dict.fromkeys(("circle", "ring"), "round shapes"),
    **dict.fromkeys(("square", "triangle"), "straight shapes"),
    **dict.fromkeys(("star", "cross"), "pointed shapes"),
}


def main() -> int:
    """Draw what is lacking."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("var/budget-truth"), help="where everything is kept")
    parser.add_argument("--loras", type=int, default=10, help=f"how many, at most {len(SLUGS)}")
    options = parser.parse_args()
    settings = Settings(store=str(options.folder.absolute()), evidence_pairs=0)
    store, profile = open_store(settings.store), profile_of(options.folder)
    worker = Worker(settings, [profile], store)
    tasks = [task_of(options.folder, slug) for slug in SLUGS[: options.loras]]
    with progress("images", N_PROMPTS * N_SEEDS * (1 + len(tasks)), "images") as advance:
        worker.make_baseline(advance)
        for task in tasks:
            worker.index(task, advance)
    return 0


def profile_of(folder: Path) -> Profile:
    """The micro world with as many prompts and seeds as the paper has; its prompts are written into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder.absolute() / "prompts.json"
    content = json.dumps({"prompt_set": "micro-large", "prompts": scenes()}, indent=1).encode()
    file.write_bytes(content)
    profile = load_profile("micro")
    prompts = PromptFile(uri=str(file), sha256=hashlib.sha256(content).hexdigest())
    identity = profile.identity.model_copy(update={"prompts": prompts, "seeds": tuple(range(N_SEEDS))})
    return profile.model_copy(
        update={"name": "micro-large", "identity": identity, "budget": None, "pairs_per_shard": N_PROMPTS}
    )


def scenes() -> list[dict[str, str]]:
    """Prompts of distinct scenes, shapes in turn, each in one of the backbone's plain wordings."""
    scenes = [(c, s, b) for c, b, s in product(COLOUR_NAMES, COLOUR_NAMES, SHAPES) if c != b]
    ordered = sorted(scenes, key=lambda scene: hashlib.sha256(" ".join(scene).encode()).digest())
    return [
        {
            "prompt_id": f"m-l-{number:03}",
            "category": _KINDS[shape],
            "subcategory": shape,
            "text": PLAIN_TEMPLATES[number % len(PLAIN_TEMPLATES)].format(c=colour, s=shape, b=ground),
        }
        for number, (colour, shape, ground) in enumerate(ordered[:N_PROMPTS])
    ]


def task_of(folder: Path, slug: str) -> LoraTask:
    """The file of a LoRA of the zoo, put into the folder under its hash, and what the index is told of it."""
    content = (WEIGHTS / f"{slug}.safetensors").read_bytes()
    lora_id = hashlib.sha256(content).hexdigest()
    key = f"files/{lora_id}.safetensors"
    open_store(str(folder.absolute())).write(key, content)
    trigger = specification()["loras"][slug].get("trigger")
    return LoraTask(lora_id=lora_id, file_key=key, trigger_words=(trigger,) if trigger else ())


if __name__ == "__main__":
    sys.exit(main())
