"""Tables of a report as files: parquet for programs, CSV for spreadsheets, in which no text is a formula."""

import csv
import io
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from carlos_tasks.aliases import Row

#: What a spreadsheet may take for the beginning of a formula (OWASP, CSV injection), full-width forms included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# Some programs drop what cannot be seen before they look for the sign.
_UNSEEN = re.compile(r"^[\s\u00ad\u200b-\u200f\u2060\ufeff]+")
_ROWS_AT_ONCE = 10_000


def arrow_table(given: Sequence[Row] | pa.Table) -> pa.Table:
    """Rows by column name as an arrow table; a column that only some rows have is empty in the others."""
    if isinstance(given, pa.Table):
        return given
    names = dict.fromkeys(name for row in given for name in row)
    return pa.Table.from_pydict({name: _column([row.get(name) for row in given]) for name in names})


def _column(values: list[Any]) -> pa.Array:
    """One column. A struct without fields, or values of several kinds, have no arrow type: they stand as JSON text."""
    try:
        column = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else _as_text(value) for value in values], pa.string())
    return column


def parquet_bytes(table: pa.Table) -> bytes:
    """Return the table as parquet; the same table has the same bytes."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def csv_bytes(table: pa.Table) -> bytes:
    """Return the table as CSV (UTF-8, as RFC 4180 writes it); lists and structs are JSON."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([harmless(name) for name in table.column_names])
    for batch in table.to_batches(_ROWS_AT_ONCE):
        columns = [[_cell(value) for value in column.to_pylist()] for column in batch.columns]
        writer.writerows(zip(*columns, strict=True))
    return buffer.getvalue().encode("utf-8", "replace")


def plain_rows(table: pa.Table) -> list[Row]:
    """Return the rows as Python values."""
    return [dict(row) for row in table.to_pylist()]


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: one that looks like it begins with an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA) or _UNSEEN.sub("", text).startswith(_FORMULA) else text


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, bool):
        return "true" if value else "false"
    return _as_text(value) if isinstance(value, list | dict | tuple) else value


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
