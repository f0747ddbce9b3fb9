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
    ("index_health", "a profile without anything"): (
        {"core.profile": [{}]},
        "select n_loras, n_measured, n_backlog, n_refused, n_embeddings from mart.index_health",
        [{"n_loras": 0, "n_measured": 0, "n_backlog": 0, "n_refused": 0, "n_embeddings": 0}],
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
    ("commit_log", "what the commits said of themselves"): (
        {},
        "select author, message, (facts ->> 'files')::int > 20 as many from mart.commit_log order by snapshot_id desc "
        "limit 1",
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
