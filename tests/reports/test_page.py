"""Pages: escaped, clean, with figures that a person reads right; charts and pictures that stand where they should."""

import base64
import io
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from PIL import Image

from carlos_tasks.reports.bundles.charts import HEAD, WIDTH, day_chart
from carlos_tasks.reports.bundles.evidence_pictures import SIDE_PX, evidence_pairs_of
from carlos_tasks.reports.bundles.page import _environment, render
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import evidence_key
from tests.reports.page_reader import is_harmless, read_page

PARTS = '{% set for_print = false %}{% import "parts.html.j2" as parts with context %}'


def shown(template: str, **context: object) -> str:
    return _environment().from_string(template).render(context)


@pytest.mark.parametrize(
    ("filtered", "value", "text"),
    [
        ("figure", 0.123456, "0.123"),
        ("figure", -1.5, "−1.5"),
        ("figure", 12345.6, "12346"),
        ("figure", float("nan"), "–"),
        ("count", 1234567, "1 234 567"),
        ("percent", 0.001, "< 1 %"),
        ("percent", 0.999, "> 99 %"),
        ("percent", 0.5, "50 %"),
        ("percent", 0.0, "0 %"),
        ("probability", 0.04321, "0.043"),
        ("probability", 0.00002, "2e−5"),
        ("probability", 1e-12, "< 10⁻⁹"),
        ("hours", 0.5, "30 min"),
        ("hours", 24.0, "24.0 h"),
        ("hours", 72.0, "3.0 days"),
        ("moment", datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02 03:04 UTC"),
        ("day", date(2026, 1, 2), "2026-01-02"),
        ("words", "STATEMENT_CATEGORY_SELF_HARM", "self harm"),
        ("words", None, "–"),
        ("shown", ["a", 2], "a, 2"),
        ("shown", True, "yes"),
        ("line", "a\nb\u202ec", "a b c"),
        ("short", "ab" * 32, "ab" * 6),
    ],
)
def test_figures_read_right(filtered: str, value: object, text: str) -> None:
    assert shown(f"{{{{ value | {filtered} }}}}", value=value).replace("\u202f", " ") == text.replace(
        ">", "&gt;"
    ).replace("<", "&lt;")


def test_a_misspelt_variable_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("moderation.html.j2", {}, for_print=False)


def test_a_table_escapes_and_isolates_what_it_shows() -> None:
    html = shown(
        PARTS + '{{ parts.table(rows, [("name", "name", "name"), ("n", "n", "count")], 9, "tables/t") }}',
        rows=[{"name": "<b onclick=x>\u202e&", "n": 1}],
    )
    page = read_page(html)
    assert "<b onclick=x> &" in page.text and not page.all("b")
    assert page.all("bdi") == [{"dir": "auto"}]
    assert "1 of 9 are shown. All of them: tables/t.csv, tables/t.parquet." in page.text


def test_pictures_of_a_hostile_pair_stay_harmless() -> None:
    picture = {"pair": '"><script>', "baseline": None, "lora": "data:image/webp;base64,x", "is_tiny": True}
    html = shown(
        PARTS + '{{ parts.pairs(name, [picture], "k", name) }}', picture=picture, name='"><script>alert(1)</script>'
    )
    page = read_page(html)
    assert not page.all("script") and "not kept" in page.text
    (block,) = [div for div in page.all("div") if div.get("class") == "pairs"]
    assert block["data-lora"] == '"><script>alert(1)</script>'
    assert page.all("input")[0]["aria-label"] == 'Show pair 1 of "><script>alert(1)</script>'


def test_the_frame_has_a_policy_that_forbids_scripts_and_addresses() -> None:
    html = shown('{% extends "base.html.j2" %}{% block title %}{{ t }}{% endblock %}', for_print=False, t="<x>")
    page = read_page(html)
    assert is_harmless(page)
    assert page.text.count("<x>") == 2, "in the title, and as the heading"


def test_a_day_without_anything_has_no_bar_and_the_highest_fills_the_chart() -> None:
    days = [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)]
    chart = day_chart("t", days, [0, 1000, 1])
    assert [bar.says for bar in chart.bars] == ["2026-01-02: 1000", "2026-01-03: 1"]
    assert (chart.total, chart.peak, chart.bars[0].y) == (1001, 1000, HEAD)
    assert chart.bars[1].height == 1.0, "a small count beside a large one is still seen"
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH for bar in chart.bars)
    assert day_chart("t", days, [0, 0, 0]).bars == ()


def put(folder: Path, lora_id: str, prompt: str, data: bytes) -> None:
    open_store(str(folder)).write(evidence_key("p", lora_id, prompt, 0), data)


def webp(side: int, colour: str = "#336699") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


def opened(uri: str | None) -> Image.Image:
    assert uri is not None
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_pictures_are_small_and_blurred_ones_hold_next_to_nothing(tmp_path: Path) -> None:
    put(tmp_path, "base", "p1", webp(512))
    put(tmp_path, "a", "p1", webp(512))
    put(tmp_path, "a", "p2", webp(32))
    first, second = evidence_pairs_of(open_store(str(tmp_path)), "p", ["a"], 6)["a"]
    assert opened(first.lora).size == opened(first.baseline).size == (SIDE_PX, SIDE_PX)
    assert (first.pair, first.is_tiny, second.is_tiny, second.baseline) == ("p1-0", False, True, None)
    assert opened(second.lora).size == (32, 32)
    assert len(first.lora_blurred) < 2000 and opened(first.lora_blurred).size < (64, 64)


def test_a_checkerboard_cannot_be_told_from_grey_once_it_is_blurred(tmp_path: Path) -> None:
    board = Image.new("L", (96, 96))
    board.putdata([255 * ((x + y) % 2) for y in range(96) for x in range(96)])
    buffer = io.BytesIO()
    board.convert("RGB").save(buffer, "WEBP", lossless=True)
    put(tmp_path, "a", "p1", buffer.getvalue())
    (pair,) = evidence_pairs_of(open_store(str(tmp_path)), "p", ["a"], 1)["a"]
    grey = opened(pair.lora_blurred).convert("L").tobytes()
    assert min(grey) >= 120 and max(grey) <= 135


def test_broken_and_missing_pictures_are_left_out(tmp_path: Path) -> None:
    put(tmp_path, "a", "p1", b"no picture")
    put(tmp_path, "a", "p2", webp(32))
    put(tmp_path, "base", "p2", webp(32)[:20])
    found = evidence_pairs_of(open_store(str(tmp_path)), "p", ["a", "unknown"], 6)
    assert [(pair.pair, pair.baseline) for pair in found["a"]] == [("p2-0", None)]
    assert found["unknown"] == []
    assert evidence_pairs_of(open_store(str(tmp_path)), "p", ["a"], 0) == {"a": []}
