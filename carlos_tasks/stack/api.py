"""The few calls of Airflow's REST API that the local stack needs."""

from collections.abc import Iterable
from typing import Any

import httpx

from carlos_tasks.errors import CarlosError

ENDED = frozenset({"success", "failed"})


class AirflowApi:
    """Airflow at one address, as one user; logs in by itself, and again when the token has run out."""

    def __init__(self, address: str, user: str, password: str) -> None:
        self.address = address
        self._login = {"username": user, "password": password}
        # The shell's proxy settings are not for loopback.
        self._client = httpx.Client(base_url=address, timeout=60, trust_env=False)

    def __enter__(self) -> "AirflowApi":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def is_healthy(self) -> bool:
        """Whether API server (also the part that tasks speak to), database, scheduler and DAG processor all answer."""
        try:
            self._client.get("/execution/health").raise_for_status()
            parts = self._client.get("/api/v2/monitor/health").raise_for_status().json()
        except httpx.HTTPError:
            return False
        return all(parts[name]["status"] == "healthy" for name in ("metadatabase", "scheduler", "dag_processor"))

    def knows(self, dag_ids: Iterable[str]) -> bool:
        """Whether these DAGs have been read.

        Raises:
            CarlosError: a DAG file cannot be imported; the message is Airflow's own.
        """
        errors = self.get("/importErrors")["import_errors"]
        if errors:
            raise CarlosError(f"a DAG file cannot be imported:\n{errors[0]['stack_trace']}")
        return set(dag_ids) <= {dag["dag_id"] for dag in self.get("/dags")["dags"]}

    def set_pools(self, pools: dict[str, dict[str, Any]]) -> None:
        """Create these pools or change them; `pools` is shaped like `dags/pools.json`."""
        there = {pool["name"] for pool in self.get("/pools")["pools"]}
        for name, pool in pools.items():
            if name in there:
                self._call("PATCH", f"/pools/{name}", {"pool": name, **pool})
            else:
                self._call("POST", "/pools", {"name": name, **pool})

    def pause(self, dag_id: str) -> None:
        """Keep the scheduler from starting runs of this DAG."""
        self._call("PATCH", f"/dags/{dag_id}", {"is_paused": True})

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run this DAG."""
        self._call("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, *, partition_key: str | None = None, conf: dict[str, Any] | None = None) -> str:
        """Start a run with these parameters; returns its id."""
        body = {"logical_date": None, "partition_key": partition_key, "conf": conf or {}}
        return str(self._call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Every run of a DAG, oldest first."""
        found = self.get(f"/dags/{dag_id}/dagRuns", limit=100, order_by="id")["dag_runs"]
        return list(found)

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """One run."""
        return self.get(f"/dags/{dag_id}/dagRuns/{run_id}")

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run, mapped ones included."""
        found: list[dict[str, Any]] = []
        while True:
            path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
            page = self.get(path, limit=100, offset=len(found))
            found += page["task_instances"]
            if len(found) >= page["total_entries"] or not page["task_instances"]:
                return found

    def questions(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """What tasks of a run ask a person and nobody has answered: subject, body, options, and the task instance."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/hitlDetails"
        found = self.get(path, response_received=False, state="awaiting_input")["hitl_details"]
        return list(found)

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str) -> None:
        """Answer what a task asks, as the user who is logged in."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        self._call("PATCH", path, {"chosen_options": [option], "params_input": {}})

    def returned(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """What a task returned, or one mapped instance of it; None if it was skipped."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries"
        found = {entry["key"] for entry in self.get(path, map_index=map_index)["xcom_entries"]}
        return self.get(f"{path}/return_value", map_index=map_index)["value"] if "return_value" in found else None

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1, map_index: int = -1) -> str:
        """What one try of a task logged, a line per event, and the errors that it was about."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        lines = []
        for event in self.get(path, map_index=map_index)["content"]:
            lines.append(str(event["event"]))
            lines += [f"{error['exc_type']}: {error['exc_value']}" for error in event.get("error_detail") or []]
        return "\n".join(lines)

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """GET below /api/v2."""
        return self._call("GET", path, params=params)

    def _call(self, method: str, path: str, body: Any = None, params: Any = None) -> dict[str, Any]:
        for _ in range(2):
            answer = self._client.request(method, f"/api/v2{path}", json=body, params=params)
            if answer.status_code != httpx.codes.UNAUTHORIZED:
                break
            token = self._client.post("/auth/token", json=self._login).raise_for_status().json()["access_token"]
            self._client.headers["Authorization"] = f"Bearer {token}"
        if answer.is_error:
            raise CarlosError(f"Airflow answered {answer.status_code} to {method} {path}: {answer.text[:500]}")
        return dict(answer.json())
