"""The files of `sql/`: where they lie, and those that make the catalog, in their order."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from carlos_tasks.errors import SettingsError

#: Folders of sql/ in the order in which their files are applied: a view uses macros, a search macro uses views.
FOLDERS = ("schema", "macros", "views", "search")


@dataclass(frozen=True)
class SqlFile:
    """One file of sql/, by its path below sql/; its hash says whether it changed."""

    path: str
    text: str

    @property
    def sha256(self) -> str:
        """Hash of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def sql_folder() -> Path:
    """Return sql/ of the repository, or its copy inside the installed package.

    Raises:
        SettingsError: neither is there.
    """
    repository = Path(__file__).resolve().parents[2] / "sql"
    packaged = Path(str(files("carlos_tasks"))) / "_sql"
    for folder in (repository, packaged):
        if (folder / "schema").is_dir():
            return folder
    raise SettingsError("the sql/ folder is missing from this installation")


def sql_files() -> list[SqlFile]:
    """Return what `migrate` applies, in order."""
    top = sql_folder()
    paths = [path for folder in FOLDERS for path in sorted((top / folder).glob("*.sql"))]
    return [SqlFile(path.relative_to(top).as_posix(), path.read_text(encoding="utf-8")) for path in paths]
