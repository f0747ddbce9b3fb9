"""Discovery finds what the lake has not read, whatever the clock of the storage does and whatever became of it."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from carlos_tasks.errors import NotFound, PassingError, PermanentError
from carlos_tasks.intake import discovery
from carlos_tasks.intake import shard_intake as intake
from carlos_tasks.intake.discovery import find_new
from carlos_tasks.intake.partitions import partition_of
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.register import register_profile
from carlos_tasks.lake.statements import statement
from carlos_tasks.nightly.backlog import backlog_size
from carlos_tasks.nightly.stage_reports import Failure
from carlos_tasks.nightly.stages import (
    MAX_BATCHES,
    commit_intake,
    discover,
    index_batch,
    ingest,
    note_failure,
    plan,
    shard_of,
)
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.settings import Settings
from carlos_tasks.sources import open_source
from carlos_tasks.sources.listing import Listing, Rejection, Source
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectInfo
from carlos_tasks.worker.plans import Manifest, read_manifest, write_manifests
from tests.sources.models import a_model


class Dump:
    """A dump in a folder whose shards get the times that a test gives them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uri = f"civitai-dump:{folder}"

    def put(self, name: str, second: int, text: str = "{}") -> str:
        path = self.folder / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (second, second))
        return f"models/{name}"


class CountingSource:
    """A source that notes what is asked of it."""

    def __init__(self, source: Source) -> None:
        self.uri = source.uri
        self.asked: list[str] = []
        self._source = source

    def shards(self) -> Iterator[ObjectInfo]:
        self.asked.append("shards")
        return self._source.shards()

    def shard(self, shard_key: str) -> ObjectInfo:
        self.asked.append("shard")
        return self._source.shard(shard_key)

    def listings(self, shard_key: str) -> Iterator[Listing | Rejection]:
        self.asked.append("listings")
        return self._source.listings(shard_key)

    def gives_now(self, file_id: str) -> bool | None:
        self.asked.append("gives_now")
        return self._source.gives_now(file_id)

    def fingerprint(self, listing: Listing) -> str:
        self.asked.append("fingerprint")
        return self._source.fingerprint(listing)

    def fetch(self, listing: Listing, path: Path, max_bytes: int) -> None:
        self.asked.append("fetch")
        self._source.fetch(listing, path, max_bytes)


class Asked:
    """A connection to the lake that notes the statements it runs."""

    def __init__(self, con: duckdb.DuckDBPyConnection, statements: list[str]) -> None:
        self._con, self._statements = con, statements

    def __enter__(self) -> "Asked":
        return self

    def __exit__(self, *_: object) -> None:
        self._con.close()

    def execute(self, query: str, parameters: object = None) -> duckdb.DuckDBPyConnection:
        self._statements.append(query)
        return self._con.execute(query, parameters)


