"""Views of sql/views on rows given and expected."""

import duckdb
import pytest

from tests.sql.lake_rows import Row, Rows, answer, fill

THRESHOLDS = [
    {"name": "strength_max", "value": 9.8},
    {"name": "strength_min", "value": 1.0},
    {"name": "consistency_min", "value": 0.04},
    {"name": "retention_min", "value": 0.5},
]

#: A LoRA at five scales: too weak, unsure, ok, ok, and beyond what the prompt is left.
SWEPT: Rows = {
    "core.profile": [{"definition": '{"lora":{"scale":1.0}}'}],
    "core.threshold": list(THRESHOLDS),
    "core.lora_scale": [
        {"scale": 0.25, "strength": 0.5},
        {"scale": 0.5, "strength": 1.1},
        {"scale": 0.75},
        {"scale": 1.25},
        {"scale": 1.5, "strength": 12.0, "prompt_retention": 0.3},
    ],
}

#: (view, what the case shows) -> rows given, query, rows expected
CASES: dict[tuple[str, str], tuple[Rows, str, list[Row]]] = {
    ("representation_status", "thresholds are those of the row's own profile"): (
        {
            "core.threshold": [{"name": "strength_min", "value": 2.0}],
            "core.representation": [
                {"lora_id": "weak", "strength": 1.9},
                {"lora_id": "good", "strength": 2.0},
                {"lora_id": "weak", "strength": 1.9, "profile_id": "q"},
                {"lora_id": "bad", "measured": "degenerate", "direction": None},
            ],
        },
        "select profile_id, lora_id, status from mart.representation_status order by all",
        [
            {"profile_id": "p", "lora_id": "bad", "status": "degenerate"},
            {"profile_id": "p", "lora_id": "good", "status": "ok"},
            {"profile_id": "p", "lora_id": "weak", "status": "no_effect"},
            {"profile_id": "q", "lora_id": "weak", "status": "ok"},
        ],
    ),
    ("representation_status", "all four thresholds reach the status"): (
        {
            "core.threshold": list(THRESHOLDS),
            "core.representation": [
                {"lora_id": "erratic", "strength": 5.0, "consistency": 0.01},
                {"lora_id": "loud", "strength": 12.0, "prompt_retention": 0.1},
                {"lora_id": "loud but obedient", "strength": 12.0, "prompt_retention": 0.6},
                {"lora_id": "weak", "strength": 0.5},
            ],
        },
        "select lora_id, status from mart.representation_status order by all",
        [
            {"lora_id": "erratic", "status": "inconsistent"},
            {"lora_id": "loud", "status": "overpowering"},
            {"lora_id": "loud but obedient", "status": "ok"},
            {"lora_id": "weak", "status": "no_effect"},
        ],
    ),
    ("newest_listing", "a record counts as it is now, once for each LoRA that the file was"): (
        {
            "raw.listing": [
                {"lora_id": "a", "name": "first", "seen_at": "2026-01-01 00:00:00+00"},
                {"lora_id": "a", "name": "now", "seen_at": "2026-01-03 00:00:00+00"},
                {"lora_id": "b", "name": "other bytes", "seen_at": "2026-01-02 00:00:00+00"},
                {"lora_id": None, "name": "refused", "seen_at": "2026-01-04 00:00:00+00"},
                {"lora_id": "a", "name": "another source", "source": "t"},
            ]
        },
        "select source, lora_id, name from mart.newest_listing order by all",
        [
            {"source": "s", "lora_id": "a", "name": "now"},
            {"source": "s", "lora_id": "b", "name": "other bytes"},
            {"source": "t", "lora_id": "a", "name": "another source"},
        ],
    ),
    ("lora_listing", "a re-upload shows the earliest name and counts all"): (
        {
            "raw.listing": [
                {"model_id": "2", "lora_id": "a", "name": "stolen", "published_at": "2024-02-01T00:00:00Z"},
                {
                    "model_id": "1",
                    "lora_id": "a",
                    "name": "original",
                    "published_at": "2024-01-31T23:00:00.000Z",
                    "base_model_claimed": "Pony",
                    "base_model_named": "sdxl",
                },
                {"model_id": "3", "lora_id": "a", "name": "undated", "published_at": None},
                {"model_id": "4", "lora_id": "a", "name": None, "published_at": "not a date"},
                {"model_id": "5", "lora_id": None, "name": "refused"},
            ]
        },
        "select lora_id, name, base_model_named, names, n_listings, listings[1] as first from mart.lora_listing",
        [
            {
                "lora_id": "a",
                "name": "original",
                "base_model_named": "sdxl",
                "names": ["original", "stolen", "undated"],
                "n_listings": 4,
                "first": "s#1/1",
            }
        ],
    ),
    ("lora_listing", "an empty name of the earliest listing stays empty"): (
        {
            "raw.listing": [
                {"model_id": "1", "lora_id": "a", "name": None, "published_at": "2024-01-01T00:00:00Z"},
                {"model_id": "2", "lora_id": "a", "name": "later", "published_at": "2024-01-02T00:00:00Z"},
            ]
        },
        "select name, names from mart.lora_listing",
        [{"name": None, "names": ["later"]}],
    ),
    ("lora_listing", "of one file's records the newest counts"): (
        {
            "raw.listing": [
                {"lora_id": "a", "name": "old", "seen_at": "2026-01-01 00:00:00+00", "nsfw_level": 1},
                {"lora_id": "a", "name": "new", "seen_at": "2026-01-02 00:00:00+00", "nsfw_level": 4},
            ]
        },
        "select name, names, n_listings, nsfw_level from mart.lora_listing",
        [{"name": "new", "names": ["new"], "n_listings": 1, "nsfw_level": 4}],
    ),
    ("lora", "one row per profile and LoRA, listed or not"): (
        {
            "raw.listing": [{"lora_id": "a", "name": "stripes"}, {"model_id": "2", "lora_id": "a", "name": "copy"}],
            "core.lora": [{"lora_id": "a", "family": "peft", "rank": 4}],
            "core.representation": [{}, {"profile_id": "q"}, {"lora_id": "b", "measured": "failed"}],
        },
        "select profile_id, lora_id, name, n_listings, family, lora_rank, status from mart.lora order by all",
        [
            {
                "profile_id": "p",
                "lora_id": "a",
                "name": "stripes",
                "n_listings": 2,
                "family": "peft",
                "lora_rank": 4,
                "status": "ok",
            },
            {
                "profile_id": "p",
                "lora_id": "b",
                "name": None,
                "n_listings": 0,
                "family": None,
                "lora_rank": None,
                "status": "failed",
            },
            {
                "profile_id": "q",
                "lora_id": "a",
                "name": "stripes",
                "n_listings": 2,
                "family": "peft",
                "lora_rank": 4,
                "status": "ok",
            },
        ],
    ),
    ("retrieval_candidate", "status ok only"): (
        {
            "core.threshold": list(THRESHOLDS),
            "core.representation": [{}, {"lora_id": "b", "strength": 0.1}, {"lora_id": "c", "measured": "unpatched"}],
        },
        "select lora_id, status from mart.retrieval_candidate",
        [{"lora_id": "a", "status": "ok"}],
    ),
    ("clip_diff", "pairs are joined by key, within a profile"): (
        {
            "core.embedding": [
                {"lora_id": "base", "prompt_id": "p2", "embedding": [1.0, 1.0]},
                {"lora_id": "base", "prompt_id": "p1", "embedding": [0.0, 0.0]},
                {"lora_id": "base", "prompt_id": "p1", "embedding": [9.0, 9.0], "profile_id": "q"},
                {"prompt_id": "p1", "embedding": [3.0, 4.0]},
                {"prompt_id": "p2", "embedding": [1.0, 1.0]},
                {"prompt_id": "p3", "embedding": [1.0, 1.0]},
            ]
        },
        "select lora_id, prompt_id, seed, length, difference from mart.clip_diff order by prompt_id",
        [
            {"lora_id": "a", "prompt_id": "p1", "seed": 0, "length": 5.0, "difference": [3.0, 4.0]},
            {"lora_id": "a", "prompt_id": "p2", "seed": 0, "length": 0.0, "difference": [0.0, 0.0]},
        ],
    ),
    ("clip_diff", "a flag on either side takes the difference away"): (
        {
            "core.embedding": [
                {"lora_id": "base", "prompt_id": "p1", "flag": "black"},
                {"lora_id": "base", "prompt_id": "p2"},
                {"prompt_id": "p1"},
                {"prompt_id": "p2", "flag": "nan", "embedding": None},
            ]
        },
        "select prompt_id, flag, length, difference from mart.clip_diff order by prompt_id",
        [
            {"prompt_id": "p1", "flag": "black", "length": None, "difference": None},
            {"prompt_id": "p2", "flag": "nan", "length": None, "difference": None},
        ],
    ),
    ("rejection_by_reason", "counts files, most first"): (
        {
            "raw.rejection": [
                {"file_id": "1", "reason": "truncated", "detail": "first"},
                {"file_id": "2", "reason": "pickle"},
                {"file_id": "3", "reason": "pickle", "detail": "last", "rejected_at": "2026-02-01 00:00:00+00"},
                {"file_id": "3", "reason": "pickle", "lora_id": "x"},
            ]
        },
        "select reason, n_files, last_detail from mart.rejection_by_reason",
        [
            {"reason": "pickle", "n_files": 2, "last_detail": "last"},
            {"reason": "truncated", "n_files": 1, "last_detail": "first"},
        ],
    ),
    ("index_health", "counts by status, backlog and refusals"): (
        {
            "raw.rejection": [{}, {"file_id": "2"}, {"file_id": "2", "reason": "other"}],
            "core.profile": [{}],
            "core.threshold": list(THRESHOLDS),
            "core.lora": [
                {"lora_id": "a"},
                {"lora_id": "b"},
                {"lora_id": "waits"},
                {"lora_id": "other", "base_model": "sdxl"},
            ],
            "core.embedding": [{"lora_id": "base"}, {}],
            "core.representation": [{}, {"lora_id": "b", "measured": "failed"}],
        },
        "select profile, n_loras, n_measured, n_backlog, n_ok, n_failed, n_no_effect, n_refused, n_embeddings, "
        "last_snapshot_id > 0 as committed from mart.index_health",
        [
            {
                "profile": "test",
                "n_loras": 3,
                "n_measured": 1,
                "n_backlog": 1,
                "n_ok": 1,
                "n_failed": 1,
                "n_no_effect": 0,
                "n_refused": 2,
                "n_embeddings": 2,
                "committed": True,
            }
        ],
    ),
    ("index_health", "shards that cannot be read, in the row of every profile"): (
        {
            "core.profile": [{}, {"profile_id": "other", "name": "other"}],
            "raw.shard_failure": [
                {"shard_key": "new", "failing_since": "2026-02-01 00:00:00+00", "detail": "new"},
                {"failed_at": "2026-03-01 00:00:00+00"},
            ],
        },
        "select profile, n_failing_shards, strftime(failing_since, '%x') as since, failing_reason "
        "from mart.index_health order by profile",
        [
            {
                "profile": profile,
                "n_failing_shards": 2,
                "since": "2026-01-01",
                "failing_reason": "u!k: PassingError: it does not answer",
            }
            for profile in ("other", "test")
        ],
    ),
    ("index_health", "a profile without anything"): (
        {"core.profile": [{}]},
        "select n_loras, n_measured, n_backlog, n_refused, n_embeddings, n_failing_shards, failing_since, "
        "failing_reason from mart.index_health",
        [
            {"n_loras": 0, "n_measured": 0, "n_backlog": 0, "n_refused": 0, "n_embeddings": 0}
            | {"n_failing_shards": 0, "failing_since": None, "failing_reason": None}
        ],
    ),
    ("lora", "whose measurement it is, where none was drawn with it"): (
        {
            "core.lora": [{"lora_id": name} for name in ("copy", "drawn", "failed")],
            "core.representation": [{"lora_id": "copy"}, {"lora_id": "drawn"}, {"lora_id": "failed"}],
            "core.outcome": [
                {"lora_id": "drawn"},
                {"lora_id": "copy", "status": "failed", "copied_from": "other"},
                {"lora_id": "copy", "copied_from": "drawn", "attempted_at": "2026-01-02 00:00:00+00"},
                {"lora_id": "failed", "status": "failed", "copied_from": "drawn"},
            ],
        },
        "select lora_id, copied_from from mart.lora order by all",
        [
            {"lora_id": "copy", "copied_from": "drawn"},
            {"lora_id": "drawn", "copied_from": None},
            {"lora_id": "failed", "copied_from": None},
        ],
    ),
    ("same_weights", "files that differ in their metadata only"): (
        {
            "raw.listing": [{"lora_id": "a", "name": "first"}, {"lora_id": "b", "model_id": "2", "name": "edited"}],
            "core.lora": [
                {"lora_id": "b", "tensors_sha256": "same", "first_seen_at": "2026-02-01 00:00:00+00"},
                {"lora_id": "a", "tensors_sha256": "same"},
                {"lora_id": "c", "tensors_sha256": "alone"},
                {"lora_id": "d", "tensors_sha256": None},
                {"lora_id": "e", "tensors_sha256": None},
            ],
        },
        "select tensors_sha256, n_loras, lora_ids, names from mart.same_weights",
        [{"tensors_sha256": "same", "n_loras": 2, "lora_ids": ["a", "b"], "names": ["first", "edited"]}],
    ),
    (
        "listing_history",
        "a read that reached the end without the record makes it vanish, one that broke off does not",
    ): (
        {
            "raw.shard": [
                {},
                {"committed_at": "2026-02-01 00:00:00+00", "is_complete": False},
                {"shard_key": "k2"},
                {
                    "shard_key": "k2",
                    "committed_at": "2026-02-01 00:00:00+00",
                    "last_modified": "2026-01-31 00:00:00+00",
                },
            ],
            "raw.sighting": [{}, {"file_id": "2", "shard_key": "k2"}],
            "raw.listing": [{"name": "kept"}, {"file_id": "2", "name": "lost", "shard_key": "k2"}],
        },
        "select file_id, name, state, strftime(since, '%m-%d') as since from mart.listing_history order by all",
        [
            {"file_id": "1", "name": "kept", "state": "listed", "since": "01-01"},
            {"file_id": "2", "name": "lost", "state": "vanished", "since": "01-31"},
        ],
    ),
    ("listing_history", "a model that was taken down takes its files with it, and no other model"): (
        {
            "raw.shard": [{}],
            "raw.sighting": [{}, {"model_id": "2"}, {"model_id": "3", "read_at": "2026-03-01 00:00:00+00"}],
            "raw.rejection": [
                {
                    "model_id": "1",
                    "version_id": "",
                    "file_id": "",
                    "reason": "taken_down",
                    "rejected_at": "2026-02-01 00:00:00+00",
                },
                {"model_id": "2", "version_id": "", "file_id": "", "rejected_at": "2026-02-01 00:00:00+00"},
                {
                    "model_id": "3",
                    "version_id": "",
                    "file_id": "",
                    "reason": "taken_down",
                    "rejected_at": "2026-02-01 00:00:00+00",
                },
            ],
        },
        "select model_id, state from mart.listing_history order by all",
        [
            {"model_id": "1", "state": "taken_down"},
            {"model_id": "2", "state": "listed"},
            {"model_id": "3", "state": "listed"},
        ],
    ),
    ("status_threshold", "side by side, null where a profile has none"): (
        {"core.threshold": [*THRESHOLDS, {"profile_id": "q", "name": "strength_min", "value": 0.5}]},
        "from mart.status_threshold order by profile_id",
        [
            {
                "profile_id": "p",
                "strength_max": 9.8,
                "strength_min": 1.0,
                "consistency_min": 0.04,
                "retention_min": 0.5,
            },
            {
                "profile_id": "q",
                "strength_max": None,
                "strength_min": 0.5,
                "consistency_min": None,
                "retention_min": None,
            },
        ],
    ),
    ("threshold", "what each removes of the measured LoRAs, beside what the corpus says"): (
        {
            "core.profile": [{}],
            "core.threshold": [
                {"name": "strength_max", "value": 9.8, "origin": "paper"},
                {"name": "consistency_min", "value": 0.04},
                {"name": "strength_min", "value": 1.0},
                {"name": "duplicate_min", "value": 0.99},
            ],
            "core.representation": [
                {"lora_id": "a", "strength": 2.0, "consistency": 0.5},
                {"lora_id": "b", "strength": 10.0, "consistency": None},
                {"lora_id": "c", "strength": 12.0, "consistency": 0.01},
                {"lora_id": "d", "strength": 0.5, "consistency": 0.1},
                {"lora_id": "failed", "measured": "failed", "strength": None, "consistency": None},
            ],
        },
        "select profile, name, value, origin, share_removed, round(quantile, 4) as quantile, "
        "round(corpus_value, 6) as corpus_value, n from mart.threshold order by name",
        [
            {
                "profile": "test",
                "name": "consistency_min",
                "value": 0.04,
                "origin": None,
                "share_removed": 0.5,
                "quantile": 0.2757,
                "corpus_value": 0.059622,
                "n": 4,
            },
            {
                "profile": "test",
                "name": "duplicate_min",
                "value": 0.99,
                "origin": None,
                "share_removed": None,
                "quantile": None,
                "corpus_value": None,
                "n": 4,
            },
            {
                "profile": "test",
                "name": "strength_max",
                "value": 9.8,
                "origin": "paper",
                "share_removed": 0.5,
                "quantile": 0.9716,
                "corpus_value": 11.82973,
                "n": 4,
            },
            {
                "profile": "test",
                "name": "strength_min",
                "value": 1.0,
                "origin": None,
                "share_removed": 0.25,
                "quantile": None,
                "corpus_value": None,
                "n": 4,
            },
        ],
    ),
    ("threshold", "a profile without any shows what a calibration would set"): (
        {"core.profile": [{}], "core.representation": [{"strength": 3.0, "consistency": 0.2}]},
        "select name, value, share_removed, corpus_value, n from mart.threshold order by name",
        [
            {"name": "consistency_min", "value": None, "share_removed": None, "corpus_value": 0.2, "n": 1},
            {"name": "strength_max", "value": None, "share_removed": None, "corpus_value": 3.0, "n": 1},
        ],
    ),
    ("threshold", "prompt retention excuses Strength"): (
        {
            "core.profile": [{}],
            "core.threshold": [{"name": "strength_max", "value": 8.0}, {"name": "retention_min", "value": 0.1}],
            "core.representation": [
                {"lora_id": "a", "strength": 9.0, "prompt_retention": 0.5},
                {"lora_id": "b", "strength": 9.0, "prompt_retention": 0.01},
            ],
        },
        "select name, share_removed from mart.threshold where value is not null order by name",
        [{"name": "retention_min", "share_removed": 0.5}, {"name": "strength_max", "share_removed": 0.5}],
    ),
    ("strength_quantiles", "of the measured LoRAs of each profile"): (
        {
            "core.representation": [
                {"lora_id": "a", "strength": 1.0},
                {"lora_id": "b", "strength": 3.0},
                {"lora_id": "c", "strength": None, "measured": "failed"},
                {"lora_id": "a", "strength": 7.0, "profile_id": "q"},
            ]
        },
        "select profile_id, quantile, value, n from mart.strength_quantiles where quantile in (0, 0.25, 1)",
        [
            {"profile_id": "p", "quantile": 0.0, "value": 1.0, "n": 2},
            {"profile_id": "p", "quantile": 0.25, "value": 1.5, "n": 2},
            {"profile_id": "p", "quantile": 1.0, "value": 3.0, "n": 2},
            {"profile_id": "q", "quantile": 0.0, "value": 7.0, "n": 1},
            {"profile_id": "q", "quantile": 0.25, "value": 7.0, "n": 1},
            {"profile_id": "q", "quantile": 1.0, "value": 7.0, "n": 1},
        ],
    ),
    ("measure_quantiles", "each measure by itself"): (
        {
            "core.representation": [
                {"strength": 2.0, "consistency": 0.4},
                {"lora_id": "b", "strength": 4.0, "consistency": 0.3},
            ]
        },
        "select measure, quantile, value, n from mart.measure_quantiles where quantile = 1 order by measure",
        [
            {"measure": "consistency", "quantile": 1.0, "value": 0.4, "n": 2},
            {"measure": "strength", "quantile": 1.0, "value": 4.0, "n": 2},
        ],
    ),
    ("consistency_quantiles", "a LoRA without one does not count"): (
        {"core.representation": [{"consistency": 0.4}, {"lora_id": "b", "consistency": None}]},
        "select quantile, value, n from mart.consistency_quantiles where quantile = 0.5",
        [{"quantile": 0.5, "value": 0.4, "n": 1}],
    ),
    ("duplicate", "the same weights, measured or not, and the same effect from the threshold on"): (
        {
            "raw.listing": [
                {"lora_id": "a", "name": "A"},
                {"lora_id": "b", "model_id": "1", "file_id": "2", "name": "B"},
                {"lora_id": "c", "model_id": "3", "name": "C"},
            ],
            "core.lora": [
                {"lora_id": "a", "tensors_sha256": "x"},
                {"lora_id": "b", "tensors_sha256": "x"},
                {"lora_id": "c", "tensors_sha256": "y"},
                {"lora_id": "new", "tensors_sha256": "z"},
                {"lora_id": "newer", "tensors_sha256": "z"},
            ],
            "core.representation": [{}, {"lora_id": "b"}, {"lora_id": "c", "strength": 2.0}],
            "core.alike": [
                {"other_id": "b", "cosine": 1.0},
                {"other_id": "c", "cosine": 0.98},
                {"lora_id": "b", "other_id": "c", "cosine": 0.979},
            ],
        },
        "select profile_id, lora_id, other_id, kind, cosine, is_same_model, name, other_name, other_strength "
        "from mart.duplicate",
        [
            {
                "profile_id": "p",
                "lora_id": "a",
                "other_id": "b",
                "kind": "same_weights",
                "cosine": 1.0,
                "is_same_model": True,
                "name": "A",
                "other_name": "B",
                "other_strength": 1.0,
            },
            {
                "profile_id": "p",
                "lora_id": "a",
                "other_id": "c",
                "kind": "same_effect",
                "cosine": 0.98,
                "is_same_model": False,
                "name": "A",
                "other_name": "C",
                "other_strength": 2.0,
            },
            {
                "profile_id": None,
                "lora_id": "new",
                "other_id": "newer",
                "kind": "same_weights",
                "cosine": None,
                "is_same_model": False,
                "name": None,
                "other_name": None,
                "other_strength": None,
            },
        ],
    ),
    ("duplicate", "a profile's own threshold"): (
        {
            "core.threshold": [{"name": "duplicate_min", "value": 0.91}],
            "core.alike": [{"cosine": 0.92}, {"profile_id": "q", "cosine": 0.92}],
        },
        "select profile_id, cosine from mart.duplicate",
        [{"profile_id": "p", "cosine": 0.92}],
    ),
    ("alike_weights", "what is told from chance, the surest first"): (
        {
            "raw.listing": [{"lora_id": "b", "name": "B"}],
            "core.weight_sketch": [{"change_norm": 2.0}, {"lora_id": "b", "change_norm": 4.0}, {"lora_id": "c"}],
            "core.alike_weights": [
                {},
                {"other_id": "c", "output_z": 5.0},
                {"lora_id": "b", "other_id": "c", "change_cosine": 0.5},
                {"lora_id": "b", "other_id": "d", "change_cosine": 0.95},
            ],
        },
        "select lora_id, other_id, kind, norm_ratio, base_model, name, other_name from mart.alike_weights",
        [
            {
                "lora_id": lora_id,
                "other_id": other_id,
                "kind": kind,
                "norm_ratio": ratio,
                "base_model": "micro-xl",
                "name": name,
                "other_name": other_name,
            }
            for lora_id, other_id, kind, ratio, name, other_name in (
                ("b", "d", "copy", None, "B", None),
                ("b", "c", "part", None, "B", None),
                ("a", "b", "trained_alike", 0.5, None, "B"),
            )
        ],
    ),
    ("lora_scale", "of two scales as near to the profile's own, the lower is recommended"): (
        SWEPT,
        "select scale, status, is_surely_ok, is_recommended from mart.lora_scale order by scale",
        [
            {"scale": 0.25, "status": "no_effect", "is_surely_ok": False, "is_recommended": False},
            {"scale": 0.5, "status": "ok", "is_surely_ok": False, "is_recommended": False},
            {"scale": 0.75, "status": "ok", "is_surely_ok": True, "is_recommended": True},
            {"scale": 1.25, "status": "ok", "is_surely_ok": True, "is_recommended": False},
            {"scale": 1.5, "status": "overpowering", "is_surely_ok": False, "is_recommended": False},
        ],
    ),
    ("lora_scale", "two standard errors from each threshold, and nothing is sure without one"): (
        {
            "core.profile": SWEPT["core.profile"],
            "core.threshold": list(THRESHOLDS),
            "core.lora_scale": [
                {"lora_id": "erratic", "consistency": 0.06, "consistency_se": 0.011},
                {"lora_id": "loud", "strength": 9.7, "prompt_retention": 0.52, "prompt_retention_se": 0.011},
                {"lora_id": "loud but obedient", "strength": 12.0},
                {"lora_id": "of one prompt", "strength_se": None},
                {"lora_id": "unpatched", "measured": "unpatched", "strength": None, "consistency": None},
            ],
        },
        "select lora_id, status, is_surely_ok from mart.lora_scale order by lora_id",
        [
            {"lora_id": "erratic", "status": "ok", "is_surely_ok": False},
            {"lora_id": "loud", "status": "ok", "is_surely_ok": False},
            {"lora_id": "loud but obedient", "status": "ok", "is_surely_ok": True},
            {"lora_id": "of one prompt", "status": "ok", "is_surely_ok": False},
            {"lora_id": "unpatched", "status": "unpatched", "is_surely_ok": False},
        ],
    ),
    ("recommended_scale", "scales around the recommended one are usable up to the first that is not"): (
        SWEPT
        | {
            "core.lora_scale": [
                *SWEPT["core.lora_scale"],
                {"scale": 2.0},
                {"lora_id": "never", "scale": 1.0, "strength": 0.1},
            ]
        },
        "from mart.recommended_scale order by lora_id",
        [
            {
                "profile_id": "p",
                "lora_id": "a",
                "recommended_scale": 0.75,
                "usable_from": 0.75,
                "usable_to": 1.25,
                "n_scales": 6,
            },
            {
                "profile_id": "p",
                "lora_id": "never",
                "recommended_scale": None,
                "usable_from": None,
                "usable_to": None,
                "n_scales": 1,
            },
        ],
    ),
    ("guessed_direction", "that of the nearest measured one, with what such guesses were worth"): (
        {
            "core.representation": [
                {"lora_id": "a", "direction": [1.0, 0.0]},
                {"lora_id": "b", "direction": [3.0, 4.0]},
                {"lora_id": "broken", "measured": "degenerate", "direction": None},
            ],
            "core.alike_weights": [
                {"lora_id": "a", "other_id": "b", "output_cosine": 0.3},
                {"lora_id": "a", "other_id": "new", "output_cosine": 0.4},
                {"lora_id": "b", "other_id": "new", "output_cosine": 0.31},
                {"lora_id": "broken", "other_id": "new", "output_cosine": 0.9},
                {"lora_id": "a", "other_id": "far", "output_z": 1.0},
                {"lora_id": "a", "other_id": "copy", "change_cosine": 0.99},
            ],
        },
        "select lora_id, guessed_from, kind, direction, round(cosine, 6) as cosine, "
        "round(expected_cosine, 6) as expected_cosine, n_expected from mart.guessed_direction order by lora_id",
        [
            {
                "lora_id": lora_id,
                "guessed_from": guessed_from,
                "kind": kind,
                "direction": direction,
                "cosine": cosine,
                "expected_cosine": expected,
                "n_expected": n,
            }
            for lora_id, guessed_from, kind, direction, cosine, expected, n in (
                ("a", "b", "trained_alike", [3.0, 4.0], 0.6, 0.6, 2),
                ("b", "a", "trained_alike", [1.0, 0.0], 0.6, 0.6, 2),
                ("copy", "a", "copy", [1.0, 0.0], None, None, 0),
                ("new", "a", "trained_alike", [1.0, 0.0], None, 0.6, 2),
            )
        ],
    ),
    ("shared_direction", "three models and three files that do the same are degenerate, others copies"): (
        {
            "raw.listing": [{"lora_id": f"d{n}", "model_id": str(n), "name": f"D{n}"} for n in (1, 2, 3)]
            + [{"lora_id": f"c{n}", "model_id": str(10 + n)} for n in (1, 2)]
            + [{"lora_id": f"e{n}", "model_id": str(20 + n)} for n in (1, 2, 3)],
            "core.lora": [{"lora_id": f"e{n}", "tensors_sha256": "saved again"} for n in (1, 2, 3)],
            "core.representation": [{"lora_id": f"{g}{n}"} for g in "cde" for n in (1, 2, 3)],
            "core.alike": [
                # A chain: the ends were not compared with each other, or are a little too far apart.
                {"lora_id": "d2", "other_id": "d3", "cosine": 1.0},
                {"lora_id": "d1", "other_id": "d3", "cosine": 0.9999},
                {"lora_id": "d1", "other_id": "c1", "cosine": 0.9998},
                {"lora_id": "c1", "other_id": "c2", "cosine": 1.0},
                {"lora_id": "e1", "other_id": "e2", "cosine": 1.0},
                {"lora_id": "e1", "other_id": "e3", "cosine": 1.0},
                {"lora_id": "e2", "other_id": "e3", "cosine": 1.0},
            ],
        },
        "select group_id, sign, n_loras, n_weights, n_models, lora_ids, names[1] as first from mart.shared_direction",
        [
            {
                "group_id": "d1",
                "sign": "degenerate",
                "n_loras": 3,
                "n_weights": 3,
                "n_models": 3,
                "lora_ids": ["d1", "d2", "d3"],
                "first": "D1",
            },
            {
                "group_id": "e1",
                "sign": "copy",
                "n_loras": 3,
                "n_weights": 1,
                "n_models": 3,
                "lora_ids": ["e1", "e2", "e3"],
                "first": None,
            },
            {
                "group_id": "c1",
                "sign": "copy",
                "n_loras": 2,
                "n_weights": 2,
                "n_models": 2,
                "lora_ids": ["c1", "c2"],
                "first": None,
            },
        ],
    ),
    ("damage", "findings that are open, with the LoRA's name"): (
        {
            "raw.listing": [{"lora_id": "a", "name": "A"}],
            "core.damage": [
                {"lora_id": "a", "resolved_at": None, "key": "k"},
                {"lora_id": "b", "key": "of a LoRA that was measured again"},
                {"lora_id": "", "profile_id": "", "resolved_at": None, "key": "lake/x", "fault": "lake_file_damaged"},
            ],
        },
        "select lora_id, name, key, fault from mart.damage order by key",
        [
            {"lora_id": "a", "name": "A", "key": "k", "fault": "shard_damaged"},
            {"lora_id": "", "name": None, "key": "lake/x", "fault": "lake_file_damaged"},
        ],
    ),
    ("representation_status", "what is damaged says so until it is measured again, and after what a decision says"): (
        {
            "core.representation": [
                {"lora_id": "damaged"},
                {"lora_id": "elsewhere"},
                {"lora_id": "failed", "measured": "failed"},
                {"lora_id": "right again"},
                {"lora_id": "taken down"},
            ],
            "core.decision": [{"lora_id": "taken down"}],
            "core.damage": [
                {"lora_id": "damaged", "resolved_at": None, "key": "one"},
                {"lora_id": "damaged", "resolved_at": None, "key": "two"},
                {"lora_id": "elsewhere", "resolved_at": None, "profile_id": "q"},
                {"lora_id": "failed", "resolved_at": None},
                {"lora_id": "right again"},
                {"lora_id": "taken down", "resolved_at": None},
            ],
        },
        "select lora_id, status, effect_status from mart.representation_status order by lora_id",
        [
            {"lora_id": "damaged", "status": "damaged", "effect_status": "ok"},
            {"lora_id": "elsewhere", "status": "ok", "effect_status": "ok"},
            {"lora_id": "failed", "status": "failed", "effect_status": "failed"},
            {"lora_id": "right again", "status": "ok", "effect_status": "ok"},
            {"lora_id": "taken down", "status": "removed", "effect_status": "ok"},
        ],
    ),
    ("guide", "says of itself what it is"): (
        {},
        "select kind, comment from mart.guide where object = 'mart.guide'",
        [{"kind": "view", "comment": "What there is to ask; one row per table, view and macro."}],
    ),
    ("commit_log", "what the commits said of themselves"): (
        {},
        "select author, message, (facts ->> 'files')::int > 20 as many from mart.commit_log where author is not null "
        "order by snapshot_id desc limit 1",
        [{"author": "carlos", "message": "migrate", "many": True}],
    ),
}
TESTED = {view for view, _ in CASES}


@pytest.mark.parametrize(
    ("given", "query", "expected"), [pytest.param(*case, id=f"{view}: {what}") for (view, what), case in CASES.items()]
)
def test_view(con: duckdb.DuckDBPyConnection, given: Rows, query: str, expected: list[Row]) -> None:
    fill(con, given)
    assert answer(con, query) == expected
