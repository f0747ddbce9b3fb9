"""Do the representations grow with what is new, and with nothing else?

    python benchmarks/growth.py [--prompts 280 --seeds 16 --dimension 512] [--old 100000] [--json]

Three questions, on made-up embeddings and what the nightly commit runs over them:
- Is the time linear in pairs and in LoRAs? Prompts of a LoRA at 1, 2 and 4 times, and LoRAs at 1, 2 and 4 times.
- Does a lake larger than memory work? DuckDB may use less than the embeddings of its LoRAs take.
- Does a night of 100 new LoRAs over 100,000 old ones compute 100? Rows that it writes, and its time beside the same
  night over an empty lake. The old ones have Directions and files of their own in the lake, without embeddings.

Exits with 1 where a target is missed: the time of a unit at 4 times, memory, and the rows of the night.
"""

import argparse
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Floats
from carlos_tasks.commit.index import commit_index
from carlos_tasks.commit.representations import add_measured, measured_loras
from carlos_tasks.console import print_json, print_table
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.outcomes import OutcomeRecord, write_outcome
from carlos_tasks.lake.place import store_of
from carlos_tasks.lake.register import register_profile, register_shards
from carlos_tasks.lake.shards import write_shard
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE, outcome_key, parse_shard_key, shard_key, shard_prefix
from carlos_tasks.store.objects import ObjectStore

PROFILE = "benchmark"
PAIRS_PER_SHARD = 1120
FILE_TABLES = ("ducklake_data_file", "ducklake_file_partition_value", "ducklake_file_column_stats")
NEW = 100
#: The time of one pair, or of one LoRA, at 4 times may be this much of that at 1 time.
TARGET_UNIT = 1.5


def main() -> int:
    """Ask the three questions, print what was found, and judge it."""
    options = parse_options()
    with tempfile.TemporaryDirectory() as folder:
        growth = [*by_pairs(Path(folder) / "pairs", options), *by_loras(Path(folder) / "loras", options)]
        memory = in_little_memory(Path(folder) / "memory", options)
        nights = [night(Path(folder) / f"night{n_old}", n_old, options) for n_old in (0, options.old)]
    reached = judged(growth, memory, nights)
    if options.json:
        print_json([*growth, *memory, *nights])
    else:
        print_table(growth, list(growth[0]), title="Time by pairs and by LoRAs")
        print_table(memory, list(memory[0]), title="More embeddings than memory")
        print_table(nights, list(nights[0]), title=f"A night of {NEW} new LoRAs")
    return 0 if reached else 1


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=280, help="at 4 times; 1 time is a quarter")
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--loras", type=int, default=16, help="at 4 times; 1 time is a quarter")
    parser.add_argument("--memory", type=int, default=400, help="megabytes that DuckDB may use of a lake that has more")
    parser.add_argument("--old", type=int, default=100_000, help="LoRAs that are there before the night")
    parser.add_argument("--repeat", type=int, default=3, help="the best of so many runs counts")
    parser.add_argument("--json", action="store_true", help="print one JSON array of objects")
    return parser.parse_args()


def judged(growth: list[Row], memory: list[Row], nights: list[Row]) -> bool:
    """Tell whether every target is reached; what misses one is marked in its row."""
    for row in growth:
        row["ok"] = row["unit_ratio"] <= TARGET_UNIT
    for row in memory:
        row["ok"] = row["is_equal"] and row["limit_mb"] < row["embeddings_mb"]
    for row in nights:
        row["ok"] = row["representations"] == row["computed"] == row["compared"] == NEW
    return all(row["ok"] for row in (*growth, *memory, *nights))


