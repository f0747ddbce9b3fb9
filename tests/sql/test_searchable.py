"""mart.searchable on rows given and expected."""

from typing import Any

import duckdb
import pytest

from tests.sql.lake_rows import Rows, answer, fill

TESTED = {"searchable"}

GIVEN: Rows = {
    "core.threshold": [{"name": "strength_max", "value": 9.8}],
    "core.representation": [
        {"lora_id": "a", "strength": 12.0, "strength_se": 0.5},
        {"lora_id": "bare", "direction": None, "measured": "failed"},
        {"lora_id": "a", "profile_id": "q"},
    ],
    "core.lora": [
        {"lora_id": "a", "license": "in the file", "first_seen_at": "2026-02-03 00:00:00+00"},
        {"lora_id": "never measured"},
    ],
    "raw.listing": [
        {
            "model_id": "1",
            "lora_id": "a",
            "name": "first",
            "source": "hub",
            "published_at": "2024-01-01T05:00:00+02:00",
        },
        {"model_id": "2", "lora_id": "a", "name": "second", "source": "civitai", "published_at": "2025-01-01"},
        {"model_id": "3", "lora_id": "a", "name": "second", "source": "civitai", "published_at": "2025-01-02"},
    ],
}


def rows(con: duckdb.DuckDBPyConnection, columns: str) -> list[dict[str, Any]]:
    return answer(con, f"select {columns} from mart.searchable order by profile_id, lora_id")  # noqa: S608


def test_one_row_for_each_profile_and_lora_with_its_status(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, GIVEN)
    assert rows(con, "profile_id, lora_id, measured, status, strength, strength_se") == [
        {
            "profile_id": "p",
            "lora_id": "a",
            "measured": "measured",
            "status": "overpowering",
            "strength": 12.0,
            "strength_se": 0.5,
        },
        {
            "profile_id": "p",
            "lora_id": "bare",
            "measured": "failed",
            "status": "failed",
            "strength": 1.0,
            "strength_se": None,
        },
        {
            "profile_id": "q",
            "lora_id": "a",
            "measured": "measured",
            "status": "ok",
            "strength": 1.0,
            "strength_se": None,
        },
    ]


def test_listings_are_summed_up_and_their_absence_is_no_null_list(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, GIVEN)
    a, bare, _ = rows(con, "name, names, n_listings, sources, base_model, published_at::varchar as published_at")
    assert a == {
        "name": "first",
        "names": ["first", "second"],
        "n_listings": 3,
        "sources": ["civitai", "hub"],
        "base_model": "micro-xl",
        "published_at": "2024-01-01 03:00:00+00",
    }
    assert bare == {
        "name": None,
        "names": None,
        "n_listings": 0,
        "sources": [],
        "base_model": None,
        "published_at": None,
    }


@pytest.mark.parametrize(
    ("of_listing", "of_file", "expected"),
    [
        ('{"license": "mit"}', "openrail", "mit"),
        ('{"allow_no_credit": true}', "openrail", "openrail"),
        ("no json {", "openrail", "openrail"),
        (None, "", None),
        ('{"license": ""}', None, None),
    ],
)
def test_the_license_is_the_listings_or_else_the_files(
    con: duckdb.DuckDBPyConnection, of_listing: str | None, of_file: str | None, expected: str | None
) -> None:
    fill(
        con,
        {
            "core.representation": [{}],
            "core.lora": [{"license": of_file}],
            "raw.listing": [{"lora_id": "a", "license": of_listing}],
        },
    )
    assert rows(con, "license") == [{"license": expected}]


def test_a_time_that_is_none_is_not_known(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, {"core.representation": [{}], "raw.listing": [{"lora_id": "a", "published_at": "yesterday"}]})
    assert rows(con, "published_at") == [{"published_at": None}]
