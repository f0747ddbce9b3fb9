"""A report as a folder: hashes that hold, a manifest that comes last, cells that are no formulas, bytes that repeat."""

import csv
import fcntl
import hashlib
import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from carlos_tasks.errors import CarlosError
from carlos_tasks.reports.bundles import print_pdf
from carlos_tasks.reports.bundles.bundle import MAX_JSON_ROWS, write_bundle
from carlos_tasks.reports.bundles.tables import arrow_table, csv_bytes, harmless

FACTS = {"profile_id": "p", "snapshot_id": 3, "code_version": "1", "created_at": datetime(2026, 1, 2, tzinfo=UTC)}
PAGE = "<!doctype html><title>t</title><p>A page"


def written(folder: Path, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "facts": FACTS,
        "tables": {"t": [{"name": "a", "score": 0.5}]},
        "html": PAGE,
        "print_html": PAGE,
    }
    return write_bundle(folder, "r", **given | changes)


def test_the_manifest_holds_facts_and_the_hash_of_every_file(tmp_path: Path) -> None:
    manifest = written(tmp_path, files={"pictures/one.webp": b"1"})
    on_disk = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {file["path"] for file in manifest["files"]} == on_disk - {"manifest.json", "seal.json"}
    for file in manifest["files"]:
        content = (tmp_path / file["path"]).read_bytes()
        assert (file["sha256"], file["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    read = json.loads((tmp_path / "manifest.json").read_bytes())
    assert (read["snapshot_id"], read["created_at"]) == (3, "2026-01-02T00:00:00+00:00")


def test_the_report_before_leaves_nothing_behind(tmp_path: Path) -> None:
    written(tmp_path, files={"reference/one.png": b"1"}, tables={"other": [{"a": 1}]})
    (tmp_path / "notes.txt").write_text("of whoever reads it")
    now = written(tmp_path)
    on_disk = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert on_disk == {file["path"] for file in now["files"]} | {"manifest.json", "seal.json", "notes.txt"}


@pytest.mark.parametrize("manifest", [b"{", b"[]", b'{"files": [{"path": 3}]}', b'{"files": [{"path": "../x"}]}'])
def test_a_manifest_that_is_none_of_ours_removes_nothing(tmp_path: Path, manifest: bytes) -> None:
    (tmp_path / "x").write_text("mine")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "manifest.json").write_bytes(manifest)
    written(tmp_path / "report")
    assert (tmp_path / "x").exists()


def test_only_the_manifest_says_when_it_was_made(tmp_path: Path) -> None:
    one = written(tmp_path / "one")
    two = written(tmp_path / "two", facts=FACTS | {"created_at": datetime(2027, 1, 1, tzinfo=UTC)})
    assert one["files"] == two["files"] and one["created_at"] != two["created_at"]


def test_without_the_system_library_there_is_no_pdf_and_the_manifest_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_pango() -> Any:
        raise OSError("cannot load library 'libpango-1.0-0'")

    written(tmp_path)
    assert (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF")
    monkeypatch.setattr(print_pdf, "_weasyprint", without_pango)
    manifest = written(tmp_path)
    assert not (tmp_path / "r.pdf").exists(), "an older PDF would not be of this report"
    assert manifest["left_out"][0]["path"] == "r.pdf" and "libpango" in manifest["left_out"][0]["reason"]


def test_a_bundle_that_fails_has_no_manifest(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(ValueError, match="not a key"):
        written(tmp_path, files={"../outside": b""})
    assert not (tmp_path / "manifest.json").exists() and not (tmp_path.parent / "outside").exists()


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CarlosError, match=r"cannot write the report to .*name another --out"):
        written(tmp_path / "file" / "folder")


def test_two_reports_do_not_mix_in_one_folder(tmp_path: Path) -> None:
    before = written(tmp_path)
    other = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(CarlosError, match="another report is being written to"):
            written(tmp_path, html="<p>another")
    finally:
        os.close(other)
    assert json.loads((tmp_path / "manifest.json").read_bytes())["files"] == before["files"]
    assert written(tmp_path, html="<p>another")["files"] != before["files"]


def test_the_json_has_the_first_rows_and_tells_how_many_there_are(tmp_path: Path) -> None:
    written(tmp_path, tables={"t": [{"n": n, "x": float("nan")} for n in range(MAX_JSON_ROWS + 5)]})
    told = json.loads((tmp_path / "r.json").read_text())["tables"]["t"]
    assert (told["n_rows"], len(told["rows"])) == (MAX_JSON_ROWS + 5, MAX_JSON_ROWS)
    assert told["rows"][0] == {"n": 0, "x": None}
    assert pq.read_table(tmp_path / told["parquet"]).num_rows == MAX_JSON_ROWS + 5


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\n=x", "＝1", "－1"])
def test_what_looks_like_a_formula_begins_with_an_apostrophe(text: str) -> None:
    table = arrow_table([{"name": text, text: "x", "list": [text]}])
    head, row = csv.reader(io.StringIO(csv_bytes(table).decode(), newline=""))
    assert (row[0], head[1]) == (f"'{text}", f"'{text}")
    assert row[2].startswith("[")
    assert harmless(" x") == " x"
    for unseen in (" ", "\u00a0", "\u200b", "\ufeff "):
        assert harmless(f"{unseen}=1+1") == f"'{unseen}=1+1"


def test_numbers_stay_numbers(tmp_path: Path) -> None:
    table = arrow_table([{"a": -1.5, "b": None, "c": True, "d": datetime(2026, 1, 2, 3, tzinfo=UTC)}])
    assert csv_bytes(table).decode() == "a,b,c,d\r\n-1.5,,true,2026-01-02 03:00:00+00:00\r\n"


def test_rows_of_several_shapes_keep_every_column_and_value() -> None:
    table = arrow_table([{"a": 1}, {"b": {}, "a": "x"}])
    assert table.to_pylist() == [{"a": "1", "b": None}, {"a": "x", "b": {}}]
    assert arrow_table([]).num_rows == 0
    assert arrow_table(pa.table({"a": pa.array([], pa.int64())})).column_names == ["a"]


def test_a_page_for_print_reaches_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    page = f'<img src="file://{tmp_path}/secret.txt"><img src="http://127.0.0.1:9/x"><p>text'
    pdf, problem = print_pdf.pdf_of(page)
    assert pdf is not None and pdf.startswith(b"%PDF") and not problem
