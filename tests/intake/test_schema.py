"""The file between intake and commit: its bytes follow from its rows, and it says which shard they are of."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from carlos_tasks.errors import PermanentError
from carlos_tasks.intake import schema as intake_schema
from carlos_tasks.intake.schema import INTAKE_SCHEMA, IntakeWriter, shard_read
from carlos_tasks.store.folder import FolderStore
from carlos_tasks.store.keys import intake_key
from tests.intake.small_intake import a_read, listing, rejection, write_intake


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def file_of(store: FolderStore, rows: list[dict[str, Any]]) -> pq.ParquetFile:
    return pq.ParquetFile(store.url(write_intake(store, rows)))


def test_rows_come_back_in_their_order(store: FolderStore) -> None:
    table = file_of(store, [listing(tags=["a"], lora={"rank": 4}), rejection(model_id="0")]).read()
    assert table.schema.equals(INTAKE_SCHEMA)
    assert [row["kind"] for row in table.to_pylist()] == ["listing", "rejection"]
    assert table.to_pylist()[0]["lora"]["rank"] == 4


def test_the_same_rows_give_the_same_bytes(store: FolderStore) -> None:
    given = [listing(file_id=str(number)) for number in range(5)]
    first = store.read(write_intake(store, given))
    assert store.read(write_intake(store, given)) == first


def test_rows_are_written_in_batches(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_schema, "BATCH_ROWS", 2)
    file = file_of(store, [listing(file_id=str(number)) for number in range(5)])
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [2, 2, 1]
    assert file.read().column("file_id").to_pylist() == ["0", "1", "2", "3", "4"]


def test_large_payloads_fill_a_batch_early(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_schema, "BATCH_BYTES", 10)
    file = file_of(store, [listing(payload="x" * 10), listing(file_id="2", payload="y" * 3)])
    assert file.num_row_groups == 2


def test_no_rows_are_a_file_too(store: FolderStore) -> None:
    assert file_of(store, []).read().num_rows == 0


def test_the_file_says_which_shard_it_is_of(store: FolderStore) -> None:
    key = write_intake(store, [listing()])
    metadata = pq.ParquetFile(store.url(key)).metadata.metadata
    assert shard_read(metadata, key) == a_read(n_records=1)


def test_a_file_that_was_not_finished_is_refused(tmp_path: Path) -> None:
    with IntakeWriter(tmp_path / "half.parquet") as writer:
        writer.add(listing())
    metadata = pq.ParquetFile(tmp_path / "half.parquet").metadata.metadata or {}
    with pytest.raises(PermanentError, match=r"half\.parquet does not say"):
        shard_read(metadata, "half.parquet")


@pytest.mark.parametrize("field", ["source", "model_id", "seen_at", "kind"])
def test_a_row_without_its_key_is_refused(field: str, store: FolderStore) -> None:
    with pytest.raises(pa.ArrowInvalid):
        write_intake(store, [listing(**{field: None})])
    assert not list(store.list())


def test_the_key_follows_from_source_and_shard() -> None:
    assert intake_key("s", "models/1.json") == intake_key("s", "models/1.json")
    assert intake_key("s", "models/1.json") != intake_key("s", "models/2.json")
    assert intake_key("s", "x").startswith("intake/") and len(intake_key("s", "x")) == len("intake/") + 16 + 8
