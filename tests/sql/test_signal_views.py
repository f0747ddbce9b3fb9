"""Signals, cases and the queue on rows given and expected."""

import itertools
import json
from typing import Any

import duckdb
import numpy as np
import pytest

from tests.sql.lake_rows import Row, Rows, answer, fill

TESTED = {
    "companion_profile",
    "decision",
    "moderation_case",
    "moderation_queue",
    "removed",
    "shown_concept",
    "signal",
    "signal_base_model_contradicted",
    "signal_changed_version",
    "signal_declared_other",
    "signal_degenerate",
    "signal_notice",
    "signal_other_base_model",
    "signal_overpowering",
    "signal_removed_duplicate",
    "signal_scale_unknown",
    "signal_shown_concept",
    "signal_trigger_words",
    "signal_understated_nsfw",
    "signal_unknown_base_model",
}


def day(number: int) -> str:
    """A moment of January 2026."""
    return f"2026-01-{number:02d} 00:00:00+00"


def concept(concept_id: str, **fields: Any) -> Row:
    """A concept that is scored, with a version of its own."""
    return {"concept_id": concept_id, "version": f"{concept_id} 1", "title": concept_id.title(), **fields}


def score(concept_id: str, lora_id: str = "a", q: float = 0.01, **fields: Any) -> Row:
    """A score with a concept's first version; shown unless q says otherwise."""
    return {
        "concept_id": concept_id,
        "version": f"{concept_id} 1",
        "lora_id": lora_id,
        "q": q,
        "p": q / 10,
        "z": 4.0,
    } | fields


def step(decision_id: str, action: str, on: int, **fields: Any) -> Row:
    """A signed step, on a day of January."""
    return {"decision_id": decision_id, "action": action, "decided_at": day(on)} | fields


GRAVE = concept("star", severity=0.7, nsfw_level=8, due_hours=48.0)
STRIPES = concept("stripes", declared_as=["stripes", "striped"])
DOTS = concept("dots", declared_as=["dots"])
#: Words that no concept covers: a concept without texts.
WATERCOLOUR = concept("watercolour", texts=[], declared_as=["watercolour"])
THRESHOLDS = [
    {"name": "strength_max", "value": 9.8},
    {"name": "strength_min", "value": 1.0},
    {"name": "retention_min", "value": 0.5},
]
WORDS = '{"backbone": {"base_model": "micro-xl"}, "lora": {"scale": 1.0, "trigger_words": "append"}}'
WITHOUT = WORDS.replace("append", "ignore")

