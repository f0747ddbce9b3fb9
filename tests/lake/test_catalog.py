"""Connecting to the lake: without a download, without writing where nobody asked, without a secret in any text."""

from pathlib import Path

import duckdb
import pytest

from carlos_tasks.commit.index import commit_index
from carlos_tasks.errors import NotFound, PassingError, PermanentError, SettingsError
from carlos_tasks.lake import extensions
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.faults import lake_errors, redact
from carlos_tasks.settings import Settings
from carlos_tasks.stack.s3_server import S3Server
from carlos_tasks.store import open_store
from tests.commit.small_index import baseline, embedded, small_profile, with_effect, write_shards
from tests.commit.test_index import overtaking_commit
from tests.lake.postgres_server import PostgresServer


@pytest.mark.parametrize("may", [{"read_only": True}, {"read_only": False, "create": False}])
def test_who_is_not_to_make_a_lake_finds_none(settings: Settings, tmp_path: Path, may: dict[str, bool]) -> None:
    with pytest.raises(NotFound, match="no catalog"):
        connect(settings, **may)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_cannot_write(settings: Settings, lake: duckdb.DuckDBPyConnection) -> None:
    with connect(settings) as reader, pytest.raises(duckdb.InvalidInputException, match="read-only"):
        reader.execute("insert into core.threshold values ('p', 'strength_max', 1.0, 'test')")


def test_extensions_come_from_wheels_and_nothing_is_installed(lake: duckdb.DuckDBPyConnection) -> None:
    loaded = dict(lake.execute("select extension_name, install_path from duckdb_extensions() where loaded").fetchall())
    assert {"ducklake", "sqlite_scanner"} <= set(loaded)
    for name in ("autoinstall_known_extensions", "autoload_known_extensions"):
        assert lake.execute("select current_setting($1)", [name]).fetchall() == [(False,)]
    with pytest.raises(duckdb.Error):
        lake.execute("select st_point(1, 2)")  # of an extension that is not there


def test_no_connection_loads_an_unsigned_extension(settings: Settings, tmp_path: Path) -> None:
    """Nor the second of a process, which need not check the signatures of its own again."""
    unsigned = tmp_path / "unsigned.duckdb_extension"
    content = bytearray(extensions.binary("sqlite_scanner").read_bytes())
    content[-1] ^= 1  # of the signature, which ends the file
    unsigned.write_bytes(content)
    for _ in range(2):
        with connect(settings, read_only=False) as con:
            with pytest.raises(duckdb.IOException, match="signature is either missing or invalid"):
                con.execute(f"load '{unsigned}'")
            with pytest.raises(duckdb.InvalidInputException, match="Cannot change"):
                con.execute("set allow_unsigned_extensions = true")


def test_a_query_cannot_read_the_variables_of_the_program(lake: duckdb.DuckDBPyConnection) -> None:
    hidden = lake.sql("select 'secret' as word")
    assert hidden.fetchall() == [("secret",)]
    with pytest.raises(duckdb.CatalogException, match="hidden"):
        lake.execute("from hidden")


def test_a_path_with_a_quote_is_a_path(tmp_path: Path) -> None:
    settings = Settings(store=str(tmp_path / "it's" / "store"), catalog=f"sqlite:{tmp_path / 'oclock.sqlite'}")
    with connect(settings, read_only=False) as con:
        migrate(con)
    with connect(settings) as con:
        assert con.execute("select count(*) from core.lora").fetchall() == [(0,)]


def test_the_secret_of_the_storage_is_nowhere_to_be_read(
    s3_server: S3Server, s3_uri: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(store=s3_uri, catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}")
    with connect(settings, read_only=False) as con:
        migrate(con)
        assert s3_server.secret not in str(con.execute("from duckdb_secrets()").fetchall())
        with pytest.raises(duckdb.Error) as caught:
            con.execute("from 's3://carlos-tests/absent.parquet'")
    assert s3_server.secret not in str(caught.value)
    assert s3_server.secret.encode() not in (tmp_path / "catalog.sqlite").read_bytes()
    assert s3_server.secret not in "".join(capfd.readouterr())
    assert s3_server.secret not in repr(s3_server)


def test_the_command_line_of_the_server_holds_no_secret(s3_server: S3Server) -> None:
    command = Path(f"/proc/{s3_server.process.pid}/cmdline").read_bytes()
    assert b"rclone" in command
    assert s3_server.secret.encode() not in command


def test_without_credentials_the_message_says_what_to_set(
    s3_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "absent"))
    settings = Settings(store=s3_uri, catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}")
    with pytest.raises(SettingsError, match="AWS_ACCESS_KEY_ID"):
        connect(settings, read_only=False)
    with pytest.raises(SettingsError, match="AWS_ACCESS_KEY_ID"):
        open_store(s3_uri).read("x")


