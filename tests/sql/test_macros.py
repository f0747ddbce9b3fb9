"""Macros of sql/macros on values given and expected."""

import json
import unicodedata
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carlos_tasks.lake.sql_files import sql_folder
from carlos_tasks.lora.backbones.claims import FILE as CLAIMS
from carlos_tasks.lora.backbones.claims import comparable_words
from tests.sql.lake_rows import answer

#: macro -> (case, expression, expected)
CASES: dict[str, list[tuple[str, str, Any]]] = {
    "exact": [
        ("zero stays zero", "core.exact(0.0::double)", 0.0),
        ("rounds to a multiple of 2^-32", "core.exact(0.1::double) * 4294967296", 429496730.0),
        ("keeps what is one already", "core.exact(-3.25::double)", -3.25),
        ("loses less than 2^-33", "abs(core.exact(123.456789::double) - 123.456789) <= 1.2e-10", True),
        (
            "sums do not depend on the order",
            "list_sum([core.exact(x) for x in [0.1, 1e4, 0.3, -1e4]::double[]])"
            " = list_sum([core.exact(x) for x in [1e4, -1e4, 0.3, 0.1]::double[]])",
            True,
        ),
    ],
    "newest_listing": [
        (
            "the newest state of a record counts, and none without a LoRA",
            "(with l as (from (values ('s', 'm', 'v', 'f', 'a', '2026-01-01', 'x', 'old'), "
            "('s', 'm', 'v', 'f', 'a', '2026-01-02', 'x', 'new'), ('s', 'm', 'v', 'g', null, '2026-01-02', 'x', 'no')) "
            "as l(source, model_id, version_id, file_id, lora_id, seen_at, payload_sha256, name)) "
            "select list(name) from core.newest_listing('l'))",
            ["new"],
        ),
    ],
    "placed_listing": [
        (
            "the earliest published comes first, and what does not tell when comes last",
            "(with l as (select 's' as source, 'm' as model_id, 'v' as version_id, 'f' as file_id, 'a' as lora_id, "
            "now() as seen_at, published_at from unnest(['2026-02-01', null, '2026-01-01']) as given(published_at)) "
            "select list(published_at order by place) from core.placed_listing('l'))",
            ["2026-01-01", "2026-02-01", None],
        ),
    ],
    "moment": [
        (
            "a time with its zone",
            "core.moment('2024-05-06T07:08:09+02:00') = '2024-05-06 05:08:09+00'::timestamptz",
            True,
        ),
        *((given, f"core.moment('{given}')", None) for given in ("soon", "", "infinity", "-infinity")),
        *((given, f"core.moment('{given}')", None) for given in ("99999-01-01", "0044-03-15 (BC)", "1999-12-31")),
        ("nothing", "core.moment(null)", None),
    ],
    "consistency": [
        ("two equal unit vectors", "core.consistency(4.0, 2)", 1.0),
        ("two opposite ones", "core.consistency(0.0, 2)", -1.0),
        ("four at right angles", "core.consistency(4.0, 4)", 0.0),
        ("one pair has none", "core.consistency(1.0, 1)", None),
        ("no pair has none", "core.consistency(0.0, 0)", None),
        ("many pairs do not overflow", "core.consistency(1e12, 1000000::int)", 1.0),
    ],
    "consistency_between_prompts": [
        # Two prompts of two equal vectors each, at right angles: |U|^2 = 8, own 4 + 4.
        ("what seeds share does not count", "core.consistency_between_prompts(8.0, 8.0, 4, 8)", 0.0),
        ("all the same", "core.consistency_between_prompts(16.0, 8.0, 4, 8)", 1.0),
        ("one vector a prompt is plain consistency", "core.consistency_between_prompts(0.0, 2.0, 2, 2)", -1.0),
        ("one prompt has none", "core.consistency_between_prompts(4.0, 4.0, 2, 4)", None),
    ],
    "cosine": [
        ("of lengths it knows nothing", "core.cosine([2.0, 0.0]::float[], [5.0, 0.0]::float[])", 1.0),
        ("at right angles", "core.cosine([1.0, 0.0]::float[], [0.0, 3.0]::float[])", 0.0),
        ("opposite", "core.cosine([1.0, 1.0]::float[], [-1.0, -1.0]::float[])", -1.0),
        ("of nothing it is nothing", "core.cosine(null::float[], [1.0]::float[])", None),
    ],
    "limit": [
        ("the question's goes first", "core.limit(5, 9.8)", 5.0),
        ("else the profile's", "core.limit('nan'::double, 9.8)", 9.8),
        ("null is not given either", "core.limit(null, 9.8)", 9.8),
        ("neither has one", "core.limit('nan'::double, null::double)", None),
        ("infinity lets all pass", "core.limit('inf'::double, 9.8)", float("inf")),
    ],
    "calibration_quantile": [
        ("21 of the paper's 740 are stronger", "round(740 * (1 - core.calibration_quantile('strength_max')), 9)", 21.0),
        ("204 are less consistent", "round(740 * core.calibration_quantile('consistency_min'), 9)", 204.0),
        ("the paper has no other", "core.calibration_quantile('strength_min')", None),
    ],
    "calibrated_on": [
        ("strength", "core.calibrated_on('strength_max', 1.0, 2.0, 3.0)", 1.0),
        ("strength again", "core.calibrated_on('strength_min', 1.0, 2.0, 3.0)", 1.0),
        ("consistency", "core.calibrated_on('consistency_min', 1.0, 2.0, 3.0)", 2.0),
        ("retention", "core.calibrated_on('retention_min', 1.0, 2.0, 3.0)", 3.0),
        ("nothing of a LoRA", "core.calibrated_on('duplicate_min', 1.0, 2.0, 3.0)", None),
    ],
    "quantile": [
        ("the lowest", "core.quantile([1.0, 2.0, 4.0], 0)", 1.0),
        ("the median", "core.quantile([1.0, 2.0, 4.0], 0.5)", 2.0),
        ("in between", "core.quantile([1.0, 2.0, 4.0], 0.75::double)", 3.0),
        ("the highest", "core.quantile([1.0, 2.0, 4.0], 1)", 4.0),
        ("of one value", "core.quantile([7.0::double], 0.3)", 7.0),
        ("of none", "core.quantile([]::double[], 0.3)", None),
        (
            "as quantile_cont",
            "(with t as (select unnest([3.5, 1.25, 9.0, 2.0, 4.75]::double[]) as x) "
            "select core.quantile(list(x order by x), 0.3) = quantile_cont(x, 0.3) from t)",
            True,
        ),
    ],
    "query_text": [
        (
            "spaces of every kind",
            "core.query_text(' pencil' || chr(160) || chr(9) || 'sketch' || chr(8232))",
            "pencil sketch",
        ),
        ("one way to write a letter", "core.query_text('cafe' || chr(769))", "caf\u00e9"),
        ("nothing", "core.query_text('  ')", ""),
        ("what is no space stays", "core.query_text('a' || chr(8203) || 'b')", "a\u200bb"),
    ],
    "words": [
        ("small letters, a space before, between and after", "core.words('Line-Art  XL')", " line art xl "),
        ("a phrase is found whole", "contains(core.words('no outline'), core.words('line'))", False),
        ("mark-up is text", "core.words('<b>dots</b>')", " b dots b "),
        ("any script", "core.words('Виньетка, 晨雾!')", " виньетка 晨雾 "),
        ("nothing", "core.words('--')", "  "),
    ],
    "measure_key": [
        (
            "no words are none",
            "core.measure_key('w', 's', null) = core.measure_key('w', 's', [])",
            True,
        ),
        (
            "the scale counts",
            "core.measure_key('w', 's', []) = core.measure_key('w', 'other', [])",
            False,
        ),
        (
            "words count as they are cut",
            "core.measure_key('w', 's', ['a b']) = core.measure_key('w', 's', ['a', 'b'])",
            False,
        ),
        ("without a hash of the tensors there is none", "core.measure_key(null, 's', ['a'])", None),
        ("without one of the scale neither", "core.measure_key('w', null, ['a'])", None),
    ],
    "duplicate_min": [
        ("the profile's own", "core.duplicate_min(0.9)", 0.9),
        ("or the platform's", "core.duplicate_min(null)", 0.98),
    ],
    "weights_kind": [
        ("the same changes", "core.weights_kind(0.97, null)", "copy"),
        ("a merge", "core.weights_kind(0.6, 20.0)", "part"),
        ("far above the rest", "core.weights_kind(0.03, 6.0)", "trained_alike"),
        ("not far enough", "core.weights_kind(0.03, 5.99)", None),
        ("compared with too few", "core.weights_kind(0.03, null)", None),
    ],
    "reaches": [
        ("unlikely enough, no score asked", "core.reaches(0.1, 0.1, -0.5, null)", True),
        ("too likely", "core.reaches(0.11, 0.1, 0.9, null)", False),
        ("near enough", "core.reaches(0.01, 0.1, 0.3, 0.3)", True),
        ("not near enough", "core.reaches(0.01, 0.1, 0.29, 0.3)", False),
    ],
    "names_effect": [
        ("a known Direction", "core.names_effect('measured', 0.5)", True),
        ("one that may point elsewhere", "core.names_effect('measured', 0.49)", False),
        ("an imported one has no bound", "core.names_effect('measured', null)", True),
        ("none", "core.names_effect('failed', null)", False),
    ],
    "decides": [
        (action, f"core.decides('{action}')", is_so)
        for action, is_so in {"takedown": True, "no_action": True, "appeal": False, "comment": False}.items()
    ],
    "restricts": [
        (action, f"core.restricts('{action}')", is_so)
        for action, is_so in {"takedown": True, "label": True, "no_action": False, "uphold": False}.items()
    ],
    "comparable_words": [
        (words, f"core.comparable_words('{words}')", comparable_words(words))
        for words in ("Pony Diffusion V6-XL", "pony_diffusion  v6.xl", "OnomaAIResearch/Illustrious-XL-v1.0", "")
    ],
    "says_a_base_model": [
        *((words, f"core.says_a_base_model('{words}')", True) for words in ("SDXL 1.0", "Flux.3", "somebody/other")),
        *((words, f"core.says_a_base_model('{words}')", False) for words in ("Other", " un_known ", "", " - ")),
        ("nothing", "core.says_a_base_model(null)", False),
        *(
            (f"the table: {words}", f"core.says_a_base_model('{words}')", False)
            for words in json.loads(CLAIMS.read_text())["says nothing"]
        ),
    ],
    "signal_severity": [
        ("a notice by its category", "core.signal_severity('notice', 'ncii')", 0.95),
        ("another notice", "core.signal_severity('notice', 'other')", 0.3),
        ("a copy by its kind", "core.signal_severity('removed_duplicate', 'same_effect')", 0.6),
        ("a guess weighs little", "core.signal_severity('removed_duplicate', 'trained_alike')", 0.2),
        ("a kind is not needed", "core.signal_severity('overpowering', null)", 0.3),
        ("no signal", "core.signal_severity('nothing', null)", None),
    ],
    "jackknife_se": [
        ("of means it is the standard error of the mean", "round(core.jackknife_se([4.0, 3.5, 3.0]), 9)", 0.577350269),
        ("the same estimate always", "core.jackknife_se([0.5, 0.5, 0.5])", 0.0),
        ("undefined estimates are left out", "core.jackknife_se([0.5, null, 0.5])", 0.0),
        ("one estimate has none", "core.jackknife_se([0.5])", None),
        ("none has none", "core.jackknife_se([]::double[])", None),
    ],
    "direction_cosine_lower": [
        ("perfect agreement", "core.direction_cosine_lower(1.0, 0.0, 10)", 1.0),
        ("the formula", "round(core.direction_cosine_lower(0.2, 0.0, 16), 9)", 0.894427191),
        ("two standard errors lower", "round(core.direction_cosine_lower(0.3, 0.05, 16), 9)", 0.894427191),
        ("no direction is shown", "core.direction_cosine_lower(0.05, 0.03, 30)", 0.0),
        ("against each other", "core.direction_cosine_lower(-0.2, 0.01, 30)", 0.0),
        ("unknown error", "core.direction_cosine_lower(0.5, null, 1)", None),
    ],
    "prompt_retention": [
        # One pair for each of two prompts. y = (0), (2); x = y + 1: the prompt shows as before.
        ("moved, prompt kept", "core.prompt_retention(10.0, 4.0, [2.0::double], [1.0::double], 2, 2)", 1.0),
        # x = (0), (1): half the distance, a quarter of the variation.
        ("half as far apart", "core.prompt_retention(1.0, 4.0, [0.5::double], [1.0::double], 2, 2)", 0.25),
        # x = 5 whatever the prompt.
        ("the same image always", "core.prompt_retention(50.0, 4.0, [5.0::double], [1.0::double], 2, 2)", 0.0),
        # x = -y
        ("turned round", "core.prompt_retention(4.0, 4.0, [-1.0::double], [1.0::double], 2, 2)", 1.0),
        ("one prompt has none", "core.prompt_retention(2.0, 2.0, [1.0::double], [1.0::double], 2, 1)", None),
        ("the baseline does not differ", "core.prompt_retention(2.0, 2.0, [1.0::double], [1.0::double], 2, 2)", None),
    ],
    "status": [
        ("good", "core.status('measured', 5, 0.3, 0.9, 9.8, 1.0, 0.04, 0.5)", "ok"),
        ("no thresholds", "core.status('measured', 0, -1, 0, null, null, null, null)", "ok"),
        ("failed", "core.status('failed', null, null, null, 9.8, 1.0, 0.04, 0.5)", "failed"),
        ("unpatched", "core.status('unpatched', null, null, null, 9.8, 1.0, 0.04, 0.5)", "unpatched"),
        ("degenerate goes before weak", "core.status('degenerate', 0.1, 0.0, null, 9.8, 1.0, 0.04, 0.5)", "degenerate"),
        ("weak goes before erratic", "core.status('measured', 0.1, 0.0, 1.0, 9.8, 1.0, 0.04, 0.5)", "no_effect"),
        ("strong and deaf", "core.status('measured', 12, 0.5, 0.1, 9.8, 1.0, 0.04, 0.5)", "overpowering"),
        ("strong and obedient", "core.status('measured', 12, 0.5, 0.9, 9.8, 1.0, 0.04, 0.5)", "ok"),
        (
            "strong, retention does not count",
            "core.status('measured', 12, 0.5, 0.9, 9.8, 1, 0.04, null)",
            "overpowering",
        ),
        ("strong and erratic", "core.status('measured', 12, 0.0, 0.1, 9.8, 1.0, 0.04, 0.5)", "overpowering"),
        ("strong, obedient and erratic", "core.status('measured', 12, 0.0, 0.9, 9.8, 1.0, 0.04, 0.5)", "inconsistent"),
        ("erratic", "core.status('measured', 5, 0.0, 0.9, 9.8, 1.0, 0.04, 0.5)", "inconsistent"),
        ("consistency undefined", "core.status('measured', 5, null, 0.9, 9.8, 1.0, 0.04, 0.5)", "inconsistent"),
        ("exactly at the limits", "core.status('measured', 9.8, 0.04, 0.5, 9.8, 9.8, 0.04, 0.5)", "ok"),
    ],
}


