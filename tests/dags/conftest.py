"""What Airflow makes of the files in dags/: read once by a fresh process, for all tests of them."""

from typing import Any

import pytest

from tests.dags.fresh_airflow import read_dags


@pytest.fixture(scope="package")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Errors, DAGs by name, and heavy modules that parsing imported."""
    return read_dags(tmp_path_factory.mktemp("airflow"))