def ask(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with connect(settings) as con:
        return con.execute(query).fetchall()


def commits(settings: Settings) -> list[tuple[Any, ...]]:
    return ask(settings, "from mart.commit_log")


def register(settings: Settings) -> None:
    """Make the lake, with the profile in it."""
    with connect(settings, read_only=False) as con:
        migrate(con)
        register_profile(con, load_profile(settings.profile))


@pytest.fixture
def dump(tmp_path: Path) -> Dump:
    return Dump(tmp_path / "dump")


@pytest.fixture
def night(settings: Settings, dump: Dump) -> Callable[..., tuple[str, ...]]:
    """A night: discovery, then every announced shard is read; returns what was announced."""

    def run(**rules: Any) -> tuple[str, ...]:
        deployed = settings.model_copy(update=rules)
        announced = discover(deployed, dump.uri).shards
        for shard in announced:
            commit_intake(deployed, ingest(deployed, dump.uri, shard).intake_key)
        return announced

    return run


Night = Callable[..., tuple[str, ...]]


def test_the_first_night_finds_every_shard_oldest_first(settings: Settings, dump: Dump) -> None:
    late, early = dump.put("1.json", second=2000), dump.put("2.json", second=1000)
    found = discover(settings, dump.uri)
    assert (found.shards, found.n_listed, found.n_known) == ((early, late), 2, 0)


def test_again_finds_every_shard_whatever_was_read(settings: Settings, dump: Dump, night: Night) -> None:
    shards = tuple(dump.put(f"{number}.json", second=number) for number in (1, 2))
    assert [night(), night()] == [shards, ()]
    assert discover(settings, dump.uri, True).shards == shards
    assert discover(settings, dump.uri, None, sweep=True).shards == ()  # there is nothing to sweep


def test_discovery_makes_no_lake(settings: Settings, dump: Dump) -> None:
    dump.put("1.json", second=1000)
    discover(settings, dump.uri)
    assert not Path(settings.catalog.removeprefix("sqlite:")).exists()


def test_a_night_with_nothing_new_finds_nothing(dump: Dump, night: Night) -> None:
    only = dump.put("1.json", second=1000)
    assert [night(), night()] == [(only,), ()]


def test_a_night_with_nothing_new_costs_one_listing_and_one_query(
    settings: Settings, dump: Dump, night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump.put("1.json", second=1000)
    night()
    before = commits(settings)
    source = CountingSource(open_source(dump.uri, open_store(settings.store)))
    asked: list[str] = []
    monkeypatch.setattr(discovery, "connect", lambda *given, **options: Asked(connect(*given, **options), asked))
    assert find_new(settings, source).shards == ()
    assert source.asked == ["shards"]
    assert asked == [statement("ask/intake/shard_states")]
    assert commits(settings) == before


def test_only_what_came_later_is_found(dump: Dump, night: Night) -> None:
    dump.put("1.json", second=1000)
    night()
    new = dump.put("2.json", second=1001)
    assert night() == (new,)


def test_a_shard_that_appears_within_the_same_second_is_found(dump: Dump, night: Night) -> None:
    dump.put("5.json", second=1000)
    night()
    same_second = dump.put("1.json", second=1000)
    assert [night(), night()] == [(same_second,), ()]


def test_a_shard_rewritten_within_the_same_second_is_found(dump: Dump, night: Night) -> None:
    dump.put("1.json", second=1000)
    night()
    rewritten = dump.put("1.json", second=1000, text='{"items": []}')
    assert [night(), night()] == [(rewritten,), ()]


def test_a_shard_that_is_as_it_was_before_the_last_reading_is_found(dump: Dump, night: Night) -> None:
    dump.put("1.json", second=1000)
    night()
    dump.put("1.json", second=1001, text='{"items": []}')
    night()
    back = dump.put("1.json", second=1000)
    assert [night(), night()] == [(back,), ()]


def test_a_shard_that_was_copied_with_its_old_time_is_found(dump: Dump, night: Night) -> None:
    dump.put("1.json", second=2000)
    night()
    old = dump.put("2.json", second=1000)
    assert night() == (old,)


def test_a_shard_that_has_gone_is_handed_on_once_after_the_new_ones(dump: Dump, night: Night) -> None:
    gone = dump.put("1.json", second=1000)
    dump.put("2.json", second=1000)
    night()
    (dump.folder / gone).unlink()
    new = dump.put("3.json", second=1001)
    assert [night(), night()] == [(new, gone), ()]
    dump.put("1.json", second=1000)
    assert [night(), night()] == [(gone,), ()]


def test_a_source_that_lists_nothing_any_more_has_not_vanished(settings: Settings, dump: Dump, night: Night) -> None:
    only = dump.put("1.json", second=1000)
    night()
    (dump.folder / only).unlink()
    with pytest.raises(PassingError, match="lists no shard any more, and had 1"):
        discover(settings, dump.uri)


def test_what_a_shard_that_has_gone_held_has_vanished(settings: Settings, dump: Dump, night: Night) -> None:
    gone = dump.put("1.json", second=1000, text=json.dumps([a_model()]))
    night()
    (dump.folder / gone).unlink()
    report = ingest(settings, dump.uri, gone)
    assert report.n_records == 0
    commit_intake(settings, report.intake_key)
    assert ask(settings, "select state from mart.listing_history") == [("vanished",)]


def test_what_is_announced_and_not_read_is_announced_again(settings: Settings, dump: Dump, night: Night) -> None:
    """Whether index_loras was paused, or something crashed between the announcement and the commit."""
    shard = dump.put("1.json", second=1000)
    assert discover(settings, dump.uri).shards == (shard,)  # nobody hears it
    assert discover(settings, dump.uri).shards == (shard,)
    ingest(settings, dump.uri, shard)  # killed before its commit
    newer = dump.put("2.json", second=1001)
    assert [night(), night()] == [(shard, newer), ()]


@pytest.mark.parametrize("change", [{"max_file_mb": 8192}, {"profile": "sdxl-paper"}])
def test_other_rules_read_every_shard_once_more(dump: Dump, night: Night, change: dict[str, Any]) -> None:
    shard = dump.put("1.json", second=1000)
    night()
    assert [night(**change), night(**change)] == [(shard,), ()]


def test_deployments_with_rules_of_their_own_share_a_lake(dump: Dump, night: Night) -> None:
    """Neither makes the other one read everything again, night after night."""
    shard = dump.put("1.json", second=1000)
    sdxl = {"profile": "sdxl-paper"}
    assert [night(), night(**sdxl), night(), night(**sdxl)] == [(shard,), (shard,), (), ()]
    dump.put("1.json", second=1001, text='{"items": []}')
    assert [night(), night(**sdxl), night(), night(**sdxl)] == [(shard,), (shard,), (), ()]


def test_a_newer_version_of_the_checks_reads_every_shard_once_more(
    dump: Dump, night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = dump.put("1.json", second=1000)
    night()
    for module in (discovery, intake):
        monkeypatch.setattr(module, "CHECKS_VERSION", 1000)
    assert [night(), night()] == [(shard,), ()]


def test_a_lake_of_before_the_failures_of_shards_is_brought_up_to_date(
    settings: Settings, dump: Dump, night: Night
) -> None:
    dump.put("1.json", second=1000)
    night()
    with connect(settings, read_only=False) as con:
        con.execute("drop table raw.shard_failure")
        con.execute("delete from core.migration where path = 'schema/14_raw_shard_failure.sql'")
    new = dump.put("2.json", second=1001)
    assert [night(), night()] == [(new,), ()]
    assert ask(settings, "select n_failing_shards from mart.index_health") == []


TESTED_SQL = {"put_shard_failure", "remove_shard_failures"}
FAILING = "select n_failing_shards, failing_since, failing_reason from mart.index_health"
BROKEN = Failure("PassingError", "the store does not answer")


class TestAShardFailsEveryNight:
    """The lake says which one, why, and since when; and it is tried again every night until it is read."""

    def test_it_is_announced_every_night_and_shows_its_reason_and_since_when(
        self, settings: Settings, dump: Dump
    ) -> None:
        register(settings)
        shard = dump.put("1.json", second=1000)
        partition = partition_of(dump.uri, shard)
        assert ask(settings, FAILING) == [(0, None, None)]
        note_failure(settings, partition, BROKEN)
        assert discover(settings, dump.uri).shards == (shard,)
        ((_, since, _),) = ask(settings, FAILING)
        note_failure(settings, partition, Failure("killed", "no\nword password=secret"))
        assert ask(settings, FAILING) == [(1, since, f"{partition}: killed: no word password=***")]
        ((last,),) = ask(settings, "select failed_at from raw.shard_failure")
        assert last > since
        assert discover(settings, dump.uri).shards == (shard,)

    def test_the_commit_that_reads_it_removes_the_note(self, settings: Settings, dump: Dump, night: Night) -> None:
        register(settings)
        shard = dump.put("1.json", second=1000)
        note_failure(settings, partition_of(dump.uri, shard), BROKEN)
        assert night() == (shard,)
        assert ask(settings, FAILING) == [(0, None, None)]
        assert night() == ()

    def test_of_several_the_one_that_fails_for_the_longest_time_is_told(self, settings: Settings, dump: Dump) -> None:
        register(settings)
        for number in (2, 1):
            note_failure(settings, partition_of(dump.uri, f"models/{number}.json"), BROKEN)
        [(n, _, told)] = ask(settings, FAILING)
        assert (n, told) == (2, f"{dump.uri}!models/2.json: PassingError: the store does not answer")

    def test_what_was_read_before_is_read_again_where_a_later_reading_failed(
        self, settings: Settings, dump: Dump, night: Night
    ) -> None:
        """As a run by hand may fail, over a shard beside which files were added."""
        shard = dump.put("1.json", second=1000)
        night()
        note_failure(settings, partition_of(dump.uri, shard), BROKEN)
        assert [night(), night()] == [(shard,), ()]

    def test_one_that_goes_from_the_source_unread_leaves_nothing_behind(
        self, settings: Settings, dump: Dump, night: Night
    ) -> None:
        shard, other = dump.put("1.json", second=1000), dump.put("2.json", second=1000)
        note_failure(settings, partition_of(dump.uri, shard), BROKEN)
        (dump.folder / shard).unlink()
        assert [night(), night()] == [(other, shard), ()]
        assert ask(settings, "from raw.shard_failure") == []

    def test_a_partition_without_a_shard_leaves_no_note(self, settings: Settings) -> None:
        note_failure(settings, "backlog/2026-01-01", BROKEN)
        assert not Path(settings.catalog.removeprefix("sqlite:")).exists()


def test_batches_grow_until_airflow_maps_over_them(settings: Settings) -> None:
    """It maps over so many and no more; nothing is left out, and the same backlog gives the same plan."""
    register(settings)
    one_each = settings.model_copy(update={"loras_per_batch": 1})
    wait(settings, MAX_BATCHES + 3)
    planned = plan(one_each)
    (keys,) = planned.batches.values()
    assert (len(keys), planned.n_loras, backlog_size(one_each)) == ((MAX_BATCHES + 4) // 2, *[MAX_BATCHES + 3] * 2)
    assert plan(one_each) == planned
    store = open_store(settings.store)
    manifests = [read_manifest(store, key) for key in keys]
    assert len({lora.lora_id for manifest in manifests for lora in manifest.loras}) == MAX_BATCHES + 3
    assert {len(manifest.loras) for manifest in manifests[:-1]} == {2}


def wait(settings: Settings, n_loras: int, base_model: str = "micro-xl") -> None:
    """Put LoRAs into the lake that were never measured."""
    with connect(settings, read_only=False) as con:
        con.execute(
            "insert into core.lora by name select sha256($model || i::varchar) as lora_id, $model as base_model, "
            "'files/' || i::varchar as file_key, now() as first_seen_at, now() as taken_in_at from range($n) as t(i)",
            {"model": base_model, "n": n_loras},
        )


def test_a_partition_leads_to_its_shard(settings: Settings, tmp_path: Path) -> None:
    deep = "/".join(["deep" * 20] * 5)
    (tmp_path / deep).mkdir(parents=True)
    (tmp_path / deep / "a.safetensors").write_bytes(b"x")
    uri = f"folder:{tmp_path}"
    assert discover(settings, uri).shards == (deep,)
    key = partition_of(uri, deep)
    assert len(key) <= 250
    assert shard_of(settings, key) == (uri, deep)
    assert shard_of(settings, "backlog/2026-01-01") is None


def test_the_partition_of_a_shard_that_has_gone_leads_to_it_too(settings: Settings, tmp_path: Path) -> None:
    deep = tmp_path / "folder" / "/".join(["deep" * 20] * 5)
    deep.mkdir(parents=True)
    (deep / "a.safetensors").write_bytes(b"x")
    (tmp_path / "folder" / "b.safetensors").write_bytes(b"x")
    uri = f"folder:{tmp_path}/folder"
    for shard in discover(settings, uri).shards:
        commit_intake(settings, ingest(settings, uri, shard).intake_key)
    (deep / "a.safetensors").unlink()
    [gone] = discover(settings, uri).shards
    assert shard_of(settings, partition_of(uri, gone)) == (uri, gone)
    with pytest.raises(NotFound):
        shard_of(settings, partition_of(uri, gone + "?"))


def test_an_empty_dump_has_nothing_new(settings: Settings, dump: Dump) -> None:
    assert discover(settings, dump.uri).shards == ()


def test_a_manifest_of_another_profile_is_refused(tmp_path: Path) -> None:
    settings = Settings(store=str(tmp_path))
    manifest = Manifest(profile_id="0123456789abcdef", loras=())
    assert write_manifests(open_store(settings.store), "p", [manifest]) == ["plans/p/0000.json"]
    with pytest.raises(PermanentError, match="another deployment: profile 0123456789abcdef is none of micro: add it"):
        index_batch(settings, "plans/p/0000.json")
