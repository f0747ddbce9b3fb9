"""Fixtures of the whole suite: a real S3 server, both object stores, settings of a throwaway lake, the lake itself."""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.sql_files import sql_folder
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.settings import Settings, load_settings
from carlos_tasks.stack.s3_server import S3Server, start_s3_server
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore
from tests.lakes import migrated_lake, settings_of
from tests.samples.own import write_samples
from tests.samples.real import REAL_SAMPLES, Samples, needs_real_samples
from tests.store.bad_proxy import Proxy, proxy_before

BUCKET = "carlos-tests"

Rows = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """`rclone serve s3` on loopback with a bucket; boto3 finds it by the environment while a test uses it."""
    server = start_s3_server(tmp_path_factory.mktemp("s3"))
    try:
        server.create_bucket(BUCKET)
        yield server
    finally:
        server.stop()


@pytest.fixture
def s3_uri(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A prefix of its own in the bucket, with boto3's environment set for this test."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def proxied(s3_server: S3Server) -> Iterator[Proxy]:
    """A proxy before that server; it behaves until a test lets it misbehave."""
    with proxy_before(s3_server.port) as proxy:
        yield proxy


@pytest.fixture(params=["folder", "s3"])
def store_uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty object store, once a folder and once S3."""
    return str(tmp_path / "store") if request.param == "folder" else str(request.getfixturevalue("s3_uri"))


@pytest.fixture
def store(store_uri: str) -> ObjectStore:
    """The object store at `store_uri`."""
    return open_store(store_uri)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an empty lake in a folder, with an SQLite catalog."""
    return settings_of(tmp_path)


@pytest.fixture
def made(settings: Settings) -> Settings:
    """`settings` once more: their lake is migrated and has no rows."""
    migrated_lake(settings)
    return settings


@pytest.fixture
def lake(made: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """That lake, open for writing."""
    with connect(made, read_only=False) as con:
        yield con


@pytest.fixture
def place(made: Settings) -> ObjectStore:
    """The store of that lake."""
    return open_store(made.store)


@pytest.fixture
def rows(settings: Settings) -> Iterator[Rows]:
    """Ask the lake of `settings` as anybody would, through one reader that sees every later commit."""
    readers: list[duckdb.DuckDBPyConnection] = []

    def ask(query: str) -> list[tuple[Any, ...]]:
        if not readers:
            readers.append(connect(settings))
        return readers[0].execute(query).fetchall()

    yield ask
    for reader in readers:
        reader.close()


@pytest.fixture
def table() -> Iterator[duckdb.DuckDBPyConnection]:
    """core.representation alone, empty, in a database in memory, which takes no time to make."""
    with duckdb.connect() as con:
        con.execute("create schema core")
        con.execute((sql_folder() / "schema" / "32_core_representation.sql").read_text())
        yield con


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> Iterator[None]:
    """A developer's own CARLOS_… variables must not reach the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("CARLOS_")]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def _settings_of_this_test() -> Iterator[None]:
    """Settings that another test has read are not this one's: they are read once in a process."""
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


@pytest.fixture(scope="session")
def micro() -> Profile:
    """The micro world's profile, with the weights that ship."""
    return load_profile("micro")


@pytest.fixture(scope="session")
def backbone(micro: Profile) -> Any:
    """The micro world's pipeline, loaded once."""
    from carlos_tasks.generation.backbone import load_backbone

    return load_backbone(micro.identity, "cpu")


@pytest.fixture(scope="session")
def own_samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """Our own samples, written by code."""
    return Samples("own", write_samples(tmp_path_factory.mktemp("samples")))


@pytest.fixture(params=["own", pytest.param("real", marks=needs_real_samples)])
def samples(request: pytest.FixtureRequest, own_samples: Samples) -> Samples:
    """Samples of one layout, once our own and once the real ones where they are at hand."""
    return own_samples if request.param == "own" else Samples("real", REAL_SAMPLES)
