"""What a retry may help and what not: told by what real parts say, a broken server, a full disk, a killed catalog."""

import ast
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

import carlos_tasks
from carlos_tasks.errors import NotFound, PassingError, PermanentError
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.redaction import redact
from carlos_tasks.lake.transaction import transaction
from carlos_tasks.settings import Settings
from carlos_tasks.stack.s3_server import S3Server
from carlos_tasks.store import open_store
from tests.lake.postgres_server import PASSWORD, PostgresServer, postgres_server
from tests.lakes import migrated_lake, settings_of
from tests.store.bad_proxy import PASSING, Proxy

WRITE, READ = "PUT|POST", "GET"


def commit(con: duckdb.DuckDBPyConnection, path: str = "x", then: Callable[[], object] = int) -> None:
    """A commit of one row; `then` happens before its end."""
    with lake_errors(), transaction(con, "a test", {}):
        con.execute("insert into core.migration values ($1, 'y', now())", [path])
        then()


def rows_named(con: duckdb.DuckDBPyConnection, path: str = "x") -> int:
    """How many rows such commits have left; every file is read, whatever its statistics say."""
    with lake_errors():
        return [found for (found,) in con.execute("select path from core.migration").fetchall()].count(path)


# Object storage


@pytest.fixture(scope="module")
def on_s3(proxied: Proxy, s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A lake whose data lie behind the proxy."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**s3_server.environment, "AWS_ENDPOINT_URL": proxied.endpoint}.items():
            patch.setenv(name, value)
        settings = Settings(
            store="s3://carlos-tests/faults", catalog=f"sqlite:{tmp_path_factory.mktemp('faults')}/catalog.sqlite"
        )
        with connect(settings, read_only=False) as con:
            migrate(con)
        yield settings


@pytest.fixture
def writer(on_s3: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """That lake, open for writing, with less patience than it has by itself."""
    with connect(on_s3, read_only=False) as con:
        con.execute("set http_timeout = 1")
        con.execute("set http_retries = 0")
        yield con


@pytest.mark.parametrize("kind", PASSING)
def test_a_fault_of_the_way_to_the_storage_passes(writer: duckdb.DuckDBPyConnection, proxied: Proxy, kind: str) -> None:
    with proxied.broken(kind, method=WRITE) as faults, pytest.raises(PassingError):
        commit(writer, kind)
    assert faults.seen
    with proxied.broken(kind, method=READ) as faults, pytest.raises(PassingError):
        rows_named(writer, kind)
    assert faults.seen
    commit(writer, kind)
    assert rows_named(writer, kind) == 1


@pytest.mark.parametrize("kind", ["403", "404"])
def test_what_the_storage_refuses_or_lacks_does_not_pass(
    writer: duckdb.DuckDBPyConnection, proxied: Proxy, kind: str
) -> None:
    with proxied.broken(kind, method=WRITE), pytest.raises(PermanentError):
        commit(writer)
    with proxied.broken(kind, method=READ), pytest.raises(PermanentError):
        rows_named(writer)


@pytest.mark.parametrize("kind", ["redirect", "wrong xml"])
def test_an_answer_that_no_s3_server_gives_passes(writer: duckdb.DuckDBPyConnection, proxied: Proxy, kind: str) -> None:
    with proxied.broken(kind, method=WRITE), pytest.raises(PassingError):
        commit(writer)
    with proxied.broken(kind, method=READ), pytest.raises(PassingError):
        rows_named(writer)


@pytest.mark.parametrize("where", ["http://127.0.0.1:9", "http://no-such-host.invalid", "https"])
def test_storage_that_is_not_reached_passes(
    on_s3: Settings, proxied: Proxy, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxied.endpoint.replace("http", "https") if where == "https" else where)
    with proxied.broken("garbage"), connect(on_s3) as con:
        con.execute("set http_retries = 0")
        with pytest.raises(PassingError):
            rows_named(con)


def test_storage_that_hangs_is_given_up_within_two_minutes(writer: duckdb.DuckDBPyConnection, on_s3: Settings) -> None:
    """docs/operations.md says so: a write asks four times as long as one try, a read once for each try."""
    with connect(on_s3) as con:
        ((timeout, retries),) = con.execute(
            "select current_setting('http_timeout')::int, current_setting('http_retries')::int"
        ).fetchall()
    assert 2 * timeout * (retries + 1) <= 120


def test_storage_that_only_is_slow_is_waited_for(
    writer: duckdb.DuckDBPyConnection, on_s3: Settings, proxied: Proxy
) -> None:
    url = f"{on_s3.store}/slow.parquet"
    writer.execute(f"copy (select md5(i::varchar) as h from range(30_000) x(i)) to '{url}' (compression uncompressed)")  # noqa: S608
    writer.execute("set http_timeout = 3")
    with proxied.broken("slow", method=READ) as faults, lake_errors():
        start = time.monotonic()
        assert writer.execute("select count(distinct h) from read_parquet($1)", [url]).fetchall() == [(30_000,)]
    assert (time.monotonic() - start) / len(faults.seen) > 4  # longer than the time-out: it counts from the last byte


# The files of a lake in a folder


def first_file(settings: Settings) -> Path:
    """A data file of core.migration."""
    return next(Path(settings.store).glob("lake/core/migration/**/*.parquet"))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"x" * 100 + b"PAR1"])
