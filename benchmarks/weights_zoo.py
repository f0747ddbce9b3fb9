"""Do weights tell which LoRAs were trained for the same effect, with four trainings of each?

    python benchmarks/weights_zoo.py [--per-effect 4] [--folder var/weights-zoo] [--processes 2] [--json]

The zoo has two trainings of eight effects, one of others, and some of two effects at once, which share one with each
of their parts. More of the eight are trained where they are lacking, from other seeds and other pictures, in float32,
about a minute each on a free core, and are kept in the folder. Exits with 1 where pairs that share an effect are told
from others with an AUROC below .95 by all that the weights say, or below .93 by what is kept of it.
"""

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from carlos_tasks.arrays import Doubles
from carlos_tasks.console import print_json, print_table
from carlos_tasks.evaluation.weights.agreement import auroc
from carlos_tasks.lora.sketch.sketch import sketch_file
from carlos_tasks.microworld.training import Budget
from carlos_tasks.microworld.zoo import SHIPPED, WEIGHTS, specification

#: At least so much by the whole weights, and by what is kept of them.
TARGETS = {"output, whole": 0.95, "output_sketch": 0.93}
STEPS, N_BOOTSTRAP = 180, 500
SHIPPED_TRAININGS = 2


def main() -> int:
    """Train what is lacking, print the table, and judge it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-effect", type=int, default=4, help="trainings of each of eight effects")
    parser.add_argument("--folder", type=Path, default=Path("var/weights-zoo"), help="where they are kept")
    parser.add_argument("--processes", type=int, default=2, help="LoRAs trained at the same time")
    parser.add_argument("--json", action="store_true", help="print one JSON array of objects")
    options = parser.parse_args()
    files = trained(options.folder, options.per_effect, options.processes)
    rows = compared(files)
    if options.json:
        print_json(rows)
    else:
        print_table(rows, list(rows[0]), title=f"{len(files)} LoRAs of the micro world")
    missed = [row for row in rows if (row["auroc"] or 0) < TARGETS.get(row["compared_by"], 0)]
    for row in missed:
        print(f"weights_zoo: {row['compared_by']} has an AUROC of {row['auroc']:.3f}", file=sys.stderr)
    return int(bool(missed))


def trained(folder: Path, per_effect: int, processes: int) -> dict[Path, frozenset[str]]:
    """Return the files of the zoo and of the folder, with the effects of each."""
    loras = specification()["loras"]
    counts = Counter(entry["effects"][0] for entry in loras.values() if is_plain(entry))
    files = {WEIGHTS / f"{slug}.safetensors": frozenset(entry["effects"]) for slug, entry in loras.items()}
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {
        folder / f"{effect.replace(' ', '-')}-{number}.safetensors": (effect, number)
        for effect in sorted(effect for effect, n in counts.items() if n == SHIPPED_TRAININGS)
        for number in range(SHIPPED_TRAININGS, per_effect)
    }
    todo = [(path, *of) for path, of in wanted.items() if not path.is_file()]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for done in [pool.submit(train, *one) for one in todo]:
            done.result()
    return files | {path: frozenset({effect}) for path, (effect, _) in wanted.items()}


def is_plain(entry: dict[str, Any]) -> bool:
    """Tell whether a recipe is for one effect, on scenes that are truly captioned."""
    return len(entry["effects"]) == 1 and entry["subject"] == "scenes"


def train(path: Path, effect: str, number: int) -> None:
    """Train one LoRA from a seed of its own; it appears whole or not at all."""
    import torch

    from carlos_tasks.microworld.loras import Recipe, train_lora

    torch.set_num_threads(1)
    seed = 10_000 * number + sum(effect.encode())
    room = path.parent / f"{path.stem}.part"
    room.mkdir(exist_ok=True)
    recipe = Recipe(path.stem, (effect,), "scenes", seed, "")
    made = train_lora(SHIPPED / "backbone", room, recipe, Budget(steps=STEPS), is_mixed=False)
    made.replace(path)
    room.rmdir()


def compared(files: dict[Path, frozenset[str]]) -> list[dict[str, Any]]:
    """One row for each way to compare: how well it tells pairs of one effect, and how often the nearest shares it."""
    effects = list(files.values())
    same = np.array([[bool(one & other) for other in effects] for one in effects]) & ~np.eye(len(effects), dtype=bool)
    sketches = [sketch_file(path, "micro-xl") for path in files]
    kept = {
        f"{name}_sketch": cosines_of(np.stack([np.frombuffer(getattr(s, name), np.int8) for s in sketches]))
        for name in ("change", "output")
    }
    rows = []
    for name, cosines in (whole_cosines(list(files)) | kept).items():
        value, low, high = auroc(cosines, same, np.triu(np.ones(same.shape, bool), 1), N_BOOTSTRAP, 0)
        nearest = np.where(np.eye(len(same), dtype=bool), -np.inf, cosines).argmax(axis=1)
        has_partner = same.any(axis=1)
        rows.append(
            {
                "compared_by": name,
                "auroc": value,
                "auroc_low": low,
                "auroc_high": high,
                "nearest_shares_effect": float(same[np.arange(len(same)), nearest][has_partner].mean()),
                "cosine_same": float(cosines[same].mean()),
                "cosine_others": float(cosines[~same & ~np.eye(len(same), dtype=bool)].mean()),
                "n_same_pairs": int(same.sum()) // 2,
            }
        )
    return rows


def whole_cosines(paths: list[Path]) -> dict[str, Doubles]:
    """Cosines of the weight changes themselves, and of ΔW · ΔWᵀ with each module at length 1: float64 (n, n)."""
    files = [load_file(path) for path in paths]
    modules = sorted({name.rpartition(".lora_")[0] for name in files[0]})
    change, output = np.zeros((len(paths), len(paths))), np.zeros((len(paths), len(paths)))
    for module in modules:
        downs, ups = (
            np.stack([file[f"{module}.lora_{half}.weight"].astype(np.float64) for file in files]) for half in "AB"
        )
        changes = ups @ downs
        change += gram(changes)
        outer = changes @ changes.transpose(0, 2, 1)
        output += gram(outer / np.linalg.norm(outer, axis=(1, 2), keepdims=True))
    return {"change, whole": scaled(change), "output, whole": scaled(output)}


def gram(matrices: Doubles) -> Doubles:
    """Scalar products of matrices: (n, …) to (n, n)."""
    flat = matrices.reshape(len(matrices), -1)
    products: Doubles = flat @ flat.T
    return products


def scaled(products: Doubles) -> Doubles:
    """Scalar products as cosines."""
    lengths = np.sqrt(np.diag(products))
    cosines: Doubles = products / np.outer(lengths, lengths)
    return cosines


def cosines_of(vectors: np.ndarray) -> Doubles:
    """Cosines of rows of signed bytes."""
    return scaled(gram(vectors.astype(np.float64)))


if __name__ == "__main__":
    sys.exit(main())
