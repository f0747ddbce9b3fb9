"""The commit of an index run: one snapshot, nothing twice, nothing lost, whatever was killed before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from carlos_tasks.commit import index as commit
from carlos_tasks.commit import representations
from carlos_tasks.commit.index import CommitReport, commit_index
from carlos_tasks.commit.prompt_difference import forget_prompt_differences
from carlos_tasks.commit.work import make_place
from carlos_tasks.errors import PassingError, PermanentError, ProfileMismatch
from carlos_tasks.intake.commit import commit_intake
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.checks import run_checks
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.transaction import snapshot_id, transaction
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore
from tests.commit.small_index import baseline, embedded, small_profile, with_effect, write_outcome, write_shards
from tests.conftest import Rows
from tests.intake.small_intake import listing, write_intake
from tests.sql.lake_rows import fill

#: Files of sql/commit that are tested here.
TESTED_SQL = {"add_outcomes", "add_prompt_differences", "add_representations", "insert_unmeasured"}


REPRESENTATION = "select * exclude (computed_at) from core.representation order by lora_id"


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """A profile of 5 prompts and 3 seeds."""
    return small_profile(tmp_path / "prompts")


def known_loras(settings: Settings, *lora_ids: str) -> None:
    """Take LoRAs in, so that the lake's checks find nothing to complain about."""
    listed = [
        listing(model_id=lora_id, lora_id=lora_id, lora={"base_model": "micro-xl", "rank": 4}) for lora_id in lora_ids
    ]
    commit_intake(settings, [write_intake(open_store(settings.store), listed)])


def test_index_commit_measures_and_makes_one_snapshot(
    settings: Settings, place: ObjectStore, profile: Profile, rows: Rows
) -> None:
    known_loras(settings, "a", "b", "c", "d")
    before = rows("select max(snapshot_id) from mart.commit_log")[0][0]
    base = baseline(profile)
    write_shards(place, profile, "base", base)
    keys = [
        embedded(place, profile, "a", with_effect(base, 1)),
        embedded(place, profile, "b", with_effect(base, 2), flags={0: "nan", 3: "black"}),
        write_outcome(place, profile, "c", status="unpatched", reason="no_layer_patched"),
        write_outcome(place, profile, "d", status="failed", reason="out_of_memory", detail="it's large"),
    ]
    report = commit_index(settings, profile, keys)
    assert report == CommitReport(before + 1, 4, 45, {"failed": 1, "measured": 2, "unpatched": 1})
    question = "select lora_id, measured, n_pairs, n_flagged, direction is null from core.representation order by 1"
    assert rows(question) == [
        ("a", "measured", 15, 0, False),
        ("b", "measured", 13, 2, False),
        ("c", "unpatched", 0, 0, True),
        ("d", "failed", 0, 0, True),
    ]
    assert rows("select lora_id, status, reason, detail, seconds from core.outcome order by 1")[-1] == (
        "d",
        "failed",
        "out_of_memory",
        "it's large",
        1.5,
    )
    assert rows("select message, facts ->> 'n_embeddings' from mart.commit_log limit 1") == [("index", "45")]
    with connect(settings) as con:
        assert run_checks(con) == []


def test_index_commit_keeps_what_each_lora_does_to_each_prompt(
    settings: Settings, place: ObjectStore, profile: Profile, rows: Rows
) -> None:
    base = baseline(profile)
    write_shards(place, profile, "base", base)
    keys = [
        embedded(place, profile, "a", with_effect(base, 1)),
        embedded(place, profile, "b", with_effect(base, 2), flags=dict.fromkeys(range(3), "black")),
        embedded(place, profile, "broken", with_effect(base, 3), flags=dict.fromkeys(range(9), "black")),
        write_outcome(place, profile, "failed", status="failed"),
    ]
    commit_index(settings, profile, keys)
    assert rows("select lora_id, count(*), sum(n_pairs) from core.prompt_difference group by 1 order by 1") == [
        ("a", 5, 15),
        ("b", 4, 12),
    ]
    directions = rows("select direction from core.representation where direction is not null order by lora_id")
    sums = rows(
        "with part as (select lora_id, n_pairs, unnest(difference) as x, generate_subscripts(difference, 1) as i "
        "from core.prompt_difference), summed as (select lora_id, i, sum(n_pairs * x) / sum(n_pairs) as x from part "
        "group by all) select list(x order by i) from summed group by lora_id order by lora_id"
    )
    for (direction,), (mean,) in zip(directions, sums, strict=True):
        assert mean == pytest.approx(direction, abs=1e-6)


