"""The statements of `sql/commit`, run by name."""

import duckdb

from carlos_tasks.lake.migrate import sql_folder


def run_statement(con: duckdb.DuckDBPyConnection, name: str, parameters: dict[str, object] | None = None) -> int:
    """Run a statement of sql/commit; return how many rows it added or changed."""
    statement = (sql_folder() / "commit" / f"{name}.sql").read_text(encoding="utf-8")
    (n_rows,) = con.execute(statement, parameters or {}).fetchall()[0]
    return int(n_rows)