#: (view, what the case shows) -> rows given, query, rows expected
CASES: dict[tuple[str, str], tuple[Rows, str, list[Row]]] = {
    ("decision", "an appeal that overturns ends a decision, one that upholds does not"): (
        {
            "core.decision": [
                step("d1", "takedown", 1),
                step("d2", "appeal", 2, refers_to="d1"),
                step("d3", "uphold", 3, refers_to="d2"),
                step("d4", "appeal", 4, refers_to="d1"),
                step("d5", "overturn", 5, refers_to="d4"),
                step("d6", "restrict", 6),
                step("d7", "appeal", 7, refers_to="d6"),
                step("d8", "comment", 8, refers_to="d6"),
            ]
        },
        "select decision_id, is_in_force, appealed_by, overturned_by, answered_by, closes_case from mart.decision "
        "order by all",
        [
            dict(
                zip(
                    ("decision_id", "is_in_force", "appealed_by", "overturned_by", "answered_by", "closes_case"),
                    row,
                    strict=True,
                )
            )
            for row in (
                ("d1", False, "d4", "d5", None, False),
                ("d2", False, None, None, "d3", False),
                ("d3", False, None, None, None, True),
                ("d4", False, None, None, "d5", False),
                ("d5", False, None, None, None, True),
                ("d6", True, "d7", None, None, True),
                ("d7", False, None, None, None, False),
                ("d8", False, None, None, None, False),
            )
        ],
    ),
    ("decision", "that a no_action is overturned leaves the case to be decided"): (
        {
            "core.decision": [
                step("d1", "no_action", 1),
                step("d2", "appeal", 2, refers_to="d1"),
                step("d3", "overturn", 3, refers_to="d2"),
            ]
        },
        "select decision_id, is_in_force from mart.decision where closes_case or is_in_force",
        [],
    ),
    ("removed", "a takedown goes before a restriction, the first that is in force counts"): (
        {
            "core.decision": [
                step("d1", "restrict", 1),
                step("d2", "takedown", 2),
                step("d3", "takedown", 3),
                step("d4", "restrict", 1, lora_id="b"),
                step("d5", "label", 1, lora_id="c"),
                step("d6", "takedown", 1, lora_id="d"),
                step("d7", "appeal", 2, lora_id="d", refers_to="d6"),
                step("d8", "overturn", 3, lora_id="d", refers_to="d7"),
            ]
        },
        "select lora_id, decision_id, action, since::varchar as since from mart.removed order by all",
        [
            {"lora_id": "a", "decision_id": "d2", "action": "takedown", "since": day(2)},
            {"lora_id": "b", "decision_id": "d4", "action": "restrict", "since": day(1)},
        ],
    ),
    ("companion_profile", "profiles that differ in the trigger words alone"): (
        {
            "core.profile": [
                {"definition": WORDS},
                {"profile_id": "q", "definition": WITHOUT},
                {"profile_id": "r", "definition": WITHOUT.replace("1.0", "0.8")},
                {"profile_id": "s", "definition": "{}"},
                {"profile_id": "t", "definition": "no JSON"},
            ]
        },
        "from mart.companion_profile",
        [{"profile_id": "p", "companion_id": "q"}],
    ),
    ("shown_concept", "the newest score of the current version counts, on the better basis"): (
        {
            "core.concept": [STRIPES, concept("dots", score_min=0.4), concept("old", version="old 2")],
            "core.representation": [{}, {"lora_id": "b"}, {"lora_id": "broken", "measured": "degenerate"}],
            "core.concept_score": [
                score("stripes", q=0.05),
                score("stripes", q=0.01, basis="images"),
                score("stripes", "b", q=0.01, scored_at=day(2)),
                score("stripes", "b", q=0.9, scored_at=day(3)),
                score("dots", score=0.3),
                score("dots", "b", score=0.5),
                score("old"),
                score("stripes", "broken"),
                score("dots", "broken", policy="given up", scored_at=day(1)),
            ],
        },
        "select lora_id, concept_id, basis, q from mart.shown_concept order by all",
        [
            {"lora_id": "a", "concept_id": "stripes", "basis": "images", "q": 0.01},
            {"lora_id": "b", "concept_id": "dots", "basis": "texts", "q": 0.01},
        ],
    ),
    ("signal_shown_concept", "severity is the concept's, and 0 is no signal"): (
        {
            "core.concept": [GRAVE, STRIPES],
            "core.concept_score": [
                score("star"),
                score("star", basis="images", q=0.09),
                score("stripes"),
                score("star", "b", q=0.2),
            ],
            "core.representation": [{}, {"lora_id": "b"}],
        },
        "select profile_id, lora_id, subject, severity, detail, evidence ->> '$.basis' as basis, "
        "since::varchar as since, due_at::varchar as due_at from mart.signal_shown_concept",
        [
            {
                "profile_id": "p",
                "lora_id": "a",
                "subject": "rules/star",
                "severity": 0.7,
                "detail": "shows Star: score 0.50, 4.0 standard deviations above its null, q 1.0e-02",
                "basis": "texts",
                "since": day(1),
                "due_at": day(3),
            }
        ],
    ),
    ("signal_shown_concept", "scored again it is no newer, measured again it is"): (
        {
            "core.concept": [GRAVE],
            "core.concept_score": [
                score("star", q=0.5, scored_at=day(1)),
                score("star", scored_at=day(2)),
                score("star", scored_at=day(3)),
                score("star", "b", scored_at=day(1)),
                score("star", "b", scored_at=day(4), computed_at=day(3)),
            ],
            "core.representation": [{}, {"lora_id": "b", "computed_at": day(3)}],
        },
        "select lora_id, since::varchar as since from mart.signal_shown_concept order by all",
        [{"lora_id": "a", "since": day(2)}, {"lora_id": "b", "since": day(4)}],
    ),
    ("signal_declared_other", "none of what is declared is shown, and something else is, or nothing"): (
        {
            "core.concept": [STRIPES, DOTS, WATERCOLOUR],
            "core.threshold": list(THRESHOLDS),
            "core.representation": [
                {"lora_id": lora_id, "strength": 0.2 if lora_id == "idle" else 5.0}
                for lora_id in ("liar", "honest", "half honest", "hesitant", "silent", "painter", "idle", "failed")
            ],
            "core.concept_score": [
                score("dots", "liar"),
                score("stripes", "liar", q=0.8, p=0.5),
                score("stripes", "honest"),
                score("stripes", "half honest", q=0.8, p=0.04),  # nominally there
                score("dots", "half honest"),
                score("stripes", "hesitant", q=0.9, p=0.5),  # shows nothing at all
                score("dots", "silent"),
                score("dots", "painter"),
            ],
            "raw.listing": [
                {"lora_id": "liar", "name": "Stripes for all", "model_id": "1"},
                {"lora_id": "honest", "name": "x", "tags": ["striped"], "model_id": "2"},
                {"lora_id": "half honest", "name": "striped dots stripes", "tags": ["stripes"], "model_id": "3"},
                {"lora_id": "hesitant", "name": "stripes", "model_id": "4"},
                {"lora_id": "silent", "name": "untitled", "model_id": "5"},
                {"lora_id": "painter", "name": "Watercolour wash", "model_id": "6"},
                {"lora_id": "idle", "name": "Watercolour", "model_id": "7"},
            ],
        },
        "select lora_id, detail, evidence -> '$.declared' as declared from mart.signal_declared_other order by all",
        [
            {
                "lora_id": "idle",
                "detail": "declares watercolour, and does next to nothing",
                "declared": '["watercolour"]',
            },
            {"lora_id": "liar", "detail": "declares stripes, and shows Dots", "declared": '["stripes"]'},
            {"lora_id": "painter", "detail": "declares watercolour, and shows Dots", "declared": '["watercolour"]'},
        ],
    ),
    ("signal_declared_other", "a profile without trigger words is no judge beside one with them"): (
        {
            "core.profile": [{"definition": WORDS}, {"profile_id": "q", "definition": WITHOUT}],
            "core.concept": [STRIPES],
            "core.threshold": [*THRESHOLDS, {"profile_id": "q", "name": "strength_min", "value": 1.0}],
            "core.representation": [{"strength": 5.0}, {"strength": 0.1, "profile_id": "q"}],
            "raw.listing": [{"lora_id": "a", "name": "stripes"}],
        },
        "from mart.signal_declared_other",
        [],
    ),
    ("signal_declared_other", "a declared concept that waits for a score of its version of now accuses nobody"): (
        {
            "core.concept": [STRIPES, DOTS],
            "core.representation": [{}],
            "core.concept_score": [score("dots"), score("stripes", q=0.8, p=0.5, version="stripes 0")],
            "raw.listing": [{"lora_id": "a", "name": "stripes"}],
        },
        "from mart.signal_declared_other",
        [],
    ),
    ("signal_understated_nsfw", "the highest bit of the rating counts, and no rating is no claim"): (
        {
            "core.concept": [GRAVE],
            "core.concept_score": [score("star", lora_id) for lora_id in ("low", "bits", "enough", "unrated")]
            + [score("star", "not shown", q=0.5)],
            "core.representation": [{"lora_id": n} for n in ("low", "bits", "enough", "unrated", "not shown")],
            "raw.listing": [
                {"lora_id": "low", "model_id": "1", "nsfw_level": 1},
                {"lora_id": "bits", "model_id": "2", "nsfw_level": 7},
                {"lora_id": "enough", "model_id": "3", "nsfw_level": 9},
                {"lora_id": "unrated", "model_id": "4"},
                {"lora_id": "not shown", "model_id": "5", "nsfw_level": 1},
            ],
        },
        "select lora_id, detail from mart.signal_understated_nsfw order by all",
        [
            {"lora_id": "bits", "detail": "shows Star, which needs a rating of 8, and is listed with 7"},
            {"lora_id": "low", "detail": "shows Star, which needs a rating of 8, and is listed with 1"},
        ],
    ),
    ("signal_other_base_model", "what the listing means against what the file fits"): (
        {
            "core.lora": [
                {"lora_id": "a", "base_model": "sd-1.5"},
                {"lora_id": "same", "base_model": "sdxl"},
                {"lora_id": "unknown", "base_model": None},
                {"lora_id": "unnamed", "base_model": "sdxl"},
            ],
            "raw.listing": [
                {"lora_id": "a", "model_id": "1", "base_model_named": "sdxl"},
                {"lora_id": "same", "model_id": "2", "base_model_named": "sdxl"},
                {"lora_id": "unknown", "model_id": "3", "base_model_named": "sdxl"},
                {"lora_id": "unnamed", "model_id": "4"},
                {"lora_id": "same", "model_id": "5", "base_model_named": "sd-1.5", "seen_at": day(1)},
                {"lora_id": "same", "model_id": "5", "base_model_named": "sdxl", "seen_at": day(2)},  # put right
            ],
        },
        "select profile_id, lora_id, detail, since::varchar as since from mart.signal_other_base_model",
        [
            {
                "profile_id": None,
                "lora_id": "a",
                "detail": "is listed for sdxl, and its file fits sd-1.5",
                "since": day(1),
            }
        ],
    ),
    ("signal_unknown_base_model", "words that claim something and mean nothing here"): (
        {
            "core.lora": [
                {"lora_id": name, "base_model": "sdxl"}
                for name in ("a", "known", "mute", "silent", "late", "put right")
            ]
            + [
                {"lora_id": "in its header", "base_model": "sdxl", "base_model_in_metadata": "sdxl_4"},
                {
                    "lora_id": "known there",
                    "base_model": "sdxl",
                    "base_model_in_metadata": "sdxl_base_v1-0",
                    "base_model_in_metadata_named": "sdxl",
                },
                {"lora_id": "mute there", "base_model": "sdxl", "base_model_in_metadata": ""},
            ],
            "raw.listing": [
                {"lora_id": "a", "model_id": "1", "base_model_claimed": "SDXL 3.0"},
                {"lora_id": "a", "model_id": "2", "base_model_claimed": "Flux.3"},
                {"lora_id": "known", "model_id": "3", "base_model_claimed": "Pony", "base_model_named": "sdxl"},
                {"lora_id": "mute", "model_id": "4", "base_model_claimed": " Other "},
                {"lora_id": "silent", "model_id": "5"},
                {"lora_id": "late", "model_id": "6", "base_model_claimed": "X", "taken_in_at": day(5)},
                {"lora_id": "put right", "model_id": "7", "base_model_claimed": "X", "seen_at": day(1)},
                {"lora_id": "put right", "model_id": "7", "base_model_claimed": "Other", "seen_at": day(2)},
            ],
        },
        "select profile_id, lora_id, detail, since::varchar as since from mart.signal_unknown_base_model order by all",
        [
            {
                "profile_id": None,
                "lora_id": "a",
                "detail": 'is said to be for "Flux.3", "SDXL 3.0", which is not known here; its file fits sdxl',
                "since": day(1),
            },
            {
                "profile_id": None,
                "lora_id": "in its header",
                "detail": 'is said to be for "sdxl_4", which is not known here; its file fits sdxl',
                "since": day(1),
            },
            {
                "profile_id": None,
                "lora_id": "late",
                "detail": 'is said to be for "X", which is not known here; its file fits sdxl',
                "since": day(5),
            },
        ],
    ),
    ("signal_base_model_contradicted", "what the metadata mean against what the keys fit"): (
        {
            "core.lora": [
                {
                    "lora_id": "a",
                    "base_model": "sdxl",
                    "base_model_in_metadata": "Kwai-Kolors/Kolors",
                    "base_model_in_metadata_named": "kolors",
                },
                {"lora_id": "same", "base_model": "sdxl", "base_model_in_metadata_named": "sdxl"},
                {"lora_id": "unnamed", "base_model": "sdxl", "base_model_in_metadata": "my own"},
                {"lora_id": "untold", "base_model": None, "base_model_in_metadata_named": "sdxl"},
            ]
        },
        "select lora_id, detail, evidence ->> '$.base_model_in_metadata' as words, since::varchar as since "
        "from mart.signal_base_model_contradicted",
        [
            {
                "lora_id": "a",
                "detail": "its metadata name kolors, and its keys fit sdxl",
                "words": "Kwai-Kolors/Kolors",
                "since": day(1),
            }
        ],
    ),
    ("signal_scale_unknown", "of which nobody can tell by how much it is multiplied"): (
        {
            "core.lora": [
                {
                    "lora_id": "a",
                    "is_scale_known": False,
                    "scale_detail": "PEFT keeps the alpha in adapter_config.json, which is not beside the file",
                },
                {"lora_id": "known", "is_scale_known": True},
                {"lora_id": "checked before this was told"},
            ],
        },
        "select profile_id, lora_id, severity, detail from mart.signal where signal = 'scale_unknown'",
        [
            {
                "profile_id": None,
                "lora_id": "a",
                "severity": 0.1,
                "detail": "its scale is not known: PEFT keeps the alpha in adapter_config.json, "
                "which is not beside the file",
            }
        ],
    ),
    ("signal_overpowering", "also of one that was taken down, since the effect has not changed"): (
        {
            "core.threshold": list(THRESHOLDS),
            "core.decision": [step("d1", "takedown", 1)],
            "core.representation": [
                {"strength": 12.0, "prompt_retention": 0.1},
                {"lora_id": "obedient", "strength": 12.0, "prompt_retention": 0.9},
            ],
        },
        "select lora_id, detail from mart.signal_overpowering",
        [{"lora_id": "a", "detail": "Strength 12.0 is above 9.8, and 0.10 of what the prompt asks for is left"}],
    ),
    ("signal_degenerate", "broken pictures, or a Direction that is the same whatever the LoRA"): (
        {
            "core.representation": [
                {"lora_id": "black", "measured": "degenerate", "direction": None, "n_flagged": 12},
                {"lora_id": "x"},
                {"lora_id": "y"},
                {"lora_id": "z"},
                {"lora_id": "good"},
            ],
            "core.lora": [{"lora_id": n, "tensors_sha256": n} for n in "xyz"],
            "core.alike": [
                {"lora_id": "x", "other_id": "y", "cosine": 0.99995},
                {"lora_id": "y", "other_id": "z", "cosine": 0.99995},
            ],
            "raw.listing": [{"lora_id": n, "model_id": n} for n in "xyz"],
        },
        "select lora_id, detail from mart.signal_degenerate order by all",
        [
            {"lora_id": "black", "detail": "12 pictures are black, constant or not a number"},
            {"lora_id": "x", "detail": "shares its Direction with 2 LoRAs of 3 models"},
            {"lora_id": "y", "detail": "shares its Direction with 2 LoRAs of 3 models"},
            {"lora_id": "z", "detail": "shares its Direction with 2 LoRAs of 3 models"},
        ],
    ),
    ("signal_removed_duplicate", "by weights and by effect, the surest kind counts"): (
        {
            "core.threshold": [{"name": "duplicate_min", "value": 0.95}],
            "core.decision": [step("d1", "takedown", 5, lora_id="gone"), step("d2", "restrict", 5, lora_id="hidden")],
            "core.lora": [
                {"lora_id": "gone", "tensors_sha256": "w"},
                {"lora_id": "resaved", "tensors_sha256": "w", "taken_in_at": day(7)},
                {"lora_id": "retrained", "tensors_sha256": "v"},
            ],
            "core.representation": [
                {"lora_id": n} for n in ("gone", "resaved", "retrained", "other", "hidden", "twin")
            ],
            "core.alike": [
                {"lora_id": "gone", "other_id": "resaved", "cosine": 1.0},
                {"lora_id": "gone", "other_id": "retrained", "cosine": 0.96},
                {"lora_id": "gone", "other_id": "other", "cosine": 0.94},
                {"lora_id": "hidden", "other_id": "twin", "cosine": 0.99},
            ],
        },
        "select profile_id, lora_id, severity, since::varchar as since, detail from mart.signal_removed_duplicate "
        "order by severity",
        [
            {
                "profile_id": "p",
                "lora_id": "retrained",
                "severity": 0.6,
                "since": day(5),
                "detail": "does what gone does (cosine 0.960), taken down here on 2026-01-05",
            },
            {
                "profile_id": None,
                "lora_id": "resaved",
                "severity": 0.9,
                "since": day(7),
                "detail": "has the weights of gone, taken down here on 2026-01-05",
            },
        ],
    ),
    ("signal_removed_duplicate", "by weights, before any picture; a guess counts until both are measured"): (
        {
            "core.decision": [step("d1", "takedown", 5, lora_id="gone")],
            "core.lora": [{"lora_id": "gone", "tensors_sha256": "w"}, {"lora_id": "saved", "tensors_sha256": "w"}],
            "core.representation": [
                {"lora_id": "gone"},
                {"lora_id": "seen"},
                {"lora_id": "elsewhere", "profile_id": "q"},
            ],
            "core.weight_sketch": [
                {"lora_id": n, "computed_at": day(7)}
                for n in ("copy", "elsewhere", "far", "guess", "merge", "saved", "seen")
            ],
            "core.alike_weights": [
                {"lora_id": "copy", "other_id": "gone", "change_cosine": 0.95},
                {"lora_id": "elsewhere", "other_id": "gone"},
                {"lora_id": "far", "other_id": "gone", "output_z": 3.0},
                {"lora_id": "gone", "other_id": "guess"},
                {"lora_id": "gone", "other_id": "merge", "change_cosine": 0.5},
                {"lora_id": "gone", "other_id": "saved", "change_cosine": 1.0},
                {"lora_id": "gone", "other_id": "seen"},
            ],
        },
        "select profile_id, lora_id, severity, since::varchar as since, detail from mart.signal_removed_duplicate "
        "where lora_id <> 'saved' order by severity, lora_id",
        [
            {"profile_id": None, "lora_id": lora_id, "severity": severity, "since": day(7), "detail": detail}
            for lora_id, severity, detail in (
                ("elsewhere", 0.2, "by its weights, may be trained as gone (a guess), taken down here on 2026-01-05"),
                ("guess", 0.2, "by its weights, may be trained as gone (a guess), taken down here on 2026-01-05"),
                ("merge", 0.4, "shares weights with gone (cosine 0.50), taken down here on 2026-01-05"),
                ("copy", 0.8, "changes the weights as gone does (cosine 0.95), taken down here on 2026-01-05"),
            )
        ],
    ),
    ("signal_removed_duplicate", "of two that were taken down, the later one repeats the earlier"): (
        {
            "core.decision": [step("d1", "takedown", 5, lora_id="first"), step("d2", "takedown", 6, lora_id="second")],
            "core.lora": [{"lora_id": "first", "tensors_sha256": "w"}, {"lora_id": "second", "tensors_sha256": "w"}],
        },
        "select lora_id, evidence ->> '$.removed_id' as removed_id, since::varchar as since "
        "from mart.signal_removed_duplicate",
        [{"lora_id": "second", "removed_id": "first", "since": day(5)}],
    ),
    ("signal_removed_duplicate", "that its source took it down earlier excuses it from no takedown here"): (
        {
            "core.decision": [step("d1", "takedown", 5)],
            "core.lora": [{"tensors_sha256": "w"}, {"lora_id": "b", "tensors_sha256": "w"}],
            "raw.listing": [
                {"lora_id": "b", "payload": '{"model": {"mode": "TakenDown"}}', "seen_at": day(2)},
            ],
            "raw.sighting": [{}],
        },
        "select lora_id, evidence ->> '$.removed_by' as removed_by from mart.signal_removed_duplicate order by all",
        # and what is down here already repeats nothing that its source took down later
        [{"lora_id": "a", "removed_by": "source"}, {"lora_id": "b", "removed_by": "here"}],
    ),
    ("signal_removed_duplicate", "the same file listed again after its takedown, and elsewhere after its source's"): (
        {
            "core.decision": [step("d1", "takedown", 5)],
            "raw.listing": [
                {"model_id": "1", "lora_id": "a", "payload_sha256": "1"},
                {"model_id": "2", "lora_id": "a", "payload_sha256": "2"},
                {
                    "model_id": "3",
                    "lora_id": "b",
                    "payload_sha256": "3",
                    "payload": '{"model": {"mode": "TakenDown"}}',
                    "seen_at": day(2),
                    "taken_in_at": day(3),
                },
                {"model_id": "4", "lora_id": "b", "payload_sha256": "4"},
                {"model_id": "5", "lora_id": "c", "payload_sha256": "5"},
            ],
            "raw.sighting": [
                {"model_id": "1", "payload_sha256": "1"},
                {"model_id": "2", "payload_sha256": "2", "taken_in_at": day(8)},  # in an old shard
                *({"model_id": n, "payload_sha256": n} for n in "345"),
            ],
        },
        "select lora_id, severity, since::varchar as since, detail from mart.signal_removed_duplicate order by all",
        [
            {
                "lora_id": "a",
                "severity": 0.9,
                "since": day(8),
                "detail": "the same file was taken down here on 2026-01-05",
            },
            {
                "lora_id": "b",
                "severity": 0.45,
                "since": day(3),
                "detail": "the same file was taken down by its source on 2026-01-02",
            },
        ],
    ),
    ("signal_changed_version", "another Direction that is known well, or twice the Strength"): (
        {
            "core.representation": [
                {"lora_id": "one", "direction": [1.0, 0.0], "direction_cosine_lower": 0.95, "strength": 5.0},
                {"lora_id": "two", "direction": [0.0, 1.0], "direction_cosine_lower": 0.95, "strength": 5.0},
                {"lora_id": "three", "direction": [1.0, 0.0], "direction_cosine_lower": 0.5, "strength": 5.0},
                {"lora_id": "four", "direction": [1.0, 0.0], "direction_cosine_lower": 0.5, "strength": 10.0},
                {"lora_id": "five", "direction": [1.0, 0.0], "direction_cosine_lower": 0.5, "strength": 9.0},
                {"lora_id": "stranger", "direction": [0.0, 1.0], "direction_cosine_lower": 0.95, "strength": 50.0},
            ],
            "raw.listing": [
                {"version_id": "11", "lora_id": "one", "published_at": day(1)},
                {"version_id": "12", "lora_id": "two", "published_at": day(2)},
                {"version_id": "9", "lora_id": "three", "published_at": day(3)},
                {"version_id": "14", "lora_id": "four", "published_at": day(4)},
                {"version_id": "15", "lora_id": "five", "published_at": day(5)},
                {"version_id": "16", "lora_id": "stranger", "published_at": "some day"},
            ],
        },
        "select lora_id, evidence ->> '$.before_id' as before_id, detail from mart.signal_changed_version order by all",
        [
            {
                "lora_id": "four",
                "before_id": "three",
                "detail": "does something else than the version before it (three): cosine 1.00, "
                "Strength 10.0 after 5.0",
            },
            {
                "lora_id": "two",
                "before_id": "one",
                "detail": "does something else than the version before it (one): cosine 0.00, Strength 5.0 after 5.0",
            },
        ],
    ),
    ("signal_changed_version", "of several files of the version before, the nearest counts"): (
        {
            "core.representation": [
                {"lora_id": "old half", "direction": [0.0, 1.0], "direction_cosine_lower": 0.95},
                {"lora_id": "old full", "direction": [1.0, 0.0], "direction_cosine_lower": 0.95},
                {"lora_id": "new", "direction": [1.0, 0.1], "direction_cosine_lower": 0.95},
            ],
            "raw.listing": [
                {"version_id": "1", "file_id": "1", "lora_id": "old half", "published_at": day(1)},
                {"version_id": "1", "file_id": "2", "lora_id": "old full", "published_at": day(1)},
                {"version_id": "2", "file_id": "3", "lora_id": "new", "published_at": day(2)},
            ],
        },
        "from mart.signal_changed_version",
        [],
    ),
    ("signal_trigger_words", "Strength without the words is below half, or below what counts as an effect"): (
        {
            "core.profile": [{"definition": WORDS}, {"profile_id": "q", "definition": WITHOUT}],
            "core.threshold": list(THRESHOLDS),
            "core.lora": [
                {"lora_id": n, "trigger_words": [] if n == "wordless" else ["zq"]}
                for n in ("carried", "faint", "free", "idle", "wordless")
            ],
            "core.representation": [
                {"lora_id": lora_id, "profile_id": profile_id, "strength": strength}
                for lora_id, strengths in {
                    "carried": (8.0, 3.9),
                    "faint": (1.5, 0.9),
                    "free": (8.0, 4.0),
                    "idle": (0.9, 0.1),
                    "wordless": (8.0, 0.1),
                }.items()
                for profile_id, strength in zip("pq", strengths, strict=True)
            ],
        },
        "select profile_id, lora_id, detail from mart.signal_trigger_words order by all",
        [
            {
                "profile_id": "p",
                "lora_id": "carried",
                "detail": "its trigger words carry the effect: Strength 8.0 with them, 3.9 without",
            },
            {
                "profile_id": "p",
                "lora_id": "faint",
                "detail": "its trigger words carry the effect: Strength 1.5 with them, 0.9 without",
            },
        ],
    ),
    ("signal_notice", "dated by when it was recorded, due as it says, and silent of who sent it"): (
        {
            "core.notice": [
                {
                    "category": "ncii",
                    "sender_kind": "person_shown",
                    "sender": "Jane Roe",
                    "text": "this is me",
                    "received_at": day(1),
                    "recorded_at": day(4),
                    "due_at": day(3),
                }
            ]
        },
        "select subject, severity, since::varchar as since, due_at::varchar as due_at, detail, "
        "contains(evidence, 'Roe') or contains(evidence, 'me\"') as is_told from mart.signal_notice",
        [
            {
                "subject": "n1",
                "severity": 0.95,
                "since": day(4),
                "due_at": day(3),
                "detail": "notice of ncii from a person shown, received 2026-01-01 00:00 UTC",
                "is_told": False,
            }
        ],
    ),
    ("signal", "all of them, in one shape"): (
        {
            "core.threshold": list(THRESHOLDS),
            "core.representation": [{"strength": 12.0, "prompt_retention": 0.1}],
            "core.lora": [{"base_model": "sd-1.5"}],
            "raw.listing": [{"lora_id": "a", "base_model_named": "sdxl"}],
            "core.notice": [{}],
            "core.concept": [GRAVE],
            "core.concept_score": [score("star")],
        },
        "select profile_id, lora_id, signal, subject, severity from mart.signal order by signal",
        [
            {"profile_id": None, "lora_id": "a", "signal": "notice", "subject": "n1", "severity": 0.3},
            {"profile_id": None, "lora_id": "a", "signal": "other_base_model", "subject": None, "severity": 0.2},
            {"profile_id": "p", "lora_id": "a", "signal": "overpowering", "subject": None, "severity": 0.3},
            {"profile_id": "p", "lora_id": "a", "signal": "shown_concept", "subject": "rules/star", "severity": 0.7},
        ],
    ),
}


