"""The records of one shard on their way through the intake: counted, logged, and each file once."""

import hashlib
import logging
import time
from collections.abc import Iterator

from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.untrusted.reasons import Reason

_LOG_EVERY_S = 30.0
log = logging.getLogger(__name__)


class Records:
    """The records of one shard, counted as they are read, with a line in the log now and then."""

    def __init__(self, records: Iterator[Listing | Rejection], shard_key: str) -> None:
        self._records = records
        self._shard_key = shard_key
        self.count = 0
        self.are_complete = True

    def __iter__(self) -> Iterator[Listing | Rejection]:
        start = said = time.monotonic()
        for record in self._records:
            self.count += 1
            if isinstance(record, Rejection) and record.reason is Reason.SHARD_UNREADABLE:
                self.are_complete = False
            yield record
            if time.monotonic() - said >= _LOG_EVERY_S:
                said = time.monotonic()
                log.info("intake of %s: %d records, %.1f a second", self._shard_key, self.count, self.rate(start))
        log.info("intake of %s: done, %d records, %.1f a second", self._shard_key, self.count, self.rate(start))

    def rate(self, start: float) -> float:
        """Return how many records a second were read."""
        return self.count / max(time.monotonic() - start, 1e-9)


def without_duplicates(records: Iterator[Listing | Rejection]) -> Iterator[Listing | Rejection]:
    """Turn the second listing of one file in a shard (pages that repeat) into a rejection."""
    seen: set[bytes] = set()
    for record in records:
        if isinstance(record, Listing):
            ids = (record.source, record.model_id, record.version_id, record.file_id)
            name = hashlib.blake2b("\n".join(ids).encode(), digest_size=16).digest()  # a quarter of the ids' memory
            if name in seen:
                yield Rejection(*ids, None, Reason.DUPLICATE_RECORD, "listed before in the same shard")
                continue
            seen.add(name)
        yield record
