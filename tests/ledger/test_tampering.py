"""What somebody does to decisions, notices, approvals, keys and the chain who may write the lake: each is found.

Every tampering is tried on a lake whose entries are signed, and on one whose entries are recorded. What the second
shows only where a head was kept elsewhere says so (`needs_head`), and docs/moderation.md says it too.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.register import registered
from carlos_tasks.ledger.canonical import content_hash
from carlos_tasks.ledger.entry import ENTRY, Entry, linked_behind
from carlos_tasks.ledger.findings import Finding
from carlos_tasks.ledger.keys import Signer, make_key
from carlos_tasks.ledger.public_keys import PublicKey, PublicKeys, encoded
from carlos_tasks.ledger.records import contents
from carlos_tasks.ledger.verify import KeptHead, verify_ledger
from tests.ledger.ledger_lake import LedgerLake, copied, linked_anew, make_ledger_lake
from tests.moderation.cases_in_lake import OTHER


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> LedgerLake:
    """A lake without keys."""
    return make_ledger_lake(tmp_path_factory.mktemp("recorded"), is_signed=False)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> LedgerLake:
    """A lake whose entries are signed."""
    return make_ledger_lake(tmp_path_factory.mktemp("signed"), is_signed=True)


def findings(lake: LedgerLake, kept: KeptHead | None = None, trusted: PublicKeys | None = None) -> list[Finding]:
    with connect(lake.settings) as con:
        return verify_ledger(con, [kept] if kept else [], trusted)


@dataclass(frozen=True)
class Tampering:
    """What is done, and what has to be found: a fault of one of these names, about this record, at this position.

    Attributes:
        do: given the lake and a key of the intruder.
        faults: one of them is found.
        record: the short name of the record that has to be named; None: the chain as such.
        position: the position that has to be named; None: any.
        needs_head: without a key, it is found only where the head was kept elsewhere.
        signed_only: it is done to keys and signatures.
        needs_key: it is found only where the public key or the head was kept elsewhere.
    """

    do: Callable[[LedgerLake, Signer], Any]
    faults: set[str]
    record: str | None = None
    position: Callable[[LedgerLake], int] | None = None
    needs_head: bool = False
    signed_only: bool = False
    needs_key: bool = False


def update(table: str, column: str, value: str, record: str) -> Callable[[LedgerLake, Signer], Any]:
    """Change a column of one row by SQL."""
    name = {"core.decision": "decision_id", "core.notice": "notice_id", "core.approval": "batch_id"}[table]
    statement = f"update {table} set {column} = {value} where {name} = $id"  # noqa: S608
    return lambda lake, _: lake.sql(statement, {"id": lake.ids[record]})


def delete(table: str, id_column: str, record: str) -> Callable[[LedgerLake, Signer], Any]:
    return lambda lake, _: lake.sql(f"delete from {table} where {id_column} = $id", {"id": lake.ids[record]})  # noqa: S608


def place_of(record: str) -> Callable[[LedgerLake], int]:
    return lambda lake: next(one.position for one in lake.entries() if one.record_id == lake.ids[record])


def entry_of(lake: LedgerLake, record: str) -> Entry:
    return next(one for one in lake.entries() if one.record_id == lake.ids[record])


def change_entry(record: str, **fields: Any) -> Callable[[LedgerLake, Signer], Any]:
    """Change fields of one entry by SQL, and nothing else."""

    def do(lake: LedgerLake, _: Signer) -> None:
        named = ", ".join(f"{name} = ${name}" for name in fields)
        position = entry_of(lake, record).position
        lake.sql(f"update core.ledger set {named} where position = $at", fields | {"at": position})  # noqa: S608

    return do


def decision_of_other(lake: LedgerLake, _: Signer, decided_at: str = "now()") -> None:
    lake.sql(
        "insert into core.decision by name select * replace ('forged' as decision_id, 'no_action' as action, "  # noqa: S608
        f"null as batch_id, null as ground, {decided_at} as decided_at) from core.decision where decision_id = $id",
        {"id": lake.ids["restrict"]},
    )


def forged_entry(lake: LedgerLake, intruder: Signer, *, back: timedelta, is_late: bool = False) -> None:
    """A decision with an entry at the end of the chain, whose hashes fit, and which bears an earlier time."""
    last = lake.entries()[-1]
    at = last.entered_at - back
    decision_of_other(lake, intruder, f"'{at.isoformat()}'::timestamptz")
    with connect(lake.settings) as con:
        ((_, content),) = contents(con, "decision", ["forged"])
        (newest,) = con.execute("select id from carlos.current_snapshot()").fetchone()  # type: ignore[misc]
    entry = Entry(0, "decision", "forged", content_hash(content), "", "", at, at, newest, is_late)
    write_entries(lake, linked_behind(last, [entry], None))


def write_entries(lake: LedgerLake, entries: list[Entry]) -> None:
    table = pa.Table.from_pylist([vars(one) for one in entries], schema=ENTRY)
    with connect(lake.settings, read_only=False) as con, registered(con, "entries", table):
        con.execute("insert into core.ledger by name from entries")


def changed_with_its_chain(by_file: bool, notes: bool) -> Callable[[LedgerLake, Signer], Any]:
    """Change a decision and write all hashes anew so that they fit, without the deployment's key."""

    def do(lake: LedgerLake, _: Signer) -> None:
        change = {"reasons": "Another reason."}
        target = lake.ids["takedown"]
        if by_file:
            lake.rewrite("core.decision", lambda row: row | change if row["decision_id"] == target else row)
        else:
            lake.sql("update core.decision set reasons = $reasons where decision_id = $id", change | {"id": target})
        rehashed(lake, "takedown", by_file)
        if notes:
            lake.forget_notes()

    return do


