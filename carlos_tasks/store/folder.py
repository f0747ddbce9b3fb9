"""A plain folder as an object store: the default, and what most tests use."""

import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from carlos_tasks.errors import CarlosError, NotFound, PassingError, PermanentError
from carlos_tasks.store.objects import ObjectInfo, checked_key, refuse_above
from carlos_tasks.store.passing import is_passing_errno

_TEMPORARY_PREFIX = ".writing-"
_TRIES = 10


class FolderStore:
    """A folder as an object store; an object becomes visible by one rename.

    The folder itself may be reached over a symbolic link. Below it, a link is not followed: it could lead to any file
    of the machine.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self.uri = str(self._folder)

    def read(self, key: str, at_most: int | None = None) -> bytes:
        with _file_errors(key):
            path = self._path(key)
            if at_most is not None:
                refuse_above(at_most, path.stat().st_size, key)
            return path.read_bytes()

    def write(self, key: str, data: bytes) -> None:
        with _file_errors(key):
            _write_whole(self._path(key), lambda file: file.write_bytes(data))

    def exists(self, key: str) -> bool:
        try:
            return self._path(key).is_file()
        except NotFound:
            return False

    def info(self, key: str) -> ObjectInfo:
        with _file_errors(key):
            self._path(key)
            return self._stat(key)

    def list(self, prefix: str = "", start_after: str = "") -> Iterator[ObjectInfo]:
        # Only the folder that the prefix names is walked; a prefix may end inside a file name.
        top = self._folder / checked_key(prefix.rpartition("/")[0]) if "/" in prefix else self._folder
        if _crosses_a_link(self._folder, top):
            return
        found = []
        for parent, folders, names in os.walk(top, onerror=_walk_error):
            place = Path(parent).relative_to(self._folder).as_posix()
            lead = "" if place == "." else f"{place}/"
            links = [name for name in folders if os.path.islink(f"{parent}/{name}")]
            for name in [*names, *links]:
                key = lead + name
                if key.startswith(prefix) and key > start_after and not name.startswith(_TEMPORARY_PREFIX):
                    found.append(key)
        for key in sorted(found):
            with suppress(NotFound, FileNotFoundError):  # deleted since the walk; a pipe or a device
                yield self._stat(key)

    def keys(self, prefixes: Sequence[str]) -> Sequence[Sequence[str]]:
        return [[item.key for item in self.list(prefix) if not item.is_link] for prefix in prefixes]

    def download(self, key: str, path: Path) -> None:
        with _file_errors(key):
            _copy_whole(self._path(key), path)

    def upload(self, path: Path, key: str) -> None:
        with _file_errors(key):
            _copy_whole(path, self._path(key))

    def copy(self, source: str, key: str) -> None:
        with _file_errors(source):
            _copy_whole(self._path(source), self._path(key))

    def delete(self, key: str) -> None:
        with _file_errors(key), suppress(NotFound):
            path = self._path(key)
            path.unlink(missing_ok=True)
            # As in object storage, a folder is there as long as something lies in it.
            with suppress(OSError):
                for folder in path.parents:
                    if folder == self._folder:
                        break
                    folder.rmdir()

    def url(self, key: str) -> str:
        return f"{self.uri}/{checked_key(key)}"

    def _path(self, key: str) -> Path:
        path = self._folder / checked_key(key)
        if _crosses_a_link(self._folder, path):
            raise NotFound(f"no object {key}: links are not followed")
        return path

    def _stat(self, key: str) -> ObjectInfo:
        # A listing shows what is there, also under a name that `checked_key` refuses to open.
        path = self._folder / key
        state = path.lstat()
        is_link = stat.S_ISLNK(state.st_mode)
        if not (is_link or stat.S_ISREG(state.st_mode)):
            raise NotFound(f"no object {key}: not a file")
        content = f"{state.st_size} {state.st_mtime_ns}" + (f" -> {path.readlink()}" if is_link else "")
        etag = hashlib.sha256(content.encode(errors="surrogateescape")).hexdigest()[:32]
        modified = datetime.fromtimestamp(state.st_mtime, UTC)
        return ObjectInfo(key, 0 if is_link else state.st_size, modified, etag, is_link)


def _walk_error(exc: OSError) -> None:
    """Let a directory that cannot be read end the listing, where os.walk would leave it out without a word."""
    if not isinstance(exc, FileNotFoundError | NotADirectoryError):
        raise _of(exc, str(exc.filename)) from exc


def _crosses_a_link(folder: Path, path: Path) -> bool:
    """Tell whether a link lies on the way from the store's folder to a path in it, its end included."""
    while path != folder:
        if path.is_symlink():
            return True
        path = path.parent
    return False


@contextmanager
def _file_errors(key: str) -> Iterator[None]:
    """Turn the file system's errors into ours."""
    try:
        yield
    except FileNotFoundError as exc:
        raise NotFound(f"no object {key}") from exc
    except OSError as exc:
        raise _of(exc, key) from exc


def _of(exc: OSError, what: str) -> CarlosError:
    """A full disk or a mount that is away passes; rights that are not given do not."""
    kind = PassingError if is_passing_errno(exc.errno) else PermanentError
    return kind(f"storage of {what}: {exc.strerror or exc}")


def _write_whole(target: Path, fill: Callable[[Path], object]) -> None:
    part = _part_in(target.parent)
    try:
        fill(part)
        part.chmod(0o644)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _part_in(folder: Path) -> Path:
    """An empty file in a folder, which whoever deletes its last object takes away: it is made again."""
    for _ in range(_TRIES):
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            handle, name = tempfile.mkstemp(prefix=_TEMPORARY_PREFIX, dir=folder)
            os.close(handle)
            return Path(name)
    raise FileNotFoundError(errno.ENOENT, "the folder is taken away again and again", str(folder))


def _copy_whole(source: Path, target: Path) -> None:
    def fill(part: Path) -> None:
        with source.open("rb") as reader, part.open("wb") as writer:
            while block := reader.read(2**20):
                writer.write(block)

    _write_whole(target, fill)
