"""Reports in the ledger: one entry each, none that makes another state of the lake, signed where there is a key."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from carlos_tasks.errors import PassingError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.state import lake_state
from carlos_tasks.ledger.canonical import canonical_json
from carlos_tasks.ledger.keys import Signer, make_key
from carlos_tasks.moderation.signing_keys import KeyDraft, add_key, revoke_key
from carlos_tasks.reports.bundles import stored
from carlos_tasks.reports.check import check_report
from carlos_tasks.reports.moderation.report import store_moderation
from carlos_tasks.reports.transparency.report import store_transparency, write_transparency
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.folder import FolderStore

MONTH = "2026-01"


def n_entries(settings: Settings) -> int:
    with connect(settings) as con:
        return int(con.execute("select count(*) from core.ledger where kind = 'report'").fetchall()[0][0])


def newest(settings: Settings) -> int:
    with connect(settings) as con:
        return int(con.execute("select max(snapshot_id) from mart.commit_log").fetchall()[0][0])


def signed(settings: Settings, folder: Path, *, until: timedelta | None = None) -> tuple[Settings, Signer]:
    """The settings with a key of the deployment, which the lake knows."""
    signer = make_key(folder / "deployment.pem")
    valid_until = datetime.now(UTC) + until if until else None
    add_key(settings, KeyDraft(signer.public_key, "deployment", "deployment", "lead", valid_until=valid_until))
    return settings.model_copy(update={"signing_key": str(folder / "deployment.pem")}), signer


def test_a_second_run_on_a_lake_that_did_not_change_writes_nothing(made: Settings) -> None:
    with connect(made) as con:
        state = lake_state(con)
    kept, other = store_transparency(made, MONTH), store_moderation(made)
    before = newest(made)
    assert not store_transparency(made, MONTH).is_new and not store_moderation(made).is_new
    assert newest(made) == before and n_entries(made) == 2
    with connect(made) as con:
        assert lake_state(con) == state, "entries of reports make no other state of the lake"
        health = con.execute("select max(last_snapshot_id) from mart.index_health").fetchall()
    assert health[0][0] in (None, state[0])
    assert f"snapshot_id={state[0]}/" in kept.prefix and f"snapshot_id={state[0]}/" in other.prefix


@pytest.mark.parametrize("dies_at", ["entry", "seal"])
def test_killed_on_its_way_it_is_whole_after_the_next_run(
    made: Settings, monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    def killed(*arguments: object) -> None:
        raise PassingError("killed")

    with monkeypatch.context() as patch:
        if dies_at == "entry":
            patch.setattr(stored, "enter_report", killed)
        else:
            patch.setattr(FolderStore, "write", killed)
        with pytest.raises(PassingError):
            store_transparency(made, MONTH)
    kept = store_transparency(made, MONTH)
    assert kept.is_new == (dies_at == "entry"), "what was not entered is made again: nobody vouches for it"
    verdict = check_report(f"{made.store}/{kept.prefix}", made)
    assert verdict.faults == [] and n_entries(made) == 1


def test_what_somebody_laid_into_the_store_is_never_entered(made: Settings) -> None:
    kept, store = store_transparency(made, MONTH), open_store(made.store)
    manifest = orjson.loads(store.read(f"{kept.prefix}manifest.json")) | {"summary": {"n_notices": 99}}
    store.write(f"{kept.prefix}manifest.json", canonical_json(manifest))
    store.write(f"{kept.prefix}tables/more.csv", b"x")
    again = store_transparency(made, MONTH)
    assert again.is_new and again.summary["n_notices"] == 0 and n_entries(made) == 2
    assert check_report(f"{made.store}/{kept.prefix}", made).faults == []


def test_a_report_is_signed_with_the_key_of_the_deployment(made: Settings, tmp_path: Path) -> None:
    settings, signer = signed(made, tmp_path)
    manifest = write_transparency(settings, tmp_path / "out", MONTH)
    assert manifest["signed_by"] == signer.key_id and manifest["not_entered"] is None
    verdict = check_report(str(tmp_path / "out"), settings)
    assert verdict.faults == [] and verdict.vouched_by[1] == f"signed with key {signer.key_id}"
    alone = check_report(str(tmp_path / "out"), keys=tmp_path / "deployment.pem.pub")
    assert alone.faults == [] and alone.vouched_by == [f"signed with key {signer.key_id}"]


def test_without_the_key_of_a_lake_that_is_signed_a_report_says_that_it_is_not_entered(
    made: Settings, tmp_path: Path
) -> None:
    signed(made, tmp_path)
    manifest = write_transparency(made, tmp_path / "out", MONTH)
    assert manifest["entry"] is None and "CARLOS_SIGNING_KEY" in manifest["not_entered"]
    assert orjson.loads((tmp_path / "out/seal.json").read_bytes())["not_entered"] == manifest["not_entered"]
    found = [row["fault"] for row in check_report(str(tmp_path / "out"), made).faults]
    assert found == ["is not in the ledger of the lake", "has no signature"]
    assert check_report(str(tmp_path / "out")).vouched_by == []


def test_a_key_that_was_not_valid_or_is_unknown_is_told(made: Settings, tmp_path: Path) -> None:
    settings, signer = signed(made, tmp_path)
    write_transparency(settings, tmp_path / "out", MONTH)
    (tmp_path / "stranger").mkdir()
    make_key(tmp_path / "stranger" / "key.pem")
    strangers = check_report(str(tmp_path / "out"), keys=tmp_path / "stranger" / "key.pem.pub").faults
    assert {row["fault"].partition("key ")[2] for row in strangers} == {f"{signer.key_id} is not known"}
    second = make_key(tmp_path / "second.pem")
    add_key(settings, KeyDraft(second.public_key, "second", "deployment", "lead"))
    renewed = made.model_copy(update={"signing_key": str(tmp_path / "second.pem")})
    revoke_key(renewed, signer.key_id, "lead", since=datetime.now(UTC) - timedelta(days=1))
    faults = check_report(str(tmp_path / "out"), renewed).faults
    assert [row for row in faults if row["path"] == "seal.json" and "was revoked" in row["fault"]]


def test_a_stripped_signature_is_told(made: Settings, tmp_path: Path) -> None:
    settings, _ = signed(made, tmp_path)
    write_transparency(settings, tmp_path / "out", MONTH)
    seal = tmp_path / "out" / "seal.json"
    seal.write_bytes(canonical_json(orjson.loads(seal.read_bytes()) | {"key_id": None, "signature": None}))
    (fault,) = check_report(str(tmp_path / "out"), settings).faults
    assert fault["path"] == "seal.json" and "the signature was taken away" in fault["fault"]
