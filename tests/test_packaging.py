"""The wheel holds what an installed CARLoS needs beside its code: SQL, prompt sets, profiles, the micro world."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling", reason="hatchling builds the wheel; it comes with the extra `dev`")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    command = [*build, "--no-build-isolation", "--wheel-dir", str(folder), str(REPOSITORY)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


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
    assert "carlos = carlos_tasks.cli:main" in wheel.read(entry_points).decode()
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


def test_an_analyst_gets_neither_torch_nor_airflow(wheel):
    (metadata,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
    lines = wheel.read(metadata).decode().splitlines()
    needed = [line for line in lines if line.startswith("Requires-Dist: ") and "extra ==" not in line]
    assert any("duckdb" in line for line in needed)
    assert not [line for line in needed if any(heavy in line for heavy in ("torch", "airflow", "diffusers"))]
