"""The commit of an intake: one snapshot, nothing twice, nothing lost, and what became of each listed file."""

import base64
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.intake.commit import IntakeCommit, commit_intake
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.checks import run_checks
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore
from tests.conftest import Rows
from tests.intake.small_intake import FACTS, NOW, SHARD, listing, rejection, write_intake

#: Files of sql/commit that are tested here.
TESTED_SQL = {
    *("add_listings", "add_loras", "add_rejections", "add_shards", "put_sightings"),
    *("renew_listings", "renew_loras", "renew_scales"),
}

Read = Callable[..., IntakeCommit]
OTHER = "models/00002.json"


@pytest.fixture
def night(settings: Settings, place: ObjectStore) -> Read:
    """Take a shard in on some night: its etag and time are those of the night."""

    def commit(number: int, given: list[dict[str, Any]], shard_key: str = SHARD, **fields: Any) -> IntakeCommit:
        seen_at = NOW + timedelta(days=number)
        state = {"etag": f"e{number}", "last_modified": seen_at.isoformat()} | fields
        key = write_intake(place, [row | {"seen_at": seen_at} for row in given], shard_key, **state)
        return commit_intake(settings, [key])

    return commit


def test_intake_adds_listings_refusals_and_loras(settings: Settings, place: ObjectStore, rows: Rows) -> None:
    given = [
        listing(lora_id="a", lora=FACTS),
        listing(model_id="2", lora_id="a", lora=FACTS | {"trigger_words": ["other"]}),
        listing(model_id="3"),
        rejection(is_listed=True, model_id="3"),
    ]
    first = commit_intake(settings, [write_intake(place, given)])
    assert (first.n_new_listings, first.n_new_rejections, first.n_new_loras) == (3, 1, 1)
    assert rows("select lora_id, family, rank, trigger_words, first_seen_at from core.lora") == [
        ("a", "peft", 4, ["w"], NOW)
    ]
    assert rows("select model_id, lora_id, name from raw.listing order by all")[0] == (
        "1",
        "a",
        "Robert'); drop table core.lora; --",
    )
    assert rows("select model_id, reason, detail, quarantine_key from raw.rejection") == [
        ("3", "truncated", "it ends early", "quarantine/x/file")
    ]
    assert rows("select n_records, n_listings, n_rejections, etag, base_models from raw.shard") == [
        (3, 2, 1, "e1", ["micro-xl"])
    ]
    with connect(settings) as con:
        assert run_checks(con) == []


def test_a_second_intake_of_the_same_changes_nothing(settings: Settings, place: ObjectStore) -> None:
    key = write_intake(place, [listing(lora_id="a", lora=FACTS), rejection(model_id="3")])
    first = commit_intake(settings, [key])
    second = commit_intake(settings, [key])
    assert (second.n_new_listings, second.n_new_rejections, second.n_new_loras) == (0, 0, 0)
    assert second.snapshot_id == first.snapshot_id


def test_what_an_old_dump_brings_is_new_here(settings: Settings, place: ObjectStore, rows: Rows) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    begun = datetime.now(UTC)
    given = [listing(lora_id="a", lora=FACTS, seen_at=long_ago, payload='{"model": {"mode": "TakenDown"}}')]
    key = write_intake(place, given, last_modified=long_ago.isoformat())
    commit_intake(settings, [key])
    taken_in = rows(
        "select first_seen_at, taken_in_at from core.lora union all select seen_at, taken_in_at from raw.listing "
        "union all select first_seen_at, taken_in_at from raw.sighting"
    )
    assert len(taken_in) == 3
    for dated, taken_in_at in taken_in:
        assert dated == long_ago and begun < taken_in_at < datetime.now(UTC)
    ((since, known_at),) = rows("select since, known_at from mart.listing_history where state = 'taken_down'")
    assert since == long_ago and known_at > begun
    commit_intake(settings, [key])
    assert rows("select first_seen_at, taken_in_at from core.lora") == taken_in[:1]


def test_a_changed_record_or_new_bytes_are_another_row(night: Read, rows: Rows) -> None:
    for changed in ({}, {"payload_sha256": "second"}, {"payload_sha256": "second", "lora_id": "b", "lora": FACTS}):
        assert night(1, [listing(**{"lora_id": "a", "lora": FACTS} | changed)]).n_new_listings == 1
    assert rows("select count(*), count(distinct lora_id) from raw.listing") == [(3, 2)]


@pytest.mark.parametrize("n_records", [0, 2, 4])
def test_a_lost_or_invented_record_stops_the_commit(
    settings: Settings, place: ObjectStore, rows: Rows, n_records: int
) -> None:
    given = [listing(), rejection(is_listed=True), listing(model_id="2"), rejection(model_id="3")]
    key = write_intake(place, given, n_records=n_records)
    with pytest.raises(PermanentError, match=f"{n_records} records were read, and 1 listings and 2 rejections"):
        commit_intake(settings, [key])
    assert rows("select count(*) from raw.listing") == [(0,)]


