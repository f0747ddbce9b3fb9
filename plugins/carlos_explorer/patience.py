"""An answer in bounded time, whatever becomes of the question: storage may hang for longer than anybody waits."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from carlos_tasks.errors import PassingError

Answer = TypeVar("Answer")

PATIENCE_S = 15.0
#: Questions that may hang at once; further ones are turned away at once until one of them is given up.
MOST_AT_ONCE = 16

_places = threading.BoundedSemaphore(MOST_AT_ONCE)


def in_time(ask: Callable[[], Answer]) -> Answer:
    """Ask in a thread of its own, which is left behind when it takes too long; it holds no process from ending.

    Raises:
        PassingError: no answer in `PATIENCE_S`, or too many questions hang already.
    """
    places = _places
    if not places.acquire(blocking=False):
        raise PassingError("catalog or storage do not answer, and too many pages wait for them already")
    box: list[tuple[bool, Any]] = []

    def run() -> None:
        try:
            box.append((True, ask()))
        except BaseException as exc:
            box.append((False, exc))
        finally:
            places.release()

    thread = threading.Thread(target=run, name="carlos-page", daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    if not box:
        raise PassingError(f"catalog or storage have not answered within {PATIENCE_S:.0f} seconds")
    is_answer, what = box[0]
    if not is_answer:
        raise what
    return what
