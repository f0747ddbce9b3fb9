"""A small lake as an older version left it: schema, macros and views of that commit, rows of its tables, real shards.

`lakes/<commit>/frozen.sql` is that commit's sql/ (written by `scripts/freeze-lake`), `rows.json` rows for its tables;
what depends on the profile is put in here. Nothing of this module uses today's sql/.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from carlos_tasks.aliases import Row
from carlos_tasks.lake.catalog import connect
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.profiles.text_space import text_space_id
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from tests.commit.small_index import as_older_version, baseline, with_effect, write_shards

LAKES = Path(__file__).parent / "lakes"
#: Folders of sql/ in the order in which they were applied.
APPLIED = ("schema", "macros", "views", "search")
FLAGS = {0: "nan", 4: "black"}


def make_old_lake(settings: Settings, profile: Profile, commit: str = "642c891") -> None:
    """Make the lake: LoRAs a and b, one effect under two ids, measured and compared; b has flagged pairs."""
    files = _frozen(commit)
    with connect(settings, read_only=False) as con:
        # Tables whose row groups are bounded in bytes are written in any order.
        con.execute("set preserve_insertion_order = false")
        with _transaction(con):
            applied = {path: text for path, text in files.items() if path.startswith(APPLIED)}
            for text in applied.values():
                con.execute(text)
            for path, text in applied.items():
                sha256 = hashlib.sha256(text.encode()).hexdigest()
                con.execute("insert into core.migration values (?, ?, now())", [path, sha256])
        with _transaction(con):
            for table, its_rows in _rows(commit, profile).items():
                for row in its_rows:
                    names, places = ", ".join(row), ", ".join("?" * len(row))
                    con.execute(f"insert into {table} ({names}) values ({places})", list(row.values()))  # noqa: S608
            _register_shards(con, settings, profile)
            for name in ("insert_representation", "insert_prompt_difference"):
                some = {"profile_id": profile.profile_id, "lora_ids": ["a", "b"]}
                con.execute(files[f"commit/{name}.sql"], some)


def _frozen(commit: str) -> dict[str, str]:
    """The files of sql/ of a commit by their path, in the order in which they were applied."""
    text = (LAKES / commit / "frozen.sql").read_text(encoding="utf-8")
    _, *parts = re.split(r"^-- ==== (.+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _rows(commit: str, profile: Profile) -> dict[str, list[Row]]:
    """Rows by table, of this profile where they are of one."""
    tables: dict[str, list[Row]] = json.loads((LAKES / commit / "rows.json").read_text(encoding="utf-8"))
    for its_rows in tables.values():
        for row in its_rows:
            if "profile_id" in row:
                row["profile_id"] = profile.profile_id
    definition = json.dumps(profile.identity.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    space = text_space_id(profile)
    of_profile = {"profile_id": profile.profile_id, "name": profile.name, "definition": definition}
    prompt_sets = (profile.search_prompts(), profile.indexing_prompts())
    return tables | {
        "core.profile": [of_profile | {"created_at": "2026-01-02T00:00:00Z", "text_space_id": space}],
        "core.prompt": [{"prompt_set": s.prompt_set} | p.model_dump() for s in prompt_sets for p in s.prompts],
        "core.query": [
            {"text_space_id": space, "text": "night", "vector": [1.0] * 8, "encoded_at": "2026-01-02T00:00:00Z"}
        ],
    }


def _register_shards(con: duckdb.DuckDBPyConnection, settings: Settings, profile: Profile) -> None:
    store, base = open_store(settings.store), baseline(profile)
    keys = write_shards(store, profile, "base", base)
    keys += write_shards(store, profile, "a", with_effect(base, 1))
    keys += write_shards(store, profile, "b", with_effect(base, 1), FLAGS)
    for key in keys:
        as_older_version(store, key)
    con.execute(
        "call ducklake_add_data_files('carlos', 'embedding', $1, schema => 'core', hive_partitioning => true)",
        [[store.url(key) for key in keys]],
    )


@contextmanager
def _transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    con.execute("begin")
    yield
    con.execute("commit")
