"""Polling a live source into its mirror: what is new or changed becomes pages there, and the pages are the shards.

A poll reads a listing from its newest end. It stops at the first page on which everything is known and unchanged; a
source that was never read to its end without a fault is read to its end. A sweep always is, and then asks by id for
what was known and not seen: paging loses items, and a model that was taken down is in no listing.

An item is unchanged when its state is: what the catalogue says matters of it, so not its download count. One that was
asked for by id and got no answer of the source's own stays as it was known, and is asked for again.
"""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from carlos_tasks.errors import PassingError, PermanentError
from carlos_tasks.sources.live import KeptPage, LiveSource
from carlos_tasks.sources.mirror import Known, Step
from carlos_tasks.sources.web import Refused

MAX_STALE_PAGES = 3
"""Pages in a row without an item that the poll has not seen, after which the listing is taken to go in circles."""

LOOK_UPS_PER_PAGE = 100
MAX_FAILED_LOOK_UPS = 3
_LOG_EVERY_S = 30.0
_NAMELESS = "?"  # before the digest of an item that has no id
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PollReport:
    """What a poll added to the mirror.

    `is_complete`: nothing that was new can have been left out. `n_unanswered` items were asked for by id, and the
    answer was not the source's own, or was that they are not for us.
    """

    n_pages: int = 0
    n_gone: int = 0
    is_complete: bool = True
    n_unanswered: int = 0


def poll(source: LiveSource, *, sweep: bool = False) -> PollReport:
    """Bring a source's mirror up to date: finish the poll that was broken off, if there is one, then begin a new one.

    A page that the server never gives, while it gives others, would hold a source up for good. Where a poll that is
    resumed gets no further and the first page is to be had, it is given up, and the new one ends without an error.

    Raises:
        PassingError: the source does not answer. What was read is kept, and the next call goes on from there.
    """
    done, is_stuck = PollReport(), False
    unfinished = source.mirror.unfinished(source.mirror.known())
    if unfinished is not None:
        poll_id, steps = unfinished
        log.info("poll %s goes on after %d pages", poll_id, len(steps))
        resumed = _Poll(source, poll_id, steps)
        try:
            done = resumed.run()
        except PassingError as exc:
            if resumed.has_advanced:
                raise
            source.page(None)  # in an outage this fails too, and the poll stays as it is
            done, is_stuck = resumed.close(f"the next page is not to be had: {exc}"), True
        sweep = sweep and not steps[0].is_sweep
    new = _Poll(source, f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}", [], is_sweep=sweep)
    try:
        report = new.run()
    except PassingError as exc:
        if not (is_stuck and new.has_advanced):
            raise
        log.warning("the poll stops before its end, and what it has read is used: %s", exc)
        report = replace(new.report(), is_complete=False)
    return PollReport(
        done.n_pages + report.n_pages,
        done.n_gone + report.n_gone,
        report.is_complete,
        done.n_unanswered + report.n_unanswered,
    )


