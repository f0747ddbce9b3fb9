"""Patience with a busy server: which failures are worth another try, and how long to wait before it."""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from carlos_tasks.errors import PassingError

_T = TypeVar("_T")
log = logging.getLogger(__name__)


class BusyServer(PassingError):
    """The server did not give an answer that can be used.

    Args:
        retry_after_s: the wait that it asks for.
        status: the HTTP status, 0 where there was none.
    """

    def __init__(self, message: str, retry_after_s: float = 0.0, status: int = 0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.status = status


class NoAnswer(BusyServer):
    """Something in front of the source answered: a challenge, a proxy, a page of its host.

    It says nothing of what was asked for, so that this is neither gone nor refused: it is asked for again.
    """


@dataclass(frozen=True)
class BackOff:
    """How often a request is tried, and how long the waits between are, in seconds.

    The wait before try n is drawn from 0 to first_s · 2ⁿ, at most longest_s, and is never shorter than the server asks
    for. A server that asks for more than patience_s is left alone until the next run.
    """

    tries: int = 6
    first_s: float = 1.0
    longest_s: float = 30.0
    patience_s: float = 300.0

    def call(self, ask: Callable[[], _T]) -> _T:
        """Ask until there is an answer.

        Raises:
            PassingError: there was none; what else `ask` raises is not tried again.
        """
        return Retrying(
            retry=retry_if_exception(self._is_worth_a_try),
            wait=self._wait_s,
            stop=stop_after_attempt(self.tries),
            reraise=True,
        )(ask)

    def _is_worth_a_try(self, exc: BaseException) -> bool:
        return isinstance(exc, BusyServer) and exc.retry_after_s <= self.patience_s

    def _wait_s(self, state: RetryCallState) -> float:
        exc = state.outcome.exception() if state.outcome else None
        asked_for = exc.retry_after_s if isinstance(exc, BusyServer) else 0.0
        drawn = random.uniform(0, min(self.longest_s, self.first_s * 2**state.attempt_number))  # noqa: S311 - no secret
        log.info("%s; trying again in %.1f s", exc, max(asked_for, drawn))
        return max(asked_for, drawn)


def retry_after_s(value: str | None) -> float:
    """Read a Retry-After header, seconds or a date; 0 for what cannot be read."""
    if value is None:
        return 0.0
    if value.strip().isdecimal() and len(value.strip()) <= 9:
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