def rehashed(lake: LedgerLake, record: str, by_file: bool, signer: Signer | None = None) -> None:
    with connect(lake.settings) as con:
        ((_, content),) = contents(con, "decision", [lake.ids[record]])
    entries = [
        replace(one, content_hash=content_hash(content)) if one.record_id == lake.ids[record] else one
        for one in lake.entries()
    ]
    lake.write_anew(linked_anew(entries, signer), by_file=by_file)


def rewrite(table: str, id_column: str, record: str, **change: Any) -> Callable[[LedgerLake, Signer], Any]:
    """Change a row in its parquet file, which stays where it is."""
    return lambda lake, _: lake.rewrite(table, lambda row: row | change if row[id_column] == lake.ids[record] else row)


def swapped(lake: LedgerLake, _: Signer) -> None:
    first, second = entry_of(lake, "notice"), entry_of(lake, "takedown")
    entries = {one.position: one for one in lake.entries()}
    entries[first.position] = replace(second, position=first.position)
    entries[second.position] = replace(first, position=second.position)
    lake.write_anew([entries[position] for position in sorted(entries)])


def truncated(*, notes: bool) -> Callable[[LedgerLake, Signer], Any]:
    def do(lake: LedgerLake, _: Signer) -> None:
        last = entry_of(lake, "comment")
        if notes:  # past DuckLake, by its catalog: the files of the last commit are forgotten, and the commit too
            files = lake.sql("select filename from core.ledger where position = $p", {"p": last.position})
            files += lake.sql("select filename from core.decision where decision_id = $id", {"id": last.record_id})
            with closing(sqlite3.connect(lake.settings.catalog.removeprefix("sqlite:"))) as con, con:
                for row in files:
                    con.execute("delete from ducklake_data_file where path like ?", [f"%{Path(row['filename']).name}"])
            lake.forget_notes()
            return
        lake.sql("delete from core.ledger where position = $p", {"p": last.position})
        lake.sql("delete from core.decision where decision_id = $id", {"id": last.record_id})

    return do


def fork(lake: LedgerLake, _: Signer) -> None:
    one = entry_of(lake, "restrict")
    write_entries(lake, [replace(one, record_id="another", entry_hash="f" * 64)])


