"""Settings come from the environment and say what is wrong with them."""

from pathlib import Path

import pytest

from carlos_tasks.errors import SettingsError
from carlos_tasks.settings import load_settings


@pytest.fixture(autouse=True)
def fresh_settings(monkeypatch: pytest.MonkeyPatch):
    for name in ("CARLOS_STORE", "CARLOS_CATALOG"):
        monkeypatch.delenv(name, raising=False)
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def test_values_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARLOS_STORE", "s3://bucket/prefix/")
    monkeypatch.setenv("CARLOS_CATALOG", "postgres:dbname=carlos")
    settings = load_settings()
    assert (settings.store, settings.catalog) == ("s3://bucket/prefix", "postgres:dbname=carlos")


def test_a_folder_is_made_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARLOS_STORE", "lake")
    assert load_settings().store.startswith("/")


def test_a_policy_s_folder_is_made_absolute_unless_it_ships(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().policy == ""
    load_settings.cache_clear()
    monkeypatch.setenv("CARLOS_POLICY", "rules")
    assert load_settings().policy.startswith("/") and load_settings().policy.endswith("/rules")
    load_settings.cache_clear()
    monkeypatch.setenv("CARLOS_POLICY", "package:policies/micro")
    assert load_settings().policy == "package:policies/micro"


def test_sources_stand_in_one_variable_with_spaces_between(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().source_uris == ()
    load_settings.cache_clear()
    monkeypatch.setenv("CARLOS_SOURCES", " folder:/loras  civitai:https://civitai.com\nfolder:/loras ")
    assert load_settings().source_uris == ("folder:/loras", "civitai:https://civitai.com")


def test_reference_sets_stand_in_one_variable_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().reference_places == ()
    load_settings.cache_clear()
    monkeypatch.setenv("CARLOS_REFERENCES", "styles/house s3://bucket/brand styles/house")
    house, brand = load_settings().reference_places
    assert house.startswith("/") and house.endswith("/styles/house")
    assert brand == "s3://bucket/brand"


def test_a_source_s_folder_is_made_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARLOS_SOURCES", "folder:loras civitai-dump:s3://bucket/dump")
    folder, dump = load_settings().source_uris
    assert folder.startswith("folder:/") and folder.endswith("/loras")
    assert dump == "civitai-dump:s3://bucket/dump"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CARLOS_SOURCES", "folder:/loras /more", "CARLOS_SOURCES.*'/more' names no source; write KIND:WHERE"),
        ("CARLOS_SOURCES", "folder:/what!", "CARLOS_SOURCES.*has a '!'"),
        ("CARLOS_CATALOG", "mysql:host=db", "CARLOS_CATALOG.*write sqlite:FILE or postgres:"),
        ("CARLOS_CATALOG", "sqlite:", "CARLOS_CATALOG.*write sqlite:FILE"),
        ("CARLOS_CATALOG", "sqlite: ", "CARLOS_CATALOG.*write sqlite:FILE"),
        ("CARLOS_CATALOG", "sqlite:var/", "CARLOS_CATALOG.*write sqlite:FILE"),
        ("CARLOS_CATALOG", "postgres: ", "CARLOS_CATALOG.*write sqlite:FILE or postgres:"),
        ("CARLOS_CATALOG", "", "CARLOS_CATALOG.*write sqlite:FILE or postgres:"),
        ("CARLOS_PROFILE", " ", "CARLOS_PROFILE.*empty"),
        ("CARLOS_DEVICE", "", "CARLOS_DEVICE.*empty"),
        *(
            (variable, place, f"{variable}.*write a folder or s3://bucket/prefix")
            for variable in ("CARLOS_STORE", "CARLOS_REFERENCES")
            for place in (
                "s3://",
                "s3:",
                "s3:/b/p",
                "s3:b",
                "s3:///p",
                "s3://me:key@b/p",
                "s3://b?x",
                "gs://b/p",
                "S3://b",
            )
        ),
        ("CARLOS_STORE", "", "CARLOS_STORE.*write a folder or s3://bucket/prefix"),
        ("CARLOS_STORE", "  ", "CARLOS_STORE.*write a folder or s3://bucket/prefix"),
        ("CARLOS_STORE", "file:///data", "CARLOS_STORE.*write a folder or s3://bucket/prefix"),
        ("CARLOS_STORE", "a\nb", "CARLOS_STORE.*write a folder or s3://bucket/prefix"),
        ("CARLOS_IMAGES_PER_STEP", "-1", "CARLOS_IMAGES_PER_STEP.*greater than or equal to 0"),
        ("CARLOS_THREADS", "two", "CARLOS_THREADS.*integer"),
        ("CARLOS_LORAS_PER_BATCH", "many", "CARLOS_LORAS_PER_BATCH.*integer"),
    ],
)
def test_a_wrong_value_names_the_variable_and_the_fault(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message):
        load_settings()


def test_a_place_may_stand_between_blanks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CARLOS_STORE", f" {tmp_path} \n")
    assert load_settings().store == str(tmp_path)


def test_a_variable_that_is_no_setting_is_named_with_the_nearest_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("CARLOS_STOER", "CARLOS_BOGUS", "CARLOS_LOCAL_STACK", "carlos_device"):
        monkeypatch.setenv(name, "cpu")
    assert load_settings().device == "cpu"
    assert [record.getMessage() for record in caplog.records] == [
        "CARLOS_BOGUS is no setting of CARLoS (docs/operations.md lists every setting)",
        "CARLOS_STOER is no setting of CARLoS: is CARLOS_STORE meant?",
    ]
