"""The command line as a contract: exit codes, JSON alone on standard output, one clear line on standard error."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from typer.main import get_group

from carlos_tasks import __version__
from carlos_tasks.cli import PARTS, app_of, main
from carlos_tasks.settings import load_settings

MODULE = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"


@pytest.fixture(autouse=True)
def own_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CARLOS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("CARLOS_CATALOG", f"sqlite:{tmp_path}/catalog.sqlite")
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def good_file(tmp_path: Path) -> Path:
    """A LoRA for the micro world: its cross-attention reads 128 dimensions."""
    path = tmp_path / "good.safetensors"
    weights = {"lora_A": np.zeros((4, 128), np.float16), "lora_B": np.zeros((64, 4), np.float16)}
    save_file({f"{MODULE}.{half}.weight": value for half, value in weights.items()}, path)
    return path


def test_a_good_file_is_validated(run: Callable[..., Any], good_file: Path) -> None:
    code, out, _ = run("validate", str(good_file), "--json")
    row = json.loads(out)[0]
    assert code == 0
    assert (row["ok"], row["reason"], row["family"], row["base_model"], row["rank"]) == (
        True,
        None,
        "diffusers",
        "micro-xl",
        4,
    )
    assert len(row["lora_id"]) == 64


def test_one_bad_file_among_good_ones_gives_exit_1_and_a_reason_for_it_alone(
    run: Callable[..., Any], good_file: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(good_file.read_bytes()[:-10])
    code, out, _ = run("validate", str(good_file), str(cut), str(tmp_path / "absent.safetensors"), "--json")
    assert code == 1
    assert [(row["ok"], row["reason"]) for row in json.loads(out)] == [
        (True, None),
        (False, "truncated"),
        (False, "missing_file"),
    ]


def test_a_folder_without_a_model_file_is_not_ok(run: Callable[..., Any], good_file: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no LoRA")
    for more in ([], ["--json"]):
        code, out, err = run("validate", str(tmp_path / "empty"), *more)
        assert (code, out) == (1, "[]\n" if more else "")
        assert err == f"carlos: nothing to check in {tmp_path}/empty: no model file is there\n"
    code, out, err = run("validate", str(good_file), str(tmp_path / "empty"), "--json")
    assert (code, [row["ok"] for row in json.loads(out)]) == (1, [True])
    assert "nothing to check" in err


@pytest.mark.parametrize(
    "command",
    [
        ["index", "folder:/nonexistent"],
        ["ingest", "folder:/nonexistent"],
        ["index", "civitai-dump:/nonexistent"],
        ["import-published", "/nonexistent.parquet"],
        ["import-published", __file__],
        ["index", "bogus:x"],
        ["queries", "a sketch"],
        ["score"],
        ["thresholds", "--calibrate"],
        ["decide", "takedown", "ab", "--by", "me", "--reasons", "a reason that says why"],
        ["relocate"],
        ["lake", "compact"],
        ["lake", "clean"],
        ["report", "moderation", "--out", "out"],
        ["evaluate", "--out", "out"],
        ["sql", "select 1"],
    ],
)
def test_what_cannot_be_done_leaves_nothing_behind(
    command: list[str], run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*command)
    assert (code, err.count("\n")) == (1, 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("variable", ["CARLOS_STORE", "CARLOS_CATALOG"])
def test_a_place_that_cannot_be_one_is_told_in_one_line(
    variable: str, run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("neither a store nor a catalog")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loras").mkdir()
    (tmp_path / "loras" / "a.safetensors").write_text("no LoRA")
    wrong = f"{tmp_path}/file" if variable == "CARLOS_STORE" else f"sqlite:{tmp_path}/folder"
    monkeypatch.setenv(variable, wrong)
    for command in (["index", f"folder:{tmp_path}/loras"], ["sql", "select 1"], ["search", "a sketch"]):
        code, _, err = run(*command)
        assert (code, err.count("\n")) == (1, 1)
        assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "loras"]


def test_a_table_for_people_names_the_reason(run: Callable[..., Any], tmp_path: Path) -> None:
    page = tmp_path / "page.safetensors"
    page.write_text("<!DOCTYPE html><html>not found</html>")
    code, out, _ = run("validate", str(page))
    assert code == 1
    assert "web_page" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "a striped picture"],
        ["show", "ab"],
        ["similar", "ab"],
        ["sql", "select 1"],
        ["queries"],
        ["thresholds"],
        ["evaluate"],
    ],
)
def test_without_a_lake_one_line_says_what_to_do(run: Callable[..., Any], arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert err.startswith("carlos: ") and "carlos index" in err and err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["search"], ["search", "x", "-k", "many"], ["fly"]])
def test_wrong_usage_is_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: carlos" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["search", "x", "--since", "yesterday"], "--since': not a day: 'yesterday' (write 2026-01-31)"),
        (["search", "x", "--nsfw-max", "high"], "'--nsfw-max': "),
        (["search", "x", "-k", "many"], "'-k': "),
        (["search", "x", "--group", "near"], "'--group': not a cosine: 'near'"),
        (["search", "x", "--strength-mi", "1"], "No such option: --strength-mi (Possible options: "),
        (["search", "x", "--json=yes"], "'--json' does not take a value"),
        (["thresholds", "--quantile", "strength_max"], "not NAME=Q: 'strength_max' (write strength_max=0.97)"),
        (["thresholds", "--reset", "--calibrate"], "--reset takes the profile's own thresholds"),
        (["decide", "ban", "3f", "--by", "ana"], "'ACTION': 'ban' is not one of 'takedown', 'restrict'"),
        (["decide", "takedown", "3f", "--by", "--reasons", "x"], "Option '--by' requires an argument."),
        (["decide", "takedown", "--by", "ana"], "Missing argument 'LORA_ID'"),
        (["notice", "3f", "--by", "ana", "--from", "user"], "Missing option '--category'. Choose from: ncii, minors,"),
        (["notice", "3f", "--received", "noon"], "no time: 'noon' (write 2026-11-23T14:30)"),
        (["report", "check"], "Missing argument 'DIR'"),
        (["show"], "Missing argument 'LORA_ID'"),
        (["show", "3f", "4a"], "unexpected extra argument"),
    ],
)
def test_what_is_wrong_is_one_line_after_the_usage(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    usage, *_, line = capsys.readouterr().err.splitlines()
    of = " ".join(arguments[: 2 if arguments[0] == "report" else 1])
    assert usage.startswith(f"usage: carlos {of} ") and line.startswith(f"carlos {of}: error: ")
    assert said in line


@pytest.mark.parametrize("arguments", [["--version"], ["-v", "--version"]])
def test_the_version_is_printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert (stopped.value.code, capsys.readouterr().out) == (0, f"carlos {__version__}\n")


@pytest.mark.parametrize("arguments", [["-h"], ["search", "-h"], ["report", "--help"], ["report", "check", "--help"]])
def test_help_is_plain_text_on_standard_output(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    out, err = capsys.readouterr()
    assert (stopped.value.code, err) == (0, "")
    assert out.startswith(" ".join(["Usage: carlos", *arguments[:-1]])) and "\x1b" not in out


def test_sql_may_begin_with_a_comment(run: Callable[..., Any]) -> None:
    code, _, err = run("sql", "-- how many?\nselect 1")
    assert code == 1 and "there is no catalog" in err


def test_a_stop_by_hand_is_one_line(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("carlos_tasks.commands.search.load_settings", stopped)
    code, out, err = run("show", "3f")
    assert (code, out) == (130, "")
    assert err == "carlos: interrupted; what is finished is kept, run the same command to go on\n"


def test_whoever_has_read_enough_ends_the_command(good_file: Path) -> None:
    """As `| head` does; without a word on standard error."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "carlos_tasks.cli", "validate", str(good_file)]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_shell_is_told_what_may_come_next() -> None:
    """As bash asks, for `carlos decide --ground <TAB>` and `carlos sc<TAB>`."""
    for words, offered in (("carlos decide --ground ", "illegal_content"), ("carlos sc", "score")):
        asked = {"_CARLOS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        command = [sys.executable, "-m", "carlos_tasks.cli"]
        done = subprocess.run(command, env=os.environ | asked, capture_output=True, text=True, check=False)
        assert offered in done.stdout.split(), done


def test_help_loads_nothing_heavy() -> None:
    """Neither the lake nor what draws tables: `carlos --help` answers at once."""
    code = "import sys; from carlos_tasks.cli import main\ntry: main(['--help'])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert not {"duckdb", "numpy", "pydantic", "rich.console", "torch"} & set(done.stdout.split())


def test_a_command_imports_no_module_of_another() -> None:
    code = "import sys; from carlos_tasks.cli import main\ntry: main(['sql', '-h'])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    loaded = {name for name in done.stdout.split() if name.startswith("carlos_tasks.commands.")}
    assert "carlos_tasks.commands.analysis" in loaded
    assert not loaded & {f"carlos_tasks.commands.{part.module}" for part in PARTS if "sql" not in part.names}


def test_each_part_of_the_command_line_names_its_commands() -> None:
    for part in PARTS:
        assert sorted(get_group(app_of([part])).commands) == sorted(part.names)


def test_an_argument_that_is_no_text_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """As Python hands over bytes of the shell that are no UTF-8."""
    assert main(["show", os.fsdecode(b"\xff")]) == 2
    assert capsys.readouterr().err == "carlos: an argument is not UTF-8 text: write it so, or rename the file\n"


def test_help_names_every_command_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    told = "search similar show sql queries thresholds evaluate concepts score decide notice submission report validate"
    for command in (*told.split(), "index", "up"):
        assert re.search(rf"^  {command} +[A-Z].*\.$", out, re.MULTILINE), command


def test_a_wrong_setting_is_one_line(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARLOS_CATALOG", "mysql:x")
    code, _, err = run("sql", "select 1")
    assert code == 1 and "CARLOS_CATALOG" in err and err.count("\n") == 1


def test_index_without_a_source_says_how_to_name_one(run: Callable[..., Any]) -> None:
    code, _, err = run("index")
    assert code == 1 and "CARLOS_SOURCES" in err
