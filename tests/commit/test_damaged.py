"""One bad object costs its LoRA alone: a row says why, the others are committed, and made again it is the same."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from carlos_tasks.commit.damages import MAX_ATTEMPTS
from carlos_tasks.commit.index import commit_index
from carlos_tasks.errors import PermanentError
from carlos_tasks.intake.commit import commit_intake
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.checks import run_checks
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE, outcome_key, shard_key
from carlos_tasks.store.objects import ObjectStore
from tests.commit.small_index import (
    as_older_version,
    baseline,
    embedded,
    sealed,
    small_profile,
    with_effect,
    write_outcome,
    write_shards,
)
from tests.commit.test_index import REPRESENTATION
from tests.conftest import Rows
from tests.intake.small_intake import FACTS, listing, write_intake

#: Files of sql/commit that are tested here.
TESTED_SQL = {
    "add_damages",
    "add_embedding_shards",
    "add_verification",
    "let_go",
    "remove_embedding_shards",
    "remove_prompt_differences",
    "resolve_damages",
}

BACKLOG = "select lora_id from mart.backlog((select profile_id from core.profile), 'micro-xl')"
Spoil = Callable[[ObjectStore, Profile, str], None]


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """A profile of 5 prompts and 3 seeds, so that a LoRA has 3 shards."""
    return small_profile(tmp_path / "prompts")


def known_loras(settings: Settings, *lora_ids: str) -> None:
    """Take LoRAs in whose files are in the store, so that they wait to be measured."""
    listed = [
        listing(model_id=lora_id, lora_id=lora_id, lora=FACTS | {"file_key": f"files/{lora_id}.safetensors"})
        for lora_id in lora_ids
    ]
    commit_intake(settings, [write_intake(open_store(settings.store), listed)])


def measure(place: ObjectStore, profile: Profile, *lora_ids: str) -> list[str]:
    """Leave what workers leave: the baseline and these LoRAs."""
    base = baseline(profile)
    embedded(place, profile, BASELINE, base)
    return [embedded(place, profile, lora_id, with_effect(base, _seed(lora_id))) for lora_id in lora_ids]


def _seed(lora_id: str) -> int:
    return int.from_bytes(lora_id.encode(), "big")


def shard_of(profile: Profile, lora_id: str, number: int = 1) -> str:
    return shard_key(profile.profile_id, lora_id, number)


def cut(store: ObjectStore, profile: Profile, lora_id: str) -> None:
    store.write(shard_of(profile, lora_id), store.read(shard_of(profile, lora_id))[:-20])


def empty(store: ObjectStore, profile: Profile, lora_id: str) -> None:
    store.write(shard_of(profile, lora_id), b"")


def garbage(store: ObjectStore, profile: Profile, lora_id: str) -> None:
    store.write(shard_of(profile, lora_id), b"PAR1" + bytes(range(256)) * 9 + b"PAR1")


def missing(store: ObjectStore, profile: Profile, lora_id: str) -> None:
    store.delete(shard_of(profile, lora_id))


def flipped(store: ObjectStore, profile: Profile, lora_id: str) -> None:
    """One bit of one float: still a shard that everything can read."""
    data = bytearray(store.read(shard_of(profile, lora_id)))
    at = data.index(np.float32(0.5).tobytes() * 3)
    data[at + 2] ^= 1
    store.write(shard_of(profile, lora_id), bytes(data))
    pq.read_table(pa.BufferReader(bytes(data)))


def foreign(store: ObjectStore, profile: Profile, lora_id: str) -> None:
    store.copy(shard_of(profile, "a"), shard_of(profile, lora_id))


def foreign_and_named(store: ObjectStore, profile: Profile, lora_id: str) -> None:
    """Another LoRA's shard, under an outcome that names its hash: its footer tells."""
    foreign(store, profile, lora_id)
    rewrite(store, profile, lora_id, shards=sealed(store, [shard_of(profile, lora_id, number=n) for n in range(3)]))


