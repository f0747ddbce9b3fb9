"""What does it cost to describe weights, and to compare 100 new LoRAs with 100,000?

    python benchmarks/weights.py [--known 100000] [--new 100] [--json]

Files as wide as SDXL's with random weights are described (`carlos_tasks.lora.sketch`): rank 16 on all attention, and
rank 64 on every layer. Then a lake of random sketches, which is the worst case for no shortcut is taken, gets new ones
as a commit adds them. Exits with 1 where the comparison takes more than 10 s.
"""

import argparse
import json
import resource
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from carlos_tasks.commit.alike_weights import add_alike_weights
from carlos_tasks.commit.weight_sketches import keep_few_rows_together
from carlos_tasks.console import print_json, print_table
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.register import registered
from carlos_tasks.lake.statements import run_statement
from carlos_tasks.lake.transaction import transaction
from carlos_tasks.lora.backbones.architecture import FOLDER, Slot, read_slots
from carlos_tasks.lora.sketch.sketch import SIZE, VERSION, Sketch, sketch_file
from carlos_tasks.settings import Settings

TARGET_S = 10.0
ROWS_PER_INSERT = 8192
FILES: dict[str, tuple[int, Callable[[Slot], bool]]] = {
    "rank 16, attention": (16, lambda slot: "attn" in slot.module),
    "rank 64, every layer": (64, lambda slot: True),
}


def main() -> int:
    """Measure, print the table, and judge it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--known", type=int, default=100_000, help="LoRAs that the lake has")
    parser.add_argument("--new", type=int, default=100, help="LoRAs that come")
    parser.add_argument("--json", action="store_true", help="print one JSON array of objects")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="carlos-weights-") as folder:
        rows = [describe(Path(folder), name) for name in FILES]
        rows.append(compare(Path(folder), options.known, options.new))
    if options.json:
        print_json(rows)
    else:
        print_table(rows, list(rows[0]), title="Describing weights, and comparing them")
    slow = rows[-1]["seconds"] > TARGET_S
    if slow:
        print(f"weights: comparing took {rows[-1]['seconds']} s, and not at most {TARGET_S}", file=sys.stderr)
    return int(slow)


def describe(folder: Path, name: str) -> dict[str, Any]:
    """Describe a file of SDXL's size."""
    rank, is_wanted = FILES[name]
    path = folder / "lora.safetensors"
    size = write_lora(path, rank, is_wanted)
    row = measured(f"{name}, {size >> 20} MB", lambda: sketch_file(path, "sdxl"))
    path.unlink()
    return row


def write_lora(path: Path, rank: int, is_wanted: Callable[[Slot], bool]) -> int:
    """Write a LoRA for SDXL's UNet in kohya's layout with random weights; returns its bytes."""
    fields: dict[str, Any] = {}
    end = 0
    for slot in read_slots(FOLDER / "sdxl.json"):
        if slot.component != "unet" or not slot.is_layer or not is_wanted(slot):
            continue
        own = min(rank, slot.shape[0], slot.fan_in)
        ones = [1] * (len(slot.shape) - 2)
        halves = {"lora_down.weight": [own, *slot.shape[1:]], "lora_up.weight": [slot.shape[0], own, *ones]}
        for part, shape in halves.items():
            start, end = end, end + 2 * int(np.prod(shape))
            name = f"lora_unet_{slot.module.replace('.', '_')}.{part}"
            fields[name] = {"dtype": "F16", "shape": shape, "data_offsets": [start, end]}
    header = json.dumps(fields).encode()
    noise = np.random.default_rng(0).normal(0, 0.02, 2**21).astype(np.float16).tobytes()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for start in range(0, end, len(noise)):
            file.write(noise[: end - start])
    return end


def compare(folder: Path, n_known: int, n_new: int) -> dict[str, Any]:
    """Compare new sketches with those of a lake, in one transaction."""
    settings = Settings(store=f"{folder}/store", catalog=f"sqlite:{folder}/catalog.sqlite")
    rng = np.random.default_rng(0)
    with connect(settings, read_only=False) as con:
        migrate(con)
        keep_few_rows_together(con)
        for start in range(0, n_known, ROWS_PER_INSERT):
            put_sketches(con, rng, start, min(ROWS_PER_INSERT, n_known - start))
    new = {
        sha256(f"new {number}".encode()).hexdigest(): Sketch(
            "sdxl", None, 794, 1.0, *(row.tobytes() for row in noise_of(rng, 2))
        )
        for number in range(n_new)
    }
    with connect(settings, read_only=False) as con:

        def added() -> None:
            with transaction(con, "describe weights", {}):
                add_alike_weights(con, new)

        return measured(f"{n_new} new against {n_known}", added)


def put_sketches(con: duckdb.DuckDBPyConnection, rng: np.random.Generator, start: int, n: int) -> None:
    """Add random sketches to the lake."""
    columns = {
        "lora_id": [sha256(f"{start + number}".encode()).hexdigest() for number in range(n)],
        "base_model": ["sdxl"] * n,
        "version": pa.array([VERSION] * n, pa.int32()),
        "reason": pa.nulls(n, pa.string()),
        "n_modules": pa.array([794] * n, pa.int32()),
        "change_norm": [1.0] * n,
    }
    vectors = {name: blobs(noise_of(rng, n)) for name in ("change_sketch", "output_sketch")}
    with registered(con, "sketches", pa.table(columns | vectors)):
        run_statement(con, "add_weight_sketches")


def noise_of(rng: np.random.Generator, n: int) -> np.ndarray:
    """Random sketches, int8 (n, 8192), spread as those of SDXL's files are."""
    return np.clip(rng.standard_normal((n, SIZE), dtype=np.float32) * 32, -127, 127).astype(np.int8)


def blobs(vectors: np.ndarray) -> pa.Array:
    """One blob a row."""
    offsets = np.arange(0, vectors.size + 1, SIZE, dtype=np.int32)
    return pa.Array.from_buffers(pa.binary(), len(vectors), [None, pa.py_buffer(offsets), pa.py_buffer(vectors)])


def measured(what: str, call: Callable[[], object]) -> dict[str, Any]:
    """Time a call, by the clock and by the processor."""
    started, busy = time.perf_counter(), time.process_time()
    call()
    return {
        "what": what,
        "seconds": round(time.perf_counter() - started, 2),
        "processor_s": round(time.process_time() - busy, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


if __name__ == "__main__":
    sys.exit(main())
