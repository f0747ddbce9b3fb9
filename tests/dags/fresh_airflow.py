"""Reads the DAG files in a process of its own, as Airflow's DAG processor does."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]


def read_dags(home: Path, **environment: str) -> dict[str, Any]:
    """What a fresh Airflow process reads from dags/."""
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "PYTHONPATH": str(REPOSITORY),
        **environment,
    }
    script = Path(__file__).with_name("read_dags.py")
    subprocess.run(
        [sys.executable, str(script), str(REPOSITORY / "dags"), str(home / "dags.json")],
        env={**os.environ, **settings},
        check=True,
        capture_output=True,
    )
    found: dict[str, Any] = json.loads((home / "dags.json").read_text())
    return found
