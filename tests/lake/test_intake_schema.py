"""The file between intake and commit: its bytes follow from its rows."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from carlos_tasks.lake.intake_schema import INTAKE_SCHEMA, intake_bytes, intake_key
from tests.lake.test_commit import listing, rejection


def test_rows_come_back() -> None:
    given = [listing(tags=["a"], lora={"rank": 4}), rejection(model_id="0")]
    table = pq.read_table(io.BytesIO(intake_bytes(given)))
    assert table.schema.equals(INTAKE_SCHEMA)
    assert [row["kind"] for row in table.to_pylist()] == ["rejection", "listing"]
    assert table.to_pylist()[1]["lora"]["rank"] == 4


def test_the_order_of_rows_changes_no_byte() -> None:
    given = [listing(file_id=str(number)) for number in range(5)] + [rejection(file_id="2")]
    assert intake_bytes(given) == intake_bytes(given[::-1])


def test_no_rows_are_a_file_too() -> None:
    assert pq.read_table(io.BytesIO(intake_bytes([]))).num_rows == 0


@pytest.mark.parametrize("field", ["source", "model_id", "seen_at", "shard_key"])
def test_a_row_without_its_key_is_refused(field: str) -> None:
    row: dict[str, Any] = listing(**{field: None})
    with pytest.raises(pa.ArrowInvalid):
        intake_bytes([row])


def test_the_key_follows_from_source_and_shard() -> None:
    assert intake_key("s", "models/1.json") == intake_key("s", "models/1.json")
    assert intake_key("s", "models/1.json") != intake_key("s", "models/2.json")
    assert intake_key("s", "x").startswith("intake/") and len(intake_key("s", "x")) == len("intake/") + 16 + 8
