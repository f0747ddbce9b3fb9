"""Reference pictures: what can be used is encoded once, and what cannot has a row that says why."""

from pathlib import Path

import numpy as np
import pytest

from carlos_tasks.attribution import reference_pictures as module
from carlos_tasks.attribution.reference import PictureFile, make_reference
from carlos_tasks.attribution.reference_pictures import read_pictures
from carlos_tasks.embedding.encoder import ClipEncoder, load_encoder
from carlos_tasks.errors import CarlosError, SettingsError
from carlos_tasks.profiles.profile import Profile
from tests.attribution.studio import plate, write_set


@pytest.fixture(scope="module")
def encoder(micro: Profile) -> ClipEncoder:
    return load_encoder(micro.identity.encoder, "cpu")


def test_what_cannot_be_used_has_a_row_that_says_why(encoder: ClipEncoder, tmp_path: Path) -> None:
    write_set(tmp_path, 3)
    (tmp_path / "again.png").write_bytes((tmp_path / "plate-1.png").read_bytes())
    (tmp_path / "broken.png").write_bytes((tmp_path / "plate-1.png").read_bytes()[:60])
    (tmp_path / "notes.txt").write_text("not a picture")
    plate(1).resize((2000, 2)).save(tmp_path / "strip.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "plate-0.png")
    found = read_pictures(encoder, make_reference(str(tmp_path)).pictures)
    reasons = {row["name"]: row["reason"] for row in found.rows}
    assert reasons.pop("again.png") is None  # the first of the two, by name
    assert reasons.pop("plate-1.png") == "the same bytes as again.png"
    assert reasons.pop("broken.png").startswith("is a broken picture: ")
    assert reasons.pop("notes.txt").startswith("is no picture that is read here")
    assert reasons.pop("strip.png") == "is 2000 x 2, a strip: cut out what matters"
    assert reasons.pop("link.png") == "no object link.png: links are not followed"
    assert reasons == {"plate-0.png": None, "plate-2.png": None}
    assert [row["is_used"] for row in found.rows].count(True) == len(found.features) == 3
    used = next(row for row in found.rows if row["name"] == "plate-0.png")
    assert (used["width"], used["height"], len(used["sha256"])) == (32, 32, 64)
    np.testing.assert_allclose(found.features[1], encoder.embed_images([plate(0)])[0], atol=1e-5)


def test_a_set_without_a_usable_picture_names_the_first(encoder: ClipEncoder, tmp_path: Path) -> None:
    write_set(tmp_path, 0)
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b.png").write_bytes(b"x")
    with pytest.raises(
        CarlosError, match=r"none of the 2 pictures of the reference set can be used: a\.png: is no picture"
    ):
        read_pictures(encoder, make_reference(str(tmp_path)).pictures)


def test_a_name_that_no_store_opens_and_a_large_file_are_left_out(
    encoder: ClipEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_set(tmp_path, 2)
    odd = PictureFile("a\\b.png", str(tmp_path), "a\\b.png", 3, "e")
    files = (odd, *make_reference(str(tmp_path)).pictures)
    monkeypatch.setattr(module, "MAX_PICTURE_BYTES", max(file.bytes for file in files) - 1)
    found = read_pictures(encoder, files)
    assert "not a key" in found.rows[0]["reason"]
    assert [row["reason"] for row in found.rows].count("larger than 0 MiB") == 1


def test_storage_that_refuses_is_an_error_and_no_row(
    encoder: ClipEncoder, s3_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(SettingsError, match="refuses the credentials"):
        read_pictures(encoder, [PictureFile("a.png", s3_uri, "a.png", 3, "e")])
