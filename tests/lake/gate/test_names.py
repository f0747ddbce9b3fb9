"""The list of what is allowed holds against what this DuckDB has."""

import re

import pytest

from carlos_tasks.lake import catalog
from carlos_tasks.lake.extensions import ALL, open_duckdb
from carlos_tasks.lake.gate import names
from carlos_tasks.lake.gate.names import Named, is_allowed, is_of_the_lake
from carlos_tasks.lake.sql_files import FOLDERS, sql_folder
from carlos_tasks.settings import Settings

# Functions of DuckDB and its extensions that read or change more than their arguments, or show what is not the lake's.
REFUSED = {
    "arrow_scan", "arrow_scan_dumb", "checkpoint", "combine", "constant_or_null", "create_sort_key",
    "current_connection_id", "current_query", "current_query_id", "current_setting", "current_transaction_id",
    "currval", "finalize", "force_checkpoint", "in_search_path", "json_deserialize_sql", "json_execute_serialized_sql",
    "json_serialize_plan", "json_serialize_sql", "nextval", "pandas_scan", "parquet_bloom_probe",
    "parquet_full_metadata", "parse_duckdb_log_message", "python_map_function", "query", "query_table", "read_duckdb",
    "read_postgres_binary", "seq_scan", "setseed", "sleep_ms", "stats", "summary", "test_all_types",
    "test_vector_types", "txid_current", "vector_type", "which_secret", "write_log",
}  # fmt: skip
REFUSED_PREFIXES = (
    "__internal_", "col_description", "current_role", "disable_", "duckdb_", "ducklake_", "enable_", "format_",
    "get_block_size", "has_", "histogram_values", "icu_", "inet_", "is_histogram", "map_to_pg_oid", "obj_description",
    "pg_", "postgres_", "pragma_", "session_user", "shobj_description", "sqlite_", "st_", "timetz_",
    "truncate_duckdb_logs", "user", "variant_",
)  # fmt: skip


def test_every_function_of_duckdb_is_allowed_or_refused_on_purpose() -> None:
    """A newer DuckDB fails here: read what its new functions do, and put them where they belong."""
    with open_duckdb(ALL, {}) as con:
        query = "select distinct function_name from duckdb_functions() where function_type <> 'pragma'"
        there = {name.lower() for (name,) in con.execute(query).fetchall()}
    allowed = names.functions() | names.TABLE_FUNCTIONS | names.FILE_FUNCTIONS
    assert allowed - there == set()
    left = {name for name in there - allowed if name not in REFUSED and not name.startswith(REFUSED_PREFIXES)}
    assert left == set()
    assert REFUSED & allowed == set()


def test_every_view_of_duckdb_is_refused_but_those_that_list_the_lake(made: Settings) -> None:
    with catalog.connect(made) as con:
        query = "select schema_name, view_name from duckdb_views() where database_name = 'system'"
        views = con.execute(query).fetchall()
    assert len(views) > 30
    for schema, name in views:
        for written in ("", schema) if schema != "information_schema" else ("pg_catalog", "main"):
            is_listed = not written and name in names.SYSTEM_VIEWS
            assert is_allowed(Named("table", "", written, name), frozenset()) == is_listed, (written, name)


def test_no_macro_of_the_lake_has_the_name_of_a_function_that_is_refused(made: Settings) -> None:
    """`core.read_text(x)` may be `read_text(core)` of a column `core`."""
    with catalog.connect(made) as con:
        query = "select lower(function_name) from duckdb_functions() where database_name {} 'carlos'"
        macros = {name for (name,) in con.execute(query.format("=")).fetchall()}
        others = {name for (name,) in con.execute(query.format("<>")).fetchall()}
    assert len(macros) > 20
    assert (macros & others) <= names.functions()


@pytest.mark.parametrize(
    ("named", "is_ok"),
    [
        (Named("table", "", "core", "lora"), True),
        (Named("table", "CARLOS", "Core", "lora"), True),
        (Named("table", "", "", "a_name"), True),
        (Named("table", "", "", "größe"), True),
        (Named("table", "", "", "a.csv"), False),
        (Named("table", "", "", "a/b"), False),
        (Named("table", "", "", ""), False),
        (Named("table", "carlos", "", "lora"), False),
        (Named("table", "memory", "core", "lora"), False),
        (Named("table", "", "main", "lora"), False),
        (Named("function", "", "core", "status"), True),
        (Named("function", "", "", "status"), False),
        (Named("function", "memory", "main", "upper"), False),
        (Named("function", "", "anything", "upper"), True),
        (Named("table function", "", "mart", "status"), True),
        (Named("type", "", "", "mine"), True),
        (Named("type", "carlos", "main", "mine"), False),
    ],
)
def test_a_name_is_allowed_with_its_schema(named: Named, is_ok: bool) -> None:
    assert is_allowed(named, frozenset({"status"})) == is_ok


def test_every_macro_that_encodes_a_text_is_told_before_it_is_called() -> None:
    """The function behind them is made when a statement names one."""
    paths = [path for folder in FOLDERS for path in (sql_folder() / folder).glob("*.sql")]
    texts = [re.sub(r"/\*.*?\*/|comment on .*", "", path.read_text(), flags=re.DOTALL) for path in paths]
    made = re.compile(r"create or replace (?:macro|view) (\w+\.(\w+))")
    encoding, before = {"encode_query"}, set[str]()
    while encoding != before:
        before = set(encoding)
        calls = re.compile(rf"\b(?:{'|'.join(encoding)})\s*\(")
        encoding |= {found[2] for text in texts if (found := made.search(text)) and calls.search(text)}
    assert encoding == {"encode_query", "search"}
    for kind in ("function", "table function"):
        assert all(is_of_the_lake(Named(kind, "", "mart", name)) for name in encoding)
    assert not is_of_the_lake(Named("function", "", "", "lower"))
    assert not is_of_the_lake(Named("table", "", "mart", "search"))
