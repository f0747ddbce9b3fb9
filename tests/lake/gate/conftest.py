"""The place of the gate's tests, once in a folder and once in S3, and connections to it."""

from collections.abc import Callable, Iterator

import pytest

import carlos_tasks
from carlos_tasks.lake.gate import GuardedConnection
from carlos_tasks.stack.s3_server import S3Server
from tests.conftest import BUCKET
from tests.lake.gate.places import Place, make_place

Connections = Callable[[Place, bool], GuardedConnection]


@pytest.fixture(scope="package")
def folder_place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A lake in a folder."""
    return make_place(tmp_path_factory.mktemp("gate"))


@pytest.fixture(scope="package")
def s3_place(tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server) -> Iterator[Place]:
    """A lake in S3, with an object of no lake beside it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment.items():
            patch.setenv(name, value)
        yield make_place(tmp_path_factory.mktemp("gate"), f"s3://{BUCKET}/gate")


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Both, one after the other; the test runs in the folder of one's own, with a home folder of its own."""
    found: Place = request.getfixturevalue(f"{request.param}_place")
    monkeypatch.setenv("HOME", str(found.home))
    monkeypatch.chdir(found.mine)
    return found


@pytest.fixture(scope="package")
def connections() -> Iterator[Connections]:
    """Opens the connection of a place once."""
    opened: dict[tuple[str, bool], GuardedConnection] = {}

    def connect(place: Place, with_files: bool) -> GuardedConnection:
        key = (place.settings.store, with_files)
        if key not in opened:
            opened[key] = carlos_tasks.connect(place.settings, with_files=with_files)
        return opened[key]

    yield connect
    for con in opened.values():
        con.close()


@pytest.fixture
def lake(place: Place, connections: Connections) -> GuardedConnection:
    """The connection that analysts get."""
    return connections(place, False)


@pytest.fixture
def with_files(place: Place, connections: Connections) -> GuardedConnection:
    """The same, with files of one's own."""
    return connections(place, True)
