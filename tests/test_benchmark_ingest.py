"""A short run of the benchmark: every record of a dump of 2,000 models arrives, in little memory."""

from pathlib import Path

import pytest

from benchmarks.ingest import measure, write_dump

N_MODELS = 2_000
MAX_PEAK_MB = 500.0


@pytest.mark.parametrize(("ending", "n_shards"), [(".jsonl.zst", 1), (".json", 1), (".jsonl.zst", 3)])
def test_two_thousand_models_arrive(ending: str, n_shards: int, tmp_path: Path) -> None:
    places = (f"{tmp_path}/dump", f"{tmp_path}/store", tmp_path / "catalog.sqlite")
    n_records = write_dump(tmp_path / "dump", N_MODELS, ending, n_shards)
    first, measured = measure(*places)
    assert first["n_shards_read"] == n_shards
    assert first["n_records"] == n_records == first["n_listings"] + first["n_rejected"]
    assert first["n_new_listings"] == first["n_listings"] > N_MODELS
    assert first["n_rejected"] == sum(first["by_reason"].values()) > 20
    assert measured["peak_mb"] < MAX_PEAK_MB
    second, _ = measure(*places)
    assert (second["n_records"], second["n_shards_read"]) == (0, 0)