def table_made_anew(lake: LedgerLake, _: Signer) -> None:
    entries = lake.entries()
    with connect(lake.settings, read_only=False) as con:
        con.execute("create table core.ledger_2 as from core.ledger limit 0")
        con.execute("drop table core.ledger")
        con.execute("alter table core.ledger_2 rename to ledger")
    changed = [replace(one, content_hash="e" * 64) if one.kind == "notice" else one for one in entries]
    write_entries(lake, linked_anew(changed))


def file_gone(lake: LedgerLake, _: Signer) -> None:
    for row in lake.sql("select distinct filename from core.decision"):
        Path(row["filename"]).unlink()


def file_cut(lake: LedgerLake, _: Signer) -> None:
    for row in lake.sql("select distinct filename from core.ledger"):
        path = Path(row["filename"])
        path.write_bytes(path.read_bytes()[:-20])


def foreign_key(lake: LedgerLake, intruder: Signer, *, key_row: str = "deployment") -> None:
    """The chain signed anew by the intruder's key, which takes the place of the deployment's."""
    lake.rewrite(
        "core.signing_key",
        lambda row: (
            row | {"key_id": intruder.key_id, "public_key": encoded(intruder.public_key)}
            if row["key_id"] == lake.ids[key_row]
            else row
        ),
    )
    entries = []
    with connect(lake.settings) as con:
        keys = dict(contents(con, "key"))
    for one in lake.entries():
        is_key = one.kind == "key"
        entries.append(replace(one, content_hash=content_hash(keys[one.record_id]) if is_key else one.content_hash))
    lake.write_anew(linked_anew(entries, intruder), by_file=True)
    lake.forget_notes()


def second_key(lake: LedgerLake, intruder: Signer) -> None:
    """A key that is slipped in, and signs a chain written anew."""
    lake.sql(
        "insert into core.signing_key by name select * replace ('x' as change_id, $key_id as key_id, "
        "$public_key as public_key) from core.signing_key where key_id = $known and change = 'add'",
        {"key_id": intruder.key_id, "public_key": encoded(intruder.public_key), "known": lake.ids["deployment"]},
    )
    lake.write_anew(linked_anew(lake.entries(), intruder))


def exchanged_signatures(lake: LedgerLake, _: Signer) -> None:
    other = entry_of(lake, "notice").signature
    change_entry("restrict", signature=other)(lake, _)


def signed_by_revoked(lake: LedgerLake, intruder: Signer) -> None:
    """An entry said to be signed by a key that was revoked before."""
    change_entry("restrict", key_id=lake.ids["old"])(lake, intruder)


def moved_analyst(lake: LedgerLake, _: Signer) -> None:
    """The analyst's signature of one decision under another."""
    own = entry_of(lake, "takedown")
    change_entry("restrict", analyst_key_id=own.analyst_key_id, analyst_signature=own.analyst_signature)(lake, _)


def key_change(column: str, value: str) -> Callable[[LedgerLake, Signer], Any]:
    statement = f"update core.signing_key set {column} = {value} where key_id = $id"  # noqa: S608
    return lambda lake, _: lake.sql(statement, {"id": lake.ids["ana"]})


