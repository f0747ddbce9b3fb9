"""A plain folder as an object store: the default, and what most tests use."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from carlos_tasks.errors import NotFound, PassingError
from carlos_tasks.lake.objects import ObjectInfo, checked_key

_TEMPORARY_PREFIX = ".writing-"


class FolderStore:
    """A folder as an object store; an object becomes visible by one rename."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self.uri = str(self._folder)

    def read(self, key: str) -> bytes:
        with _file_errors(key):
            return self._path(key).read_bytes()

    def write(self, key: str, data: bytes) -> None:
        with _file_errors(key):
            _write_whole(self._path(key), lambda file: file.write_bytes(data))

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def info(self, key: str) -> ObjectInfo:
        with _file_errors(key):
            return self._stat(checked_key(key))

    def list(self, prefix: str = "", start_after: str = "") -> Iterator[ObjectInfo]:
        # Only the folder that the prefix names is walked; a prefix may end inside a file name.
        top = self._folder / checked_key(prefix.rpartition("/")[0]) if "/" in prefix else self._folder
        found = []
        for parent, _, names in os.walk(top):
            for name in names:
                key = (Path(parent) / name).relative_to(self._folder).as_posix()
                if key.startswith(prefix) and key > start_after and not name.startswith(_TEMPORARY_PREFIX):
                    found.append(key)
        for key in sorted(found):
            with suppress(FileNotFoundError):  # deleted since the walk
                yield self._stat(key)

    def download(self, key: str, path: Path) -> None:
        with _file_errors(key):
            _copy_whole(self._path(key), path)

    def upload(self, path: Path, key: str) -> None:
        with _file_errors(key):
            _copy_whole(path, self._path(key))

    def delete(self, key: str) -> None:
        with _file_errors(key):
            self._path(key).unlink(missing_ok=True)

    def url(self, key: str) -> str:
        return f"{self.uri}/{checked_key(key)}"

    def _path(self, key: str) -> Path:
        return self._folder / checked_key(key)

    def _stat(self, key: str) -> ObjectInfo:
        # A listing shows what is there, also under a name that `checked_key` refuses to open.
        stat = (self._folder / key).stat()
        etag = hashlib.sha256(f"{stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:32]
        return ObjectInfo(key, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC), etag)


@contextmanager
def _file_errors(key: str) -> Iterator[None]:
    """Turn the file system's errors into ours."""
    try:
        yield
    except FileNotFoundError as exc:
        raise NotFound(f"no object {key}") from exc
    except OSError as exc:
        raise PassingError(f"storage of {key}: {exc.strerror}") from exc


def _write_whole(target: Path, fill: Callable[[Path], object]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=_TEMPORARY_PREFIX, dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        fill(part)
        part.chmod(0o644)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _copy_whole(source: Path, target: Path) -> None:
    def fill(part: Path) -> None:
        with source.open("rb") as reader, part.open("wb") as writer:
            while block := reader.read(2**20):
                writer.write(block)

    _write_whole(target, fill)
