"""A new text query from nothing: in a process of its own, cold and warm, against the authors' way in the same run.

    python benchmarks/query_cold.py [--repeat 2] [--pretrained openai] [--json]

Each measurement is one process that loads the encoder and asks. Its first query fills the prefix cache (cold); the
next one, of other words, finds it filled (warm). The authors' way runs in a process of its own too, and embeds all
280 prompts twice for every query. Both sides take turns, and the median counts. Seconds are those of the clock, and
`cpu` those of the processor, user and system, on all cores. Loading the encoder is told by itself: both sides pay it.
The vectors of the two sides are compared.
"""

import argparse
import base64
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.query import Bench, vit_b_32
from carlos_tasks.arrays import Floats
from carlos_tasks.console import print_json, print_table
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.store.folder import FolderStore

#: One word, and a sentence; the second of each is what a warm process is asked.
TEXTS = {
    "one word": ("watercolor", "sketch"),
    "a sentence": (
        "a soft watercolor painting of a quiet harbour at dawn",
        "a rough pencil sketch of an old bridge in the rain",
    ),
}
SIDES = ("ours", "authors")


def main() -> int:
    """Measure, print, and exit with 1 where the two sides give different vectors."""
    options = parse_options()
    if options.ask:
        ask(options.ask, options.text, options.pretrained)
        return 0
    rows = [row for name in TEXTS for row in rows_of(name, options.repeat, options.pretrained)]
    if options.json:
        print_json(rows)
    else:
        print_table(rows, list(rows[0]), title="A new text query, each side in processes of its own (seconds)")
    return 0 if max(row["error"] for row in rows) <= 1e-5 else 1


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=2, help="processes of each side and text")
    parser.add_argument("--pretrained", help="tag of real weights, e.g. openai; they must be on this machine")
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    parser.add_argument("--ask", choices=SIDES, help=argparse.SUPPRESS)  # what a process of its own is started with
    parser.add_argument("--text", choices=TEXTS, help=argparse.SUPPRESS)
    return parser.parse_args()


def rows_of(name: str, repeat: int, pretrained: str | None) -> list[dict[str, Any]]:
    """Start processes of both sides in turn; return a row for the first query of a process and one for the next."""
    told: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for _ in range(repeat):
        for side in SIDES:
            command = [sys.executable, __file__, "--ask", side, "--text", name]
            command += ["--pretrained", pretrained] if pretrained else []
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            told[side].append(json.loads(done.stdout))
    return [_row(name, state, place, told) for place, state in enumerate(("cold", "warm"))]


def _row(name: str, state: str, place: int, told: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    taken = {
        (side, kind): statistics.median(process[kind][place] for process in told[side])
        for side in SIDES
        for kind in ("s", "cpu")
    }
    ours, theirs = (np.frombuffer(base64.b64decode(told[side][0]["vectors"][place]), np.float32) for side in SIDES)
    return {
        "query": name,
        "process": state,
        "load_s": round(statistics.median(process["load"] for side in SIDES for process in told[side]), 2),
        **{f"{side}_{kind}": round(seconds, 3) for (side, kind), seconds in taken.items()},
        "ratio_s": round(taken["authors", "s"] / taken["ours", "s"], 1),
        "ratio_cpu": round(taken["authors", "cpu"] / taken["ours", "cpu"], 1),
        "error": float(np.abs(ours - theirs).max()),
    }


def ask(side: str, name: str, pretrained: str | None) -> None:
    """Load the encoder, ask both texts one after the other, and print what each took and gave."""
    started = time.perf_counter()
    clip = vit_b_32(pretrained)
    load = time.perf_counter() - started
    profile = load_profile("sdxl-paper")
    prompts = [prompt.text for prompt in profile.search_prompts().prompts]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(profile, prompts, clip, FolderStore(Path(folder)))
        vector = bench.encoder.vector if side == "ours" else bench.authors_vector
        seconds, cpu, vectors = zip(*(timed(vector, text) for text in TEXTS[name]), strict=True)
    print(json.dumps({"load": load, "s": seconds, "cpu": cpu, "vectors": vectors}))


def timed(vector: Callable[[str], Floats], text: str) -> tuple[float, float, str]:
    """Return seconds of the clock and of the processor for a query vector, and the vector."""
    clock, cpu = time.perf_counter(), time.process_time()
    found = vector(text)
    return time.perf_counter() - clock, time.process_time() - cpu, base64.b64encode(found.tobytes()).decode()


if __name__ == "__main__":
    sys.exit(main())
