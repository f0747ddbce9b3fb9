"""Thresholds fit the profile: the paper's quantiles of its own corpus, kept until somebody sets them again."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from carlos_tasks.commit.import_published import PROFILE, import_published
from carlos_tasks.commit.index import commit_index
from carlos_tasks.commit.thresholds import ENOUGH, calibrate, reset, thresholds
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.register import register_profile
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from tests.commit.small_index import small_profile
from tests.lakes import migrated_lake
from tests.samples.real import Samples
from tests.test_import_published import STATUSES, TABLE

#: Files of sql/commit that are tested here.
TESTED_SQL = {"put_calibrated_thresholds"}

SHIPPED = {"strength_max": {"value": 9.8, "origin": "paper"}, "strength_min": {"value": 0.5, "origin": "noise"}}


def indexed(settings: Settings, folder: Path, n: int, **changes: Any) -> tuple[Settings, Profile]:
    """A lake with n measured LoRAs of Strength and Consistency 1, 2, …, n, and one that failed."""
    profile = small_profile(folder, **changes)
    path = folder / "profile.json"
    path.write_text(profile.model_dump_json())
    settings = settings.model_copy(update={"profile": str(path)})
    migrated_lake(settings)
    with connect(settings, read_only=False) as con:
        register_profile(con, profile)
        con.execute(
            "insert into core.representation by name "
            "select $1 as profile_id, x::varchar as lora_id, if(x > $2, 'failed', 'measured') as measured, "
            "if(x > $2, null, x::double) as strength, strength / $2 as consistency, now() as computed_at "
            "from range(1, $2 + 2) as t(x)",
            [profile.profile_id, n],
        )
    return settings, profile


def in_force(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Values by name."""
    return {row["name"]: row["value"] for row in rows if row["value"] is not None}


def test_the_papers_thresholds_stand_at_its_quantiles_of_the_published_index(samples: Samples, tmp_path: Path) -> None:
    settings = Settings(store=str(tmp_path / "store"), catalog=f"sqlite:{tmp_path / 'c.sqlite'}", profile=PROFILE)
    import_published(settings, samples.folder / TABLE)
    statuses = STATUSES[samples.kind]
    n = sum(statuses.values())
    rows = {row["name"]: row for row in thresholds(settings)}
    assert (rows["strength_max"]["value"], rows["consistency_min"]["value"]) == (9.8, 0.041)
    assert rows["strength_max"]["share_removed"] == pytest.approx(statuses["overpowering"] / n)
    assert rows["consistency_min"]["share_removed"] == pytest.approx(statuses["inconsistent"] / n)
    table = pq.read_table(samples.folder / TABLE, columns=["strength", "consistency"])
    for name, share in (("strength_max", 719 / 740), ("consistency_min", 204 / 740)):
        at_quantile = np.quantile(table[name.split("_")[0]].to_numpy(), share)
        assert rows[name]["corpus_value"] == pytest.approx(at_quantile)
    if samples.kind == "real":
        assert rows["strength_max"]["corpus_value"] == pytest.approx(9.8, abs=0.02)
        assert rows["consistency_min"]["corpus_value"] == pytest.approx(0.041, abs=1e-4)
    assert {row["n"] for row in rows.values()} == {n}


def test_calibrated_thresholds_are_quantiles_of_the_corpus(settings: Settings, tmp_path: Path) -> None:
    settings, _ = indexed(settings, tmp_path / "p", 101)
    rows = {row["name"]: row for row in calibrate(settings, quantiles={"strength_min": 0.1, "strength_max": 0.9})}
    assert in_force(list(rows.values())) == {"strength_min": 11.0, "strength_max": 91.0}
    assert rows["strength_max"]["origin"].startswith("calibrated: quantile 0.9000 of 101 LoRAs, snapshot ")
    assert rows["strength_max"]["share_removed"] == pytest.approx(10 / 101)
    rows = {row["name"]: row for row in calibrate(settings)}
    assert rows["strength_max"]["value"] == pytest.approx(1 + 100 * 719 / 740)
    assert rows["consistency_min"]["value"] == pytest.approx((1 + 100 * 204 / 740) / 101)
    assert rows["strength_min"]["value"] == 11.0
    assert in_force(calibrate(settings, ["strength_max"], {"strength_max": 1.0}))["strength_max"] == 101.0


