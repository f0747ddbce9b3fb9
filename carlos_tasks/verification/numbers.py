"""Whether the numbers of the lake are, to the last bit, what the SQL computes from the shards.

The SQL states the definitions, and the commit computed the numbers another way (`representation.estimates`): an error
of either would show here.
"""

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.lake.damage import Damage, Fault
from carlos_tasks.lake.manifest import shard_rows
from carlos_tasks.lake.statements import answer_of
from carlos_tasks.store.keys import BASELINE

# LoRAs whose pairs are in memory together: 16 of the paper's profile are about 0.6 GB.
_LORAS_AT_ONCE = 16

_REPRESENTATION = (
    "select * exclude (open, full_cosine_lower, strength_error, computed_at) from core.representation "
    "where profile_id = $profile_id and list_contains($lora_ids::varchar[], lora_id) "
    "and measured in ('measured', 'degenerate') order by lora_id"
)
_DIFFERENCE = (
    "from core.prompt_difference where profile_id = $profile_id "
    "and lora_id in (select unnest($lora_ids::varchar[])) order by lora_id, prompt_id"
)


def differing_loras(con: duckdb.DuckDBPyConnection, profile_id: str, lora_ids: Sequence[str]) -> list[Damage]:
    """Compute representations and differences by prompt anew, and tell which LoRAs have others in the lake.

    Where a table cannot be read, nothing is said of it: the check of the lake's own files does.
    """
    found: list[Damage] = []
    for start in range(0, len(lora_ids), _LORAS_AT_ONCE):
        found += _differing(con, profile_id, list(lora_ids[start : start + _LORAS_AT_ONCE]))
    return found


def _differing(con: duckdb.DuckDBPyConnection, profile_id: str, lora_ids: list[str]) -> list[Damage]:
    asked: Row = {"profile_id": profile_id, "lora_ids": lora_ids}
    try:
        known = con.execute(_REPRESENTATION, asked).to_arrow_table()
        with shard_rows(con, profile_id, [BASELINE, *lora_ids]):
            anew = answer_of(con, "ask/verification/representation", asked)
    except duckdb.Error:
        return []
    detail = "the representation in the lake is not the one that the SQL computes from the shards"
    key = f"core.representation of {profile_id}"
    found = [
        Damage(profile_id, lora_id, key, Fault.REPRESENTATION_DIFFERS, detail)
        for lora_id in _unequal(known, anew.select(known.schema.names))
    ]
    measured = [
        row["lora_id"] for row in known.select(["lora_id", "measured"]).to_pylist() if row["measured"] == "measured"
    ]
    asked = {"profile_id": profile_id, "lora_ids": measured}
    try:
        known = con.execute(_DIFFERENCE, asked).to_arrow_table()
        with shard_rows(con, profile_id, [BASELINE, *measured]):
            anew = answer_of(con, "ask/verification/prompt_difference", asked)
    except duckdb.Error:
        return found
    detail = "the differences by prompt in the lake are not those that the SQL computes from the shards"
    key = f"core.prompt_difference of {profile_id}"
    return found + [
        Damage(profile_id, lora_id, key, Fault.DIFFERENCES_DIFFER, detail)
        for lora_id in _unequal(known, anew.select(known.schema.names))
    ]


def _unequal(known: pa.Table, anew: pa.Table) -> list[str]:
    """The LoRAs whose rows differ, sorted; floats by their bits."""
    one, other = _rows_by_lora(known), _rows_by_lora(anew)
    return sorted(lora_id for lora_id in one.keys() | other.keys() if one.get(lora_id) != other.get(lora_id))


def _rows_by_lora(table: pa.Table) -> dict[str, str]:
    """Each LoRA's rows, sorted, as text that holds every bit of a float."""
    by_lora: dict[str, list[str]] = {}
    for row in table.to_pylist():
        by_lora.setdefault(row["lora_id"], []).append(repr(row))
    return {lora_id: "\n".join(sorted(rows)) for lora_id, rows in by_lora.items()}
