"""Object storage: the same few operations on a plain folder and on an S3 bucket.

Every stage reads and writes whole objects at deterministic keys through here. Keys are ours, but parts of them come
from manifests and outcomes, so both stores (`folder`, `s3`) refuse a key that could leave its place.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from carlos_tasks.errors import PermanentError


@dataclass(frozen=True)
class ObjectInfo:
    """What a listing says about one object. `last_modified` is aware, UTC; `etag` changes when the bytes do.

    `is_link`: a symbolic link in a folder. It is listed so that it is seen; links are not followed, so to every
    other operation it is not there.
    """

    key: str
    size: int
    last_modified: datetime
    etag: str
    is_link: bool = False


class Objects(Protocol):
    """Whole objects by key, below one URI: what a question needs of a store.

    Every operation raises NotFound for an object that is not there, PassingError where a retry may help, and
    ValueError for a key that is empty, absolute or has an empty, '.' or '..' part.
    """

    uri: str

    def read(self, key: str, at_most: int | None = None) -> bytes:
        """Return the whole object; PermanentError, and nothing read, where it has more bytes than `at_most`."""
        ...

    def write(self, key: str, data: bytes) -> None:
        """Write the object whole or not at all, in place of an older one."""
        ...

    def keys(self, prefixes: Sequence[str]) -> Sequence[Sequence[str]]:
        """Return the keys that start with each prefix, which ends with '/', sorted; links are left out."""
        ...

    def url(self, key: str) -> str:
        """Return what DuckDB opens for this key: an s3:// URL or an absolute path."""
        ...


class ObjectStore(Objects, Protocol):
    """Everything that a store can do."""

    def exists(self, key: str) -> bool:
        """Tell whether the object is there."""
        ...

    def info(self, key: str) -> ObjectInfo:
        """Return what a listing says about one object."""
        ...

    def list(self, prefix: str = "", start_after: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects whose key starts with `prefix` and sorts after `start_after`, sorted by key."""
        ...

    def download(self, key: str, path: Path) -> None:
        """Stream the object to a local file, whole or not at all."""
        ...

    def upload(self, path: Path, key: str) -> None:
        """Stream a local file to the object, whole or not at all."""
        ...

    def copy(self, source: str, key: str) -> None:
        """Write the bytes of the object `source` under another key, whole or not at all, in place of an older one."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is no error."""
        ...


def refuse_above(at_most: int | None, size: int, key: str) -> None:
    """Raise PermanentError for an object that has more bytes than are to be read."""
    if at_most is not None and size > at_most:
        raise PermanentError(f"{key} is broken: {size} bytes are more than it can have")


def checked_key(key: str) -> str:
    """Return the key, or raise ValueError if it could name something outside the store."""
    parts = key.split("/")
    if any(part in {"", ".", ".."} for part in parts) or "\\" in key or not key.isprintable():
        raise ValueError(f"not a key of the object store: {key!r}")
    return key
