"""Table macros of sql/search on rows given and expected."""

import duckdb
import pytest

from tests.sql.lake_rows import Rows, answer, fill

TESTED = {
    "mart.search",
    "mart.search_vector",
    "mart.similar",
    "mart.backlog",
    "mart.refinement",
    "core.ranking",
    "core.profile_asked",
    "core.copied",
    "core.copy_in_use",
}

INDEX: Rows = {
    "raw.listing": [{"lora_id": "east", "name": "East"}],
    "core.profile": [
        {"name": "flat", "text_space_id": "t"},
        {"profile_id": "q", "name": "other", "text_space_id": "u"},
        {"profile_id": "unmeasured", "name": "empty"},
    ],
    "core.query": [{"text": "east"}, {"text": "north", "vector": [0.0, 1.0]}, {"text": "up", "text_space_id": "u"}],
    "core.threshold": [{"name": "strength_min", "value": 0.5}],
    "core.representation": [
        {"lora_id": "east", "direction": [2.0, 0.0]},
        {"lora_id": "north", "direction": [0.0, 0.1]},
        {"lora_id": "northeast", "direction": [1.0, 1.0]},
        {"lora_id": "weak", "direction": [1.0, 0.0], "strength": 0.1},
        {"lora_id": "void", "direction": None, "measured": "degenerate"},
        {"lora_id": "twin of north", "direction": [0.0, 3.0]},
        {"profile_id": "q", "lora_id": "east", "direction": [0.0, 1.0]},
        {"profile_id": "q", "lora_id": "zero", "direction": [0.0, 0.0], "strength": 0.0},
        {"profile_id": "wide", "lora_id": "east", "direction": [0.0, 1.0, 0.0]},
    ],
}


