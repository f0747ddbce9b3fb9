"""Old snapshots are expired, and none that anything names: what those say stays, to the row, and so does the chain."""

import json
from datetime import timedelta

import duckdb
import pytest

from carlos_tasks.aliases import Row
from carlos_tasks.care.clean_up import clean_up
from carlos_tasks.care.compaction import compact
from carlos_tasks.care.expiry import expire, needed_snapshots
from carlos_tasks.cli import main
from carlos_tasks.errors import PassingError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.statements import rows
from carlos_tasks.lake.transaction import snapshot_id, transaction
from carlos_tasks.ledger.verify import verify_ledger
from carlos_tasks.moderation.decisions import decide
from carlos_tasks.moderation.drafts import DecisionDraft
from carlos_tasks.reports.bundles.seal import enter_report
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.verification.run import verify
from tests.care.grown_lake import TABLES
from tests.sql.lake_rows import fill

#: Files of sql/commit that are tested here.
TESTED_SQL = {"add_expired_snapshots"}

NOW = timedelta(0)
#: Columns that speak of snapshots and need none: the number tells what came when, and nobody reads that snapshot by it.
NEED_NONE = {
    "core.embedding_shard.snapshot_id": "with which commit a row came",
    "core.expired_snapshot.snapshot_id": "it is gone",
    "core.approval.content_hash": "a hash: the decisions of the batch name the snapshot",
    "core.ledger.entered_at": "a time",
}
#: And those that needed_snapshots.sql asks.
NAMED = {"core.decision.snapshot_id", "core.ledger.based_on", "core.threshold.origin"}


def snapshots(settings: Settings) -> list[int]:
    with connect(settings) as con:
        return [number for (number,) in con.execute("select snapshot_id from mart.commit_log order by 1").fetchall()]


def state_at(settings: Settings, snapshot: int) -> dict[str, list[Row]]:
    with connect(settings) as con:
        return {
            table: rows(con, f"from {table} at (version => {snapshot}) order by all")
            for table in (*TABLES, "core.decision", "core.ledger")
        }


def names_of(settings: Settings) -> dict[int, tuple[str, ...]]:
    with connect(settings) as con:
        return needed_snapshots(con, open_store(settings.store))


def test_every_column_that_speaks_of_a_snapshot_is_asked(lake: duckdb.DuckDBPyConnection) -> None:
    """A new one is named in sql/ask/care/needed_snapshots.sql and above, or above it is said why it needs none."""
    found = lake.execute(
        "select concat_ws('.', c.schema_name, c.table_name, c.column_name) from duckdb_columns() as c "
        "join duckdb_tables() as t using (database_name, schema_name, table_name) where database_name = 'carlos' "
        "and regexp_matches(c.column_name || ' ' || coalesce(c.comment, ''), 'snapshot', 'i')"
    ).fetchall()
    assert {column for (column,) in found} == NAMED | NEED_NONE.keys()


def test_what_names_a_snapshot_keeps_it(made: Settings, lake: duckdb.DuckDBPyConnection) -> None:
    def commit() -> int:
        with transaction(lake, "index", {}):
            fill(lake, {"core.query": [{}]})
        return snapshot_id(lake)

    nobody, decided, calibrated, kept, evaluated, elsewhere = (commit() for _ in range(6))
    fill(lake, {"core.decision": [{"decision_id": "d1", "snapshot_id": decided}]})
    origin = f"calibrated: quantile 0.9900 of 12 LoRAs, snapshot {calibrated}"
    fill(lake, {"core.threshold": [{"name": "x", "origin": origin}, {"name": "y", "origin": "the paper"}]})
    store = open_store(made.store)
    store.write(f"reports/moderation/profile_id=p/snapshot_id={kept}/manifest.json", b"{}")
    store.write(f"evaluation/profile_id=p/snapshot_id={evaluated}/report.md", b"")
    manifest = json.dumps({"report": "attribution", "snapshot_id": elsewhere}).encode()
    entry = enter_report(made, manifest)
    base = entry.based_on
    commit()
    needed = names_of(made)
    assert nobody not in needed
    assert needed[decided] == ("decision d1",)
    assert needed[calibrated] == ("threshold x of p",)
    assert needed[kept] == (f"reports/moderation/profile_id=p/snapshot_id={kept}/",)
    assert needed[evaluated] == (f"evaluation/profile_id=p/snapshot_id={evaluated}/",)
    assert needed[elsewhere] == (f"report {entry.record_id}",)
    # The chain begins with the decision that was there before it.
    assert needed[base] == tuple(f"position {position} of the ledger is based on it" for position in (1, 2))
    assert needed[base + 1] == tuple(f"it brought position {position} of the ledger" for position in (1, 2))
    newest = max(snapshots(made))
    assert needed[newest] == ("it is the newest", "it is the state of the lake")
    assert expire(made, NOW, 1).n_named == len(needed) - 1
    # The newest of all is that of the expiry now.
    assert set(snapshots(made)) == {*needed, newest + 1}


