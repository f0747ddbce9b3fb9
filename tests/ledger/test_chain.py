"""Entering records: one chain, whatever comes in between, and times that never run backwards."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from carlos_tasks.errors import CarlosError, PassingError, PermanentError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.statements import rows
from carlos_tasks.lake.transaction import transaction
from carlos_tasks.ledger.chain import Entry, enter, enter_many, head, head_facts, last_entry, moment
from carlos_tasks.ledger.entry import NO_HASH
from carlos_tasks.ledger.verify import KeptHead, verification, verify_ledger
from carlos_tasks.moderation import recording
from carlos_tasks.moderation.decisions import decide
from carlos_tasks.moderation.drafts import DecisionDraft, NoticeDraft
from carlos_tasks.moderation.notices import add_notice
from carlos_tasks.nightly.stages import run_checks
from carlos_tasks.settings import Settings
from tests.lakes import migrated_lake, settings_of
from tests.moderation.cases_in_lake import STAR, make_lake
from tests.sql.lake_rows import fill

TESTED_SQL = {"add_entries"}
GROUND: dict[str, Any] = {"ground": "illegal_content", "ground_reference": "Act 1", "reasons": "Why."}


@pytest.fixture
def lake(tmp_path: Path) -> Settings:
    """A lake without records."""
    migrated_lake(settings_of(tmp_path))
    return settings_of(tmp_path)


def report(con: duckdb.DuckDBPyConnection, name: str, content: dict[str, Any] | None = None) -> Entry:
    """Enter a report: a record without a table of its own."""
    facts: dict[str, Any] = {}
    with transaction(con, "report", facts):
        entry = enter(con, None, "report", name, content or {"name": name})
        facts |= head_facts(con)
    return entry


def test_each_entry_names_the_one_before(lake: Settings) -> None:
    with connect(lake, read_only=False) as con:
        assert head(con) is None
        first, second = report(con, "a"), report(con, "b")
        newest = head(con)
        assert newest is not None
        assert (first.position, first.previous_hash, first.entry_hash) == (1, NO_HASH, first.own_hash())
        assert (second.position, second.previous_hash) == (2, first.entry_hash)
        assert (newest.position, newest.entry_hash, newest.key_id) == (2, second.entry_hash, None)
        (noted, _) = rows(con, "select facts -> 'head' as head from mart.commit_log order by snapshot_id desc limit 2")
        assert second.entry_hash in noted["head"]
        assert verify_ledger(con, [KeptHead(first.entry_hash), KeptHead(second.entry_hash, 2)]) == []
        (lost,) = verify_ledger(con, [KeptHead("a" * 64, 3)])
        assert (lost.fault, lost.position) == ("head", 3)


def test_what_is_entered_twice_is_entered_once(lake: Settings) -> None:
    with connect(lake, read_only=False) as con:
        assert report(con, "a") == report(con, "a")
        with pytest.raises(PermanentError, match="report a was entered with another content"):
            report(con, "a", {"name": "b"})
        assert len(rows(con, "from core.ledger")) == 1


def test_a_commit_that_fails_leaves_neither_record_nor_entry(lake: Settings) -> None:
    with connect(lake, read_only=False) as con:
        with pytest.raises(PermanentError), transaction(con, "test", {}):
            _enter_and_fail(con)
        assert rows(con, "from core.notice") == rows(con, "from core.ledger") == []


def _enter_and_fail(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, {"core.notice": [{}]})
    enter(con, None, "notice", "n1")
    raise PermanentError("something else went wrong")


def test_of_two_commits_on_one_head_one_is_refused(lake: Settings) -> None:
    with connect(lake, read_only=False) as one, connect(lake, read_only=False) as two:
        report(one, "begun")
        one.execute("begin")
        enter(one, None, "report", "first", {"n": 1})
        two.execute("begin")
        enter(two, None, "report", "second", {"n": 2})
        one.execute("commit")
        with pytest.raises(PassingError), lake_errors():
            two.execute("commit")
        assert [row["record_id"] for row in rows(one, "from core.ledger order by position")] == ["begun", "first"]


def test_many_at_once_make_one_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four people record complaints at the same time: none is lost, and nothing forks."""
    place = make_lake(tmp_path)
    monkeypatch.setattr(recording, "_FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(recording, "_TRIES", 20)
    failed: list[Exception] = []

    def complain(number: int) -> None:
        try:
            add_notice(place, NoticeDraft(STAR, "other", "user", f"desk {number}", text="Mine."))
        except Exception as exc:
            failed.append(exc)

    people = [threading.Thread(target=complain, args=[number]) for number in range(4)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert failed == []
    with connect(place) as con:
        assert [row["position"] for row in rows(con, "from core.ledger order by position")] == [1, 2, 3, 4]
        assert verify_ledger(con) == []


def test_of_two_analysts_at_once_one_takes_it_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make_lake(tmp_path)
    monkeypatch.setattr(recording, "_FIRST_WAIT_S", 0.05)
    done: list[str] = []

    def take_down(analyst: str) -> None:
        try:
            done.append(decide(place, DecisionDraft(STAR, "takedown", analyst, **GROUND))["analyst"])
        except CarlosError as exc:
            done.append(str(exc))

    people = [threading.Thread(target=take_down, args=[name]) for name in ("ana", "ben")]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert sum(one in ("ana", "ben") for one in done) == 1
    assert sum("is removed already, by takedown" in one for one in done) == 1
    with connect(place) as con:
        assert len(rows(con, "from core.decision")) == 1 and verify_ledger(con) == []


def test_a_clock_that_is_set_back_loses_no_decision_and_backdates_none(tmp_path: Path) -> None:
    place = make_lake(tmp_path)
    ahead = datetime.now(UTC) + timedelta(hours=2)
    with connect(place, read_only=False) as con, transaction(con, "test", {}):
        enter_many(con, None, "report", {"r": {"a": 1}}, at=moment(con, now=ahead))
    decided = decide(place, DecisionDraft(STAR, "comment", "ana", reasons="Seen."))
    with connect(place) as con:
        entry, found = last_entry(con), verification(con)
    assert entry is not None
    assert decided["decided_at"] == entry.entered_at == ahead + timedelta(microseconds=1)
    assert entry.clock_at < ahead
    # The clock ran ahead of the snapshot's own time: that is told of the entry, and of nothing that came after it.
    assert {(one.fault, one.record_id) for one in found.findings} == {("backwards", "r")}
    assert any("clock was behind" in note for note in found.notes)


def test_all_entries_of_a_commit_bear_one_time(lake: Settings) -> None:
    with connect(lake, read_only=False) as con:
        report(con, "a")
        with transaction(con, "test", {}):
            enter(con, None, "report", "b", {"n": 1})
            enter(con, None, "report", "c", {"n": 2})
        times = [row["entered_at"] for row in rows(con, "from core.ledger order by position")]
        assert times[0] < times[1] == times[2]
        assert verify_ledger(con) == []


def test_records_of_before_the_chain_say_so(lake: Settings) -> None:
    with connect(lake, read_only=False) as con:
        fill(con, {"core.notice": [{"notice_id": "old"}], "core.decision": [{"decision_id": "older"}]})
        assert verify_ledger(con) == []
        report(con, "a")
        entries = rows(con, "select record_id, is_late from core.ledger order by position")
        assert {row["record_id"] for row in entries[:2]} == {"old", "older"}
        assert [row["is_late"] for row in entries] == [True, True, False]
        found = verification(con)
        assert found.findings == []
        assert found.notes[0].startswith("2 from before the chain")
        con.execute("update core.decision set reasons = 'x'")
        con.execute("insert into core.notice by name select * replace ('new' as notice_id) from core.notice")
        faults = {(one.fault, one.record_id) for one in verify_ledger(con)}
        assert {("changed", "older"), ("not_entered", "new")} <= faults


def test_a_chain_that_is_gone_is_not_begun_again(tmp_path: Path) -> None:
    """Keys have entries: where they are without a chain, somebody has taken the chain away."""
    from carlos_tasks.ledger.keys import make_key
    from carlos_tasks.moderation.signing_keys import KeyDraft, add_key

    place = make_lake(tmp_path)
    add_key(place, KeyDraft(make_key(tmp_path / "k").public_key, "ana's", "analyst", "op", "ana"))
    with connect(place, read_only=False) as con:
        con.execute("delete from core.ledger")
    with pytest.raises(PermanentError, match="the chain of this lake is gone"):
        add_notice(place, NoticeDraft(STAR, "other", "user", "desk"))
    with connect(place) as con:
        assert {"head", "history", "not_entered"} <= {one.fault for one in verify_ledger(con)}


def test_the_nightly_checks_tell_of_a_broken_chain(lake: Settings) -> None:
    with connect(lake, read_only=False) as con:
        report(con, "a")
        assert run_checks(lake) == []
        con.execute("update core.ledger set content_hash = 'x'")
        (broken,) = run_checks(lake)
    assert (broken.check, broken.rows[0]["fault"], broken.rows[0]["position"]) == ("decision_chain", "altered_entry", 1)


def test_nothing_is_entered_that_is_not_there(lake: Settings) -> None:
    with connect(lake, read_only=False) as con, pytest.raises(ValueError, match="notice x is not in the lake"):
        enter(con, None, "notice", "x")


def test_the_chain_survives_compaction(lake: Settings) -> None:
    """Files that DuckLake merges keep which snapshot brought each row."""
    with connect(lake, read_only=False) as con:
        for name in "abcd":
            report(con, name)
        con.execute("call ducklake_merge_adjacent_files('carlos')")
        con.execute("call ducklake_cleanup_old_files('carlos', cleanup_all => true)")
        assert verify_ledger(con) == []


def test_a_lake_whose_snapshots_were_given_up_is_verified_by_its_chain(lake: Settings) -> None:
    with connect(lake, read_only=False) as con:
        for name in "abc":
            report(con, name)
        con.execute("call ducklake_expire_snapshots('carlos', older_than => now())")
        assert verify_ledger(con) == []
        con.execute("delete from core.ledger where position = 2")
        assert "gap" in {one.fault for one in verify_ledger(con)}
