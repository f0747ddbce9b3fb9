"""A dump's shard in every packing, whole, broken, and made to hurt."""

import gzip
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from carlos_tasks.sources import shard_file
from carlos_tasks.sources.shard_file import ENDINGS, Fault, read_shard_file
from carlos_tasks.untrusted.reasons import Reason

VALUES: list[Any] = [{"id": number, "text": "ä" * 50} for number in range(300)]
PACK: dict[str, Callable[[bytes], bytes]] = {
    "": lambda text: text,
    ".gz": gzip.compress,
    ".zst": zstandard.compress,
}


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def packed(values: list[Any], ending: str) -> bytes:
    kind, _, packing = ending.removeprefix(".").partition(".")
    text = json.dumps(values) if kind == "json" else "\n".join(map(json.dumps, values)) + "\n"
    return PACK[f".{packing}" if packing else ""](text.encode())


def read(folder: Path, ending: str, content: bytes) -> list[Any]:
    name = f"shard{ending}"
    return list(read_shard_file(put(folder, name, content), f"models/{name}"))


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_packing_is_read(ending: str, tmp_path: Path) -> None:
    assert read(tmp_path, ending, packed(VALUES, ending)) == VALUES


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_shard_that_breaks_off_keeps_what_came_before(ending: str, tmp_path: Path) -> None:
    noise = [{"id": number, "text": "".join(map(chr, range(48 + number % 40, 99)))} for number in range(30_000)]
    whole = packed(noise, ending)
    *records, fault = read(tmp_path, ending, whole[: len(whole) * 2 // 3])
    assert isinstance(fault, Fault) and fault.reason is Reason.SHARD_UNREADABLE
    assert records == noise[: len(records)]
    assert len(records) > 1000


@pytest.mark.parametrize("ending", [".jsonl.gz", ".jsonl.zst", ".json.gz", ".json.zst"])
def test_what_is_not_packed_as_its_name_says_is_one_fault(ending: str, tmp_path: Path) -> None:
    (fault,) = read(tmp_path, ending, b"<html>not found</html>" * 100)
    assert fault.reason is Reason.SHARD_UNREADABLE
    assert "decompressed" in fault.detail


@pytest.mark.parametrize("ending", [".jsonl.gz", ".jsonl.zst"])
def test_several_frames_are_one_shard(ending: str, tmp_path: Path) -> None:
    assert read(tmp_path, ending, packed(VALUES, ending) + packed([1], ending)) == [*VALUES, 1]


def test_a_line_that_is_not_json_stands_for_itself_alone(tmp_path: Path) -> None:
    first, fault, last = read(tmp_path, ".jsonl", b'{"id": 1}\n{"id": \n{"id": 3}\n')
    assert (first, last) == ({"id": 1}, {"id": 3})
    assert fault == Fault(Reason.RECORD_INVALID, "a line that is not JSON")


def test_a_document_is_over_at_the_first_place_that_is_not_json(tmp_path: Path) -> None:
    first, fault = read(tmp_path, ".json", b'[{"id": 1}, {"id": }, {"id": 3}]')
    assert first == {"id": 1}
    assert fault.reason is Reason.SHARD_UNREADABLE


@pytest.mark.parametrize("ending", [".jsonl", ".json"])
def test_a_record_that_is_too_large_is_passed_over(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_file, "MAX_RECORD_BYTES", 100)
    values = [1, "x" * 200, {"id": 3}]
    first, fault, last = read(tmp_path, ending, packed(values, ending))
    assert (first, last) == (1, {"id": 3})
    assert fault == Fault(Reason.RECORD_TOO_LARGE, "a record of more than 100 bytes")


def test_too_many_records_end_the_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_file, "MAX_RECORDS", 2)
    *records, fault = read(tmp_path, ".jsonl", b"1\n2\n3\n4\n")
    assert (records, fault) == ([1, 2], Fault(Reason.SHARD_UNREADABLE, "more than 2 records"))


@pytest.mark.parametrize("ending", [".jsonl.gz", ".jsonl.zst", ".json.gz", ".json.zst"])
def test_a_decompression_bomb_is_read_in_little_memory_and_ended(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_file, "MAX_BYTES", 96 * 2**20)
    bomb = PACK[f".{ending.rpartition('.')[2]}"](b'["' + b"x" * (128 * 2**20))
    assert len(bomb) < 2**20
    tracemalloc.start()
    try:
        *records, fault = read(tmp_path, ending, bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert fault == Fault(Reason.SHARD_UNREADABLE, f"it unpacks to more than {96 * 2**20} bytes")
    assert [record.reason for record in records] in ([], [Reason.RECORD_TOO_LARGE])
    assert peak < 64 * 2**20


def test_a_zstd_window_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=28, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    (fault,) = read(tmp_path, ".jsonl.zst", packer.compress(b"1\n" * 1000) + packer.flush())
    assert fault.reason is Reason.SHARD_UNREADABLE
