"""A lake, the house around it, and what of both is as it was."""

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from carlos_tasks.lake.catalog import connect
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from tests.lakes import migrated_lake, settings_of
from tests.sql.lake_rows import DEFAULTS, fill


@dataclass(frozen=True)
class Place:
    """A lake with a row in every table, a home folder, and a folder of one's own where the commands run."""

    settings: Settings
    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def mine(self) -> Path:
        return self.folder / "mine"

    def names(self) -> dict[str, str]:
        """What a statement writes for the parts of the place."""
        store = open_store(self.settings.store)
        data = min(info.key for info in store.list("lake/") if info.key.endswith(".parquet"))
        return {
            "catalog": self.settings.catalog.removeprefix("sqlite:"),
            "store": store.uri,
            "data_file": f"{store.uri}/{data}",
            "home": str(self.home),
            "mine": str(self.mine),
        }

    def state(self) -> dict[str, str]:
        """The SHA-256 of every file of the place, and what a listing says of every object of the store."""
        files = {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        state = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        if self.settings.store.startswith("s3://"):
            state |= {info.key: repr(info) for info in open_store(self.settings.store).list()}
        return state


def make_place(folder: Path, store: str | None = None) -> Place:
    """Make the lake and the house; the lake's data go to `store`, or else to a folder."""
    local = settings_of(folder / "lake")
    migrated_lake(local)
    settings = local if store is None else Settings(store=store, catalog=local.catalog)
    if store is not None:
        move(local, settings)
    with connect(settings, read_only=False) as con:
        con.execute("begin")
        fill(con, {table: [{}] for table in DEFAULTS})
        con.execute("commit")
    place = Place(settings, folder)
    for path, text in {place.home / ".profile": "mine\n", place.mine / "own.csv": "a,b\n1,2\n"}.items():
        path.parent.mkdir()
        path.write_text(text)
    (place.mine / "own.json").write_text('[{"a": 1}]')
    return place


def move(local: Settings, settings: Settings) -> None:
    """Put the data of a lake in a folder into another store, and say so in its catalog."""
    source, target = open_store(local.store), open_store(settings.store)
    for info in source.list():
        target.write(info.key, source.read(info.key))
    with closing(sqlite3.connect(settings.catalog.removeprefix("sqlite:"))) as catalog, catalog:
        catalog.execute("update ducklake_metadata set value = ? where key = 'data_path'", [f"{target.uri}/lake/"])
