"""Every command of `carlos`, those to come too: wrong arguments, a missing or broken lake, odd files, no traceback.

What comes out is one clear line on standard error and exit code 1, or the usage and 2; with `--json` standard output
holds one JSON array, or nothing.
"""

import json
import os
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperArgument, TyperGroup
from typer.main import get_group

from carlos_tasks.cli import app_of, main
from carlos_tasks.lake.catalog import connect
from carlos_tasks.settings import Settings, load_settings
from tests.lakes import migrated_lake, settings_of
from tests.sql.lake_rows import fill

SEED = 20_251_127
TRIES = 6  # of each command, with one wrong value each
LORA = "a" * 64

Run = Callable[..., tuple[int, str, str]]


def commands_of(group: Any, name: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Each command by its words."""
    for word, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands_of(command, (*name, word))
        else:
            yield " ".join((*name, word)), command


COMMANDS = dict(commands_of(get_group(app_of())))
WITH_A_LAKE = [name for name, command in COMMANDS.items() if any("--json" in param.opts for param in command.params)]


@pytest.fixture(scope="module")
def odd_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files that a command may be given in place of a right one."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "folder").mkdir()
    (folder / "empty").write_bytes(b"")
    (folder / "binary").write_bytes(bytes(range(256)) * 40)
    (folder / "broken.json").write_text('{"a": [1, 2')
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "list.json").write_text("[[1], null, 2e999]")
    (folder / "broken.toml").write_text('[concept\nid = "x')
    (folder / "other.toml").write_text('a = 1\n[b]\nc = "\\u202e"\n')
    (folder / "latin.toml").write_bytes('id = "stra\xdfe"'.encode("latin-1"))
    (folder / "broken.parquet").write_bytes(b"PAR1" + b"\0" * 100 + b"PAR1")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 64)
    (folder / "broken.safetensors").write_bytes((1 << 40).to_bytes(8, "little") + b"{}")
    (folder / "policy").mkdir()
    (folder / "policy" / "policy.toml").write_text("[policy")
    (folder / "name \u202e\n\x1b[31m").write_bytes(b"")
    (folder / "loop").symlink_to(folder / "loop")
    os.mkfifo(folder / "pipe")
    places = {path.name: path for path in folder.iterdir()}
    places["pipe"].unlink()  # a reader would wait: only its name stays, as of a file that has gone
    return places


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake with one LoRA, which nobody's wrong call may change into one that cannot be read."""
    settings = settings_of(tmp_path_factory.mktemp("small"))
    migrated_lake(settings)
    with connect(settings, read_only=False) as con:
        fill(con, {"core.profile": [{}], "core.lora": [{"lora_id": LORA}], "raw.listing": [{"lora_id": LORA}]})
    return settings


@pytest.fixture
def run(small: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder, over the small lake unless `environment` says otherwise."""
    monkeypatch.chdir(tmp_path)

    def run(arguments: list[str], **environment: str) -> tuple[int, str, str]:
        variables = {"CARLOS_STORE": small.store, "CARLOS_CATALOG": small.catalog, **environment}
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            load_settings.cache_clear()
            capfd.readouterr()
            try:
                code = main(arguments)
            except SystemExit as stopped:
                code = int(stopped.code or 0)
            return code, *capfd.readouterr()

    return run


def right_value(param: Any, tmp_path: Path) -> str:
    """A value that a parameter takes; a parameter to come takes a word."""
    choices = getattr(param, "choices", None) or re.findall(r"^\{(\w+)", param.metavar or "")
    values = {
        "LORA_ID": LORA,
        "SQL": "select 1",
        "ACTION": "no_action",
        "STATE": "sent",
        "DIR": str(tmp_path / "out"),
        "DATE": "2026-01-01",
        "TIME": "2026-01-01T00:00:00Z",
        "YYYY-MM": "2026-01",
        "SOURCE": f"folder:{tmp_path}",
        "NAME": "ann",
        "NAME=Q": "strength_max=0.9",
        "N": "1",
        "X": "0.5",
        "LEVEL": "1",
        "[COSINE]": "0.9",
    }
    return choices[0] if choices else values.get(param.metavar or "", "word")


def arguments_of(name: str, tmp_path: Path, wrong: Any = None, value: str = "") -> list[str]:
    """The least that a command needs, with one parameter at a wrong value."""
    given = name.split()
    for param in COMMANDS[name].params:
        if param is not wrong and not param.required:
            continue
        text = value if param is wrong else right_value(param, tmp_path)
        if isinstance(param, TyperArgument):
            given.append(text)
        else:
            given += [param.opts[0]] if param.is_flag else [f"{param.opts[0]}={text}"] if text else [param.opts[0], ""]
    return given


def check(told: str, answer: tuple[int, str, str], *, as_json: bool) -> None:
    """What holds of every answer."""
    code, out, err = answer
    assert code in {0, 1, 2}, told
    assert "Traceback" not in err and "internal error" not in err, f"{told}\n{err}"
    if code == 2:
        assert err.startswith("usage: carlos") or err.startswith("carlos"), f"{told}\n{err}"
    if code:
        lines = [line for line in err.splitlines() if line.startswith("carlos")]
        assert len(lines) == 1 or (out and code == 1), f"{told}\n{err}"
        assert all(line.isprintable() for line in lines), told
    if as_json and out:
        assert isinstance(json.loads(out), list), told


NUMBERS = ("nan", "inf", "-inf", "-1", "0", "-5", "1e309", "9" * 40, "1_000", "0x10", "½", "१२", "")
TEXTS = (
    "",
    " ",
    "\u202e\u200b",
    "x" * 20_000,
    "'; drop table core.lora; --",
    "../../etc/passwd",
    "%s%n{0}",
    "\udcff",
    "-",
    "*",
)
PLACES = (
    "/dev/full",
    "/dev/null",
    "/proc/self/mem",
    "s3://",
    "ftp://x/y",
    "folder:/nonexistent",
    "x/" * 200,
    "~/x",
)


@pytest.mark.parametrize("name", COMMANDS)
def test_one_wrong_argument_gives_one_clear_line(
    run: Run, tmp_path: Path, odd_files: dict[str, Path], name: str
) -> None:
    command, dice = COMMANDS[name], random.Random(f"{SEED} {name}")
    params = [param for param in command.params if param.name != "help" and not getattr(param, "is_flag", False)]
    values = [*NUMBERS, *TEXTS, *PLACES, *map(str, odd_files.values()), str(tmp_path / "absent")]
    for _ in range(TRIES if params else 0):
        param, value = dice.choice(params), dice.choice(values)
        has_json = any("--json" in other.opts for other in command.params)
        arguments = arguments_of(name, tmp_path, param, value) + (["--json"] if has_json else [])
        check(f"seed {SEED}: {arguments}", run(arguments), as_json=has_json)


@pytest.mark.parametrize("name", COMMANDS)
def test_what_no_command_knows_is_wrong_usage(run: Run, tmp_path: Path, name: str) -> None:
    for unknown in (["--no-such-option"], ["--json=1"], ["--out"] if "--out" in str(COMMANDS[name].params) else ["-Z"]):
        code, out, err = run([*arguments_of(name, tmp_path), *unknown])
        assert (code, out) == (2, "") and err.startswith("usage: carlos"), unknown


BROKEN = {
    "no lake": {"CARLOS_STORE": "{absent}", "CARLOS_CATALOG": "sqlite:{absent}/catalog.sqlite"},
    "a folder as the catalog": {"CARLOS_CATALOG": "sqlite:{folder}"},
    "another file as the catalog": {"CARLOS_CATALOG": "sqlite:{binary}"},
    "an empty file as the catalog": {"CARLOS_CATALOG": "sqlite:{empty}"},
    "a file as the store": {"CARLOS_STORE": "{binary}"},
    "no such profile": {"CARLOS_PROFILE": "nonsense"},
    "a folder as the profile": {"CARLOS_PROFILE": "{folder}"},
    "a broken profile": {"CARLOS_PROFILE": "{broken.json}"},
    "a binary profile": {"CARLOS_PROFILE": "{binary}"},
    "a deep profile": {"CARLOS_PROFILE": "{deep.json}"},
    "a broken policy": {"CARLOS_POLICY": "{policy}"},
    "a file as the policy": {"CARLOS_POLICY": "{binary}"},
    "no such reference": {"CARLOS_REFERENCES": "{absent}"},
    "a catalog of no kind": {"CARLOS_CATALOG": "mysql:x"},
    "a server that is away": {"CARLOS_CATALOG": "postgres:host=127.0.0.1 port=9 dbname=x password=hunter2"},
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("name", WITH_A_LAKE)
def test_a_broken_deployment_gives_one_clear_line(
    run: Run, tmp_path: Path, odd_files: dict[str, Path], name: str, broken: str
) -> None:
    places = {"{absent}": str(tmp_path / "absent"), **{f"{{{key}}}": str(path) for key, path in odd_files.items()}}
    environment = dict(BROKEN[broken])
    for variable, value in environment.items():
        for mark, place in places.items():
            value = value.replace(mark, place)
        environment[variable] = value
    has_json = any("--json" in param.opts for param in COMMANDS[name].params)
    arguments = arguments_of(name, tmp_path) + (["--json"] if has_json else [])
    answer = run(arguments, **environment)
    check(f"{broken}: {arguments}", answer, as_json=has_json)
    assert "hunter2" not in "".join(answer[1:])