def test_what_is_kept_says_what_it_said(grown: Settings) -> None:
    """A decision about an old snapshot, an expiry, a compaction and a clean-up: rows, chain and hashes stand."""
    old = snapshots(grown)[-4]
    with connect(grown, read_only=False) as con:
        fill(con, {"core.threshold": [{"profile_id": "q"}]})
        con.execute("delete from core.threshold where profile_id = 'q'")
    decide(grown, DecisionDraft("a", "comment", "ana", "I looked at it.", snapshot_id=old))
    needed = names_of(grown)
    before = {number: state_at(grown, number) for number in needed}
    assert old in needed and len(snapshots(grown)) > len(needed) + 3
    shown = expire(grown, NOW, 1, dry_run=True)
    assert set(snapshots(grown)) - {row["snapshot_id"] for row in shown.expired} == set(needed)
    assert expire(grown, NOW, 1) == shown
    with connect(grown) as con:
        told = rows(con, "select snapshot_id, committed_at, message from core.expired_snapshot order by snapshot_id")
    assert told == list(shown.expired)
    shards = {item.key for item in open_store(grown.store).list("shards/")}
    assert len(clean_up(grown, NOW)) > 0
    assert len(compact(grown, 2)) > 0
    clean_up(grown, NOW)
    assert {item.key for item in open_store(grown.store).list("shards/")} == shards
    assert {number: state_at(grown, number) for number in needed} == before
    with connect(grown) as con:
        assert verify_ledger(con) == []
    assert verify(grown).damages == ()


def test_nothing_young_and_none_of_the_last_are_expired(grown: Settings) -> None:
    before = snapshots(grown)
    assert expire(grown).expired == expire(grown, timedelta(days=1), 1).expired == ()
    assert expire(grown, NOW, len(before)).expired == ()
    assert snapshots(grown) == before
    (oldest,) = expire(grown, NOW, len(before) - 1, dry_run=True).expired
    assert oldest["snapshot_id"] == before[0]


def test_a_commit_in_between_ends_it_and_nothing_is_expired(grown: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is committed could name a snapshot that expires."""
    from carlos_tasks.care import expiry

    before, ask = snapshots(grown), needed_snapshots

    def decided_meanwhile(con: duckdb.DuckDBPyConnection, store: object) -> dict[int, tuple[str, ...]]:
        found = ask(con, open_store(grown.store))
        with connect(grown, read_only=False) as other, transaction(other, "decide", {}):
            fill(other, {"core.decision": [{"snapshot_id": before[3]}]})
        return found

    with monkeypatch.context() as patch:
        patch.setattr(expiry, "needed_snapshots", decided_meanwhile)
        with pytest.raises(PassingError, match=r"locked|another commit of the lake came in between"):
            expire(grown, NOW, 1)
    assert snapshots(grown)[:-1] == before
    with connect(grown) as con:
        assert con.execute("from core.expired_snapshot").fetchall() == []
    expire(grown, NOW, 1)
    assert before[3] in snapshots(grown)


def test_the_command_says_what_it_would_do(
    made: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CARLOS_STORE", made.store)
    monkeypatch.setenv("CARLOS_CATALOG", made.catalog)
    assert main(["lake", "expire", "--dry-run"]) == 0
    assert "would expire 0 snapshots; 0 of that age stay" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["lake", "expire", "--older-than", "0"])
    assert "greater than or equal to 1" in capsys.readouterr().err
    assert main(["lake", "clean", "--dry-run"]) == 0
    assert "would remove 0 files" in capsys.readouterr().out.rpartition("\n\n")[2]
