"""What a source lists and does not give is asked for again: pages in its place, refusals, files that come later."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.commands.indexing import passed
from carlos_tasks.errors import PassingError
from carlos_tasks.intake import source_intake
from carlos_tasks.intake.discovery import find_new
from carlos_tasks.intake.source_intake import IngestReport, ingest_source
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.checks import run_checks
from carlos_tasks.lake.transaction import snapshot_id
from carlos_tasks.settings import Settings
from carlos_tasks.sources import civitai_api, open_source
from carlos_tasks.sources.back_off import BackOff
from carlos_tasks.sources.civitai_dump import CivitaiDump
from carlos_tasks.store import open_store
from tests.intake.test_source_intake import Dump, ask, model
from tests.lora.crafted import micro_lora, write_file
from tests.sources.bad_server import Handler, Server, serving
from tests.sources.models import a_file, a_model, a_version

TESTED_SQL = {"put_awaited", "remove_awaited"}
FIRST_PAUSES = [timedelta(days=days) for days in (1, 1, 2, 4, 8, 16, 30, 30)]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(civitai_api, "BackOff", lambda: BackOff(tries=2, first_s=0.001))
    with serving(Server(page_size=100)) as state:
        yield state


@pytest.fixture
def lora(tmp_path: Path) -> bytes:
    return write_file(tmp_path / "lora", micro_lora(), None).read_bytes()


class Site:
    """A Civitai of five models; `faults` says how the download of some of them goes wrong."""

    def __init__(self, server: Server, data: bytes, settings: Settings) -> None:
        self.server, self.data, self.settings = server, data, settings
        self.faults: dict[int, str] = {}
        server.models = [self._model(number) for number in (5, 4, 3, 2, 1)]

    @property
    def uri(self) -> str:
        return f"civitai:{self.server.address}"

    def night(self, **options: bool) -> IngestReport:
        """Ingest, and see that the lake is sound."""
        self.server.requests = []
        report = ingest_source(self.settings, self.uri, **options)
        with connect(self.settings) as con:
            assert run_checks(con) == []
        return report

    def fetched(self) -> list[str]:
        """Models whose files were asked for since the night began."""
        downloads = (path for path in self.server.paths if path.startswith("/api/download/"))
        return sorted({path.rpartition("/")[2] for path in downloads})

    def has_to_ask(self) -> bool:
        return bool(find_new(self.settings, open_source(self.uri, open_store(self.settings.store))).unread)

    def awaited(self) -> list[tuple[Any, ...]]:
        return ask(self.settings, "select file_id, reason from raw.awaited order by all")

    def _model(self, number: int) -> dict[str, Any]:
        path = f"/api/download/models/{number}"

        def answer(handler: Handler) -> None:
            if number in self.faults:
                handler.misbehave(self.faults[number], b"")
            else:
                handler.send(200, self.data, kind="application/octet-stream")

        self.server.files[path] = answer
        claims = {"hashes": {"SHA256": hashlib.sha256(self.data).hexdigest()}, "sizeKB": len(self.data) / 1024}
        file = a_file(number, downloadUrl=self.server.address + path, **claims)
        return a_model(number, modelVersions=[a_version(number, files=[file])])


@pytest.fixture
def site(server: Server, lora: bytes, made: Settings) -> Site:
    return Site(server, lora, made)


@pytest.mark.parametrize("fault", ["challenge", "page 404", "page 200", "gateway 403"])
def test_a_challenged_file_costs_itself_only_and_is_asked_for_on_the_next_night(fault: str, site: Site) -> None:
    site.faults = dict.fromkeys((2, 4), fault)
    report = site.night()
    assert (report.n_accepted + report.n_known, report.n_unanswered, report.n_rejected) == (3, 2, 0)
    assert report.n_records == 5
    assert ask(site.settings, "from raw.rejection") == []
    assert site.awaited() == [("", "no_bytes")]
    assert "2 files got no answer of the source's own" in passed(report)
    site.faults.pop(4)
    assert site.night().n_unanswered == 1
    assert site.fetched() == ["2", "4"]  # what was done is known
    site.faults.clear()
    report = site.night()
    assert (report.n_known + report.n_accepted, report.n_unanswered, passed(report)) == (5, 0, "")
    assert site.awaited() == []
    assert site.night().n_shards_read == 0
    states = "select state, lora_id is not null from mart.listing_history"
    assert ask(site.settings, states) == [("listed", True)] * 5


def test_a_site_that_challenges_every_file_ends_the_run_and_says_so(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_intake, "UNANSWERED_IN_OUTAGE", 3)
    site.server.page_size = 2
    site.faults = dict.fromkeys(range(1, 6), "challenge")
    with pytest.raises(PassingError, match=r"4 in a row; what was read is committed, 1 shards are left"):
        site.night()
    assert ask(site.settings, "select count(*) from raw.listing") == [(4,)]
    site.faults.clear()
    report = site.night()
    assert (report.n_shards_read, report.n_accepted + report.n_known) == (3, 5)
    assert site.awaited() == []


@pytest.mark.parametrize("fault", ["words 403 Early Access", "words 401 Unauthorized"])
def test_a_refused_file_is_asked_for_again_and_is_taken_in_once_it_is_given(fault: str, site: Site) -> None:
    site.faults = {3: fault}
    assert site.night().by_reason == {"not_public": 1}
    assert site.awaited() == [("3", "not_public")]
    site.faults.clear()
    assert site.night().n_shards_read == 1
    assert site.fetched() == ["3"]
    assert site.awaited() == []
    assert site.night().n_shards_read == 0


def test_a_refused_file_is_asked_for_after_pauses_that_grow(site: Site) -> None:
    site.faults = {3: "words 403 Early Access"}
    site.night()
    site.night()
    pauses = []
    for _ in FIRST_PAUSES:
        days = 0
        while days == 0 or not site.has_to_ask():
            days += 1
            back("since - interval 1 day, asked_at = asked_at - interval 1 day", site.settings)
        pauses.append(timedelta(days=days))
        site.night()
    assert pauses == FIRST_PAUSES


def back(times: str, settings: Settings) -> None:
    """Put what is awaited into the past."""
    with connect(settings, read_only=False) as con:
        con.execute(f"update raw.awaited set since = {times}")  # noqa: S608 - of this test


def test_a_web_page_that_does_not_say_that_it_is_one_is_asked_for_again(site: Site) -> None:
    page = b"<!DOCTYPE html><html>Just a moment</html>"
    site.server.files["/api/download/models/3"] = lambda handler: handler.send(200, page, kind="binary/octet-stream")
    assert site.night().by_reason == {"web_page": 1}
    site.server.files["/api/download/models/3"] = lambda handler: handler.send(200, site.data, kind="x/y")
    report = site.night()
    assert (report.by_reason, report.n_known) == ({}, 5)
    assert site.awaited() == []


def test_a_file_that_the_api_does_not_have_is_asked_for_after_a_day(site: Site) -> None:
    site.faults = {3: "words 404 File not found"}
    assert site.night().by_reason == {"missing_file": 1}
    assert not site.has_to_ask()
    back("since - interval 1 day, asked_at = asked_at - interval 1 day", site.settings)
    site.faults.clear()
    assert site.night().n_shards_read == 1
    assert site.awaited() == []


def test_a_challenged_look_up_is_in_the_report(site: Site) -> None:
    site.night()
    site.server.hidden, site.server.faults = {1}, [None, "challenge", "challenge"]
    report = site.night(sweep=True)
    assert report.n_look_ups_unanswered == 1
    assert passed(report).startswith("1 models that were looked up got no answer")
    assert ask(site.settings, "select distinct state from mart.listing_history") == [("listed",)]


@pytest.fixture
def dump(tmp_path: Path) -> Dump:
    return Dump(tmp_path / "dump")


def test_files_that_come_later_are_found_beside_an_unchanged_shard(dump: Dump, made: Settings, lora: bytes) -> None:
    uri = f"civitai-dump:{dump.uri}"
    dump.put("models/1.jsonl", model(1), model(2))
    dump.put("models/2.jsonl", model(3))
    dump.write("files/9", b"of no record")
    assert ingest_source(made, uri).by_reason == {"missing_file": 3}
    assert ingest_source(made, uri).n_shards_read == 0
    dump.write("files/2", lora)
    report = ingest_source(made, uri)
    assert (report.n_shards_read, report.n_accepted, report.by_reason) == (1, 1, {"missing_file": 1})
    assert ask(made, "select file_id from raw.awaited order by all") == [("1",), ("3",)]
    assert ingest_source(made, uri).n_shards_read == 0
    dump.put("models/1.jsonl", model(2))  # a record that is listed no more is not awaited either
    ingest_source(made, uri)
    assert ask(made, "select file_id from raw.awaited order by all") == [("3",)]


def test_a_dump_of_metadata_alone_that_gets_files_is_read_again(dump: Dump, made: Settings, lora: bytes) -> None:
    uri = f"civitai-dump:{dump.uri}"
    dump.put("models/1.jsonl", model(1), model(2))
    assert ingest_source(made, uri).n_without_bytes == 2
    assert ingest_source(made, uri).n_shards_read == 0
    dump.write("files/2", lora)
    report = ingest_source(made, uri)
    assert (report.n_accepted, report.by_reason) == (1, {"missing_file": 1})
    assert ingest_source(made, uri).n_shards_read == 0


def test_a_file_that_can_never_be_fetched_makes_no_shard_unread(dump: Dump, made: Settings, lora: bytes) -> None:
    uri = f"civitai-dump:{dump.uri}"
    dump.put("models/1.jsonl", model(1), model(2))
    dump.write("files/01", lora)
    (Path(dump.uri) / "files/2").symlink_to("01")
    assert ingest_source(made, uri).by_reason == {"missing_file": 2}
    assert ingest_source(made, uri).n_shards_read == 0


def test_a_second_commit_of_a_dump_with_missing_files_makes_no_snapshot(dump: Dump, made: Settings) -> None:
    uri = f"civitai-dump:{dump.uri}"
    dump.put("models/1.jsonl", model(1), model(2))
    dump.write("files/9", b"of no record")
    ingest_source(made, uri)
    with connect(made) as con:
        before = snapshot_id(con)
    assert ingest_source(made, uri, again=True).n_shards_read == 1
    with connect(made) as con:
        assert snapshot_id(con) == before


def test_a_lake_of_before_knows_what_was_not_given(dump: Dump, made: Settings, site: Site, lora: bytes) -> None:
    """What older versions refused or missed is asked for once they are brought up to date."""
    uri = f"civitai-dump:{dump.uri}"
    dump.put("models/1.jsonl", model(11), model(12), model(13))
    dump.write("files/11", lora)
    ingest_source(made, uri)
    bare = Dump(Path(f"{dump.uri}-bare"))
    bare.put("models/1.jsonl", model(21), model(22))
    ingest_source(made, f"civitai-dump:{bare.uri}")
    site.faults = {5: "words 403 Early Access"}
    site.night()
    known = "select source_uri, shard_key, file_id, reason from raw.awaited order by all"
    before = ask(made, known)
    assert len(before) == 4
    with connect(made, read_only=False) as con:
        con.execute("drop table raw.awaited")
        con.execute("delete from core.migration where path = 'schema/16_raw_awaited.sql'")
    site.faults.clear()
    dump.write("files/12", lora)
    assert ingest_source(made, uri).n_shards_read == 1
    assert ask(made, known) == [row for row in before if row[2] != "12"]
    assert site.night().n_shards_read == 1
    bare.write("files/22", lora)
    assert ingest_source(made, f"civitai-dump:{bare.uri}").n_known == 1


def test_the_files_that_were_missing_are_looked_up_in_one_listing(dump: Dump, made: Settings) -> None:
    uri = f"civitai-dump:{dump.uri}"
    for number in (1, 2):
        dump.put(f"models/{number}.jsonl", model(number), model(number + 10))
    dump.write("files/9", b"of no record")
    ingest_source(made, uri)
    listed = []

    class Counting(Dump):
        def list(self, prefix: str = "", start_after: str = "") -> Any:
            listed.append(prefix)
            return super().list(prefix, start_after)

    assert find_new(made, CivitaiDump(Counting(Path(dump.uri)))).unread == ()
    assert listed == ["models/", "files/"]