def by_pairs(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    """LoRAs of a quarter, half and all of the prompts."""
    n_loras = max(options.loras // 4, 1)
    first = 0.0
    for times in (1, 2, 4):
        n_prompts = options.prompts * times // 4
        with filled_lake(folder / str(times), n_loras, n_prompts, options) as con:
            seconds = represent(con, n_loras, options.repeat)
        unit = seconds / (n_loras * n_prompts * options.seeds)
        first = first or unit
        yield growth_row("pairs", times, n_loras, n_prompts * options.seeds, seconds, unit / first)


def by_loras(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    """A quarter, half and all of the LoRAs, each with a quarter of the prompts."""
    n_prompts = options.prompts // 4
    first = 0.0
    with filled_lake(folder, options.loras, n_prompts, options) as con:
        for times in (1, 2, 4):
            n_loras = options.loras * times // 4
            seconds = represent(con, n_loras, options.repeat)
            first = first or seconds / n_loras
            yield growth_row("LoRAs", times, n_loras, n_prompts * options.seeds, seconds, seconds / n_loras / first)


def growth_row(what: str, times: int, n_loras: int, n_pairs: int, seconds: float, unit_ratio: float) -> Row:
    """One row of the table; `unit_ratio` is the time of a unit beside that at 1 time."""
    return {
        "more": what,
        "times": times,
        "loras": n_loras,
        "pairs": n_pairs,
        "seconds": round(seconds, 3),
        "us_per_pair": round(1e6 * seconds / (n_loras * n_pairs), 1),
        "unit_ratio": round(unit_ratio, 2),
    }


def in_little_memory(folder: Path, options: argparse.Namespace) -> list[Row]:
    """Compute a lake whose embeddings take more than DuckDB may use, and compare with plenty of memory.

    The lake is many copies of a few LoRAs: the same bytes under other ids.
    """
    n_loras = max(options.loras // 4, 1)
    lora_mb = options.prompts * options.seeds * options.dimension * 4 / 1e6
    n_copies = round(1.4 * options.memory / lora_mb / n_loras)
    with filled_lake(folder, n_loras, options.prompts, options, n_copies) as con:
        plenty = [row[2:] for row in representations(con, lora_ids(n_loras))]
        con.execute("set memory_limit = ?", [f"{options.memory}MB"])
        con.execute("set temp_directory = ?", [str(folder / "spilled")])
        copies = [f"{number:03d}{lora_id[3:]}" for number in range(n_copies) for lora_id in lora_ids(n_loras)]
        started = time.perf_counter()
        little = [row[2:] for row in representations(con, copies)]
        seconds = time.perf_counter() - started
    return [
        {
            "loras": len(copies),
            "embeddings_mb": round(len(copies) * lora_mb),
            "limit_mb": options.memory,
            "seconds": round(seconds, 2),
            "is_equal": {str(row) for row in little} == {str(row) for row in plenty} and len(little) == len(copies),
        }
    ]


def night(folder: Path, n_old: int, options: argparse.Namespace) -> Row:
    """Commit new LoRAs over so many old ones, and count what the commit wrote."""
    settings = Settings(store=str(folder / "store"), catalog=f"sqlite:{folder / 'catalog.sqlite'}")
    profile = load_profile("micro")
    store = open_store(settings.store)
    with connect(settings, read_only=False) as con:
        migrate(con)
        register_profile(con, profile)
        old = insert_old(con, profile.profile_id, n_old, options.dimension)
    if old:
        register_old_files(settings, profile.profile_id, old, options.dimension)
    keys = write_new(store, profile, options.dimension)
    started = time.perf_counter()
    report = commit_index(settings, profile, keys)
    seconds = time.perf_counter() - started
    with connect(settings) as con:
        return {
            "old": n_old,
            "seconds": round(seconds, 2),
            "representations": report.n_representations,
            "computed": rows_of(con, "core.representation", report.snapshot_id),
            "compared": rows_of(con, "core.compared", report.snapshot_id),
            "by_prompt": rows_of(con, "core.prompt_difference", report.snapshot_id),
        }


def rows_of(con: duckdb.DuckDBPyConnection, table: str, snapshot_id: int) -> int:
    """Count the rows that a snapshot added to a table."""
    schema, _, name = table.partition(".")
    ((n_rows,),) = con.execute(
        "select count(*) from ducklake_table_insertions('carlos', $schema, $name, $snapshot, $snapshot)",
        {"schema": schema, "name": name, "snapshot": snapshot_id},
    ).fetchall()
    return int(n_rows)


@contextmanager
def filled_lake(
    folder: Path, n_loras: int, n_prompts: int, options: argparse.Namespace, n_copies: int = 0
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A lake with the embeddings of some LoRAs, and of copies of each under ids that begin with its number."""
    settings = Settings(store=str(folder / "store"), catalog=f"sqlite:{folder / 'catalog.sqlite'}")
    store = open_store(settings.store)
    rng = np.random.default_rng(0)
    pairs = [(f"prompt-{prompt:04d}", seed) for prompt in range(n_prompts) for seed in range(options.seeds)]
    baseline = (0.4 * rng.normal(size=(len(pairs), options.dimension))).astype(np.float32)
    keys = write_pairs(store, PROFILE, BASELINE, pairs, baseline)
    for lora_id in lora_ids(n_loras):
        keys += write_pairs(store, PROFILE, lora_id, pairs, with_effect(rng, baseline))
    keys += [key for copy in range(n_copies) for key in linked(store, keys, f"{copy:03d}")]
    with connect(settings, read_only=False) as con:
        migrate(con)
        register_shards(con, keys)
        yield con


def linked(store: ObjectStore, keys: Sequence[str], first_digits: str) -> Iterator[str]:
    """Link shards to the same of a LoRA whose id begins with other digits; the baseline has no copy."""
    for key in keys:
        profile_id, lora_id, number = parse_shard_key(key)
        if lora_id != BASELINE:
            copy = shard_key(profile_id, first_digits + lora_id[3:], number)
            target = Path(store.uri) / copy
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(Path(store.uri) / key, target)
            yield copy


def lora_ids(count: int) -> list[str]:
    """Ids of made-up LoRAs."""
    return [sha256(str(number).encode()).hexdigest() for number in range(count)]


def with_effect(rng: np.random.Generator, baseline: Floats) -> Floats:
    """Embeddings that differ from the baseline by one direction and noise."""
    noise = 0.2 * rng.normal(size=baseline.shape)
    return (baseline + 0.1 * rng.normal(size=baseline.shape[1]) + noise).astype(np.float32)


def write_pairs(
    store: ObjectStore, profile_id: str, lora_id: str, pairs: Sequence[tuple[str, int]], embeddings: Floats
) -> list[str]:
    """Write the shards of a LoRA; returns their keys."""
    keys: list[str] = []
    for start in range(0, len(pairs), PAIRS_PER_SHARD):
        keys.append(shard_key(profile_id, lora_id, len(keys)))
        some = zip(pairs[start : start + PAIRS_PER_SHARD], embeddings[start : start + PAIRS_PER_SHARD], strict=True)
        write_shard(store, keys[-1], [{"prompt_id": p, "seed": s, "embedding": e} for (p, s), e in some])
    return keys


def represent(con: duckdb.DuckDBPyConnection, n_loras: int, repeat: int) -> float:
    """Seconds of the statements of the commit over so many LoRAs, the best of some runs."""
    seconds = []
    for _ in range(repeat):
        started = time.perf_counter()
        representations(con, lora_ids(n_loras))
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def representations(con: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> list[tuple[Any, ...]]:
    """Compute representations as the commit does, and take them back: profile_id, lora_id, and what was measured."""
    store = open_store(store_of(con))
    keys = {id_: [item.key for item in store.list(shard_prefix(PROFILE, id_))] for id_ in (BASELINE, *ids)}
    con.execute("begin")
    add_measured(con, PROFILE, measured_loras(store, keys.pop(BASELINE), keys))
    rows = con.execute("select * exclude (computed_at) from core.representation order by lora_id").fetchall()
    con.execute("rollback")
    return rows


def insert_old(con: duckdb.DuckDBPyConnection, profile_id: str, count: int, dimension: int) -> list[str]:
    """Put LoRAs of earlier nights into the lake, with their representations, compared; returns their ids."""
    ids = [sha256(f"old {number}".encode()).hexdigest() for number in range(count)]
    rng = np.random.default_rng(1)
    for start in range(0, count, 20_000):
        some = ids[start : start + 20_000]
        values = rng.normal(size=(len(some), dimension)).astype(np.float32)
        ends = np.arange(0, values.size + 1, dimension, dtype=np.int32)
        directions = pa.ListArray.from_arrays(ends, pa.array(values.ravel()))
        con.register("old", pa.table({"lora_id": some, "direction": directions}))
        con.execute(
            "insert into core.representation by name "
            "select $1 as profile_id, lora_id, 'measured' as measured, direction, 5.0 as strength, 0.3 as consistency, "
            "120 as n_pairs, 30 as n_prompts, now() as computed_at from old",
            [profile_id],
        )
        con.execute("insert into core.compared select $1, lora_id from old", [profile_id])
        con.unregister("old")
    return ids


def register_old_files(settings: Settings, profile_id: str, ids: Sequence[str], dimension: int) -> None:
    """Make the catalog know a file of differences by prompt of each LoRA.

    DuckLake takes 5 ms to register a file, so one is registered, and its rows in the catalog are copied. The night
    reads none of them: they are there to be passed over.
    """
    path = Path(settings.store) / "old" / f"profile_id={profile_id}" / f"lora_id={ids[0]}" / "0.parquet"
    path.parent.mkdir(parents=True)
    difference = pa.array([[0.0] * dimension], pa.list_(pa.float32()))
    pq.write_table(
        pa.table({"prompt_id": ["p"], "n_pairs": pa.array([120], pa.int32()), "difference": difference}), path
    )
    with connect(settings, read_only=False) as con:
        con.execute(
            "call ducklake_add_data_files('carlos', 'prompt_difference', $1, schema => 'core', "
            "hive_partitioning => true)",
            [[str(path)]],
        )
    with closing(sqlite3.connect(settings.catalog.removeprefix("sqlite:"))) as catalog, catalog:
        copy_file_rows(catalog, ids)


def copy_file_rows(catalog: sqlite3.Connection, ids: Sequence[str]) -> None:
    """Copy the rows of the newest file for the other LoRAs, as DuckLake writes them."""
    ((file_id,),) = catalog.execute("select max(data_file_id) from ducklake_data_file").fetchall()
    for table in FILE_TABLES:
        answer = catalog.execute(f"select * from {table} where data_file_id = ?", [file_id])  # noqa: S608
        is_id = [column[0] == "data_file_id" for column in answer.description]
        rows = answer.fetchall()
        places = ", ".join("?" * len(is_id))
        for number, lora_id in enumerate(ids[1:], start=file_id + 1):
            copies = [
                [number if here else _named(value, ids[0], lora_id) for value, here in zip(row, is_id, strict=True)]
                for row in rows
            ]
            catalog.executemany(f"insert into {table} values ({places})", copies)  # noqa: S608
    catalog.execute("update ducklake_snapshot set next_file_id = next_file_id + ?", [len(ids)])


def _named(value: Any, one: str, other: str) -> Any:
    return value.replace(one, other) if isinstance(value, str) else value


def write_new(store: ObjectStore, profile: Profile, dimension: int) -> list[str]:
    """Write what workers leave of the night's LoRAs, and of the baseline; returns the outcomes' keys."""
    rng = np.random.default_rng(2)
    pairs = [(prompt.prompt_id, seed) for prompt, seed in profile.pairs()]
    baseline = (0.4 * rng.normal(size=(len(pairs), dimension))).astype(np.float32)
    write_pairs(store, profile.profile_id, BASELINE, pairs, baseline)
    keys = []
    for lora_id in lora_ids(NEW):
        outcome = OutcomeRecord(
            profile_id=profile.profile_id,
            lora_id=lora_id,
            status="embedded",
            shards=tuple(write_pairs(store, profile.profile_id, lora_id, pairs, with_effect(rng, baseline))),
            n_pairs=len(pairs),
            attempted_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        write_outcome(store, outcome)
        keys.append(outcome_key(profile.profile_id, lora_id))
    return keys


if __name__ == "__main__":
    sys.exit(main())
