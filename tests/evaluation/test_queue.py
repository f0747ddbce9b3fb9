"""Whether the queue has those whose pages lie, told over a lake of a few LoRAs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest

from carlos_tasks.evaluation.calibration.queue import queue
from carlos_tasks.evaluation.corpus.corpus import Corpus
from carlos_tasks.evaluation.corpus.study import Options, Study
from carlos_tasks.evaluation.corpus.truth import Labels, Query, judge
from carlos_tasks.lake.catalog import connect
from tests.lakes import migrated_lake, settings_of
from tests.sql.lake_rows import fill


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A lake in which LoRAs "liar" and "honest" declare another base model than their file is for."""
    settings = settings_of(tmp_path)
    migrated_lake(settings)
    with connect(settings, read_only=False) as con:
        claims = {"base_model_claimed": "SD 1.5", "base_model_named": "sd-1.5"}
        fill(
            con,
            {
                "raw.listing": [
                    {"lora_id": "liar", "name": "Liar", **claims},
                    {"lora_id": "honest", "name": "Honest", "model_id": "2", **claims},
                ],
                "core.lora": [
                    {"lora_id": name, "base_model": "micro-xl", "tensors_sha256": name} for name in ("liar", "honest")
                ],
                "core.representation": [{"lora_id": name} for name in ("liar", "honest", "quiet")],
            },
        )
        yield con


def study(con: duckdb.DuckDBPyConnection, corpus: Corpus, mislabelled: frozenset[str]) -> Study:
    states = {"liar": "ok", "honest": "ok", "quiet": "ok", "broken": "degenerate"}
    loras = tuple({"lora_id": name, "name": name.title(), "status": status} for name, status in states.items())
    labels = Labels((Query(text="x", effect="night"),), {"liar": frozenset({"night"})}, mislabelled)
    truth = judge(labels, [lora["lora_id"] for lora in loras], np.ones(len(loras), bool))
    return Study(con, replace(corpus, loras=loras), truth, Options(), "cpu")


def test_each_group_is_told_with_who_waits(con: duckdb.DuckDBPyConnection, corpus: Corpus) -> None:
    [section] = queue(study(con, corpus, frozenset({"liar", "quiet"})))
    assert [tuple(row.values()) for row in section.rows] == [
        ("mislabelled", 2, 1, 0.5, "Liar"),
        ("honest", 1, 1, 1.0, "Honest"),
        ("other", 1, 0, 0.0, ""),
    ]


def test_without_anybody_who_lies_it_is_left_out(con: duckdb.DuckDBPyConnection, corpus: Corpus) -> None:
    [section] = queue(study(con, corpus, frozenset()))
    assert section.left_out == "nothing is known of listings that lie"
