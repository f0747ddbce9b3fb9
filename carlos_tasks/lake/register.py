"""Making the catalog know what exists already: a profile, and parquet shards in object storage."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from carlos_tasks.lake.place import store_of, urls_of
from carlos_tasks.profiles.text_space import text_space_id
from carlos_tasks.store.keys import BASELINE, shard_prefix
from carlos_tasks.store.objects import ObjectStore

if TYPE_CHECKING:
    from carlos_tasks.lake.measurement import CheckedShard
    from carlos_tasks.profiles.profile import Profile, PromptSet


def register_profile(con: duckdb.DuckDBPyConnection, profile: "Profile") -> bool:
    """Write a profile, its thresholds and its prompts where they are new or changed; tell whether any was.

    Run it inside a transaction. The definition never changes under one profile_id; thresholds and prompt sets may,
    and are replaced whole, the text space with the retrieval prompts.
    """
    definition = json.dumps(profile.identity.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    (changed,) = con.execute(
        "insert into core.profile by name select $profile_id as profile_id, $name as name, "
        "$definition as definition, now() as created_at, $origin as origin, $space as text_space_id "
        "where not exists (from core.profile where profile_id = $profile_id)",
        {
            "profile_id": profile.profile_id,
            "name": profile.name,
            "definition": definition,
            "origin": profile.origin,
            "space": text_space_id(profile),
        },
    ).fetchall()[0]
    changed += _put_text_space(con, profile)
    changed += _put_thresholds(con, profile)
    changed += _put_prompts(con, profile.search_prompts())
    if profile.origin == "measured":
        changed += _put_prompts(con, profile.indexing_prompts())
    return bool(changed)


def _put_text_space(con: duckdb.DuckDBPyConnection, profile: "Profile") -> int:
    """Name the profile's text space where that is not known yet, or where its retrieval prompts are other ones now."""
    (changed,) = con.execute(
        "update core.profile set text_space_id = $space "
        "where profile_id = $profile_id and text_space_id is distinct from $space",
        {"profile_id": profile.profile_id, "space": text_space_id(profile)},
    ).fetchall()[0]
    return int(changed)


def _put_thresholds(con: duckdb.DuckDBPyConnection, profile: "Profile") -> bool:
    """Bring the thresholds that the profile ships up to date; one that was calibrated on the corpus takes its place."""
    rows = con.execute(
        "select name, value, origin, starts_with(coalesce(origin, ''), 'calibrated') from core.threshold "
        "where profile_id = ? order by name",
        [profile.profile_id],
    ).fetchall()
    calibrated = {name for name, _, _, is_calibrated in rows if is_calibrated}
    known = [(name, value, origin) for name, value, origin, is_calibrated in rows if not is_calibrated]
    shipped = sorted((name, limit.value, limit.origin) for name, limit in profile.thresholds.items())
    wanted = [row for row in shipped if row[0] not in calibrated]
    if known == wanted:
        return False
    con.execute(
        "delete from core.threshold where profile_id = ? and not list_contains(?::varchar[], name)",
        [profile.profile_id, sorted(calibrated)],
    )
    for row in wanted:
        con.execute("insert into core.threshold values (?, ?, ?, ?)", [profile.profile_id, *row])
    return True


def _put_prompts(con: duckdb.DuckDBPyConnection, prompts: "PromptSet") -> bool:
    wanted = pa.Table.from_pylist([{"prompt_set": prompts.prompt_set, **p.model_dump()} for p in prompts.prompts])
    with registered(con, "wanted", wanted):
        (differing,) = con.execute(
            "with known as (select prompt_set, prompt_id, category, subcategory, text from core.prompt "
            "where prompt_set = $prompt_set), "
            "given as (select prompt_set, prompt_id, category, subcategory, text from wanted) "
            "select count(*) from ((from known except from given) union all (from given except from known))",
            {"prompt_set": prompts.prompt_set},
        ).fetchall()[0]
        if differing:
            con.execute("delete from core.prompt where prompt_set = ?", [prompts.prompt_set])
            con.execute("insert into core.prompt by name from wanted")
    return bool(differing)


def baseline_shards(store: ObjectStore, profile_id: str) -> list[str]:
    """Return the keys of the baseline's shards that are in the store."""
    return [item.key for item in store.list(shard_prefix(profile_id, BASELINE)) if item.key.endswith(".parquet")]


def unregistered(con: duckdb.DuckDBPyConnection, store: ObjectStore, keys: Iterable[str]) -> list[str]:
    """Return those of the shards that the catalog does not know yet, in order, each once."""
    listed = con.execute("select data_file from ducklake_list_files('carlos', 'embedding', schema => 'core')")
    known = {path for (path,) in listed.fetchall()}
    wanted = list(dict.fromkeys(keys))
    return [key for key, url in zip(wanted, urls_of(con, wanted), strict=True) if url not in known]


def stale(con: duckdb.DuckDBPyConnection, shards: Iterable["CheckedShard"]) -> list[str]:
    """Which of the shards are registered with other bytes than they have now: made again, of an older version's."""
    listed = con.execute(
        "select data_file, data_file_size_bytes from ducklake_list_files('carlos', 'embedding', schema => 'core')"
    )
    known = dict(listed.fetchall())
    place = store_of(con)
    found = {shard.file.key: shard for shard in shards if f"{place}/{shard.file.key}" in known}
    if not found:
        return []
    recorded = dict(
        con.execute(
            "select key, sha256 from core.embedding_shard where list_contains($1::varchar[], key)", [list(found)]
        ).fetchall()
    )
    return [
        key
        for key, shard in found.items()
        if known[f"{place}/{key}"] != shard.file.size_bytes or recorded.get(key, shard.file.sha256) != shard.file.sha256
    ]


def register_shards(con: duckdb.DuckDBPyConnection, keys: Sequence[str]) -> None:
    """Make the shards part of core.embedding, without a copy."""
    if keys:
        con.execute(
            "call ducklake_add_data_files('carlos', 'embedding', $1, schema => 'core', hive_partitioning => true)",
            [urls_of(con, keys)],
        )


@contextmanager
def read_once(con: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> Iterator[None]:
    """Let SQL read an Arrow table under a name, once.

    It goes as a stream: for a table itself, DuckDB imports `pyarrow.dataset`, which takes as long as a search.
    """
    con.register(name, table.__arrow_c_stream__())
    try:
        yield
    finally:
        con.unregister(name)


@contextmanager
def registered(con: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> Iterator[None]:
    """Let SQL read an Arrow table under a name."""
    con.register(name, table)
    try:
        yield
    finally:
        con.unregister(name)
