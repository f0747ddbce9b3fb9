"""Does attribution find those who copy a house style, and them alone? Planted infringers among innocents."""

import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Doubles, Mask
from carlos_tasks.attribution.attribution import Q_FLAGGED
from carlos_tasks.calibration.measured import read_measured
from carlos_tasks.calibration.null import MIN_NULL
from carlos_tasks.evaluation.calibration.attribution_figure import attribution_figure
from carlos_tasks.evaluation.calibration.house_styles import N_PICTURES, has_house_styles, house_style
from carlos_tasks.evaluation.calibration.nights import Night, Scored, auroc, nights, scored
from carlos_tasks.evaluation.corpus.draws import LEVELS, N_NIGHTS
from carlos_tasks.evaluation.corpus.study import Study
from carlos_tasks.evaluation.section import Section, left_out
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.retrieval.query_parts import baseline_mean
from carlos_tasks.retrieval.uncertainty import read_prompt_sums

TITLE = "Are infringers of a house style found?"
_SAYS = (
    "For every effect of the micro world a reference set of {pictures} rendered pictures: the house style of a studio. "
    "Its infringers are the LoRAs trained to that effect, whatever their pages say; all others are innocent. auroc: "
    "chance that an infringer is more similar to the reference than an innocent (AUROC); auroc_alone: the same of "
    "infringers that have no other effect beside it, which may be the stronger one. average_precision: area under "
    "precision and recall. called, false, power: LoRAs with a q-value of at most {q}, those of them that are innocent, "
    "and the share of the infringers among them. The first row is of all references together."
)
_NIGHTS_SAYS = (
    "{nights} resampled nights: three quarters of the LoRAs, drawn without replacement, each on prompts drawn with "
    "replacement. false_discovery_rate: mean share of innocents among those called at a q-value of at most {q}, over "
    "nights and references; a night that calls nobody counts 0. false_of_all_called: share of innocents among all that "
    "was called over them. auroc: mean over the references that have an infringer "
    "that night. nulls_below: share of the innocents' p-values below a level, which an honest p-value keeps to."
)


def attribution(study: Study) -> list[Section]:
    """Tables by house style and over resampled nights, with curves; left out where there is no such truth."""
    profile, truth = study.corpus.profile, study.truth
    if truth is None or not has_house_styles(profile):
        why = "house styles are rendered and known in the micro world only, for LoRAs whose effects are known"
        return [left_out("attribution", TITLE, why)]
    from carlos_tasks.microworld.modifiers import EFFECT_NAMES

    with lake_errors():
        measured = read_measured(study.con, profile)
        known = read_prompt_sums(study.con, profile.profile_id, measured.lora_ids)
    labels = dict(zip(study.corpus.lora_ids, truth.labels, strict=True))
    effects = [effect for effect in EFFECT_NAMES if effect in truth.effects]
    if len(measured.loras) <= MIN_NULL or not effects or len(known) < len(measured.loras):
        why = f"it needs more than {MIN_NULL} LoRAs measured here, some of them with an effect of the micro world"
        return [left_out("attribution", TITLE, why)]
    relevant = np.array([[effect in labels[lora_id] for lora_id in measured.lora_ids] for effect in effects])
    references = _references(study, effects)
    found = scored(measured.field.units, references)
    told = [known[lora_id] for lora_id in measured.lora_ids]
    drawn = nights(told, references, relevant, N_NIGHTS, study.options.seed)
    rows = by_reference(effects, found, relevant)
    return [
        Section(
            "attribution",
            TITLE,
            _SAYS.format(pictures=N_PICTURES, q=Q_FLAGGED),
            rows,
            figure=attribution_figure(
                found.similarity, relevant, [row["auroc"] for row in rows[1:]], found.p[~relevant]
            ),
        ),
        Section(
            "attribution_nights",
            "How often attribution is wrong",
            _NIGHTS_SAYS.format(nights=N_NIGHTS, q=Q_FLAGGED),
            over_nights(found, relevant, drawn),
        ),
    ]


def by_reference(effects: list[str], found: Scored, relevant: Mask) -> list[Row]:
    """A row for all references together, then one for each."""
    called, alone = found.q <= Q_FLAGGED, relevant & (relevant.sum(axis=0) == 1)
    rows = [_row(effect, found.similarity[n], called[n], relevant[n], alone[n]) for n, effect in enumerate(effects)]
    together = _row(
        f"mean of {len(effects)}", found.similarity.ravel(), called.ravel(), relevant.ravel(), alone.ravel()
    )
    for name in ("auroc", "auroc_alone", "average_precision"):
        together[name] = float(np.nanmean([row[name] for row in rows]))
    return [together, *rows]


def over_nights(found: Scored, relevant: Mask, drawn: list[Night]) -> list[Row]:
    """The index as it is, and the mean over the nights."""
    nulls = found.p[~relevant]
    called = found.q <= Q_FLAGGED
    n_called = called.sum(axis=1)
    as_it_is = Night(
        n_called.astype(np.float64),
        (called & ~relevant).sum(axis=1) / np.maximum(n_called, 1),
        (called & relevant).sum(axis=1) / relevant.sum(axis=1),
        np.array([(nulls < level).mean() for level in LEVELS]),
        np.array([auroc(scores, true) for scores, true in zip(found.similarity, relevant, strict=True)]),
    )
    return [_mean("the index as it is", [as_it_is]), _mean(f"{len(drawn)} resampled nights", drawn)]


def _mean(what: str, drawn: list[Night]) -> Row:
    below = np.mean([night.nulls_below for night in drawn], axis=0)
    n_called = np.array([night.n_called for night in drawn])
    false = np.array([night.false_discoveries for night in drawn])
    return {
        "what": what,
        "false_discovery_rate": float(false.mean()),
        "false_of_all_called": float((false * n_called).sum() / max(n_called.sum(), 1)),
        "power": float(np.nanmean([night.power for night in drawn])),
        "auroc": float(np.nanmean([night.auroc for night in drawn])),
    } | {f"nulls_below_{level:g}": float(share) for level, share in zip(LEVELS, below, strict=True)}


def _row(effect: str, scores: Doubles, called: Mask, relevant: Mask, alone: Mask) -> Row:
    from sklearn.metrics import average_precision_score

    return {
        "reference": effect,
        "infringers": int(relevant.sum()),
        "innocents": int((~relevant).sum()),
        "auroc": auroc(scores, relevant),
        "auroc_alone": auroc(scores[alone | ~relevant], alone[alone | ~relevant]),
        "average_precision": float(average_precision_score(relevant, scores)),
        "called": int(called.sum()),
        "false": int((called & ~relevant).sum()),
        "power": float(called[relevant].mean()),
    }


def _references(study: Study, effects: list[str]) -> Doubles:
    """Reference direction of each house style: mean e of its pictures − mean e of the baseline, (r, d)."""
    from carlos_tasks.embedding.encoder import load_encoder

    profile = study.corpus.profile
    encoder = load_encoder(profile.identity.encoder, study.device)
    means = [encoder.embed_images(house_style(effect)).mean(axis=0, dtype=np.float64) for effect in effects]
    return np.array(means) - baseline_mean(study.con, profile)
