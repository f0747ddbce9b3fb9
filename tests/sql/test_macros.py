"""Macros of sql/macros on values given and expected."""

from typing import Any

import duckdb
import pytest

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


@pytest.mark.parametrize(
    ("expression", "expected"),
    [pytest.param(e, x, id=f"{macro}: {case}") for macro, cases in CASES.items() for case, e, x in cases],
)
def test_macro(con: duckdb.DuckDBPyConnection, expression: str, expected: Any) -> None:
    ((value,),) = [row.values() for row in answer(con, f"select {expression} as value")]
    assert value == expected