def test_records_as_large_as_a_stranger_likes_stream_through(settings: Settings, place: ObjectStore) -> None:
    noise = base64.b64encode(random.Random(1).randbytes(300_000)).decode()
    large = (
        listing(file_id=str(number), payload=noise[number:] + noise[:number], payload_sha256=str(number))
        for number in range(1000)
    )
    assert commit_intake(settings, [write_intake(place, large)]).n_new_listings == 1000  # 400 MB, 192 may be held


def test_an_intake_file_that_is_not_there(settings: Settings) -> None:
    with pytest.raises(NotFound):
        commit_intake(settings, ["intake/0.parquet"])


def test_shards_of_two_sources_are_not_committed_together(settings: Settings, place: ObjectStore) -> None:
    keys = [write_intake(place, [], source_uri=uri) for uri in ("folder:/a", "folder:/b")]
    with pytest.raises(PermanentError, match="one source"):
        commit_intake(settings, keys)


def test_shards_committed_together_are_one_snapshot(settings: Settings, place: ObjectStore, rows: Rows) -> None:
    keys = [
        write_intake(place, [listing(model_id="1"), listing(model_id="2")]),
        write_intake(place, [listing(model_id="2"), listing(model_id="3")], OTHER),
    ]
    assert commit_intake(settings, keys).n_new_listings == 3
    assert rows("select model_id from raw.listing order by all") == [("1",), ("2",), ("3",)]
    assert rows("select model_id, shard_key from raw.sighting where model_id = '2' order by all") == [
        ("2", SHARD),
        ("2", OTHER),
    ]
    assert commit_intake(settings, keys).n_new_listings == 0


def test_newer_checks_renew_the_facts_and_older_ones_do_not(night: Read, rows: Rows) -> None:
    night(1, [listing(lora_id="a", lora=FACTS)])
    for number, version, family in ((2, 3, "lokr"), (3, 2, "peft")):
        night(number, [listing(lora_id="a", lora=FACTS | {"family": family, "alpha": 8.0, "checks_version": version})])
        assert rows("select family, alpha, checks_version, first_seen_at from core.lora") == [
            ("lokr", 8.0, 3, NOW + timedelta(days=1))
        ]


def test_words_that_the_table_of_base_models_learned_are_renewed(night: Read, rows: Rows) -> None:
    said = {"base_model_claimed": "Pony V7", "lora_id": "a", "lora": FACTS}
    night(1, [listing(base_model_named="sdxl", **said), listing(model_id="2", base_model_named="sdxl", **said)])
    night(2, [listing(base_model_named="auraflow", **said)], OTHER, checks_version=3)
    night(3, [listing(base_model_named="sdxl", **said)], OTHER, checks_version=2)  # written before, committed late
    assert rows("select distinct model_id, base_model_named from raw.listing order by all") == [
        ("1", "auraflow"),
        ("2", "auraflow"),
    ]


STATED = {"scale_told_by": "adapter_config", "is_scale_known": True, "alpha": 2.0, "stated_scale": '{"lora_alpha":2.0}'}


@pytest.mark.parametrize("is_measured", [False, True])
def test_a_configuration_that_comes_or_changes_counts_for_what_is_not_measured_yet(
    is_measured: bool, night: Read, rows: Rows, settings: Settings
) -> None:
    """What was measured keeps its measurement, which is of another scale now."""
    asked = "select alpha, stated_scale, is_scale_known, scale_detail from core.lora"
    plain = FACTS | {"is_scale_known": True, "scale_detail": ""}
    night(1, [listing(lora_id="a", lora=plain)])
    if is_measured:
        with connect(settings, read_only=False) as con:
            con.execute("insert into core.representation by name select 'p' as profile_id, 'a' as lora_id, "
                        "'measured' as measured, now() as computed_at")  # fmt: skip
    doubt = "it was measured by another scale than what is stated now" if is_measured else ""
    night(2, [listing(lora_id="a", lora=plain | STATED)])
    assert rows(asked) == [(2.0, STATED["stated_scale"], not is_measured, doubt)]
    changed = plain | STATED | {"alpha": 3.0, "stated_scale": '{"lora_alpha":3.0}'}
    night(3, [listing(lora_id="a", lora=changed)])
    assert rows(asked) == [(3.0, changed["stated_scale"], not is_measured, doubt)]
    night(4, [listing(lora_id="a", model_id="copy", lora=plain)])  # a copy without its configuration
    assert rows(asked) == [(3.0, changed["stated_scale"], not is_measured, doubt)]


def history(rows: Rows) -> list[tuple[Any, ...]]:
    return rows(
        "select model_id, state, (since::date - date '2099-01-02')::int as night from mart.listing_history order by all"
    )


