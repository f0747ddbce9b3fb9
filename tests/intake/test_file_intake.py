"""Judging one listed file: its bytes asked for once, zips unpacked, re-uploads seen, verdicts remembered whole."""

import hashlib
import io
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from carlos_tasks.errors import NotFound, RejectedFile
from carlos_tasks.intake.file_intake import FileIntake
from carlos_tasks.intake.receipts import Verdict, read_receipt, write_receipt
from carlos_tasks.lora.check import LoraFile
from carlos_tasks.sources.listing import Listing
from carlos_tasks.store.folder import FolderStore
from carlos_tasks.store.objects import ObjectInfo
from carlos_tasks.untrusted.reasons import Reason
from tests.lora.crafted import micro_lora, write_file


class Shelf:
    """A source whose files are bytes in memory; it counts how often each was asked for."""

    uri = "shelf:"

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked: list[str] = []
        self.closed: set[str] = set()

    def shards(self):
        return iter(())

    def shard(self, shard_key: str) -> ObjectInfo:
        return ObjectInfo(shard_key, 0, datetime.now(UTC), "")

    def listings(self, shard_key: str):
        return iter(())

    def gives_now(self, file_id: str) -> bool:
        return file_id in self.files

    def fingerprint(self, listing: Listing) -> str:
        if listing.file_id not in self.files:
            raise NotFound(listing.file_id)
        return hashlib.md5(self.files[listing.file_id], usedforsecurity=False).hexdigest()

    def fetch(self, listing: Listing, path: Path, max_bytes: int) -> None:
        self.asked.append(listing.file_id)
        if listing.file_id in self.closed:
            raise RejectedFile(Reason.NOT_PUBLIC, "early access")
        path.write_bytes(self.files[listing.file_id])


def lists(file_id: str, sha256: str | None = None) -> Listing:
    return Listing("shelf", "1", "2", file_id, sha256_claimed=sha256)


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.safetensors", data)
    return buffer.getvalue()


@pytest.fixture
def lora(tmp_path: Path) -> bytes:
    return write_file(tmp_path / "lora", micro_lora(), {"ss_tag_frequency": '{"a": {"b": 1}}'}).read_bytes()


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def intake_of(files: dict[str, bytes], store: FolderStore, room: Path) -> tuple[FileIntake, Shelf]:
    shelf = Shelf(files)
    room.mkdir(exist_ok=True)
    return FileIntake(shelf, store, {"micro-xl"}, 2**20, room / "file"), shelf


def test_bytes_are_asked_for_once_and_a_re_upload_is_seen(lora: bytes, store: FolderStore, tmp_path: Path) -> None:
    judge, shelf = intake_of({"a": lora, "b": lora}, store, tmp_path / "room")
    first, is_known = judge.judge(lists("a"))
    assert (first.reason, is_known) == (None, False)
    again, is_known = judge.judge(lists("b"))
    assert (again, is_known) == (first, True)
    assert [judge.judge(lists(name)) for name in "ab"] == [(first, True)] * 2
    assert shelf.asked == ["a", "b"]
    assert [info.key for info in store.list("files/")] == [f"files/{hashlib.sha256(lora).hexdigest()}.safetensors"]


def test_of_a_zip_its_file_is_kept(lora: bytes, store: FolderStore, tmp_path: Path) -> None:
    data = zipped(lora)
    judge, _ = intake_of({"a": lora, "z": data}, store, tmp_path / "room")
    judge.judge(lists("a"))
    verdict, is_known = judge.judge(lists("z", hashlib.sha256(data).hexdigest()))
    assert verdict.file is not None
    assert (verdict.reason, verdict.file.lora_id, is_known) == (None, hashlib.sha256(lora).hexdigest(), True)
    assert store.read(f"files/{verdict.file.lora_id}.safetensors") == lora
    assert not list((tmp_path / "room").iterdir())


def test_a_zip_that_is_refused_is_quarantined_as_it_came(lora: bytes, store: FolderStore, tmp_path: Path) -> None:
    data = zipped(lora).replace(b"a.safetensors", b"../etc/passwd")
    judge, _ = intake_of({"z": data}, store, tmp_path / "room")
    verdict, _ = judge.judge(lists("z"))
    assert verdict.reason is Reason.ARCHIVE_UNSAFE
    assert verdict.quarantine_key == f"quarantine/{hashlib.sha256(data).hexdigest()}/file"
    assert store.read(verdict.quarantine_key) == data
    assert not list((tmp_path / "room").iterdir())


def test_a_large_file_in_a_small_zip_is_refused(lora: bytes, store: FolderStore, tmp_path: Path) -> None:
    judge, _ = intake_of({"z": zipped(lora)}, store, tmp_path / "room")
    verdict, _ = replace(judge, max_bytes=100).judge(lists("z"))
    assert verdict.reason is Reason.FILE_TOO_LARGE


class Repository(Shelf):
    """A shelf whose configurations have to be fetched."""

    def __init__(self, files: dict[str, bytes], config: bytes | Exception) -> None:
        super().__init__(files)
        self.config = config

    def fetch_config(self, listing: Listing, max_bytes: int) -> bytes:
        assert listing.config_path == "adapter_config.json"
        if isinstance(self.config, Exception):
            raise self.config
        return self.config


@pytest.mark.parametrize(
    ("config", "told_by", "detail"),
    [
        (b'{"r": 4, "lora_alpha": 2}', "adapter_config", ""),
        (b"<html>", "convention", "adapter_config.json is not a JSON object"),
        (NotFound("gone"), "convention", "adapter_config.json is listed, and cannot be fetched"),
        (RejectedFile(Reason.FILE_TOO_LARGE, "2 GB"), "convention", "adapter_config.json cannot be read: 2 GB"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_configuration_that_has_to_be_fetched_tells_the_scale(
    config: bytes | Exception, told_by: str, detail: str, lora: bytes, store: FolderStore, tmp_path: Path
) -> None:
    intake = FileIntake(Repository({"1": lora}, config), store, None, 2**20, tmp_path / "room")
    verdict, _ = intake.judge(replace(lists("1"), config_path="adapter_config.json"))
    assert verdict.reason is None and verdict.file is not None
    assert (verdict.file.scale_told_by, verdict.file.scale_detail) == (told_by, detail)
    assert intake.judge(replace(lists("1"), config_path="adapter_config.json")) == (verdict, True)


def test_a_file_that_becomes_public_is_taken_in(lora: bytes, store: FolderStore, tmp_path: Path) -> None:
    judge, shelf = intake_of({"a": lora}, store, tmp_path / "room")
    shelf.closed = {"a"}
    assert judge.judge(lists("a"))[0].reason is Reason.NOT_PUBLIC
    shelf.closed = set()
    assert judge.judge(lists("a"))[0].reason is None


def test_a_verdict_comes_back_from_its_receipt_as_it_was(store: FolderStore) -> None:
    file = LoraFile("ab", 7, modules={"unet.attention": 2}, trigger_words=("a",), frequent_tags=("b", "c"), alpha=0.5)
    for verdict in (Verdict(file), Verdict(None, Reason.MISSING_FILE, "gone"), Verdict(file, Reason.PICKLE, "no", "q")):
        write_receipt(store, "receipts/1", verdict)
        assert read_receipt(store, "receipts/1") == verdict
