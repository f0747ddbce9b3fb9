"""The questions people ask of the index; the ranking itself is SQL (`sql/macros`)."""

from typing import Any

import duckdb

from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.generation.backbone import choose_device
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.profile import Profile, load_profile
from carlos_tasks.retrieval.query import query_vector
from carlos_tasks.settings import Settings

Row = dict[str, Any]


def search(settings: Settings, text: str, k: int = 10) -> list[Row]:
    """The k LoRAs whose Direction is nearest to what `text` asks for, best first; only those of status `ok`.

    Returns:
        Rows of rank, lora_id, name, score (cosine), strength, consistency, status and what else `mart.lora` tells.

    Raises:
        CarlosError: the text is empty or too long, or k is below 1.
    """
    _check_k(k)
    profile = load_profile(settings.profile)
    # The lake first: where there is none, nobody waits for the encoder to load.
    with connect(settings) as con:
        vector = query_vector(profile, text, choose_device(settings.device))
        return _rows(
            con,
            "from mart.search_vector($vector::FLOAT[], $k, profile := $profile_id)",
            {"vector": vector.tolist(), "k": k, "profile_id": profile.profile_id},
        )


def similar(settings: Settings, lora_id: str, k: int = 10) -> list[Row]:
    """The k LoRAs whose Direction is nearest to that of another one, best first.

    Args:
        lora_id: a whole id, or its first digits where they name only one.

    Raises:
        NotFound: no LoRA, or more than one, has that id.
        CarlosError: the LoRA has no Direction to compare with.
    """
    _check_k(k)
    profile = load_profile(settings.profile)
    with connect(settings) as con:
        found = _one(con, profile, lora_id)
        if found["direction"] is None:
            raise CarlosError(
                f"LoRA {found['lora_id'][:12]} has no Direction (status {found['status']}): nothing to compare"
            )
        return _rows(
            con,
            "from mart.similar($lora_id, $k, profile := $profile_id)",
            {"lora_id": found["lora_id"], "k": k, "profile_id": profile.profile_id},
        )


def show(settings: Settings, lora_id: str) -> Row:
    """All that the lake knows of one LoRA under the profile.

    Args:
        lora_id: a whole id, or its first digits where they name only one.

    Raises:
        NotFound: no LoRA, or more than one, has that id.
    """
    with connect(settings) as con:
        return _one(con, load_profile(settings.profile), lora_id)


def _one(con: duckdb.DuckDBPyConnection, profile: Profile, lora_id: str) -> Row:
    rows = _rows(
        con,
        "from mart.lora where profile_id = $profile_id and starts_with(lora_id, $lora_id) order by lora_id limit 2",
        {"profile_id": profile.profile_id, "lora_id": lora_id.lower()},
    )
    if not lora_id or not rows:
        raise NotFound(f"no LoRA {lora_id!r} is indexed under profile {profile.name}: see carlos sql 'from mart.lora'")
    if len(rows) > 1:
        raise NotFound(f"more than one LoRA id begins with {lora_id!r}: give more of its digits")
    return rows[0]


def _check_k(k: int) -> None:
    if k < 1:
        raise CarlosError(f"k = {k}: ask for at least one LoRA")


def _rows(con: duckdb.DuckDBPyConnection, statement: str, parameters: Row) -> list[Row]:
    with lake_errors():
        answer = con.execute(statement, parameters)
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