def test_the_snapshot_of_the_origin_has_the_loras(settings: Settings, tmp_path: Path) -> None:
    settings, profile = indexed(settings, tmp_path / "p", ENOUGH)
    calibrate(settings, ["strength_max"])
    commit_index(settings, profile, [])
    with connect(settings) as con:
        ((origin,),) = con.execute("select origin from core.threshold where name = 'strength_max'").fetchall()
        snapshot = int(origin.rpartition(" ")[2])
        count = f"select count(*) from core.representation at (version => {snapshot}) where measured = 'measured'"  # noqa: S608
        assert con.execute(count).fetchall() == [(ENOUGH,)]


def test_a_profile_that_ships_thresholds_keeps_them(settings: Settings, tmp_path: Path) -> None:
    settings, profile = indexed(settings, tmp_path / "p", ENOUGH, thresholds=SHIPPED)
    commit_index(settings, profile, [])
    assert in_force(thresholds(settings)) == {"strength_max": 9.8, "strength_min": 0.5}


def test_what_was_calibrated_by_hand_stays_until_it_is_reset(settings: Settings, tmp_path: Path) -> None:
    settings, profile = indexed(settings, tmp_path / "p", 101, thresholds=SHIPPED)
    calibrate(settings, ["strength_max"], {"strength_max": 0.5})
    commit_index(settings, profile, [])
    assert in_force(thresholds(settings)) == {"strength_max": 51.0, "strength_min": 0.5}
    changed = profile.model_copy(update={"thresholds": {}})
    commit_index(settings, changed, [])
    assert in_force(thresholds(settings)) == {"strength_max": 51.0}
    assert in_force(reset(settings)) == {"strength_max": 9.8, "strength_min": 0.5}


def test_a_profile_without_thresholds_gets_its_own_once_there_are_enough(settings: Settings, tmp_path: Path) -> None:
    few, profile = indexed(settings, tmp_path / "few", ENOUGH - 1)
    commit_index(few, profile, [])
    assert in_force(thresholds(few)) == {}
    other = Settings(store=str(tmp_path / "s"), catalog=f"sqlite:{tmp_path / 'other.sqlite'}")
    enough, profile = indexed(other, tmp_path / "enough", ENOUGH)
    first = commit_index(enough, profile, [])
    rows = {row["name"]: row for row in thresholds(enough)}
    assert rows["strength_max"]["value"] == pytest.approx(1 + 99 * 719 / 740)
    assert rows["strength_max"]["origin"] == f"calibrated: quantile 0.9716 of 100 LoRAs, snapshot {first.snapshot_id}"
    assert set(in_force(list(rows.values()))) == {"strength_max", "consistency_min"}
    # Once: what a LoRA's status hangs on does not change every night.
    assert commit_index(enough, profile, []).snapshot_id == first.snapshot_id


@pytest.mark.parametrize(
    ("names", "quantiles", "message"),
    [
        (["strength"], None, "no threshold 'strength' to calibrate: choose of strength_max"),
        (["strength_min"], None, "the paper has no quantile for strength_min"),
        (["strength_max"], {"strength_max": 1.5}, "is 1.5: it lies between 0 and 1"),
        (["strength_max"], {"strength_max": float("nan")}, "between 0 and 1"),
        (["strength_max"], {"consistency_min": 0.5}, "not among the thresholds"),
        (["retention_min"], {"retention_min": 0.5}, "nothing to calibrate on"),
    ],
)
def test_wrong_wishes_are_refused_and_nothing_changes(
    settings: Settings, tmp_path: Path, names: list[str], quantiles: dict[str, float] | None, message: str
) -> None:
    settings, _ = indexed(settings, tmp_path / "p", 5, thresholds=SHIPPED)
    with pytest.raises(CarlosError, match=message):
        calibrate(settings, names, quantiles)
    assert in_force(thresholds(settings)) == {"strength_max": 9.8, "strength_min": 0.5}


def test_where_nothing_is_indexed_it_is_said(settings: Settings) -> None:
    migrated_lake(settings, used=False)
    for ask in (thresholds, calibrate, reset):
        with pytest.raises(NotFound, match="nothing is indexed under profile micro yet"):
            ask(settings)
