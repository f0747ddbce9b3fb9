"""Making the catalog know a profile, and SQL know an Arrow table."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.profiles.compared import compared_profiles
from carlos_tasks.profiles.text_space import text_space_id
from carlos_tasks.store.keys import BASELINE, shard_prefix
from carlos_tasks.store.objects import ObjectStore

if TYPE_CHECKING:
    from carlos_tasks.profiles.profile import Profile
    from carlos_tasks.profiles.prompts import PromptSet


def register_profile(con: duckdb.DuckDBPyConnection, profile: "Profile") -> bool:
    """Write a profile, its thresholds and its prompts where they are new or changed; tell whether any was.

    Run it inside a transaction. The definition never changes under one profile_id; thresholds and prompt sets may,
    and are replaced whole, the text space with the retrieval prompts. What is there is read with one statement.

    Raises:
        SettingsError: the profile says that it is compared with one of another encoder or other retrieval prompts.
    """
    prompt_sets = [profile.search_prompts()]
    if profile.origin == "measured":
        prompt_sets.append(profile.indexing_prompts())
    asked: Row = {"profile_id": profile.profile_id, "prompt_sets": [prompts.prompt_set for prompts in prompt_sets]}
    (known,) = rows(con, statement("ask/lake/profile_known"), asked)
    changed = [
        _put_profile(con, profile, known["profiles"]),
        _put_thresholds(con, profile, known["thresholds"]),
        *(_put_prompts(con, prompts, known["prompts"]) for prompts in prompt_sets),
    ]
    return any(changed)


def _put_profile(con: duckdb.DuckDBPyConnection, profile: "Profile", known: list[Row]) -> bool:
    """Name the profile; or what may change of it: its text space, and the profiles that it is compared with."""
    others = [other.profile.profile_id for other in compared_profiles(profile)[1:]]
    wanted = {"text_space_id": text_space_id(profile), "compared_with": others}
    if known == [wanted]:
        return False
    if known:
        con.execute(
            "update core.profile set text_space_id = $text_space_id, compared_with = $compared_with::varchar[] "
            "where profile_id = $profile_id",
            wanted | {"profile_id": profile.profile_id},
        )
        return True
    definition = json.dumps(profile.identity.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    con.execute(
        "insert into core.profile by name select $profile_id as profile_id, $name as name, "
        "$definition as definition, now() as created_at, $origin as origin, $text_space_id as text_space_id, "
        "$compared_with::varchar[] as compared_with",
        {
            "profile_id": profile.profile_id,
            "name": profile.name,
            "definition": definition,
            "origin": profile.origin,
            **wanted,
        },
    )
    return True


def _put_thresholds(con: duckdb.DuckDBPyConnection, profile: "Profile", known: list[Row]) -> bool:
    """Bring the thresholds that the profile ships up to date; one that was calibrated on the corpus takes its place."""
    calibrated = {row["name"] for row in known if (row["origin"] or "").startswith("calibrated")}
    as_shipped = sorted((row["name"], row["value"], row["origin"]) for row in known if row["name"] not in calibrated)
    shipped = sorted((name, limit.value, limit.origin) for name, limit in profile.thresholds.items())
    wanted = [row for row in shipped if row[0] not in calibrated]
    if as_shipped == wanted:
        return False
    con.execute(
        "delete from core.threshold where profile_id = ? and not list_contains(?::varchar[], name)",
        [profile.profile_id, sorted(calibrated)],
    )
    for row in wanted:
        con.execute("insert into core.threshold values (?, ?, ?, ?)", [profile.profile_id, *row])
    return True


def _put_prompts(con: duckdb.DuckDBPyConnection, prompts: "PromptSet", known: list[Row]) -> bool:
    wanted = [{"prompt_set": prompts.prompt_set, **prompt.model_dump()} for prompt in prompts.prompts]
    if _as_set(wanted) == _as_set([row for row in known if row["prompt_set"] == prompts.prompt_set]):
        return False
    con.execute("delete from core.prompt where prompt_set = ?", [prompts.prompt_set])
    with registered(con, "wanted", pa.Table.from_pylist(wanted)):
        con.execute("insert into core.prompt by name from wanted")
    return True


def _as_set(found: list[Row]) -> set[frozenset[tuple[str, str | None]]]:
    return {frozenset(row.items()) for row in found}


def baseline_shards(store: ObjectStore, profile_id: str) -> list[str]:
    """Return the keys of the baseline's shards that are in the store."""
    return [item.key for item in store.list(shard_prefix(profile_id, BASELINE)) if item.key.endswith(".parquet")]


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