@pytest.mark.parametrize("case", CASES, ids=[f"{view}: {what}" for view, what in CASES])
def test_view(con: duckdb.DuckDBPyConnection, case: tuple[str, str]) -> None:
    given, query, expected = CASES[case]
    fill(con, given)
    assert answer(con, query) == expected


def test_every_view_has_a_case() -> None:
    assert {view for view, _ in CASES} | {"moderation_case", "moderation_queue"} == TESTED


LOUD: Rows = {
    "core.threshold": list(THRESHOLDS),
    "core.representation": [{"strength": 12.0, "prompt_retention": 0.1}],
}


def case_of(con: duckdb.DuckDBPyConnection, lora_id: str = "a") -> Row:
    """The one row of a LoRA."""
    (found,) = answer(con, "from mart.moderation_case where lora_id = $lora_id", {"lora_id": lora_id})
    return found


def queued(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The LoRAs that wait, in order."""
    return [row["lora_id"] for row in answer(con, "select lora_id from mart.moderation_queue")]


def test_reasons_add_up_to_a_priority_and_its_parts_are_shown(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, LOUD)
    fill(con, {"core.concept": [GRAVE], "core.concept_score": [score("star", scored_at=day(3))]})
    fill(
        con,
        {"core.notice": [{"due_at": day(4), "recorded_at": day(2)}], "raw.listing": [{"lora_id": "a", "name": "A"}]},
    )
    found = case_of(con)
    # 100 (1 - 0.3 * 0.7 * 0.7)
    assert (found["name"], found["priority"], found["n_signals"], found["n_notices"]) == ("A", 85.3, 3, 1)
    assert [(part["signal"], part["severity"]) for part in found["parts"]] == [
        ("shown_concept", 0.7),
        ("notice", 0.3),
        ("overpowering", 0.3),
    ]
    assert (found["opened_at"].day, found["due_at"].day) == (1, 4)
    assert (found["status"], found["assignee"], found["decided_at"], found["action"]) == ("open", None, None, None)


def test_a_lora_stands_once_in_the_queue_whatever_the_profiles(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, LOUD)
    fill(
        con,
        {
            "core.threshold": [{"profile_id": "q", "name": "strength_max", "value": 1.0}],
            "core.representation": [{"profile_id": "q", "strength": 2.0, "prompt_retention": 0.5}],
        },
    )
    assert queued(con) == ["a"]
    found = case_of(con)
    assert (found["priority"], found["n_signals"]) == (30.0, 1)


def test_the_queue_begins_with_what_presses_most(con: duckdb.DuckDBPyConnection) -> None:
    notices = {
        "late": ("other", day(9)),
        "soon": ("other", day(8)),
        "grave": ("ncii", day(9)),
        "whenever": ("other", None),
    }
    fill(
        con,
        {
            "core.notice": [
                {"notice_id": lora_id, "lora_id": lora_id, "category": category, "due_at": due_at}
                for lora_id, (category, due_at) in notices.items()
            ]
        },
    )
    assert queued(con) == ["grave", "soon", "late", "whenever"]


@pytest.mark.parametrize("action", ["takedown", "restrict", "label", "no_action"])
def test_a_decision_closes_a_case_and_something_new_opens_it(con: duckdb.DuckDBPyConnection, action: str) -> None:
    fill(con, LOUD)
    fill(con, {"core.decision": [step("d1", action, 2)]})
    found = case_of(con)
    assert (found["status"], found["action"], found["decision_id"], found["priority"]) == (
        "decided",
        action,
        "d1",
        30.0,
    )
    fill(con, {"core.notice": [{"recorded_at": day(3), "received_at": day(1)}]})
    found = case_of(con)
    # What was decided counts no more.
    assert (found["status"], [part["signal"] for part in found["parts"]]) == ("open", ["notice"])
    assert found["opened_at"].day == 3
    fill(con, {"core.decision": [step("d2", "no_action", 4)]})
    found = case_of(con)
    assert (found["status"], found["n_signals"]) == ("decided", 2)


def test_who_takes_a_case_and_gives_it_back(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, LOUD)
    for steps, status, assignee in (
        ([step("d1", "comment", 2)], "open", None),
        ([step("d2", "assign", 3, assignee="ana")], "assigned", "ana"),
        ([step("d3", "assign", 4, assignee="ben")], "assigned", "ben"),
        ([step("d4", "skip", 5)], "open", None),
        ([step("d5", "assign", 6, assignee="ana"), step("d6", "label", 7)], "decided", None),
    ):
        fill(con, {"core.decision": steps})
        found = case_of(con)
        assert (found["status"], found["assignee"]) == (status, assignee)


def test_an_appeal_opens_a_case_until_it_is_answered(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, LOUD)
    for steps, status in (
        ([step("d1", "takedown", 2)], "decided"),
        ([step("d2", "appeal", 3, refers_to="d1")], "appealed"),
        ([step("d3", "assign", 4, assignee="ana")], "appealed"),
        ([step("d4", "uphold", 5, refers_to="d2")], "decided"),
        ([step("d5", "appeal", 6, refers_to="d1")], "appealed"),
        ([step("d6", "overturn", 7, refers_to="d5")], "decided"),
    ):
        fill(con, {"core.decision": steps})
        assert case_of(con)["status"] == status


def test_what_came_up_during_an_appeal_outlives_it(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, LOUD)
    fill(con, {"core.decision": [step("d1", "takedown", 2), step("d2", "appeal", 3, refers_to="d1")]})
    fill(con, {"core.notice": [{"category": "ncii", "recorded_at": day(4), "due_at": day(6)}]})
    assert case_of(con)["status"] == "appealed"
    for outcome in ("uphold", "overturn"):
        fill(con, {"core.decision": [step(outcome, outcome, 5, refers_to="d2")]})
        found = case_of(con)
        assert (found["status"], found["decision_id"]) == ("open", outcome)
        assert ([part["signal"] for part in found["parts"]], found["due_at"].day) == (["notice"], 6)
        con.execute("delete from core.decision where decision_id = $1", [outcome])


def test_what_was_due_and_is_settled_is_due_no_more(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, {"core.notice": [{"category": "ncii", "recorded_at": day(1), "due_at": day(3)}]})
    assert case_of(con)["due_at"].day == 3
    fill(con, {"core.decision": [step("d1", "takedown", 2), step("d2", "appeal", 9, refers_to="d1")]})
    found = case_of(con)
    assert (found["status"], found["priority"], found["due_at"]) == ("appealed", 95.0, None)


def listing(on: int, **fields: Any) -> Row:
    """A state of the one listing, read on a day of January."""
    return {"lora_id": "a", "payload_sha256": str(on), "seen_at": day(on), "taken_in_at": day(on)} | fields


OPENED: dict[str, tuple[Rows, Rows]] = {
    "renamed": (
        {
            "core.concept": [STRIPES, DOTS],
            "core.representation": [{}],
            "core.concept_score": [score("dots"), score("stripes", q=0.8, p=0.5)],
            "raw.listing": [listing(1, name="dots, and stripes")],
        },
        {"raw.listing": [listing(3, name="stripes")]},
    ),
    "rated lower": (
        {
            "core.concept": [GRAVE | {"severity": 0.0}],
            "core.representation": [{}],
            "core.concept_score": [score("star")],
            "raw.listing": [listing(1, nsfw_level=8)],
        },
        {"raw.listing": [listing(3, nsfw_level=1)]},
    ),
    "listed for another base model": (
        {"core.lora": [{"base_model": "sdxl"}], "raw.listing": [listing(1, base_model_named="sdxl")]},
        {"raw.listing": [listing(3, base_model_named="sd-1.5")]},
    ),
    "the version before it measured": (
        {
            "core.representation": [{"strength": 5.0}],
            "raw.listing": [
                listing(1, version_id="2", published_at=day(2)),
                listing(1, version_id="1", published_at=day(1), lora_id="b"),
            ],
        },
        {"core.representation": [{"lora_id": "b", "strength": 1.0, "computed_at": day(3)}]},
    ),
    "a third LoRA with its Direction": (
        {
            "core.representation": [{}, {"lora_id": "b"}],
            "core.lora": [{"lora_id": name, "tensors_sha256": name} for name in "abc"],
            "core.alike": [{"other_id": "b", "cosine": 0.99995}],
            "raw.listing": [{"lora_id": name, "model_id": name} for name in "abc"],
        },
        {
            "core.representation": [{"lora_id": "c", "computed_at": day(3)}],
            "core.alike": [{"other_id": "c", "cosine": 0.99995}],
        },
    ),
}


@pytest.mark.parametrize(("before", "after"), OPENED.values(), ids=OPENED)
def test_a_case_opens_again_when_what_is_known_changes(
    con: duckdb.DuckDBPyConnection, before: Rows, after: Rows
) -> None:
    fill(con, before | {"core.decision": [step("d1", "no_action", 2)]})
    assert case_of(con)["status"] == "decided"
    fill(con, after)
    found = case_of(con)
    assert (found["status"], found["opened_at"].day) == ("open", 3)
    fill(con, {"core.decision": [step("d2", "no_action", 4)]})
    # The same said once more is nothing new.
    fill(con, {"raw.listing": [row | {"taken_in_at": day(5)} for row in after.get("raw.listing", [])]})
    assert case_of(con)["status"] == "decided"


def test_times_are_utc_wherever_they_are_asked(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, {"core.decision": [step("d1", "takedown", 5)], "core.notice": [{"received_at": day(2)}]})
    fill(con, {"core.lora": [{"tensors_sha256": "w"}, {"lora_id": "b", "tensors_sha256": "w"}]})
    (zone,) = con.execute("select current_setting('TimeZone')").fetchone() or ()
    try:
        con.execute("set TimeZone = 'America/New_York'")
        told = {row["signal"]: row for row in answer(con, "select signal, detail, evidence from mart.signal")}
    finally:
        con.execute(f"set TimeZone = '{zone}'")
    assert told["notice"]["detail"].endswith("received 2026-01-02 00:00 UTC")
    assert json.loads(told["notice"]["evidence"])["received_at"] == "2026-01-02T00:00:00Z"
    assert told["removed_duplicate"]["detail"].endswith("taken down here on 2026-01-05")
    assert json.loads(told["removed_duplicate"]["evidence"])["removed_at"] == "2026-01-05T00:00:00Z"


def test_a_no_action_that_is_overturned_has_to_be_decided(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, LOUD)
    steps = [
        step("d1", "no_action", 2),
        step("d2", "appeal", 3, refers_to="d1"),
        step("d3", "overturn", 4, refers_to="d2"),
    ]
    fill(con, {"core.decision": steps})
    found = case_of(con)
    assert (found["status"], found["decision_id"]) == ("open", None)


def test_what_is_shown_is_what_the_scores_say(con: duckdb.DuckDBPyConnection) -> None:
    """mart.shown_concept tells it in another order, for speed."""
    random = np.random.default_rng(5)
    loras = [f"l{number}" for number in range(8)]
    versions = [concept("dots", version=f"dots {n}", score_min=[None, 0.5][n - 1], loaded_at=day(n)) for n in (1, 2)]
    scores = [
        score(
            concept_id,
            lora_id,
            version=f"{concept_id} {version}",
            basis=basis,
            q=float(random.choice([0.01, 0.09, 0.5])),
            score=float(random.choice([0.3, 0.7])),
            scored_at=day(int(on)),
            policy=str(random.choice(["rules", "rules", "given up"])) if on < 9 else "rules",
        )
        for concept_id, lora_id, basis in itertools.product(("dots", "stripes"), loras, ("texts", "images"))
        for version, on in zip((1, 1, 2), sorted(random.choice(9, 3, replace=False) + 1), strict=True)
    ]
    fill(con, {"core.concept": [STRIPES, *versions], "core.concept_score": scores})
    fill(
        con,
        {
            "core.representation": [
                {"lora_id": name, "measured": measured, "direction_cosine_lower": lower}
                for name, measured, lower in zip(
                    loras, ["failed", *["measured"] * 7], [0.9, None, 0.1, 0.5, *[0.9] * 4], strict=True
                )
            ]
        },
    )
    keys = "profile_id, lora_id, policy, concept_id"
    shown = answer(con, f"select {keys}, q from mart.shown_concept order by all")  # noqa: S608
    assert 4 < len(shown) < 16
    assert shown == answer(
        con,
        f"select {keys}, min(q) as q from mart.concept_score where is_shown group by all order by all",  # noqa: S608
    )


def test_what_is_removed_is_what_is_in_force(con: duckdb.DuckDBPyConnection) -> None:
    """mart.removed tells it by itself, for speed."""
    steps = [step("x", "comment", 1, lora_id="x")]
    for number, (action, outcome) in enumerate(
        itertools.product(("takedown", "restrict", "label"), ("", "uphold", "overturn"))
    ):
        one, lora = f"{number}", {"lora_id": f"l{number}"}
        steps.append(step(one, action, 1, **lora))
        if outcome:
            steps += [
                step(f"{one}a", "appeal", 2, refers_to=one, **lora),
                step(f"{one}b", outcome, 3, refers_to=f"{one}a", **lora),
            ]
    fill(con, {"core.decision": steps})
    removed = answer(con, "select lora_id, action from mart.removed order by all")
    assert len(removed) == 4
    assert removed == answer(
        con,
        "select lora_id, action from mart.decision where is_in_force and action in ('takedown', 'restrict') "
        "order by all",
    )


def test_a_case_without_a_signal(con: duckdb.DuckDBPyConnection) -> None:
    """Whoever takes a LoRA up has it in the queue; a comment alone does not put it there."""
    fill(con, {"core.decision": [step("d1", "comment", 1), step("d2", "assign", 2, lora_id="b", assignee="ana")]})
    assert queued(con) == ["b"]
    found = case_of(con, "b")
    assert (found["priority"], found["parts"], found["n_signals"], found["status"]) == (0, [], 0, "assigned")
    fill(con, {"core.decision": [step("d3", "skip", 3, lora_id="b")]})
    assert queued(con) == []


def test_a_duplicate_of_what_was_taken_down_is_in_the_queue(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, {"core.lora": [{"tensors_sha256": "w"}, {"lora_id": "b", "tensors_sha256": "w"}]})
    assert queued(con) == []
    fill(con, {"core.decision": [step("d1", "takedown", 2)]})
    assert queued(con) == ["b"]
    fill(con, {"core.decision": [step("d2", "takedown", 3, lora_id="b")]})
    assert queued(con) == []
    assert (case_of(con)["status"], case_of(con, "b")["status"]) == ("decided", "decided")


def test_evidence_is_json_whatever_names_say(con: duckdb.DuckDBPyConnection) -> None:
    name = '=cmd("<script>") \u202e stripes'
    fill(
        con, {"core.concept": [STRIPES], "core.threshold": list(THRESHOLDS), "core.representation": [{"strength": 0.1}]}
    )
    fill(con, {"raw.listing": [{"lora_id": "a", "name": name}]})
    (found,) = answer(con, "from mart.signal")
    assert json.loads(found["evidence"])["words"] == ["stripes"]
    assert "script" not in found["detail"] + found["evidence"]
