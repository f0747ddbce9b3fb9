"""Do the representations grow with what is new, and with nothing else?

    python benchmarks/growth.py [--prompts 280 --seeds 16] [--old 10000 100000] [--postgres LIBPQ] [--json]

Three questions, on made-up embeddings and what the nightly commit runs over them:
- Is the time linear in pairs and in LoRAs? Prompts of a LoRA at 1, 2 and 4 times, and LoRAs at 1, 2 and 4 times.
- Does a lake larger than memory work? DuckDB may use less than the embeddings of its LoRAs take.
- Does a night of 100 new LoRAs take as long over 100,000 old ones as over 10,000? Nights over an index that was made
  night by night: each table has the files of all nights before. In an SQLite catalog, and with `--postgres` in that
  server's too. How long does the first question to `mart.lora` take then? And both again, once small files are merged?

Exits with 1 where a target is missed: the time of a unit at 4 times, memory, the rows of the nights, and their time
over the most beside that over the fewest.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Floats
from carlos_tasks.care.compaction import compact
from carlos_tasks.commit.index import commit_index
from carlos_tasks.commit.representations import add_measured, measured_loras
from carlos_tasks.console import print_json, print_table
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.manifest import record_shards
from carlos_tasks.lake.measurement import CheckedShard, ProfilePairs, check_shards
from carlos_tasks.lake.outcomes import OutcomeRecord, write_outcome
from carlos_tasks.lake.place import store_of
from carlos_tasks.lake.register import register_profile, registered
from carlos_tasks.lake.shards import ShardFile, write_shard
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE, outcome_key, parse_shard_key, shard_key, shard_prefix
from carlos_tasks.store.objects import ObjectStore

PROFILE = "benchmark"
PAIRS_PER_SHARD = 1120
NEW = 100
NIGHTS = 3
#: The time of one pair, or of one LoRA, at 4 times may be this much of that at 1 time.
TARGET_UNIT = 1.5
#: And the time of a night over the most old LoRAs this much of that over the fewest.
TARGET_NIGHT = 1.3


#: What each night writes to each table, from `old`. Parameters: $profile_id, $shards.
OF_A_NIGHT = (
    "insert into core.representation by name select $profile_id as profile_id, lora_id, 'measured' as measured, "
    "direction, 5.0 as strength, 0.3 as consistency, 120 as n_pairs, 30 as n_prompts, now() as computed_at from old",
    "insert into core.prompt_difference by name select $profile_id as profile_id, lora_id, 'p' || n as prompt_id, "
    "4 as n_pairs, [0.0] as difference from old, range(30) as prompt(n)",
    "insert into core.embedding_shard by name select $profile_id as profile_id, lora_id, n as number, "
    "format('shards/profile_id={}/lora_id={}/{:05d}.parquet', $profile_id, lora_id, n) as key, "
    "lora_id as sha256, 600000 as size_bytes, 8 as n_pairs, lora_id as pairs_sha256, lora_id as rows_sha256, "
    "true as is_sealed, 1 as snapshot_id, now() as recorded_at from old, range($shards) as shard(n)",
    "insert into core.compared by name select $profile_id as profile_id, lora_id from old",
    "insert into core.outcome by name select $profile_id as profile_id, lora_id, 'embedded' as status, "
    "now() as attempted_at from old",
    "insert into core.lora by name select lora_id, 'micro-xl' as base_model, 'files/' || lora_id as file_key, "
    "now() as first_seen_at, now() as taken_in_at from old",
    "insert into raw.listing by name select 's' as source, lora_id as model_id, '1' as version_id, '1' as file_id, "
    "now() as seen_at, 'k' as shard_key, lora_id, 'A LoRA' as name, now() as taken_in_at from old",
)


def main() -> int:
    """Ask the three questions, print what was found, and judge it."""
    options = parse_options()
    with tempfile.TemporaryDirectory() as folder:
        growth = [*by_pairs(Path(folder) / "pairs", options), *by_loras(Path(folder) / "loras", options)]
        memory = in_little_memory(Path(folder) / "memory", options)
        nights = [
            nights_over(Path(folder) / f"{catalog[:6]}{n_old}", catalog, n_old, options)
            for catalog in ["sqlite", *([f"postgres:{options.postgres}"] if options.postgres else [])]
            for n_old in sorted(options.old)
        ]
    reached = judged(growth, memory, nights)
    if options.json:
        print_json([*growth, *memory, *nights])
    else:
        print_table(growth, list(growth[0]), title="Time by pairs and by LoRAs")
        print_table(memory, list(memory[0]), title="More embeddings than memory")
        print_table(nights, list(nights[0]), title=f"A night of {NEW} new LoRAs, the median of {NIGHTS}")
    return 0 if reached else 1


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=280, help="at 4 times; 1 time is a quarter")
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--loras", type=int, default=16, help="at 4 times; 1 time is a quarter")
    parser.add_argument("--memory", type=int, default=400, help="megabytes that DuckDB may use of a lake that has more")
    parser.add_argument(
        "--old", type=int, nargs="+", default=[10_000, 100_000], help="LoRAs that are there before the nights"
    )
    parser.add_argument("--shards", type=int, default=16, help="shards of each of them; the paper's profile has 16")
    parser.add_argument(
        "--postgres", help="libpq string of an empty database for each number of old LoRAs: {old} in it"
    )
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
        fewest = next(other for other in nights if other["catalog"] == row["catalog"])
        row["ratio"] = round(row["seconds"] / fewest["seconds"], 2)
        row["ok"] = row["computed"] == row["compared"] == 2 * NEW * NIGHTS and row["ratio"] <= TARGET_NIGHT
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


def nights_over(folder: Path, catalog: str, n_old: int, options: argparse.Namespace) -> Row:
    """Commit some nights of new LoRAs over so many old ones, and count what they wrote."""
    place = f"sqlite:{folder / 'catalog.sqlite'}" if catalog == "sqlite" else catalog.format(old=n_old)
    settings = Settings(store=str(folder / "store"), catalog=place)
    profile = load_profile("micro").model_copy(update={"budget": None})
    store = open_store(settings.store)
    with connect(settings, read_only=False) as con:
        migrate(con)
        register_profile(con, profile)
        insert_old(con, profile.profile_id, n_old, options)
    commit_index(settings, profile, write_new(store, profile, options.dimension, 0, 1))  # which seals what is old
    files = "select count(*) from __ducklake_metadata_carlos.ducklake_data_file where end_snapshot is null"
    with connect(settings) as con:
        ((n_files,),) = con.execute(files).fetchall()
    before, taken = commit_nights(settings, profile, NEW, options.dimension)
    question = asked(settings)
    started = time.perf_counter()
    compact(settings, 2)
    merging = time.perf_counter() - started
    after, merged = commit_nights(settings, profile, NEW * (NIGHTS + 1), options.dimension)
    with connect(settings) as con:
        tables = ("core.representation", "core.compared", "core.prompt_difference")
        computed, compared, by_prompt = (rows_of(con, table, min(before), max(after)) for table in tables)
        return {
            "catalog": catalog.partition(":")[0],
            "old": n_old,
            "files": int(n_files),
            "seconds": round(taken, 2),
            "question": round(question, 2),
            "merging": round(merging, 2),
            "merged": round(merged, 2),
            "merged_question": round(asked(settings), 2),
            "computed": computed,
            "compared": compared,
            "by_prompt": by_prompt,
        }


def commit_nights(settings: Settings, profile: Profile, first: int, dimension: int) -> tuple[list[int], float]:
    """Commit some nights of new LoRAs, from number `first` on; returns their snapshots and their median time."""
    store, snapshots, taken = open_store(settings.store), [], []
    for number in range(NIGHTS):
        keys = write_new(store, profile, dimension, first + number * NEW, NEW)
        started = time.perf_counter()
        snapshots.append(commit_index(settings, profile, keys).snapshot_id)
        taken.append(time.perf_counter() - started)
    return snapshots, median(taken)


def asked(settings: Settings) -> float:
    """Seconds from nothing to the answer of a first question."""
    started = time.perf_counter()
    with connect(settings) as con:
        con.execute("from mart.lora limit 1").fetchall()
    return time.perf_counter() - started


def rows_of(con: duckdb.DuckDBPyConnection, table: str, first: int, last: int) -> int:
    """Count the rows that snapshots added to a table."""
    schema, _, name = table.partition(".")
    ((n_rows,),) = con.execute(
        "select count(*) from ducklake_table_insertions('carlos', $schema, $name, $first, $last)",
        {"schema": schema, "name": name, "first": first, "last": last},
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
        checked = check_shards(store, [ShardFile(key=key) for key in keys], ProfilePairs([]))
        record_shards(con, [shard for shard in checked if isinstance(shard, CheckedShard)], 1)
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


def insert_old(con: duckdb.DuckDBPyConnection, profile_id: str, count: int, options: argparse.Namespace) -> None:
    """Put LoRAs of earlier nights into the lake: each night of them is a file of each table that a night writes to.

    What the new nights pass over is small: a difference by prompt has one number, and there are no shards.
    """
    ids = [sha256(f"old {number}".encode()).hexdigest() for number in range(count)]
    given = {"profile_id": profile_id, "shards": options.shards}
    rng = np.random.default_rng(1)
    con.execute("begin")
    con.execute("set preserve_insertion_order = false")
    for start in range(0, count, NEW):
        some = sorted(ids[start : start + NEW])
        values = rng.normal(size=(len(some), options.dimension)).astype(np.float32)
        ends = np.arange(0, values.size + 1, options.dimension, dtype=np.int32)
        directions = pa.ListArray.from_arrays(ends, pa.array(values.ravel()))
        with registered(con, "old", pa.table({"lora_id": some, "direction": directions})):
            for statement in OF_A_NIGHT:
                con.execute(statement, {name: value for name, value in given.items() if f"${name}" in statement})
    con.execute("commit")


def write_new(store: ObjectStore, profile: Profile, dimension: int, first: int, count: int) -> list[str]:
    """Write what workers leave of a night's LoRAs, and of the baseline; returns the outcomes' keys."""
    pairs = [(prompt.prompt_id, seed) for prompt, seed in profile.pairs()]
    baseline = (0.4 * np.random.default_rng(2).normal(size=(len(pairs), dimension))).astype(np.float32)
    write_outcome(store, outcome_of(store, profile, BASELINE, pairs, baseline))
    rng, keys = np.random.default_rng(first), []
    for lora_id in lora_ids(first + count)[first:]:
        write_outcome(store, outcome_of(store, profile, lora_id, pairs, with_effect(rng, baseline)))
        keys.append(outcome_key(profile.profile_id, lora_id))
    return keys


def outcome_of(
    store: ObjectStore, profile: Profile, lora_id: str, pairs: Sequence[tuple[str, int]], embeddings: Floats
) -> OutcomeRecord:
    """Write the shards of a LoRA, as the profile cuts them; returns its outcome."""
    files, held = [], 0
    for number, own in enumerate(profile.shards()):
        key = shard_key(profile.profile_id, lora_id, number)
        some = zip(pairs[held : held + len(own)], embeddings[held : held + len(own)], strict=True)
        files.append(write_shard(store, key, [{"prompt_id": p, "seed": s, "embedding": e} for (p, s), e in some]))
        held += len(own)
    return OutcomeRecord(
        profile_id=profile.profile_id,
        lora_id=lora_id,
        status="embedded",
        shards=tuple(files),
        n_pairs=len(pairs),
        attempted_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


if __name__ == "__main__":
    sys.exit(main())
