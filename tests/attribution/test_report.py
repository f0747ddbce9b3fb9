"""The report: a bundle that is the same for the same snapshot, and a page on which no stranger's text does anything."""

import json
import re
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow.parquet as pq
import pytest

from carlos_tasks.aliases import Json
from carlos_tasks.attribution.reference import Reference, make_reference
from carlos_tasks.errors import CarlosError
from carlos_tasks.reports.attribution.report import attribution_report, write_attribution
from carlos_tasks.reports.attribution.words import WORDING
from carlos_tasks.reports.check import check_report
from tests.attribution.conftest import Studio
from tests.attribution.studio import HOSTILE, N_INFRINGERS, N_INNOCENT, infringer

N_LORAS = N_INNOCENT + N_INFRINGERS


@pytest.fixture(scope="module")
def folder(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the studio's pictures, with one more that is broken."""
    folder = tmp_path_factory.mktemp("report")
    write_attribution(studio.settings, _reference(studio), folder, k=1, with_pictures=True)
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    """Its page."""
    return (folder / "attribution.html").read_text(encoding="utf-8")


def _reference(studio: Studio) -> Reference:
    broken = studio.plates.parent / "broken =1+1.png"
    broken.write_bytes(b"no picture")
    return make_reference(str(studio.plates), images=[broken], lora_ids=[infringer(2)], texts=["horizontal stripes"])


def _hashes(manifest: Json) -> Mapping[str, str]:
    return {file["path"]: file["sha256"] for file in manifest["files"]}


def test_the_manifest_has_every_file_and_its_hash(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert there == {*_hashes(manifest), "manifest.json", "seal.json"}
    for path, digest in _hashes(manifest).items():
        assert sha256((folder / path).read_bytes()).hexdigest() == digest
    assert manifest["summary"]["n_compared"] == N_LORAS
    assert manifest["summary"]["n_flagged"] == N_INFRINGERS
    assert manifest["reference"]["provenance"] == "Drawn for a test"
    assert manifest["reference"]["n_pictures_left_out"] == 1
    assert manifest["neutral_texts"]["null_id"]


def test_the_same_snapshot_gives_the_same_bytes(studio: Studio, folder: Path, tmp_path: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    again = write_attribution(
        studio.settings, _reference(studio), tmp_path, k=1, with_pictures=True, snapshot=manifest["snapshot_id"]
    )
    assert _hashes(again) == _hashes(manifest)


def test_a_check_makes_the_report_again_with_its_reference_pictures(studio: Studio, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    shutil.copytree(studio.plates, pictures)
    write_attribution(studio.settings, make_reference(str(pictures), texts=["stripes"]), tmp_path / "out", k=1)
    without = check_report(str(tmp_path / "out"), studio.settings)
    assert without.faults == [] and "--reference" in without.not_checked[0]
    verdict = check_report(str(tmp_path / "out"), studio.settings, reference=str(pictures))
    assert (verdict.faults, verdict.not_checked) == ([], []) and "recomputed_from" in verdict.facts
    next(pictures.glob("*.png")).unlink()
    assert check_report(str(tmp_path / "out"), studio.settings, reference=str(pictures)).faults


def test_a_check_makes_a_report_of_loras_again_by_itself(studio: Studio, tmp_path: Path) -> None:
    reference = make_reference(lora_ids=[infringer(2)], title="A LoRA")
    write_attribution(studio.settings, reference, tmp_path / "out", k=1)
    verdict = check_report(str(tmp_path / "out"), studio.settings)
    assert (verdict.faults, verdict.not_checked) == ([], []) and "recomputed_from" in verdict.facts


def test_every_similarity_can_be_computed_anew_from_the_bundle(studio: Studio, folder: Path) -> None:
    from carlos_tasks.calibration.measured import read_measured
    from carlos_tasks.lake.catalog import connect

    vectors = json.loads((folder / "reference/vectors.json").read_text())
    rows = pq.read_table(folder / "tables/attribution.parquet").to_pylist()
    assert len(rows) == 3 * N_LORAS
    with connect(studio.settings) as con:
        measured = read_measured(con, studio.profile)
    units = measured.field.units.astype(np.float64)
    for basis, told in vectors.items():
        axes = np.array(told["shared_axes"]).reshape(-1, units.shape[1])
        both = np.vstack([units, np.array(told["direction"]) / np.linalg.norm(told["direction"])])
        both -= told["shared_mean"]
        both -= both @ axes.T @ axes
        both /= np.linalg.norm(both, axis=1, keepdims=True)
        again = dict(zip(measured.lora_ids, both[:-1] @ both[-1], strict=True))
        for row in rows:
            if row["basis"] == basis and row["similarity"] is not None:
                assert row["similarity"] == pytest.approx(again[row["lora_id"]], abs=1e-6)


def test_the_page_shows_what_is_asked_of_it(page: str) -> None:
    assert WORDING in page
    assert f"Of {N_LORAS} LoRAs, {N_INFRINGERS} come nearer to the reference than chance explains." in page
    for told in (infringer(0), "urn:air:microxl:lora:civitai:1@f0", "studio plate", "plates_v2", "zqplate", "micro-xl"):
        assert told in page
    assert page.count('class="chip warn">flagged') == 2 * N_INFRINGERS
    assert page.count("<article") == N_INFRINGERS  # one is asked for, and all that are flagged are shown
    assert page.count('type="checkbox"') == 1  # the one pair that is kept, blurred until it is clicked
    assert "no picture that is read here" in page
    assert "not independent evidence" in page
    assert "near-copy are three questions" in page


def test_no_stranger_does_anything_to_the_page(page: str, folder: Path) -> None:
    assert "<script" not in page.lower()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert '<bdi dir="auto">@שלום &lt;b&gt;</bdi>' in page
    claims = (folder / "tables/claims.csv").read_text(encoding="utf-8")
    assert "'@שלום" in claims
    assert HOSTILE.replace('"', '""') in claims


def test_the_bundle_holds_the_kept_images_and_the_pictures_asked_with(studio: Studio, folder: Path) -> None:
    evidence = sorted(str(path.relative_to(folder)) for path in (folder / "evidence").rglob("*.webp"))
    assert [Path(path).parts[1] for path in evidence] == ["base", infringer(0)]
    held = {path.stem for path in (folder / "reference/pictures").iterdir()}
    assert held == {sha256(path.read_bytes()).hexdigest() for path in studio.plates.glob("*.png")}


def test_a_picture_is_kept_as_what_it_is_whatever_its_name(studio: Studio, tmp_path: Path) -> None:
    """A file may be a picture and a page at once: one that is called .html opens as a page."""
    plate = studio.plates / "plate-0.png"
    (tmp_path / "plate.html").write_bytes(plate.read_bytes() + b"<script>alert(1)</script>")
    reference = make_reference(images=[tmp_path / "plate.html"], provenance="p", licence="l")
    document = attribution_report(studio.settings, reference, k=0, with_pictures=True)
    (kept,) = (PurePosixPath(name) for name in document.files if name.startswith("reference/pictures"))
    assert kept.suffix == ".png"


def test_without_being_told_to_it_copies_no_picture(studio: Studio) -> None:
    document = attribution_report(studio.settings, make_reference(str(studio.plates)), k=0)
    assert not any(path.startswith("reference/pictures") for path in document.files)
    assert "are not in this bundle" in document.html()
    assert [row["sha256"] for row in document.tables["reference"].to_pylist() if row["sha256"]]


def test_one_picture_is_told_to_be_one(studio: Studio) -> None:
    one = make_reference(images=[studio.plates / "plate-0.png"], provenance="p", licence="l")
    text = attribution_report(studio.settings, one, k=1).html()
    assert "The reference has one picture. How far another of the same kind would differ is not known" in text
    few = attribution_report(studio.settings, make_reference(str(studio.plates)), k=1).html()
    assert "The reference has 6 pictures." in few
    assert "With fewer than 50 they lie too low for the style that they stand for" in few
    assert re.search(r"Of the direction of the pictures, \d+% of its length is left", few)
    assert re.search(r"95 % interval of similarity is 0\.\d\d wide", few)


@pytest.mark.parametrize("k", [-1, 51])
def test_a_k_out_of_range_is_told(studio: Studio, k: int) -> None:
    with pytest.raises(CarlosError, match=rf"k = {k}: a report shows from 0 to 50"):
        attribution_report(studio.settings, make_reference(lora_ids=[infringer(0)]), k)
