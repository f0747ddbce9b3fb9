"""How long does a report over 100,000 representations take, in which memory, and how large is its page?

    python benchmarks/reports.py [--loras 100000] [--concepts 20] [--keep DIR] [--json]

A made-up lake: LoRAs with Directions of 512 dimensions, listings with tags and versions, scores on concepts,
near-duplicates, refusals, notices, decisions, and kept pictures of 512 × 512. No version does what the one before it
did, so that three LoRAs of four wait in the queue: harder than any real lake. Each report runs in a process of its own,
so that the largest memory is its own. Exits with 1 where a target is missed: seconds, gigabytes, megabytes of the page.
"""

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.console import print_json, print_table
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.register import register_profile
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.reports.moderation.report import write_moderation
from carlos_tasks.reports.transparency.report import write_transparency
from carlos_tasks.settings import Settings

DIMENSION, ROWS_PER_INSERT, PAIRS_KEPT, SIDE_PX = 512, 25_000, 4, 512
LINKS_AT_MOST = 50_000  # to one file: file systems have a limit
TARGET_S, TARGET_GB, TARGET_PAGE_MB = 60.0, 3.0, 15.0
REPORTS: dict[str, Callable[[Settings, Path], Row]] = {
    "moderation": write_moderation,
    "transparency": write_transparency,
}
WORDS = ("lineart", "watercolour", "portrait", "landscape", "robot", "castle", "neon", "pastel", "comic", "film")


def main() -> int:
    """Make the lake, let a fresh process write each report, print the table, and judge it."""
    options = parse_options()
    if options.measure:
        name, given, out = options.measure
        print(json.dumps(measure(name, Settings(**json.loads(given)), Path(out))))
        return 0
    with tempfile.TemporaryDirectory(prefix="carlos-reports-") as made:
        folder = options.keep or Path(made)
        settings = Settings(store=f"{folder}/store", catalog=f"sqlite:{folder}/catalog.sqlite")
        if not (folder / "catalog.sqlite").exists():
            make_lake(settings, options.loras, options.concepts)
        rows = [measured_apart(name, settings, folder / name) for name in REPORTS]
    if options.json:
        print_json(rows)
    else:
        print_table(rows, list(rows[0]), title=f"Reports over {options.loras} representations")
    missed = [fault for row in rows for fault in faults(row)]
    for fault in missed:
        print(f"reports: {fault}", file=sys.stderr)
    return 1 if missed else 0


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loras", type=int, default=100_000)
    parser.add_argument("--concepts", type=int, default=20, help="concepts that every LoRA is scored on")
    parser.add_argument("--keep", type=Path, help="folder that keeps lake and reports; a lake that is there is used")
    parser.add_argument("--json", action="store_true", help="print one JSON array of objects")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)  # what this program runs itself as
    return parser.parse_args()


def faults(row: Row) -> list[str]:
    """What a report misses of the targets."""
    limits = {"seconds": TARGET_S, "peak_gb": TARGET_GB, "page_mb": TARGET_PAGE_MB}
    return [
        f"{row['report']}: {name} is {row[name]}, and not at most {most}"
        for name, most in limits.items()
        if row[name] > most
    ]


def measured_apart(name: str, settings: Settings, out: Path) -> Row:
    """Let a fresh process write a report."""
    given = json.dumps(settings.model_dump(include={"store", "catalog", "profile"}))
    command = [sys.executable, __file__, "--measure", name, given, str(out)]
    row: Row = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return row