QUERY_TEXT = duckdb.connect()
QUERY_TEXT.execute("create schema core")
QUERY_TEXT.execute((sql_folder() / "macros" / "50_query_text.sql").read_text(encoding="utf-8"))

#: Macros that give no value: tested by what they raise.
RAISING = {"encode_query"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [pytest.param(e, x, id=f"{macro}: {case}") for macro, cases in CASES.items() for case, e, x in cases],
)
def test_macro(con: duckdb.DuckDBPyConnection, expression: str, expected: Any) -> None:
    ((value,),) = [row.values() for row in answer(con, f"select {expression} as value")]
    assert value == expected


@pytest.mark.parametrize(
    ("text", "said"), [("it's night", "no query vector of 'it's night' is stored.*carlos queries"), ("", "empty")]
)
def test_plain_duckdb_says_that_it_cannot_encode(con: duckdb.DuckDBPyConnection, text: str, said: str) -> None:
    with pytest.raises(duckdb.InvalidInputException, match=said):
        answer(con, "select encode_query($text, 'p')", {"text": text})


@given(text=st.text(st.sampled_from("ae\u0301\u1100\u1161 \t\x0b\x1c\x85\xa0\u2028\u3000\u200b\ufeff-"), max_size=12))
def test_a_text_is_looked_up_as_it_is_kept(text: str) -> None:
    """SQL and Python bring a text to the same form, or the vector that one keeps would not be found by the other."""
    kept = " ".join(unicodedata.normalize("NFC", text).split())
    assert QUERY_TEXT.execute("select core.query_text($1)", [text]).fetchall() == [(kept,)]
