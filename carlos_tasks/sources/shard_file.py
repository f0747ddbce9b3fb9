"""One shard of a dump as a stream of JSON values, in constant memory: plain, gzip or zstd, JSON lines or one document.

What breaks is told, and what came before it is kept. In JSON lines a line that is no JSON stands for itself alone; a
document is over at the first place that is no JSON, for nobody can say where the next record begins. A record above
`MAX_RECORD_BYTES` is passed over without being held. What a few bytes unpack to is bounded by `MAX_BYTES`.
"""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

from carlos_tasks.untrusted.json_text import cut_lines, cut_list
from carlos_tasks.untrusted.json_values import NotJson, parse
from carlos_tasks.untrusted.reasons import Reason

ENDINGS = tuple(kind + packing for kind in (".json", ".jsonl", ".ndjson") for packing in ("", ".gz", ".zst"))
MAX_BYTES = 8 * 2**30  # unpacked: ten times what 100,000 of the largest models take
MAX_RECORDS = 1_000_000
MAX_RECORD_BYTES = 8 * 2**20
_CHUNK = 2**20
# Four bytes of zstd can stand for 128 KiB, so this much input gives at most 8 MiB at once.
_ZSTD_INPUT = 256
_ZSTD_WINDOW = 128 * 2**20


@dataclass(frozen=True)
class Fault:
    """A record, or the rest of a shard, that cannot be read."""

    reason: Reason
    detail: str


class _Unreadable(Exception):
    """The shard is over here."""


def read_shard_file(path: Path, name: str) -> Iterator[object]:
    """Yield the records of a shard: parsed JSON values, or a Fault in the place of one that cannot be read.

    Args:
        path: the shard's bytes.
        name: its key; the ending says how it is packed (`ENDINGS`).
    """
    try:
        for number, record in enumerate(_records(path, name)):
            if number == MAX_RECORDS:
                raise _Unreadable(f"more than {MAX_RECORDS} records")
            yield record
    except (_Unreadable, NotJson) as exc:
        yield Fault(Reason.SHARD_UNREADABLE, str(exc))


def _records(path: Path, name: str) -> Iterator[object]:
    chunks = _bounded(_unpacked(path, name))
    is_lines = name.removesuffix(".gz").removesuffix(".zst").endswith((".jsonl", ".ndjson"))
    yield from _of_lines(chunks) if is_lines else _of_document(chunks)


def _of_lines(chunks: Iterator[bytes]) -> Iterator[object]:
    for line, is_ended in cut_lines(chunks, MAX_RECORD_BYTES):
        if line is None:
            yield _too_large()
            continue
        try:
            yield parse(line)
        except NotJson as exc:
            if not is_ended:
                raise NotJson("the last line breaks off") from exc
            yield Fault(Reason.RECORD_INVALID, "a line that is not JSON")


def _of_document(chunks: Iterator[bytes]) -> Iterator[object]:
    for element in cut_list(chunks, "items", MAX_RECORD_BYTES):
        yield _too_large() if element is None else parse(element)


def _too_large() -> Fault:
    return Fault(Reason.RECORD_TOO_LARGE, f"a record of more than {MAX_RECORD_BYTES} bytes")


def _bounded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    n_bytes = 0
    for chunk in chunks:
        n_bytes += len(chunk)
        if n_bytes > MAX_BYTES:
            raise _Unreadable(f"it unpacks to more than {MAX_BYTES} bytes")
        yield chunk


def _unpacked(path: Path, name: str) -> Iterator[bytes]:
    try:
        if name.endswith(".zst"):
            yield from _of_zstd(path)
            return
        with gzip.open(path) if name.endswith(".gz") else path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as exc:
        raise _Unreadable(f"it cannot be decompressed: {exc}") from exc


def _of_zstd(path: Path) -> Iterator[bytes]:
    """Unpack frame after frame; the library's own reader takes a frame that breaks off for the end."""
    context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    frame, parts, size = context.decompressobj(), list[bytes](), 0
    is_begun = False
    with path.open("rb") as stream:
        while block := stream.read(_ZSTD_INPUT):
            while block:
                is_begun = True
                parts.append(frame.decompress(block))
                size += len(parts[-1])
                block = frame.unused_data
                if frame.eof:
                    frame, is_begun = context.decompressobj(), False
            if size >= _CHUNK:
                yield from _sliced(b"".join(parts))
                parts, size = [], 0
    yield b"".join(parts)
    if is_begun:
        raise _Unreadable("it cannot be decompressed: it breaks off")


def _sliced(text: bytes) -> Iterator[bytes]:
    return (text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK))
