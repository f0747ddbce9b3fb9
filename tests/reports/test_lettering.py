"""Names on the contact sheet stand there in their own letters, where this machine has a font for them."""

import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from carlos_tasks.reports import lettering
from carlos_tasks.reports.lettering import DOT, draw_name, fitting, length, runs

NAMES = {
    "ru": "Плакат в стиле модерн",
    "ja": "夜のスタイル",
    "zh-cn": "漂亮的水彩画",
    "ko": "한국어 스타일",
    "el": "Ελληνικά",
}
SIZE = 14


def has_font_for(language: str) -> bool:
    """What fontconfig says of this machine."""
    if not shutil.which("fc-list"):
        return False
    asked = ["fc-list", f":lang={language}", "file"]
    return bool(subprocess.run(asked, capture_output=True, check=False).stdout)


def drawn(name: str, width: int = 300) -> Image.Image:
    """A picture of a name."""
    picture = Image.new("L", (340, 30), 255)
    draw_name(ImageDraw.Draw(picture), (8, 6), name, "black", SIZE, width)
    return picture


def columns_with_ink(picture: Image.Image) -> list[int]:
    """Where there is something else than paper."""
    rows = [picture.tobytes()[y * picture.width : (y + 1) * picture.width] for y in range(picture.height)]
    return [x for x in range(picture.width) if min(row[x] for row in rows) < 128]


@pytest.mark.parametrize("language", NAMES)
def test_a_name_is_drawn_in_its_own_letters(language: str) -> None:
    if not has_font_for(language):
        pytest.skip(f"no font of this machine has the letters of {language} (scripts/install-services fonts)")
    name = NAMES[language]
    assert "".join(text for text, _ in runs(name, SIZE)) == name
    # No two letters look alike, as they would where each is the box for a letter that is missing.
    letters = sorted(set(name) - {" "})
    assert len({drawn(letter).tobytes() for letter in letters}) == len(letters)


def test_letters_of_english_are_pillows_own_everywhere() -> None:
    name = "pencil sketch (v2), 50% & more"
    assert runs(name, SIZE) == [(name, None)]


def test_a_name_with_accents_is_in_one_font() -> None:
    if not has_font_for("fr"):
        pytest.skip("no font of this machine has accents")
    assert [text for text, _ in runs("Sépia d'antan", SIZE)] == ["Sépia d'antan"]


def test_letters_that_no_font_has_are_dots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "font_files", lambda: ())
    lettering._lettered.cache_clear()
    try:
        assert runs("a 夜 b", SIZE) == [(f"a {DOT} b", None)]
    finally:
        lettering._lettered.cache_clear()


def test_a_font_that_cannot_be_opened_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    fonts = (tmp_path / "broken.ttf", tmp_path / "absent.ttf", *lettering.font_files())
    monkeypatch.setattr(lettering, "font_files", lambda: fonts)
    lettering._lettered.cache_clear()
    try:
        assert {path for _, path in runs("Ω夜", SIZE)}.isdisjoint(fonts[:2])
    finally:
        lettering._lettered.cache_clear()


@pytest.mark.parametrize("name", ["x" * 5000, "夜" * 600, "W" * 43, "Ж" * 60])
def test_a_long_name_ends_in_its_room(name: str) -> None:
    assert fitting(name, SIZE, 300).endswith("…")
    assert length(fitting(name, SIZE, 300), SIZE) <= 300
    assert max(columns_with_ink(drawn(name))) <= 8 + 300 + 1


@pytest.mark.parametrize("name", ["", "  ", "\u202e\u200b", "\x1b[31m\x07", "\udc80", "\ufffe\U000e0001"])
def test_what_cannot_be_seen_is_not_drawn(name: str) -> None:
    line = fitting(name, SIZE, 300)
    assert line.isprintable()
    assert columns_with_ink(drawn(name))
