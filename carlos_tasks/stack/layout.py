"""Where the local stack keeps its files, and what it remembers between `up` and `down`.

Everything lies in one folder of the repository (`var/demo`), so that removing the folder removes the stack's state.
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from carlos_tasks.stack.processes import Started

REPOSITORY = Path(__file__).absolute().parents[2]
HOME = REPOSITORY / "var" / "demo"
"""Folder of the stack that `make demo` and `make up` use."""

SETTINGS_FILE = REPOSITORY / "var" / "carlos.env"
"""Settings of its lake, for the `carlos` commands that come after."""

STORE = "s3://carlos/store"
DUMP = "s3://civitai/dump"


@dataclass(frozen=True)
class Layout:
    """The files of one local stack; `home` is its folder."""

    home: Path

    @property
    def s3(self) -> Path:
        """Folder that the S3 server serves: a folder in it is a bucket."""
        return self.home / "s3"

    @property
    def catalog(self) -> Path:
        """DuckLake's catalog."""
        return self.home / "catalog.sqlite"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.home / "airflow"

    @property
    def logs(self) -> Path:
        """Logs of the processes; those of the tasks lie in `tasks/` below."""
        return self.home / "logs"

    @property
    def state_file(self) -> Path:
        """What `State` is read from and written to."""
        return self.home / "stack.json"

    def make(self) -> None:
        """Create the folders."""
        for folder in (self.s3 / "carlos", self.s3 / "civitai", self.airflow, self.logs):
            folder.mkdir(parents=True, exist_ok=True)


@dataclass
class State:
    """What a running stack is made of; readable by its owner alone, since it holds random passwords.

    `aws` is the environment of the S3 server's clients, secret included.
    """

    processes: list[Started] = field(default_factory=list)
    aws: dict[str, str] = field(default_factory=dict)
    airflow_port: int = 0
    airflow_password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    airflow_secret: str = field(default_factory=lambda: secrets.token_hex(32))

    @classmethod
    def read(cls, layout: Layout) -> "State | None":
        """The state that was written last, None if there is none."""
        if not layout.state_file.exists():
            return None
        values = json.loads(layout.state_file.read_text())
        values["processes"] = [Started(**process) for process in values["processes"]]
        return cls(**values)

    def write(self, layout: Layout) -> None:
        """Write it whole, or not at all."""
        write_private(layout.state_file, json.dumps(asdict(self), indent=2))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    part.replace(path)
