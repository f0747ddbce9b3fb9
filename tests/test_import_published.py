"""The published index, taken over: every row in or refused with its reason, under a profile of its own."""

import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from carlos_tasks import cli
from carlos_tasks.commit.import_published import MEASURED, PROFILE, import_published
from carlos_tasks.errors import NotFound, PermanentError, ProfileMismatch, SettingsError
from carlos_tasks.intake.source_intake import ingest_source
from carlos_tasks.lake.catalog import connect
from carlos_tasks.microworld.zoo import WEIGHTS
from carlos_tasks.nightly import stages as nightly
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.profiles.prompts import load_prompts
from carlos_tasks.retrieval.search import show, similar
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import prompt_file_key
from tests.lakes import migrated_lake, settings_of
from tests.retrieval.directions_in_lake import put
from tests.samples import published
from tests.samples.published import SCHEMA
from tests.samples.real import REAL_SAMPLES, Samples, needs_real_samples

#: Files of sql/commit that are tested here.
TESTED_SQL = {"add_published"}

TABLE = "carlos_published_representations.parquet"
#: How many have each status; as shared/data/README.md says of the real ones.
STATUSES = {"own": published.STATUSES, "real": {"inconsistent": 204, "ok": 515, "overpowering": 21}}
#: A version whose neighbours are asked for.
ASKED = {"own": 880013, "real": 135867}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a migrated lake without rows, with the published index's profile."""
    migrated_lake(settings_of(tmp_path))
    return settings_of(tmp_path).model_copy(update={"profile": PROFILE})


def row(version: int | None, **fields: Any) -> dict[str, Any]:
    direction = np.random.default_rng(abs(version or 0)).normal(size=8)
    return {
        "version_id": version,
        "model_id": 7,
        "model_name": f"LoRA {version}",
        "model_description": "<p>soft light</p>",
        "model_nsfw_level": 1,
        "folder_name": f"folder_{version}",
        "direction": list(direction),
        "strength": float(np.linalg.norm(direction)) + 1,
        "consistency": 0.3,
        "model_download_count": 5,
    } | fields


def write(path: Path, *rows: Mapping[str, Any], schema: pa.Schema = SCHEMA) -> Path:
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=schema), path)
    return path


