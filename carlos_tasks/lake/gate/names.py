"""What a statement through the gate may name: by name what is allowed, and nothing else.

A newer DuckDB may bring functions that read files or change things. They are refused until they stand here.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

Kind = Literal["table", "function", "table function", "list", "type"]

SCHEMAS = frozenset({"raw", "core", "mart"})
# DuckDB's own views that list the lake's tables, columns and comments. DuckLake hides its own tables from them.
SYSTEM_VIEWS = frozenset(
    {"duckdb_columns", "duckdb_constraints", "duckdb_schemas", "duckdb_tables", "duckdb_types", "duckdb_views"}
)
_SYSTEM_PREFIXES = ("duckdb_", "pragma_", "sqlite_", "pg_")
TABLE_FUNCTIONS = SYSTEM_VIEWS | {
    "duckdb_functions",
    "duckdb_keywords",
    "generate_series",
    "icu_calendar_names",
    "json_each",
    "json_tree",
    "pg_timezone_names",
    "range",
    "repeat",
    "repeat_row",
    "unnest",
}
# Those that read files: for `--with-files` alone.
FILE_FUNCTIONS = frozenset(
    {
        "glob",
        "parquet_file_metadata",
        "parquet_kv_metadata",
        "parquet_metadata",
        "parquet_schema",
        "parquet_scan",
        "read_blob",
        "read_csv",
        "read_csv_auto",
        "read_json",
        "read_json_auto",
        "read_json_objects",
        "read_json_objects_auto",
        "read_ndjson",
        "read_ndjson_auto",
        "read_ndjson_objects",
        "read_parquet",
        "read_text",
        "sniff_csv",
    }
)
# What `carlos_tasks.connect()` puts into its own connection (retrieval/session.py).
_OF_THE_SESSION = frozenset({"encode_query", "carlos_encode_query"})
# What SHOW may list, as DuckDB's parser writes it.
_LISTS = frozenset({'"tables"', '"databases"', '"schemas"', '"variables"', "__show_tables_expanded"})


@dataclass(frozen=True)
class Named:
    """One thing that a statement names, as it is written there: `mart.lora` has no catalog."""

    kind: Kind
    catalog: str
    schema: str
    name: str

    def __str__(self) -> str:
        return ".".join(part for part in (self.catalog, self.schema, self.name) if part)


@cache
def functions() -> frozenset[str]:
    """DuckDB's functions that read nothing but their arguments (functions.txt)."""
    text = (files("carlos_tasks.lake.gate") / "functions.txt").read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.lower().split())


def is_allowed(named: Named, macros: frozenset[str]) -> bool:
    """Whether a statement may name this.

    A function's schema may be a column: `path.read_text()` calls `read_text(path)`. So the name alone has to be
    allowed, whatever stands before it.

    Args:
        named: what the statement names.
        macros: names of the lake's own macros, without their schemas.
    """
    catalog, schema, name = named.catalog.lower(), named.schema.lower(), named.name.lower()
    if catalog not in {"", "carlos"}:
        return False
    if named.kind == "table":
        return schema in SCHEMAS or schema == "information_schema" or (not catalog + schema and _is_plain(name))
    if named.kind == "list":
        return (not schema and name in _LISTS) or (not name and schema in SCHEMAS | {"carlos", "main", ""})
    if named.kind == "type":
        return not catalog and schema in {"", "main"}
    if name in macros and schema in SCHEMAS:
        return True
    if named.kind == "table function":
        return name in TABLE_FUNCTIONS
    return name in functions() or name == "unnest" or name in _OF_THE_SESSION


def is_of_the_lake(named: Named) -> bool:
    """Whether this may be a macro of the lake, or what `carlos_tasks.connect()` put beside them."""
    name = named.name.lower()
    return "function" in named.kind and name not in functions() and name not in TABLE_FUNCTIONS


def _is_plain(name: str) -> bool:
    """Whether a table without a schema can only be one that the statement itself names by WITH.

    The lake has no tables without a schema. What is left are DuckDB's own views and files: 'listing.csv' is a table.
    """
    return name in SYSTEM_VIEWS or (name.replace("_", "a").isalnum() and not name.startswith(_SYSTEM_PREFIXES))


def is_file(named: Named) -> bool:
    """Whether this is a file or a function that reads files: allowed where files are asked for."""
    if named.kind == "table":
        return not named.catalog and not named.schema and named.name.lower().endswith(_FILE_ENDINGS)
    is_plain_function = named.kind == "table function" and named.catalog == "" and named.schema in {"", "main"}
    return is_plain_function and named.name.lower() in FILE_FUNCTIONS


_FILE_ENDINGS = tuple(
    f".{kind}{packed}"
    for kind in ("csv", "tsv", "txt", "json", "jsonl", "ndjson", "parquet")
    for packed in ("", ".gz", ".zst")
)