def of_another_number(store: ObjectStore, profile: Profile, lora_id: str) -> None:
    store.copy(shard_of(profile, lora_id, number=0), shard_of(profile, lora_id))
    rewrite(store, profile, lora_id, shards=sealed(store, [shard_of(profile, lora_id, number=n) for n in range(3)]))


def rewrite(store: ObjectStore, profile: Profile, lora_id: str, **fields: object) -> None:
    key = outcome_key(profile.profile_id, lora_id)
    store.write(key, json.dumps(json.loads(store.read(key)) | fields).encode())


def names_too_few(store: ObjectStore, profile: Profile, lora_id: str) -> None:
    rewrite(store, profile, lora_id, shards=sealed(store, [shard_of(profile, lora_id, number=0)]))


def names_none(store: ObjectStore, profile: Profile, lora_id: str) -> None:
    rewrite(store, profile, lora_id, shards=[])


def names_too_few_without_hashes(store: ObjectStore, profile: Profile, lora_id: str) -> None:
    rewrite(
        store, profile, lora_id, shards=[shard_of(profile, lora_id, number=0), shard_of(profile, lora_id, number=1)]
    )


def names_one_twice(store: ObjectStore, profile: Profile, lora_id: str) -> None:
    rewrite(store, profile, lora_id, shards=[shard_of(profile, lora_id)] * 3)


def names_anothers(store: ObjectStore, profile: Profile, lora_id: str) -> None:
    rewrite(store, profile, lora_id, shards=[shard_of(profile, "a", n) for n in range(3)])


def names_no_shard(store: ObjectStore, profile: Profile, lora_id: str) -> None:
    rewrite(store, profile, lora_id, shards=["../../etc/passwd"])


def of_another_lora(store: ObjectStore, profile: Profile, lora_id: str) -> None:
    store.copy(outcome_key(profile.profile_id, "a"), outcome_key(profile.profile_id, lora_id))


def of_another_profile(store: ObjectStore, profile: Profile, lora_id: str) -> None:
    rewrite(store, profile, lora_id, profile_id="elsewhere", shards=[])


def with_value(name: str, value: object) -> Spoil:
    def spoil(store: ObjectStore, profile: Profile, lora_id: str) -> None:
        rewrite(store, profile, lora_id, **{name: value})

    spoil.__name__ = f"{name}={value}"[:30]
    return spoil


def with_bytes(name: str, data: bytes) -> Spoil:
    def spoil(store: ObjectStore, profile: Profile, lora_id: str) -> None:
        store.write(outcome_key(profile.profile_id, lora_id), data)

    spoil.__name__ = name
    return spoil


FAULTS: list[tuple[Spoil, str]] = [
    (cut, "shard_damaged"),
    (empty, "shard_damaged"),
    (garbage, "shard_damaged"),
    (flipped, "shard_damaged"),
    (missing, "shard_missing"),
    (foreign, "shard_misplaced"),
    (foreign_and_named, "shard_misplaced"),
    (of_another_number, "shard_misplaced"),
    (names_too_few, "shards_incomplete"),
    (names_too_few_without_hashes, "shards_incomplete"),
    (names_none, "shards_incomplete"),
    (with_value("n_pairs", 14), "shards_incomplete"),
    (names_one_twice, "outcome_unreadable"),
    (names_anothers, "outcome_unreadable"),
    (names_no_shard, "outcome_unreadable"),
    (of_another_lora, "outcome_misplaced"),
    (of_another_profile, "outcome_misplaced"),
    (with_value("n_pairs", -1), "outcome_unreadable"),
    (with_value("n_pairs", 2**40), "outcome_unreadable"),
    (with_value("modules_saved", 2**31), "outcome_unreadable"),
    (with_value("seconds", 1e999), "outcome_unreadable"),
    (with_value("status", "splendid"), "outcome_unreadable"),
    (with_value("attempted_at", "0001-01-01T00:00:00+14:00"), "outcome_unreadable"),
    (with_value("detail", "x" * 20_000), "outcome_unreadable"),
    (with_bytes("garbage", b"\xff\x00garbage"), "outcome_unreadable"),
    (with_bytes("nothing", b""), "outcome_unreadable"),
    (with_bytes("a list", b"[]"), "outcome_unreadable"),
    (with_bytes("deep", b"[" * 10**6), "outcome_unreadable"),
    (with_bytes("huge", b" " * (33 * 2**20)), "outcome_unreadable"),
]


