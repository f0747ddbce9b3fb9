"""How long a night is planned, and what Airflow costs beside the workers.

    python benchmarks/planning.py [--loras 10000] [--night 0] [--wait-s 36] [--slots 16] [--json]

*Plan*: a lake with LoRAs of four backbones, each with a listing, is planned for four profiles with the settings as they
ship. *Orchestration*, with `--night 200`: the local stack runs `index_loras` over that many LoRAs of the same four
profiles, with a worker that waits `--wait-s` seconds for each LoRA instead of drawing (`waiting_worker.py`): 36 s are
64 pictures at 1.8 a second. Of the time of the slots from the first batch to the last, what was not waited is the
orchestration: Airflow, imports, manifests, shards, outcomes. What comes before and after is shown beside it.
"""

import argparse
import json
import os
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from carlos_tasks.console import print_table
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.nightly.stages import MAX_BATCHES, plan
from carlos_tasks.profiles.profile import PROFILES_FOLDER, load_profile
from carlos_tasks.settings import Settings
from carlos_tasks.stack import local
from carlos_tasks.stack.airflow_local import carlos_settings
from carlos_tasks.stack.api import AirflowApi
from carlos_tasks.stack.follow import follow
from carlos_tasks.stack.layout import Layout
from carlos_tasks.stack.stack import running_stack
from carlos_tasks.store import open_store
from carlos_tasks.worker.plans import read_manifest

WAIT = "BENCHMARK_WAIT_S"  # as waiting_worker.py reads it
PROFILES = ("sdxl-quick", "sd15", "flux-dev", "sd35")
TARGET_PLAN_S, TARGET_SHARE = 30.0, 0.05
LORAS_PER_BATCH = 4


def main() -> int:
    """Measure, print, and exit with 1 where a target of the project is missed."""
    options = parse_options()
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure_plan(Path(folder), options.loras)]
    if options.night:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure_night(Path(folder), options.night, options.wait_s, options.slots))
    if options.json:
        print(json.dumps(rows))
    else:
        for row in rows:
            print_table([{"what": name, "value": value} for name, value in row.items()], ("what", "value"))
    return 1 if [fault for row in rows for fault in faults(row)] else 0


def faults(row: dict[str, Any]) -> list[str]:
    """What misses a target: the time of the plan, Airflow's limit, a LoRA left out, the share of the orchestration."""
    limits = {"plan_s": TARGET_PLAN_S, "batches": 1024, "loras_left_out": 0, "orchestration_share": TARGET_SHARE}
    return [
        f"{name} is {row[name]}, and not at most {most}" for name, most in limits.items() if row.get(name, 0) > most
    ]


def fill(settings: Settings, n_loras: int) -> None:
    """Put LoRAs of the profiles' backbones into a lake that is new, each with a listing; one of ten has a twin."""
    base_models = [load_profile(name).identity.backbone.base_model for name in settings.profile_names]
    with connect(settings, read_only=False) as con:
        migrate(con)
        con.execute("begin")
        con.execute(
            "insert into core.lora by name select sha256(i::varchar) as lora_id, "
            "list_extract($base_models, i % len($base_models) + 1) as base_model, 'files/' || i || '.safetensors' as "
            "file_key, sha256((if(i % 40 < 4, i // 40, i))::varchar || 't') as tensors_sha256, 'k' as scale_key, "
            "['word' || i] as trigger_words, timestamptz '2026-01-01' + to_seconds(i) as first_seen_at, "
            "now() as taken_in_at from range($n) as t(i)",
            {"base_models": base_models, "n": n_loras},
        )
        con.execute(
            "insert into raw.listing by name select 's' as source, i::varchar as model_id, '1' as version_id, "
            "'1' as file_id, sha256(i::varchar) as lora_id, 'LoRA ' || i as name, "
            "list_extract(['SDXL 1.0', 'Pony', 'Flux.1 D'], i % 3 + 1) as base_model_claimed, "
            "now() as seen_at, now() as taken_in_at, 'k' as shard_key, 'x' as payload_sha256 from range($n) as t(i)",
            {"n": n_loras},
        )
        con.execute("commit")