def ask(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with connect(settings) as con:
        return con.execute(query).fetchall()


def test_the_published_index_is_taken_over_with_the_papers_thresholds(settings: Settings, samples: Samples) -> None:
    expected = STATUSES[samples.kind]
    n_rows = sum(expected.values())
    report = import_published(settings, samples.folder / TABLE)
    assert (report.n_rows, report.n_imported, report.n_rejected) == (n_rows, n_rows, 0)
    assert dict(ask(settings, "select status, count(*) from mart.lora group by status")) == expected
    assert nightly.run_checks(settings) == []
    again = import_published(settings, samples.folder / TABLE)
    assert (again.n_imported, again.n_known) == (0, n_rows)
    assert ask(settings, "select count(*) from core.representation") == [(n_rows,)]


def test_a_lake_that_took_in_a_source_before_takes_it_too(
    settings: Settings, own_samples: Samples, tmp_path: Path
) -> None:
    """The first intake bounds the row groups of raw.listing in bytes, for everybody who writes it later."""
    loras = tmp_path / "loras"
    loras.mkdir()
    shutil.copy(WEIGHTS / "striped-a.safetensors", loras)
    assert ingest_source(settings.model_copy(update={"profile": "micro"}), f"folder:{loras}").n_accepted == 1
    assert import_published(settings, own_samples.folder / TABLE).n_imported == sum(published.STATUSES.values())


def test_similar_finds_the_same_ranking_as_numpy(settings: Settings, samples: Samples) -> None:
    import_published(settings, samples.folder / TABLE)
    table = pq.read_table(samples.folder / TABLE).to_pylist()
    wanted = next(item for item in table if item["version_id"] == ASKED[samples.kind])
    usable = [item for item in table if item["strength"] <= 9.8 and item["consistency"] >= 0.041]

    def score(item: dict[str, Any]) -> float:
        a, b = np.array(item["direction"]), np.array(wanted["direction"])
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    expected = sorted((item for item in usable if item is not wanted), key=score, reverse=True)[:5]
    hits = similar(settings, f"civitai-{wanted['version_id']}", 5)
    assert [hit["lora_id"] for hit in hits] == [f"civitai-{item['version_id']}" for item in expected]
    assert hits[0]["score"] == pytest.approx(score(expected[0]), abs=1e-6)


def test_a_version_whose_model_is_gone_goes_by_its_folder(settings: Settings, own_samples: Samples) -> None:
    import_published(settings, own_samples.folder / TABLE)
    assert show(settings, f"civitai-{published.GONE}")["name"] == f"own-{published.GONE}"


def test_a_row_that_cannot_be_is_refused_with_its_reason_and_the_rest_goes_in(
    settings: Settings, tmp_path: Path
) -> None:
    table = write(
        tmp_path / "table.parquet",
        row(1),
        row(2, model_id=None, model_name=None),
        row(2),
        row(3, direction=[1.0, 2.0]),
        row(4, strength=math.nan),
        row(5, consistency=1.5),
        row(6, strength=0.01),
        row(7, direction=[math.inf] + [0.0] * 7),
        row(None),
        row(-8),
        row(9, direction=None),
    )
    report = import_published(settings, table)
    assert report.n_rows == report.n_imported + report.n_known + report.n_rejected == 11
    assert report.n_imported == 2
    assert report.by_reason == {"duplicate_record": 1, "representation_invalid": 8}
    (count,) = ask(settings, "select count(*) from raw.rejection")
    assert count == (9,)
    details = dict(ask(settings, "select version_id, detail from raw.rejection"))
    assert "2 dimensions among those of 8" in details["3"]
    assert "longer" in details["6"]
    assert show(settings, "civitai-2")["name"] == "folder_2"
    counts = ask(settings, "select n_records, n_listings, n_rejections from raw.shard")
    assert counts == [(11, 2, 9)]
    assert ask(settings, "select version_id, state from mart.listing_history order by all") == [
        ("1", "listed"),
        ("2", "listed"),
    ]


def test_names_of_strangers_are_cleaned_and_nothing_of_the_file_is_invented(settings: Settings, tmp_path: Path) -> None:
    import_published(settings, write(tmp_path / "t.parquet", row(1, model_name="a\x00b\u202ec\n", model_nsfw_level=-3)))
    found = show(settings, "civitai-1")
    assert found["name"] == "a b c"
    assert (found["nsfw_level"], found["file_key"], found["size_bytes"], found["family"]) == (None,) * 4


def test_the_profile_is_kept_apart_and_cannot_be_measured(settings: Settings, tmp_path: Path) -> None:
    import_published(settings, write(tmp_path / "t.parquet", row(1), row(2)))
    assert ask(settings, "select name, origin from core.profile") == [(PROFILE, "imported")]
    assert ask(settings, "select n_loras, n_backlog, n_ok from mart.index_health") == [(2, 0, 2)]
    with pytest.raises(SettingsError, match="imported"):
        nightly.plan(settings)
    # The same backbone, another profile: no file of theirs can be measured, none of their rows is found.
    other = settings.model_copy(update={"profile": "sdxl-paper"})
    assert nightly.plan(other).n_loras == 0
    with pytest.raises(NotFound):
        similar(other, "civitai-1")
    assert load_profile(PROFILE).profile_id != load_profile("sdxl-paper").profile_id


@needs_real_samples
def test_with_the_prompts_loras_are_measured_beside_it(
    settings: Settings, own_samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real files: the profiles that ship name their hash."""
    prompts = REAL_SAMPLES / "carlos_published_prompts.json"
    monkeypatch.setenv("CARLOS_STORE", settings.store)
    mine = settings.model_copy(update={"profile": MEASURED})
    with pytest.raises(NotFound, match=r"carlos_published_prompts\.json is not in the store .*import-published"):
        nightly.plan(mine)
    with pytest.raises(PermanentError, match="not the prompts that the index was measured with"):
        import_published(settings, REAL_SAMPLES / TABLE, own_samples.folder / "carlos_published_prompts.json")
    for _ in range(2):
        report = import_published(settings, REAL_SAMPLES / TABLE, prompts)
        assert (report.n_prompts, report.n_imported + report.n_known) == (280, 740)
    profile = load_profile(MEASURED)
    published = load_profile(PROFILE)
    key = prompt_file_key(profile.identity.prompts.sha256)
    open_store(settings.store).write(key, prompts.read_bytes() + b" ")
    load_prompts.cache_clear()  # another process
    with pytest.raises(ProfileMismatch, match="a changed file is another profile"):
        nightly.plan(mine)
    import_published(settings, REAL_SAMPLES / TABLE, prompts)
    assert len(profile.pairs()) == 280 * 16
    assert profile.identity.model_copy(update={"seeds": ()}) == published.identity.model_copy(update={"seeds": ()})
    texts = [prompt.text for prompt in profile.indexing_prompts().prompts]
    assert texts[0].startswith("A hyper-realistic portrait of a smiling elderly woman")
    assert len(set(texts)) == 280
    assert not set(texts) & {prompt.text for prompt in profile.search_prompts().prompts}
    assert nightly.plan(mine).n_loras == 0
    assert nightly.run_checks(mine) == []
    # A LoRA of one's own stands beside the 740: here one that does what a published one does.
    published_id, *others = [hit["lora_id"] for hit in similar(settings, "civitai-135867", 9)]
    with connect(settings, read_only=False) as con:
        (direction,) = con.execute(
            "select direction from core.representation where lora_id = ?", [published_id]
        ).fetchall()[0]
        put(con, profile.profile_id, {"mine": direction})
    hits = similar(mine, "mine", 10)
    assert (hits[0]["lora_id"], hits[0]["differs_in"]) == (published_id, ["seeds"])
    assert hits[0]["score"] == pytest.approx(1)
    found = [hit["lora_id"] for hit in similar(mine, "civitai-135867", 10)]
    assert sorted(found) == sorted([published_id, "mine", *others])


def test_another_index_is_not_mixed_into_the_one_that_is_there(settings: Settings, tmp_path: Path) -> None:
    import_published(settings, write(tmp_path / "t.parquet", row(1), row(2)))
    with pytest.raises(PermanentError, match="1 rows differ"):
        import_published(settings, write(tmp_path / "u.parquet", row(1), row(2, consistency=0.4), row(3)))
    assert ask(settings, "select count(*) from core.representation") == [(2,)]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"<!doctype html>", b"PAR1" + b"\xff" * 100 + b"PAR1"])
def test_a_file_that_is_no_parquet_is_said_to_be_none(settings: Settings, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(PermanentError, match="no parquet"):
        import_published(settings, tmp_path / "t.parquet")


def test_a_table_with_other_columns_is_named(settings: Settings, tmp_path: Path) -> None:
    wrong = pa.schema([field for field in SCHEMA if field.name != "direction"]).set(
        0, pa.field("version_id", pa.string())
    )
    path = write(tmp_path / "t.parquet", {"version_id": "x"}, schema=wrong)
    with pytest.raises(PermanentError, match=r"'version_id', 'direction'"):
        import_published(settings, path)
    with pytest.raises(NotFound):
        import_published(settings, tmp_path / "absent.parquet")


def test_the_command_prints_one_object(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("carlos_tasks.commands.indexing.load_settings", lambda: settings)
    monkeypatch.setenv("CARLOS_STORE", settings.store)
    path = write(tmp_path / "t.parquet", row(1), row(None))
    assert cli.main(["import-published", str(path), "--json"]) == 0
    assert '"n_imported": 1' in capsys.readouterr().out
