"""The ways to rank: CARLoS as search does, BM25 and MiniLM over metadata."""

import numpy as np
import pytest

from carlos_tasks.evaluation.corpus.baselines import by_meaning, by_words
from carlos_tasks.evaluation.corpus.measures import ranked
from carlos_tasks.evaluation.corpus.query_forms import DIFFERENCE, FORMS
from carlos_tasks.evaluation.corpus.study import CARLOS, Method, Options, Study
from carlos_tasks.retrieval.search import search
from tests.evaluation.conftest import World
from tests.evaluation.small_world import DIMENSION

DOCUMENTS = ["a red sports car", "an old wooden boat", "", "the the of"]


def test_carlos_ranks_as_search_does(study: Study, world: World) -> None:
    scores = study.methods[Method(CARLOS, "ok")]
    for query in (0, 3):
        hits = search(world.settings, study.queries[query], 10)
        order = ranked(scores)[query][:10]
        assert [hit["lora_id"] for hit in hits] == [study.corpus.lora_ids[column] for column in order]
        assert [hit["score"] for hit in hits] == pytest.approx(scores[query, order].tolist(), abs=1e-5)


def test_words_find_what_shares_a_word_and_nothing_else() -> None:
    scores = by_words(DOCUMENTS, ["Sports car!", "wooden", "galaxy", "the"])
    assert np.isnan(scores).tolist() == [
        [False, True, True, True],
        [True, False, True, True],
        [True] * 4,
        [True] * 4,  # a stop word
    ]


@pytest.mark.parametrize("documents", [["", ""], ["the", "of"]])
def test_words_of_documents_without_any_find_nothing(documents: list[str]) -> None:
    assert np.isnan(by_words(documents, ["car"])).all()


def test_meaning_finds_other_words_for_the_same_and_no_empty_document() -> None:
    scores = by_meaning(DOCUMENTS[:3], ["automobile", "sailing ship"])
    assert scores[0, 0] > scores[0, 1] and scores[1, 1] > scores[1, 0]
    assert np.isnan(scores[:, 2]).all()


def test_metadata_is_ranked_among_all_and_among_what_search_returns(study: Study) -> None:
    ok = study.corpus.admitted("both")
    for name in ("BM25", "MiniLM"):
        everything, filtered = study.methods[Method(name, "all")], study.methods[Method(name, "ok")]
        assert np.isnan(filtered[:, ~ok]).all()
        assert np.array_equal(filtered[:, ok], everything[:, ok], equal_nan=True)
    assert not np.isnan(study.methods[Method("MiniLM", "all")]).any()


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_query_is_a_vector_of_the_encoder(study: Study, form: str) -> None:
    vectors = study.vectors[form]
    assert vectors.shape == (len(study.queries), DIMENSION) and np.isfinite(vectors).all()
    assert (np.linalg.norm(vectors, axis=1) > 0).all()


def test_the_forms_differ_and_the_difference_is_that_of_search(study: Study, world: World) -> None:
    from carlos_tasks.retrieval.query_parts import query_vector

    assert np.allclose(study.vectors[DIFFERENCE][2], query_vector(world.profile, study.queries[2]), atol=1e-5)
    vectors = [vectors[0] / np.linalg.norm(vectors[0]) for vectors in study.vectors.values()]
    cosines = np.array(vectors) @ np.array(vectors).T
    assert (cosines[np.triu_indices(len(vectors), 1)] < 0.999).all()


def test_of_too_many_loras_as_many_are_drawn_as_asked_for(study: Study) -> None:
    drawing = Study(study.con, study.corpus, None, Options(max_loras=3), "cpu")
    admitted = study.corpus.admitted("both")
    numbers = drawing.sample(admitted)
    assert len(numbers) == 3 and admitted[numbers].all() and (np.diff(numbers) > 0).all()
    assert (drawing.sample(admitted) == numbers).all()
    assert study.sample(admitted).tolist() == np.flatnonzero(admitted).tolist()
