"""Do concept scores tell what LoRAs do, and are their p-values honest? Where the effects of LoRAs are known."""

from collections.abc import Sequence

import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Mask
from carlos_tasks.calibration.text_null import text_null
from carlos_tasks.evaluation.calibration.concept_tests import (
    Q_CALLED,
    Concepts,
    ConceptTests,
    Night,
    held_out,
    judged,
    nights,
)
from carlos_tasks.evaluation.calibration.concepts_figure import concepts_figure
from carlos_tasks.evaluation.corpus.draws import LEVELS, N_NIGHTS
from carlos_tasks.evaluation.corpus.study import NO_TRUTH, Study
from carlos_tasks.evaluation.section import Section, left_out
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.policies.files import read_policy
from carlos_tasks.policies.policy import Concept
from carlos_tasks.retrieval.query_encoder import load_query_encoder
from carlos_tasks.retrieval.uncertainty import read_prompt_sums

TITLE = "Do concept scores tell what LoRAs do?"
#: Halves of the concepts that are held out of the null.
N_HALVES = 50
_SAYS = (
    "Concepts of the profile's policy that are named as a known effect, each by its texts alone; a LoRA with the "
    "effect is right, every other one is a null. auroc: chance that a right one scores higher than a null; "
    "average_precision: area under precision and recall; pooled over all concepts by z, since each LoRA has a null of "
    f"its own. called, false, power: tests with a q-value of at most {Q_CALLED} over all of the table, those of them "
    "that are nulls, and the share of the right ones among them."
)
_NIGHTS_SAYS = (
    f"{N_NIGHTS} resampled nights: three quarters of the LoRAs, drawn without replacement, each on prompts drawn with "
    "replacement. false_discovery_rate: mean share of nulls among the tests called at a q-value of at most "
    f"{Q_CALLED}; a night that calls nothing counts 0. false_of_all_called: share of nulls among all that the nights "
    "called, which a night that calls much weighs more in. nulls_below: share of the nulls' p-values below a level, "
    f"which honest p-values keep to. A half held out: {N_HALVES} random halves of the concepts, each held against "
    "neutral texts without the wordings of its own half, and against the texts of the others of that half: a policy "
    "whose neutral texts know nothing of its kind. Unknown to each other: without those texts, as a concept that is "
    "alone of its kind."
)


def concepts(study: Study) -> list[Section]:
    """Tables by concept and over resampled nights, with curves; left out where no effect is known."""
    truth, corpus = study.truth, study.corpus
    if truth is None:
        return [left_out("concepts", TITLE, NO_TRUTH)]
    policy = read_policy(corpus.profile.policy)
    chosen = [one for one in policy.concepts if _effect(one) in truth.effects]
    if not chosen:
        why = f"no concept of policy {policy.head.policy} is named as one of the known effects"
        return [left_out("concepts", TITLE, why)]
    numbers = study.sample(corpus.has_direction)
    relevant = np.array([[_effect(one) in truth.labels[number] for one in chosen] for number in numbers])
    encode = load_query_encoder(corpus.profile, study.device).vector
    asked = Concepts.of(chosen, text_null(policy.null_texts, encode), corpus.profile.profile_id, encode)
    tested = asked.test(corpus.units[numbers])
    rows = by_concept([one.concept_id for one in chosen], tested, relevant)
    lora_ids = [corpus.lora_ids[number] for number in numbers]
    return [
        Section("concepts", TITLE, _SAYS, rows, figure=concepts_figure(tested, relevant)),
        _over_nights(study, lora_ids, asked, tested, relevant),
    ]


def by_concept(names: Sequence[str], tested: ConceptTests, truth: Mask) -> list[Row]:
    """A row for all concepts pooled, then one for each that some LoRA has, and some has not."""
    pooled = _row("all, pooled", tested.z.ravel(), tested.called.ravel(), truth.ravel())
    return [pooled] + [
        _row(name, tested.score[:, number], tested.called[:, number], truth[:, number])
        for number, name in enumerate(names)
        if 0 < truth[:, number].sum() < len(truth)
    ]


def _over_nights(study: Study, lora_ids: Sequence[str], asked: Concepts, tested: ConceptTests, truth: Mask) -> Section:
    name, title = "concept_nights", "How often concept scores are wrong"
    with lake_errors():
        known = read_prompt_sums(study.con, study.corpus.profile.profile_id, lora_ids)
    if len(known) < len(lora_ids):
        return left_out(name, title, "what LoRAs do is not known prompt by prompt, as in an imported profile")
    drawn = nights(asked, [known[lora_id] for lora_id in lora_ids], truth, N_NIGHTS, study.options.seed)
    rows = [_mean("the index as it is", [judged(tested, truth)]), _mean(f"{N_NIGHTS} resampled nights", drawn)]
    if len(asked.queries) > 1:
        units = study.corpus.units[[study.corpus.lora_ids.index(lora_id) for lora_id in lora_ids]]
        for what, know_each_other in (("", True), (", unknown to each other", False)):
            halves = held_out(asked, units, truth, N_HALVES, study.options.seed, know_each_other=know_each_other)
            rows.append(_mean(f"the index as it is, a half held out{what}", halves))
    return Section(name, title, _NIGHTS_SAYS, rows)


def _effect(concept: Concept) -> str:
    """The effect that a concept is named as: ids have hyphens where effects have spaces."""
    return concept.concept_id.replace("-", " ")


def _mean(what: str, drawn: Sequence[Night]) -> Row:
    below = np.mean([night.nulls_below for night in drawn], axis=0)
    n_called = np.array([night.n_called for night in drawn])
    false = np.array([night.false_discoveries for night in drawn])
    return {
        "what": what,
        "false_discovery_rate": float(false.mean()),
        "false_of_all_called": float(false @ n_called / max(n_called.sum(), 1)),
        "power": float(np.nanmean([night.power for night in drawn])),
    } | {f"nulls_below_{level:g}": float(share) for level, share in zip(LEVELS, below, strict=True)}


def _row(name: str, scores: np.ndarray, called: Mask, truth: Mask) -> Row:
    from sklearn.metrics import average_precision_score, roc_auc_score

    return {
        "concept": name,
        "right": int(truth.sum()),
        "nulls": int((~truth).sum()),
        "auroc": float(roc_auc_score(truth, scores)),
        "average_precision": float(average_precision_score(truth, scores)),
        "called": int(called.sum()),
        "false": int((called & ~truth).sum()),
        "power": float(called[truth].mean()),
    }
