"""What each step of the method is worth: the filters, and the form of the query vector."""

import numpy as np

from carlos_tasks.evaluation.corpus.corpus import FILTERS
from carlos_tasks.evaluation.corpus.measures import METRICS, ends_of, interval, margin, quality
from carlos_tasks.evaluation.corpus.query_forms import FORMS
from carlos_tasks.evaluation.corpus.study import NO_TRUTH, Study
from carlos_tasks.evaluation.rankings.figures import ablation_figure
from carlos_tasks.evaluation.rankings.paper import paper_sections
from carlos_tasks.evaluation.section import Section, left_out

TITLE = "Ablation: filters and forms of the query"
_SAYS = (
    "Every filter with every form of the query, over all queries. filter: which thresholds are applied to the LoRAs; "
    '"both" is what search does. query: "difference" is what search does; the formulas are averaged over the '
    "retrieval prompts p′. margin: cosine of the best right answer less that of the best wrong one, which still tells "
    "forms apart where every hit rate is 1. 95 %: bootstrap interval that draws whole effects."
)


def ablation(study: Study) -> list[Section]:
    """The micro world's ablation, and beside it the paper's."""
    if study.truth is None:
        return [left_out("ablation", TITLE, NO_TRUTH), *paper_sections()]
    truth, options = study.truth, study.options
    effects = [query.effect for query in truth.queries]
    rows = []
    for form, (formula, _) in FORMS.items():
        for filter_name in FILTERS:
            admitted = study.corpus.admitted(filter_name)
            scores = study.by_effect(form, admitted)
            values = quality(scores, truth.relevant)
            row = {"query": form, "formula": formula, "filter": filter_name, "loras": int(admitted.sum())}
            row |= {metric: float(values[metric].mean()) for metric in METRICS}
            values["margin"] = margin(scores, truth.relevant)
            for metric in ("ndcg@10", "margin"):
                told = np.isfinite(values[metric])
                of_told = [effect for effect, is_told in zip(effects, told, strict=True) if is_told]
                row[metric] = float(values[metric][told].mean()) if told.any() else None
                is_share = metric != "margin"
                ends = interval(values[metric][told], of_told, options.n_bootstrap, options.seed, is_share=is_share)
                row |= ends_of(metric, *ends)
            rows.append(row)
    shown = ("query", "filter", "loras", "hit@1", "ndcg@10", "ndcg@10 95 %", "margin", "margin 95 %")
    return [Section("ablation", TITLE, _SAYS, rows, shown, figure=ablation_figure(rows)), *paper_sections()]