CHANGED, GONE = {"changed"}, {"deleted"}
TAMPERINGS: dict[str, Tampering] = {
    "another reason": Tampering(update("core.decision", "reasons", "'Because.'", "takedown"), CHANGED, "takedown"),
    "another analyst": Tampering(update("core.decision", "analyst", "'ben'", "takedown"), CHANGED, "takedown"),
    "another action": Tampering(update("core.decision", "action", "'no_action'", "takedown"), CHANGED, "takedown"),
    "no ground": Tampering(update("core.decision", "ground", "null", "restrict"), CHANGED, "restrict"),
    "another LoRA": Tampering(update("core.decision", "lora_id", f"'{OTHER}'", "takedown"), CHANGED, "takedown"),
    "other evidence": Tampering(update("core.decision", "evidence", "['notice/x']", "takedown"), CHANGED, "takedown"),
    "another snapshot": Tampering(update("core.decision", "snapshot_id", "1", "takedown"), CHANGED, "takedown"),
    "backdated": Tampering(
        update("core.decision", "decided_at", "decided_at - interval 1 day", "takedown"), CHANGED, "takedown"
    ),
    "an appeal against nothing": Tampering(update("core.decision", "refers_to", "null", "appeal"), CHANGED, "appeal"),
    "a decision deleted": Tampering(delete("core.decision", "decision_id", "takedown"), GONE, "takedown"),
    "a decision slipped in": Tampering(decision_of_other, {"not_entered"}, None),
    "a decision twice": Tampering(
        lambda lake, _: lake.sql(
            "insert into core.decision from core.decision where decision_id = $id", {"id": lake.ids["comment"]}
        ),
        {"duplicate"},
        "comment",
    ),
    "a decision and its entry deleted": Tampering(
        lambda lake, _: [
            lake.sql("delete from core.ledger where record_id = $id", {"id": lake.ids["takedown"]}),
            delete("core.decision", "decision_id", "takedown")(lake, _),
        ],
        {"gap"},
        position=place_of("takedown"),
    ),
    "a backdated entry at the end": Tampering(
        lambda lake, key: forged_entry(lake, key, back=timedelta(hours=3)), {"backwards"}
    ),
    "an entry of before the chain at its end": Tampering(
        lambda lake, key: forged_entry(lake, key, back=timedelta(days=30), is_late=True), {"backdated"}
    ),
    "another complaint": Tampering(update("core.notice", "text", "'Not mine.'", "notice"), CHANGED, "notice"),
    "a later complaint": Tampering(
        update("core.notice", "received_at", "received_at + interval 1 day", "notice"), CHANGED, "notice"
    ),
    "another limit": Tampering(update("core.notice", "due_at", "now()", "notice"), CHANGED, "notice"),
    "a complaint deleted": Tampering(delete("core.notice", "notice_id", "second notice"), GONE, "second notice"),
    "another approver": Tampering(update("core.approval", "user_name", "'ana'", "approval"), CHANGED, "approval"),
    "another thing approved": Tampering(
        update("core.approval", "content_hash", f"'{'1' * 64}'", "approval"), CHANGED, "approval"
    ),
    "an approval deleted": Tampering(delete("core.approval", "batch_id", "approval"), GONE, "approval"),
    "an entry for a changed record": Tampering(
        change_entry("takedown", content_hash="a" * 64), {"altered_entry"}, "takedown", place_of("takedown")
    ),
    "an entry with a hash of its own": Tampering(
        lambda lake, _: change_entry(
            "takedown",
            content_hash="a" * 64,
            entry_hash=replace(entry_of(lake, "takedown"), content_hash="a" * 64).own_hash(),
        )(lake, _),
        {"broken_link"},
        "appeal",
        place_of("appeal"),
    ),
    "an entry of another time": Tampering(
        lambda lake, _: lake.write_anew(
            linked_anew(
                [
                    replace(
                        one, entered_at=one.entered_at - timedelta(days=1), clock_at=one.clock_at - timedelta(days=1)
                    )
                    if one.record_id == lake.ids["takedown"]
                    else one
                    for one in lake.entries()
                ]
            )
        ),
        {"backwards"},
        "takedown",
        place_of("takedown"),
    ),
    "two entries in each other's place": Tampering(swapped, {"altered_entry"}, "takedown"),
    "a fork": Tampering(fork, {"fork"}, position=place_of("restrict")),
    "the last entry taken off": Tampering(truncated(notes=False), {"head"}, position=lambda lake: lake.head.position),
    "the last entry taken off, and the catalog's notes": Tampering(
        truncated(notes=True), {"head"}, position=lambda lake: lake.head.position, needs_key=True
    ),
    "a decision with all hashes anew": Tampering(
        changed_with_its_chain(by_file=False, notes=False), {"head", "history"}, "takedown"
    ),
    "a decision with all hashes anew, in the files": Tampering(
        changed_with_its_chain(by_file=True, notes=False), {"head"}, "takedown"
    ),
    "a decision with all hashes anew, in files and catalog": Tampering(
        changed_with_its_chain(by_file=True, notes=True), {"head", "not_signed"}, needs_head=True
    ),
    "the table of the chain made anew": Tampering(table_made_anew, {"head"}),
    "a reason in the file": Tampering(
        rewrite("core.decision", "decision_id", "takedown", reasons="No."), CHANGED, "takedown"
    ),
    "a complaint in the file": Tampering(rewrite("core.notice", "notice_id", "notice", text="No."), CHANGED, "notice"),
    "an approver in the file": Tampering(
        rewrite("core.approval", "batch_id", "approval", user_name="eve"), CHANGED, "approval"
    ),
    "files of decisions deleted": Tampering(file_gone, {"unreadable"}),
    "files of the chain cut": Tampering(file_cut, {"unreadable"}),
    "another public key": Tampering(
        lambda lake, key: lake.sql(
            "update core.signing_key set public_key = $k where key_id = $id",
            {"k": encoded(key.public_key), "id": lake.ids["ana"]},
        ),
        CHANGED,
        signed_only=True,
    ),
    "a key of another analyst": Tampering(key_change("analyst", "'eve'"), CHANGED, signed_only=True),
    "a key that stays valid": Tampering(
        key_change("valid_until", "now() + interval 9 year"), CHANGED, signed_only=True
    ),
    "a revocation deleted": Tampering(
        lambda lake, _: lake.sql("delete from core.signing_key where change = 'revoke'"), GONE, signed_only=True
    ),
    "a key slipped in that signs all": Tampering(second_key, {"not_entered"}, signed_only=True),
    "the deployment's key exchanged, all signed anew": Tampering(
        foreign_key, {"key", "head"}, signed_only=True, needs_key=True
    ),
    "a signature taken off": Tampering(
        change_entry("restrict", signature=None), {"not_signed"}, "restrict", signed_only=True
    ),
    "key and signature taken off": Tampering(
        change_entry("restrict", signature=None, key_id=None), {"not_signed"}, "restrict", signed_only=True
    ),
    "a signature of another entry": Tampering(exchanged_signatures, {"signature"}, "restrict", signed_only=True),
    "a signature of a revoked key": Tampering(signed_by_revoked, {"signature"}, "restrict", signed_only=True),
    "an analyst's signature of another decision": Tampering(
        moved_analyst, {"signature", "key"}, "restrict", signed_only=True
    ),
    "an analyst's signature taken off": Tampering(
        change_entry("takedown", analyst_signature=None, analyst_key_id=None),
        {"altered_entry"},
        "takedown",
        signed_only=True,
    ),
}


