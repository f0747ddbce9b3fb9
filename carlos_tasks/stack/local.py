"""Lets `carlos` read the lake that `make demo` or `make up` left, with nothing set by hand and nothing left running.

Both write the lake's settings to `var/carlos.env`. Where the shell names a lake of its own, that file is ignored;
a shell that has read the file names this one.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from carlos_tasks.stack.layout import SETTINGS_FILE, Layout, State, write_private
from carlos_tasks.stack.processes import exiting_on_signals, is_running

_NAMES_A_LAKE = ("CARLOS_STORE", "CARLOS_CATALOG")
_STACK = "CARLOS_LOCAL_STACK"


def leave_settings(layout: Layout, settings: dict[str, str]) -> None:
    """Write the settings of this stack's lake for the `carlos` commands that come after."""
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in {**settings, _STACK: str(layout.home)}.items()]
    write_private(SETTINGS_FILE, "".join(lines))


@contextmanager
def local_deployment() -> Iterator[None]:
    """Let the settings that the local stack left apply to this process, its S3 server included.

    A shell that sets CARLOS_STORE or CARLOS_CATALOG otherwise has a lake of its own: then nothing happens, nor where no
    stack was ever started. The S3 server of a running stack is used; where none runs, one is started on a free port,
    over the same folder, until the block ends. Call it before `load_settings()`.
    """
    settings = _left_settings()
    if not settings or _names_another_lake(settings):
        yield
        return
    layout = Layout(Path(settings.pop(_STACK)))
    asked_for = {name: value for name, value in os.environ.items() if name in settings}
    with ExitStack() as cleanup:
        cleanup.enter_context(environment(settings | asked_for))
        os.environ.update(_running_s3(layout) or cleanup.enter_context(_own_s3(layout)))
        yield


def _left_settings() -> dict[str, str]:
    if not SETTINGS_FILE.exists():
        return {}
    settings = dict(line.split("=", 1) for line in shlex.split(SETTINGS_FILE.read_text()))
    was, home = Path(settings[_STACK]), SETTINGS_FILE.parent / Path(settings[_STACK]).name
    if was != home and not was.is_dir() and home.is_dir():  # the folder of both was moved
        settings = {name: value.replace(str(was), str(home)) for name, value in settings.items()}
    return settings


def _names_another_lake(settings: dict[str, str]) -> bool:
    """Whether the shell names a lake, and did not read these settings: the local store's name is nobody's own."""
    named = {name: os.environ[name] for name in _NAMES_A_LAKE if name in os.environ}
    has_read_them = os.environ.get(_STACK) == settings[_STACK] and named.items() <= settings.items()
    return bool(named) and not has_read_them


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Set these variables for this process, without any AWS_ variable of the shell, until the block ends."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _running_s3(layout: Layout) -> dict[str, str] | None:
    state = State.read(layout)
    return state.aws if state and any(p.name == "s3" and is_running(p) for p in state.processes) else None


@contextmanager
def _own_s3(layout: Layout) -> Iterator[dict[str, str]]:
    from carlos_tasks.stack.s3_server import start_s3_server

    with exiting_on_signals():
        server = start_s3_server(layout.s3)
        try:
            yield server.environment
        finally:
            server.stop()
