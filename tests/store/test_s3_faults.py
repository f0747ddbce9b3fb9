"""The S3 store before a server, or a way to it, that is broken: what passes is told from what does not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.config import Config

from carlos_tasks.errors import CarlosError, NotFound, PassingError, SettingsError
from carlos_tasks.store import open_store, s3
from carlos_tasks.store.objects import ObjectStore
from tests.store.bad_proxy import PASSING, Proxy


@pytest.fixture
def store(proxied: Proxy, s3_uri: str, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """A store behind the proxy with one object, and less patience than it has by itself."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxied.endpoint)
    impatient = Config(read_timeout=1, connect_timeout=1, retries={"mode": "standard", "total_max_attempts": 1})
    monkeypatch.setattr(s3, "_CLIENT", s3._CLIENT.merge(impatient))
    store = open_store(s3_uri)
    store.write("a/b", b"x" * 100_000)
    return store


def calls(store: ObjectStore, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Everything that a store does, by name."""
    (folder / "file").write_bytes(b"y" * 1000)
    yield "read", lambda: store.read("a/b")
    yield "write", lambda: store.write("a/c", b"z")
    yield "list", lambda: list(store.list("a"))
    yield "download", lambda: store.download("a/b", folder / "got")
    yield "upload", lambda: store.upload(folder / "file", "a/d")
    yield "copy", lambda: store.copy("a/b", "a/e")
    yield "info", lambda: store.info("a/b")
    yield "exists", lambda: store.exists("a/b")
    yield "delete", lambda: store.delete("a/b")


# What has no body loses nothing with it.
WITHOUT_BODY = {"info", "exists", "delete"}


@pytest.mark.parametrize("kind", PASSING)
def test_a_fault_of_the_way_passes(store: ObjectStore, proxied: Proxy, tmp_path: Path, kind: str) -> None:
    for name, call in calls(store, tmp_path):
        if name in WITHOUT_BODY and (kind == "cut" or "in body" in kind):
            continue
        if "stall" in kind and name not in {"read", "list", "upload"}:
            continue  # a second each
        with proxied.broken(kind) as faults, pytest.raises(PassingError):
            call()
        assert faults.seen, name
        assert not (tmp_path / "got").exists()
    assert store.read("a/b") == b"x" * 100_000


@pytest.mark.parametrize(("kind", "expected"), [("403", SettingsError), ("404", NotFound)])
def test_what_is_refused_or_not_there_does_not_pass(
    store: ObjectStore, proxied: Proxy, tmp_path: Path, kind: str, expected: type[CarlosError]
) -> None:
    for name, call in calls(store, tmp_path):
        if kind == "404" and name == "exists":
            continue
        with proxied.broken(kind), pytest.raises(expected):
            call()


@pytest.mark.parametrize("kind", ["redirect", "wrong xml"])
def test_an_answer_that_no_s3_server_gives_passes(store: ObjectStore, proxied: Proxy, kind: str) -> None:
    for call in (lambda: list(store.list("a")), lambda: store.info("a/b"), lambda: store.write("a/b", b"")):
        with proxied.broken(kind), pytest.raises(PassingError):
            call()


@pytest.mark.parametrize("where", ["http://127.0.0.1:9", "http://no-such-host.invalid", "https"])
def test_a_server_that_is_not_reached_passes(
    store: ObjectStore, proxied: Proxy, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxied.endpoint.replace("http", "https") if where == "https" else where)
    with proxied.broken("garbage"), pytest.raises(PassingError):
        open_store(store.uri).read("a/b")


@pytest.mark.parametrize("where", ["http://", "nonsense", "http://a b"])
def test_an_address_that_is_none_is_a_wrong_setting(s3_uri: str, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", where)
    with pytest.raises(SettingsError, match="AWS_ENDPOINT_URL"):
        open_store(s3_uri).read("a/b")


def test_a_bucket_that_is_not_there_is_named(s3_uri: str) -> None:
    with pytest.raises(NotFound, match="there is no such bucket"):
        list(open_store("s3://carlos-absent/x").list())


def test_storage_that_hangs_is_given_up_within_two_minutes() -> None:
    """docs/operations.md says so; between tries there are pauses of a few seconds."""
    config = s3.s3_session()[1].meta.config
    tries = config.retries.get("total_max_attempts", 3)  # boto3's own in its standard mode
    assert tries * max(config.read_timeout, config.connect_timeout) <= 90


def test_a_fault_that_is_over_at_the_second_try_is_not_noticed(
    proxied: Proxy, s3_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxied.endpoint)
    store = open_store(s3_uri)
    with proxied.broken("503", count=1) as faults:
        store.write("a/b", b"x")
    assert len(faults.seen) == 1
    with proxied.broken("reset", count=1) as faults:
        assert store.read("a/b") == b"x"
    assert len(faults.seen) == 1