def test_a_lake_of_before_a_table_is_filled_by_the_next_commit(
    settings: Settings, place: ObjectStore, profile: Profile, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = baseline(profile)
    write_shards(place, profile, "base", base)
    known_loras(settings, "a", "b", "c")
    keys = {name: embedded(place, profile, name, with_effect(base, 1)) for name in ("a", "b", "c")}
    with monkeypatch.context() as before:
        before.setattr(commit, "add_alike", lambda con, profile_id: 0)
        commit_index(settings, profile, [keys["a"], keys["b"]])
    with connect(settings, read_only=False) as con, transaction(con, "forget", {}):
        forget_prompt_differences(con, profile.profile_id, ["a", "b"])
    assert rows("select count(*) from core.prompt_difference") == [(0,)]
    with connect(settings) as con:
        found = {failure.check for failure in run_checks(con)}
    assert found == {"prompt_difference_missing", "representation_not_compared"}

    monkeypatch.setattr(representations, "_BYTES_AT_ONCE", 1)
    commit_index(settings, profile, [keys["c"]])
    assert rows("select distinct lora_id from core.prompt_difference order by 1") == [("a",), ("b",), ("c",)]
    assert rows("select lora_id, other_id, cosine from core.alike order by all") == [
        ("a", "b", 1.0),
        ("a", "c", 1.0),
        ("b", "c", 1.0),
    ]
    with connect(settings) as con:
        assert run_checks(con) == []
    newest = rows("select max(snapshot_id) from mart.commit_log")
    commit_index(settings, profile, list(keys.values()))
    assert rows("select max(snapshot_id) from mart.commit_log") == newest


def test_a_commit_writes_one_file_of_a_table_however_many_loras_it_has(
    settings: Settings, place: ObjectStore, profile: Profile, rows: Rows
) -> None:
    base = baseline(profile)
    write_shards(place, profile, "base", base)
    commit_index(settings, profile, [embedded(place, profile, name, with_effect(base, 1)) for name in "abcdefgh"])
    files = (
        "select table_name, count(*) from __ducklake_metadata_carlos.ducklake_data_file as data_file "
        "inner join __ducklake_metadata_carlos.ducklake_table using (table_id) "
        "where table_name in ('prompt_difference', 'representation', 'embedding_shard', 'alike', 'compared') "
        "and data_file.begin_snapshot = (select max(snapshot_id) from mart.commit_log) group by all"
    )
    assert sorted(rows(files)) == [
        (name, 1) for name in ("alike", "compared", "embedding_shard", "prompt_difference", "representation")
    ]
    embedding = "select count(*) from __ducklake_metadata_carlos.ducklake_data_file where contains(path, 'shards/')"
    assert rows(embedding) == [(0,)]
    assert [lora_id for (lora_id,) in rows("select lora_id from core.prompt_difference")] == sorted("abcdefgh" * 5)


def test_a_second_commit_of_the_same_changes_nothing(
    settings: Settings, place: ObjectStore, profile: Profile, rows: Rows
) -> None:
    base = baseline(profile)
    write_shards(place, profile, "base", base)
    keys = [embedded(place, profile, "a", with_effect(base, 1)), write_outcome(place, profile, "b", status="failed")]
    first = commit_index(settings, profile, keys)
    before = rows(REPRESENTATION)
    second = commit_index(settings, profile, [*keys[::-1], keys[0]])
    assert second == CommitReport(first.snapshot_id, 0, 0, {})
    assert rows(REPRESENTATION) == before
    assert rows("select count(*) from core.embedding") == [(30,)]
    assert rows("select count(*) from core.outcome") == [(2,)]


def test_loras_committed_one_by_one_get_the_same_bits(tmp_path: Path, profile: Profile) -> None:
    found = []
    for name, groups in (("together", [["a", "b"]]), ("apart", [["b"], ["a"]])):
        settings = Settings(store=str(tmp_path / name / "store"), catalog=f"sqlite:{tmp_path / name / 'c.sqlite'}")
        place = open_store(settings.store)
        base = baseline(profile, 64)
        write_shards(place, profile, "base", base)
        for group in groups:
            keys = [embedded(place, profile, lora_id, with_effect(base, ord(lora_id))) for lora_id in group]
            commit_index(settings, profile, keys)
        with connect(settings) as con:
            found.append(con.execute(REPRESENTATION).fetchall())
    assert found[0] == found[1]


def test_the_baseline_comes_with_the_first_commit_that_sees_it(
    settings: Settings, place: ObjectStore, profile: Profile
) -> None:
    write_shards(place, profile, "base", baseline(profile))
    assert commit_index(settings, profile, []).n_embeddings == 15
    key = embedded(place, profile, "a", with_effect(baseline(profile), 1))
    assert commit_index(settings, profile, [key]).n_embeddings == 15


def test_without_its_baseline_nothing_is_committed(
    settings: Settings, place: ObjectStore, profile: Profile, rows: Rows
) -> None:
    key = embedded(place, profile, "a", with_effect(baseline(profile), 1))
    with pytest.raises(ProfileMismatch, match="no baseline"):
        commit_index(settings, profile, [key])
    assert rows("select count(*) from core.embedding") == [(0,)]
    assert rows("select count(*) from core.outcome") == [(0,)]


def test_a_failed_lora_that_later_succeeds_is_replaced(
    settings: Settings, place: ObjectStore, profile: Profile, rows: Rows
) -> None:
    base = baseline(profile)
    write_shards(place, profile, "base", base)
    commit_index(settings, profile, [write_outcome(place, profile, "a", status="failed", reason="out_of_memory")])
    shards = write_shards(place, profile, "a", with_effect(base, 1))
    later = write_outcome(place, profile, "a", shards=shards, n_pairs=15, attempted_at="2026-01-03T00:00:00+00:00")
    assert commit_index(settings, profile, [later]).statuses == {"measured": 1}
    assert rows("select lora_id, measured from core.representation") == [("a", "measured")]
    assert rows("select status from core.outcome order by attempted_at") == [("failed",), ("embedded",)]


def test_only_a_measurement_that_is_replaced_voids_the_copy_for_rankings(
    settings: Settings, place: ObjectStore, profile: Profile, rows: Rows
) -> None:
    base = baseline(profile)
    write_shards(place, profile, "base", base)
    first = [embedded(place, profile, "a", with_effect(base, 1)), write_outcome(place, profile, "b", status="failed")]
    commit_index(settings, profile, first)
    with connect(settings, read_only=False) as con:
        con.execute("insert into core.representation_copy values ('c', now(), now(), 1)")
    shards = write_shards(place, profile, "b", with_effect(base, 2))
    later = write_outcome(place, profile, "b", shards=shards, n_pairs=15, attempted_at="2026-01-03T00:00:00+00:00")
    assert commit_index(settings, profile, [later]).statuses == {"measured": 1}
    assert rows("select copy_id from core.representation_copy") == [("c",)]  # which has no failed ones

    with connect(settings, read_only=False) as con:
        fill(con, {"core.damage": [{"profile_id": profile.profile_id, "lora_id": "a", "resolved_at": None}]})
    again = embedded(place, profile, "a", with_effect(base, 3))
    assert commit_index(settings, profile, [again]).statuses == {"measured": 1}
    assert rows("from core.representation_copy") == []


def test_a_measured_lora_is_left_as_it_is(settings: Settings, place: ObjectStore, profile: Profile, rows: Rows) -> None:
    base = baseline(profile)
    write_shards(place, profile, "base", base)
    commit_index(settings, profile, [embedded(place, profile, "a", with_effect(base, 1))])
    late = write_outcome(place, profile, "a", status="failed", attempted_at="2026-01-03T00:00:00+00:00")
    assert commit_index(settings, profile, [late]).statuses == {}
    assert rows("select measured from core.representation") == [("measured",)]


def test_keys_are_checked(settings: Settings, place: ObjectStore, profile: Profile, tmp_path: Path) -> None:
    other = small_profile(tmp_path / "other", n_prompts=2)
    with pytest.raises(ProfileMismatch, match="belongs to profile"):
        commit_index(settings, profile, [write_outcome(place, other, "a")])
    with pytest.raises(PermanentError, match="not the key of an outcome"):
        commit_index(settings, profile, ["outcomes/absent.json"])


def test_a_profile_is_registered_with_thresholds_and_prompts(settings: Settings, tmp_path: Path, rows: Rows) -> None:
    limit = {"strength_max": {"value": 9.8, "origin": "paper"}}
    first = small_profile(tmp_path / "prompts", thresholds=limit)
    one = commit_index(settings, first, []).snapshot_id
    assert rows("select profile_id, name from core.profile") == [(first.profile_id, "micro")]
    assert rows("select name, value, origin from core.threshold") == [("strength_max", 9.8, "paper")]
    assert rows("select prompt_set, count(*) from core.prompt group by 1 order by 1") == [
        ("test-indexing", 5),
        ("test-retrieval", 2),
    ]
    assert commit_index(settings, first, []).snapshot_id == one

    changed = small_profile(tmp_path / "prompts", thresholds={"strength_min": {"value": 1.0, "origin": "quantile"}})
    assert changed.profile_id == first.profile_id
    assert commit_index(settings, changed, []).snapshot_id == one + 1
    assert rows("select name, value, origin from core.threshold") == [("strength_min", 1.0, "quantile")]
    assert rows("select count(*) from core.profile") == [(1,)]


def test_of_two_commits_at_once_the_later_one_is_told_to_come_again(
    settings: Settings, place: ObjectStore, profile: Profile, rows: Rows
) -> None:
    base = baseline(profile)
    write_shards(place, profile, "base", base)
    key = embedded(place, profile, "a", with_effect(base, 1))
    commit_index(settings, profile, [])
    overtaking_commit(settings, lambda: commit_index(settings, profile, [key]))
    assert rows("select count(*) from core.embedding") == [(30,)]
    assert commit_index(settings, profile, [key]).statuses == {}


def test_a_commit_between_the_look_and_the_transaction_is_noticed(
    settings: Settings, place: ObjectStore, profile: Profile, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = baseline(profile)
    write_shards(place, profile, "base", base)
    key = embedded(place, profile, "a", with_effect(base, 1))
    with monkeypatch.context() as patch:

        def overtaken(*arguments: Any) -> None:
            patch.undo()
            commit_index(settings, profile, [key])
            make_place(*arguments)

        patch.setattr(commit, "make_place", overtaken)
        with pytest.raises(PassingError, match="another commit"):
            commit_index(settings, profile, [key])
    assert rows("select lora_id, count(*) from core.representation group by all") == [("a", 1)]


def overtaking_commit(settings: Settings, meanwhile: Callable[[], object]) -> None:
    """Begin a commit, let another one happen, and see the first refused."""

    def late_commit(con: duckdb.DuckDBPyConnection) -> None:
        with lake_errors(), transaction(con, "late", {}):
            con.execute("insert into core.threshold values ('late', 'strength_max', 1.0, 'test')")
            meanwhile()

    with connect(settings, read_only=False) as con:
        with pytest.raises(PassingError, match="another commit"):
            late_commit(con)
        assert con.execute("select count(*) from core.threshold where profile_id = 'late'").fetchall() == [(0,)]


def test_a_lake_in_s3(s3_uri: str, tmp_path: Path, profile: Profile) -> None:
    base = baseline(profile)
    found = []
    for uri in (s3_uri, str(tmp_path / "store")):
        settings = Settings(store=uri, catalog=f"sqlite:{tmp_path / uri.rpartition('/')[2]}.sqlite")
        known_loras(settings, "a")
        write_shards(open_store(uri), profile, "base", base)
        key = embedded(open_store(uri), profile, "a", with_effect(base, 1))
        first = commit_index(settings, profile, [key])
        assert first.statuses == {"measured": 1}
        assert commit_index(settings, profile, [key]).snapshot_id == first.snapshot_id
        with connect(settings) as con:
            assert run_checks(con) == []
            found.append(con.execute(REPRESENTATION).fetchall())
    assert found[0] == found[1]


def test_readers_see_the_old_lake_until_the_commit(settings: Settings, lake: duckdb.DuckDBPyConnection) -> None:
    with connect(settings) as reader:
        newest = snapshot_id(reader)
        lake.execute("begin")
        lake.execute("insert into core.threshold values ('p', 'strength_max', 1.0, 'test')")
        assert reader.execute("select count(*) from core.threshold").fetchall() == [(0,)]
        lake.execute("commit")
        assert reader.execute("select count(*) from core.threshold").fetchall() == [(1,)]
        assert reader.execute(f"select count(*) from core.threshold at (version => {newest})").fetchall() == [(0,)]  # noqa: S608
