"""The explorer: nobody sees anything without Airflow's login, strangers' text stays text."""

from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.lake.catalog import connect
from carlos_tasks.settings import load_settings
from carlos_tasks.store import open_store
from tests.lakes import migrated_lake

PROFILE = "0123456789abcdef"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
PNG = b"\x89PNG\r\n\x1a\nnot really"
EVERY_PATH = (
    "/carlos/",
    f"/carlos/profiles/{PROFILE}/loras",
    f"/carlos/profiles/{PROFILE}/contact-sheet.png",
    "/carlos/static/explorer.css",
    "/carlos/static/../app.py",
    "/carlos/no/such/page",
    "/carlos/openapi.json",
    "/carlos/docs",
)


@pytest.fixture(scope="module")
def filled(shared_lake: Path) -> Path:
    """A lake with one LoRA of a hostile name, one refusal and a contact sheet."""
    settings = load_settings()
    migrated_lake(settings)
    with connect(settings, read_only=False) as con:
        con.execute(
            "insert into core.profile by name select $1 as profile_id, 'micro' as name, $2 as definition, "
            "now() as created_at, 'measured' as origin",
            [PROFILE, '{"backbone": {"base_model": "micro-xl"}}'],
        )
        con.execute(
            "insert into core.lora by name select 'a1' || repeat('0', 62) as lora_id, 'micro-xl' as base_model, "
            "now() as first_seen_at"
        )
        con.execute(
            "insert into raw.listing by name select 'dump' as source, '1' as model_id, '2' as version_id, "
            "'3' as file_id, now() as seen_at, 'models/1.json' as shard_key, lora_id, $1 as name from core.lora",
            [HOSTILE],
        )
        con.execute(
            "insert into core.representation by name select $1 as profile_id, lora_id, 'measured' as measured, "
            "3.25 as strength, 0.5 as consistency, 120 as n_pairs, now() as computed_at from core.lora",
            [PROFILE],
        )
        con.execute(
            "insert into raw.rejection by name select 'dump' as source, '9' as model_id, '9' as version_id, "
            "'9' as file_id, 'pickle' as reason, $1 as detail, now() as rejected_at, 'models/1.json' as shard_key",
            [HOSTILE],
        )
    open_store(settings.store).write(f"reports/contact-sheet-{PROFILE}.png", PNG)
    return shared_lake


@pytest.mark.parametrize("path", EVERY_PATH)
def test_without_a_login_every_path_answers_401(stranger: Any, filled: Path, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 401
    assert "strength" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_without_a_login_every_method_answers_401(stranger: Any, filled: Path, method: str) -> None:
    assert stranger.request(method, "/carlos/").status_code == 401


def test_a_made_up_token_opens_nothing(stranger: Any, filled: Path) -> None:
    answer = stranger.get("/carlos/", headers={"Authorization": "Bearer aaaa.bbbb.cccc"})
    assert answer.status_code in {401, 403}


def test_the_session_cookie_of_the_ui_is_a_login(stranger: Any, ann: Any, filled: Path) -> None:
    token = ann.headers["Authorization"].removeprefix("Bearer ")
    assert stranger.get("/carlos/", headers={"Cookie": f"_token={token}"}).status_code == 200


def test_the_overview_shows_health_refusals_commits_and_the_sheet(ann: Any, filled: Path) -> None:
    page = ann.get("/carlos/")
    assert page.status_code == 200
    for expected in (
        "Profile micro",
        "<code>pickle</code>",
        "migrate",
        f"/carlos/profiles/{PROFILE}/contact-sheet.png",
    ):
        assert expected in page.text


def test_the_table_of_loras_shows_their_figures(ann: Any, filled: Path) -> None:
    page = ann.get(f"/carlos/profiles/{PROFILE}/loras").text
    assert "3.25" in page
    assert "0.5" in page
    assert "a10000000000" in page


def test_the_table_can_be_cut_to_one_status(ann: Any, filled: Path) -> None:
    assert "a10000000000" in ann.get(f"/carlos/profiles/{PROFILE}/loras?status=ok").text
    assert "a10000000000" not in ann.get(f"/carlos/profiles/{PROFILE}/loras?status=failed").text
    assert "a10000000000" not in ann.get(f"/carlos/profiles/{PROFILE}/loras?page=2").text


@pytest.mark.parametrize("path", ["/carlos/", f"/carlos/profiles/{PROFILE}/loras"])
def test_text_of_strangers_never_becomes_markup(ann: Any, filled: Path, path: str) -> None:
    page = ann.get(path).text
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_no_page_may_run_a_script_or_reach_another_host(ann: Any, filled: Path) -> None:
    for path in ("/carlos/", f"/carlos/profiles/{PROFILE}/loras", "/carlos/static/explorer.css"):
        policy = ann.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert "*" not in policy


def test_the_contact_sheet_is_sent_as_it_is(ann: Any, filled: Path) -> None:
    sheet = ann.get(f"/carlos/profiles/{PROFILE}/contact-sheet.png")
    assert (sheet.content, sheet.headers["content-type"]) == (PNG, "image/png")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/carlos/profiles/..%2F..%2Fetc/contact-sheet.png", 404),
        ("/carlos/profiles/NOT-HEX-AT-ALL/contact-sheet.png", 422),
        (f"/carlos/profiles/{'f' * 16}/contact-sheet.png", 404),
        ("/carlos/static/..%2Fapp.py", 404),
        ("/carlos/no/such/page", 404),
        (f"/carlos/profiles/{PROFILE}/loras?status=ok'--", 422),
        (f"/carlos/profiles/{PROFILE}/loras?page=0", 422),
    ],
)
def test_what_is_not_there_or_makes_no_sense_is_refused(ann: Any, filled: Path, path: str, status: int) -> None:
    assert ann.get(path).status_code == status


def test_airflow_shows_the_page_in_its_navigation(airflow_app: Any) -> None:
    from carlos_plugin import CarlosPlugin

    view = CarlosPlugin.external_views[0]
    assert (view["name"], view["destination"], view["href"]) == ("CARLoS", "nav", "carlos/")
