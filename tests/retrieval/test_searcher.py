"""The Searcher on a lake: what hits tell, filters, commits in between, and everything that is refused."""

import math
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

import carlos_tasks
from carlos_tasks.errors import CarlosError, ProfileMismatch
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.sql_files import sql_folder
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.retrieval.filters import RANKED_STATUSES, Filters, filters_from
from carlos_tasks.retrieval.memory_index import MemoryIndex
from carlos_tasks.retrieval.query import Part, Query
from carlos_tasks.retrieval.searcher import Searcher
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from tests.lakes import migrated_lake
from tests.retrieval.directions_in_lake import asked, put, put_listing, put_lora, threshold

EAST = (1.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of one lake for all tests that only read it."""
    folder = tmp_path_factory.mktemp("searched")
    return Settings(store=str(folder / "store"), catalog=f"sqlite:{folder / 'catalog.sqlite'}")


@pytest.fixture(scope="module")
def searcher(place: Settings, micro: Profile) -> Iterator[Searcher]:
    """A lake of LoRAs around the east, and one who searches it."""
    migrated_lake(place)
    with connect(place, read_only=False) as lake:
        me = micro.profile_id
        threshold(lake, micro, strength_max=10.0, strength_min=1.0, consistency_min=0.05, retention_min=0.2)
        put(lake, me, {"east": EAST, "east again": (5.0, 0.01, 0.0), "northeast": (1.0, 1.0, 0.0), "none": None})
        put(lake, me, {"north": (0.0, 1.0, 0.0), "up": (0.0, 0.0, 1.0), "west": (-1.0, 0.0, 0.0)})
        put(lake, me, {"loud": (0.9, 0.5, 0.0)}, strength=15.0, prompt_retention=0.1)
        put(lake, me, {"loud but obedient": (0.9, 0.6, 0.0)}, strength=15.0, prompt_retention=0.9)
        put(lake, me, {"weak": (0.9, 0.7, 0.0)}, strength=0.5)
        put(lake, me, {"erratic": (0.9, 0.8, 0.0)}, consistency=0.01)
        put_lora(lake, "east", license="openrail")
        put_lora(lake, "north", base_model="sdxl")
        put_listing(lake, "east", nsfw_level=3, published_at="2024-02-29T23:30:00Z", creator="Ann", name="East = 1+1")
        put_listing(lake, "east", model_id="re-upload", source="folder:/x", published_at="2025-01-01", nsfw_level=31)
        put_listing(lake, "northeast", nsfw_level=16, published_at="not a time", creator="Ben")
        put_listing(
            lake,
            "north",
            nsfw_level=0,
            published_at="2024-03-01T00:00:00Z",
            base_model_claimed="Pony",
            license='{"license": "apache-2.0"}',
        )
    for pair in ("p1-0", "p2-0"):
        for lora_id in ("east", "base") if pair == "p1-0" else ("east",):
            open_store(place.store).write(f"evidence/profile_id={me}/lora_id={lora_id}/{pair}.webp", b"")
    with Searcher(place) as found:
        yield found


def ids(hits: list[dict[str, Any]]) -> list[str]:
    return [hit["lora_id"] for hit in hits]


def test_a_hit_tells_all_there_is_to_know(searcher: Searcher, place: Settings, micro: Profile) -> None:
    query = Query(
        micro.profile_id,
        (
            Part("east", 1.0, np.array([2.0, 0, 0], np.float32)),
            Part("north", 1.0, np.array([0.0, 3, 0], np.float32)),
            Part("up", -0.5, np.array([0.0, 0, 1], np.float32)),
        ),
    )
    hits = searcher.search(query, k=3)
    assert [(hit["rank"], hit["lora_id"]) for hit in hits] == [
        (1, "northeast"),
        (2, "loud but obedient"),
        (3, "east again"),
    ]
    east = next(hit for hit in searcher.search(query, k=9) if hit["lora_id"] == "east")
    assert east["parts"] == [
        {"asked": "east", "weight": 1.0, "cosine": pytest.approx(1), "contribution": pytest.approx(0.5**0.5)},
        {"asked": "north", "weight": 1.0, "cosine": pytest.approx(0), "contribution": pytest.approx(0)},
        {"asked": "up", "weight": -0.5, "cosine": pytest.approx(0), "contribution": pytest.approx(0)},
    ]
    assert east["score"] == pytest.approx(sum(part["contribution"] for part in east["parts"]))
    folder = Path(place.store) / f"evidence/profile_id={micro.profile_id}"
    assert east["evidence"] == [
        {
            "pair": "p1-0",
            "lora": str(folder / "lora_id=east/p1-0.webp"),
            "baseline": str(folder / "lora_id=base/p1-0.webp"),
        },
        {"pair": "p2-0", "lora": str(folder / "lora_id=east/p2-0.webp"), "baseline": None},
    ]
    expected = {
        "name": "East = 1+1",
        "names": ["East", "East = 1+1"],
        "n_listings": 2,
        "sources": ["civitai", "folder:/x"],
        "creator": "Ann",
        "license": "openrail",
        "nsfw_level": 3,
        "base_model": "micro-xl",
        "status": "ok",
        "strength": 5.0,
        "consistency": 0.5,
        "profile_id": micro.profile_id,
        "score_se": None,
        "stays_in_top_k": None,
        "alike": [],
        "n_alike": 0,
    }
    assert {name: east[name] for name in expected} == expected
    assert east["published_at"].isoformat() == "2024-02-29T23:30:00+00:00"


OK_LORAS = {"east", "east again", "northeast", "north", "up", "west", "loud but obedient"}
CASES: list[tuple[dict[str, Any], set[str]]] = [
    ({}, OK_LORAS),
    ({"status": ("overpowering", "no_effect", "inconsistent")}, {"loud", "weak", "erratic"}),
    ({"strength_max": 20.0}, {*OK_LORAS, "loud"}),
    ({"strength_max": 14.0}, OK_LORAS - {"loud but obedient"}),
    ({"strength_max": 14.0, "status": ("overpowering",)}, set()),
    ({"strength_min": 0.1}, {*OK_LORAS, "weak"}),
    ({"strength_min": 6.0}, {"loud but obedient"}),
    ({"consistency_min": 0.0}, {*OK_LORAS, "erratic"}),
    ({"consistency_min": 0.6}, set()),
    ({"consistency_max": 0.4, "consistency_min": 0.0}, {"erratic"}),
    ({"base_model": ("SDXL",)}, {"north"}),
    ({"base_model": ("pony ",)}, {"north"}),
    ({"base_model": ("pony", "micro-xl")}, {"north", "east"}),
    ({"license": ("Apache-2.0",)}, {"north"}),
    ({"license": ("openrail",)}, {"east"}),
    ({"source": ("folder:/x",)}, {"east"}),
    ({"source": ("civitai",)}, {"east", "northeast", "north"}),
    ({"creator": ("ann", "BEN")}, {"east", "northeast"}),
    ({"nsfw_max": 0}, {"north"}),
    ({"nsfw_max": 1}, {"north"}),
    ({"nsfw_max": 2}, {"north", "east"}),
    ({"nsfw_max": 31}, {"north", "east", "northeast"}),
    ({"since": date(2024, 3, 1)}, {"north"}),
    ({"until": date(2024, 2, 29)}, {"east"}),
    ({"since": date.min, "until": date.max}, {"east", "north"}),
    ({"since": date(2024, 2, 29), "until": date(2024, 3, 1)}, {"east", "north"}),
    ({"source": ("civitai",), "nsfw_max": 2, "since": date(2024, 3, 1)}, {"north"}),
]


@pytest.mark.parametrize(("given", "expected"), CASES, ids=[str(given) for given, _ in CASES])
def test_filters(searcher: Searcher, micro: Profile, given: dict[str, Any], expected: set[str]) -> None:
    found = searcher.rank(asked(micro.profile_id, EAST), k=99, filters=filters_from(given))
    assert set(found.lora_ids) == expected


@pytest.mark.parametrize(
    "limits", [{}, {"strength_max": 20.0}, {"strength_min": 0.1, "consistency_min": 0.0}, {"strength_min": 6.0}]
)
def test_the_lakes_macro_ranks_the_same(searcher: Searcher, micro: Profile, limits: dict[str, float]) -> None:
    vector = [1.0, 0.2, 0.1]
    by_sql = searcher.con.execute(
        "select lora_id, score from mart.search_vector($vector::float[], 99, profile := $profile_id, strength_max := "
        "$strength_max, strength_min := $strength_min, consistency_min := $consistency_min) order by rank",
        {"vector": vector, "profile_id": micro.profile_id}
        | {name: limits.get(name, math.nan) for name in ("strength_max", "strength_min", "consistency_min")},
    ).fetchall()
    found = searcher.rank(asked(micro.profile_id, vector), k=99, filters=filters_from(limits))
    assert found.lora_ids == [lora_id for lora_id, _ in by_sql]
    assert found.scores == pytest.approx([score for _, score in by_sql], abs=1e-6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"status": ("fine",)}, "no status 'fine': search returns ok, no_effect"),
        ({"status": ("failed",)}, "have no Direction to rank"),
        ({"status": ()}, "no status is asked for"),
        ({"nsfw_max": -1}, "a level from 0 up"),
        ({"since": date(2025, 1, 2), "until": date(2025, 1, 1)}, "swap the two days"),
        ({"strength_min": 3.0, "strength_max": 2.0}, "no strength is at least 3.0 and at most 2.0"),
        ({"consistency_max": float("nan")}, "consistency_max=nan"),
        ({"base_model": "sdxl"}, "give a tuple of names"),
        ({"source": ("",)}, "none of them empty"),
        ({"colour": "red"}, "there is no filter 'colour': there are strength_min"),
    ],
)
def test_filters_that_can_never_be_right(given: dict[str, Any], message: str) -> None:
    with pytest.raises(CarlosError, match=message):
        filters_from(given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"base_model": ("flux",)}, "no LoRA has the base model 'flux': there are Pony, micro-xl, sdxl"),
        ({"license": ("mit",)}, "the license 'mit': there are apache-2.0, openrail"),
        ({"source": ("hub",)}, "the source 'hub': there are civitai, folder:/x"),
        ({"creator": ("'; drop table raw.listing --",)}, "there are Ann, Ben"),
    ],
)
def test_a_name_that_no_lora_has(searcher: Searcher, micro: Profile, given: dict[str, Any], message: str) -> None:
    with pytest.raises(CarlosError, match=message):
        searcher.search(asked(micro.profile_id, EAST), filters=Filters(**given))


def test_what_the_query_leaves_out_is_no_hit(searcher: Searcher, micro: Profile) -> None:
    query = Query(micro.profile_id, asked("p", EAST).parts, without=frozenset({"east", "x' or true --"}))
    assert ids(searcher.search(query, k=2)) == ["east again", "loud but obedient"]


def test_near_duplicates_stand_under_the_best_of_them(searcher: Searcher, micro: Profile) -> None:
    hits = searcher.search(asked(micro.profile_id, EAST), k=2, group_at=0.95)
    assert ids(hits) == ["east", "loud but obedient"]
    assert [(hit["n_alike"], ids(hit["alike"])) for hit in hits] == [(1, ["east again"]), (1, ["northeast"])]
    assert hits[0]["alike"][0]["cosine"] == pytest.approx(1, abs=1e-5)
    apart = searcher.search(asked(micro.profile_id, EAST), k=2, group_at=1.0)
    assert ids(apart) == ["east", "east again"]


def test_diversity_brings_others_forward(searcher: Searcher, micro: Profile) -> None:
    query = asked(micro.profile_id, (1.0, 0.3, 0.1))
    plain, diverse = (ids(searcher.search(query, k=3, diversity=x)) for x in (0.0, 0.7))
    assert plain[0] == diverse[0]
    assert plain != diverse


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "at least one"),
        ({"k": 10_001}, "at most 10000"),
        ({"k": 1_001, "diversity": 0.5}, "at most 1000"),
        ({"k": 1_001, "group_at": 0.9}, "at most 1000"),
        ({"diversity": 2.0}, "diversity = 2.0"),
        ({"group_at": 0.0}, "group_at = 0.0"),
        ({"n_bootstrap": -1}, "n_bootstrap = -1"),
    ],
)
def test_wrong_numbers(searcher: Searcher, micro: Profile, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(CarlosError, match=message):
        searcher.search(asked(micro.profile_id, EAST), **arguments)


def test_a_query_of_another_profile_or_dimension(searcher: Searcher, micro: Profile) -> None:
    with pytest.raises(ProfileMismatch, match="the query is of profile p, and micro"):
        searcher.search(asked("p", EAST))
    with pytest.raises(ProfileMismatch, match="the query has 2 dimensions, and the Directions of profile micro have 3"):
        searcher.search(asked(micro.profile_id, (1.0, 0.0)))


def test_more_than_a_hundred_hits_are_not_looked_into(
    lake: duckdb.DuckDBPyConnection, settings: Settings, micro: Profile
) -> None:
    put(lake, micro.profile_id, {f"{n:03d}": (1.0, n / 100, 0.0) for n in range(101)})
    with Searcher(settings) as searcher:
        hits = searcher.search(asked(micro.profile_id, EAST), k=101)
        assert ids(hits) == [f"{n:03d}" for n in range(101)]
        assert [hit["evidence"] for hit in hits] == [None] * 101
        assert [hit["evidence"] for hit in searcher.search(asked(micro.profile_id, EAST), k=100)] == [[]] * 100


@pytest.mark.parametrize("loras_at_once", [1, 3, 7])
def test_facts_are_gathered_some_loras_at_a_time(
    searcher: Searcher, place: Settings, micro: Profile, loras_at_once: int
) -> None:
    searcher.refresh()
    with connect(place) as con:
        index = MemoryIndex(con, place.catalog, {micro.profile_id: micro.name}, loras_at_once)
        index.refresh()
        everything = Filters(status=RANKED_STATUSES)
        assert index.admitted(everything, frozenset()).sum() == 10
        rows = np.arange(len(index.directions))
        assert index.facts(rows) == searcher._index.facts(rows)
        index.close()


def test_threads_share_one_searcher(searcher: Searcher, micro: Profile) -> None:
    def first(vector: tuple[float, ...]) -> str:
        return str(searcher.search(asked(micro.profile_id, vector), k=1)[0]["lora_id"])

    questions = [EAST, (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (-1.0, 0.0, 0.0)] * 4
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(first, questions)) == ["east", "north", "up", "west"] * 4


def test_a_commit_is_noticed_at_the_next_question(
    lake: duckdb.DuckDBPyConnection, settings: Settings, micro: Profile
) -> None:
    query = asked(micro.profile_id, EAST)
    with Searcher(settings) as searcher:
        assert searcher.search(query) == []
        put(lake, micro.profile_id, {"a": (1.0, 1.0, 0.0)})
        assert ids(searcher.search(query)) == ["a"]
        put(lake, micro.profile_id, {"b": (1.0, 0.5, 0.0)})
        put_listing(lake, "a")
        assert [(hit["lora_id"], hit["name"]) for hit in searcher.search(query)] == [("b", None), ("a", "A")]
        lake.execute("delete from core.representation where lora_id = 'b'")
        put(lake, micro.profile_id, {"a2": (1.0, 0.2, 0.0)})
        threshold(lake, micro, strength_max=4.0)
        assert ids(searcher.search(query)) == []
        assert ids(searcher.search(query, filters=Filters(strength_max=5.0))) == ["a2", "a"]


def test_a_commit_that_search_does_not_read_costs_no_reading(
    lake: duckdb.DuckDBPyConnection, settings: Settings, micro: Profile
) -> None:
    put(lake, micro.profile_id, {"a": EAST})
    with Searcher(settings) as searcher:
        index = searcher._index
        assert [index.refresh(), index.refresh()] == [True, False]
        lake.execute("insert into core.prompt (prompt_set, prompt_id, text) values ('s', 'p', 'a cat')")
        assert index.refresh() is False
        for change in (
            "insert into core.lora (lora_id, first_seen_at) values ('a', now())",
            "delete from core.lora",
            "create table core.stranger (x integer)",
        ):
            lake.execute(change)
            assert [index.refresh(), index.refresh()] == [True, False], change


def test_a_lake_of_an_older_version_says_what_to_do(
    lake: duckdb.DuckDBPyConnection, settings: Settings, micro: Profile
) -> None:
    lake.execute("drop view mart.searchable")
    with Searcher(settings) as searcher, pytest.raises(CarlosError, match="older version: run carlos index"):
        searcher.search(asked(micro.profile_id, EAST))


def test_an_index_of_directions_without_length_has_no_hits(
    lake: duckdb.DuckDBPyConnection, settings: Settings, micro: Profile
) -> None:
    put(lake, micro.profile_id, {"zero": (0.0, 0.0, 0.0)})
    with Searcher(settings) as searcher:
        assert searcher.search(asked(micro.profile_id, EAST), diversity=0.5, group_at=0.9) == []


def test_every_statement_is_run_and_a_folder_is_of_one_package() -> None:
    package, folder = Path(carlos_tasks.__file__).parent, sql_folder() / "ask"
    named = re.compile(r'(?:statement\(|answer_of\(con, )"ask/(\w+)/(\w+)"|query_table\(con, "(\w+)"')
    run, asking = set(), set()
    for path in package.rglob("*.py"):
        for of, name, of_reports in named.findall(path.read_text()):
            run.add((of or "reports", name or of_reports))
            asking.add((of or "reports", path.relative_to(package).parts[0]))
    assert run == {(path.parent.name, path.stem) for path in folder.glob("*/*.sql")}
    assert len(asking) == len(list(folder.iterdir()))
