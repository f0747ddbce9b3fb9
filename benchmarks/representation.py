"""How long the representations take in SQL, against the n x n method, in one run on the same embeddings.

    python benchmarks/representation.py [--loras 8 --prompts 280 --seeds 16 --dimension 512] [--repeat 3] [--json]

The SQL side is `sql/commit/insert_representation.sql` as the nightly commit runs it, parquet shards to rows, with all
standard errors. The n x n side is numpy's matrix of all pairwise cosines of embeddings that are in memory already,
and yields Consistency only. Both must agree with a float64 reference to 1e-5.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np
from rich.console import Console
from rich.table import Table

from carlos_tasks.arrays import Doubles, Floats
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.register import register_shards
from carlos_tasks.lake.shards import write_shard
from carlos_tasks.lake.statements import rows, run_statement
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE, shard_key

PROFILE = "benchmark"
PAIRS_PER_SHARD = 1120
TARGET_SECONDS, TARGET_RATIO, TARGET_ERROR = 1.5, 8.0, 1e-5

T = TypeVar("T")


def main() -> int:
    """Measure, print, and exit with 1 where a target of the project is missed."""
    options = parse_options()
    rng = np.random.default_rng(0)
    n_pairs = options.prompts * options.seeds
    baseline = (rng.normal(size=(n_pairs, options.dimension)) * 0.4).astype(np.float32)
    loras = {f"lora{n}": with_effect(rng, baseline) for n in range(options.loras)}
    with tempfile.TemporaryDirectory() as folder, prepared_lake(Path(folder), options, baseline, loras) as con:
        sql_seconds, rows = best_of(options.repeat, lambda: by_sql(con, list(loras)))
    nxn_seconds, nxn = best_of(options.repeat, lambda: {k: by_nxn(x - baseline) for k, x in loras.items()})
    error = max(largest_error(loras[row["lora_id"]], baseline, row) for row in rows)
    report = {
        "loras": options.loras,
        "pairs": n_pairs,
        "dimension": options.dimension,
        "cores": os.cpu_count(),
        "sql_seconds": round(sql_seconds, 3),
        "nxn_seconds": round(nxn_seconds, 3),
        "ratio": round(nxn_seconds / sql_seconds, 2),
        "error_sql": error,
        "error_nxn": max(abs(nxn[row["lora_id"]] - row["consistency"]) for row in rows),
    }
    show(report, options.json)
    reached = sql_seconds <= TARGET_SECONDS and report["ratio"] >= TARGET_RATIO and error <= TARGET_ERROR
    return 0 if reached else 1


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loras", type=int, default=8)
    parser.add_argument("--prompts", type=int, default=280)
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--repeat", type=int, default=3, help="the best of so many runs counts, on both sides")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


def with_effect(rng: np.random.Generator, baseline: Floats) -> Floats:
    """Return embeddings that differ from the baseline by one direction and noise."""
    noise = 0.2 * rng.normal(size=baseline.shape)
    return (baseline + 0.1 * rng.normal(size=baseline.shape[1]) + noise).astype(np.float32)


def prepared_lake(
    folder: Path, options: argparse.Namespace, baseline: Floats, loras: dict[str, Floats]
) -> duckdb.DuckDBPyConnection:
    """Make a lake with all shards registered and nothing computed."""
    settings = Settings(store=str(folder / "store"), catalog=f"sqlite:{folder / 'catalog.sqlite'}")
    store = open_store(settings.store)
    pairs = [(f"prompt-{p:04d}", seed) for p in range(options.prompts) for seed in range(options.seeds)]
    keys = []
    for lora_id, embeddings in {BASELINE: baseline, **loras}.items():
        for start in range(0, len(pairs), PAIRS_PER_SHARD):
            keys.append(shard_key(PROFILE, lora_id, start // PAIRS_PER_SHARD))
            stop = start + PAIRS_PER_SHARD
            rows = zip(pairs[start:stop], embeddings[start:stop], strict=True)
            write_shard(store, keys[-1], [{"prompt_id": p, "seed": s, "embedding": e} for (p, s), e in rows])
    con = connect(settings, read_only=False)
    migrate(con)
    register_shards(con, keys)
    return con


def by_sql(con: duckdb.DuckDBPyConnection, lora_ids: list[str]) -> list[dict[str, Any]]:
    """Compute the representations as the commit does, and take them back."""
    con.execute("begin")
    run_statement(con, "insert_representation", {"profile_id": PROFILE, "lora_ids": lora_ids})
    found = rows(con, "from core.representation order by lora_id")
    con.execute("rollback")
    return found


def by_nxn(differences: Floats) -> float:
    """Consistency as the definition reads: the mean of the n x n matrix of cosines above its diagonal."""
    units = differences / np.linalg.norm(differences, axis=1, keepdims=True)
    cosines = units @ units.T
    return float(cosines[np.triu_indices(len(units), k=1)].mean(dtype=np.float64))


def largest_error(embeddings: Floats, baseline: Floats, row: dict[str, Any]) -> float:
    """Return the largest relative error of one row against float64 numpy."""
    v: Doubles = embeddings.astype(np.float64) - baseline
    lengths = np.linalg.norm(v, axis=1)
    units, n = v / lengths[:, None], len(v)
    consistency = ((units.sum(axis=0) ** 2).sum() - n) / (n * (n - 1))
    direction = v.mean(axis=0)
    off = np.abs(np.array(row["direction"]) - direction).max() / np.abs(direction).max()
    return float(max(off, abs(row["strength"] / lengths.mean() - 1), abs(row["consistency"] / consistency - 1)))


def best_of(repeat: int, call: Callable[[], T]) -> tuple[float, T]:
    """Return the shortest time of some runs, in seconds, and the last result."""
    seconds = []
    for _ in range(repeat):
        started = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - started)
    return min(seconds), result


def show(report: dict[str, Any], as_json: bool) -> None:
    """Print the report for a program or for a person."""
    if as_json:
        print(json.dumps(report))
        return
    table = Table(title=f"{report['loras']} LoRAs x {report['pairs']} pairs x {report['dimension']}")
    for column in ("", "measured", "target"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row("SQL, all columns (s)", f"{report['sql_seconds']:.2f}", f"<= {TARGET_SECONDS}")
    table.add_row("n x n, Consistency only (s)", f"{report['nxn_seconds']:.2f}", "")
    table.add_row("ratio", f"{report['ratio']:.1f}", f">= {TARGET_RATIO:.0f}")
    table.add_row("largest relative error of SQL", f"{report['error_sql']:.1e}", f"<= {TARGET_ERROR:.0e}")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
