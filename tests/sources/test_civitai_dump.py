"""The dump in object storage: pages polled, read, and files fetched, from a folder and from a real S3 server."""

import json
from pathlib import Path

import pytest

from carlos_tasks.errors import NotFound, RejectedFile, SettingsError
from carlos_tasks.sources import open_source
from carlos_tasks.sources.civitai_dump import CivitaiDump
from carlos_tasks.sources.folder import Folder
from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.store.folder import FolderStore
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.untrusted.reasons import Reason
from tests.sources.models import a_model


@pytest.fixture
def folder_store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "dump")


def write_page(store: ObjectStore, number: int, models: object) -> str:
    key = f"models/{number:05}.json"
    store.write(key, json.dumps({"items": models, "metadata": {}}).encode())
    return key


def test_pages_are_shards_in_order(folder_store: FolderStore) -> None:
    for number in (2, 1):
        write_page(folder_store, number, [])
    folder_store.write("models/README.txt", b"not a page")
    folder_store.write("files/31", b"bytes")
    dump = CivitaiDump(folder_store)
    assert [shard.key for shard in dump.shards()] == ["models/00001.json", "models/00002.json"]
    assert dump.shard("models/00002.json") == list(dump.shards())[1]
    with pytest.raises(NotFound):
        dump.shard("models/00003.json")


def test_a_page_yields_every_model(folder_store: FolderStore) -> None:
    key = write_page(folder_store, 1, [a_model(11), "broken", a_model(12, type="Checkpoint")])
    first, second, third = CivitaiDump(folder_store).listings(key)
    assert isinstance(first, Listing)
    assert isinstance(second, Rejection)
    assert isinstance(third, Rejection)
    assert (first.model_id, second.reason, third.model_id) == ("11", Reason.RECORD_INVALID, "12")
    assert (second.model_id, second.detail) == ("models/00001.json#1", "not a model with an id")


@pytest.mark.parametrize(
    "page",
    [b"", b"{", b"\xff\xfe", b"<html>", b"7", b'{"items": {}}', b"[" * 100_000, b"[" + b"9" * 5000 + b"]"],
)
def test_a_page_that_cannot_be_read_is_one_rejection(page: bytes, folder_store: FolderStore) -> None:
    folder_store.write("models/00001.json", page)
    (rejection,) = CivitaiDump(folder_store).listings("models/00001.json")
    assert isinstance(rejection, Rejection)
    assert rejection.reason in {Reason.SHARD_UNREADABLE, Reason.RECORD_INVALID}


def test_a_page_may_be_a_bare_list(folder_store: FolderStore) -> None:
    folder_store.write("models/00001.json", json.dumps([a_model()]).encode())
    assert len(list(CivitaiDump(folder_store).listings("models/00001.json"))) == 1


def test_files_are_fetched_with_a_cap_from_s3(store: ObjectStore, tmp_path: Path) -> None:
    write_page(store, 1, [a_model()])
    store.write("files/31", b"0123456789")
    store.write("files/310", b"another file whose name starts alike")
    dump = CivitaiDump(store)
    (listing,) = dump.listings("models/00001.json")
    assert isinstance(listing, Listing)
    dump.fetch(listing, tmp_path / "bytes", max_bytes=10)
    assert (tmp_path / "bytes").read_bytes() == b"0123456789"
    with pytest.raises(RejectedFile, match="file_too_large"):
        dump.fetch(listing, tmp_path / "bytes", max_bytes=9)


def test_a_fingerprint_changes_with_the_bytes(store: ObjectStore, tmp_path: Path) -> None:
    write_page(store, 1, [a_model()])
    dump = CivitaiDump(store)
    (listing,) = dump.listings("models/00001.json")
    assert isinstance(listing, Listing)
    with pytest.raises(NotFound):
        dump.fingerprint(listing)
    store.write("files/31", b"one")
    first = CivitaiDump(store).fingerprint(listing)
    assert first == CivitaiDump(store).fingerprint(listing)
    store.write("files/31", b"two")
    assert CivitaiDump(store).fingerprint(listing) != first
    store.delete("files/31")
    with pytest.raises(NotFound):
        dump.fetch(listing, tmp_path / "bytes", max_bytes=10)


def test_a_uri_opens_its_source(tmp_path: Path) -> None:
    assert isinstance(open_source(f"civitai-dump:{tmp_path}"), CivitaiDump)
    assert isinstance(open_source(f"folder:{tmp_path}"), Folder)
    assert open_source(f"folder:{tmp_path}").uri == f"folder:{tmp_path}"
    for uri in ("", "folder:", "ftp://host/dump", str(tmp_path)):
        with pytest.raises(SettingsError, match="names no source"):
            open_source(uri)