def test_it_costs_its_lora_alone_and_made_again_it_is_the_same(
    settings: Settings, place: ObjectStore, profile: Profile, rows: Rows, tmp_path: Path
) -> None:
    bad = [f"b{number:02}" for number in range(len(FAULTS))]
    known_loras(settings, "a", *bad, "c")
    keys = measure(place, profile, "a", *bad, "c")
    for lora_id, (spoil, _) in zip(bad, FAULTS, strict=True):
        spoil(place, profile, lora_id)
    expected = {lora_id: fault for lora_id, (_, fault) in zip(bad, FAULTS, strict=True)}
    report = commit_index(settings, profile, keys)
    assert (report.statuses, report.damaged) == ({"measured": 2}, expected)
    told = list(expected.items())
    assert rows("select lora_id, reason from core.outcome where status = 'failed' order by 1") == told
    assert rows("select distinct lora_id, fault from mart.damage order by 1") == told
    assert rows(BACKLOG) == [(lora_id,) for lora_id in bad]
    with connect(settings) as con:
        assert run_checks(con) == []
    # What was damaged is moved aside, and run again before the next night nothing changes.
    assert [lora_id for lora_id in bad if place.exists(outcome_key(profile.profile_id, lora_id))] == []
    aside = [item.key for item in place.list("damaged/")]
    assert [lora_id for lora_id in bad if not any(f"lora_id={lora_id}" in key for key in aside)] == []
    again = commit_index(settings, profile, keys)
    assert (again.snapshot_id, again.damaged) == (report.snapshot_id, {})

    measure(place, profile, *bad)
    assert commit_index(settings, profile, keys).statuses == {"measured": len(bad)}
    assert rows("from mart.damage") == rows(BACKLOG) == []
    with connect(settings) as con:
        assert run_checks(con) == []
    assert rows(REPRESENTATION) == never_damaged(tmp_path, profile, "a", *bad, "c")


def never_damaged(folder: Path, profile: Profile, *lora_ids: str) -> list[tuple[object, ...]]:
    """The representations of a lake in which nothing happened."""
    settings = Settings(store=str(folder / "clean" / "store"), catalog=f"sqlite:{folder / 'clean' / 'c.sqlite'}")
    commit_index(settings, profile, measure(open_store(settings.store), profile, *lora_ids))
    with connect(settings) as con:
        return con.execute(REPRESENTATION).fetchall()


def test_what_is_damaged_again_and_again_fails_at_last(
    settings: Settings, place: ObjectStore, profile: Profile, rows: Rows
) -> None:
    known_loras(settings, "a", "b")
    measure(place, profile, "a")
    for attempt in range(MAX_ATTEMPTS):
        assert attempt == 0 or rows(BACKLOG) == [("a",), ("b",)]
        shards = write_shards(place, profile, "b", with_effect(baseline(profile), 2))
        named = sealed(place, shards)
        flipped(place, profile, "b")
        at = f"2026-01-0{attempt + 1}T00:00:00+00:00"
        key = write_outcome(place, profile, "b", shards=named, n_pairs=15, attempted_at=at)
        assert commit_index(settings, profile, [key]).damaged == {"b": "shard_damaged"}
    assert rows("select lora_id, status from mart.lora") == [("b", "failed")]
    assert rows(BACKLOG) == [("a",)]
    embedded(place, profile, "b", with_effect(baseline(profile), 2))
    assert commit_index(settings, profile, [key]).statuses == {"measured": 1}