def test_a_catalog_server_that_does_not_answer_is_passing_and_its_password_is_struck(tmp_path: Path) -> None:
    settings = Settings(
        store=str(tmp_path / "store"),
        catalog="postgres:host=127.0.0.1 port=9 user=carlos password=hunter2 dbname=carlos connect_timeout=2",
    )
    with pytest.raises(PassingError) as caught:
        connect(settings)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


@pytest.mark.parametrize(
    "text",
    [
        "host=x password=hunter2 dbname=y",
        "password = 'hunter2 with \\' spaces' host=x",
        'Unable to connect to "user=u password=hunter2": refused',
        "postgresql://carlos:hunter2@host/db failed",
        "PASSWORD=hunter2",
    ],
)
def test_passwords_are_struck(text: str) -> None:
    assert "hunter2" not in redact(text)
    assert "***" in redact(text)


def test_texts_without_a_password_stay(tmp_path: Path) -> None:
    text = "IO Error: s3://bucket/key: 503 at http://127.0.0.1:9000/x"
    assert redact(text) == text


@pytest.mark.parametrize("statement", ["select 1 +", "from absent", "select 'locked'::int", "from 'absent.parquet'"])
def test_wrong_sql_is_permanent(statement: str) -> None:
    with duckdb.connect() as con, pytest.raises(PermanentError), lake_errors():
        con.execute(statement)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (duckdb.TransactionException("Failed to flush changes into DuckLake: database is locked"), PassingError),
        (duckdb.TransactionException("duplicate key value violates unique constraint"), PassingError),
        (duckdb.TransactionException("Failed to convert DuckDB type to DuckLake"), PermanentError),
        (duckdb.IOException("Could not establish connection to host"), PassingError),
        (duckdb.HTTPException("HTTP 503 Service Unavailable"), PassingError),
        (duckdb.HTTPException("HTTP 403 Forbidden"), PermanentError),
    ],
)
def test_what_a_retry_may_help_is_told_apart(error: duckdb.Error, expected: type[Exception]) -> None:
    with pytest.raises(expected), lake_errors():
        raise error


def test_a_postgres_database_without_a_lake_says_so(postgres: PostgresServer, tmp_path: Path) -> None:
    settings = Settings(store=str(tmp_path / "store"), catalog=f"postgres:{postgres.libpq}")
    with pytest.raises(NotFound, match="carlos index"):
        connect(settings)
    with pytest.raises(NotFound, match="carlos index"):
        connect(settings, read_only=False, create=False)


def test_a_postgres_catalog_holds_the_same_lake(postgres: PostgresServer, tmp_path: Path) -> None:
    settings = Settings(store=str(tmp_path / "store"), catalog=f"postgres:{postgres.libpq}")
    profile = small_profile(tmp_path / "prompts")
    base = baseline(profile)
    place = open_store(settings.store)
    write_shards(place, profile, "base", base)
    commit_index(settings, profile, [])
    key = embedded(place, profile, "a", with_effect(base, 1))
    overtaking_commit(settings, lambda: commit_index(settings, profile, [key]))
    assert commit_index(settings, profile, [key]).statuses == {}
    with connect(settings) as con:
        assert con.execute("select lora_id, status from mart.lora").fetchall() == [("a", "ok")]
        assert con.execute("select n_measured, n_embeddings from mart.index_health").fetchall() == [(1, 30)]
        assert migrate(con) == []


def test_a_postgres_catalog_has_indexes_by_the_columns_that_are_asked_for(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    settings = Settings(store=str(tmp_path / "store"), catalog=f"postgres:{postgres.libpq}")
    with connect(settings, read_only=False) as con:
        migrate(con)
        con.execute("delete from core.migration")
        migrate(con)  # which finds them there
    made = postgres.run("psql", "-d", "postgres", "-Atc", "select indexdef from pg_indexes where indexname ~ 'carlos'")
    assert sorted(line.partition(" USING ")[2] for line in made.decode().splitlines()) == [
        "btree (table_id)",
        "btree (table_id)",
        "btree (table_id)",
        "btree (table_id, column_id)",
    ]
