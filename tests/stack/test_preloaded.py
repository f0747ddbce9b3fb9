"""What Airflow's workers are forked from: it runs no thread, and its children draw with the models that it loaded."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

FORKED = """
import os, sys
from carlos_tasks.stack import preloaded
from carlos_tasks.embedding import encoder
from carlos_tasks.generation import backbone

assert len(os.listdir("/proc/self/task")) == 1, "threads do not survive a fork"
assert not {"duckdb", "pyarrow"} & set(sys.modules), "they start threads"
print("loaded", backbone._load.cache_info().currsize, encoder._load.cache_info().currsize, flush=True)
if os.fork() == 0:
    from carlos_tasks.generation.sampling import sample_images
    from carlos_tasks.profiles.profile import load_profile

    profile = load_profile("micro")
    pipeline = backbone.load_backbone(profile.identity, "cpu")
    images = sample_images(pipeline, profile.identity.sampler, profile.pairs()[:2], "", 2)
    print("drawn", *images.shape, backbone._load.cache_info().misses, flush=True)
    os._exit(0)
os.wait()
"""


def forked(folder: Path, **variables: str) -> list[str]:
    """What the script prints with these variables, in the stack's environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARLOS_")}
    environment |= {"AIRFLOW_HOME": str(folder), "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"} | variables
    command = [sys.executable, "-c", FORKED]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith(("loaded", "drawn"))]


def test_tasks_are_forked_with_the_models_loaded(tmp_path: Path) -> None:
    assert forked(tmp_path) == ["loaded 1 1", "drawn 2 3 32 32 1"]


def test_a_profile_that_is_not_there_is_left_to_the_task_that_says_so(tmp_path: Path) -> None:
    assert forked(tmp_path, CARLOS_PROFILE="/nowhere.json")[0] == "loaded 0 0"
