"""Lakes with a chain, recorded or signed, and what somebody can do to them who may write them."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from carlos_tasks.aliases import Row
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.register import registered
from carlos_tasks.lake.statements import rows
from carlos_tasks.ledger.chain import Entry, head
from carlos_tasks.ledger.entry import ENTRY, Head, linked_behind
from carlos_tasks.ledger.keys import Signer, make_key, read_signer
from carlos_tasks.moderation.approval import Approval, ApprovedBatch
from carlos_tasks.moderation.decisions import decide, decide_many
from carlos_tasks.moderation.drafts import DecisionDraft, NoticeDraft
from carlos_tasks.moderation.notices import add_notice
from carlos_tasks.moderation.signing_keys import KeyDraft, add_key, revoke_key
from carlos_tasks.settings import Settings
from tests.moderation.cases_in_lake import OTHER, STAR, make_lake

ON_TERMS: dict[str, Any] = {"ground": "incompatible_content", "ground_reference": "Terms 4.2", "reasons": "The mark."}


@dataclass(frozen=True)
class LedgerLake:
    """A lake, the ids of its records by a short name, its head, and its keys where its entries are signed."""

    settings: Settings
    ids: dict[str, str]
    head: Head
    signer: Signer | None
    own: Signer | None

    def sql(self, statement: str, parameters: Any = None) -> list[Row]:
        """What anybody can run who may write the lake."""
        with connect(self.settings, read_only=False) as con:
            return rows(con, statement, parameters)

    def entries(self) -> list[Entry]:
        """The chain as it is."""
        return [Entry(**row) for row in self.sql("from core.ledger order by position, entry_hash")]

    def write_anew(self, entries: list[Entry], *, by_file: bool = False) -> None:
        """Put other entries in the place of the chain."""
        table = pa.Table.from_pylist([vars(one) for one in entries], schema=ENTRY)
        if by_file:
            by_position = {one.position: one for one in entries}
            self.rewrite("core.ledger", lambda row: row | vars(by_position[row["position"]]))
            return
        with connect(self.settings, read_only=False) as con:
            con.execute("begin")
            con.execute("delete from core.ledger")
            with registered(con, "entries", table):
                con.execute("insert into core.ledger by name from entries")
            con.execute("commit")

    def rewrite(self, table: str, change: Callable[[Row], Row]) -> None:
        """Write the files of a table anew in their places, past DuckLake; its catalog learns their new sizes."""
        catalog = self.settings.catalog.removeprefix("sqlite:")
        schema, _, name = table.partition(".")
        files = self.sql(f"select data_file from ducklake_list_files('carlos', '{name}', schema => '{schema}')")  # noqa: S608
        for path in [Path(row["data_file"]) for row in files]:
            before = pq.read_table(path)
            changed = [change(row) for row in before.to_pylist()]
            pq.write_table(pa.Table.from_pylist(changed, schema=before.schema), path)
            content = path.read_bytes()
            footer = int.from_bytes(content[-8:-4], "little")
            with closing(sqlite3.connect(catalog)) as con, con:
                con.execute(
                    "update ducklake_data_file set file_size_bytes = ?, footer_size = ? where path like ?",
                    [len(content), footer, f"%{path.name}"],
                )

    def forget_notes(self) -> None:
        """Take out of the catalog what commits noted of the chain's head."""
        with closing(sqlite3.connect(self.settings.catalog.removeprefix("sqlite:"))) as con, con:
            con.execute("update ducklake_snapshot_changes set commit_extra_info = null")


def linked_anew(entries: list[Entry], signer: Signer | None = None) -> list[Entry]:
    """A chain of the same records whose hashes fit, signed by another key or by none."""
    bare = [replace(one, key_id=None, signature=None) for one in entries]
    return linked_behind(None, bare, signer)


def make_ledger_lake(folder: Path, is_signed: bool) -> LedgerLake:
    """Two notices, a comment, a takedown, its appeal, a restriction in a batch; with keys, where entries are signed."""
    settings = make_lake(folder)
    signer = own = None
    ids = {}
    if is_signed:
        make_key(folder / "deployment")
        make_key(folder / "ana")
        settings = settings.model_copy(update={"signing_key": str(folder / "deployment")})
        signer, own = read_signer(folder / "deployment"), read_signer(folder / "ana")
        ids["deployment"] = add_key(settings, KeyDraft(signer.public_key, "the deployment", "deployment", "op"))[
            "key_id"
        ]
        ids["ana"] = add_key(settings, KeyDraft(own.public_key, "ana's", "analyst", "op", "ana"))["key_id"]
        old = make_key(folder / "old")
        ids["old"] = add_key(settings, KeyDraft(old.public_key, "ben's", "analyst", "op", "ben"))["key_id"]
        revoke_key(settings, old.key_id, "op", "lost")
    for name, lora_id in (("notice", STAR), ("second notice", OTHER)):
        ids[name] = add_notice(settings, NoticeDraft(lora_id, "copyright", "user", "ben", text="Mine."))["notice_id"]
    ids["takedown"] = decide(settings, DecisionDraft(STAR, "takedown", "ana", **ON_TERMS), own)["decision_id"]
    ids["appeal"] = decide(settings, DecisionDraft(STAR, "appeal", "ben", reasons="It is not."))["decision_id"]
    batch = ApprovedBatch("run 1", "0" * 64, Approval(True, "7", "ben", "2026-11-23T14:30:00+00:00"))
    (restricted,) = decide_many(settings, [DecisionDraft(OTHER, "restrict", "ben", **ON_TERMS)], batch)
    ids |= {"restrict": restricted["decision_id"], "approval": "run 1"}
    ids["comment"] = decide(settings, DecisionDraft(STAR, "comment", "ben", reasons="Seen."))["decision_id"]
    with connect(settings) as con:
        newest = head(con)
    assert newest is not None
    return LedgerLake(settings, ids, newest, signer, own)


def copied(lake: LedgerLake, folder: Path) -> LedgerLake:
    """The same lake in another folder."""
    store, catalog = Path(lake.settings.store), Path(lake.settings.catalog.removeprefix("sqlite:"))
    shutil.copytree(store, folder / "store")
    with closing(sqlite3.connect(catalog)) as made, closing(sqlite3.connect(folder / "catalog.sqlite")) as copy:
        made.backup(copy)
        with copy:
            copy.execute(
                "update ducklake_metadata set value = ? where key = 'data_path'", [f"{folder / 'store'}/lake/"]
            )
    settings = lake.settings.model_copy(
        update={"store": str(folder / "store"), "catalog": f"sqlite:{folder / 'catalog.sqlite'}"}
    )
    return replace(lake, settings=settings)
