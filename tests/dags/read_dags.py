"""Fills Airflow's DagBag in a fresh process and writes down what is in it; run by the tests of the DAGs."""

import json
import sys
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import PartitionedAssetTimetable

HEAVY = ("torch", "diffusers", "transformers", "peft", "open_clip", "pandas", "duckdb", "pyarrow", "numpy", "boto3")


def describe(task: Any) -> dict[str, Any]:
    """The settings of one task that the tests look at."""
    wanted = ("pool", "queue", "retries", "retry_exponential_backoff", "trigger_rule")
    found = {name: getattr(task, name) for name in wanted}
    return found | {
        "trigger_rule": str(task.trigger_rule),
        "retry_delay": task.retry_delay.total_seconds(),
        "timeout": task.execution_timeout.total_seconds() if task.execution_timeout else None,
        "mapped": task.is_mapped,
        "in_mapped_group": task.get_closest_mapped_task_group() is not None,
        "upstream": sorted(task.upstream_task_ids),
        "outlets": sorted(asset.name for asset in task.outlets),
        "policy": [(rule.exception_path, rule.action.value) for rule in task.retry_policy.rules],
    }


if __name__ == "__main__":
    bag = DagBag(sys.argv[1])
    dags = {
        dag.dag_id: {
            "doc": dag.doc_md,
            "file": dag.fileloc,
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "partitioned": isinstance(dag.schedule, PartitionedAssetTimetable),
            "asset": getattr(getattr(dag.schedule, "asset_condition", None), "name", None),
            "tasks": {task.task_id: describe(task) for task in dag.tasks},
        }
        for dag in bag.dags.values()
    }
    found = {"errors": bag.import_errors, "dags": dags, "heavy": [m for m in HEAVY if m in sys.modules]}
    Path(sys.argv[2]).write_text(json.dumps(found))  # not to standard output: Airflow logs there
