"""A lake that an older version made opens, loses nothing, and goes on: measured, searched, committed to."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from carlos_tasks.aliases import Row
from carlos_tasks.commit.index import commit_index
from carlos_tasks.commit.representations import Measured, add_measured, measured_loras
from carlos_tasks.intake.commit import commit_intake
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.checks import run_checks
from carlos_tasks.lake.manifest import shard_rows
from carlos_tasks.lake.statements import answer_of, rows
from carlos_tasks.lake.transaction import transaction
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.retrieval.question import Question
from carlos_tasks.retrieval.searcher import Searcher
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE, shard_prefix
from carlos_tasks.store.objects import ObjectStore
from tests.commit.small_index import baseline, embedded, small_profile, with_effect
from tests.intake.small_intake import listing, write_intake
from tests.lake.old_lake import make_old_lake

MEASURED = {
    "representation": "select * exclude (open, full_cosine_lower, strength_error, computed_at) "
    "from core.representation order by lora_id",
    "prompt_difference": "from core.prompt_difference order by lora_id, prompt_id",
}
# What `migrate` writes itself.
OF_MIGRATION = ("migration", "macro_comment")
#: Files of sql/commit that are tested here.
TESTED_SQL = {"take_embeddings_out"}
Tables = dict[str, list[str]]


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """A profile of 5 prompts and 3 seeds."""
    return small_profile(tmp_path / "prompts")


@pytest.fixture
def old(settings: Settings, profile: Profile, tmp_path: Path) -> Settings:
    """Settings of the old lake, with its profile in a file."""
    make_old_lake(settings, profile)
    path = tmp_path / "profile.json"
    path.write_text(profile.model_dump_json())
    return settings.model_copy(update={"profile": str(path)})


def columns(con: duckdb.DuckDBPyConnection) -> Tables:
    """The columns of each table of raw and core."""
    found = rows(
        con,
        "select schema_name || '.' || table_name as name, list(column_name order by column_index) as its "
        "from duckdb_columns() where database_name = 'carlos' and schema_name in ('raw', 'core') "
        "and not list_contains($but, table_name) "
        "and (schema_name, table_name) in (select (schema_name, table_name) from duckdb_tables()) group by name",
        {"but": OF_MIGRATION},
    )
    return {row["name"]: row["its"] for row in found}


def contents(con: duckdb.DuckDBPyConnection, tables: Tables) -> dict[str, list[Row]]:
    """The rows of some tables, in order."""
    return {name: rows(con, f"select {', '.join(its)} from {name} order by all") for name, its in tables.items()}  # noqa: S608


def test_it_loses_no_row(old: Settings) -> None:
    """When it is opened, and when every file of sql/ is applied again, as after a change of the first."""
    with connect(old, read_only=False) as con:
        tables = columns(con)
        before = contents(con, tables)
        assert [name for name, its_rows in before.items() if not its_rows] == []
        migrate(con)
        assert migrate(con) == []
        assert contents(con, tables) == before
        assert run_checks(con) == []
        con.execute("delete from core.migration")
        assert migrate(con)[0] == "schema/00_schemas.sql"
        assert contents(con, tables) == before


def test_its_shards_become_rows_of_the_manifest(old: Settings) -> None:
    """And a snapshot of before is asked as it was."""
    shards = "select lora_id, number, n_pairs, sha256, is_sealed from core.embedding_shard order by all"
    embeddings = "select * from core.embedding order by lora_id, prompt_id, seed"
    with connect(old, read_only=False) as con:
        before = con.execute(embeddings).fetchall()
        (registered,) = con.execute("select max(snapshot_id) from ducklake_snapshots('carlos')").fetchall()[0]
        migrate(con)
        assert con.execute(embeddings).fetchall() == before
        numbers = [(0, 7), (1, 7), (2, 1)]
        assert con.execute(shards).fetchall() == [
            (lora_id, number, n_pairs, None, False) for lora_id in ("a", "b", "base") for number, n_pairs in numbers
        ]
    with connect(old, snapshot=registered) as con:
        assert con.execute(embeddings).fetchall() == before


def test_it_measures_the_same_to_the_last_bit_and_answers_searches(old: Settings, profile: Profile) -> None:
    with connect(old, read_only=False) as con:
        migrate(con)
        before = {name: con.execute(question).fetchall() for name, question in MEASURED.items()}
        for name, its_rows in before.items():
            some = {"profile_id": profile.profile_id, "lora_ids": ["a", "b"]}
            with shard_rows(con, profile.profile_id, ["base", "a", "b"]):
                anew = answer_of(con, f"ask/verification/{name}", some)
            assert [tuple(row.values()) for row in anew.to_pylist()] == its_rows
        con.execute("delete from core.representation; delete from core.prompt_difference")
        with transaction(con, "again", {}):
            add_measured(con, profile.profile_id, again(open_store(old.store), profile))
        assert {name: con.execute(question).fetchall() for name, question in MEASURED.items()} == before
        asked = {"profile": profile.profile_id}
        found = rows(con, "select name from mart.similar('a', 5, profile := $profile)", asked)
        assert found == [{"name": "Sketch again"}]
        assert len(rows(con, "from mart.search('night', 5, profile := $profile)", asked)) == 2
        (health,) = rows(con, "select n_loras, n_measured from mart.index_health")
        assert health == {"n_loras": 2, "n_measured": 2}
    with Searcher(old) as searcher:
        (similar,) = searcher.search(Question(like=("a",)))
        assert (similar["lora_id"], similar["name"]) == ("b", "Sketch again")


def again(place: ObjectStore, profile: Profile) -> Iterator[Measured]:
    """What the lake's shards come to today."""
    keys = {
        lora_id: [item.key for item in place.list(shard_prefix(profile.profile_id, lora_id))]
        for lora_id in (BASELINE, "a", "b")
    }
    return measured_loras(place, keys.pop(BASELINE), keys)


def test_it_goes_on(old: Settings, profile: Profile) -> None:
    place = open_store(old.store)
    """A shard that it has read changed, another one is new, and of each a LoRA is measured beside the old ones."""
    with connect(old) as con:
        tables = columns(con)
        before = contents(con, tables)
    lora = {"base_model": "micro-xl", "rank": 4}
    again = [listing(source="civitai", model_id="3", version_id="31", file_id="311", lora_id="c", lora=lora)]
    new = [listing(source="civitai", model_id="4", lora_id="d", lora=lora)]
    intakes = [
        write_intake(place, again, "models/00001.json", etag="e2"),
        write_intake(place, new, "models/00002.json"),
    ]
    commit_intake(old, intakes)
    keys = [embedded(place, profile, lora_id, with_effect(baseline(profile), n)) for n, lora_id in ((3, "c"), (4, "d"))]
    report = commit_index(old, profile, keys)
    assert (report.n_representations, report.n_embeddings, report.statuses) == (2, 30, {"measured": 2})
    with connect(old) as con:
        assert run_checks(con) == []
        after = contents(con, tables)
        assert [row["lora_id"] for row in after["core.representation"]] == ["a", "b", "c", "d"]
        assert [row["etag"] for row in after["raw.shard"]] == ["e1", "e2", "e1"]
        assert [name for name, its_rows in before.items() if any(row not in after[name] for row in its_rows)] == []
        (health,) = rows(con, "select n_loras, n_measured, n_backlog from mart.index_health")
        assert health == {"n_loras": 4, "n_measured": 4, "n_backlog": 0}
