"""A search of a profile that is compared with another one: one ranking of both, each row saying whose it is."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from carlos_tasks import cli
from carlos_tasks.commit.import_published import import_published
from carlos_tasks.errors import CarlosError, ProfileMismatch, SettingsError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.register import register_profile
from carlos_tasks.lake.statements import rows
from carlos_tasks.profiles.profile import PROFILES_FOLDER, load_profile
from carlos_tasks.retrieval.filters import Filters
from carlos_tasks.retrieval.question import Question
from carlos_tasks.retrieval.search import show
from carlos_tasks.retrieval.searcher import Searcher
from carlos_tasks.settings import Settings
from tests.lakes import migrated_lake, settings_of
from tests.retrieval.directions_in_lake import asked, put, put_listing
from tests.test_import_published import row, write

D = 64


def axis(*parts: tuple[int, float]) -> NDArray[np.float64]:
    vector = np.zeros(D)
    for place, value in parts:
        vector[place] = value
    return vector


EAST = axis((0, 2.0))
#: By cosine with the east: what is ok under its own profile's thresholds.
TOGETHER = [
    ("published", "civitai-1"),
    ("own", "mine"),
    ("published", "civitai-2"),
    ("own", "far"),
    ("published", "civitai-3"),
]


def profile_file(folder: Path, name: str, strength_max: float, **changes: object) -> str:
    """A file of the micro profile with other seeds and thresholds."""
    document = json.loads((PROFILES_FOLDER / "micro.json").read_text())
    document["identity"] |= changes.pop("identity", {})
    limits = {"strength_max": {"value": strength_max, "origin": "test"}}
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document | {"name": name, "thresholds": limits} | changes))
    return str(path)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake with a small published index, and LoRAs that were measured beside it."""
    folder = tmp_path_factory.mktemp("both")
    published = profile_file(folder, "published", 9.0, origin="imported", identity={"seeds": [42]})
    own = profile_file(folder, "own", 20.0, compared_with=[published])
    settings = settings_of(folder).model_copy(update={"profile": own})
    migrated_lake(settings)
    table = write(
        folder / "t.parquet",
        row(1, direction=EAST.tolist(), strength=5.0),
        row(2, direction=axis((0, 2.0), (1, 1.5)).tolist(), strength=5.0),
        row(3, direction=axis((1, 2.0)).tolist(), strength=5.0),
        row(4, direction=axis((0, 2.0), (2, 0.1)).tolist(), strength=15.0),  # overpowering under its own threshold
    )
    import_published(settings, table, profile_name=published)
    with connect(settings, read_only=False) as con:
        register_profile(con, load_profile(own))
        me = load_profile(own).profile_id
        put(con, me, {"mine": axis((0, 2.0), (1, 1.0)), "far": axis((0, 0.1), (5, 1.0))}, strength=15.0)
        put_listing(con, "mine", name="Mine")
    return settings


@pytest.fixture(scope="module")
def searcher(place: Settings) -> Iterator[Searcher]:
    with Searcher(place) as found:
        yield found


def test_both_are_ranked_together_and_each_row_says_whose_it_is(searcher: Searcher) -> None:
    hits = searcher.search(asked(searcher.profile.profile_id, EAST), 9)
    assert [(hit["profile"], hit["lora_id"]) for hit in hits] == TOGETHER
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4, 5]
    assert {hit["profile"]: hit["differs_in"] for hit in hits} == {"published": ["seeds"], "own": []}
    own, other = hits[1], hits[0]
    assert own["profile_id"] == searcher.profile.profile_id != other["profile_id"]
    assert (own["name"], other["name"]) == ("Mine", "LoRA 1")
    assert own["score"] == pytest.approx(0.8**0.5)
    # What is not known of an imported LoRA is not made up.
    assert (other["score_se"], other["stays_in_top_k"]) == (None, None)


def test_sql_gives_the_same_ranking(searcher: Searcher) -> None:
    query = asked(searcher.profile.profile_id, EAST)
    found = rows(
        searcher.con,
        "select rank, lora_id, profile_id, score from mart.search_vector($vector::float[], 9, profile := 'own')",
        {"vector": EAST.tolist()},
    )
    assert found == [
        {name: pytest.approx(value) if name == "score" else value for name, value in hit.items() if name in found[0]}
        for hit in searcher.search(query, 9)
    ]


