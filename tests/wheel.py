"""Building the wheel of the project."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def build_wheel(folder: Path, source: Path = REPOSITORY) -> Path:
    """Build it into a folder, with the hatchling that is installed; from another folder where one is given."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel; it comes with the extra `dev`")
    build = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    command = [*build, "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path
