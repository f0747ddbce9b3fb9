"""Nights over a live Civitai: polled, fetched, checked and committed; then changed, taken down and found again."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.intake.shard_rows import IntakeReport
from carlos_tasks.lake.catalog import connect
from carlos_tasks.nightly.stages import commit_intake, discover, ingest, run_checks
from carlos_tasks.profiles.resources import PACKAGE_FOLDER
from carlos_tasks.settings import Settings
from tests.sources.bad_server import Server, serving
from tests.sources.models import a_file, a_model, a_version

LORAS = ("striped-a", "dotted-a", "framed-a")


def as_model(server: Server, number: int, name: str) -> dict[str, Any]:
    """A model whose one file the server has."""
    data = (PACKAGE_FOLDER / "microworld" / "weights" / "zoo" / f"{name}.safetensors").read_bytes()
    path = f"/api/download/models/{number + 1000}"
    server.files[path] = lambda handler: handler.send(200, data)
    file = a_file(
        number + 2000,
        sizeKB=len(data) / 1024,
        hashes={"SHA256": hashlib.sha256(data).hexdigest().upper()},
        downloadUrl=server.address + path,
    )
    version = a_version(number + 1000, files=[file])
    return a_model(number, name=name, modelVersions=[version])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(Server()) as state:
        state.models = [as_model(state, number, name) for number, name in zip((3, 2, 1), LORAS, strict=True)]
        yield state


def a_night(settings: Settings, server: Server, *, sweep: bool = False) -> list[IntakeReport]:
    """Discover, ingest and commit; returns the reports of intake."""
    uri = f"civitai:{server.address}"
    reports = [ingest(settings, uri, shard) for shard in discover(settings, uri, sweep=sweep).shards]
    for report in reports:
        commit_intake(settings, report.intake_key)
    return reports


def rows(settings: Settings, question: str) -> list[tuple[Any, ...]]:
    with connect(settings) as con:
        return con.execute(question).fetchall()


def test_nights_over_a_live_source(server: Server, tmp_path: Path) -> None:
    settings = Settings(store=str(tmp_path / "store"), catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}")
    reports = a_night(settings, server)
    assert [report.n_accepted for report in reports] == [2, 1]
    assert rows(settings, "select count(*) from core.lora") == [(3,)]
    assert run_checks(settings) == []

    server.requests = []
    assert a_night(settings, server) == []
    assert len(server.requests) == 1

    gone = server.models.pop()
    server.hidden = {2}
    reports = a_night(settings, server, sweep=True)
    assert [(report.n_known, report.by_reason) for report in reports] == [(1, {"taken_down": 1})]
    history = "select model_id, state from mart.listing_history order by model_id"
    assert rows(settings, history) == [("1", "taken_down"), ("2", "listed"), ("3", "listed")]
    assert rows(settings, "select count(*) from core.lora") == [(3,)]  # what is known of it stays

    server.models.append(gone)
    reports = a_night(settings, server, sweep=True)
    assert rows(settings, history) == [("1", "listed"), ("2", "listed"), ("3", "listed")]
    assert run_checks(settings) == []
    downloads = [path for path in server.paths if path.startswith("/api/download/")]
    assert downloads == []  # nothing that is known is fetched twice
