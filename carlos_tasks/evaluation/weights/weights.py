"""The section `weights`: likeness, guessed Directions and the order of the backlog, told before any picture."""

import numpy as np

from carlos_tasks.arrays import Mask
from carlos_tasks.evaluation.corpus.study import Study
from carlos_tasks.evaluation.section import Section, left_out
from carlos_tasks.evaluation.weights.agreement import agreement
from carlos_tasks.evaluation.weights.described import Described, described
from carlos_tasks.evaluation.weights.guesses import guesses
from carlos_tasks.evaluation.weights.order import orders
from carlos_tasks.lake.faults import lake_errors

TITLES = {
    "weights": "Do near weights mean near effects?",
    "weights_guess": "How well is a Direction guessed from the weights?",
    "weights_order": "What does the order of the backlog save?",
}
_SAYS = (
    "Pairs of trainings, compared by the two sketches of their weights (docs/weights.md) and by their Directions, "
    "which take pictures. auroc: how often a pair that shares an effect is nearer than one that does not (95 %, "
    "resampling LoRAs). nearest: of the nearest other training, how often it shares an effect (of those whose effect "
    "another one has), and the cosine of the Directions. Files that are one LoRA in two forms are no pair: each "
    "neighbour is another training."
)
_GUESS_SAYS = (
    "Each LoRA's Direction is guessed from the Directions of other trainings by the output sketch, and held against "
    "the measured one. A guess is never a representation, and no search uses it."
)
_ORDER_SAYS = (
    "LoRAs arrive in random orders. n_until: how many are measured, in the mean, until that share of the effects has a "
    "LoRA, in the order of arrival and in that of mart.backlog, which puts behind what is near to one ahead of it "
    "(core.weights_kind). Each LoRA takes the same time on the GPU."
)
_NEAR = "select lora_id, other_id from mart.alike_weights"


def weights(study: Study) -> list[Section]:
    """Three tables; left out where no weights are described, or no effects are known."""
    found = described(study)
    if found is None:
        why = "no effects are known, or fewer than three measured LoRAs have a description of their weights"
        return [left_out(name, title, why) for name, title in TITLES.items()]
    options = study.options
    tables = {
        "weights": (_SAYS, agreement(found, options.n_bootstrap, options.seed)),
        "weights_guess": (_GUESS_SAYS, guesses(found, options.n_bootstrap, options.seed)),
        "weights_order": (_ORDER_SAYS, orders(found, _near(study, found), 10 * options.n_repeats, options.seed)),
    }
    return [Section(name, TITLES[name], says, rows) for name, (says, rows) in tables.items()]


def _near(study: Study, found: Described) -> Mask:
    places = {study.corpus.lora_ids[number]: place for place, number in enumerate(found.numbers)}
    near = np.zeros((len(places), len(places)), bool)
    with lake_errors():
        pairs = study.con.execute(_NEAR).fetchall()
    for one, other in pairs:
        if one in places and other in places:
            near[places[one], places[other]] = near[places[other], places[one]] = True
    return near
