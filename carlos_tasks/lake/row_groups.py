"""The size of the row groups that DuckLake writes: an option of a table, which the catalog keeps."""

import duckdb

_IS_SET = "from ducklake_options('carlos') where option_name = $name and scope_entry = $table"


def keep_row_groups_small(con: duckdb.DuckDBPyConnection, table: str, **options: str) -> None:
    """Bound the rows, or bytes, that are held until they are written and that a reader of a few rows has to read.

    Run it outside the transaction that makes the table, which cannot set them.

    Args:
        con: a connection that may write.
        table: the table, with its schema.
        options: DuckLake's names and values, as `parquet_row_group_size="2048"`.
    """
    schema, _, name = table.partition(".")
    for option, value in options.items():
        if not con.execute(_IS_SET, {"name": option, "table": table}).fetchone():
            con.execute(
                "call carlos.set_option($option, $value, schema => $schema, table_name => $name)",
                {"option": option, "value": value, "schema": schema, "name": name},
            )