@pytest.mark.parametrize("spoil", [cut, flipped, missing, foreign, with_bytes("outcome of garbage", b"{")])
def test_a_damaged_baseline_lets_nothing_in_and_is_made_again(
    settings: Settings, place: ObjectStore, profile: Profile, rows: Rows, tmp_path: Path, spoil: Spoil
) -> None:
    known_loras(settings, "a", "b", "c")
    keys = measure(place, profile, "a", "b", "c")
    spoil(place, profile, BASELINE)
    with pytest.raises(PermanentError, match=r"the baseline of profile micro is damaged .* 3 LoRAs wait"):
        commit_index(settings, profile, keys)
    assert rows("select count(*) from core.embedding union all select count(*) from core.outcome") == [(0,), (0,)]
    assert rows("select distinct lora_id from core.damage") == [("base",)]
    embedded(place, profile, BASELINE, baseline(profile))
    assert commit_index(settings, profile, keys).statuses == {"measured": 3}
    assert rows("from mart.damage") == []
    assert rows(REPRESENTATION) == never_damaged(tmp_path, profile, "a", "b", "c")


def test_a_baseline_with_other_rows_is_refused_once_loras_were_measured_against_it(
    settings: Settings, place: ObjectStore, profile: Profile, rows: Rows
) -> None:
    commit_index(settings, profile, measure(place, profile, "a"))
    before = rows(REPRESENTATION)
    embedded(place, profile, BASELINE, baseline(profile) + np.float32(0.25))
    key = embedded(place, profile, "b", with_effect(baseline(profile), 2))
    with pytest.raises(PermanentError, match="other rows than the shard that the LoRAs of this profile were measured"):
        commit_index(settings, profile, [key])
    assert rows(REPRESENTATION) == before


def test_what_an_older_version_left_is_committed_and_recorded_as_unsealed(
    settings: Settings, place: ObjectStore, profile: Profile, rows: Rows
) -> None:
    base = baseline(profile)
    for lora_id, embeddings in ((BASELINE, base), ("a", with_effect(base, 1))):
        for key in write_shards(place, profile, lora_id, embeddings):
            as_older_version(place, key)
    shards = [shard_of(profile, "a", number) for number in range(3)]
    commit_index(settings, profile, [write_outcome(place, profile, "a", shards=shards, n_pairs=15)])
    recorded = rows("select lora_id, count(*), bool_or(is_sealed) from core.embedding_shard group by all order by 1")
    assert recorded == [("a", 3, False), (BASELINE, 3, False)]
    commit_index(settings, profile, [embedded(place, profile, "b", with_effect(base, 2))])
    assert rows("select bool_and(is_sealed) from core.embedding_shard where lora_id = 'b'") == [(True,)]


def test_a_registered_shard_that_is_damaged_later_does_not_end_the_commit_of_others(
    settings: Settings, place: ObjectStore, profile: Profile, rows: Rows
) -> None:
    """As in a lake of before core.prompt_difference, which the next commit fills from shards registered long ago."""
    known_loras(settings, "a", "b", "c")
    commit_index(settings, profile, measure(place, profile, "a", "b"))
    with connect(settings, read_only=False) as con:
        con.execute("delete from core.prompt_difference")
    cut(place, profile, "b")
    key = embedded(place, profile, "c", with_effect(baseline(profile), _seed("c")))
    report = commit_index(settings, profile, [key])
    assert (report.statuses, report.damaged) == ({"measured": 1}, {"b": "shard_damaged"})
    assert rows("select distinct lora_id from core.prompt_difference order by 1") == [("a",), ("c",)]
    assert rows("select lora_id, status from mart.lora order by 1") == [("a", "ok"), ("b", "damaged"), ("c", "ok")]
    assert rows(BACKLOG) == [("b",)]