def test_a_broken_parquet_file_does_not_pass(made: Settings, content: bytes) -> None:
    first_file(made).write_bytes(content)
    with connect(made) as con, pytest.raises(PermanentError):
        rows_named(con)


def test_a_parquet_file_that_is_gone_does_not_pass(made: Settings) -> None:
    first_file(made).unlink()
    with connect(made) as con, pytest.raises(PermanentError):
        rows_named(con)


HOLDER = """
import sqlite3, sys
con = sqlite3.connect(sys.argv[1], isolation_level=None)
con.execute("begin immediate")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_catalog_that_another_process_holds_passes(made: Settings) -> None:
    place = made.catalog.removeprefix("sqlite:")
    with connect(made, read_only=False) as con:
        command = [sys.executable, "-c", HOLDER, place]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout and holder.stdout.readline() == b"held\n"
            with pytest.raises(PassingError):
                commit(con)
            holder.communicate()
        commit(con)
        assert rows_named(con) == 1


def test_memory_that_is_used_up_passes() -> None:
    with duckdb.connect(config={"memory_limit": "30MB", "temp_directory": ""}) as con:
        big = "create table t as select i, repeat(i::varchar, 20) as s from range(3_000_000) x(i) order by s"
        with pytest.raises(PassingError, match="memory or temporary space"), lake_errors():
            con.execute(big)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 6 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def fill_up(disk: Path) -> Path:
    """A file that leaves no byte free."""
    with (disk / "fill").open("wb", buffering=0) as file:
        for size in (65536, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return disk / "fill"


@pytest.mark.parametrize("full", ["store", "catalog"])
def test_a_full_disk_in_a_commit_passes_and_leaves_nothing(small_disk: Path, tmp_path: Path, full: str) -> None:
    settings = settings_of(tmp_path)
    places = {
        "store": {"store": str(small_disk / "store")},
        "catalog": {"catalog": f"sqlite:{small_disk}/catalog.sqlite"},
    }
    settings = settings.model_copy(update=places[full])
    migrated_lake(settings, used=False)
    with connect(settings, read_only=False) as con:
        filling = fill_up(small_disk)
        with pytest.raises(PassingError):
            commit(con)
    filling.unlink()
    with connect(settings, read_only=False) as con:
        commit(con)
        assert rows_named(con) == 1


def test_a_full_disk_under_a_store_passes(small_disk: Path, tmp_path: Path) -> None:
    store = open_store(str(small_disk))
    fill_up(small_disk)
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    for write in (lambda: store.write("a/b", b"x" * 100_000), lambda: store.upload(tmp_path / "file", "a/c")):
        with pytest.raises(PassingError, match="No space left"):
            write()
    assert [item.key for item in store.list()] == ["fill"]


# PostgreSQL


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server of this test's own, with few places."""
    with postgres_server(max_connections=8) as server:
        yield server


def attach(tmp_path: Path, place: str) -> None:
    """Open a lake whose catalog lies there."""
    connect(Settings(store=str(tmp_path / "store"), catalog=f"postgres:{place}")).close()


def more_connections_than_there_are(settings: Settings, held: ExitStack) -> None:
    """The server lets in eight."""
    for _ in range(20):
        held.enter_context(connect(settings))


def test_faults_of_a_postgres_catalog(server: PostgresServer, tmp_path: Path) -> None:
    """One test for all: the server takes seconds to make."""
    settings = Settings(store=str(tmp_path / "store"), catalog=f"postgres:{server.place}")
    with pytest.raises(NotFound, match="carlos index"):
        connect(settings)
    with connect(settings, read_only=False) as con:
        migrate(con)

    for wrong in (
        server.place.replace("hunter2", "hunter3"),
        server.place.replace("user=carlos", "user=nobody"),
        server.place.replace("dbname=postgres", "dbname=absent"),
        f"{server.place} sslmode=require",
        f"{server.place} hots=x",
        server.place.replace("connect_timeout=3", "connect_timeout=soon"),
        server.place.replace("%so'", "%so"),  # the quote stays open
    ):
        with pytest.raises(PermanentError) as refused:
            attach(tmp_path, wrong)
        assert "hunter" not in str(refused.value)
    for away in (
        server.place.replace(f"port={server.port}", "port=9"),
        server.place.replace("127.0.0.1", "no-such-invalid-port.invalid"),
    ):
        with pytest.raises(PassingError) as unreachable:
            attach(tmp_path, away)
        assert "hunter" not in str(unreachable.value)

    with ExitStack() as held, pytest.raises(PassingError, match="too many clients"):
        more_connections_than_there_are(settings, held)

    for break_off, mend in ((server.hang_up, lambda: None), (server.kill, server.start)):
        with connect(settings, read_only=False) as con, pytest.raises(PassingError):
            commit(con, then=break_off)
        mend()
        with connect(settings) as con:
            assert rows_named(con) == 0
    with connect(settings) as con:
        server.kill()
        with pytest.raises(PassingError):
            rows_named(con)
        server.start()


