"""How long does a command take from the shell, from the start of its process to its end?

    python benchmarks/shell.py [--loras 200] [--repeat 7] [--keep DIR] [--json]

`carlos search` with a query vector that the store keeps, and `carlos sql "select 1"`, each in a process of its own over
a small lake of several nights, which lies once in a folder and once in a local S3 server, as `make demo` has it. Runs
alternate with those of `python -c pass`, the least that any command takes, so that a busy machine slows both; the best
of each counts. Lake and page cache are warm. Exits with 1 where a target is missed.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Floats
from carlos_tasks.commit.index import commit_index
from carlos_tasks.console import print_json, print_table
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.outcomes import OutcomeRecord, write_outcome
from carlos_tasks.lake.shards import write_shard
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.profiles.text_space import text_space_id
from carlos_tasks.retrieval.text_objects import write_prompt_features, write_query_vector
from carlos_tasks.settings import Settings
from carlos_tasks.stack.local import environment
from carlos_tasks.stack.s3_server import start_s3_server
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE, evidence_key, outcome_key, shard_key
from carlos_tasks.store.objects import ObjectStore

DIMENSION, NIGHTS, BUCKET, TEXT = 512, 4, "carlos", "pencil sketch"
NOTHING: tuple[str, ...] = ("-c", "pass")
COMMANDS = {
    "carlos search": ("-m", "carlos_tasks", "search", TEXT, "--json"),
    "carlos sql": ("-m", "carlos_tasks", "sql", "select 1", "--json"),
}
#: Seconds, by command and store.
TARGETS = {
    ("carlos search", "folder"): 0.4,
    ("carlos search", "s3"): 0.7,
    ("carlos sql", "folder"): 0.35,
    ("carlos sql", "s3"): 0.35,
}


def main() -> int:
    """Make both lakes, time the commands over them, print the table, and judge it."""
    options = parse_options()
    with tempfile.TemporaryDirectory(prefix="carlos-shell-") as made:
        folder = options.keep or Path(made)
        rows = [row for kind in ("folder", "s3") for row in measured(folder / kind, kind, options)]
    missed = [row for row in rows if not row["ok"]]
    if options.json:
        print_json(rows)
    else:
        print_table(rows, list(rows[0]), title=f"Commands over {options.loras} LoRAs")
    for row in missed:
        print(f"shell: {row['command']} ({row['store']}): {row['seconds']} s, not {row['target_s']}", file=sys.stderr)
    return 1 if missed else 0


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loras", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=7, help="the best of so many runs counts")
    parser.add_argument("--keep", type=Path, help="folder that keeps the lakes; those that are there are used")
    parser.add_argument("--json", action="store_true", help="print one JSON array of objects")
    return parser.parse_args()


def measured(folder: Path, kind: str, options: argparse.Namespace) -> list[Row]:
    """Time the commands over one lake."""
    with lake(folder, kind, options.loras) as variables:
        return [
            of_command(name, kind, alternating([NOTHING, command], variables, options.repeat))
            for name, command in COMMANDS.items()
        ]


def of_command(name: str, kind: str, timed: Sequence[tuple[float, float]]) -> Row:
    """One row of the table, from the best (seconds, seconds of processor) of nothing and of the command."""
    (least, _), (seconds, processor) = timed
    target = TARGETS[name, kind]
    return {
        "command": name,
        "store": kind,
        "seconds": round(seconds, 3),
        "processor_s": round(processor, 3),
        "python_s": round(least, 3),
        "times_python": round(seconds / least, 1),
        "target_s": target,
        "ok": seconds <= target,
    }


def alternating(
    commands: Sequence[Sequence[str]], variables: Mapping[str, str], repeat: int
) -> list[tuple[float, float]]:
    """Run commands of Python in turn; of each the least seconds, and the least of the processor's."""
    taken: list[list[tuple[float, float]]] = [[] for _ in commands]
    for number in range(repeat + 1):
        for place, command in enumerate(commands):
            before, started = processor_s(), time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL, env=dict(variables))
            if number:  # the first run warms the page cache
                taken[place].append((time.perf_counter() - started, processor_s() - before))
    return [(min(seconds for seconds, _ in runs), min(used for _, used in runs)) for runs in taken]


