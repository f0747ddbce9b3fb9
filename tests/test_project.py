"""The project's own recipes: exact versions, a help that lists everything, scripts that can be read by bash."""

import re
import subprocess
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

REPOSITORY = Path(__file__).parents[1]
SCRIPTS = sorted(path for path in (REPOSITORY / "scripts").iterdir() if path.is_file() and path.suffix != ".py")


def constraints() -> dict[str, str]:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pins = dict(line.partition(" ; ")[0].split("==") for line in lines if line and not line.startswith("#"))
    return {normal(name): version for name, version in pins.items()}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_constraints_are_exact_and_name_no_place():
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pin = re.compile(r"#.*|[A-Za-z0-9._-]+==[A-Za-z0-9.]+( ; [a-z_]+ [!=<>]+ '[^/@]+)?")
    assert [line for line in lines if not pin.fullmatch(line)] == []
    assert len(constraints()) == len([line for line in lines if "==" in line])


@pytest.mark.parametrize("python", ["3.11.2", "3.12.0", "3.13.5"])
def test_every_pin_runs_on_each_python(python):
    """Debian 12 has 3.11.2, Debian 13 has 3.13.5. Where one refuses a pin, pip searches for other versions for ever."""
    needs = {
        normal(found.name): str(found.metadata.json.get("requires_python", ""))
        for found in distributions()
        if normal(found.name) in constraints()
    }
    assert len(needs) > 200
    assert {name: need for name, need in needs.items() if python not in SpecifierSet(need)} == {}


def test_every_dependency_is_pinned():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    names = {normal(re.split(r"[^A-Za-z0-9._-]", requirement)[0]) for requirement in wanted} - {project["name"]}
    assert len(names) > 20
    assert names - set(constraints()) == set()


def test_setup_installs_every_extra():
    """What the tests import and mypy reads is there on a fresh machine, too."""
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (installed,) = re.findall(r'--editable "\.\[([a-z,]+)\]"', (REPOSITORY / "scripts" / "setup").read_text())
    assert sorted(installed.split(",")) == sorted(extras)


def test_duckdb_and_its_extensions_are_of_one_version():
    versions = {version for name, version in constraints().items() if name.startswith("duckdb")}
    assert versions == {"1.5.5"}


def test_make_alone_prints_every_recipe():
    printed = subprocess.run(["make", "-s"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    recipes = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert re.findall(r"^  make ([\w-]+) +\S", printed, re.MULTILINE) == recipes


@pytest.mark.parametrize("script", [*SCRIPTS, REPOSITORY / ".ci" / "run"], ids=lambda path: path.name)
def test_scripts_are_bash_that_stops_at_the_first_error(script):
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    if script.stat().st_mode & 0o111:
        assert script.read_text().startswith("#!/usr/bin/env bash\n")
        assert "set -euo pipefail" in script.read_text()


def test_without_a_way_to_install_packages_the_scripts_say_so(tmp_path):
    """No apt-get and no sudo on the PATH: `install_packages` fails and touches nothing."""
    command = ["/bin/bash", "-c", ". scripts/as-root; install_packages postgresql || echo refused"]
    env = {"PATH": str(tmp_path)}
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


def test_no_module_is_longer_than_a_reader_can_hold():
    lines = {path.name: len(path.read_text().splitlines()) for path in (REPOSITORY / "carlos_tasks").rglob("*.py")}
    assert len(lines) > 200
    assert {name: count for name, count in lines.items() if count > 250} == {}
