"""How long does an attribution report over 100,000 LoRAs take, in which memory, and how large is its page?

    python benchmarks/attribution.py [--loras 100000] [--prompts 280] [--json]

A made-up lake: Directions of 512 dimensions around fifty effects, each with a listing; one LoRA is the reference. The
hundred nearest to it have differences by prompt, so that intervals are taken as in a measured profile. The report
runs in a process of its own, so that the largest memory is its own. Exits with 1 where a target is missed: seconds,
gigabytes, megabytes of the page.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.ranking import DIMENSION, make_lake
from carlos_tasks.attribution.reference import make_reference
from carlos_tasks.console import print_json, print_table
from carlos_tasks.lake.catalog import connect
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.reports.attribution.report import write_attribution
from carlos_tasks.settings import Settings

N_WITH_PROMPTS = 100
TARGET_S, TARGET_GB, TARGET_PAGE_MB = 60.0, 3.0, 15.0


def main() -> int:
    """Make the lake, let a fresh process write the report, print the figures, and judge them."""
    options = parse_options()
    if options.measure:
        given, lora_id, out = options.measure
        print(json.dumps(measure(Settings(**json.loads(given)), lora_id, Path(out))))
        return 0
    with tempfile.TemporaryDirectory(prefix="carlos-attribution-") as folder:
        settings = Settings(store=f"{folder}/store", catalog=f"sqlite:{folder}/catalog.sqlite")
        make_lake(settings, options.loras)
        lora_id = add_prompt_differences(settings, options.prompts)
        given = json.dumps(settings.model_dump(include={"store", "catalog", "profile"}))
        command = [sys.executable, "-m", "benchmarks.attribution", "--measure", given, lora_id, f"{folder}/report"]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    row = json.loads(answer.stdout.splitlines()[-1])
    if options.json:
        print_json([row])
    else:
        print_table([row], list(row), title="An attribution report")
    missed = [
        f"{name} is {row[name]}, and not at most {limit}"
        for name, limit in (("seconds", TARGET_S), ("peak_gb", TARGET_GB), ("page_mb", TARGET_PAGE_MB))
        if row[name] > limit
    ]
    for fault in missed:
        print(f"attribution: {fault}", file=sys.stderr)
    return 1 if missed else 0


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loras", type=int, default=100_000, help="LoRAs of the lake")
    parser.add_argument("--prompts", type=int, default=280, help="prompts of each LoRA")
    parser.add_argument("--json", action="store_true", help="print one JSON array of objects")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)  # what this program runs itself as
    return parser.parse_args()


def add_prompt_differences(settings: Settings, n_prompts: int) -> str:
    """Commit differences by prompt of the LoRAs that are nearest to the first one; returns its id."""
    rng = np.random.default_rng(3)
    profile_id = load_profile(settings.profile).profile_id
    with connect(settings, read_only=False) as con:
        nearest = con.execute(
            "with one as (select lora_id, direction from core.representation order by lora_id limit 1) "
            "select other.lora_id, other.direction from core.representation as other, one "
            "where other.lora_id <> one.lora_id "
            "order by list_cosine_similarity(other.direction, one.direction) desc limit $n",
            {"n": N_WITH_PROMPTS},
        ).fetchall()
        (first,) = con.execute("select min(lora_id) from core.representation").fetchall()[0]
        directions = np.repeat(np.array([direction for _, direction in nearest], np.float32), n_prompts, axis=0)
        differences = directions + rng.standard_normal(directions.shape, dtype=np.float32)
        offsets = np.arange(0, differences.size + 1, DIMENSION, dtype=np.int32)
        columns = {
            "lora_id": pa.array(np.repeat([lora_id for lora_id, _ in nearest], n_prompts)),
            "prompt_id": pa.array([f"p{number}" for number in range(n_prompts)] * len(nearest)),
            "difference": pa.ListArray.from_arrays(pa.array(offsets), pa.array(differences.ravel())),
        }
        con.register("made", pa.table(columns))
        con.execute(
            "insert into core.prompt_difference by name "
            "select $1 as profile_id, lora_id, prompt_id, 16 as n_pairs, difference from made",
            [profile_id],
        )
    return str(first)


def measure(settings: Settings, lora_id: str, out: Path) -> dict[str, Any]:
    """Write the report, and tell what it took."""
    started = time.perf_counter()
    manifest = write_attribution(settings, make_reference(lora_ids=[lora_id]), out)
    return {
        "loras": manifest["summary"]["n_compared"],
        "flagged": manifest["summary"]["n_flagged"],
        "seconds": round(time.perf_counter() - started, 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "page_mb": round((out / "attribution.html").stat().st_size / 1e6, 2),
        "bundle_mb": round(sum(file["bytes"] for file in manifest["files"]) / 1e6, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