def measure_plan(folder: Path, n_loras: int) -> dict[str, Any]:
    """Time one plan of a lake in a folder; what it planned is counted in the store."""
    settings = Settings(
        store=str(folder / "store"),
        catalog=f"sqlite:{folder / 'catalog.sqlite'}",
        profile=PROFILES[0],
        profiles=" ".join(PROFILES[1:]),
        loras_per_batch=LORAS_PER_BATCH,
    )
    fill(settings, n_loras)
    started = time.perf_counter()
    planned = plan(settings)
    seconds = time.perf_counter() - started
    store = open_store(settings.store)
    sizes = [len(read_manifest(store, key).loras) for keys in planned.batches.values() for key in keys]
    return {
        "waiting": planned.n_loras,
        "profiles": len(planned.batches),
        "plan_s": round(seconds, 2),
        "batches": len(sizes),
        "largest_batch": max(sizes),
        "loras_left_out": n_loras - sum(sizes),
        "most_batches": MAX_BATCHES,
    }


def measure_night(folder: Path, n_loras: int, wait_s: float, slots: int) -> dict[str, Any]:
    """Run `index_loras` once under the local stack; the worker waits."""
    names = [small_profile(folder, name) for name in PROFILES]
    layout = Layout(folder / "stack")
    own = {"CARLOS_PROFILE": names[0], "CARLOS_PROFILES": " ".join(names[1:]), WAIT: str(wait_s)}
    own["CARLOS_LORAS_PER_BATCH"] = str(LORAS_PER_BATCH)
    preload = "airflow.executors.local_executor,carlos_tasks.stack.preloaded,benchmarks.waiting_worker"
    airflow = {"SCHEDULER__MP_FORKSERVER_PRELOAD": preload, "CORE__PARALLELISM": str(slots + 2)}
    with (
        local.environment(own),
        running_stack(layout, more={f"AIRFLOW__{k}": v for k, v in airflow.items()}) as (
            state,
            api,
        ),
    ):
        api.pause("discover_loras")
        api.set_pools({"gpu": {"slots": slots, "description": "waiting workers", "include_deferred": False}})
        with local.environment(carlos_settings(layout) | own | state.aws):
            fill(Settings(), n_loras)
        run_id = api.trigger("index_loras")
        [run] = follow(api, "index_loras", [run_id], Console(stderr=True))
        assert run["state"] == "success", run
        return night_row(api, run_id, n_loras, wait_s, slots)


def night_row(api: AirflowApi, run_id: str, n_loras: int, wait_s: float, slots: int) -> dict[str, Any]:
    """What the task instances of a run took."""
    tasks = [task for task in api.tasks("index_loras", run_id) if task["start_date"] and task["end_date"]]
    spans = {
        name: [
            (_moment(task["start_date"]), _moment(task["end_date"])) for task in tasks if task["task_id"] == name
        ]
        for name in {task["task_id"] for task in tasks}
    }  # fmt: skip
    batches = spans["index_batch"]
    begun, ended = min(start for start, _ in batches), max(end for _, end in batches)
    waited = n_loras * wait_s
    n_slots = min(slots, len(batches))
    # The last batches leave slots empty for want of work, which is nobody's fault: each slot counts to its own end.
    busy = slots_seconds(batches, n_slots, begun)
    everything = [span for own in spans.values() for span in own]
    return {
        "loras": n_loras,
        "batches": len(batches),
        "slots": n_slots,
        "waited_s": round(waited),
        "slots_s": round(busy),
        "orchestration_share": round((busy - waited) / waited, 4),
        "orchestration_s_per_batch": round((busy - waited) / len(batches), 2),
        "index_batch_s": round(ended - begun, 1),
        "before_s": round(begun - min(start for start, _ in everything), 1),
        "after_s": round(max(end for _, end in everything) - ended, 1),
    }


def slots_seconds(batches: list[tuple[float, float]], n_slots: int, begun: float) -> float:
    """Seconds of the slots, each from the beginning to the end of its last batch; gaps between batches count."""
    ends = [begun] * n_slots
    for start, end in sorted(batches):
        # of the slots that are free then, the one that has been for the shortest time
        free = max(range(n_slots), key=lambda slot: (ends[slot] <= start, ends[slot]))
        ends[free] = end
    return sum(end - begun for end in ends)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def small_profile(folder: Path, name: str) -> str:
    """A shipped profile with its first look alone, in a file."""
    document = json.loads((PROFILES_FOLDER / f"{name}.json").read_text())
    document["budget"]["looks"] = document["budget"]["looks"][:1]
    document["identity"]["encoder"] = json.loads((PROFILES_FOLDER / "micro.json").read_text())["identity"]["encoder"]
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document))
    return str(path)


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loras", type=int, default=10_000, help="LoRAs that wait when the plan is made")
    parser.add_argument("--night", type=int, default=0, help="LoRAs of the night under Airflow; 0: none")
    parser.add_argument("--wait-s", type=float, default=36.0, help="seconds that a LoRA takes")
    parser.add_argument("--slots", type=int, default=16, help="workers")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    raise SystemExit(main())
