"""The baseline at a commit: every representation depends on it, so nothing goes in beside one that is not whole."""

from dataclasses import dataclass, field

import duckdb

from carlos_tasks.errors import DamagedObject, NotFound
from carlos_tasks.lake.damage import Damage, Fault
from carlos_tasks.lake.measurement import CheckedShard, ProfilePairs, check_shards, incomplete
from carlos_tasks.lake.outcomes import read_outcome
from carlos_tasks.lake.register import baseline_shards
from carlos_tasks.lake.shards import ShardFile
from carlos_tasks.store.keys import BASELINE, outcome_key
from carlos_tasks.store.objects import ObjectStore


@dataclass
class Baseline:
    """The shards of a baseline that is whole, or what is wrong with it; neither where there is none yet."""

    shards: list[CheckedShard] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)


def check_baseline(
    con: duckdb.DuckDBPyConnection, store: ObjectStore, profile_id: str, pairs: ProfilePairs
) -> Baseline:
    """Hold the baseline's shards against its outcome, or the lake's own record where an older version left none."""
    recorded = _recorded(con, profile_id)
    key = outcome_key(profile_id, BASELINE)
    try:
        files = list(read_outcome(store, key, profile_id).shards)
    except NotFound:
        files = [ShardFile(key=key) for key in sorted({*baseline_shards(store, profile_id), *recorded})]
    except DamagedObject as exc:
        return Baseline(damages=[Damage(profile_id, BASELINE, key, Fault(exc.fault), exc.detail)])
    if not files:
        return Baseline()
    checked = check_shards(store, files, pairs)
    shards = [found for found in checked if isinstance(found, CheckedShard)]
    damages = [found for found in checked if isinstance(found, Damage)]
    damages += [_other(shard) for shard in shards if _is_other(shard, recorded)]
    if not damages and (damage := incomplete((profile_id, BASELINE), key, shards, pairs, len(pairs.all))):
        damages = [damage]
    return Baseline(damages=damages) if damages else Baseline(shards)


def _recorded(con: duckdb.DuckDBPyConnection, profile_id: str) -> dict[str, str | None]:
    """By key: the hash of the rows of each shard that the lake has, None where it is not known."""
    return dict(
        con.execute(
            "select key, rows_sha256 from core.embedding_shard where profile_id = ? and lora_id = ?",
            [profile_id, BASELINE],
        ).fetchall()
    )


def _is_other(shard: CheckedShard, recorded: dict[str, str | None]) -> bool:
    return (recorded.get(shard.file.key) or shard.identity.rows_sha256) != shard.identity.rows_sha256


def _other(shard: CheckedShard) -> Damage:
    detail = "it has other rows than the shard that the LoRAs of this profile were measured against"
    return Damage(shard.identity.profile_id, BASELINE, shard.file.key, Fault.SHARD_DAMAGED, detail)
