"""What DuckDB's errors mean for us: passing or permanent, and never with a secret in the text.

What has a type or a code is told by it: an answer of object storage by its HTTP status, memory and temporary space by
`OutOfMemoryException`. DuckDB hands on the errors of its parts (curl, the file system, SQLite, libpq) as words alone:
those are told by the form that each part gives all of its own, and in doubt as passing, since a retry costs minutes
and a night given up costs a day.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from carlos_tasks.errors import CarlosError, NotFound, PassingError, PermanentError
from carlos_tasks.lake.redaction import redact
from carlos_tasks.store.passing import PASSING_WORDS, is_passing_answer

__all__ = ["lake_errors", "redact"]

_INTERRUPTED = "Query interrupted"
# What SQLite and PostgreSQL say when two commits want the same snapshot number, and DuckLake on a conflict.
_OVERTAKEN = re.compile(r"locked|duplicate key|unique constraint|serialize access|deadlock|conflict", re.IGNORECASE)
# A table of before a column was added; or a slip of whoever asks.
_NO_COLUMN = re.compile(r'Table "\w+" does not have a column named')
# A catalog database in which no lake was made yet, opened to read.
_NO_LAKE = re.compile(r"Existing DuckLake.*does not exist", re.DOTALL)

# Every error of DuckDB's HTTP clients, whatever it is: "… error for HTTP GET to 'http://…'".
_NO_ANSWER = re.compile(
    r" error for HTTP [A-Z]+ to '|Could not establish connection|Unexpected response when uploading part to S3"
)
# The status of an answer, where another error has been wrapped around the one that holds it.
_STATUS = re.compile(r"\bHTTP (?:code )?([1-5]\d\d)\b")
# The catalog database refused a statement: 'Failed to execute query "…": why'. The statement may hold any word, and
# a server that is gone gives no reason.
_REFUSED_BY_CATALOG = re.compile(r'Failed to \w+ query ".*":(?P<why>.*)', re.DOTALL)
# Names of files and statements, which others chose.
_NAMED_BY_OTHERS = re.compile(r"\"[^\"]*\"|'[^']*'")
_SQLITE = (  # its words for SQLITE_BUSY, _LOCKED, _NOMEM, _IOERR, _FULL, _PROTOCOL
    "database is locked",
    "database table is locked",
    "database schema is locked",
    "out of memory",
    "disk I/O error",
    "database or disk is full",
    "locking protocol",
)
_UNREACHABLE_POSTGRES = re.compile(r'Unable to connect to Postgres at ".*": (?P<why>.*)')
# What libpq and PostgreSQL say of a connection that no retry makes: who asks, or what for, is wrong.
_REFUSED_BY_POSTGRES = re.compile(
    r"authentication failed|no password supplied|password is required|role .* does not exist"
    r"|database .* does not exist|no pg_hba\.conf entry|permission denied|is not permitted to log in"
    r"|does not support SSL|SSL is not supported|certificate|invalid connection option|invalid .* value"
    r"|invalid port|invalid URI|invalid integer|unterminated quoted string|missing \"=\"|unexpected character"
    r"|unexpected spaces|authentication method|could not read .* file"
)
_LOST_POSTGRES = (
    "server closed the connection",
    "connection has been closed",
    "no connection to the server",
    "connection not open",
    "could not receive data",
    "could not send data",
    "lost synchronization",
    "terminating connection",
    "timeout",
    "too many c",  # clients, connections
    "connection slots",
    "the database system is",
    "recovery",
    "could not serialize",
    "deadlock detected",
    "canceling statement",
    "read-only transaction",  # a server that another one has just taken over from
)


@contextmanager
def lake_errors() -> Iterator[None]:
    """Turn DuckDB's errors into PassingError (conflict, lock, network, disk), NotFound (no lake) or PermanentError."""
    try:
        yield
    except RuntimeError as exc:
        if str(exc) == _INTERRUPTED:  # what DuckDB makes of the KeyboardInterrupt that ended its query
            raise KeyboardInterrupt from None
        raise
    except duckdb.Error as exc:
        # Not chained: a traceback would print the original's text, and that may hold the connection string.
        raise fault_of(exc) from None


def fault_of(exc: duckdb.Error) -> CarlosError:
    """What an error of DuckDB is for us, its text without secrets."""
    text = redact(str(exc))
    if _NO_LAKE.search(text):
        return NotFound("there is no lake in the catalog database yet (`carlos index` makes one)")
    if isinstance(exc, duckdb.CatalogException):
        return PermanentError(f"the lake is of an older version: run carlos index, which updates it ({text})")
    if isinstance(exc, duckdb.BinderException) and _NO_COLUMN.search(text):
        return PermanentError(f"lake: {text} (a lake of an older version is updated by carlos index)")
    if isinstance(exc, duckdb.HTTPException):
        return _of_answer(exc, text)
    if isinstance(exc, duckdb.OutOfMemoryException):
        return PassingError(f"lake: memory or temporary space is used up: {text}")
    if isinstance(exc, duckdb.TransactionException) and _OVERTAKEN.search(text):
        return PassingError("another commit of the lake came in between; nothing was written, run it again")
    return PassingError(f"lake: {text}") if _is_of_the_way(exc) else PermanentError(f"lake: {text}")


def _of_answer(exc: duckdb.HTTPException, text: str) -> CarlosError:
    """An answer of object storage, by its status; one without a status was no whole answer."""
    status = getattr(exc, "status_code", None) or _status_in(text)
    return PassingError(f"lake: {text}") if is_passing_answer(status) else PermanentError(f"lake: {text}")


def _status_in(text: str) -> int:
    found = _STATUS.search(_NAMED_BY_OTHERS.sub("", text))
    return int(found[1]) if found else 0


def _is_of_the_way(exc: duckdb.Error) -> bool:
    """Tell whether the fault lies in the network, a disk or the catalog's server, and not in what was asked of them."""
    text = str(exc)
    # DuckDB's own class alone: what SQLite said. A statement's own faults (syntax, types, conversions) are others.
    if type(exc) is not duckdb.Error and not isinstance(
        exc, duckdb.OperationalError | duckdb.FatalException | duckdb.InternalError
    ):
        return False
    unreachable = _UNREACHABLE_POSTGRES.search(text)
    if unreachable:
        return not _REFUSED_BY_POSTGRES.search(unreachable["why"])
    if _NO_ANSWER.search(text) or ((status := _status_in(text)) and is_passing_answer(status)):
        return True
    refused = _REFUSED_BY_CATALOG.search(text)
    why = refused["why"].strip() if refused else text
    why = _NAMED_BY_OTHERS.sub("", why)
    return not why or any(words in why for words in (*_SQLITE, *_LOST_POSTGRES, *PASSING_WORDS))
