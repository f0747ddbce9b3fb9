"""The wheel holds what an installed CARLoS needs beside its code: SQL, prompt sets, profiles, the micro world."""

import ast
import re
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions

import pytest

from carlos_tasks.cli import main
from carlos_tasks.errors import SettingsError
from carlos_tasks.extras import MODULES, missing_extra, require
from tests.wheel import REPOSITORY, build_wheel

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
#: What boto3, Airflow, Jinja and transformers are made of, and what only a type checker imports.
COME_ALONG = {"_typeshed", "botocore", "fastapi", "markupsafe", "starlette", "tokenizers"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return zipfile.ZipFile(build_wheel(tmp_path_factory.mktemp("wheel")))


def files_below(folder: str) -> set[str]:
    """Files of the repository below a folder, without what Python leaves there."""
    paths = (REPOSITORY / folder).rglob("*")
    return {p.relative_to(REPOSITORY).as_posix() for p in paths if p.is_file() and "__pycache__" not in p.parts}


def test_it_has_every_file_of_the_package(wheel):
    assert files_below("carlos_tasks") <= set(wheel.namelist())
    assert "carlos_tasks/microworld/weights/zoo/" in " ".join(wheel.namelist())


def test_it_has_its_own_copy_of_the_sql(wheel):
    names = {name.replace("carlos_tasks/_sql/", "sql/") for name in wheel.namelist() if "/_sql/" in name}
    assert names == files_below("sql")


@pytest.mark.parametrize("name", ["prompts/sdxl-indexing.json", "prompts/micro-indexing.json", "profiles/micro.json"])
def test_files_that_profiles_name_are_whole(wheel, name):
    packed = wheel.read(f"carlos_tasks/{name}")
    assert packed == (REPOSITORY / "carlos_tasks" / name).read_bytes()


def test_it_brings_the_command_and_the_licence(wheel):
    (entry_points,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "carlos = carlos_tasks.start:main" in wheel.read(entry_points).decode()
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


def test_an_analyst_gets_neither_torch_nor_airflow(wheel):
    (metadata,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
    lines = wheel.read(metadata).decode().splitlines()
    needed = [line for line in lines if line.startswith("Requires-Dist: ") and "extra ==" not in line]
    assert any("duckdb" in line for line in needed)
    assert not [line for line in needed if any(heavy in line for heavy in ("torch", "airflow", "diffusers"))]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions_of(*groups: str) -> set[str]:
    """Names that the base (`base`) or an extra asks for, those of the extras that it includes among them."""
    names: set[str] = set()
    for group in groups:
        wanted = PROJECT["dependencies"] if group == "base" else PROJECT["optional-dependencies"][group]
        for requirement in wanted:
            included = re.match(rf"{PROJECT['name']}\[([a-z,]+)\]", requirement)
            names |= (
                distributions_of(*included[1].split(","))
                if included
                else {normal(re.split("[^\\w.-]", requirement)[0])}
            )
    return names


def imported_modules() -> set[str]:
    """Top-level modules that the package, the DAGs and the plugin import anywhere, the standard library's left out."""
    found: set[str] = set()
    for folder in ("carlos_tasks", "dags", "plugins"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"carlos_tasks", "carlos_explorer", "tables"}


def test_every_module_that_is_imported_comes_with_the_base_or_an_extra():
    """What another package brings along today it may leave out tomorrow, as pandas did with pytz."""
    extras = set(PROJECT["optional-dependencies"]) - {"dev"}
    asked = distributions_of("base", *extras)
    brought = packages_distributions()
    imported = imported_modules()
    assert {"duckdb", "torch", "airflow"} <= imported
    assert {name for name in imported if not asked & {normal(one) for one in brought.get(name, [])}} <= COME_ALONG


@pytest.mark.parametrize("extra", MODULES)
def test_the_modules_of_an_extra_are_those_that_it_brings(extra):
    brought = packages_distributions()
    assert {
        module for module in MODULES[extra] if not distributions_of(extra) & set(map(normal, brought[module]))
    } == set()


def test_what_an_extra_needs_is_said_in_one_line(monkeypatch, capsys):
    monkeypatch.setitem(MODULES, "search", ("torch", "not_there", "nor_this"))
    with pytest.raises(SettingsError) as told:
        require("a new text or picture", "search")
    needs = "needs not_there, nor_this: pip install 'carlos-platform[search]'"
    assert str(told.value) == f"a new text or picture {needs}"
    require("carlos report", "reports")
    assert str(missing_extra(ModuleNotFoundError("gone", name="not_there.models"))) == (
        "not_there is not installed: pip install 'carlos-platform[search]'"
    )
    assert missing_extra(ModuleNotFoundError("gone", name="carlos_tasks.gone")) is None


def test_an_import_that_no_command_asked_for_ends_in_one_line_too(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "carlos_tasks.stack.__main__", None)  # its import raises ModuleNotFoundError
    monkeypatch.setitem(MODULES, "stack", ("carlos_tasks",))
    assert main(["demo"]) == 1
    assert capsys.readouterr().err == "carlos: carlos_tasks is not installed: pip install 'carlos-platform[stack]'\n"
