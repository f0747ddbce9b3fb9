"""`carlos validate` on files, folders, many files on every core, and names made to hurt."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from carlos_tasks.cli import main
from carlos_tasks.intake.validate import validate
from tests.lora.crafted import kohya_pair, micro_lora, write_file


def test_a_folder_is_its_model_files_and_its_links(tmp_path: Path) -> None:
    folder, outside = tmp_path / "loras", tmp_path / "outside"
    (folder / "deep").mkdir(parents=True)
    outside.mkdir()
    lora = write_file(folder / "a.safetensors", micro_lora())
    write_file(outside / "secret.safetensors", micro_lora())
    (folder / "deep" / "b.pt").write_bytes(b"\x80\x02}q\x00.")
    (folder / "readme.txt").write_text("no model")
    with zipfile.ZipFile(folder / "c.zip", "w") as file:
        file.write(lora, "x.safetensors")
    (folder / "to-a-file").symlink_to(outside / "secret.safetensors")
    (folder / "to-a-folder").symlink_to(outside)
    rows = {Path(row["path"]).name: row["reason"] for row in validate([folder])}
    assert rows == {"a.safetensors": None, "c.zip": None, "to-a-file": "link", "to-a-folder": "link", "b.pt": "pickle"}
    assert [row["ok"] for row in validate([folder / "to-a-file"])] == [True]  # somebody named it


def test_what_is_no_file_is_a_row(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    odd = [tmp_path / "pipe.safetensors", tmp_path / "absent", Path("/dev/zero"), Path("a\0b")]
    assert [row["reason"] for row in validate(odd)] == [
        "not_safetensors",
        "missing_file",
        "not_safetensors",
        "missing_file",
    ]


def test_headers_only_leaves_the_weights_alone(tmp_path: Path) -> None:
    lora = write_file(tmp_path / "a.safetensors", micro_lora())
    (row,) = validate([lora], headers_only=True)
    assert (row["ok"], row["lora_id"], row["tensors_sha256"], row["n_modules_matched"]) == (True, None, None, 1)


@pytest.mark.parametrize("headers_only", [True, False])
def test_what_lies_beside_a_file_tells_its_scale(headers_only: bool, tmp_path: Path) -> None:
    write_file(tmp_path / "adapter_model.sft", micro_lora())
    (tmp_path / "adapter_config.json").write_text('{"r": 4, "lora_alpha": 2}')
    (row,) = validate([tmp_path], headers_only=headers_only)
    assert (row["ok"], row["alpha"], row["scale_told_by"]) == (True, 2.0, "adapter_config")
    (tmp_path / "adapter_config.json").write_text("{")
    (row,) = validate([tmp_path], headers_only=headers_only)
    assert (row["alpha"], row["is_scale_known"]) == (None, False)


@pytest.mark.parametrize("headers_only", [True, False])
def test_many_files_on_every_core_give_the_same_rows_in_order(headers_only: bool, tmp_path: Path) -> None:
    for n in range(100):
        shapes = micro_lora() if n % 3 else kohya_pair("lora_unet_nowhere", 10, 10)
        write_file(tmp_path / f"{n:03d}.safetensors", shapes, {"n": str(n)})
    many = list(validate([tmp_path], headers_only=headers_only))
    assert [row["metadata"]["n"] for row in many] == [str(n) for n in range(100)]
    assert many[:7] == list(validate(sorted(tmp_path.iterdir())[:7], headers_only=headers_only))


def test_names_made_to_hurt_reach_the_terminal_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "loras"
    folder.mkdir()
    names = [b"\xff\xfe.safetensors", "a\x1b[2J\u202egnp.safetensors".encode(), b"[red]b\n.safetensors"]
    for name in names:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"\x80\x02}q\x00.")
    assert main(["validate", str(folder)]) == 1
    table = capsys.readouterr().out
    assert "\x1b" not in table and "\u202e" not in table
    assert "pickle" in table and "[red]b" in table
    assert main(["validate", str(folder), "--json"]) == 1
    out = capsys.readouterr().out
    out.encode()
    assert len(json.loads(out)) == 3


def test_the_table_ends_with_reasons_and_a_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_file(tmp_path / "a.safetensors", micro_lora())
    (tmp_path / "b.safetensors").write_bytes(b"<html>no</html>")
    assert main(["validate", str(tmp_path), "--headers-only"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "1 ok, 1 web_page"
    assert lines[-2].endswith("b.safetensors: web_page: a web page or an error document")
    assert main(["validate", str(tmp_path / "a.safetensors")]) == 0


def test_an_empty_folder_is_not_ok(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(tmp_path), "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out) == [] and "nothing to check" in err
