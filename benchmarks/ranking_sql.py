"""How fast does `mart.search_vector` answer in plain SQL, against the macro of before, pair by pair in one run?

    python benchmarks/ranking_sql.py [--sizes 100000 1000000] [--repeat 5] [--threads 1] [--json]

Each question is asked three times in turn: by the macro of commit 5dcacb3 (ranking_before.sql), by that of today from
the lake's tables alone, and from the copy that a night keeps. All three must give the same rows, scores and order.
Times are medians, wall clock and processor; `plan_ms` is how long DuckDB plans the statement. `first_s` is attaching
the copy and the first question of a connection. `copy_s` is what a night pays when it writes the copy anew (once in a
twentieth of growth), and `check_s` what any other night pays. Exits with 1 where the copy is not ten times as fast on
both clocks.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from benchmarks.ranking import DIMENSION, commit_more, make_lake
from carlos_tasks.console import print_json, print_table
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.register import register_profile
from carlos_tasks.lake.representation_copy import attach_copy, renew_copy
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import COPIES

TARGET = 10.0
_NO_LIMITS = ", ".join(["'nan'::double"] * 4)
BEFORE = (
    "from ranking_before([{'profile_id': $profile, 'vector': $vector::float[], 'without': null::varchar}], 10, "
    f"{_NO_LIMITS})"
)
TODAY = "select * exclude (asked_profile_id) from mart.search_vector($vector::float[], 10, profile := $profile)"
# Of a table that never had a row DuckLake asks the catalog again for each column: no lake some nights old is like that.
_AS_IN_USE = (
    "insert into core.damage by name select profile_id, lora_id, 'k' as key, 'f' as fault, 'd' as detail, "
    "'commit' as found_by, now() as found_at from (from core.representation order by lora_id limit 10)",
    "insert into core.decision by name select lora_id as decision_id, lora_id, 'takedown' as action, 'a' as analyst, "
    "1 as snapshot_id, []::varchar[] as evidence, false as automated_detection, false as automated_decision, "
    "'1' as code_version, now() as decided_at from (from core.representation order by lora_id desc limit 30)",
)


def main() -> int:
    """Measure each size, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000], help="numbers of LoRAs")
    parser.add_argument("--repeat", type=int, default=5, help="questions of which the median counts")
    parser.add_argument(
        "--threads", type=int, help="of DuckDB; on a busy machine two wait for each other, and count both"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON array of objects")
    options = parser.parse_args()
    rows = []
    for n_loras in options.sizes:
        with tempfile.TemporaryDirectory(prefix="carlos-ranking-sql-") as folder:
            rows.append(measure(Path(folder), n_loras, options.repeat, threads=options.threads))
    if options.json:
        print_json(rows)
    else:
        print_table(rows, list(rows[0]), title="mart.search_vector, against the macro of before")
    missed = [fault for row in rows for fault in faults(row)]
    for fault in missed:
        sys.stderr.write(f"ranking_sql: {fault}\n")
    return 1 if missed else 0


def faults(row: dict[str, Any]) -> list[str]:
    """What a row misses of the targets."""
    found = [] if row["is_equal"] else [f"{row['loras']} LoRAs: the answers differ"]
    slow = {name: row[name] for name in ("ratio_wall", "ratio_cpu") if row[name] < TARGET}
    return found + [
        f"{row['loras']} LoRAs: {name} is {ratio}, and not at least {TARGET}" for name, ratio in slow.items()
    ]


def measure(folder: Path, n_loras: int, repeat: int, *, threads: int | None = None, worth: int = 1) -> dict[str, Any]:
    """One lake: the copy's cost, the questions in turn, and a commit of 100 LoRAs more."""
    settings = Settings(store=f"{folder}/store", catalog=f"sqlite:{folder}/catalog.sqlite")
    profile = load_profile(settings.profile)
    make_lake(settings, n_loras)
    with connect(settings, read_only=False) as con:
        register_profile(con, profile)
        for statement in _AS_IN_USE:
            con.execute(statement)
    copy_s, copy_cpu_s, _ = timed(lambda: renew_copy(settings, worth=worth))
    check_s, _, _ = timed(lambda: renew_copy(settings, worth=worth))
    with connect(settings) as con:
        if threads:
            con.execute(f"set threads = {threads:d}")
        first_s, _, _ = timed(lambda: (attach_copy(con), ask(con, TODAY, profile.profile_id, 0)))
        times, is_equal = in_turn(con, profile.profile_id, repeat)
        plan_s = planning(con, profile.profile_id, folder / "profile.json")
    commit_more(settings)
    with connect(settings) as con:
        attach_copy(con)
        _, is_equal_after = in_turn(con, profile.profile_id, 1)
    wall, cpu = ({name: statistics.median(t[at] for t in times[name]) for name in times} for at in (0, 1))
    return {
        "loras": n_loras,
        **{f"{name}_ms": round(1000 * seconds) for name, seconds in wall.items()},
        **{f"{name}_cpu_ms": round(1000 * seconds) for name, seconds in cpu.items()},
        "ratio_wall": round(wall["before"] / wall["copy"], 1),
        "ratio_cpu": round(cpu["before"] / cpu["copy"], 1),
        "ratio_cpu_lake": round(cpu["before"] / cpu["lake"], 1),
        "plan_ms": round(1000 * plan_s),
        "first_s": round(first_s, 2),
        "copy_s": round(copy_s, 1),
        "copy_cpu_s": round(copy_cpu_s, 1),
        "copy_mb": round(max(info.size for info in open_store(settings.store).list(COPIES)) / 1e6),
        "check_s": round(check_s, 2),
        "is_equal": is_equal and is_equal_after,
    }


def in_turn(
    con: duckdb.DuckDBPyConnection, profile_id: str, repeat: int
) -> tuple[dict[str, list[tuple[float, float]]], bool]:
    """Seconds of each question by each way, one way after the other, and whether they agree. The copy is attached."""
    con.execute(Path(__file__).with_name("ranking_before.sql").read_text(encoding="utf-8"))
    times: dict[str, list[tuple[float, float]]] = {"before": [], "lake": [], "copy": []}
    is_equal = con.execute("select count(*) from core.copy_in_use()").fetchall() == [(1,)]
    for seed in range(repeat + 1):
        answers = []
        for name, query in (("before", BEFORE), ("lake", TODAY), ("copy", TODAY)):
            con.execute("set variable carlos_copy = $name", {"name": "carlos_copy" if name == "copy" else None})
            wall, cpu, answer = timed(partial(ask, con, query, profile_id, seed))
            answers.append(answer)
            if seed or repeat == 1:  # the first question reads what the others find in memory
                times[name].append((wall, cpu))
        is_equal &= answers[0] == answers[1] == answers[2]
    return times, is_equal


def planning(con: duckdb.DuckDBPyConnection, profile_id: str, path: Path) -> float:
    """Seconds in which DuckDB binds and plans the question, by its own profile of it."""
    con.execute(f"pragma enable_profiling = 'json'; set profiling_output = '{path}'; set profiling_mode = 'detailed'")
    ask(con, TODAY, profile_id, 0)
    con.execute("pragma disable_profiling")
    profile = json.loads(path.read_text(encoding="utf-8"))
    return float(profile["planner"] + profile["all_optimizers"] + profile["physical_planner"])


def ask(con: duckdb.DuckDBPyConnection, query: str, profile_id: str, seed: int) -> list[Any]:
    """The ten best of one made-up vector."""
    vector = np.random.default_rng(1000 + seed).standard_normal(DIMENSION, dtype=np.float32)
    return con.execute(query, {"vector": vector.tolist(), "profile": profile_id}).fetchall()


def timed(call: Callable[[], Any]) -> tuple[float, float, Any]:
    """Seconds by the wall clock, of all processors, and what came back."""
    started, used = time.perf_counter(), time.process_time()
    answer = call()
    return time.perf_counter() - started, time.process_time() - used, answer


if __name__ == "__main__":
    sys.exit(main())
