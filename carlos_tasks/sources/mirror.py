"""The mirror of a live source in our own store: the pages that it answered with, kept as they came.

    polls/<hash of the URI>/<poll>/<nnnnn>.json.zst       a page: the shards of the source, and its archive
    polling/<hash of the URI>/known.json.zst              every item that finished polls have seen, and its state
    polling/<hash of the URI>/progress/<poll>/<nnnnn>.json  what the unfinished poll has done, a step each

A page is written before the step that counts it, so a poll that is killed anywhere goes on after its last whole step;
a page that was written without its step is written again. A page is never changed after its step.
"""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import zstandard
from pydantic import TypeAdapter, ValidationError

from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.store.keys import pages_prefix, polling_prefix
from carlos_tasks.store.objects import ObjectInfo, ObjectStore, checked_key
from carlos_tasks.store.sealed import read_sealed, seal, unseal, write_sealed
from carlos_tasks.untrusted.json_values import parse

MAX_PAGE_BYTES = 256 * 2**20
_PAGE_ENDING = ".json.zst"
# Before a page stands the hash of key and content, in a frame that zstd passes over. Older pages have none.
_SEAL_HEAD = (0x184D2A50).to_bytes(4, "little") + (32).to_bytes(4, "little")
log = logging.getLogger(__name__)


@dataclass
class Known:
    """What finished polls have seen.

    `states` holds a digest per item. `has_gap`: no poll has yet read the source to its end without a fault, so that
    something may lie beyond what is known. `closed` is the poll that was finished last. `lost` names pages that turned
    out to be broken: what they held was forgotten, so that the next poll reads it again.
    """

    states: dict[str, str] = field(default_factory=dict)
    has_gap: bool = True
    closed: str = ""
    lost: list[str] = field(default_factory=list)


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


_KNOWN, _STEP = TypeAdapter(Known), TypeAdapter(Step)


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
        key = checked_key(self._pages + shard_key)
        try:
            page = parse(_unsealed(key, self._store.read(key, at_most=MAX_PAGE_BYTES)))
        except (zstandard.ZstdError, ValueError, PermanentError) as exc:
            self._forget(shard_key)
            raise PermanentError(f"{shard_key} is no page: {exc}") from exc
        if not isinstance(page, dict) or not isinstance(page.get("items"), list):
            self._forget(shard_key)
            raise PermanentError(f"{shard_key} is no page: no list of items in it")
        return page

    def _forget(self, shard_key: str) -> None:
        """Have the source read to its end again, once for each broken page: nobody can say what a page held."""
        known = self.known()
        if shard_key not in known.lost:
            log.warning("%s is broken: the next poll reads the source to its end again", shard_key)
            self._write_known(Known(closed=known.closed, lost=[*known.lost, shard_key]))

    def write_page(self, poll: str, number: int, raw: bytes) -> None:
        """Keep a page as it came."""
        key = f"{self._pages}{poll}/{number:05d}{_PAGE_ENDING}"
        self._store.write(key, _SEAL_HEAD + _seal(key, raw) + zstandard.compress(raw))

    def known(self) -> Known:
        """Return what finished polls have seen; where that cannot be read, nothing is known and all is read again."""
        try:
            packed = self._store.read(self._known, at_most=MAX_PAGE_BYTES)
            return _KNOWN.validate_python(unseal(self._known, _unpack(packed)))
        except NotFound:
            return Known()
        except (zstandard.ZstdError, ValueError, PermanentError) as exc:
            log.warning("%s cannot be read, the source is read to its end again: %s", self._known, exc)
            return Known()

    def unfinished(self, known: Known) -> tuple[str, list[Step]] | None:
        """Return the poll that was not finished, with its steps; None if there is none.

        A step that is broken or gone ends them: it and those behind it are cleared away and done again.
        """
        found: dict[str, list[Step]] = {}
        for info in list(self._store.list(self._progress)):
            poll = info.key.removeprefix(self._progress).partition("/")[0]
            steps = found.setdefault(poll, [])
            step = self._step(info.key) if info.key == self._step_key(poll, len(steps)) else None
            if step is None or poll == known.closed:  # killed between closing the poll and clearing its steps away
                self._store.delete(info.key)
            else:
                steps.append(step)
        return min(((poll, steps) for poll, steps in found.items() if steps), default=None)

    def _step(self, key: str) -> Step | None:
        try:
            return _STEP.validate_python(read_sealed(self._store, key))
        except (NotFound, PermanentError, ValidationError) as exc:
            log.warning("the poll goes on before a step that cannot be read: %s", exc)
            return None

    def _step_key(self, poll: str, number: int) -> str:
        return f"{self._progress}{poll}/{number:05d}.json"

    def write_step(self, poll: str, number: int, step: Step) -> None:
        """Count a page as done."""
        write_sealed(self._store, self._step_key(poll, number), asdict(step))

    def close(self, known: Known) -> None:
        """Keep what is known now, and clear the steps of the poll away."""
        self._write_known(known)
        for info in list(self._store.list(f"{self._progress}{known.closed}/")):
            self._store.delete(info.key)

    def _write_known(self, known: Known) -> None:
        self._store.write(self._known, zstandard.compress(seal(self._known, asdict(known))))

    def _as_shard(self, info: ObjectInfo) -> ObjectInfo:
        return ObjectInfo(info.key.removeprefix(self._pages), info.size, info.last_modified, info.etag)


def _seal(key: str, raw: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\n" + raw).digest()


def _unsealed(key: str, packed: bytes) -> bytes:
    """Return what a page holds; ValueError where it was changed, or is another page."""
    if not packed.startswith(_SEAL_HEAD):
        return _unpack(packed)
    begin = len(_SEAL_HEAD) + 32
    raw = _unpack(packed[begin:])
    if packed[len(_SEAL_HEAD) : begin] != _seal(key, raw):
        raise ValueError("it was changed, or is another page")
    return raw


def _unpack(data: bytes) -> bytes:
    """Decompress, with a cap on what it may unpack to."""
    with zstandard.ZstdDecompressor().stream_reader(data) as reader:
        text = reader.read(MAX_PAGE_BYTES + 1)
    if len(text) > MAX_PAGE_BYTES:
        raise ValueError(f"larger than {MAX_PAGE_BYTES} bytes")
    return text
