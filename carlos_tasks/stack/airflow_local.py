"""Airflow on loopback: its settings for a small machine, its database, its three processes.

SQLite, LocalExecutor and no triggerer: no task here is deferrable. Only Airflow's own processes open the database;
tasks speak to the API server.
"""

import json
import os
import subprocess
import sys
import time

from carlos_tasks.errors import CarlosError
from carlos_tasks.stack.api import AirflowApi
from carlos_tasks.stack.layout import DUMP, REPOSITORY, STORE, Layout, State, write_private
from carlos_tasks.stack.processes import Started, is_running, start, tail

USER = "admin"
DAGS = ("discover_loras", "index_loras", "moderate_index", "decide_batch")
GPU_SLOTS = 2
"""Batches that run at once: two processes of one thread beat one process of two."""

_COMMANDS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
}

# What a user may set for the stack. Every other CARLOS_, AIRFLOW and AWS_ variable of the shell is about another lake.
_PASSED_ON = (
    "CARLOS_PROFILE",
    "CARLOS_PROFILES",
    "CARLOS_DEVICE",
    "CARLOS_IMAGES_PER_STEP",
    "CARLOS_LORAS_PER_BATCH",
    "CARLOS_TASK_MINUTES",
    "CARLOS_BUDGET",
    "CARLOS_REFINE_PER_NIGHT",
    "CARLOS_EVIDENCE_PAIRS",
    "CARLOS_RETRY_DELAY_S",
)


def carlos_settings(layout: Layout) -> dict[str, str]:
    """The CARLOS_ variables that point at this stack's lake."""
    own = {
        "CARLOS_STORE": STORE,
        "CARLOS_CATALOG": f"sqlite:{layout.catalog}",
        "CARLOS_SOURCES": f"civitai-dump:{DUMP}",
    }
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | own


def environment(layout: Layout, state: State) -> dict[str, str]:
    """Environment of Airflow's processes, and so of every task."""
    home, address = layout.airflow, f"http://127.0.0.1:{state.airflow_port}"
    settings = {
        "API__BASE_URL": address,
        "API__HOST": "127.0.0.1",
        "API__PORT": state.airflow_port,
        "API__SECRET_KEY": state.airflow_secret,
        "API__WORKERS": 1,
        "API_AUTH__JWT_SECRET": state.airflow_secret,
        "CORE__DAGS_FOLDER": REPOSITORY / "dags",
        "CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__PARALLELISM": 4,
        "CORE__PLUGINS_FOLDER": REPOSITORY / "plugins",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": home / "passwords.json",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": home / "bundles",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 60,
        "DAG_PROCESSOR__PARSING_PROCESSES": 1,
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db?timeout=60",
        "LOGGING__BASE_LOG_FOLDER": layout.logs / "tasks",
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": layout.logs / "parsing",
        "SCHEDULER__MP_FORKSERVER_PRELOAD": "airflow.executors.local_executor,carlos_tasks.stack.preloaded",
        "SCHEDULER__MP_START_METHOD": "forkserver",
        "SCHEDULER__TASK_QUEUED_TIMEOUT": 3600,
        "USAGE_DATA_COLLECTION__ENABLED": False,
        "WORKERS__EXECUTION_API_TIMEOUT": 60,  # a busy machine answers late, and a time-out would fail the task
        "WORKERS__MAX_FAILED_HEARTBEATS": 20,
        "WORKERS__MIN_HEARTBEAT_INTERVAL": 1,
    }
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "CARLOS_", "AWS_"))}
    return (
        kept
        | {f"AIRFLOW__{name}": str(value) for name, value in settings.items()}
        | {"AIRFLOW_HOME": str(home), "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
        | {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}  # to ask for CUDA otherwise takes it from the processes forked later
        | {"CARLOS_LORAS_PER_BATCH": "1"}  # the models are loaded already, and no worker waits for another's last LoRAs
        | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        | carlos_settings(layout)
        | state.aws
    )


def migrate(layout: Layout, env: dict[str, str]) -> None:
    """Create Airflow's database, or bring it up to date.

    Raises:
        CarlosError: it failed; the message ends with the log's last lines.
    """
    log = layout.logs / "migration.log"
    with log.open("ab") as out:
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False)
    if done.returncode:
        raise CarlosError(f"Airflow's database could not be made ({log}):\n{tail(log)}")


def start_airflow(layout: Layout, state: State, env: dict[str, str]) -> list[Started]:
    """Start Airflow's processes; `healthy` waits until they answer."""
    write_private(layout.airflow / "passwords.json", json.dumps({USER: state.airflow_password}))
    return [
        start(name, [sys.executable, "-m", "airflow", *words], env, layout.logs / f"{name}.log")
        for name, words in _COMMANDS.items()
    ]


def wait_until_ready(layout: Layout, state: State, patience_s: float = 300.0) -> AirflowApi:
    """Wait until the processes answer and both DAGs are known.

    Raises:
        CarlosError: a process ended, a DAG file could not be imported, or it took too long; with the log's last lines.
    """
    api = AirflowApi(f"http://127.0.0.1:{state.airflow_port}", USER, state.airflow_password)
    give_up = time.monotonic() + patience_s
    while not (api.is_healthy() and api.knows(DAGS)):
        for process in state.processes:
            log = layout.logs / f"{process.name}.log"
            if not is_running(process):
                raise CarlosError(f"{process.name} ended ({log}):\n{tail(log)}")
            if time.monotonic() > give_up:
                raise CarlosError(f"Airflow is not ready after {patience_s:.0f} s ({log}):\n{tail(log)}")
        time.sleep(0.5)
    return api