def test_a_postgres_server_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carlos_tasks.lake.catalog._CATALOG_PATIENCE_S", 2)  # the least that libpq takes
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for place in (f"host=127.0.0.1 port={port} dbname=x", f"postgresql://127.0.0.1:{port}/x"):
            start = time.monotonic()
            with pytest.raises(PassingError, match="timeout expired"):
                attach(tmp_path, place)
            assert time.monotonic() - start < 10


# Secrets


@pytest.mark.parametrize(
    "text",
    [
        "host=x password=hunter2 dbname=y",
        "password=hunter2,and;(more)&hunter2 host=x",
        "password = 'hunter2 with \\' spaces' host=x",
        "password='hunter2 whose end is",
        "ATTACH 'ducklake:postgres:host=h password=''hunter2 or so'' dbname=x'",
        'Unable to connect to "user=u password=hunter2": refused',
        'password="hunter2 or so" host=x',
        "postgresql://carlos:hunter2@host/db failed",
        "postgresql://carlos:hun%40hunter2@host/db failed",
        "postgresql://carlos:with@hunter2@host/db failed",
        "postgresql://host/db?user=u&password=hunter2",
        "postgresql://host/db?sslpassword=hunter2&sslmode=require",
        "postgres%3A%2F%2Fh%2Fdb%3Fpassword%3Dhunter2",
        "PGPASSWORD=hunter2 carlos index",
        "PGPASSWORD: hunter2",
        '{"secret_access_key": "hunter2"}',
        "create secret (type s3, secret 'hunter2', session_token 'hunter2')",
        "secret => 'hunter2'",
        "AWS_SESSION_TOKEN=hunter2",
        "https://b.s3.amazonaws.com/x?X-Amz-Security-Token=hunter2&X-Amz-Signature=hunter2",
        "https://b.s3.amazonaws.com/x?X-Amz-Credential=hunter2%2F20260101&Signature=hunter2",
    ],
)
def test_secrets_are_struck(text: str) -> None:
    assert "hunter2" not in redact(text)
    assert "***" in redact(text)


@pytest.mark.parametrize("form", ["{}", "at '{}' it", "{}@host"])
def test_a_secret_of_the_environment_is_struck_wherever_it_stands(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    for written in (PASSWORD, "hunter2%20or%20%25so", "hunter2+or+%25so"):
        assert "hunter2" not in redact(form.format(written))


@pytest.mark.parametrize(
    "text",
    [
        "IO Error: s3://bucket/key: 503 at http://127.0.0.1:9000/x",
        'FATAL:  password authentication failed for user "carlos"',
        "fe_sendauth: no password supplied",
        "http://127.0.0.1:9000/bucket/a@b",
        "a text of 77 tokens, and no secret",
    ],
)
def test_texts_without_a_secret_stay(text: str) -> None:
    assert redact(text) == text


def test_words_of_a_statement_are_no_fault_of_the_way() -> None:
    """What was asked is in many texts: a name or a value there must not look like a reason."""
    for statement in (
        "select 'database is locked'::int",
        "from 'No space left on device.parquet'",
        "select error('Connection refused')",
    ):
        with duckdb.connect() as con, pytest.raises(PermanentError), lake_errors():
            con.execute(statement)


def test_whoever_opens_the_lake_tells_its_errors_as_ours() -> None:
    """An error of DuckDB that gets out of a stage says nothing of whether a retry helps, and may hold a password."""
    package = Path(carlos_tasks.__file__).parent
    bare = []
    for path in package.rglob("*.py"):
        tree = ast.parse(path.read_text())
        told = [node for node in ast.walk(tree) if isinstance(node, ast.With) and "lake_errors()" in _opened(node)]
        inside = {inner for node in told for inner in ast.walk(node)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.With):
                continue
            opens = re.search(r"\bconnect\(.*settings", _opened(node))
            asks = not all(isinstance(step, ast.Pass) for step in node.body)
            if opens and asks and node not in inside and node not in told:
                bare.append(f"{path.relative_to(package)}:{node.lineno}")
    # `carlos sql` tells the errors of what somebody asks in its own words (retrieval/session.py).
    assert [place for place in bare if not place.startswith("commands/analysis.py")] == []


def _opened(node: ast.With) -> str:
    return ", ".join(ast.unparse(item.context_expr) for item in node.items)
