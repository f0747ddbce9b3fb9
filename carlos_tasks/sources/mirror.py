"""The mirror of a live source in our own store: the pages that it answered with, kept as they came.

    polls/<hash of the URI>/<poll>/<nnnnn>.json.zst       a page: the shards of the source, and its archive
    polling/<hash of the URI>/known.json.zst              every item that finished polls have seen, and its state
    polling/<hash of the URI>/progress/<poll>/<nnnnn>.json  what the unfinished poll has done, a step each

A page is written before the step that counts it, so a poll that is killed anywhere goes on after its last whole step;
a page that was written without its step is written again. A page is never changed after its step.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import zstandard

from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.store.keys import pages_prefix, polling_prefix
from carlos_tasks.store.objects import ObjectInfo, ObjectStore

MAX_PAGE_BYTES = 256 * 2**20
_PAGE_ENDING = ".json.zst"
log = logging.getLogger(__name__)


@dataclass
class Known:
    """What finished polls have seen.

    `states` holds a digest per item. `has_gap`: no poll has yet read the source to its end without a fault, so that
    something may lie beyond what is known. `closed` is the poll that was finished last.
    """

    states: dict[str, str] = field(default_factory=dict)
    has_gap: bool = True
    closed: str = ""


@dataclass(frozen=True)
class Step:
    """What one page of a poll brought: states of items, ids that are gone, and the cursor to go on with.

    `is_end`: the listing has no further page. A sweep goes on by id after that. `n_unanswered` items of the page were
    asked for and gave no answer.
    """

    is_sweep: bool
    states: dict[str, str]
    gone: list[str] = field(default_factory=list)
    cursor: str | None = None
    is_end: bool = False
    n_unanswered: int = 0


class Mirror:
    """One source's part of the store."""

    def __init__(self, store: ObjectStore, uri: str) -> None:
        self._store = store
        self._pages = pages_prefix(uri)
        self._known = f"{polling_prefix(uri)}known{_PAGE_ENDING}"
        self._progress = f"{polling_prefix(uri)}progress/"

    def shards(self) -> Iterator[ObjectInfo]:
        """List the pages, oldest poll first."""
        for info in self._store.list(self._pages):
            if info.key.endswith(_PAGE_ENDING):
                yield self._as_shard(info)

    def shard(self, shard_key: str) -> ObjectInfo:
        """Look one page up."""
        return self._as_shard(self._store.info(self._pages + shard_key))

    def read_page(self, shard_key: str) -> dict[str, Any]:
        """Return a page: `items`, and `gone` where ids were asked for in vain.

        Raises:
            PermanentError: what lies there is no page.
        """
        packed = self._store.read(self._pages + shard_key)
        try:
            page = _unpack(packed)
        except (zstandard.ZstdError, ValueError, RecursionError) as exc:
            raise PermanentError(f"{shard_key} is no page: {exc}") from exc
        if not isinstance(page, dict) or not isinstance(page.get("items"), list):
            raise PermanentError(f"{shard_key} is no page: no list of items in it")
        return page

    def write_page(self, poll: str, number: int, raw: bytes) -> None:
        """Keep a page as it came."""
        self._store.write(f"{self._pages}{poll}/{number:05d}{_PAGE_ENDING}", zstandard.compress(raw))

    def known(self) -> Known:
        """Return what finished polls have seen; where that cannot be read, nothing is known and all is read again."""
        try:
            return Known(**_unpack(self._store.read(self._known)))
        except NotFound:
            return Known()
        except (zstandard.ZstdError, ValueError, TypeError) as exc:
            log.warning("%s cannot be read, the source is read to its end again: %s", self._known, exc)
            return Known()

    def unfinished(self, known: Known) -> tuple[str, list[Step]] | None:
        """Return the poll that was not finished, with its steps; None if there is none."""
        found: dict[str, list[Step]] = {}
        for info in list(self._store.list(self._progress)):
            poll = info.key.removeprefix(self._progress).partition("/")[0]
            if poll == known.closed:  # killed between closing the poll and clearing its steps away
                self._store.delete(info.key)
            else:
                found.setdefault(poll, []).append(Step(**json.loads(self._store.read(info.key))))
        return min(found.items(), default=None)

    def write_step(self, poll: str, number: int, step: Step) -> None:
        """Count a page as done."""
        self._store.write(f"{self._progress}{poll}/{number:05d}.json", json.dumps(asdict(step)).encode())

    def close(self, known: Known) -> None:
        """Keep what is known now, and clear the steps of the poll away."""
        self._store.write(self._known, zstandard.compress(json.dumps(asdict(known)).encode()))
        for info in list(self._store.list(f"{self._progress}{known.closed}/")):
            self._store.delete(info.key)

    def _as_shard(self, info: ObjectInfo) -> ObjectInfo:
        return ObjectInfo(info.key.removeprefix(self._pages), info.size, info.last_modified, info.etag)


def _unpack(data: bytes) -> Any:
    """Decompress and parse, with a cap on what it may unpack to."""
    with zstandard.ZstdDecompressor().stream_reader(data) as reader:
        text = reader.read(MAX_PAGE_BYTES + 1)
    if len(text) > MAX_PAGE_BYTES:
        raise ValueError(f"larger than {MAX_PAGE_BYTES} bytes")
    return json.loads(text)
