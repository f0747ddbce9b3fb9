"""How a task of a DAG that fails tells the task that notes it why: by an XCom of its last try."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from carlos_tasks.nightly.stage_reports import Failure, as_json

_KEY = "failure"


@contextmanager
def leaving_its_reason(ti: Any) -> Iterator[None]:
    """Leave why a task fails where `failure_of` finds it; a task that is killed leaves nothing."""
    try:
        yield
    except Exception as exc:
        ti.xcom_push(_KEY, as_json(Failure(type(exc).__name__, str(exc))))
        raise


def failure_of(ti: Any, *task_ids: str) -> Failure:
    """Why the first of these tasks of the run failed that did, as its last try left it."""
    for left in ti.xcom_pull(task_ids=list(task_ids), key=_KEY):
        if left:
            return Failure(**left)
    return Failure("killed", "the task ended without a word: it was killed, or took too long")
