"""The lake that the stack left: `carlos` finds it, with a server of its own where none runs."""

import os
import shlex
from pathlib import Path

import pytest

from carlos_tasks.stack import layout, local
from carlos_tasks.stack.layout import Layout, State
from carlos_tasks.stack.s3_server import start_s3_server
from carlos_tasks.store import open_store


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A stack's folder with a bucket and an object in it, and its settings, as `demo` leaves them."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "CARLOS_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(local, "SETTINGS_FILE", tmp_path / "carlos.env")
    made = Layout(tmp_path / "it's demo")
    made.make()
    (made.s3 / "carlos" / "store").mkdir()
    (made.s3 / "carlos" / "store" / "greeting").write_bytes(b"hello")
    local.leave_settings(made, {"CARLOS_STORE": layout.STORE, "CARLOS_CATALOG": f"sqlite:{made.catalog}"})
    return made


def read_greeting() -> bytes:
    return open_store(os.environ["CARLOS_STORE"]).read("greeting")


def test_the_lake_is_read_with_nothing_set_and_nothing_running(left: Layout) -> None:
    before = dict(os.environ)
    with local.local_deployment():
        assert os.environ["CARLOS_CATALOG"] == f"sqlite:{left.catalog}"
        assert read_greeting() == b"hello"
    assert dict(os.environ) == before


def test_the_server_of_a_running_stack_is_used(left: Layout) -> None:
    server = start_s3_server(left.s3)
    state = State([server.process], server.environment)
    state.write(left)
    try:
        with local.local_deployment():
            assert os.environ["AWS_ENDPOINT_URL"] == server.endpoint
            assert read_greeting() == b"hello"
        assert server.is_healthy()
    finally:
        server.stop()


def test_a_state_that_outlived_its_server_is_no_obstacle(left: Layout) -> None:
    server = start_s3_server(left.s3)
    State([server.process], server.environment).write(left)
    server.stop()
    with local.local_deployment():
        assert os.environ["AWS_ENDPOINT_URL"] != server.endpoint
        assert read_greeting() == b"hello"


def test_keys_and_profiles_of_the_shell_do_not_get_in_the_way(left: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of another account")
    with local.local_deployment():
        assert read_greeting() == b"hello"
    assert os.environ["AWS_PROFILE"] == "somebody"


@pytest.mark.parametrize("name", ["CARLOS_STORE", "CARLOS_CATALOG"])
def test_a_shell_with_a_lake_of_its_own_keeps_it(left: Layout, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "s3://production/lake")
    before = dict(os.environ)
    with local.local_deployment():
        assert dict(os.environ) == before


def test_a_shell_that_read_the_settings_reads_the_same_lake(left: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in shlex.split((left.home.parent / "carlos.env").read_text()):
        monkeypatch.setenv(*line.split("=", 1))
    with local.local_deployment():
        assert read_greeting() == b"hello"
    monkeypatch.setenv("CARLOS_CATALOG", "postgres:host=elsewhere")
    before = dict(os.environ)
    with local.local_deployment():
        assert dict(os.environ) == before


def test_the_name_of_the_local_store_alone_is_another_lake(left: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARLOS_STORE", layout.STORE)
    before = dict(os.environ)
    with local.local_deployment():
        assert dict(os.environ) == before


def test_other_settings_of_the_shell_win(left: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    local.leave_settings(left, {"CARLOS_STORE": layout.STORE, "CARLOS_PROFILE": "micro"})
    monkeypatch.setenv("CARLOS_PROFILE", "sdxl-paper")
    with local.local_deployment():
        assert os.environ["CARLOS_PROFILE"] == "sdxl-paper"
        assert os.environ["CARLOS_STORE"] == layout.STORE


def test_without_a_stack_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "SETTINGS_FILE", tmp_path / "none")
    before = dict(os.environ)
    with local.local_deployment():
        assert dict(os.environ) == before


def test_what_holds_secrets_is_for_its_owner_alone(left: Layout) -> None:
    State(aws={"AWS_SECRET_ACCESS_KEY": "x"}).write(left)
    assert left.state_file.stat().st_mode & 0o077 == 0
    assert State.read(left) is not None


def test_a_stack_whose_folder_was_moved_is_found_where_it_is(
    left: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = tmp_path, tmp_path.parent / f"{tmp_path.name} moved"
    before.rename(after)
    monkeypatch.setattr(local, "SETTINGS_FILE", after / "carlos.env")
    with local.local_deployment():
        assert os.environ["CARLOS_CATALOG"] == f"sqlite:{after / left.home.name / 'catalog.sqlite'}"
        assert read_greeting() == b"hello"
    assert not before.exists()
