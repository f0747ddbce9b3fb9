"""Intake of one shard: what is kept, what is refused, and that it can be killed anywhere and run again."""

import hashlib
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from carlos_tasks.errors import PassingError
from carlos_tasks.intake.schema import INTAKE_SCHEMA, ShardRead, shard_read
from carlos_tasks.intake.shard_intake import take_in
from carlos_tasks.intake.shard_rows import IntakeReport
from carlos_tasks.lora.check import CHECKS_VERSION
from carlos_tasks.sources.civitai_dump import CivitaiDump
from carlos_tasks.sources.folder import Folder
from carlos_tasks.sources.listing import Listing
from carlos_tasks.store import open_store
from carlos_tasks.store.folder import FolderStore
from carlos_tasks.store.objects import ObjectStore
from tests.lora.crafted import SD15_KOHYA, Shapes, kohya_pair, micro_lora, write_file
from tests.sources.models import a_file, a_model, a_version

PAGE = "models/00001.json"
MICRO = {"micro-xl"}
UNTOLD = {"hashes": None, "sizeKB": None}


def file_bytes(folder: Path, shapes: Shapes, metadata: dict[str, str] | None = None) -> bytes:
    return write_file(folder / "crafted", shapes, metadata).read_bytes()


def lists(model_id: int, file_id: int, version: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    file = a_file(file_id, **UNTOLD | changes)
    return a_model(model_id, modelVersions=[a_version(model_id + 1000, **{"files": [file]} | (version or {}))])


def claim(data: bytes) -> dict[str, Any]:
    return {"hashes": {"SHA256": hashlib.sha256(data).hexdigest().upper()}}


@pytest.fixture
def dump(tmp_path: Path) -> FolderStore:
    """A dump with one page: two good LoRAs, a re-upload, and every hard case of this issue."""
    store = FolderStore(tmp_path / "dump")
    good = file_bytes(tmp_path, micro_lora(), {"modelspec.trigger_phrase": "not the listing's"})
    other = file_bytes(tmp_path, micro_lora(rank=8), {"modelspec.trigger_phrase": "from the file"})
    inversion = file_bytes(tmp_path, {"emb_params": [4, 768]})
    files = {
        31: good,
        32: other,
        33: good,
        34: file_bytes(tmp_path, kohya_pair(SD15_KOHYA, 768, 320)),
        35: inversion,
        36: b"\x80\x02}q\x00.",
        37: good[:-100],
        39: b"not what was listed" * 1000,
    }
    for file_id, data in files.items():
        store.write(f"files/{file_id}", data)
    models = [
        lists(11, 31, **claim(good)),
        lists(12, 32, {"trainedWords": [], "baseModel": "micro-xl"}),
        lists(13, 33, {"name": "re-upload"}, **claim(good)),
        lists(14, 34),
        lists(15, 35, **claim(inversion)),
        lists(16, 36),
        lists(17, 37, **claim(good)),
        lists(18, 38),
        lists(19, 39, **claim(good)),
        lists(20, 40, type="Training Data", primary=False),
        a_model(21, type="Checkpoint"),
        a_model(22, modelVersions=[a_version(1022, files=[])]),
        "broken",
        lists(11, 31, **claim(good)),
    ]
    store.write(PAGE, json.dumps({"items": models, "metadata": {}}).encode())
    return store


@pytest.fixture
def kept(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def content(store: ObjectStore) -> dict[str, bytes]:
    return {info.key: store.read(info.key) for info in store.list()}


def rows_of(store: ObjectStore, report: IntakeReport) -> list[dict[str, Any]]:
    table = pq.read_table(io.BytesIO(store.read(report.intake_key)))
    assert table.schema.names == INTAKE_SCHEMA.names
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def test_one_page_with_every_case(dump: FolderStore, kept: FolderStore) -> None:
    report = take_in(CivitaiDump(dump), PAGE, kept, MICRO)
    assert report == IntakeReport(
        intake_key=report.intake_key,
        n_records=14,
        n_listings=9,
        n_accepted=2,
        n_known=1,
        n_without_bytes=0,
        n_unanswered=0,
        n_rejected=11,
        n_claims_wrong=2,  # two listings say SDXL 1.0
        n_scale_unknown=0,
        n_noted=0,
        by_reason={
            "base_model_not_indexed": 1,
            "duplicate_record": 1,
            "family_not_supported": 1,
            "missing_file": 1,
            "no_files": 1,
            "not_a_lora": 1,
            "not_a_model_file": 1,
            "pickle": 1,
            "record_invalid": 1,
            "sha256_mismatch": 2,
        },
    )


def test_nothing_is_lost_and_every_refused_file_has_both_rows(dump: FolderStore, kept: FolderStore) -> None:
    report = take_in(CivitaiDump(dump), PAGE, kept, MICRO)
    rows = rows_of(kept, report)
    listed = {row["file_id"] for row in rows if row["kind"] == "listing"}
    assert listed == {str(file_id) for file_id in range(31, 40)}
    refused = {row["file_id"]: row["rejection"]["reason"] for row in rows if row["kind"] == "rejection"}
    assert {file_id for file_id in refused if file_id in listed} == {"31", "34", "35", "36", "37", "38", "39"}
    not_listed = sum(row["kind"] == "rejection" and row["file_id"] not in listed for row in rows)
    repeated = report.by_reason["duplicate_record"]
    assert len(listed) + not_listed + repeated == report.n_records


def test_what_an_accepted_listing_says(dump: FolderStore, kept: FolderStore) -> None:
    rows = rows_of(kept, take_in(CivitaiDump(dump), PAGE, kept, MICRO))
    listings = {row["file_id"]: row for row in rows if row["kind"] == "listing"}
    first, second, again = listings["31"], listings["32"], listings["33"]
    assert first["lora_id"] == hashlib.sha256(dump.read("files/31")).hexdigest() == again["lora_id"]
    assert first["lora"] == again["lora"]
    assert first["lora"]["file_key"] == f"files/{first['lora_id']}.safetensors"
    assert (first["lora"]["family"], first["lora"]["base_model"], first["lora"]["rank"]) == ("diffusers", "micro-xl", 4)
    assert first["lora"]["trigger_words"] == ["striped", "in stripes"]  # the listing's words come first
    assert second["lora"]["trigger_words"] == ["from the file"]
    assert json.loads(first["lora"]["metadata"]) == {"modelspec.trigger_phrase": "not the listing's"}
    assert json.loads(first["payload"])["file"]["id"] == 31
    assert first["payload_sha256"] == hashlib.sha256(first["payload"].encode()).hexdigest()
    assert first["seen_at"] == dump.info(PAGE).last_modified
    assert first["shard_key"] == PAGE


def test_refused_bytes_lie_in_quarantine_with_their_story(dump: FolderStore, kept: FolderStore) -> None:
    rows = rows_of(kept, take_in(CivitaiDump(dump), PAGE, kept, MICRO))
    refused = {row["file_id"]: row for row in rows if row["kind"] == "rejection"}
    pickle = hashlib.sha256(dump.read("files/36")).hexdigest()
    assert refused["36"]["lora_id"] == pickle
    assert refused["36"]["rejection"]["quarantine_key"] == f"quarantine/{pickle}/file"
    assert kept.read(f"quarantine/{pickle}/file") == dump.read("files/36")
    story = json.loads(kept.read(f"quarantine/{pickle}/rejection.json"))
    assert (story["reason"], story["listing"]["model_id"]) == ("pickle", "16")
    assert refused["38"]["rejection"] == {
        "reason": "missing_file",
        "detail": "the source lists it and has no bytes for it",
        "quarantine_key": None,
        "is_listed": True,
    }
    assert not [info.key for info in kept.list("files/") if pickle in info.key]


def test_too_large_files_are_not_fetched(dump: FolderStore, kept: FolderStore) -> None:
    source = Watched(dump)
    report = take_in(source, PAGE, kept, MICRO, max_bytes=100)
    assert report.by_reason["file_too_large"] == 7
    assert report.n_accepted == 0
    assert source.fetched_bytes == len(dump.read("files/36"))


class Watched(CivitaiDump):
    """A dump that counts the bytes it hands out, and stops answering at one file if told to."""

    def __init__(self, store: ObjectStore, stops_at: str = "") -> None:
        super().__init__(store)
        self.fetched_bytes = 0
        self.stops_at = stops_at

    def fetch(self, listing: Listing, path: Path, max_bytes: int) -> None:
        if listing.file_id == self.stops_at:
            raise PassingError("the network is gone")
        super().fetch(listing, path, max_bytes)
        self.fetched_bytes += path.stat().st_size


def test_a_second_run_fetches_nothing_and_writes_the_same(dump: FolderStore, kept: FolderStore) -> None:
    first = take_in(CivitaiDump(dump), PAGE, kept, MICRO)
    before = content(kept)
    source = Watched(dump)
    second = take_in(source, PAGE, kept, MICRO)
    assert source.fetched_bytes == 0
    assert content(kept) == before
    assert (second.n_accepted, second.n_known) == (0, 3)
    assert (second.n_records, second.by_reason) == (first.n_records, first.by_reason)


def test_a_source_that_stops_answering_ends_the_run_and_the_next_goes_on(dump: FolderStore, kept: FolderStore) -> None:
    with pytest.raises(PassingError):
        take_in(Watched(dump, stops_at="35"), PAGE, kept, MICRO)
    assert not list(kept.list("intake/"))
    source = Watched(dump)
    report = take_in(source, PAGE, kept, MICRO)
    assert source.fetched_bytes == sum(len(dump.read(f"files/{file_id}")) for file_id in (35, 36, 37, 39))
    assert (report.n_accepted, report.n_known) == (0, 3)


class Killed(BaseException):
    """What a test raises in place of SIGKILL: nothing catches it."""


class Mortal(FolderStore):
    """A store that dies at one of its writes, before or after it."""

    def __init__(self, folder: Path, dies_at: int, is_written: bool) -> None:
        super().__init__(folder)
        self.writes = 0
        self.dies_at = dies_at
        self.is_written = is_written

    def _dies(self) -> bool:
        self.writes += 1
        return self.writes == self.dies_at

    def write(self, key: str, data: bytes) -> None:
        dies = self._dies()
        if not dies or self.is_written:
            super().write(key, data)
        if dies:
            raise Killed

    def upload(self, path: Path, key: str) -> None:
        dies = self._dies()
        if not dies or self.is_written:
            super().upload(path, key)
        if dies:
            raise Killed


@pytest.mark.parametrize("is_written", [False, True])
def test_killed_at_any_write_and_run_again_gives_the_same_store(
    is_written: bool, dump: FolderStore, kept: FolderStore, tmp_path: Path
) -> None:
    source = CivitaiDump(dump)
    take_in(source, PAGE, kept, MICRO)
    undisturbed = content(kept)
    number = 0
    while True:
        number += 1
        mortal = Mortal(tmp_path / f"killed-{number}", number, is_written)
        try:
            take_in(source, PAGE, mortal, MICRO)
        except Killed:
            take_in(source, PAGE, mortal, MICRO)
        else:
            break
        assert content(mortal) == undisturbed, f"killed at write {number}"
    assert number > len(undisturbed) - 1


def test_changed_bytes_are_examined_again(dump: FolderStore, kept: FolderStore, tmp_path: Path) -> None:
    take_in(CivitaiDump(dump), PAGE, kept, MICRO)
    dump.write("files/36", file_bytes(tmp_path, micro_lora(rank=2)))
    report = take_in(CivitaiDump(dump), PAGE, kept, MICRO)
    assert (report.n_accepted, report.n_known) == (1, 3)
    assert "pickle" not in report.by_reason


def test_a_file_that_arrives_late_is_taken_in(dump: FolderStore, kept: FolderStore, tmp_path: Path) -> None:
    take_in(CivitaiDump(dump), PAGE, kept, MICRO)
    dump.write("files/38", file_bytes(tmp_path, micro_lora(rank=2)))
    assert take_in(CivitaiDump(dump), PAGE, kept, MICRO).n_accepted == 1


def test_another_set_of_base_models_gives_another_verdict(dump: FolderStore, kept: FolderStore) -> None:
    take_in(CivitaiDump(dump), PAGE, kept, MICRO)
    report = take_in(CivitaiDump(dump), PAGE, kept, {"sd-1.5"})
    assert (report.n_accepted, report.by_reason["base_model_not_indexed"]) == (1, 3)


def test_a_receipt_does_not_stand_for_bytes_that_are_gone(dump: FolderStore, kept: FolderStore) -> None:
    take_in(CivitaiDump(dump), PAGE, kept, MICRO)
    before = content(kept)
    for info in list(kept.list("files/")):
        kept.delete(info.key)
    take_in(CivitaiDump(dump), PAGE, kept, MICRO)
    assert content(kept) == before


def test_a_claimed_hash_does_not_stand_for_bytes(dump: FolderStore, kept: FolderStore, tmp_path: Path) -> None:
    take_in(CivitaiDump(dump), PAGE, kept, MICRO)
    good = dump.read("files/31")
    dump.write("files/50", b"something else")
    dump.write("models/00002.json", json.dumps({"items": [lists(50, 50, **claim(good))]}).encode())
    report = take_in(CivitaiDump(dump), "models/00002.json", kept, MICRO)
    assert report.by_reason == {"sha256_mismatch": 1}


def test_an_empty_page_gives_an_empty_parquet(dump: FolderStore, kept: FolderStore) -> None:
    dump.write(PAGE, b'{"items": []}')
    report = take_in(CivitaiDump(dump), PAGE, kept, MICRO)
    assert (report.n_records, rows_of(kept, report)) == (0, [])


def test_a_shard_that_has_gone_is_read_as_an_empty_one(dump: FolderStore, kept: FolderStore) -> None:
    report = take_in(CivitaiDump(dump), "models/00009.json", kept, MICRO)
    assert (report.n_records, rows_of(kept, report)) == (0, [])
    read = read_of(kept, report)
    assert (read.etag, read.is_complete) == ("", True)


def test_hostile_names_reach_neither_keys_nor_logs(
    dump: FolderStore, kept: FolderStore, caplog: pytest.LogCaptureFixture
) -> None:
    hostile = "../../etc/passwd\n2026-01-01 INFO all is well\0'); DROP TABLE raw.listing; --"
    model = lists(11, 31, {"name": hostile}, name=hostile)
    dump.write(PAGE, json.dumps({"items": [model | {"name": hostile}]}).encode())
    with caplog.at_level("DEBUG"):
        report = take_in(CivitaiDump(dump), PAGE, kept, MICRO)
    (row,) = rows_of(kept, report)
    assert row["name"] == "../../etc/passwd 2026-01-01 INFO all is well '); DROP TABLE raw.listing; --"
    assert not [key for key in content(kept) if "passwd" in key]
    assert "all is well" not in caplog.text


def test_a_dump_of_metadata_alone_lists_without_refusing(dump: FolderStore, kept: FolderStore) -> None:
    for info in list(dump.list("files/")):
        dump.delete(info.key)
    report = take_in(CivitaiDump(dump), PAGE, kept, MICRO)
    assert (report.n_records, report.n_listings, report.n_without_bytes, report.n_accepted) == (14, 9, 9, 0)
    assert set(report.by_reason) == {
        "duplicate_record",
        "no_files",
        "not_a_lora",
        "not_a_model_file",
        "record_invalid",
    }
    listed = [row for row in rows_of(kept, report) if row["kind"] == "listing"]
    assert [row["lora_id"] for row in listed] == [None] * 9
    assert not list(kept.list("receipts/"))


def read_of(store: ObjectStore, report: IntakeReport) -> ShardRead:
    metadata = pq.ParquetFile(io.BytesIO(store.read(report.intake_key))).metadata.metadata
    return shard_read(metadata, report.intake_key)


def test_the_file_says_what_was_read_and_under_which_rules(dump: FolderStore, kept: FolderStore) -> None:
    read = read_of(kept, take_in(CivitaiDump(dump), PAGE, kept, {"b", "a"}, max_bytes=7))
    info = dump.info(PAGE)
    assert read == ShardRead(
        source_uri=f"civitai-dump:{dump.uri}",
        shard_key=PAGE,
        etag=info.etag,
        last_modified=info.last_modified.isoformat(),
        checks_version=CHECKS_VERSION,
        base_models=["a", "b"],
        max_bytes=7,
        is_complete=True,
        n_records=14,
    )


def test_a_shard_that_breaks_off_is_not_complete_and_what_came_before_is_kept(
    dump: FolderStore, kept: FolderStore
) -> None:
    dump.write(PAGE, json.dumps({"items": [lists(11, 31), lists(12, 32)]}).encode()[:-30])
    report = take_in(CivitaiDump(dump), PAGE, kept, None)
    assert (report.n_records, report.n_accepted, report.by_reason) == (2, 1, {"shard_unreadable": 1})
    assert not read_of(kept, report).is_complete


def test_memory_does_not_grow_with_the_shard(kept: FolderStore, tmp_path: Path) -> None:
    dump = FolderStore(tmp_path / "large")
    description = "x" * 20_000

    def peak_of(n_models: int) -> int:
        pages = [json.dumps(lists(number, number) | {"description": description}) for number in range(1, n_models + 1)]
        dump.write("models/1.jsonl", "\n".join(pages).encode())
        pages.clear()
        tracemalloc.start()
        try:
            assert take_in(CivitaiDump(dump), "models/1.jsonl", kept, MICRO).n_records == n_models
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, large = peak_of(500), peak_of(2500)
    assert large < small * 1.3, "a batch of rows is all that is held"


def test_a_folder_goes_the_same_way(kept: FolderStore, tmp_path: Path) -> None:
    loras = FolderStore(tmp_path / "loras")
    loras.write("a.safetensors", file_bytes(tmp_path, micro_lora()))
    loras.write("a.json", b'{"activation text": "striped"}')
    loras.write("b.pt", b"\x80\x02}q\x00.")
    report = take_in(Folder(loras), ".", kept, MICRO)
    assert (report.n_accepted, report.by_reason) == (1, {"pickle": 1})


def test_what_lies_beside_a_file_is_told_and_what_is_passed_over_noted(kept: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "loras").mkdir()
    write_file(tmp_path / "loras" / "adapter_model.safetensors", micro_lora())
    config = tmp_path / "loras" / "adapter_config.json"
    config.write_text(json.dumps({"peft_type": "LORA", "r": 4, "lora_alpha": 2}))
    sidecar = {"model_name": "Stripes", "sha256": "0f" * 32, "civitai": {"trainedWords": ["striped"]}}
    (tmp_path / "loras" / "adapter_model.metadata.json").write_text(json.dumps(sidecar))
    folder = Folder(FolderStore(tmp_path / "loras"))
    report = take_in(folder, ".", kept, MICRO)
    assert (report.n_accepted, report.n_rejected, report.n_noted, report.n_scale_unknown) == (1, 0, 1, 0)
    (row,) = rows_of(kept, report)
    assert (row["sha256_claimed"], row["trained_words"]) == (None, ["striped"])
    assert row["notes"] == [
        f"adapter_model.metadata.json: its SHA-256 is not the file's, which is {row['lora_id']}",
    ]
    assert (row["lora"]["alpha"], row["lora"]["scale_told_by"]) == (2.0, "adapter_config")
    config.write_text(json.dumps({"peft_type": "LORA", "r": 8, "lora_alpha": 2}))  # of another file
    report = take_in(folder, ".", kept, MICRO)
    assert (report.n_known, report.n_scale_unknown) == (1, 1)
    (row,) = rows_of(kept, report)
    assert (row["lora"]["scale_told_by"], row["lora"]["is_scale_known"]) == ("convention", False)


def test_intake_from_and_to_s3(dump: FolderStore, store: ObjectStore, kept: FolderStore) -> None:
    pages, loras = open_store(f"{store.uri}/dump"), open_store(f"{store.uri}/kept")
    for key, data in content(dump).items():
        pages.write(key, data)
    report = take_in(CivitaiDump(pages), PAGE, loras, MICRO)
    take_in(CivitaiDump(dump), PAGE, kept, MICRO)
    assert (report.n_records, report.n_accepted, report.n_known) == (14, 2, 1)
    for place in ("files/", "quarantine/"):
        assert [info.key for info in loras.list(place)] == [info.key for info in kept.list(place)]
    before = content(loras)
    take_in(CivitaiDump(pages), PAGE, loras, MICRO)
    assert content(loras) == before
