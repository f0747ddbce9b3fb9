"""One small measured lake for all tests of the evaluation; they only read it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from carlos_tasks.evaluation.corpus.corpus import Corpus, read_corpus
from carlos_tasks.evaluation.corpus.study import Options, Study
from carlos_tasks.evaluation.corpus.truth import judge, read_truth
from carlos_tasks.lake.catalog import connect
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from tests.evaluation.small_world import EFFECTS, N_EACH, lora_id, make_world

QUERIES = {effect: (text, f"a {text} picture") for effect, text in EFFECTS.items()}


@dataclass(frozen=True)
class World:
    """The lake, and the file of what is true of it."""

    settings: Settings
    profile: Profile
    queries: Path


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A lake of twelve LoRAs with a Direction and one without."""
    folder = tmp_path_factory.mktemp("world")
    settings, profile = make_world(folder)
    document: dict[str, Any] = {
        "files": [{"sha256": lora_id(effect, n), "effects": [effect]} for effect in EFFECTS for n in range(N_EACH)],
        "queries": [
            {"text": text, "effect": effect, "wording": "short" if text == EFFECTS[effect] else "long"}
            for effect, texts in QUERIES.items()
            for text in texts
        ],
    }
    document["queries"].append({"text": "upside down", "effect": "mirrored", "wording": "short"})
    path = folder / "queries.json"
    path.write_text(json.dumps(document))
    return World(settings, profile, path)


@pytest.fixture(scope="session")
def lake_of_world(world: World) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake, read-only."""
    with connect(world.settings) as con:
        yield con


@pytest.fixture(scope="session")
def corpus(world: World, lake_of_world: duckdb.DuckDBPyConnection) -> Corpus:
    """The LoRAs of the lake."""
    return read_corpus(lake_of_world, world.profile)


@pytest.fixture(scope="session")
def study(world: World, lake_of_world: duckdb.DuckDBPyConnection, corpus: Corpus) -> Study:
    """A study of the lake with known answers; few draws, so that it is quick."""
    truth = judge(read_truth(world.queries), corpus.lora_ids, corpus.has_direction)
    return Study(lake_of_world, corpus, truth, Options(n_bootstrap=200, n_repeats=4), "cpu")


@pytest.fixture(scope="session")
def study_without_truth(lake_of_world: duckdb.DuckDBPyConnection, corpus: Corpus) -> Study:
    """The same without queries."""
    return Study(lake_of_world, corpus, None, Options(n_repeats=4), "cpu")