def measure(name: str, settings: Settings, out: Path) -> Row:
    """Write a report; its time, the largest memory of this process, and what it holds."""
    started = time.perf_counter()
    manifest = REPORTS[name](settings, out)
    seconds = time.perf_counter() - started
    sizes: dict[str, int] = {file["path"]: file["bytes"] for file in manifest["files"]}
    return {
        "report": name,
        "seconds": round(seconds, 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "page_mb": round(sizes[f"{name}.html"] / 1e6, 2),
        "pdf_mb": round(sizes.get(f"{name}.pdf", 0) / 1e6, 2),
        "all_mb": round(sum(sizes.values()) / 1e6, 1),
        "n_tables": sum(path.endswith(".parquet") for path in sizes),
    }


def make_lake(settings: Settings, n_loras: int, n_concepts: int) -> None:
    """A lake with all that the reports read."""
    profile = load_profile(settings.profile)
    rng = np.random.default_rng(0)
    ids = [sha256(str(number).encode()).hexdigest() for number in range(n_loras)]
    with connect(settings, read_only=False) as con:
        migrate(con)
        register_profile(con, profile)
        con.execute("set preserve_insertion_order = false")
        for start in range(0, n_loras, ROWS_PER_INSERT):
            add_loras(con, profile.profile_id, ids[start : start + ROWS_PER_INSERT], start, rng)
        add_scores(con, profile.profile_id, n_concepts)
        add_duplicates(con, profile.profile_id)
        add_events(con)
    keep_pictures(Path(settings.store), profile.profile_id, ids, rng)


def add_loras(
    con: duckdb.DuckDBPyConnection, profile_id: str, ids: Sequence[str], first: int, rng: np.random.Generator
) -> None:
    """LoRAs of the last weeks, most of them ok, each listed with tags; four versions make a model."""
    vectors = rng.standard_normal((len(ids), DIMENSION), dtype=np.float32)
    offsets = np.arange(0, vectors.size + 1, DIMENSION, dtype=np.int32)
    columns = {
        "lora_id": pa.array(ids),
        "direction": pa.ListArray.from_arrays(pa.array(offsets), pa.array(vectors.ravel())),
        "strength": rng.uniform(2, 8.6, len(ids)),
        "consistency": rng.uniform(0.1, 0.6, len(ids)),
        "number": pa.array(np.arange(first, first + len(ids))),
        "word": pa.array([WORDS[number] for number in rng.integers(len(WORDS), size=len(ids))]),
    }
    con.register("made", pa.table(columns))
    con.execute("begin")
    con.execute(
        "insert into core.representation by name select $1 as profile_id, lora_id, 'measured' as measured, direction, "
        "strength, consistency, 120 as n_pairs, 30 as n_prompts, 0 as n_flagged, 0.95 as direction_cosine_lower, "
        "now() as computed_at from made",
        [profile_id],
    )
    con.execute(
        "insert into core.lora by name select lora_id, 'micro-xl' as base_model, lora_id as tensors_sha256, "
        "'k' as file_key, now() - to_hours(number % 1200) as first_seen_at, first_seen_at as taken_in_at from made"
    )
    con.execute(
        "insert into raw.listing by name select 'civitai' as source, (number // 4)::varchar as model_id, "
        "(number % 4)::varchar as version_id, '1' as file_id, now() as seen_at, now() as taken_in_at, "
        "'models/00001.json' as shard_key, "
        "lora_id as payload_sha256, lora_id, 'A ' || word || ' called ' || lora_id[:9] as name, "
        "'creator ' || lora_id[:4] as creator, [word, 'style'] as tags, "
        "1 as nsfw_level, 'Micro XL' as base_model_claimed, "
        "(now() - to_hours(number % 1200))::varchar as published_at from made"
    )
    con.execute("commit")
    con.unregister("made")


def add_scores(con: duckdb.DuckDBPyConnection, profile_id: str, n_concepts: int) -> None:
    """Every LoRA scored on every concept; a few in a thousand are shown, and half of the concepts are restricted.

    Nine of ten LoRAs show what they declare.
    """
    con.execute(
        "insert into core.concept by name select 'rules' as policy, '1' as policy_version, "
        "'concept-' || n as concept_id, 'v1' as version, 'Concept ' || n as title, "
        "['a text'] as texts, []::varchar[] as counter_texts, "
        "[$2[1 + n % len($2)]] as declared_as, []::varchar[] as images, (n % 2) * 0.6 as severity, 0.1 as q_max, "
        "case when n % 4 = 1 then 48.0 end as due_hours, true as is_active, now() as loaded_at "
        "from range($1) as numbers (n)",
        [n_concepts, list(WORDS)],
    )
    con.execute(
        "insert into core.concept_score by name "
        "with chance as (select lora_id, n, (hash(lora_id || n) % 100000) / 100000 as drawn, "
        "tags[1] = $2[1 + n % len($2)] and hash(lora_id) % 10 > 0 as is_told from raw.listing "
        "cross join range($1) as numbers (n)), "
        "test as (select *, case when is_told then drawn / 100 else drawn end as p, "
        "case when drawn < 0.005 then drawn else 1.0 end as q from chance) "
        "select $3 as profile_id, lora_id, 'rules' as policy, 'concept-' || n as concept_id, 'v1' as version, "
        "'texts' as basis, 0.3 as score, 0.5 as percentile, 1.0 as z, p, p as p_counted, q, 150 as n_null, "
        "1 as n_tests, 'null' as null_id, 'run' as run_id, computed_at, "
        "now() - to_hours((hash(lora_id) % 400)::bigint) as scored_at "
        "from test inner join core.representation using (lora_id)",
        [n_concepts, list(WORDS), profile_id],
    )


def add_duplicates(con: duckdb.DuckDBPyConnection, profile_id: str) -> None:
    """One LoRA in twenty has a near-duplicate."""
    con.execute(
        "insert into core.alike by name select $1 as profile_id, lora_id, other_id, 0.985 as cosine from ("
        "select lora_id, lead(lora_id) over (order by lora_id) as other_id, "
        "row_number() over (order by lora_id) as number from core.lora) where number % 20 = 0 and other_id is not null",
        [profile_id],
    )


REFUSALS = """
insert into raw.rejection by name
select
    'civitai' as source, n::varchar as model_id, '1' as version_id, '1' as file_id,
    ['pickle', 'truncated', 'no_lora'][1 + n % 3] as reason, 'refused' as detail,
    now() - to_hours(n % 1200) as rejected_at, 'k' as shard_key
from (select row_number() over (order by lora_id) as n from core.lora)
where n % 10 = 0
"""
NOTICES = """
insert into core.notice by name
select
    'notice-' || n as notice_id, lora_id, ['ncii', 'copyright', 'trademark', 'other'][1 + n % 4] as category,
    'user' as sender_kind, now() - to_hours(n % 1200) as received_at, received_at + to_hours(48) as due_at,
    'desk' as recorded_by, received_at as recorded_at
from (select lora_id, row_number() over (order by lora_id) as n from core.lora)
where n % 49 = 0
"""
DECISIONS = """
insert into core.decision by name
select
    'decision-' || n as decision_id, lora_id, ['takedown', 'restrict', 'label', 'no_action'][1 + n % 4] as action,
    'incompatible_content' as ground, 'Terms, 4.2' as ground_reference, 'ana' as analyst,
    'What the pictures show.' as reasons, 1 as snapshot_id, ['signal/declared_other/file'] as evidence,
    true as automated_detection, false as automated_decision, '1' as code_version,
    now() - to_hours(n % 1200) as decided_at
from (select lora_id, row_number() over (order by lora_id) as n from core.lora)
where n % 27 = 0
"""


def add_events(con: duckdb.DuckDBPyConnection) -> None:
    """Refusals, notices and decisions of the last weeks, in proportion to the LoRAs."""
    for statement in (REFUSALS, NOTICES, DECISIONS):
        con.execute(statement)


def keep_pictures(store: Path, profile_id: str, ids: Sequence[str], rng: np.random.Generator) -> None:
    """Kept pairs of every LoRA: the same few photographs under each."""
    from PIL import Image

    originals = []
    for _ in range(PAIRS_KEPT):
        coarse = Image.fromarray(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8))
        buffer = io.BytesIO()
        coarse.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC).save(buffer, "WEBP", quality=90)
        originals.append(buffer.getvalue())
    for start in range(0, len(ids), LINKS_AT_MOST):
        first, *others = (
            store / f"evidence/profile_id={profile_id}/lora_id={lora_id}"
            for lora_id in (["base"] if start == 0 else []) + list(ids[start : start + LINKS_AT_MOST])
        )
        first.mkdir(parents=True)
        for number, original in enumerate(originals):
            (first / f"prompt-{number}-0.webp").write_bytes(original)
        for other in others:
            other.mkdir()
            for number in range(PAIRS_KEPT):
                os.link(first / f"prompt-{number}-0.webp", other / f"prompt-{number}-0.webp")


if __name__ == "__main__":
    sys.exit(main())
