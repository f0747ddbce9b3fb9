"""What lies at the place of a report: every file, and all that is no file and could be overlooked."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from carlos_tasks.errors import CarlosError
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore


@dataclass(frozen=True)
class Lying:
    """What lies at a place.

    Attributes:
        store: to read it.
        files: paths of files.
        others: by path, what is there that is no file: a link, an empty folder, a pipe.
    """

    store: ObjectStore
    files: frozenset[str]
    others: dict[str, str] = field(default_factory=dict)


def lying_at(place: str) -> Lying:
    """Look at a folder or an s3:// prefix; unlike a store's listing, nothing is passed over.

    Raises:
        CarlosError: a folder of it cannot be read.
        PassingError: storage did not answer.
    """
    store = open_store(place)
    if "://" not in place:
        return _in_folder(store, Path(place))
    keys = [item.key for item in store.list()]
    return Lying(
        store,
        frozenset(key for key in keys if not key.endswith("/")),
        {key: "is a folder's marker, and no part of the report" for key in keys if key.endswith("/")},
    )


def _in_folder(store: ObjectStore, top: Path) -> Lying:
    files: set[str] = set()
    others: dict[str, str] = {}

    def look(folder: Path) -> None:
        try:
            found = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except FileNotFoundError:
            return
        except OSError as exc:
            raise CarlosError(f"cannot look into {folder}: {exc.strerror}") from exc
        if not found and folder != top:
            others[_path(top, folder)] = "is an empty folder, and no part of the report"
        for entry in found:
            path = _path(top, Path(entry.path))
            if entry.is_symlink():
                others[path] = "is a link, and no part of the report"
            elif entry.is_dir():
                look(Path(entry.path))
            elif entry.is_file():
                files.add(path)
            else:
                others[path] = "is neither file nor folder, and no part of the report"

    look(top)
    return Lying(store, frozenset(files), others)


def _path(top: Path, path: Path) -> str:
    return path.relative_to(top).as_posix()


def told_path(path: str) -> str:
    """A path as a fault names it: what no terminal or JSON can hold is escaped."""
    return path.encode("utf-8", "backslashreplace").decode()


def is_plain(path: str) -> bool:
    """Whether people can see what a path says: ASCII, without signs that steer a terminal, or spaces at an end."""
    return path.isascii() and path.isprintable() and all(part == part.strip() for part in path.split("/"))
