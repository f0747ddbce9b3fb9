"""Names on pictures in their own letters: the first font of this machine that has them, or one for each letter.

The fonts: Pillow's own, which lies in its wheel and has the letters of English, so that such a name looks the same
everywhere; then what fontconfig knows (`fc-list`), or matplotlib where that is absent. A letter that none has is a dot.
"""

import logging
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

#: What stands for a letter that no font has.
DOT = "·"
# Families whose letters are plain, the first ones first; whatever else there is comes after them.
_PREFERRED = ("DejaVuSans.ttf", "NotoSans-Regular", "NotoSansCJK-Regular", "wqy", "NotoSans", "Noto")
_STYLED = re.compile("Bold|Italic|Oblique|Condensed|Light|Thin|Black|Heavy|Medium")
# Each is tried for a letter that none before it has.
_MOST_FONTS = 100
_SUFFIXES = {".ttf", ".ttc", ".otf", ".otc"}
_SECONDS_FOR_FONTCONFIG = 20


def draw_name(draw: Any, place: tuple[int, int], name: str, fill: str, size: int, width: int) -> None:
    """Draw a name on one line, cut with an ellipsis where it would be wider than `width` pixels.

    Args:
        draw: a PIL.ImageDraw.ImageDraw.
        place: the upper left corner.
        name: by a stranger; control and direction characters are left out.
        fill: its colour.
        size: of the letters, in pixels.
        width: how much room there is.
    """
    left, top = place
    # All on one base line, whatever the font.
    base = top + _font(None, size).getmetrics()[0]
    for text, path in runs(fitting(name, size, width) or "(no name)", size):
        draw.text((left, base), text, fill, _font(path, size), anchor="ls")
        left += _font(path, size).getlength(text)


def fitting(name: str, size: int, width: int) -> str:
    """Return what of a name goes into so many pixels, on one line and without what cannot be seen."""
    line = "".join(sign for sign in " ".join(unicodedata.normalize("NFC", name[:500]).split()) if sign.isprintable())
    if length(line, size) <= width:
        return line
    while line and length(f"{line.rstrip()}…", size) > width:
        line = line[:-1]
    return f"{line.rstrip()}…"


def length(text: str, size: int) -> float:
    """How wide a text is, in pixels."""
    return sum(_font(path, size).getlength(run) for run, path in runs(text, size))


def runs(text: str, size: int) -> list[tuple[str, Path | None]]:
    """Cut a text where the font changes: each part, and its font's file (None: Pillow's own).

    One font draws all of it where one has all its letters: a word in two fonts reads badly.
    """
    for path in (None, *font_files()):
        if text and all(has(path, sign, size) for sign in text):
            return [(text, path)]
    lettered = [_lettered(sign, size) for sign in text]
    return [("".join(sign for sign, _ in part), path) for path, part in groupby(lettered, key=lambda one: one[1])]


@lru_cache(maxsize=4096)
def _lettered(sign: str, size: int) -> tuple[str, Path | None]:
    """A letter, or the dot for it, and the file of the font that has it."""
    for path in (None, *font_files()):
        if has(path, sign, size):
            return sign, path
    return DOT, None


@lru_cache(maxsize=65536)
def has(path: Path | None, sign: str, size: int) -> bool:
    """Tell whether a font has a letter: it is not drawn as what has no letter is."""
    if _font(path, size) is None:
        return False
    if sign.isspace():
        return True
    return _drawn(path, sign, size) not in {_drawn(path, absent, size) for absent in ("\U0010fffe", "\uffff")}


@lru_cache(maxsize=4096)
def _drawn(path: Path | None, sign: str, size: int) -> tuple[bytes, tuple[int, int]]:
    # Letter by letter: the layout of complex scripts would add a circle to an accent that stands alone.
    mask = _font(path, size, is_simple=True).getmask(sign, mode="L")
    return bytes(mask), mask.size


@cache
def _font(path: Path | None, size: int, is_simple: bool = False) -> Any:
    from PIL import ImageFont

    if path is None:
        return ImageFont.load_default(size)
    try:
        return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC if is_simple else None)
    except OSError as exc:
        log.info("font %s cannot be used: %s", path, exc)
        return None  # has() says so of each of its letters


@cache
def font_files() -> tuple[Path, ...]:
    """The files of this machine's upright fonts, plain ones first, in an order that does not change."""
    found = {path for path in _listed() if path.suffix.lower() in _SUFFIXES}
    return tuple(sorted((path for path in found if not _STYLED.search(path.stem)), key=_rank)[:_MOST_FONTS])


def _listed() -> Iterator[Path]:
    if shutil.which("fc-list"):
        try:
            done = subprocess.run(
                ["fc-list", "--format", "%{file}\n"],
                capture_output=True,
                text=True,
                errors="surrogateescape",
                timeout=_SECONDS_FOR_FONTCONFIG,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            log.info("fc-list cannot be asked for fonts: %s", exc)
        else:
            yield from map(Path, done.stdout.splitlines())
            return
    if find_spec("matplotlib"):
        from matplotlib.font_manager import findSystemFonts

        yield from map(Path, findSystemFonts())


def _rank(path: Path) -> tuple[int, bool, str]:
    known = next((number for number, start in enumerate(_PREFERRED) if path.name.startswith(start)), len(_PREFERRED))
    return known, "Mono" in path.stem or "Serif" in path.stem, str(path)
