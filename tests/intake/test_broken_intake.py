"""Files and intake files that are broken in the store: the shard is read again, and the others are committed."""

import json
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.errors import CarlosError
from carlos_tasks.intake import source_intake
from carlos_tasks.intake.shard_rows import IntakeReport
from carlos_tasks.intake.source_intake import ingest_source
from carlos_tasks.lake.catalog import connect
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import file_key, quarantine_prefix
from tests.lora.crafted import micro_lora, write_file


@pytest.fixture
def loras(tmp_path: Path) -> Path:
    """Three directories, so three shards, with a LoRA each."""
    for number, name in enumerate("abc"):
        (tmp_path / "loras" / name).mkdir(parents=True)
        write_file(tmp_path / "loras" / name / f"{name}.safetensors", micro_lora(4 + number))
    return tmp_path / "loras"


def known(settings: Settings) -> list[tuple[Any, ...]]:
    with connect(settings) as con:
        return con.execute("select file_id from raw.listing order by 1").fetchall()


@pytest.mark.parametrize("damage", [None, b"", b"garbage", "half", "sibling"])
def test_an_intake_file_that_broke_before_its_commit_costs_its_shard(
    damage: bytes | str | None, loras: Path, made: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, whole = open_store(made.store), source_intake.ingest_shard
    keys: list[str] = []

    def spoilt(*given: Any) -> IntakeReport:
        report = whole(*given)
        keys.append(report.intake_key)
        if len(keys) == 2:
            data = store.read(keys[1])
            broken = {"half": data[: len(data) // 2], "sibling": store.read(keys[0])}.get(str(damage), damage)
            store.delete(keys[1])
            if broken is not None:
                assert isinstance(broken, bytes)
                store.write(keys[1], broken)
        return report

    monkeypatch.setattr(source_intake, "ingest_shard", spoilt)
    report = ingest_source(made, f"folder:{loras}")
    assert (report.n_shards_read, report.n_shards_failed, report.n_new_loras) == (2, 1, 2)
    with connect(made) as con:
        ((shard, detail),) = con.execute("select shard_key, detail from raw.shard_failure").fetchall()
    assert shard == "b" and keys[1] in detail
    monkeypatch.undo()
    again = ingest_source(made, f"folder:{loras}")
    assert (again.n_shards_read, again.n_shards_failed, again.n_new_loras) == (1, 0, 1)
    assert known(made) == [("a/a.safetensors",), ("b/b.safetensors",), ("c/c.safetensors",)]
    with connect(made) as con:
        assert con.execute("select count(*) from raw.shard_failure").fetchall() == [(0,)]


def test_a_file_and_a_story_that_are_not_whole_are_written_again(loras: Path, made: Settings) -> None:
    (loras / "a" / "bad.safetensors").write_bytes(b"no LoRA at all")
    ingest_source(made, f"folder:{loras}")
    store = open_store(made.store)
    with connect(made) as con:
        ((kept,),) = con.execute("select file_key from core.lora order by lora_id limit 1").fetchall()
        ((refused,),) = con.execute("select lora_id from raw.rejection").fetchall()
    story, file = f"{quarantine_prefix(refused)}rejection.json", f"{quarantine_prefix(refused)}file"
    before = {key: store.read(key) for key in (kept, story, file)}
    assert json.loads(before[story])["listing"]["file_id"] == "a/bad.safetensors"
    for broken in (b"", b"{", b"null"):
        for key in before:
            store.write(key, broken)
        ingest_source(made, f"folder:{loras}", again=True)
        assert {key: store.read(key) for key in before} == before


def test_a_file_under_another_ones_key_is_not_measured(made: Settings, micro: Any) -> None:
    from carlos_tasks.worker.plans import LoraTask
    from carlos_tasks.worker.worker import Worker

    def no_backbone(*_: Any) -> Any:
        raise AssertionError("nothing of the file is to be looked at")

    store, lora_id = open_store(made.store), "ab" * 32
    store.write(file_key(lora_id), b"the bytes of another LoRA")
    worker = Worker(made, [micro], store, load_pipeline=no_backbone)
    (outcome,) = worker.index(LoraTask(lora_id, file_key(lora_id), ()), lambda _: None)
    assert (outcome.status, outcome.reason) == ("failed", "file_changed")
    assert file_key(lora_id) in str(outcome.detail)


def test_a_place_without_a_lake_fails_with_our_own_error(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_text("no database, though long enough to be taken for one" * 100)
    settings = Settings(store=str(tmp_path / "store"), catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}")
    for read_only in (True, False):
        with pytest.raises(CarlosError, match="not a database"):
            connect(settings, read_only=read_only)
