"""A short run of the benchmark of reports: its lake has all that they read, and a missed target is seen."""

from pathlib import Path

from benchmarks.reports import faults, make_lake, measure
from carlos_tasks.lake.catalog import connect
from carlos_tasks.settings import Settings


def test_its_lake_has_something_for_every_part_of_a_report(tmp_path: Path) -> None:
    settings = Settings(store=str(tmp_path / "store"), catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}")
    make_lake(settings, n_loras=1200, n_concepts=10)
    with connect(settings) as con:
        signals = {row[0] for row in con.execute("select distinct signal from mart.signal").fetchall()}
    assert {"notice", "declared_other", "removed_duplicate"} <= signals
    row = measure("moderation", settings, tmp_path / "out")
    assert row["seconds"] > 0 and row["page_mb"] > 0.1 and faults(row) == []


def test_a_missed_target_is_seen() -> None:
    row = {"report": "moderation", "seconds": 60.0, "peak_gb": 3.0, "page_mb": 15.0}
    assert faults(row) == []
    assert faults(row | {"peak_gb": 3.1}) == ["moderation: peak_gb is 3.1, and not at most 3.0"]
