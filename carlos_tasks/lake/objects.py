"""Objects of the store, read through the lake's own connection: a question makes no second client of S3.

To import boto3 and to make its client takes longer than most questions. What is written goes through the store itself.
"""

from collections.abc import Sequence
from threading import Lock
from typing import Any

import duckdb

from carlos_tasks.errors import NotFound
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.store import open_store, store_uri
from carlos_tasks.store.objects import ObjectStore, checked_key, refuse_above

# A place whose name holds one of these is a pattern to DuckDB.
_PATTERN = frozenset("*?[]{}")


class LakeObjects:
    """The objects of a lake's store, as a question reads them. Threads may share it.

    Args:
        con: the lake. It is used no more once this is closed; the store itself answers then.
        uri: where the store lies.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, uri: str) -> None:
        self.uri = store_uri(uri)
        self._opened: ObjectStore | None = None
        is_through_lake = self.uri.startswith("s3://") and _PATTERN.isdisjoint(self.uri)
        self._con = con.cursor() if is_through_lake else None
        self._lock = Lock()

    def close(self) -> None:
        """Let go of the lake."""
        with self._lock:
            if self._con is not None:
                self._con.close()
            self._con = None

    def read(self, key: str, at_most: int | None = None) -> bytes:
        with self._lock:
            if self._con is None:
                return self._store().read(key, at_most)
            ((size,),) = self._ask(self._con, "select size from read_blob($url)", key)
            refuse_above(at_most, size, key)
            ((content,),) = self._ask(self._con, "select content from read_blob($url)", key)
            return bytes(content)

    def write(self, key: str, data: bytes) -> None:
        with self._lock:
            self._store().write(key, data)

    def keys(self, prefixes: Sequence[str]) -> Sequence[Sequence[str]]:
        with self._lock:
            if self._con is None:
                return self._store().keys(prefixes)
            lead = f"{self.uri}/"
            patterns = [f"{lead}{prefix}**" for prefix in prefixes]
            with lake_errors():
                found = self._con.execute("select file from glob($patterns::varchar[])", {"patterns": patterns})
                keys = sorted({file.removeprefix(lead) for (file,) in found.fetchall()})
        return [[key for key in keys if key.startswith(prefix)] for prefix in prefixes]

    def url(self, key: str) -> str:
        return f"{self.uri}/{checked_key(key)}"

    def _ask(self, con: duckdb.DuckDBPyConnection, query: str, key: str) -> list[tuple[Any, ...]]:
        with lake_errors():
            try:
                return con.execute(query, {"url": self.url(key)}).fetchall()
            except duckdb.HTTPException as exc:
                if getattr(exc, "status_code", 0) == 404:
                    raise NotFound(f"no object {self.url(key)}") from None
                raise

    def _store(self) -> ObjectStore:
        self._opened = self._opened or open_store(self.uri)
        return self._opened