def test_a_filter_asks_one_of_them(searcher: Searcher) -> None:
    query = asked(searcher.profile.profile_id, EAST)
    for name in ("own", "published"):
        hits = searcher.search(query, 9, Filters(profile=(name,)))
        assert [hit["lora_id"] for hit in hits] == [lora_id for profile, lora_id in TOGETHER if profile == name]
    with pytest.raises(CarlosError, match="'micro' is not ranked here: there are own, published"):
        searcher.search(query, 9, Filters(profile=("micro",)))


def test_groups_and_diversity_reach_over_both(searcher: Searcher) -> None:
    query = asked(searcher.profile.profile_id, EAST)
    best, *others = searcher.search(query, 9, group_at=0.85)
    assert (best["lora_id"], [alike["lora_id"] for alike in best["alike"]]) == ("civitai-1", ["mine"])
    assert [hit["lora_id"] for hit in others] == ["civitai-2", "far", "civitai-3"]
    varied = searcher.search(query, 3, diversity=0.9)
    assert [hit["lora_id"] for hit in varied] == ["civitai-1", "civitai-3", "far"]


def test_like_and_show_take_a_lora_of_either(searcher: Searcher, place: Settings) -> None:
    for lora_id, profile in (("civitai-1", "published"), ("mine", "own")):
        hits = searcher.search(Question(like=(lora_id,)), 9)
        assert lora_id not in [hit["lora_id"] for hit in hits]
        assert {hit["profile"] for hit in hits} == {"own", "published"}
        ids = {hit["profile"]: hit["profile_id"] for hit in hits}
        assert show(place, lora_id)["profile_id"] == ids[profile]


def test_a_commit_to_either_is_noticed(place: Settings, searcher: Searcher) -> None:
    query = asked(searcher.profile.profile_id, axis((9, 1.0)))
    other = place.model_copy(update={"profile": load_profile(place.profile).compared_with[0]})
    best = searcher.search(query, 1)[0]["lora_id"]
    for settings, lora_id in ((place, "new here"), (other, "new there")):
        with connect(settings, read_only=False) as con:
            put(con, load_profile(settings.profile).profile_id, {lora_id: axis((9, 1.0))})
        assert searcher.search(query, 1)[0]["lora_id"] == lora_id != best
        with connect(settings, read_only=False) as con:
            con.execute("delete from core.representation where lora_id = ?", [lora_id])


def test_asked_by_its_own_name_the_other_stays_alone(place: Settings) -> None:
    published = load_profile(place.profile).compared_with[0]
    with Searcher(place.model_copy(update={"profile": published})) as searcher:
        hits = searcher.search(asked(searcher.profile.profile_id, EAST), 9)
    assert [hit["lora_id"] for hit in hits] == [lora_id for profile, lora_id in TOGETHER if profile == "published"]


def test_the_command_says_that_the_noise_is_other(
    place: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("carlos_tasks.commands.search.load_settings", lambda: place)
    assert cli.main(["similar", "mine"]) == 0
    said = capsys.readouterr()
    assert "published" in said.out.splitlines()[2]
    assert "published is another profile (its seeds differ): its LoRAs have other noise" in said.out + said.err
    assert cli.main(["similar", "mine", "--profile", "own"]) == 0
    said = capsys.readouterr()
    assert "other noise" not in said.out + said.err


def test_what_cannot_be_compared_is_refused_before_anything_is_ranked(place: Settings, tmp_path: Path) -> None:
    encoder = {"model": "ViT-B-32-quickgelu", "pretrained": "openai"}
    other = profile_file(tmp_path, "other", 9.0, identity={"encoder": encoder})
    settings = place.model_copy(update={"profile": profile_file(tmp_path, "mine", 9.0, compared_with=[other])})
    with pytest.raises(SettingsError, match="mine says that it is compared with other, and their encoders differ"):
        Searcher(settings)


def test_directions_of_another_dimension_are_refused(place: Settings, tmp_path: Path) -> None:
    other = profile_file(tmp_path, "flat", 9.0, identity={"seeds": [5]})
    settings = place.model_copy(update={"profile": profile_file(tmp_path, "own", 9.0, compared_with=[other])})
    with connect(settings, read_only=False) as con:
        put(con, load_profile(other).profile_id, {"flat": (1.0, 0.0)})
    with Searcher(settings) as searcher, pytest.raises(ProfileMismatch, match=r"compared with each other.*dimension"):
        searcher.search(asked(searcher.profile.profile_id, EAST), 1)