def processor_s() -> float:
    """Seconds of the processor that children of this process have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def lake(folder: Path, kind: str, n_loras: int) -> Iterator[dict[str, str]]:
    """A lake in a folder or in a local S3 server; the environment that leads a command to it."""
    with ExitStack() as cleanup:
        store, variables = f"{folder}/store", dict[str, str]()
        if kind == "s3":
            server = start_s3_server(folder / "s3")
            cleanup.callback(server.stop)
            server.create_bucket(BUCKET)
            store, variables = f"s3://{BUCKET}/store", server.environment
        settings = Settings(store=store, catalog=f"sqlite:{folder}/catalog.sqlite", profile="micro")
        variables = variables | {"CARLOS_STORE": store, "CARLOS_CATALOG": settings.catalog, "CARLOS_PROFILE": "micro"}
        cleanup.enter_context(environment(variables))
        if not (folder / "catalog.sqlite").exists():
            make_lake(settings, n_loras)
        # As after an installation: the first run leaves the modules' bytecode.
        yield {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def make_lake(settings: Settings, n_loras: int) -> None:
    """A lake with all that a search reads, from several nights."""
    profile, store, rng = load_profile(settings.profile), open_store(settings.store), np.random.default_rng(0)
    keep_query(store, profile, rng)
    pairs = [(prompt.prompt_id, seed) for prompt, seed in profile.pairs()]
    baseline = (0.4 * rng.normal(size=(len(pairs), DIMENSION))).astype(np.float32)
    write_pairs(store, profile, BASELINE, baseline)
    ids = [sha256(str(number).encode()).hexdigest() for number in range(n_loras)]
    for night in range(NIGHTS):
        keys = [measure(store, profile, lora_id, baseline, rng) for lora_id in ids[night::NIGHTS]]
        commit_index(settings, profile, keys)
    with connect(settings, read_only=False) as con:
        migrate(con)
        con.register("made", pa.table({"lora_id": ids}))
        con.execute(
            "insert into core.lora by name select lora_id, 'micro-xl' as base_model, 'k' as file_key, "
            "now() as first_seen_at, now() as taken_in_at from made"
        )
        con.execute("set preserve_insertion_order = false")
        con.execute(
            "insert into raw.listing by name select 'civitai' as source, lora_id as model_id, '1' as version_id, "
            "'1' as file_id, now() as seen_at, now() as taken_in_at, 'models/00001.json' as shard_key, "
            "lora_id as payload_sha256, lora_id, 'LoRA ' || lora_id[:9] as name from made"
        )


def keep_query(store: ObjectStore, profile: Profile, rng: np.random.Generator) -> None:
    """Leave a query vector in the store, as a search for the text would."""
    space = text_space_id(profile)
    prompts = [prompt.text for prompt in profile.search_prompts().prompts]
    write_prompt_features(store, space, prompts, rng.normal(size=(len(prompts), DIMENSION)).astype(np.float32))
    write_query_vector(store, space, TEXT, rng.normal(size=DIMENSION).astype(np.float32))


def measure(store: ObjectStore, profile: Profile, lora_id: str, baseline: Floats, rng: np.random.Generator) -> str:
    """Leave what a worker leaves of a LoRA: one direction and noise; returns the outcome's key."""
    noise = 0.2 * rng.normal(size=baseline.shape)
    embeddings = (baseline + 0.1 * rng.normal(size=DIMENSION) + noise).astype(np.float32)
    keys = write_pairs(store, profile, lora_id, embeddings)
    for prompt, seed in profile.pairs()[:6]:
        store.write(evidence_key(profile.profile_id, lora_id, prompt.prompt_id, seed), b"a picture")
    outcome = OutcomeRecord(
        profile_id=profile.profile_id,
        lora_id=lora_id,
        status="embedded",
        shards=tuple(keys),
        n_pairs=len(baseline),
        attempted_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    write_outcome(store, outcome)
    return outcome_key(profile.profile_id, lora_id)


def write_pairs(store: ObjectStore, profile: Profile, lora_id: str, embeddings: Floats) -> list[str]:
    """Write the one shard of a LoRA."""
    key = shard_key(profile.profile_id, lora_id, 0)
    rows = [
        {"prompt_id": prompt.prompt_id, "seed": seed, "embedding": embedding}
        for (prompt, seed), embedding in zip(profile.pairs(), embeddings, strict=True)
    ]
    write_shard(store, key, rows)
    return [key]


if __name__ == "__main__":
    sys.exit(main())