def test_search_ranks_by_cosine_and_returns_ok_only(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    rows = answer(con, "from mart.search_vector($v::float[], $k, profile := $p)", {"v": [1.0, 0.0], "k": 9, "p": "p"})
    assert [(row["rank"], row["lora_id"]) for row in rows] == [
        (1, "east"),
        (2, "northeast"),
        (3, "north"),
        (4, "twin of north"),
    ]
    assert rows[0]["score"] == pytest.approx(1.0)
    assert rows[1]["score"] == pytest.approx(0.5**0.5)
    assert (rows[0]["name"], rows[0]["n_listings"], rows[0]["status"]) == ("East", 1, "ok")
    assert (rows[1]["name"], rows[1]["n_listings"]) == (None, 0)


def test_search_returns_k(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    rows = answer(con, "from mart.search_vector([1, 0], 2, profile := 'p')")
    assert [row["lora_id"] for row in rows] == ["east", "northeast"]


def test_without_a_profile_each_is_ranked_on_its_own(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    rows = answer(con, "from mart.search_vector([1, 0], 1)")
    assert [(row["profile_id"], row["rank"], row["lora_id"]) for row in rows] == [("p", 1, "east"), ("q", 1, "east")]


def test_no_direction_at_all_is_not_ranked(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    rows = answer(con, "from mart.search_vector([1, 0], 9, profile := 'q')")
    assert [row["lora_id"] for row in rows] == ["east"]
    assert answer(con, "from mart.similar('east', 9, profile := 'q')") == []  # but itself, there is only one without


def test_search_in_an_empty_index(con: duckdb.DuckDBPyConnection) -> None:
    assert answer(con, "from mart.search_vector([1.0, 0.0], 5)") == []
    assert answer(con, "from mart.search('east', 5)") == []


def test_similar_leaves_itself_out_and_stays_in_the_profile(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    rows = answer(con, "from mart.similar('east', 9, profile := 'p')")
    assert [(row["rank"], row["lora_id"]) for row in rows] == [(1, "northeast"), (2, "north"), (3, "twin of north")]
    assert {row["profile_id"] for row in answer(con, "from mart.similar('north', 9)")} == {"p"}


def test_similar_to_one_that_search_would_not_return(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    assert [row["lora_id"] for row in answer(con, "from mart.similar('weak', 1)")] == ["east"]


def test_similar_takes_the_first_digits_of_an_id(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    assert answer(con, "from mart.similar('twi', 9)") == answer(con, "from mart.similar('twin of north', 9)")
    # A whole id names its LoRA, though "northeast" begins with it.
    assert {row["lora_id"] for row in answer(con, "from mart.similar('north', 9)")} >= {"northeast"}


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("mart.similar('void', 3)", "no LoRA 'void' has a Direction: see mart.lora"),
        ("mart.similar('stranger', 3)", "no LoRA 'stranger' has a Direction"),
        ("mart.similar('east', 3, profile := 'r')", "no LoRA 'east' has a Direction"),
        ("mart.similar('nort', 3)", "more than one LoRA id begins with 'nort'"),
        ("mart.search_vector([1, 0, 0, 0], 3)", r"has 4 dimensions and the LoRAs have \[2, 3\]"),
        ("mart.search_vector([1, 0, 0], 3, profile := 'p')", r"has 3 dimensions and the LoRAs have \[2\]"),
        ("mart.search_vector([0, 0], 3)", "no direction"),
        ("mart.search_vector([], 3)", "no direction"),
        ("mart.search_vector(null, 3)", "no direction"),
        ("mart.search_vector([1, 'nan'::float], 3)", "no direction"),
        ("mart.search_vector([1, '-inf'::float], 3)", "no direction"),
        ("mart.search_vector([1, 0], 0)", "k is to be 1 or more"),
        ("mart.search_vector([1, 0], null)", "k is to be 1 or more"),
        ("mart.search_vector([1, 0], 3, profile := 'r')", "nothing is indexed under profile 'r'"),
        ("mart.search_vector([1, 0], 3, profile := 'empty')", "nothing is indexed under profile 'empty'"),
        ("mart.search('west', 3)", "no query vector of 'west' is stored"),
        ("mart.search('up', 3, profile := 'p')", "no query vector of 'up' is stored"),
        ("mart.search(' ', 3)", "the text is empty"),
        ("mart.search('east', 3, profile := 'r')", "nothing is indexed under profile 'r'"),
    ],
)
def test_what_cannot_be_answered_is_an_error(con: duckdb.DuckDBPyConnection, question: str, said: str) -> None:
    fill(con, INDEX)
    with pytest.raises(duckdb.InvalidInputException, match=said):
        answer(con, f"from {question}")


@pytest.mark.parametrize(
    "question", ["mart.similar($text, 3)", "mart.search($text, 3)", "mart.search('east', 3, profile := $text)"]
)
def test_a_name_is_a_value_and_never_sql(con: duckdb.DuckDBPyConnection, question: str) -> None:
    fill(con, INDEX)
    with pytest.raises(duckdb.InvalidInputException, match="' or true --"):
        answer(con, f"from {question}", {"text": "' or true --"})


def test_a_stored_text_ranks_as_its_vector(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    by_vector = answer(con, "from mart.search_vector([0.0, 1.0], 3, profile := 'p')")
    assert answer(con, "from mart.search('north', 3)") == by_vector
    assert answer(con, "from mart.search($t, 3)", {"t": "\u00a0north  "}) == by_vector
    assert [row["lora_id"] for row in by_vector] == ["north", "twin of north", "northeast"]


def test_a_text_is_looked_up_in_the_profiles_own_text_space(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    assert {row["profile_id"] for row in answer(con, "from mart.search('up', 9)")} == {"q"}


def test_the_session_may_choose_the_profile(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    fill(con, {"core.query": [{"text": "east", "text_space_id": "u"}]})
    assert {row["profile_id"] for row in answer(con, "from mart.search('east', 9)")} == {"p", "q"}
    con.execute("set variable carlos_profile = 'q'")
    try:
        assert {row["profile_id"] for row in answer(con, "from mart.search('east', 9)")} == {"q"}
        assert {row["profile_id"] for row in answer(con, "from mart.search('east', 9, profile := 'flat')")} == {"p"}
    finally:
        con.execute("reset variable carlos_profile")


def test_a_profile_has_an_id_and_a_name(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    by_id = answer(con, "from mart.search_vector([1, 0], 3, profile := 'p')")
    assert answer(con, "from mart.search_vector([1, 0], 3, profile := 'flat')") == by_id
    asked = "select profile_id from core.profile_asked($p) order by all"
    assert [row["profile_id"] for row in answer(con, asked, {"p": ""})] == ["p", "q", "wide"]
    assert [row["profile_id"] for row in answer(con, asked, {"p": "other"})] == ["q"]


COMPARED: Rows = {
    "core.profile": [
        {"profile_id": "own", "name": "here", "compared_with": ["p", "gone"], "text_space_id": "t"},
        {"profile_id": "p", "name": "flat", "text_space_id": "t"},
    ],
    "core.threshold": [
        {"profile_id": "own", "name": "strength_max", "value": 9.0},
        {"profile_id": "p", "name": "strength_max", "value": 20.0},
    ],
    "core.query": [{"text": "east", "text_space_id": "t", "vector": [1.0, 0.0]}],
    "core.representation": [
        {"lora_id": "east", "direction": [1.0, 0.0]},
        {"lora_id": "loud", "direction": [1.0, 0.9], "strength": 12.0},
        {"lora_id": "both", "direction": [0.2, 1.0]},
        {"profile_id": "own", "lora_id": "both", "direction": [1.0, 0.5]},
        {"profile_id": "own", "lora_id": "loud here", "direction": [1.0, 0.0], "strength": 12.0},
    ],
}
#: Both rank together, each LoRA with the status that its own profile gives.
TOGETHER = [(1, "p", "east"), (2, "own", "both"), (3, "p", "loud"), (4, "p", "both")]


@pytest.mark.parametrize("question", ["mart.search_vector([1, 0], 9{})", "mart.search('east', 9{})"])
def test_a_profile_that_is_compared_with_others_ranks_theirs_too(con: duckdb.DuckDBPyConnection, question: str) -> None:
    fill(con, COMPARED)

    def ranking(profile: str) -> list[tuple[int, str, str]]:
        rows = answer(con, "from " + question.format(f", profile := '{profile}'"))
        return [(row["rank"], row["profile_id"], row["lora_id"]) for row in rows]

    assert ranking("here") == ranking("own") == TOGETHER
    assert ranking("flat") == [(1, "p", "east"), (2, "p", "loud"), (3, "p", "both")]
    rows = answer(con, "from " + question.format(""))
    assert [
        (row["rank"], row["profile_id"], row["lora_id"]) for row in rows if row["asked_profile_id"] == "own"
    ] == TOGETHER
    assert {row["profile_id"] for row in rows if row["asked_profile_id"] == "p"} == {"p"}


def test_a_profile_without_a_lora_yet_ranks_those_that_it_is_compared_with(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, COMPARED)
    con.execute("delete from core.representation where profile_id = 'own'")
    rows = answer(con, "from mart.search_vector([1, 0], 9, profile := 'here')")
    assert [row["lora_id"] for row in rows] == ["east", "loud", "both"]


def test_similar_asks_with_the_asked_profiles_own_measurement(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, COMPARED)
    rows = answer(con, "from mart.similar('both', 9, profile := 'here')")
    assert [(row["profile_id"], row["lora_id"]) for row in rows] == [("p", "loud"), ("p", "east")]
    of_the_other = answer(con, "from mart.similar('east', 9, profile := 'here')")
    assert [(row["profile_id"], row["lora_id"]) for row in of_the_other] == [row[1:] for row in TOGETHER[1:]]
    with pytest.raises(duckdb.InvalidInputException, match="no LoRA 'loud here'"):
        con.execute("from mart.similar('loud here', 9, profile := 'flat')").fetchall()


LIMITED: Rows = {
    "core.threshold": [{"name": "strength_max", "value": 9.8}, {"name": "consistency_min", "value": 0.04}],
    "core.representation": [
        {"lora_id": "loud", "strength": 12.0, "prompt_retention": 0.9},
        {"lora_id": "erratic", "consistency": 0.01},
        {"lora_id": "mild", "strength": 2.0},
    ],
}


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ("", ["mild"]),
        ("strength_max := 20", ["loud", "mild"]),
        ("strength_max := 'inf'", ["loud", "mild"]),
        ("strength_max := 1", []),
        ("strength_max := null", ["mild"]),
        ("consistency_min := 0.005", ["erratic", "mild"]),
        ("consistency_min := 0.9", []),
        ("strength_min := 1.5", ["mild"]),
        ("strength_min := 3", []),
        ("strength_max := 20, consistency_min := -1", ["erratic", "loud", "mild"]),
        ("retention_min := 0.5", ["loud", "mild"]),
        ("retention_min := 0.95", ["mild"]),
        # Prompt retention excuses what the profile's limit calls overpowering, not what the question leaves out.
        ("retention_min := 0.5, strength_max := 11", ["mild"]),
    ],
)
def test_limits_of_a_question_go_before_the_profiles(
    con: duckdb.DuckDBPyConnection, limits: str, expected: list[str]
) -> None:
    fill(con, LIMITED)
    fill(con, {"core.representation": [{"lora_id": "seed", "strength": 2.0}]})
    asked = f", {limits}" if limits else ""
    assert [row["lora_id"] for row in answer(con, f"from mart.similar('seed', 9{asked})")] == expected
    rows = answer(con, f"from mart.search_vector([1, 0], 9{asked})")
    assert [row["lora_id"] for row in rows if row["lora_id"] != "seed"] == expected
    assert {row["status"] for row in rows} <= {"ok"}


def test_backlog_is_what_the_profile_has_not_tried(con: duckdb.DuckDBPyConnection) -> None:
    fill(
        con,
        {
            "core.lora": [
                {"lora_id": "a"},
                {"lora_id": "late", "first_seen_at": "2026-01-03 00:00:00+00", "trigger_words": ["x"]},
                {"lora_id": "zz", "file_key": "files/zz.safetensors"},
                {"lora_id": "imported without its file", "file_key": None},
                {"lora_id": "failed"},
                {"lora_id": "elsewhere", "base_model": "sdxl"},
            ],
            "core.representation": [
                {"lora_id": "a"},
                {"lora_id": "failed", "measured": "failed"},
                {"lora_id": "zz", "profile_id": "q"},
            ],
        },
    )
    columns = "lora_id, file_key, trigger_words, stated_scale"
    assert answer(con, f"select {columns} from mart.backlog('p', 'micro-xl')") == [  # noqa: S608
        {"lora_id": "zz", "file_key": "files/zz.safetensors", "trigger_words": None, "stated_scale": None},
        {"lora_id": "late", "file_key": "files/x", "trigger_words": ["x"], "stated_scale": None},
    ]


def test_what_is_not_settled_is_measured_further_the_most_needed_first(con: duckdb.DuckDBPyConnection) -> None:
    unsettled = {"n_pairs": 60, "n_flagged": 4, "open": ["direction"], "full_cosine_lower": 0.9}
    fill(
        con,
        {
            "core.lora": [
                *({"lora_id": n} for n in ("a settled", "before budgets", "failed", "damaged", "all", "near", "q")),
                {"lora_id": "b", "trigger_words": ["x"], "tensors_sha256": "t", "scale_key": "s"},
                {"lora_id": "b twin", "trigger_words": ["x"], "tensors_sha256": "t", "scale_key": "s"},
                {"lora_id": "few"},
                {"lora_id": "no file", "file_key": None},
                {"lora_id": "q enough"},
            ],
            "core.representation": [
                {"lora_id": "a settled", **unsettled, "open": []},
                {"lora_id": "before budgets", **unsettled, "open": None},
                {"lora_id": "failed", **unsettled, "measured": "failed"},
                {"lora_id": "damaged", **unsettled},
                {"lora_id": "all", **unsettled, "n_pairs": 116},
                {"lora_id": "near", **unsettled, "n_pairs": 90, "open": ["status", "strength"]},
                {"lora_id": "q", **unsettled, "n_pairs": 90, "open": []},
                {"lora_id": "q enough", **unsettled, "open": [], "full_cosine_lower": 0.99},
                {"lora_id": "b", **unsettled},
                {"lora_id": "b twin", **unsettled, "n_pairs": 80},
                {"lora_id": "few", **unsettled, "n_pairs": 26},
                {"lora_id": "no file", **unsettled},
                {"lora_id": "few", **unsettled, "profile_id": "other"},
            ],
            "core.damage": [{"lora_id": "damaged", "resolved_at": None}],
            "core.notice": [{"notice_id": "n1", "lora_id": "q"}, {"notice_id": "n2", "lora_id": "q enough"}],
        },
    )
    columns = "lora_id, trigger_words, measured_as, n_drawn, reasons"
    found = answer(con, f"select {columns} from mart.refinement('p', 120, 0.98)")  # noqa: S608
    assert [tuple(row.values()) for row in found] == [
        ("q", None, None, 94, ["queue"]),
        ("near", None, None, 94, ["status", "unsettled"]),
        ("few", None, None, 30, ["unsettled"]),
        ("b", ["x"], None, 64, ["unsettled"]),
        ("b twin", ["x"], "b", 84, ["unsettled"]),
    ]
    # Where trigger words are ignored, the key that copies go by has none.
    with_words = answer(con, "select measure_key from mart.refinement('p', 120, 0.98)")
    without = answer(con, "select measure_key from mart.refinement('p', 120, 0.98, word_use := 'ignore')")
    assert len(with_words) == len(without)
    assert with_words != without


def test_what_is_near_to_nothing_known_waits_ahead(con: duckdb.DuckDBPyConnection) -> None:
    """Near to what was measured, or to one that waits ahead of it: later. Near to what failed: that taught nothing."""
    near = {"change_cosine": 0.02, "output_cosine": 0.3, "output_z": 7.0}
    fill(
        con,
        {
            "core.lora": [
                {"lora_id": n} for n in ("measured", "failed", "a near", "b first", "c as b", "d", "e as failed")
            ],
            "core.representation": [
                {"lora_id": "measured"},
                {"lora_id": "failed", "measured": "failed", "direction": None},
            ],
            "core.alike_weights": [
                {"lora_id": "a near", "other_id": "measured", **near},
                {"lora_id": "b first", "other_id": "c as b", **near},
                {"lora_id": "d", "other_id": "measured", **near, "output_z": 2.0},
                {"lora_id": "e as failed", "other_id": "failed", **near},
            ],
        },
    )
    assert answer(con, "select lora_id, is_near_known from mart.backlog('p', 'micro-xl')") == [
        {"lora_id": lora_id, "is_near_known": is_near}
        for is_near, lora_ids in ((False, ("b first", "d", "e as failed")), (True, ("a near", "c as b")))
        for lora_id in lora_ids
    ]


ALIKE = {"tensors_sha256": "w", "scale_key": "s"}
JANUARY, FEBRUARY = "2026-01-01 00:00:00+00", "2026-02-01 00:00:00+00"


def measured_as(con: duckdb.DuckDBPyConnection, options: str = "") -> list[tuple[str, str | None]]:
    rows = answer(con, f"select lora_id, measured_as from mart.backlog('p', 'micro-xl'{options})")  # noqa: S608
    return [(row["lora_id"], row["measured_as"]) for row in rows]


def test_of_equals_that_wait_the_first_is_drawn_and_the_others_follow_it(con: duckdb.DuckDBPyConnection) -> None:
    fill(
        con,
        {
            "core.lora": [
                {
                    "lora_id": "a",
                    **ALIKE,
                    "first_seen_at": FEBRUARY,
                    "metadata": '{"title": "a"}',
                },
                {"lora_id": "first", **ALIKE, "metadata": '{"title": "first"}'},
                {
                    "lora_id": "between",
                    "tensors_sha256": "v",
                    "scale_key": "s",
                    "first_seen_at": "2026-01-15 00:00:00+00",
                },
                {"lora_id": "z", **ALIKE, "trigger_words": []},
                {"lora_id": "unknown tensors"},
                {"lora_id": "unknown tensors too"},
            ]
        },
    )
    assert measured_as(con) == [
        ("first", None),
        ("z", "first"),
        ("a", "first"),
        ("unknown tensors", None),
        ("unknown tensors too", None),
        ("between", None),
    ]


def test_other_weights_alphas_or_trigger_words_are_measured_anew(con: duckdb.DuckDBPyConnection) -> None:
    fill(
        con,
        {
            "core.lora": [
                {"lora_id": "a", **ALIKE},
                {"lora_id": "b", "tensors_sha256": "other", "scale_key": "s"},
                {"lora_id": "c", "tensors_sha256": "w", "scale_key": "other"},
                {"lora_id": "d", "tensors_sha256": "w", "scale_key": "another"},
                {"lora_id": "e", **ALIKE, "trigger_words": ["x", "y"]},
                {"lora_id": "f", **ALIKE, "trigger_words": ["y", "x"]},
            ]
        },
    )
    assert measured_as(con) == [(lora_id, None) for lora_id in "abcdef"]
    # A profile may draw without the words.
    ignoring = dict(measured_as(con, ", words := 'ignore'"))
    assert ignoring == {"a": None, "b": None, "c": None, "d": None, "e": "a", "f": "a"}


def test_the_first_that_was_drawn_is_what_an_equal_is_measured_as(con: duckdb.DuckDBPyConnection) -> None:
    fill(
        con,
        {
            "core.lora": [
                {"lora_id": "new", **ALIKE},
                {"lora_id": "newer", **ALIKE},
            ]
        },
    )
    ((key,), _) = (tuple(row.values()) for row in answer(con, "select measure_key from mart.backlog('p', 'micro-xl')"))
    fill(
        con,
        {
            "core.outcome": [
                {"lora_id": "failed", "measure_key": key, "status": "failed"},
                {"lora_id": "elsewhere", "measure_key": key, "profile_id": "q"},
                {"lora_id": "of an older version"},
                {"lora_id": "with other words", "measure_key": "k"},
            ]
        },
    )
    assert measured_as(con) == [("new", None), ("newer", "new")]
    fill(con, {"core.outcome": [{"lora_id": "copy", "measure_key": key, "copied_from": "gone"}]})
    assert measured_as(con) == [("new", None), ("newer", "new")]
    fill(
        con,
        {
            "core.outcome": [
                {"lora_id": "a", "measure_key": key, "attempted_at": FEBRUARY},
                {"lora_id": "unpatched", "measure_key": key, "status": "unpatched", "attempted_at": JANUARY},
            ]
        },
    )
    assert measured_as(con) == [("new", "unpatched"), ("newer", "unpatched")]


def test_what_is_damaged_waits_and_is_found_by_nobody(con: duckdb.DuckDBPyConnection) -> None:
    fill(
        con,
        {
            "core.lora": [{"lora_id": lora_id, "tensors_sha256": lora_id} for lora_id in ("a", "b", "gone", "right")],
            "core.representation": [
                {"lora_id": "a"},
                {"lora_id": "b"},
                {"lora_id": "gone", "measured": "failed"},
                {"lora_id": "right"},
            ],
            "core.damage": [
                {"lora_id": "b", "resolved_at": None},
                {"lora_id": "gone", "resolved_at": None},
                {"lora_id": "right"},
            ],
        },
    )
    assert measured_as(con) == [("b", None)]
    assert answer(con, "select lora_id from mart.similar('a', 9)") == [{"lora_id": "right"}]
    assert {row["lora_id"] for row in answer(con, "from mart.search_vector([1.0, 0.0], 9)")} == {"a", "right"}
    with pytest.raises(duckdb.Error, match="LoRA 'b' was found damaged"):
        con.execute("from mart.similar('b', 9)").fetchall()
