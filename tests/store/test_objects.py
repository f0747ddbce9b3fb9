"""Both object stores behave alike: every test here runs on a folder and on a real S3 server."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from carlos_tasks.errors import NotFound, PassingError, SettingsError
from carlos_tasks.stack.s3_server import S3Server
from carlos_tasks.store import open_store
from carlos_tasks.store.folder import FolderStore
from carlos_tasks.store.objects import ObjectStore


def test_reads_what_was_written(store: ObjectStore) -> None:
    store.write("plans/a/0000.json", b"{}")
    store.write("plans/a/0000.json", b'{"second": true}')
    assert store.read("plans/a/0000.json") == b'{"second": true}'
    assert store.exists("plans/a/0000.json")
    assert not store.exists("plans/a")


def test_a_missing_object_is_not_found(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        store.read("nowhere/to/be/found")
    with pytest.raises(NotFound, match="nowhere"):
        store.download("nowhere/to/be/found", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    store.delete("nowhere/to/be/found")


def test_lists_by_prefix_sorted_by_key(store: ObjectStore) -> None:
    keys = ["a/b", "a.txt", "a b/c", "a-b/c", "z/é=+/x", "a/a/1", "shards/profile_id=p/lora_id=l/00000.parquet"]
    for key in keys:
        store.write(key, key.encode())
    assert [item.key for item in store.list()] == sorted(keys)
    assert [item.key for item in store.list("a")] == ["a b/c", "a-b/c", "a.txt", "a/a/1", "a/b"]
    assert [item.key for item in store.list("a/")] == ["a/a/1", "a/b"]
    assert [item.key for item in store.list("a", start_after="a.txt")] == ["a/a/1", "a/b"]
    assert list(store.list("not-there/")) == []


def test_lists_more_than_one_page(store: ObjectStore) -> None:
    keys = [f"many/{number:04d}" for number in range(1003)]
    for key in keys:
        store.write(key, b"")
    assert [item.key for item in store.list("many/")] == keys


def test_info_says_what_a_listing_says(store: ObjectStore) -> None:
    store.write("x/1", b"abc")
    info, (listed,) = store.info("x/1"), store.list("x/")
    assert info == listed  # to the second: a header states no more, and some listings do
    with pytest.raises(NotFound):
        store.info("x/2")


def test_a_listing_says_size_time_and_change(store: ObjectStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    store.write("x/1", b"abc")
    (first,) = store.list("x/")
    assert first.size == 3
    assert before <= first.last_modified <= datetime.now(UTC) + timedelta(seconds=2)
    store.write("x/1", b"abcd")
    (second,) = store.list("x/")
    assert first.etag != second.etag


def test_uploads_and_downloads_files(store: ObjectStore, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "deep" / "target"
    source.write_bytes(bytes(range(256)) * 10_000)
    store.upload(source, "files/one.safetensors")
    store.download("files/one.safetensors", target)
    assert target.read_bytes() == source.read_bytes()


def test_copies(store: ObjectStore, tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000
    store.write("shards/a=1/é b.parquet", data)
    store.write("shards/a=2/00000.parquet", b"older")
    store.copy("shards/a=1/é b.parquet", "shards/a=2/00000.parquet")
    assert store.read("shards/a=2/00000.parquet") == store.read("shards/a=1/é b.parquet") == data
    with pytest.raises(NotFound, match="nowhere"):
        store.copy("nowhere/to/be/found", "shards/a=2/00000.parquet")
    assert store.read("shards/a=2/00000.parquet") == data
    for source, key in (("../up", "x"), ("shards/a=2/00000.parquet", "../up")):
        with pytest.raises(ValueError, match="not a key"):
            store.copy(source, key)


def test_deletes(store: ObjectStore) -> None:
    store.write("x/1", b"abc")
    store.delete("x/1")
    assert not store.exists("x/1")


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../up", "a/../../up", "a//b", "a/./b", "a\\b", "a\nb", "a/"])
def test_refuses_keys_that_could_leave_the_store(store: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        store.write(key, b"x")
    with pytest.raises(ValueError, match="not a key"):
        store.read(key)


def test_a_file_that_is_being_written_is_not_listed(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write("x/1", b"abc")
    (tmp_path / "x" / ".writing-abc").write_bytes(b"half")
    assert [item.key for item in store.list()] == ["x/1"]


def test_a_folder_lists_what_it_would_not_open(tmp_path: Path) -> None:
    (tmp_path / "line\nbreak").write_bytes(b"x")
    assert [item.key for item in FolderStore(tmp_path).list()] == ["line\nbreak"]
    with pytest.raises(ValueError, match="not a key"):
        FolderStore(tmp_path).read("line\nbreak")


def test_a_write_that_fails_leaves_the_old_object(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write("x/1", b"old")
    with pytest.raises(NotFound):
        store.upload(tmp_path / "absent", "x/1")
    assert store.read("x/1") == b"old"
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["1"]


def test_a_folder_where_a_file_stands_is_a_passing_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"in the way")
    with pytest.raises(PassingError):
        FolderStore(tmp_path).write("x/1", b"abc")


@pytest.mark.parametrize("uri", ["gs://bucket/x", "s3://", "s3://key:secret@bucket/x", "", "https://host/x"])
def test_refuses_what_is_no_store(uri: str) -> None:
    with pytest.raises(SettingsError):
        open_store(uri)


def test_wrong_credentials_are_a_matter_of_settings(s3_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    with pytest.raises(SettingsError) as caught:
        open_store(s3_uri).read("x/1")
    assert "not-the-secret" not in str(caught.value)


def test_a_server_that_does_not_answer_is_passing(
    s3_server: S3Server, s3_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(PassingError) as caught:
        open_store(s3_uri).read("x/1")
    assert s3_server.secret not in str(caught.value)


def test_links_are_listed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_bytes(b"s3cret")
    (tmp_path / "store" / "x").mkdir(parents=True)
    (tmp_path / "store" / "x" / "link").symlink_to(tmp_path / "secret" / "key")
    (tmp_path / "store" / "folder").symlink_to(tmp_path / "secret")
    store = FolderStore(tmp_path / "store")
    assert [(info.key, info.is_link, info.size) for info in store.list()] == [("folder", True, 0), ("x/link", True, 0)]
    assert list(store.list("folder/")) == []
    for key in ("x/link", "folder", "folder/key"):
        assert not store.exists(key)
        for use in (
            store.read,
            store.info,
            lambda key: store.download(key, tmp_path / "copy"),
            lambda key: store.copy(key, "copy"),
        ):
            with pytest.raises(NotFound):
                use(key)
        with pytest.raises(NotFound, match="links are not followed"):
            store.write(key, b"overwritten")
        store.delete(key)
    assert (tmp_path / "secret" / "key").read_bytes() == b"s3cret"


def test_the_store_s_own_folder_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "store").symlink_to(tmp_path / "disk")
    store = FolderStore(tmp_path / "store")
    store.write("x/1", b"abc")
    assert [info.key for info in store.list()] == ["x/1"]
    assert store.read("x/1") == b"abc"


def test_a_pipe_is_no_object(tmp_path: Path) -> None:
    """Opening one would wait for a writer without end."""
    os.mkfifo(tmp_path / "pipe.safetensors")
    assert list(FolderStore(tmp_path).list()) == []
    with pytest.raises(NotFound, match="not a file"):
        FolderStore(tmp_path).info("pipe.safetensors")
