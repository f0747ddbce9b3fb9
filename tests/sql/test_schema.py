"""Everything in sql/ says what it is, in the catalog or in its file, and is tested."""

import re

import duckdb
import pytest

from carlos_tasks.lake.checks import check_names
from carlos_tasks.lake.sql_files import FOLDERS, SqlFile, sql_files, sql_folder
from tests import test_import_published
from tests.care import test_compaction, test_expiry
from tests.commit import test_damaged, test_thresholds, test_weight_sketches
from tests.commit import test_index as test_commit
from tests.intake import test_asked_again
from tests.intake import test_commit as test_intake_commit
from tests.lake import test_old_lake, test_place, test_representation_copy
from tests.ledger import test_chain, test_keys, test_stamps
from tests.moderation import test_decisions, test_notices, test_scoring, test_submissions
from tests.nightly import test_scales
from tests.nightly import test_stages as test_nightly
from tests.retrieval import test_stored_queries as test_queries
from tests.sql import (
    test_checks,
    test_concept_views,
    test_embeddings,
    test_ledger_views,
    test_macros,
    test_report_views,
    test_search,
    test_searchable,
    test_signal_views,
    test_views,
)
from tests.sql.lake_rows import answer

OBJECT = re.compile(r"create (?:or replace )?(table|view|macro)(?: if not exists)? (\w+\.\w+)")
ALTERED = re.compile(r"(?:alter table|update) (\w+\.\w+)")
ALL_FILES = sorted(path.relative_to(sql_folder()).as_posix() for path in sql_folder().rglob("*.sql"))


def objects(kind: str) -> dict[str, SqlFile]:
    """The tables, views or macros of sql/ and the file that makes each."""
    found = {}
    for file in sql_files():
        for of_kind, name in OBJECT.findall(file.text):
            if of_kind == kind:
                found[name] = file
    return found


def test_a_file_holds_one_object_and_is_named_after_it() -> None:
    """What changes a table of an earlier version is named after the table and the change."""
    for file in sql_files():
        if file.path == "schema/00_schemas.sql":
            continue
        stem = re.sub(r"^\d+_", "", file.path.rpartition("/")[2].removesuffix(".sql"))
        made = [name for _, name in OBJECT.findall(file.text)]
        if made:
            (name,) = made
            assert stem in {name.partition(".")[2], name.replace(".", "_")}
        else:
            first = ALTERED.findall(file.text)[0]
            assert stem.startswith(f"{first.replace('.', '_')}_")


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_number_alone_tells_the_order(folder: str) -> None:
    numbers = [path.name.partition("_")[0] for path in (sql_folder() / folder).glob("*.sql")]
    assert all(re.fullmatch(r"\d\d", number) for number in numbers)
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("path", ALL_FILES)
def test_a_file_opens_by_saying_what_it_is(path: str) -> None:
    text = (sql_folder() / path).read_text(encoding="utf-8")
    assert text.startswith("/* "), "a comment comes first"
    comment = " ".join(text.partition("*/")[0].split())
    assert len(comment) > 40
    if OBJECT.search(text) and path.startswith(
        ("schema/0", "schema/1", "schema/2", "schema/3", "schema/4", "schema/5", "views/", "search/")
    ):
        assert "Grain: one row per" in comment


@pytest.mark.parametrize("path", ALL_FILES)
def test_no_window_is_over_everything(path: str) -> None:
    """DuckDB 1.5.5 runs `over ()` in threads that race where few rows are left (duckdb#25713), and ends the session."""
    assert not re.search(r"\bover\s*\(\s*\)", (sql_folder() / path).read_text(encoding="utf-8"), re.IGNORECASE)


def test_tables_and_columns_have_comments(con: duckdb.DuckDBPyConnection) -> None:
    tables = answer(con, "from duckdb_tables() where database_name = 'carlos'")
    assert {f"{t['schema_name']}.{t['table_name']}" for t in tables} == set(objects("table"))
    assert [t["table_name"] for t in tables if not t["comment"]] == []
    columns = answer(
        con,
        "select schema_name, table_name, column_name from duckdb_columns() where database_name = 'carlos' "
        "and comment is null and (schema_name, table_name) in (select (schema_name, table_name) "
        "from duckdb_tables() where database_name = 'carlos')",
    )
    assert columns == []


def test_views_have_comments(con: duckdb.DuckDBPyConnection) -> None:
    views = answer(con, "from duckdb_views() where database_name = 'carlos' and schema_name in ('raw', 'core', 'mart')")
    assert {f"{v['schema_name']}.{v['view_name']}" for v in views} == set(objects("view"))
    assert [v["view_name"] for v in views if not v["comment"]] == []


def test_every_object_is_tested() -> None:
    shards = test_embeddings.TESTED
    search = {name for name, file in objects("macro").items() if file.path.startswith("search/")}
    valued = {f"core.{name}" for name in test_macros.CASES} | {f"main.{name}" for name in test_macros.RAISING}
    assert set(objects("macro")) - search - shards == valued
    assert search == test_search.TESTED
    of_views = (
        test_views,
        test_searchable,
        test_concept_views,
        test_signal_views,
        test_report_views,
        test_ledger_views,
    )
    assert set(objects("view")) - shards == {f"mart.{name}" for test in of_views for name in test.TESTED}
    assert set(check_names()) == set(test_checks.SPOILT)
    commits = {path.stem for path in (sql_folder() / "commit").glob("*.sql")}
    tests = (test_commit, test_intake_commit, test_import_published, test_queries, test_thresholds)
    others = (test_decisions, test_notices, test_scoring, test_submissions, test_nightly, test_asked_again, test_place)
    kept = (
        test_chain,
        test_keys,
        test_stamps,
        test_damaged,
        test_compaction,
        test_expiry,
        test_old_lake,
        test_representation_copy,
        test_scales,
        test_weight_sketches,
    )
    assert commits == {name for test in (*tests, *others, *kept) for name in test.TESTED_SQL}


def test_the_guide_tells_of_every_object_and_what_it_is(con: duckdb.DuckDBPyConnection) -> None:
    rows = answer(con, "select object, kind, comment from mart.guide")
    assert {row["object"]: row["kind"] for row in rows} == {
        name: kind for kind in ("table", "view", "macro") for name in objects(kind)
    }
    assert len(rows) == len({row["object"] for row in rows})
    comments = {row["object"]: row["comment"] for row in rows}
    assert comments["mart.search_vector"].startswith("mart.search_vector(vec, k, profile := ''")
    assert not [name for name, comment in comments.items() if not comment or len(comment) < 20]
