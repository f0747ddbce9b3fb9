"""The rights that the guide gives an analyst are enough to ask, and no more than that.

File modes mean nothing to root, so those of an SQLite catalog are not tried here.
"""

from pathlib import Path

import duckdb
import pytest

import carlos_tasks
from carlos_tasks.commit.index import commit_index
from carlos_tasks.errors import CarlosError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.extensions import binary
from carlos_tasks.settings import Settings
from carlos_tasks.stack.s3_server import S3Server
from carlos_tasks.store import open_store
from tests.commit.small_index import baseline, embedded, small_profile, with_effect, write_shards
from tests.conftest import BUCKET
from tests.lake.gate.reading_proxy import reading_proxy
from tests.lake.postgres_server import PostgresServer

#: As the guide grants it (docs/operations.md#rights-of-an-analyst).
GRANTS = """
create role analyst login;
grant connect on database postgres to analyst;
grant usage on schema public to analyst;
grant select on all tables in schema public to analyst;
alter default privileges for role carlos in schema public grant select on tables to analyst;
"""
#: What asking in SQL reads of the store, and what it lists.
READ = ("lake/", "shards/")
LISTED = ("shards/",)
QUESTIONS = [
    ("select lora_id, status from mart.lora order by lora_id", [("a", "ok"), ("b", "ok")]),
    ("select count(*), count(difference) from mart.clip_diff where lora_id = 'a'", [(15, 15)]),
    ("select count(*) from core.embedding where lora_id = 'base'", [(15,)]),
    ("select lora_id from mart.similar('a', 1)", [("b",)]),
    ("select count(*) > 0 from mart.commit_log", [(True,)]),
]


def index(settings: Settings, folder: Path) -> int:
    """Make an index of two LoRAs with shards; returns the snapshot before them."""
    profile = small_profile(folder / "prompts")
    base = baseline(profile)
    place = open_store(settings.store)
    write_shards(place, profile, "base", base)
    commit_index(settings, profile, [])
    with connect(settings) as con:
        ((before,),) = con.execute("select max(snapshot_id) from mart.commit_log").fetchall()
    commit_index(settings, profile, [embedded(place, profile, name, with_effect(base, 1)) for name in "ab"])
    return int(before)


def test_reading_two_folders_of_the_store_is_enough_to_ask(
    s3_server: S3Server, s3_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(store=s3_uri, catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}")
    before = index(settings, tmp_path)
    prefix = s3_uri.removeprefix(f"s3://{BUCKET}/")
    read, listed = ([f"{prefix}/{part}" for part in parts] for parts in (READ, LISTED))
    with reading_proxy(s3_server.port, BUCKET, read, listed) as (endpoint, denied):
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        with carlos_tasks.connect(settings) as lake:
            for question, expected in QUESTIONS:
                assert lake.execute(question).fetchall() == expected
        with carlos_tasks.connect(settings, snapshot=before) as lake:
            assert lake.execute("select count(*) from mart.lora").fetchall() == [(0,)]
        assert denied == []
        with pytest.raises(CarlosError):
            open_store(s3_uri).write("lake/mine.parquet", b"x")
        with connect(settings, read_only=False) as writer, pytest.raises(duckdb.Error):
            writer.execute("insert into core.threshold values ('p', 'strength_max', 1.0, 'test')")


def test_a_role_that_may_select_is_enough_of_the_catalog(
    postgres: PostgresServer,
    tmp_path: Path,
) -> None:
    own = Settings(store=str(tmp_path / "store"), catalog=f"postgres:{postgres.libpq}")
    index(own, tmp_path)
    with duckdb.connect() as admin:
        admin.execute(f"load '{binary('postgres_scanner')}'")
        admin.execute(f"attach '{postgres.libpq}' as db (type postgres)")
        admin.execute(f"call postgres_execute('db', $${GRANTS}$$)")
    analyst = own.model_copy(update={"catalog": own.catalog.replace("user=carlos", "user=analyst")})
    with carlos_tasks.connect(analyst) as lake:
        for question, expected in QUESTIONS:
            assert lake.execute(question).fetchall() == expected
        listed = {name for (name,) in lake.execute("select distinct database_name from duckdb_tables()").fetchall()}
        assert listed == {"carlos"}
    commit_index(own, small_profile(tmp_path / "prompts"), [])
    with carlos_tasks.connect(analyst) as lake:
        assert lake.execute("select count(*) from core.lora").fetchone()
    with pytest.raises((duckdb.Error, CarlosError)), connect(analyst, read_only=False) as writer:
        writer.execute("insert into core.threshold values ('p', 'strength_max', 1.0, 'test')")
