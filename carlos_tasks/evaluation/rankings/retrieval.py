"""Does a text find the LoRAs that do what it says? CARLoS against search that reads metadata."""

import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Doubles
from carlos_tasks.evaluation.corpus.measures import METRICS, ends_of, in_order, interval, quality, top
from carlos_tasks.evaluation.corpus.study import CARLOS, NO_TRUTH, Method, Study
from carlos_tasks.evaluation.corpus.truth import Truth
from carlos_tasks.evaluation.rankings.figures import retrieval_figure
from carlos_tasks.evaluation.section import Section, left_out

TITLE = "Right effect first? CARLoS and search by metadata"
_SAYS = (
    "A hit is a LoRA that has the effect which the query asks for. 95 %: bootstrap interval that draws whole effects, "
    "since queries for one effect have the same right answers (Clopper and Pearson where all are right; none where "
    "there is one effect only). among: metadata search is given every LoRA (all), as it would be without an index, and "
    "only those that CARLoS returns (ok)."
)


def retrieval(study: Study) -> list[Section]:
    """Tables of hit rates by wording, of CARLoS's lead, and of every effect and query."""
    if study.truth is None:
        return [left_out("retrieval", TITLE, NO_TRUTH)]
    truth = study.truth
    found = {method: quality(scores, truth.relevant) for method, scores in study.methods.items()}
    rows = [row for method, values in found.items() for row in _by_wording(study, truth, method, values)]
    without = f" {truth.n_without_answer} queries without an answer in the lake are left out."
    return [
        Section(
            "retrieval",
            TITLE,
            _SAYS + (without if truth.n_without_answer else ""),
            rows,
            shown=("method", "among", "wording", "queries", "hit@1", "hit@1 95 %", "hit@3", "mrr", "ndcg@10"),
            n_shown=60,
            figure=retrieval_figure(rows),
        ),
        Section(
            "retrieval_lead",
            "CARLoS's lead, query by query",
            "Mean difference CARLoS − method over the same queries. An interval that holds 0 shows no difference.",
            [row for method in found if method.name != CARLOS for row in _leads(study, truth, found, method)],
            n_shown=60,
        ),
        Section(
            "retrieval_by_effect",
            "Which effects are found",
            "Share of the queries for an effect that have a right answer first.",
            _by_effect(truth, found),
        ),
        Section(
            "retrieval_queries",
            "Every query",
            "first: the LoRA that comes first; place: that of the first right answer, empty where none is returned.",
            _by_query(study, truth),
            shown=("method", "among", "wording", "text", "effect", "place", "first_name"),
            n_shown=0,
        ),
    ]


def _wordings(truth: Truth) -> dict[str, np.ndarray]:
    """Masks of the queries by wording; where there are several kinds, first all of them together."""
    kinds = np.array([query.wording for query in truth.queries])
    found = {name: kinds == name for name in truth.wordings}
    return found if len(found) == 1 else {"all": np.ones(len(kinds), bool), **found}


def _by_wording(study: Study, truth: Truth, method: Method, values: dict[str, Doubles]) -> list[Row]:
    rows = []
    for wording, mask in _wordings(truth).items():
        row: Row = {"method": method.name, "among": method.among, "wording": wording}
        row["queries"] = int(mask.sum())
        for metric in METRICS:
            row[metric] = float(values[metric][mask].mean())
            row |= ends_of(metric, *_interval(study, truth, values[metric], mask))
        rows.append(row)
    return rows


def _leads(study: Study, truth: Truth, found: dict[Method, dict[str, Doubles]], method: Method) -> list[Row]:
    ours = found[Method(CARLOS, "ok")]
    rows = []
    for wording, mask in _wordings(truth).items():
        for metric in ("hit@1", "mrr"):
            difference = ours[metric] - found[method][metric]
            low, high = _interval(study, truth, difference, mask, is_share=False)
            rows.append(
                {
                    "against": method.name,
                    "among": method.among,
                    "wording": wording,
                    "metric": metric,
                    "lead": float(difference[mask].mean()),
                    "low": low,
                    "high": high,
                }
            )
    return rows


def _interval(
    study: Study, truth: Truth, values: Doubles, mask: np.ndarray, is_share: bool = True
) -> tuple[float | None, float | None]:
    effects = [query.effect for query, is_in in zip(truth.queries, mask, strict=True) if is_in]
    return interval(values[mask], effects, study.options.n_bootstrap, study.options.seed, is_share=is_share)


def _by_effect(truth: Truth, found: dict[Method, dict[str, Doubles]]) -> list[Row]:
    effects = np.array([query.effect for query in truth.queries])
    return [
        {"effect": effect, "queries": int((effects == effect).sum())}
        | {
            f"{method.name}, {method.among}": float(values["hit@1"][effects == effect].mean())
            for method, values in found.items()
        }
        for effect in truth.effects
    ]


def _by_query(study: Study, truth: Truth) -> list[Row]:
    rows = []
    for method, scores in study.methods.items():
        right, first = in_order(scores, truth.relevant), top(scores, 1)[:, 0]
        for number, query in enumerate(truth.queries):
            best = study.corpus.loras[first[number]] if first[number] >= 0 else {}
            rows.append(
                {
                    "method": method.name,
                    "among": method.among,
                    **query.model_dump(),
                    "place": int(right[number].argmax()) + 1 if right[number].any() else None,
                    "first": best.get("lora_id"),
                    "first_name": best.get("name"),
                }
            )
    return rows
