"""Ingestion of a whole source: what is new is read and committed, what is not costs a listing, nothing is lost."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.cli import main
from carlos_tasks.errors import PassingError, PermanentError
from carlos_tasks.intake import discovery, shard_rows
from carlos_tasks.intake import shard_intake as intake
from carlos_tasks.intake import source_intake as ingestion
from carlos_tasks.intake.rows import listing_row
from carlos_tasks.intake.source_intake import IngestReport, ingest_source
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.checks import run_checks
from carlos_tasks.settings import Settings, load_settings
from carlos_tasks.store import open_store
from carlos_tasks.store.folder import FolderStore
from carlos_tasks.store.keys import intake_key
from tests.lora.crafted import micro_lora, write_file
from tests.sources.models import a_file, a_model, a_version


def model(number: int, **changes: Any) -> dict[str, Any]:
    file = a_file(number, hashes=None, sizeKB=None)
    return a_model(number, modelVersions=[a_version(number, files=[file])]) | changes


class Dump(FolderStore):
    """A dump of metadata in a folder; every write of a shard is another state of it."""

    second = 1_000

    def put(self, shard_key: str, *models: object) -> None:
        self.write(shard_key, "\n".join(map(json.dumps, models)).encode())
        Dump.second += 1
        os.utime(Path(self.url(shard_key)), (Dump.second, Dump.second))


@pytest.fixture
def dump(tmp_path: Path) -> Dump:
    return Dump(tmp_path / "dump")


@pytest.fixture
def take(dump: Dump, made: Settings) -> Callable[..., IngestReport]:
    def ingest(**options: bool) -> IngestReport:
        return ingest_source(made, f"civitai-dump:{dump.uri}", **options)

    return ingest


def ask(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with connect(settings) as con:
        return con.execute(query).fetchall()


STATES = "select model_id, state from mart.listing_history order by all"


def test_a_dump_of_metadata_is_ingested_once(dump: Dump, take: Callable[..., IngestReport], settings: Settings) -> None:
    dump.put("models/1.jsonl", model(1), model(2), "broken")
    dump.put("models/2.jsonl", model(3), model(4, type="Checkpoint"))
    first = take()
    assert (first.n_shards, first.n_shards_read, first.n_records) == (2, 2, 5)
    assert (first.n_listings, first.n_without_bytes, first.n_rejected, first.n_new_listings) == (3, 3, 2, 3)
    assert first.by_reason == {"not_a_lora": 1, "record_invalid": 1}
    commits = ask(settings, "from mart.commit_log")
    second = take()
    assert (second.n_shards, second.n_shards_read, second.n_records) == (2, 0, 0)
    assert ask(settings, "from mart.commit_log") == commits
    assert ask(settings, "select sum(n_records) from raw.shard") == [(5,)]
    with connect(settings) as con:
        assert run_checks(con) == []


def test_a_changed_shard_is_read_again_and_no_other(dump: Dump, take: Callable[..., IngestReport]) -> None:
    dump.put("models/1.jsonl", model(1))
    dump.put("models/2.jsonl", model(2))
    take()
    dump.put("models/2.jsonl", model(2, name="renamed"))
    report = take()
    assert (report.n_shards_read, report.n_records, report.n_new_listings) == (1, 1, 1)


def test_other_rules_or_other_checks_read_everything_again(
    dump: Dump, take: Callable[..., IngestReport], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump.put("models/1.jsonl", model(1))
    take()
    smaller = settings.model_copy(update={"max_file_mb": 1})
    assert ingest_source(smaller, f"civitai-dump:{dump.uri}").n_shards_read == 1
    assert ingest_source(smaller, f"civitai-dump:{dump.uri}").n_shards_read == 0
    for module in (discovery, intake):
        monkeypatch.setattr(module, "CHECKS_VERSION", 1000)
    assert ingest_source(smaller, f"civitai-dump:{dump.uri}").n_shards_read == 1
    assert ingest_source(smaller, f"civitai-dump:{dump.uri}").n_shards_read == 0


def test_records_that_move_stay_and_those_of_a_shard_that_is_gone_vanish(
    dump: Dump, take: Callable[..., IngestReport], settings: Settings
) -> None:
    dump.put("models/3.jsonl", model(1), model(2))
    dump.put("models/4.jsonl", model(3))
    take()
    dump.put("models/3.jsonl", model(2))
    dump.put("models/4.jsonl", model(3), model(1))
    take()
    assert {state for _, state in ask(settings, STATES)} == {"listed"}
    dump.delete("models/4.jsonl")
    assert take().n_shards_gone == 1
    assert ask(settings, STATES) == [("1", "vanished"), ("2", "listed"), ("3", "vanished")]
    assert take().n_shards_gone == 0
    dump.put("models/5.jsonl", model(3))
    take()
    assert ask(settings, STATES) == [("1", "vanished"), ("2", "listed"), ("3", "listed")]


def test_a_source_that_lists_nothing_any_more_is_asked_again(
    dump: Dump, take: Callable[..., IngestReport], settings: Settings
) -> None:
    dump.put("models/1.jsonl", model(1))
    take()
    dump.delete("models/1.jsonl")
    with pytest.raises(PassingError, match="is it there"):
        take()
    assert ask(settings, STATES) == [("1", "listed")]


def test_files_that_were_added_beside_an_unchanged_shard_are_taken_in(
    dump: Dump, take: Callable[..., IngestReport], settings: Settings, tmp_path: Path
) -> None:
    dump.put("models/1.jsonl", model(1), model(2))
    take()
    dump.write("files/1", write_file(tmp_path / "lora", micro_lora(), None).read_bytes())
    report = take()
    assert (report.n_accepted, report.n_new_loras, report.by_reason) == (1, 1, {"missing_file": 1})
    assert ask(settings, "select model_id, lora_id is not null from mart.listing_history order by all") == [
        ("1", True),
        ("2", False),
    ]
    with connect(settings) as con:
        assert run_checks(con) == []


def test_a_shard_that_stays_unreadable_costs_itself_only(
    dump: Dump, take: Callable[..., IngestReport], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        dump.put(f"models/{number}.jsonl", model(number))
    download = Dump.download

    def broken(self: Dump, key: str, path: Path) -> None:
        if key == "models/2.jsonl":
            raise PermanentError("it is what it is")
        download(self, key, path)

    monkeypatch.setattr(FolderStore, "download", broken)
    report = take()
    assert (report.n_shards_read, report.n_shards_failed, report.n_new_listings) == (2, 1, 2)
    assert ask(settings, "select shard_key, reason, detail from raw.shard_failure") == [
        ("models/2.jsonl", "PermanentError", "it is what it is")
    ]
    monkeypatch.undo()
    assert (take().n_shards_read, ask(settings, "from raw.shard_failure")) == (1, [])


def test_many_small_shards_share_their_commits(
    dump: Dump, take: Callable[..., IngestReport], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion, "RECORDS_PER_COMMIT", 4)
    for number in range(1, 11):
        dump.put(f"models/{number:02}.jsonl", model(number))
    assert take().n_new_listings == 10
    assert ask(settings, "select count(*) from mart.commit_log where message = 'intake'") == [(3,)]


def test_a_run_that_breaks_off_keeps_what_was_committed_and_goes_on(
    dump: Dump, take: Callable[..., IngestReport], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion, "RECORDS_PER_COMMIT", 1)
    for number in (1, 2, 3):
        dump.put(f"models/{number}.jsonl", model(number))
    in_the_way = Path(settings.store) / intake_key(f"civitai-dump:{dump.uri}", "models/3.jsonl")
    in_the_way.mkdir(parents=True)  # our own store does not take the last shard's file
    assert take().n_shards_failed == 1
    assert ask(settings, "select count(*) from raw.listing") == [(2,)]
    assert ask(settings, "select shard_key from raw.shard_failure") == [("models/3.jsonl",)]
    in_the_way.rmdir()
    report = take()
    assert (report.n_shards_read, report.n_new_listings) == (1, 1)


def test_a_record_that_is_lost_on_the_way_stops_the_commit_of_its_shard(
    dump: Dump, take: Callable[..., IngestReport], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump.put("models/1.jsonl", model(1), model(2))

    def forgetful(listing: Any, *arguments: Any) -> dict[str, Any]:
        return listing_row(listing, *arguments) | ({"kind": "lost"} if listing.model_id == "2" else {})

    monkeypatch.setattr(shard_rows, "listing_row", forgetful)
    assert take().n_shards_failed == 1
    assert ask(settings, "select count(*) from raw.listing") == [(0,)]
    ((why,),) = ask(settings, "select detail from raw.shard_failure")
    assert "2 records were read, and 1 listings and 0 rejections" in why


def test_the_command_tells_what_it_did(
    dump: Dump, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CARLOS_STORE", settings.store)
    monkeypatch.setenv("CARLOS_CATALOG", settings.catalog)
    load_settings.cache_clear()
    dump.put("models/1.jsonl", model(1))
    uri = f"civitai-dump:{dump.uri}"
    try:
        assert main(["ingest", uri, "--json"]) == 0
        (report,) = json.loads(capsys.readouterr().out)
        assert (report["source_uri"], report["n_records"], report["n_new_listings"]) == (uri, 1, 1)
        assert main(["ingest", uri, "--again", "--sweep"]) == 0
        assert "n_shards_read" in capsys.readouterr().out
        assert main(["ingest", "ftp://host"]) == 1
        assert "names no source" in capsys.readouterr().err
    finally:
        load_settings.cache_clear()


def test_a_second_run_reads_nothing_again_wherever_dump_and_lake_lie(store_uri: str, tmp_path: Path) -> None:
    dump = open_store(f"{store_uri}/dump")
    dump.write("models/1.json", json.dumps([model(1), model(2)]).encode())
    settings = Settings(store=f"{store_uri}/lake", catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}")
    runs = [ingest_source(settings, f"civitai-dump:{dump.uri}") for _ in range(2)]
    assert [(run.n_shards, run.n_shards_read, run.n_records) for run in runs] == [(1, 1, 2), (1, 0, 0)]