def test_a_listed_file_keeps_when_it_was_first_and_last_seen(night: Read, rows: Rows) -> None:
    for number in (1, 2, 3):
        night(number, [listing(lora_id="a", lora=FACTS)])
    assert history(rows) == [("1", "listed", 1)]
    assert rows("select first_seen_at, last_seen_at, lora_id from mart.listing_history") == [
        (NOW + timedelta(days=1), NOW + timedelta(days=3), "a")
    ]


def test_a_record_that_its_shard_has_no_more_has_vanished_until_it_returns(night: Read, rows: Rows) -> None:
    night(1, [listing(), listing(model_id="2")])
    night(2, [listing()])
    night(3, [listing()])
    assert history(rows) == [("1", "listed", 1), ("2", "vanished", 2)]
    assert rows("select count(*) from raw.listing") == [(2,)]
    night(4, [listing(), listing(model_id="2")])
    assert history(rows) == [("1", "listed", 1), ("2", "listed", 1)]


def test_a_record_has_not_vanished_before_it_was_last_found(night: Read, rows: Rows) -> None:
    # A folder's time is that of its newest file: taking another file away leaves it as it was.
    night(-50_000, [listing(), listing(model_id="2")])
    night(-50_000, [listing()], etag="without it")
    ((is_later,),) = rows(
        "select since = (select min(committed_at) from raw.shard) from mart.listing_history where state = 'vanished'"
    )
    assert is_later


def test_a_record_that_moves_to_another_shard_has_not_vanished(night: Read, rows: Rows) -> None:
    night(1, [listing()])
    night(2, [], SHARD)
    assert history(rows) == [("1", "vanished", 2)]
    night(3, [listing()], OTHER)
    assert history(rows) == [("1", "listed", 1)]
    assert rows("select shard_key from mart.listing_history") == [(OTHER,)]


def test_a_record_of_two_shards_vanishes_with_the_second(night: Read, rows: Rows) -> None:
    night(1, [listing()], SHARD)
    night(1, [listing()], OTHER)
    night(2, [], OTHER)
    assert history(rows) == [("1", "listed", 1)]
    night(3, [], SHARD)
    assert history(rows) == [("1", "vanished", 3)]


def test_a_shard_that_broke_off_makes_nothing_vanish(night: Read, rows: Rows) -> None:
    night(1, [listing(), listing(model_id="2")])
    night(2, [listing()], is_complete=False)
    assert history(rows) == [("1", "listed", 1), ("2", "listed", 1)]


def test_a_shard_that_is_gone_takes_its_records_with_it_once(night: Read, rows: Rows) -> None:
    night(1, [listing()])
    first = night(2, [], etag="")
    assert history(rows) == [("1", "vanished", 2)]
    assert night(3, [], etag="").snapshot_id == first.snapshot_id
    night(1, [listing()])  # it is back as it was
    assert history(rows) == [("1", "listed", 1)]


def test_a_shard_that_was_never_there_leaves_no_row(night: Read, rows: Rows) -> None:
    night(1, [], etag="")
    assert rows("select count(*) from raw.shard") == [(0,)]


def test_what_was_taken_down_stays_so_until_it_is_listed_again(night: Read, rows: Rows) -> None:
    def taken_down(model_id: str) -> dict[str, Any]:
        why = {"reason": "taken_down", "detail": "listed before, and now not found", "is_listed": False}
        return rejection(model_id=model_id, version_id="", file_id="", rejection=why)

    night(1, [listing(), listing(file_id="2"), listing(model_id="2")], "poll-1")
    night(2, [taken_down(model_id="1")], "poll-2")
    states = "select model_id, file_id, state from mart.listing_history order by all"
    down = [("1", "1", "taken_down"), ("1", "2", "taken_down"), ("2", "1", "listed")]
    assert rows(states) == down
    night(3, [listing(), listing(file_id="2")], "poll-3")
    assert {state for _, _, state in rows(states)} == {"listed"}
    night(4, [taken_down(model_id="1")], "poll-4")
    assert rows(states) == down


def test_the_mode_of_a_record_is_its_state(night: Read, rows: Rows) -> None:
    def with_mode(mode: str | None) -> dict[str, Any]:
        shown = "null" if mode is None else f'"{mode}"'
        return listing(payload=f'{{"model": {{"mode": {shown}}}}}', payload_sha256=str(mode))

    for number, mode, expected in (
        (1, None, ("1", "listed", 1)),
        (2, "Archived", ("1", "archived", 2)),
        (3, "TakenDown", ("1", "taken_down", 3)),
        (4, None, ("1", "listed", 1)),
    ):
        night(number, [with_mode(mode)])
        assert history(rows) == [expected]


def test_a_lake_in_s3(s3_uri: str, settings: Settings) -> None:
    remote = Settings(store=s3_uri, catalog=settings.catalog)
    key = write_intake(open_store(s3_uri), [listing(lora_id="a", lora=FACTS), rejection(model_id="3")])
    assert commit_intake(remote, [key]).n_new_loras == 1
    with connect(remote) as con:
        assert run_checks(con) == []
        assert con.execute("select state from mart.listing_history").fetchall() == [("listed",)]
