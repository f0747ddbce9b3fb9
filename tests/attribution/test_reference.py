"""Reference sets: read from a folder or a prefix, or given piece by piece; every bad one gets one line."""

import os
from datetime import date
from pathlib import Path

import pytest

from carlos_tasks.attribution import reference as module
from carlos_tasks.attribution.reference import Reference, make_reference
from carlos_tasks.errors import CarlosError, NotFound, SettingsError
from carlos_tasks.store import open_store
from tests.attribution.studio import TOML, plate, write_set


def test_a_folder_says_what_it_is_and_where_it_comes_from(tmp_path: Path) -> None:
    write_set(tmp_path, 2, TOML + 'texts = ["red  bars", "red bars"]\nlora_ids = ["ABC"]\n')
    (tmp_path / "more").mkdir()
    plate(3).save(tmp_path / "more" / "c.png")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    found = make_reference(str(tmp_path))
    assert (found.title, found.rights_holder, found.licence) == ("House style", "Example Studio", "CC0-1.0")
    assert found.collected_at == date(2026, 2, 3)
    assert (found.texts, found.lora_ids) == (("red bars",), ("abc",))
    assert [picture.name for picture in found.pictures] == ["more/c.png", "plate-0.png", "plate-1.png"]


def test_a_prefix_in_object_storage_is_read_alike(tmp_path: Path, store_uri: str) -> None:
    write_set(tmp_path / "set", 2)
    store = open_store(store_uri)
    for path in (tmp_path / "set").iterdir():
        store.upload(path, f"sets/house/{path.name}")
    found = make_reference(f"{store_uri}/sets/house")
    assert [picture.name for picture in found.pictures] == ["plate-0.png", "plate-1.png"]
    assert found.provenance == "Drawn for a test"


def test_what_is_given_replaces_what_the_file_says(tmp_path: Path) -> None:
    write_set(tmp_path / "set", 1)
    plate(7).save(tmp_path / "own.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "own.png")
    found = make_reference(
        str(tmp_path / "set"), images=[tmp_path / "link.png"], title="Other", licence="mine", texts=["bars"]
    )
    assert (found.title, found.provenance, found.licence) == ("Other", "Drawn for a test", "mine")
    assert [picture.name for picture in found.pictures] == ["plate-0.png", "link.png"]
    assert found.texts == ("bars",)


def test_control_signs_and_writing_direction_are_taken_out_of_what_is_said(tmp_path: Path) -> None:
    write_set(tmp_path, 1, TOML.replace("House style", "a\\u202Eb\\u0007c"))
    assert make_reference(str(tmp_path)).title == "a b c"


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ({"texts": ["red bars"]}, "red bars"),
        ({"lora_ids": ["civitai-160844"]}, "LoRA civitai-160844"),
        ({"lora_ids": ["f" * 64]}, "LoRA ffffffffffff"),
    ],
)
def test_a_set_without_a_title_is_called_by_what_it_is(given: dict[str, list[str]], title: str) -> None:
    assert make_reference(**given).title == title  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            "",
            'no provenance and no licence: write provenance = "…", licence = "…" into reference.toml',
        ),
        ('provenance = "we drew it"', r"have no licence: write licence = .* or give --licence"),
        ("title = ", "is no TOML: Invalid value"),
        ('title = "x"\nlicense = "MIT"', r"license: Extra inputs are not permitted \(fields: title, rights_holder"),
        ('provenance = "\\u200b"\nlicence = "\\u2060"', "no provenance and no licence"),
        (f"texts = {'[' * 5000}{']' * 5000}", "is no TOML: "),
        (f"collected_at = {'9' * 10_000}", "is no TOML: "),
        ("texts = 3", "texts: Input should be a valid tuple"),
        ('collected_at = "soon"', "collected_at: "),
    ],
)
def test_a_description_that_is_wrong_gets_one_line(tmp_path: Path, toml: str, message: str) -> None:
    write_set(tmp_path, 1, toml)
    with pytest.raises(CarlosError, match=message) as caught:
        make_reference(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_description_of_another_encoding_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "reference.toml").write_bytes(b'title = "\xff"')
    with pytest.raises(CarlosError, match="is no TOML: 'utf-8' codec"):
        make_reference(str(tmp_path))


def test_a_name_that_is_no_text_becomes_one(tmp_path: Path) -> None:
    write_set(tmp_path, 1, TOML)
    (tmp_path / os.fsdecode(b"plate\xff.png")).write_bytes(b"x")
    names = [picture.name for picture in make_reference(str(tmp_path)).pictures]
    assert "plate\\udcff.png" in names
    assert all(name.encode() for name in names)


def test_what_is_empty_or_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no folder"):
        make_reference(str(tmp_path / "none"))
    with pytest.raises(NotFound, match="is empty: put the reference pictures"):
        make_reference(str(tmp_path))
    (tmp_path / "reference.toml").write_text(TOML)
    with pytest.raises(CarlosError, match="the reference set is empty: give pictures"):
        make_reference(str(tmp_path))
    with pytest.raises(CarlosError, match="the reference set is empty"):
        make_reference()
    with pytest.raises(NotFound, match="there is no picture at"):
        make_reference(images=[tmp_path / "x.png"], provenance="p", licence="l")
    with pytest.raises(CarlosError, match="the query is empty"):
        make_reference(texts=[" "])
    with pytest.raises(SettingsError, match="not an object store"):
        make_reference("ftp://somewhere")


def test_a_set_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CarlosError, match="has 101 texts: at most 100"):
        Reference("t", texts=tuple(map(str, range(101))))
    monkeypatch.setattr(module, "MAX_SET_BYTES", 100)
    write_set(tmp_path, 2)
    with pytest.raises(CarlosError, match="make the pictures smaller"):
        make_reference(str(tmp_path))
    monkeypatch.setattr(module, "MAX_REFERENCE_FILE_BYTES", 10)
    with pytest.raises(CarlosError, match="that is no description"):
        make_reference(str(tmp_path))
