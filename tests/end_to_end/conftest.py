"""One stack for all end-to-end tests: the project's DAGs under a real scheduler, with a real S3 server."""

import hashlib
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from carlos_tasks.lake.catalog import connect
from carlos_tasks.microworld.zoo import write_dump
from carlos_tasks.profiles.profile import PROFILES_FOLDER, load_profile
from carlos_tasks.profiles.resources import PACKAGE_FOLDER
from carlos_tasks.settings import Settings
from carlos_tasks.stack import local
from carlos_tasks.stack.airflow_local import carlos_settings
from carlos_tasks.stack.api import AirflowApi
from carlos_tasks.stack.follow import follow_to_success, wait_for_runs
from carlos_tasks.stack.layout import Layout, State
from carlos_tasks.stack.processes import members
from carlos_tasks.stack.stack import publish, running_stack
from tests.end_to_end.waiting import running_batch, wait_until

SOURCE = "civitai-dump:s3://civitai/dump"
SHARDS = {
    "models/00001.json": ("Stripes Overlay", "Chessboard Pattern", "Classic Embedding Pack"),
    "models/00002.json": ("Prism", "Graph Paper", "Silver Screen"),
}


@dataclass(frozen=True)
class Stack:
    """The running stack, and what the tests do with it."""

    layout: Layout
    state: State
    api: AirflowApi
    dumps: dict[str, Path]

    def publish(self, shard: str) -> None:
        """Put another shard of the dump into the bucket."""
        publish(self.dumps[shard], self.state)

    @contextmanager
    def settings(self) -> Iterator[Settings]:
        """The settings of this stack's lake."""
        with local.environment(carlos_settings(self.layout) | self.state.aws):
            yield Settings()

    def sql(self, statement: str) -> list[dict[str, Any]]:
        """Rows of the lake."""
        with self.settings() as settings, connect(settings) as con:
            return con.execute(statement).to_arrow_table().to_pylist()

    def objects(self, pattern: str) -> list[Path]:
        """Objects of the store, as the S3 server keeps them on disk."""
        return sorted((self.layout.s3 / "carlos" / "store").glob(pattern))

    def process_of(self, task: dict[str, Any]) -> int | None:
        """The process that runs a task instance."""
        scheduler = next(process for process in self.state.processes if process.name == "scheduler")
        for pid in members(scheduler):
            try:
                title = Path(f"/proc/{pid}/cmdline").read_text()
            except OSError:
                continue
            if task["id"] in title and "LocalExecutor" not in title:
                return pid
        return None


@pytest.fixture(scope="session")
def profile_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The micro profile with fewer prompts, seeds and steps."""
    folder = tmp_path_factory.mktemp("profile")
    shipped = json.loads((PROFILES_FOLDER / "micro.json").read_text())
    prompts = json.loads((PACKAGE_FOLDER / "prompts" / "micro-indexing.json").read_text())
    few = json.dumps({"prompt_set": "few", "prompts": prompts["prompts"][:8]}).encode()
    (folder / "few.json").write_bytes(few)
    identity = shipped["identity"]
    identity["seeds"] = [0, 1]
    identity["sampler"]["steps"] = 3
    identity["prompts"] = {"uri": str(folder / "few.json"), "sha256": hashlib.sha256(few).hexdigest()}
    path = folder / "small.json"
    path.write_text(json.dumps({**shipped, "name": "small", "budget": None, "pairs_per_shard": 4}))
    assert len(load_profile(str(path)).shards()) == 4
    return path


@pytest.fixture(scope="session")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Some models of the zoo as two dumps of one shard each."""
    zoo = tmp_path_factory.mktemp("zoo")
    write_dump(zoo)
    models = [model for path in sorted(zoo.glob("models/*.json")) for model in json.loads(path.read_text())["items"]]
    folders = {}
    for shard, names in SHARDS.items():
        folder = tmp_path_factory.mktemp("dump")
        chosen = [model for model in models if model["name"] in names]
        assert len(chosen) == len(names)
        (folder / "models").mkdir()
        (folder / "files").mkdir()
        (folder / shard).write_text(json.dumps({"items": chosen, "metadata": {}}))
        for file in [file for model in chosen for version in model["modelVersions"] for file in version["files"]]:
            (zoo / "files" / str(file["id"])).rename(folder / "files" / str(file["id"]))
        folders[shard] = folder
    return folders


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, profile_file: Path, dumps: dict[str, Path]) -> Iterator[Stack]:
    """S3 server and Airflow over the first dump; `discover_loras` starts by itself."""
    layout = Layout(tmp_path_factory.mktemp("stack"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CARLOS_PROFILE", str(profile_file))
        patch.setenv("CARLOS_LORAS_PER_BATCH", "2")
        patch.setenv("CARLOS_IMAGES_PER_STEP", "4")
        patch.setenv("CARLOS_RETRY_DELAY_S", "1")
        with running_stack(layout, dumps["models/00001.json"]) as (state, api):
            yield Stack(layout, state, api, dumps)


@pytest.fixture(scope="session")
def console() -> Console:
    """Where runs are followed: pytest shows it when a test fails."""
    return Console(width=120)


@pytest.fixture(scope="session")
def first_night(stack: Stack, console: Console) -> dict[str, Any]:
    """The first index run: its worker is killed between two shards of a LoRA, and it goes on to success.

    Moderation follows by itself; it has ended too, so that nothing is committed while a test looks.
    """
    [run_id] = wait_for_runs(stack.api, "index_loras", 1)
    task = wait_until("a batch runs", lambda: running_batch(stack, run_id, try_number=1))
    shards = "shards/profile_id=*/lora_id=[!b]*/*.parquet"
    wait_until("the first shard of a LoRA is stored", lambda: stack.objects(shards), pause_s=0.01)
    pid = wait_until("the task's process", lambda: stack.process_of(task), pause_s=0.01)
    os.kill(pid, signal.SIGKILL)
    left_behind = [path.name for path in stack.objects(shards)]
    follow_to_success(stack.api, "index_loras", [run_id], console)
    moderation = wait_for_runs(stack.api, "moderate_index", 1)
    follow_to_success(stack.api, "moderate_index", moderation, console)
    return {"run_id": run_id, "moderation": moderation[0], "left_behind": left_behind}
