"""Shards and files whose names nobody could open again: each costs itself only, and is a row with a reason."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from carlos_tasks.intake.source_intake import IngestReport, ingest_source
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.checks import run_checks
from carlos_tasks.settings import Settings
from carlos_tasks.sources.civitai_dump import UNUSABLE, CivitaiDump
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectInfo, ObjectStore
from tests.intake.test_source_intake import ask, model

NAMES = ["line\nbreak", "bidi\u202e", "back\\slash", "tab\t", "\x7f", "bidi"]
NOT_UTF8 = b"not-utf-8-\xff"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one good file of each kind beside the odd ones."""
    for place in ("models", "dir\nwith line", "plain"):
        (tmp_path / "source" / place).mkdir(parents=True)
    return tmp_path / "source"


def ingest(settings: Settings, uri: str) -> IngestReport:
    report = ingest_source(settings, uri)
    with connect(settings) as con:
        assert run_checks(con) == []
    return report


def test_shards_of_a_dump_in_a_folder(folder: Path, made: Settings) -> None:
    for number, name in enumerate(NAMES, 1):
        (folder / "models" / f"{name}.jsonl").write_text(json.dumps(model(number)))
    Path(os.fsdecode(os.fsencode(folder / "models") + b"/" + NOT_UTF8 + b".json")).write_text("[]")
    uri = f"civitai-dump:{folder}"
    report = ingest(made, uri)
    assert (report.n_listings, report.by_reason) == (1, {"shard_unreadable": 6})
    refused = ask(made, "select model_id, detail, shard_key from raw.rejection")
    assert len({row[0] for row in refused}) == 6
    assert all(row[0].isprintable() and "rename it" in row[1] and row[2] == UNUSABLE for row in refused)
    assert ingest(made, uri).n_shards_read == 0
    (folder / "models" / "line\nbreak.jsonl").rename(folder / "models" / "line-break.jsonl")
    report = ingest(made, uri)
    assert (report.n_listings, report.by_reason) == (1, {"shard_unreadable": 5})
    for path in list((folder / "models").iterdir()):
        if path.name not in {"bidi.jsonl", "line-break.jsonl"}:
            path.unlink()
    report = ingest(made, uri)
    assert (report.n_shards_gone, report.n_records) == (1, 0)
    assert ingest(made, uri).n_shards_read == 0


def test_files_of_a_folder(folder: Path, made: Settings) -> None:
    for name in NAMES:
        (folder / "plain" / f"{name}.safetensors").write_bytes(b"")
    (folder / "dir\nwith line" / "a.safetensors").write_bytes(b"")
    Path(os.fsdecode(os.fsencode(folder) + b"/" + NOT_UTF8 + b".safetensors")).write_bytes(b"")
    uri = f"folder:{folder}"
    report = ingest(made, uri)
    assert (report.n_records, report.by_reason) == (8, {"empty_file": 1, "record_invalid": 7})
    assert ingest(made, uri).n_shards_read == 0


def test_shards_of_a_dump_in_a_bucket(store_uri: str, made: Settings) -> None:
    dump = open_store(f"{store_uri}/dump")
    dump.write("models/good.json", json.dumps([model(1)]).encode())
    report = ingest(made, f"civitai-dump:{dump.uri}")
    assert report.n_listings == 1
    if not dump.uri.startswith("s3://"):
        return
    import boto3

    bucket, _, prefix = dump.uri.removeprefix("s3://").partition("/")
    for key in ("models/line\nbreak.json", "models/bidi\u202e.json"):
        boto3.client("s3").put_object(Bucket=bucket, Key=f"{prefix}/{key}", Body=b"[]")
    report = ingest(made, f"civitai-dump:{dump.uri}")
    assert (report.n_listings, report.by_reason) == (0, {"shard_unreadable": 2})
    assert ingest(made, f"civitai-dump:{dump.uri}").n_shards_read == 0


class Listed:
    """A store that lists keys which no file system holds."""

    uri = "s3://bucket"

    def __init__(self, store: ObjectStore, keys: list[str]) -> None:
        self._store, self._keys = store, keys

    def list(self, prefix: str = "", start_after: str = "") -> Iterator[ObjectInfo]:
        (first,) = self._store.list(prefix)
        yield from (ObjectInfo(key, 1, first.last_modified, "a") for key in self._keys)
        yield first


def test_keys_of_any_shape_become_one_shard(folder: Path) -> None:
    (folder / "models" / "good.json").write_text("[]")
    keys = [f"models/{name}.json" for name in ("/a", "../a", "x" * 2000, "\x00", "\ud800", "a/./b")]
    source = CivitaiDump(Listed(open_store(str(folder)), keys))  # type: ignore[arg-type]
    assert [shard.key for shard in source.shards()] == ["models/good.json", UNUSABLE]
    assert source.shard(UNUSABLE) == list(source.shards())[-1]
    assert len(list(source.listings(UNUSABLE))) == len(keys)