@pytest.mark.parametrize("kind", ["signed", "recorded"])
def test_what_nobody_touched_has_no_fault(kind: str, request: pytest.FixtureRequest) -> None:
    lake: LedgerLake = request.getfixturevalue(kind)
    kept = KeptHead(lake.head.entry_hash, lake.head.position)
    trusted = PublicKeys([PublicKey(lake.signer.key_id, lake.signer.public_key)]) if lake.signer else None
    assert findings(lake, kept, trusted) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name, one in TAMPERINGS.items()
        for kind in ("signed", "recorded")
        if kind == "signed" or not one.signed_only
    ],
)
def test_a_tampering_is_found(name: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    given: LedgerLake = request.getfixturevalue(kind)
    lake, tampering, intruder = copied(given, tmp_path), TAMPERINGS[name], make_key(tmp_path / "intruder")
    position = tampering.position(lake) if tampering.position else None
    tampering.do(lake, intruder)
    is_kept = tampering.needs_key or (tampering.needs_head and kind == "recorded")
    if is_kept:
        assert findings(lake) == []  # as docs/moderation.md says
    kept = KeptHead(lake.head.entry_hash, lake.head.position) if is_kept else None
    found = [one for one in findings(lake, kept) if one.fault in tampering.faults]
    assert found
    if tampering.record:
        assert lake.ids[tampering.record] in {one.record_id for one in found}
    if position is not None:
        assert position in {one.position for one in found}
    if tampering.needs_key and kind == "signed" and lake.signer and "key" in tampering.faults:
        trusted = PublicKeys([PublicKey(lake.signer.key_id, lake.signer.public_key)])
        assert "key" in {one.fault for one in findings(lake, trusted=trusted)}


def test_there_are_enough_of_them() -> None:
    assert len(TAMPERINGS) >= 40
