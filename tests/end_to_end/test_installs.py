"""The wheel as a user installs it: the base and each extra alone, fresh, with the commands that the guides name for it.

The environment of `[index]` indexes four LoRAs, and the others ask that lake. uv fills all of them from one cache.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.core import TyperGroup
from typer.main import get_group

from carlos_tasks.cli import app_of
from carlos_tasks.microworld.zoo import WEIGHTS
from tests.samples import published
from tests.wheel import REPOSITORY, build_wheel

pytestmark = pytest.mark.end_to_end

LORAS = ("striped-a", "striped-b", "foggy-a", "night-a")
MONTH = f"{datetime.now(UTC):%Y-%m}"

#: What the guides name for the base. `{lora}`, `{folder}` and the like are filled in; each ends with 0.
OF_THE_BASE = """
    sql "from mart.guide"
    sql "select committed_at from mart.commit_log" --json
    sql "select name, score from mart.search('a striped picture', 3)"
    sql --snapshot 3 "from mart.index_health"
    search "a striped picture"
    search --like {lora} --not foggy --group --wide
    similar {lora}
    show {lora} --json
    queries
    thresholds --calibrate
    thresholds --reset
    concepts
    concepts --check {policy}
    score --again
    notice {lora} --category other --from user --by desk --text "It is mine."
    decide assign {lora} --by lead --to ana
    decide takedown {lora} --by ana --ground incompatible_content --reference "terms, section 4" \
        --category STATEMENT_CATEGORY_OTHER_VIOLATION_TC --reasons "It draws what its page denies."
    report moderation --out {folder}/moderation
    report transparency --out {folder}/transparency --month {month}
    report attribution --out {folder}/attribution --lora {other} --title "the second"
    report check {folder}/moderation
    report redact
    keys new {folder}/second
    keys add {folder}/ana.pub --name "key of Ana" --role analyst --analyst ana --by lead
    decide comment {other} --by ana --key {folder}/ana --reasons "I looked at it."
    keys revoke {key} --reason "the laptop is gone" --by lead
    keys list
    decisions head
    decisions verify
    submission submitted {folder}/transparency/statements/0001.json --by ana
    validate {loras}
    validate --headers-only {loras}
    ingest folder:{loras} --again
    import-published {published}
    verify
    verify --sample 0.5 --json
    relocate
    lake compact --dry-run
    lake compact
    lake clean --json
    lake expire --dry-run --json
    lake expire
    lake verify --sample 0.5
    lake clean --dry-run
    lake backup {folder}/backups --dry-run
    lake backup {folder}/backups
    lake backup {folder}/backups
    down
"""
#: What ends with 1 and one line there, with the extra or the place that it needs.
NOT_IN_THE_BASE = {
    'search "something that nobody asked for"': "carlos-platform[search]",
    "search --image {picture}": "carlos-platform[search]",
    'queries "words that nobody asked for"': "carlos-platform[search]",
    'report attribution --out {folder}/none --text "words of nobody"': "carlos-platform[search]",
    "index folder:{loras}": "carlos-platform[index]",
    "refine {other}": "carlos-platform[index]",
    "scales {other}": "carlos-platform[index]",
    "evaluate --out {folder}/evaluation": "carlos-platform[evaluation]",
    "demo": "a checkout of the repository",
    "up": "a checkout of the repository",
    "lake restore {folder}/none": "there is no whole backup",
}
OF_SEARCH = """
    search "a picture at night"
    search --image {picture}
    search --before {picture} --after {other_picture}
    queries grainy
    sql "select name, score from mart.search('something foggy', 3)"
    concepts --check {policy}
    score --again
    report attribution --out {folder}/by-text --text night
    report attribution --out {folder}/by-picture --image {picture} --title "a picture" \
        --provenance "a scan" --licence "all rights reserved"
"""
PYTHON = """
import carlos_tasks
with carlos_tasks.connect() as lake:
    ((first,),) = lake.execute("select min(committed_at) from mart.commit_log").fetchall()
    assert first.tzinfo is not None
    assert len(lake.sql("from mart.search('a striped picture', 3)").df())
