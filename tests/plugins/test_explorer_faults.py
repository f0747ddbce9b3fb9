"""The explorer when something behind it is broken: a page that says so, soon, and never an empty index."""

import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.settings import Settings, load_settings
from carlos_tasks.store import open_store
from tests.lakes import migrated_lake
from tests.sql.lake_rows import fill
from tests.store.bad_proxy import Proxy

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PROFILE = "0123456789abcdef"
LORAS, SHEET = f"/carlos/profiles/{PROFILE}/loras", f"/carlos/profiles/{PROFILE}/contact-sheet.png"


@pytest.fixture
def patience(airflow_app: Any) -> Any:
    """The module, which is on the path as in Airflow."""
    from carlos_explorer import patience

    return patience


@pytest.fixture
def on_s3(lake: Path, proxied: Proxy, s3_uri: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A lake whose data lie behind the proxy, with one profile."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxied.endpoint)
    monkeypatch.setenv("CARLOS_STORE", s3_uri)
    load_settings.cache_clear()
    settings = load_settings()
    with connect(settings, read_only=False) as con:
        migrate(con)
        fill(
            con,
            {
                "core.profile": [{"profile_id": PROFILE}],
                "core.lora": [{}],
                "core.representation": [{"profile_id": PROFILE}],
            },
        )
    open_store(s3_uri).write(f"reports/contact-sheet-{PROFILE}.png", b"x" * 1000)
    return settings


@pytest.mark.parametrize("path", ["/carlos/", LORAS, SHEET])
def test_storage_that_is_dead_is_a_page_that_says_so(
    ann: Any, on_s3: Settings, proxied: Proxy, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for kind in ("503", "reset", "cut", "403"):
        with proxied.broken(kind, method="GET"):
            page = ann.get(path, headers=BROWSER)
        assert page.status_code == 503, kind
        assert "The lake cannot be read" in page.text


@pytest.mark.parametrize("kind", ["stall", "stall in body"])
def test_storage_that_hangs_is_answered_soon(
    ann: Any, patience: Any, on_s3: Settings, proxied: Proxy, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PATIENCE_S", 2.0)
    for path in ("/carlos/", SHEET):
        start = time.monotonic()
        with proxied.broken(kind, method="GET"):
            page = ann.get(path, headers=BROWSER)
        assert page.status_code == 503
        assert "have not answered within 2 seconds" in page.text
        assert time.monotonic() - start < 10


def test_when_too_many_hang_the_next_one_is_told_at_once(
    ann: Any, patience: Any, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_places", threading.BoundedSemaphore(1))
    patience._places.acquire()
    page = ann.get("/carlos/")
    assert page.status_code == 503 and "too many pages wait" in page.text
    patience._places.release()
    assert ann.get("/carlos/").status_code == 200


def test_patience_is_longer_than_that_with_the_storage(patience: Any) -> None:
    """So the page mostly has the reason in the storage's own words."""
    assert 5 < patience.PATIENCE_S <= 20


def test_a_catalog_that_is_gone_is_no_empty_index(ann: Any, lake: Path) -> None:
    migrated_lake(load_settings())
    (lake / "catalog.sqlite").unlink()
    for path in ("/carlos/", LORAS):
        page = ann.get(path)
        assert page.status_code == 503
        assert "but the store holds the data of a lake" in page.text
        assert "Nothing is indexed yet" not in page.text


def test_a_setting_that_is_wrong_is_a_page(ann: Any, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARLOS_CATALOG", "nonsense")
    load_settings.cache_clear()
    page = ann.get("/carlos/")
    assert page.status_code == 503 and "CARLOS_CATALOG" in page.text


def test_a_browser_whose_login_has_ended_gets_a_page(stranger: Any, ann: Any, lake: Path) -> None:
    page = stranger.get("/carlos/", headers=BROWSER)
    assert page.status_code == 401
    assert page.headers["content-type"].startswith("text/html")
    assert "Reload the whole page of Airflow" in page.text
    assert "location" not in page.headers
    assert "<link" not in page.text and "<script" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    forged = stranger.get("/carlos/", headers={**BROWSER, "Authorization": "Bearer aaaa.bbbb.cccc"})
    assert forged.status_code in {401, 403} and "log in again" in forged.text


def test_a_token_that_has_expired_is_told_like_none(stranger: Any, airflow_app: Any, lake: Path) -> None:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    user = SimpleAuthManagerUser(username="ann", role="viewer")
    token = get_auth_manager().generate_jwt(user, expiration_time_in_seconds=-60)
    page = stranger.get("/carlos/", headers={**BROWSER, "Authorization": f"Bearer {token}"})
    assert page.status_code == 401 and "Your login has ended" in page.text


def test_a_program_gets_json(stranger: Any, ann: Any, lake: Path) -> None:
    assert stranger.get("/carlos/").json() == {"detail": "Not authenticated"}
    assert ann.get("/carlos/no/such/page").json() == {"detail": "Not Found"}


def test_what_is_not_there_is_a_page_for_a_browser(ann: Any, lake: Path) -> None:
    for path, status in (("/carlos/no/such/page", 404), ("/carlos/profiles/NOT-HEX/loras", 422)):
        page = ann.get(path, headers=BROWSER)
        assert page.status_code == status
        assert page.headers["content-type"].startswith("text/html") and "How the index stands" in page.text


def test_every_chip_has_its_number(ann: Any, lake: Path) -> None:
    from carlos_explorer import index

    settings = load_settings()
    migrated_lake(settings)
    with connect(settings, read_only=False) as con:
        loras = [f"{number:064x}" for number in range(5)]
        fill(
            con,
            {
                "core.profile": [{}],
                "core.lora": [{"lora_id": lora_id} for lora_id in loras],
                "core.representation": [{"lora_id": lora_id} for lora_id in loras],
                "core.decision": [
                    {"decision_id": "1", "lora_id": loras[0], "action": "takedown"},
                    {"decision_id": "2", "lora_id": loras[1], "action": "restrict"},
                    {"decision_id": "3", "lora_id": loras[2], "action": "restrict"},
                ],
            },
        )
    chips = dict(re.findall(r"status=(\w+)\">\w+\s*<b>(\d+)</b>", ann.get("/carlos/").text))
    assert set(chips) == set(index.STATUSES)
    assert (chips["removed"], chips["restricted"]) == ("1", "2")
