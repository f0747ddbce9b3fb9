"""Where the reports of a reference set are kept."""

from pathlib import Path

from carlos_tasks.attribution.reference import Reference, make_reference
from carlos_tasks.reports.attribution.stored import folder_name, store_attribution
from carlos_tasks.store import open_store
from tests.attribution.conftest import Studio
from tests.attribution.studio import N_INFRINGERS


def test_a_folder_is_named_after_the_title_and_told_from_others_of_that_title() -> None:
    one = folder_name(Reference(title="House Style ../2026", texts=("stripes",)))
    other = folder_name(Reference(title="House Style ../2026", texts=("dots",)))
    assert one.startswith("house-style-2026-") and other.startswith("house-style-2026-")
    assert one != other


def test_a_title_in_another_script_leaves_the_hash() -> None:
    assert folder_name(Reference(title="家風", texts=("stripes",))).isalnum()


def test_a_further_picture_makes_it_another_set(tmp_path: Path) -> None:
    (tmp_path / "reference.toml").write_text('title = "Set"\nprovenance = "us"\nlicence = "ours"\n')
    (tmp_path / "a.png").write_bytes(b"1")
    before = folder_name(make_reference(str(tmp_path)))
    assert folder_name(make_reference(str(tmp_path))) == before
    (tmp_path / "b.png").write_bytes(b"2")
    assert folder_name(make_reference(str(tmp_path))) != before


def test_a_state_of_the_lake_gets_one_report_for_each_set(studio: Studio) -> None:
    first = store_attribution(studio.settings, str(studio.plates))
    assert first.is_new
    assert first.prefix.startswith("reports/attribution/house-style-")
    assert first.summary["n_flagged"] == N_INFRINGERS
    store = open_store(studio.settings.store)
    assert {f"{first.prefix}{name}" for name in ("manifest.json", "attribution.html")} <= {
        item.key for item in store.list(first.prefix)
    }
    again = store_attribution(studio.settings, str(studio.plates))
    assert (again.is_new, again.prefix, again.summary) == (False, first.prefix, first.summary)
    assert store_attribution(studio.settings, str(studio.plates), again=True).is_new
