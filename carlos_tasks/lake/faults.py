"""What DuckDB's errors mean for us: passing or permanent, and never with a password in the text."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from carlos_tasks.errors import CarlosError, NotFound, PassingError, PermanentError

_SECRET_VALUE = re.compile(r"(password|passfile|sslpassword)(\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s\"]+)", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@\s]*@")
# What SQLite and PostgreSQL say when two commits want the same snapshot number, and DuckLake on a conflict.
_OVERTAKEN = re.compile(r"locked|duplicate key|unique constraint|serialize access|deadlock|conflict", re.IGNORECASE)
_TRANSIENT = re.compile(
    r"locked|could not connect|unable to connect|could not establish|connection (refused|reset|closed|to server)"
    r"|server closed|timed? ?out|too many (clients|connections)|HTTP (code )?(5\d\d|429)",
    re.IGNORECASE,
)
# A table of before a column was added; or a slip of whoever asks.
_NO_COLUMN = re.compile(r'Table "\w+" does not have a column named')
# A catalog database in which no lake was made yet, opened to read.
_NO_LAKE = re.compile(r"Existing DuckLake.*does not exist", re.DOTALL)


@contextmanager
def lake_errors() -> Iterator[None]:
    """Turn DuckDB's errors into PassingError (conflict, lock, network), NotFound (no lake) or PermanentError."""
    try:
        yield
    except duckdb.Error as exc:
        text = redact(str(exc))
        fault: CarlosError = PermanentError(f"lake: {text}")
        if _NO_LAKE.search(text):
            fault = NotFound("there is no lake in the catalog database yet (`carlos index` makes one)")
        elif isinstance(exc, duckdb.CatalogException):
            fault = PermanentError(f"the lake is of an older version: run carlos index, which updates it ({text})")
        elif isinstance(exc, duckdb.BinderException) and _NO_COLUMN.search(text):
            fault = PermanentError(f"lake: {text} (a lake of an older version is updated by carlos index)")
        elif isinstance(exc, duckdb.TransactionException) and _OVERTAKEN.search(text):
            fault = PassingError("another commit of the lake came in between; nothing was written, run it again")
        elif isinstance(exc, duckdb.OperationalError) and _TRANSIENT.search(text):
            fault = PassingError(f"lake: {text}")
        # Not chained: a traceback would print the original's text, and that may hold the connection string.
        raise fault from None


def redact(text: str) -> str:
    """Strike the passwords of libpq strings and URLs from a text."""
    return _URL_PASSWORD.sub(r"\1:***@", _SECRET_VALUE.sub(r"\1\2***", text))
