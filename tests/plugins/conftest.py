"""Airflow's real login around the explorer: the app mounted as Airflow mounts it, and tokens that Airflow signs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.settings import load_settings

REPOSITORY = Path(__file__).parents[2]
AIRFLOW = {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "ann:viewer",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__API_AUTH__JWT_SECRET": "only-for-these-tests-" + "x" * 64,
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}


@pytest.fixture(scope="session")
def airflow_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server with the plugin's app at its place and Airflow's login, on a database of its own."""
    home = tmp_path_factory.mktemp("airflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(REPOSITORY / "plugins")  # as Airflow does
        for name, value in AIRFLOW.items():
            patch.setenv(name, value)
        patch.setenv("AIRFLOW_HOME", str(home))
        patch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{home}/airflow.db")

        from airflow import settings
        from airflow.api_fastapi.app import init_auth_manager
        from airflow.models.revoked_token import RevokedToken
        from carlos_plugin import CarlosPlugin
        from fastapi import FastAPI

        # The login asks this one table of Airflow's database.
        RevokedToken.metadata.create_all(settings.engine, tables=[RevokedToken.__table__])
        server = FastAPI()
        init_auth_manager(server)
        mounted = CarlosPlugin.fastapi_apps[0]
        server.mount(mounted["url_prefix"], mounted["app"])
        yield server


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Settings that point at a lake in a folder; there is none in it yet."""
    yield from _lake_in(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def shared_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same for a whole module."""
    with pytest.MonkeyPatch.context() as patch:
        yield from _lake_in(tmp_path_factory.mktemp("lake"), patch)


def _lake_in(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Path]:
    patch.setenv("CARLOS_STORE", str(folder / "store"))
    patch.setenv("CARLOS_CATALOG", f"sqlite:{folder}/catalog.sqlite")
    load_settings.cache_clear()
    yield folder
    load_settings.cache_clear()


@pytest.fixture
def stranger(airflow_app: Any) -> Any:
    """A browser without a login."""
    from fastapi.testclient import TestClient

    return TestClient(airflow_app)


@pytest.fixture
def ann(airflow_app: Any) -> Any:
    """A browser of somebody who may look and no more."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="ann", role="viewer"))
    return TestClient(airflow_app, headers={"Authorization": f"Bearer {token}"})