"""


@dataclass(frozen=True)
class Install:
    """A fresh environment with the wheel, and a shell in which nothing else of CARLoS is set."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment from a folder of its own."""
        program = self.folder / "bin" / command[0]
        return subprocess.run(
            [str(program), *command[1:]],
            env=self.environment | environment,
            cwd=self.environment["HOME"],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def carlos(self, line: str, names: dict[str, Any], **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one command line of the guides."""
        return self.run("carlos", *shlex.split(line.format(**names)), **environment)

    def all_of(self, lines: str, names: dict[str, Any]) -> None:
        """Run command lines one after the other; each is to end with 0, without a warning of Python's."""
        for line in lines.strip().splitlines():
            done = self.carlos(line, names)
            assert done.returncode == 0, f"carlos {line.strip()}\n{done.stderr}"
            assert "Warning" not in done.stderr and "Traceback" not in done.stderr, done.stderr


@pytest.fixture(scope="module")
def install(tmp_path_factory: pytest.TempPathFactory, profile_file: Path) -> Iterable[Callable[[str], Install]]:
    """Makes the environment of an extra, once; the base is the extra without a name."""
    place = tmp_path_factory.mktemp("installs")
    wheel = build_wheel(place)
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(place),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "CARLOS_STORE": str(place / "store"),
        "CARLOS_CATALOG": f"sqlite:{place}/catalog.sqlite",
        "CARLOS_PROFILE": str(profile_file),
    }
    made: dict[str, Install] = {}

    def of(extra: str) -> Install:
        if extra not in made:
            folder = place / (extra or "base")
            uv("venv", "--quiet", "--python", sys.executable, str(folder))
            wanted = f"carlos-platform{f'[{extra}]' if extra else ''} @ {wheel.as_uri()}"
            uv("pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *PINNED, wanted)
            made[extra] = Install(folder, environment)
        return made[extra]

    yield of
    shutil.rmtree(place)


PINNED = ("--constraint", str(REPOSITORY / "constraints.txt"))


def uv(*arguments: str) -> str:
    """Run uv with pip's configuration; returns what it says."""
    if not Path(sys.executable).with_name("uv").is_file() and shutil.which("uv") is None:
        pytest.skip("uv is not installed: it comes with the extra `dev`")
    command = [str(REPOSITORY / "scripts" / "uv"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def names(install: Callable[[str], Install], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The words in braces, after `[index]` has indexed the LoRAs and has been asked two texts."""
    folder = tmp_path_factory.mktemp("asked")
    loras = folder / "loras"
    loras.mkdir()
    for name in LORAS:
        shutil.copy(WEIGHTS / f"{name}.safetensors", loras)
    published.write_table(folder / "published.parquet")
    for name, colour in (("picture", "navy"), ("other_picture", "white")):
        Image.new("RGB", (64, 64), colour).save(folder / f"{name}.png")
    names = {
        "folder": folder,
        "loras": loras,
        "published": folder / "published.parquet",
        "picture": folder / "picture.png",
        "other_picture": folder / "other_picture.png",
        "policy": REPOSITORY / "carlos_tasks" / "policies" / "micro",
        "month": MONTH,
    }
    full = install("index")
    indexed = full.carlos("index folder:{loras} --json", names)
    assert indexed.returncode == 0, indexed.stderr
    names["lora"], names["other"], *_ = json.loads(indexed.stdout)[0]["profiles"][0]["batches"][0]["lora_ids"]
    names["key"] = json.loads(full.carlos("keys new {folder}/ana --json", names).stdout)[0]["key_id"]
    full.all_of('thresholds --calibrate\nqueries foggy\nsearch "a striped picture"\nscore', names)
    return names


def test_the_base_runs_what_needs_no_encoder(install: Callable[[str], Install], names: dict[str, Any]) -> None:
    base = install("")
    base.all_of(OF_THE_BASE, names)
    asked = base.run("python", "-c", PYTHON)
    assert asked.returncode == 0, asked.stderr


@pytest.mark.parametrize("line", NOT_IN_THE_BASE)
def test_the_base_names_the_extra_that_a_command_needs(
    install: Callable[[str], Install], names: dict[str, Any], line: str
) -> None:
    done = install("").carlos(line, names)
    assert (done.returncode, done.stdout) == (1, "")
    assert NOT_IN_THE_BASE[line] in done.stderr and done.stderr.count("\n") == 1


def test_search_takes_new_texts_and_pictures(install: Callable[[str], Install], names: dict[str, Any]) -> None:
    install("search").all_of(OF_SEARCH, names)


def test_evaluation_evaluates(install: Callable[[str], Install], names: dict[str, Any]) -> None:
    install("evaluation").all_of("evaluate --out {folder}/evaluation", names)
    assert list((names["folder"] / "evaluation").glob("*.png"))


def test_reports_come_as_pdf(install: Callable[[str], Install], names: dict[str, Any]) -> None:
    reports = install("reports")
    reports.all_of("report moderation --out {folder}/with-pdf\nreport check {folder}/with-pdf", names)
    if reports.run("python", "-c", "import weasyprint").returncode:
        pytest.skip("Pango is not installed: scripts/install-services pango")
    assert (names["folder"] / "with-pdf" / "moderation.pdf").read_bytes().startswith(b"%PDF")


def test_airflow_reads_the_dags_and_the_plugin(
    install: Callable[[str], Install], names: dict[str, Any], tmp_path: Path
) -> None:
    airflow = install("airflow")
    environment = {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    script, dags, read = REPOSITORY / "tests/dags/read_dags.py", REPOSITORY / "dags", tmp_path / "dags.json"
    done = airflow.run("python", str(script), str(dags), str(read), **environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(read.read_text())
    assert found["errors"] == {} and set(found["dags"]) == {path.stem for path in dags.glob("*.py")}
    for code in ("import carlos_plugin", "import airflow.providers.celery.executors.celery_executor"):
        done = airflow.run("python", "-c", code, PYTHONPATH=str(REPOSITORY / "plugins"), **environment)
        assert done.returncode == 0, done.stderr
    airflow.all_of('ingest folder:{loras} --again\nsql "from mart.index_health"', names)


def test_the_stack_brings_an_s3_server(
    install: Callable[[str], Install], names: dict[str, Any], tmp_path: Path
) -> None:
    stack = install("stack")
    code = (
        "import sys; from pathlib import Path; from carlos_tasks.stack.s3_server import start_s3_server\n"
        f"server = start_s3_server(Path({str(tmp_path / 's3')!r}), key='carlos', secret='a long secret of the tests')\n"
        "server.create_bucket('lake')\nprint(server.port, server.process.pid)"
    )
    started = stack.run("python", "-c", code)
    assert started.returncode == 0, started.stderr
    port, pid = map(int, started.stdout.split())
    try:
        on_s3 = {
            "CARLOS_STORE": "s3://lake/store",
            "CARLOS_CATALOG": f"sqlite:{tmp_path}/catalog.sqlite",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "carlos",
            "AWS_SECRET_ACCESS_KEY": "a long secret of the tests",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        for line in ("ingest folder:{loras}", 'sql "select count(*) from core.lora"'):
            done = stack.carlos(line, names, **on_s3)
            assert done.returncode == 0, done.stderr
        assert str(len(LORAS)) in done.stdout
    finally:
        os.kill(pid, 15)


def test_timestamps_bring_their_client(install: Callable[[str], Install]) -> None:
    done = install("timestamps").run("python", "-c", "import rfc3161_client")
    assert done.returncode == 0, done.stderr


def test_every_command_is_run_in_a_fresh_install() -> None:
    def paths(group: TyperGroup, path: str = "") -> Iterable[str]:
        for name, command in group.commands.items():
            yield from paths(command, f"{path}{name} ") if isinstance(command, TyperGroup) else [f"{path}{name}"]

    lines = [*OF_THE_BASE.strip().splitlines(), *NOT_IN_THE_BASE]
    missed = [
        path
        for path in paths(get_group(app_of()))
        if not any(f"{line.strip()} ".startswith(f"{path} ") for line in lines)
    ]
    assert missed == []


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_constraints_hold_with_wheels_alone(python: str, tmp_path: Path) -> None:
    """Nothing is to be compiled from source on any Python that is supported."""
    wanted = ["--requirement", str(REPOSITORY / "pyproject.toml"), "--all-extras", *PINNED]
    target = ["--python-version", python, "--target", str(tmp_path), "--only-binary", ":all:", "--dry-run"]
    told = uv("pip", "install", *target, *wanted)
    pinned = (REPOSITORY / "constraints.txt").read_text().lower().replace("_", "-")
    packages = [line.removeprefix(" + ") for line in told.splitlines() if line.startswith(" + ")]
    assert len(packages) > 200
    of_cuda = ("nvidia-", "cuda-", "triton==")  # they follow from the build of torch
    named = [package for package in packages if not package.startswith(of_cuda)]
    assert [package for package in named if f"\n{package.partition('+')[0]}" not in pinned] == []
