"""The sections that need known answers: retrieval, ablation, diversity; and what they say where there are none."""

from collections.abc import Callable

import pytest

from carlos_tasks.evaluation.corpus.corpus import FILTERS
from carlos_tasks.evaluation.corpus.measures import top
from carlos_tasks.evaluation.corpus.query_forms import FORMS
from carlos_tasks.evaluation.corpus.study import CARLOS, Method, Study
from carlos_tasks.evaluation.rankings.ablation import ablation
from carlos_tasks.evaluation.rankings.diversity import diversity
from carlos_tasks.evaluation.rankings.paper import RETRIEVAL, paper_sections
from carlos_tasks.evaluation.rankings.retrieval import retrieval
from carlos_tasks.evaluation.section import Section
from tests.evaluation.conftest import QUERIES
from tests.evaluation.small_world import BROKEN, EFFECTS, N_EACH, lora_id


def by_name(sections: list[Section]) -> dict[str, Section]:
    return {section.name: section for section in sections}


def test_carlos_finds_what_the_loras_do_and_metadata_what_their_names_say(study: Study) -> None:
    rows = by_name(retrieval(study))["retrieval"].rows
    found = {(row["method"], row["among"], row["wording"]): row for row in rows}
    assert found[CARLOS, "ok", "all"]["hit@1"] == found[CARLOS, "ok", "long"]["ndcg@10"] == 1
    assert found["BM25", "all", "all"]["hit@1"] < 1 and found["MiniLM", "all", "all"]["hit@1"] < 1
    assert {row["queries"] for row in rows if row["wording"] == "all"} == {2 * len(EFFECTS)}
    assert found[CARLOS, "ok", "all"]["hit@1 95 %"] == "0.48–1.00"


def test_queries_without_an_answer_are_counted(study: Study) -> None:
    assert "1 queries without an answer in the lake are left out" in by_name(retrieval(study))["retrieval"].says


def test_the_lead_is_the_difference_of_the_rates(study: Study) -> None:
    sections = by_name(retrieval(study))
    rates = {(row["method"], row["among"]): row["mrr"] for row in sections["retrieval"].rows if row["wording"] == "all"}
    leads = {
        (row["against"], row["among"]): row["lead"]
        for row in sections["retrieval_lead"].rows
        if row["wording"] == "all" and row["metric"] == "mrr"
    }
    assert set(leads) == set(rates) - {(CARLOS, "ok")}
    for method, lead in leads.items():
        assert lead == pytest.approx(rates[CARLOS, "ok"] - rates[method])


def test_every_effect_and_every_query_can_be_looked_up(study: Study) -> None:
    sections = by_name(retrieval(study))
    assert [row["effect"] for row in sections["retrieval_by_effect"].rows] == list(EFFECTS)
    ours = [row for row in sections["retrieval_queries"].rows if row["method"] == CARLOS]
    assert [row["text"] for row in ours] == [text for texts in QUERIES.values() for text in texts]
    assert all(row["place"] == 1 and row["first"].startswith(row["effect"]) for row in ours)


def test_the_ablation_has_every_form_under_every_filter_and_the_papers_beside_it(study: Study) -> None:
    sections = by_name(ablation(study))
    rows = sections["ablation"].rows
    assert [(row["query"], row["filter"]) for row in rows] == [(form, name) for form in FORMS for name in FILTERS]
    assert {row["filter"]: row["loras"] for row in rows} == {"none": 12, "strength": 11, "consistency": 11, "both": 10}
    assert all(row["margin low"] <= row["margin"] <= row["margin high"] for row in rows)
    assert sections["paper_retrieval"].rows[0]["method"] == CARLOS


def test_the_weak_copy_of_an_effect_narrows_the_margin_where_it_is_not_filtered(study: Study) -> None:
    rows = {(row["query"], row["filter"]): row for row in by_name(ablation(study))["ablation"].rows}
    assert rows["difference", "none"]["margin"] <= rows["difference", "both"]["margin"]


def test_the_papers_figures_say_that_they_are_not_ours() -> None:
    for section in paper_sections():
        assert "as published" in section.title and "not measured here" in section.says
    assert [row["method"] for row in paper_sections()[0].rows] == list(RETRIEVAL)


def test_diversity_counts_the_loras_that_can_be_returned(study: Study) -> None:
    rows = {(row["method"], row["among"]): row for row in diversity(study)[0].rows}
    assert {row["loras"] for row in rows.values()} == {12}
    truth = rows["the truth", "all"]
    assert truth["effective_loras"] == pytest.approx(N_EACH * len(EFFECTS))
    assert truth["coverage"] == pytest.approx(10 / 12) and truth["returned"] == pytest.approx(2 / 3)
    assert rows[CARLOS, "ok"]["returned"] == 1
    words = top(study.methods[Method("BM25", "all")], 3)
    broken = study.corpus.lora_ids.index(lora_id(BROKEN))
    assert (words == broken).any()
    assert rows["BM25", "all"]["returned"] == pytest.approx(((words >= 0) & (words != broken)).mean())


@pytest.mark.parametrize("make", [retrieval, ablation, diversity])
def test_without_known_answers_a_section_says_why_it_is_left_out(
    study_without_truth: Study, make: Callable[[Study], list[Section]]
) -> None:
    assert "queries and labelled LoRAs" in make(study_without_truth)[0].left_out
