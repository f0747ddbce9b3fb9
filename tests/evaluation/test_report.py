"""The report: files, tables, text from outside; and the figures, which can be read."""

import json
import math
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from carlos_tasks.evaluation.convergence.convergence import convergence
from carlos_tasks.evaluation.corpus.study import Study
from carlos_tasks.evaluation.figure_style import new_figure, styled, whiskers
from carlos_tasks.evaluation.landscape.clusters import clusters
from carlos_tasks.evaluation.landscape.landscape import landscape
from carlos_tasks.evaluation.rankings.ablation import ablation
from carlos_tasks.evaluation.rankings.diversity import diversity
from carlos_tasks.evaluation.rankings.retrieval import retrieval
from carlos_tasks.evaluation.report import Report, markdown, write_report
from carlos_tasks.evaluation.section import Section, left_out
from carlos_tasks.lake.lora_ids import short_id
from carlos_tasks.reports.check import check_report
from carlos_tasks.untrusted.text import drawable

NASTY = "<script>alert(1)</script> | [x](http://e.invalid) `*_ \n# $\\frac$ \x1b[31m ‮"


def a_report(*sections: Section) -> Report:
    return Report("small", "0123456789abcdef", 7, "2026-01-02T03:04:05+00:00", 3, 2, sections)


@styled
def a_figure() -> Any:
    figure, axis = new_figure(1, 1, 3, 2)
    axis.plot([1, 2], [3, 4])
    axis.set_title(drawable(NASTY))
    return figure


def test_every_section_has_its_files_and_the_facts_come_last(tmp_path: Path) -> None:
    table = Section("table", "A table", "It says.", [{"a": 1, "b": None}, {"a": 2, "b": 0.5}], figure=a_figure())
    report = a_report(table, left_out("other", "Another", "it could not be had"))
    names = [path.name for path in write_report(report, tmp_path / "new" / "folder")]
    assert names == ["table.parquet", "table.png", "report.md", "report.json"]
    verdict = check_report(str(tmp_path / "new/folder"))
    assert (verdict.facts["report"], verdict.facts["n_files"], verdict.faults) == ("evaluation", 4, [])
    assert pq.read_table(tmp_path / "new/folder/table.parquet").to_pylist() == table.rows
    facts = json.loads((tmp_path / "new/folder/report.json").read_text())
    assert (facts["profile"], facts["snapshot_id"]) == ("small", 7)
    assert [(s["section"], s["n_rows"], s["left_out"]) for s in facts["sections"]] == [
        ("table", 2, None),
        ("other", 0, "it could not be had"),
    ]
    assert facts["sections"][0]["files"] == ["table.parquet", "table.png"]


def test_a_report_replaces_the_one_in_its_folder(tmp_path: Path) -> None:
    write_report(a_report(Section("one", "One", rows=[{"a": 1}])), tmp_path)
    (tmp_path / "notes.txt").write_text("somebody's own")
    write_report(a_report(Section("two", "Two", rows=[{"a": 1}])), tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"two.parquet", "report.md", "report.json", "manifest.json", "seal.json", "notes.txt"}


def test_the_same_report_has_the_same_bytes(tmp_path: Path) -> None:
    written = [
        write_report(a_report(Section("t", "T", rows=[{"a": 1.0}], figure=a_figure())), tmp_path / name)
        for name in ("one", "two")
    ]
    assert [path.read_bytes() for path in written[0]] == [path.read_bytes() for path in written[1]]


def test_text_from_outside_is_no_mark_up_on_the_page() -> None:
    page = markdown(a_report(Section("t", "T", rows=[{"name": NASTY}])))
    row = page.splitlines()[-1]
    assert "<script>" not in page and "&lt;script&gt;" in row
    assert row.count("|") - row.count("\\|") == 2
    assert "\\[x\\]\\(http" in row and "\\`\\*\\_" in row and "\\#" in row
    assert "\x1b" not in page and "\u202e" not in page


def test_the_page_shows_so_many_rows_and_says_where_the_rest_is() -> None:
    page = markdown(a_report(Section("t", "T", rows=[{"a": n} for n in range(5)], n_shown=2)))
    assert "| 1 |" in page and "| 2 |" not in page
    assert "All 5 rows: `t.parquet`" in page


def test_hashes_are_short_for_people_and_whole_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    report = a_report(Section("t", "T", rows=[{"lora_id": "ab" * 32, "score": float("nan")}]))
    report.print()
    printed = capsys.readouterr().out
    assert "abababababab" in printed and "ab" * 7 not in printed
    assert "ab" * 7 not in markdown(report)
    assert report.facts()["sections"][0]["rows"] == [{"lora_id": "ab" * 32, "score": None}]


def test_printing_says_what_was_left_out_and_hides_what_is_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    hidden = Section("h", "Hidden", rows=[{"a": 1}], n_shown=0)
    a_report(left_out("o", "Another", "it could not be had"), hidden).print()
    printed = capsys.readouterr().out
    assert "Another: left out, it could not be had" in printed and "Hidden" not in printed


@pytest.mark.parametrize("make", [retrieval, ablation, diversity, convergence, landscape, clusters])
def test_every_figure_names_its_axes_and_keeps_inside_its_paper(study: Study, make: Any) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = make(study)[0].figure
    FigureCanvasAgg(figure).draw()
    width, height = figure.bbox.size
    for axis in figure.axes:
        is_shared = len(axis.get_shared_y_axes().get_siblings(axis)) > 1
        assert axis.get_xlabel() or any(label.get_text() for label in axis.get_xticklabels())
        assert axis.get_ylabel() or is_shared or any(label.get_text() for label in axis.get_yticklabels())
        box = axis.get_tightbbox()
        assert box.x0 > -2 and box.y0 > -2 and box.x1 < width + 2 and box.y1 < height + 2
    for legend in figure.legends:
        box = legend.get_window_extent()
        assert box.x0 > -2 and box.x1 < width + 2 and box.y0 > -2 and box.y1 < height + 2


def test_a_figures_text_is_what_its_font_can_draw() -> None:
    assert drawable("Sépia d'antan") == "Sepia d'antan"
    assert drawable("霧 $x$\n<b>") == "· $x$ <b>"
    assert drawable("a" * 50, 10) == "a" * 9 + "…"
    assert short_id("ab" * 32, 8) == "abababab" and short_id("civitai-212213", 8) == "civitai-212213"


def test_an_interval_that_is_not_known_has_no_whiskers() -> None:
    down, up = whiskers([0.5, 0.7], [0.4, None], [0.8, None])
    assert [down[0], up[0]] == pytest.approx([0.1, 0.3])
    assert math.isnan(down[1]) and math.isnan(up[1])


def test_the_style_does_not_leak() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    a_figure()
    assert dict(mpl.rcParams) == before