class _Poll:
    """One poll, from its first page or from where it was broken off."""

    def __init__(self, source: LiveSource, poll_id: str, steps: list[Step], *, is_sweep: bool = False) -> None:
        self._source, self._mirror, self._id = source, source.mirror, poll_id
        self._is_sweep = steps[0].is_sweep if steps else is_sweep
        self._known = source.mirror.known()
        self._last = steps[-1] if steps else Step(self._is_sweep, {})
        self._n_steps = self._n_resumed = len(steps)
        self._seen: dict[str, str] = {}
        self._gone: list[str] = []
        self._n_unlisted = sum(step.n_unanswered for step in steps)  # items of the listing that gave no answer
        self._n_unanswered = 0
        self._asked: set[str | None] = {None} if steps else set()
        for step in steps:
            self._seen |= step.states
            self._gone += step.gone
            self._asked.add(step.cursor)
        self._asked.discard(self._last.cursor)
        self._n_kept = 0
        self._said = time.monotonic()

    def run(self) -> PollReport:
        """Read on to the end, reconcile if it is a sweep, and close the poll."""
        fault = None if self._last.is_end else self._read_pages()
        if self._is_sweep and fault is None:
            fault = self._reconcile()
        if fault is None and self._n_unlisted:
            fault = f"{self._n_unlisted} items of the listing gave no answer of their own"
        return self.close(fault)

    @property
    def has_advanced(self) -> bool:
        """Whether this run has brought the poll any further."""
        return self._n_steps > self._n_resumed

    def report(self) -> PollReport:
        """Sum this run up."""
        return PollReport(self._n_kept, len(self._gone), n_unanswered=self._n_unanswered)

    def close(self, fault: str | None) -> PollReport:
        """Keep what is known now; with a fault, something may be missing in it."""
        if fault is None and self._n_steps == 0:
            return self.report()  # nothing new: nothing is written
        if fault:
            log.warning("poll %s is incomplete, the next one reads everything again: %s", self._id, fault)
        self._mirror.close(
            Known(
                states={key: state for key, state in (self._known.states | self._seen).items() if self._stays(key)},
                has_gap=fault is not None,
                closed=self._id,
                lost=self._known.lost,
            )
        )
        return replace(self.report(), is_complete=fault is None)

    def _read_pages(self) -> str | None:
        """Read pages until nothing new is to be expected; returns what is wrong with the listing."""
        cursor, n_stale = self._last.cursor, 0
        while True:
            self._asked.add(cursor)
            try:
                answer = self._source.page(cursor)
            except PermanentError as exc:
                if cursor is None:
                    raise
                return f"the cursor is refused: {exc}"
            states = dict(self._state(item) for item in answer.items)
            if not (self._is_sweep or self._known.has_gap) and not self._changed(states):
                return None
            n_stale = 0 if states.keys() - self._seen.keys() else n_stale + 1
            changed = self._changed(states)
            kept = self._source.enrich(answer, changed) if changed else KeptPage(b"")
            self._n_unlisted += len(kept.unanswered)
            self._n_unanswered += len(kept.unanswered)
            known = {key: state for key, state in states.items() if key not in kept.unanswered}
            self._keep(known, kept.raw or None, answer.cursor, n_unanswered=len(kept.unanswered))
            if answer.cursor is None:
                return None
            if answer.cursor in self._asked:
                return "a cursor comes back"
            if n_stale >= MAX_STALE_PAGES:
                return f"{n_stale} pages in a row hold nothing that was not on an earlier one"
            cursor = answer.cursor

    def _reconcile(self) -> str | None:
        """Ask by id for what was known and has not been seen."""
        missing = sorted(self._known.states.keys() - self._seen.keys() - set(self._gone))
        missing = [item_id for item_id in missing if not item_id.startswith(_NAMELESS)]
        if len(missing) > max(LOOK_UPS_PER_PAGE, len(self._known.states) // 2):
            return f"{len(missing)} of {len(self._known.states)} known items were not listed"
        for start in range(0, len(missing), LOOK_UPS_PER_PAGE):
            found = self._look_up(missing[start : start + LOOK_UPS_PER_PAGE])
            items = [item for item in found.values() if item is not None]
            gone = [key for key, item in found.items() if item is None]
            # An item counts under the id that it was asked for by, whatever it says of itself.
            states = {key: self._source.item_state(item)[1] for key, item in found.items() if item is not None}
            page = json.dumps({"items": items, "gone": gone}).encode() if found else None
            self._keep(states, page, None, gone)
        return None

    def _look_up(self, ids: Sequence[str]) -> dict[str, Any | None]:
        """Ask by id; an item that gives no answer, or is not for us, stays as it is known. Several are an outage."""
        found, n_failed = {}, 0
        for item_id in ids:
            try:
                found[item_id] = self._source.look_up(item_id)
            except (PassingError, Refused) as exc:
                self._n_unanswered += 1
                n_failed += isinstance(exc, PassingError)
                log.warning("%s stays as it is known: %s", item_id, exc)
                if n_failed >= MAX_FAILED_LOOK_UPS:
                    raise
        return found

    def _keep(
        self,
        states: dict[str, str],
        page: bytes | None,
        cursor: str | None,
        gone: Sequence[str] = (),
        n_unanswered: int = 0,
    ) -> None:
        if page is not None:
            self._mirror.write_page(self._id, self._n_steps, page)
            self._n_kept += 1
        step = Step(self._is_sweep, states, list(gone), cursor, cursor is None, n_unanswered)
        self._mirror.write_step(self._id, self._n_steps, step)
        self._n_steps += 1
        self._seen |= states
        self._gone += gone
        if time.monotonic() - self._said >= _LOG_EVERY_S:
            self._said = time.monotonic()
            log.info(
                "poll %s: %d pages, %d items, %d pages kept", self._id, self._n_steps, len(self._seen), self._n_kept
            )

    def _state(self, item: Any) -> tuple[str, str]:
        item_id, digest = self._source.item_state(item)
        return (_NAMELESS + digest if item_id is None else item_id), digest

    def _changed(self, states: Mapping[str, str]) -> set[str]:
        return {key for key, state in states.items() if (self._seen.get(key) or self._known.states.get(key)) != state}

    def _stays(self, key: str) -> bool:
        is_nameless_of_old = key.startswith(_NAMELESS) and self._is_sweep and key not in self._seen
        return key not in self._gone and not is_nameless_of_old
