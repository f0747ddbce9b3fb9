"""What is read of the lake: every LoRA, its metadata as one text, and which filters it passes."""

import duckdb
import numpy as np
import pytest

from carlos_tasks.errors import NotFound
from carlos_tasks.evaluation.corpus.corpus import Corpus, document, read_corpus
from carlos_tasks.lake.catalog import connect
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.settings import Settings
from tests.evaluation.conftest import World
from tests.evaluation.small_world import BROKEN, ERRATIC, WEAK, lora_id


def test_every_lora_is_read_in_the_order_of_its_id(corpus: Corpus) -> None:
    assert corpus.lora_ids == sorted(corpus.lora_ids) and len(corpus.lora_ids) == 13
    assert corpus.snapshot_id > 0 and corpus.committed_at.startswith("20")


def test_directions_have_length_one_and_who_has_none_has_zeros(corpus: Corpus) -> None:
    broken = corpus.lora_ids.index(lora_id(BROKEN))
    lengths = np.linalg.norm(corpus.units, axis=1)
    assert not corpus.has_direction[broken] and lengths[broken] == 0
    assert np.allclose(np.delete(lengths, broken), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("filter_name", "left_out"),
    [
        ("none", {BROKEN}),
        ("strength", {BROKEN, WEAK}),
        ("consistency", {BROKEN, ERRATIC}),
        ("both", {BROKEN, WEAK, ERRATIC}),
    ],
)
def test_a_filter_takes_out_what_its_thresholds_name(corpus: Corpus, filter_name: str, left_out: set[str]) -> None:
    admitted = corpus.admitted(filter_name)
    found = {one for one, is_in in zip(corpus.lora_ids, admitted, strict=True) if not is_in}
    assert found == {lora_id(name) for name in left_out}


def test_both_filters_leave_what_search_returns(corpus: Corpus) -> None:
    assert [lora["status"] == "ok" for lora in corpus.loras] == corpus.admitted("both").tolist()


def test_thresholds_are_told(corpus: Corpus) -> None:
    assert corpus.threshold("consistency_min") == 0.1
    assert corpus.threshold("strength_max") is None


def test_metadata_is_one_text_without_mark_up() -> None:
    lora = {
        "names": ["Ink", "FREE ink"],
        "description": "<p>Clean &amp; <i>bold</i>\nlines</p>",
        "tags": ["art"],
        "trained_words": None,
    }
    assert document(lora) == "Ink FREE ink Clean & bold lines art"
    assert document({"names": None, "description": None, "tags": None, "trained_words": None}) == ""


def test_a_profile_without_loras_is_told(world: World, lake_of_world: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(NotFound, match=r"no LoRA is measured under profile micro yet.*carlos index"):
        read_corpus(lake_of_world, load_profile("micro"))


def test_a_lake_that_is_not_there_is_told(settings: Settings) -> None:
    with pytest.raises(NotFound, match="there is no catalog"):
        connect(settings)
