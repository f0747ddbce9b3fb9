"""Representations and differences by prompt, on embeddings of every awkward kind.

The SQL is held against the definitions, and what the commit computes against the SQL: they agree to the last bit.
"""

import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles
from carlos_tasks.commit.representations import Measured, measured_loras
from carlos_tasks.errors import PermanentError
from carlos_tasks.lake.shards import SHARD_SCHEMA, UnreadableShard, write_shard
from carlos_tasks.lake.sql_files import sql_files
from carlos_tasks.lake.statements import answer_of
from carlos_tasks.representation.pairs import Embeddings as Side
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE, shard_key

Pair = tuple[str, int]
Embeddings = dict[Pair, list[float] | None]


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables and macros of `core`, without a catalog around them."""
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as carlos; use carlos; create schema core; create schema mart")
        con.execute(
            "create table shard_row (profile_id varchar, lora_id varchar, prompt_id varchar, seed integer, "
            "embedding float[], flag varchar)"
        )
        for file in sql_files():
            if file.path.endswith(("core_representation.sql", "core_prompt_difference.sql")):
                con.execute(re.sub(r"alter table [\w.]+ reset partitioned by", "-- ", file.text))
            elif file.path.startswith("macros/"):
                con.execute(file.text)
        yield con


def represent(
    con: duckdb.DuckDBPyConnection,
    base: Embeddings,
    loras: dict[str, Embeddings],
    flags: dict[tuple[str, Pair], str] | None = None,
    order: int = 0,
) -> dict[str, dict[str, Any]]:
    """The representations by the SQL and by the commit, from rows and shards in an order of choice; both are one.

    The differences by prompt are in the table core.prompt_difference then, of degenerate LoRAs too.
    """
    pairs = [
        {
            "profile_id": "p",
            "lora_id": lora_id,
            "prompt_id": prompt_id,
            "seed": seed,
            "embedding": embedding,
            "flag": (flags or {}).get((lora_id, (prompt_id, seed))),
        }
        for lora_id, pairs in {"base": base, **loras}.items()
        for (prompt_id, seed), embedding in pairs.items()
    ]
    np.random.default_rng(order).shuffle(pairs)
    schema = pa.schema(
        [(name, pa.string()) for name in ("profile_id", "lora_id", "prompt_id", "flag")]
        + [("seed", pa.int32()), ("embedding", pa.list_(pa.float32()))]
    )
    con.execute("delete from shard_row; delete from core.prompt_difference")
    con.register("given_rows", pa.Table.from_pylist(pairs, schema=schema))
    con.execute("insert into shard_row by name from given_rows")
    asked = {"profile_id": "p", "lora_ids": list(loras)}
    found = answer_of(con, "ask/verification/representation", asked).to_pylist()
    differences = answer_of(con, "ask/verification/prompt_difference", asked)
    con.execute("insert into core.prompt_difference by name from differences")
    measured = {row["lora_id"] for row in found if row["measured"] == "measured"}
    by_commit = committed(pairs, list(loras), cut=order + 2)
    assert by_commit[0] == [repr(row) for row in found]
    assert by_commit[1] == [repr(row) for row in differences.to_pylist() if row["lora_id"] in measured]
    return {row["lora_id"]: row for row in found}


def committed(pairs: list[dict[str, Any]], lora_ids: list[str], cut: int) -> tuple[list[str], list[str]]:
    """The rows that the commit computes from shards of so many of these pairs each, as text that holds every bit."""
    with tempfile.TemporaryDirectory() as folder:
        found = list(loras_of_shards(folder, pairs, lora_ids, cut))
    own = [
        [repr({"profile_id": "p", **row}) for table in tables for row in table.to_pylist()]
        for tables in ([lora.representation for lora in found], [lora.differences for lora in found])
    ]
    return own[0], own[1]


def loras_of_shards(folder: str, pairs: list[dict[str, Any]], lora_ids: list[str], cut: int) -> Iterator[Measured]:
    """Write the pairs as shards in the order given, and compute what they come to."""
    store = open_store(folder)
    keys: dict[str, list[str]] = {lora_id: [] for lora_id in (BASELINE, *lora_ids)}
    for lora_id, its in keys.items():
        own = [
            row | {"embedding": None if row["embedding"] is None else np.array(row["embedding"], np.float32)}
            for row in pairs
            if row["lora_id"] == lora_id
        ]
        for start in range(0, len(own), cut):
            its.append(shard_key("p", lora_id, len(its)))
            write_shard(store, its[-1], own[start : start + cut])
    yield from measured_loras(store, keys.pop(BASELINE), keys)


def by_prompt(con: duckdb.DuckDBPyConnection, lora_id: str) -> dict[str, tuple[int, list[float]]]:
    """Number of pairs and mean difference by prompt, as the last `represent` left them."""
    rows = con.execute(
        "select prompt_id, n_pairs, difference from core.prompt_difference where lora_id = ? order by prompt_id",
        [lora_id],
    ).fetchall()
    return {prompt_id: (n_pairs, difference) for prompt_id, n_pairs, difference in rows}


def embeddings(values: Doubles, seeds: int) -> Embeddings:
    """Rows of a matrix as embeddings of prompts with so many seeds each."""
    return {(f"p{n // seeds}", n % seeds): row.tolist() for n, row in enumerate(values.astype(np.float32))}


def differences(base: Embeddings, lora: Embeddings) -> Doubles:
    """Pair by key, in float64."""
    rows = [np.array(x, np.float64) - np.array(base[pair], np.float64) for pair, x in sorted(lora.items())]
    return np.array(rows)


def consistency_nxn(v: Doubles) -> float | None:
    """The definition: the mean of all pairwise cosines of the differences that are not zero."""
    v = v[np.linalg.norm(v, axis=1) > 0]
    if len(v) < 2:
        return None
    units = v / np.linalg.norm(v, axis=1, keepdims=True)
    cosines = units @ units.T
    return float(cosines[np.triu_indices(len(v), k=1)].mean())


def jackknife(estimates: list[float | None]) -> float | None:
    """Standard error from delete-one estimates, as the textbook writes it."""
    known = np.array([e for e in estimates if e is not None])
    n = len(known)
    return float(np.sqrt((n - 1) / n * ((known - known.mean()) ** 2).sum())) if n >= 2 else None


def random_index(seed: int, prompts: int, seeds: int, dimension: int) -> tuple[Embeddings, Embeddings]:
    """A baseline and a LoRA with an effect and noise."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(prompts * seeds, dimension))
    lora = base + 0.4 * rng.normal(size=dimension) + 0.5 * rng.normal(size=base.shape)
    return embeddings(base, seeds), embeddings(lora, seeds)


@pytest.mark.parametrize(
    ("prompts", "seeds", "dimension"), [(30, 4, 64), (5, 3, 8), (6, 1, 8), (4, 5, 512), (2, 9, 3), (2, 1, 1)]
)
def test_a_representation_is_what_the_definitions_say(
    con: duckdb.DuckDBPyConnection, prompts: int, seeds: int, dimension: int
) -> None:
    base, lora = random_index(1, prompts, seeds, dimension)
    row = represent(con, base, {"a": lora})["a"]
    v = differences(base, lora)
    lengths = np.linalg.norm(v, axis=1)
    assert row["measured"] == "measured"
    assert (row["n_pairs"], row["n_prompts"], row["n_zero"], row["n_flagged"]) == (prompts * seeds, prompts, 0, 0)
    np.testing.assert_allclose(row["direction"], v.mean(axis=0), rtol=1e-5, atol=1e-6)
    assert row["strength"] == pytest.approx(lengths.mean(), rel=1e-9)
    assert row["consistency"] == pytest.approx(consistency_nxn(v), abs=1e-6)

    prompt_of = np.array([int(p.removeprefix("p")) for p, _ in sorted(lora)])
    left_out = [v[prompt_of != p] for p in range(prompts)]
    strength_se = jackknife([float(np.linalg.norm(part, axis=1).mean()) for part in left_out])
    assert row["strength_se"] == pytest.approx(strength_se, rel=1e-6, abs=1e-9)
    consistency_se = jackknife([consistency_nxn(part) for part in left_out])
    if consistency_se is None:
        assert row["consistency_se"] is None
    else:
        assert row["consistency_se"] == pytest.approx(consistency_se, rel=1e-5, abs=1e-7)

    y = np.array([base[pair] for pair in sorted(base)])
    x = y + v
    assert row["prompt_retention"] == pytest.approx(spread(x, prompt_of) / spread(y, prompt_of), rel=1e-6)


def spread(x: Doubles, prompt_of: NDArray[np.int64]) -> float:
    """How far the prompts' mean vectors lie from the mean of all, squared and weighted by their pairs."""
    return sum(
        (prompt_of == p).sum() * float(((x[prompt_of == p].mean(axis=0) - x.mean(axis=0)) ** 2).sum())
        for p in np.unique(prompt_of)
    )


vectors = st.lists(st.floats(-8, 8, width=32), min_size=3, max_size=3)
# Few prompts, seeds and whole vectors drawn again: duplicates, zero differences and single pairs are common.
indexes = st.dictionaries(st.tuples(st.sampled_from(["p1", "p2", "p3"]), st.integers(0, 5)), vectors, min_size=1)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(base=indexes, data=st.data())
def test_consistency_and_strength_hold_for_any_embeddings(
    con: duckdb.DuckDBPyConnection, base: Embeddings, data: st.DataObject
) -> None:
    same = st.sampled_from(list(base.values()))
    lora: Embeddings = {pair: data.draw(same | vectors, label=str(pair)) for pair in base}
    # A broken image has no feature, or one that is not a number; its pair counts nowhere.
    broken = data.draw(st.sets(st.sampled_from(list(base))), label="broken")
    shown = {
        pair: data.draw(st.sampled_from([None, [float("nan")] * 3])) if pair in broken else lora[pair] for pair in lora
    }
    flags = {("a", pair): "nan" for pair in broken}
    row = represent(con, base, {"a": shown}, flags=flags, order=data.draw(st.integers(0, 3)))["a"]
    assert row["n_flagged"] == len(broken)
    assert row["measured"] == ("degenerate" if 2 * len(broken) > len(base) else "measured")
    whole = {pair: embedding for pair, embedding in lora.items() if pair not in broken}
    prompts = by_prompt(con, "a")
    assert {p: n for p, (n, _) in prompts.items()} == Counter(prompt for prompt, _ in whole)
    if not whole:
        assert (row["strength"], row["consistency"], row["direction"]) == (None, None, None)
        return
    v = differences(base, whole)
    lengths = np.linalg.norm(v, axis=1)
    assert row["n_zero"] == int((lengths == 0).sum())
    assert row["strength"] == pytest.approx(float(lengths.mean()), rel=1e-6, abs=1e-12)
    expected = consistency_nxn(v)
    if expected is None:
        assert row["consistency"] is None
    else:
        assert row["consistency"] == pytest.approx(expected, abs=1e-6)
    weighted = sum(n * np.array(d, np.float64) for n, d in prompts.values()) / len(v)
    np.testing.assert_allclose(weighted, v.mean(axis=0), atol=1e-5)
    if row["measured"] == "measured":
        np.testing.assert_allclose(row["direction"], weighted, atol=2e-6)


def test_the_same_embeddings_give_the_same_bits(con: duckdb.DuckDBPyConnection) -> None:
    base, lora = random_index(2, 40, 5, 96)
    _, other = random_index(3, 40, 5, 96)
    con.execute("set threads = 2")
    alone = represent(con, base, {"a": lora}, order=1)["a"]
    con.execute("set threads = 1")
    together = represent(con, base, {"0": other, "a": lora, "z": lora}, order=2)
    assert together["a"] == alone
    assert together["z"] == alone | {"lora_id": "z"}
    assert together["0"] != alone


def test_what_a_lora_does_to_each_prompt(con: duckdb.DuckDBPyConnection) -> None:
    base: Embeddings = {("p1", 0): [1.0, 1.0], ("p1", 1): [2.0, 0.0], ("p2", 0): [0.0, 0.0], ("p3", 0): [5.0, 5.0]}
    lora: Embeddings = {("p1", 0): [4.0, 1.0], ("p1", 1): [3.0, 2.0], ("p2", 0): None, ("p3", 0): [5.0, 6.0]}
    flags: dict[tuple[str, Pair], str] = {("a", ("p2", 0)): "nan"}
    represent(con, base, {"a": lora, "b": base}, flags=flags)
    assert by_prompt(con, "a") == {"p1": (2, [2.0, 1.0]), "p3": (1, [0.0, 1.0])}
    assert set(by_prompt(con, "b")) == {"p1", "p2", "p3"}
    represent(con, base, {"a": lora}, flags=flags | {("base", ("p1", 1)): "black", ("base", ("p3", 0)): "black"})
    assert by_prompt(con, "a") == {"p1": (1, [3.0, 0.0])}


def test_the_same_embeddings_give_the_same_bits_by_prompt(con: duckdb.DuckDBPyConnection) -> None:
    base, lora = random_index(1, 20, 7, 64)
    con.execute("set threads = 2")
    represent(con, base, {"a": lora}, order=1)
    alone = by_prompt(con, "a")
    con.execute("set threads = 1")
    represent(con, base, {"0": base, "a": lora}, order=2)
    assert by_prompt(con, "a") == alone


def test_a_flag_on_either_side_leaves_the_pair_out(con: duckdb.DuckDBPyConnection) -> None:
    base, lora = random_index(4, 6, 3, 8)
    flagged: dict[tuple[str, Pair], str] = {("base", ("p1", 0)): "black", ("a", ("p2", 1)): "nan"}
    with_flags = represent(con, base, {"a": lora | {("p2", 1): None}}, flags=flagged)["a"]
    kept = {pair: e for pair, e in lora.items() if pair not in {("p1", 0), ("p2", 1)}}
    without = represent(con, base, {"a": kept})["a"]
    assert (with_flags["n_flagged"], without["n_flagged"]) == (2, 0)
    assert with_flags | {"n_flagged": 0} == without


def test_a_nan_that_is_flagged_reaches_no_number(con: duckdb.DuckDBPyConnection) -> None:
    base, lora = random_index(4, 6, 3, 8)
    row = represent(con, base, {"a": lora | {("p0", 0): [float("nan")] * 8}}, flags={("a", ("p0", 0)): "nan"})["a"]
    numbers = [row["strength"], row["consistency"], row["consistency_se"], row["prompt_retention"], *row["direction"]]
    assert np.isfinite(numbers).all()


def test_more_than_half_flagged_is_degenerate(con: duckdb.DuckDBPyConnection) -> None:
    base, lora = random_index(5, 2, 2, 4)
    pairs = sorted(base)
    half = represent(con, base, {"a": lora}, flags={("a", p): "black" for p in pairs[:2]})["a"]
    assert (half["measured"], half["n_flagged"], half["direction"] is None) == ("measured", 2, False)
    more = represent(con, base, {"a": lora}, flags={("a", p): "black" for p in pairs[:3]})["a"]
    assert (more["measured"], more["n_flagged"], more["direction"]) == ("degenerate", 3, None)
    everything = represent(con, base, {"a": lora}, flags={("a", p): "nan" for p in pairs})["a"]
    assert (everything["measured"], everything["n_pairs"], everything["n_flagged"]) == ("degenerate", 0, 4)
    assert (everything["strength"], everything["consistency"], everything["strength_se"]) == (None, None, None)


def test_no_difference_at_all(con: duckdb.DuckDBPyConnection) -> None:
    base, _ = random_index(6, 3, 2, 4)
    row = represent(con, base, {"a": base})["a"]
    assert (row["strength"], row["n_zero"], row["n_pairs"]) == (0.0, 6, 6)
    assert (row["consistency"], row["consistency_se"], row["direction_cosine_lower"]) == (None, None, None)
    assert row["direction"] == [0.0] * 4
    assert row["prompt_retention"] == pytest.approx(1.0)


def test_one_pair_has_strength_and_no_consistency(con: duckdb.DuckDBPyConnection) -> None:
    row = represent(con, {("p", 0): [0.0, 0.0]}, {"a": {("p", 0): [3.0, 4.0]}})["a"]
    assert (row["strength"], row["consistency"], row["strength_se"], row["prompt_retention"]) == (5.0, None, None, None)
    assert row["direction"] == [3.0, 4.0]


def test_the_same_image_whatever_the_prompt_retains_nothing(con: duckdb.DuckDBPyConnection) -> None:
    base, _ = random_index(7, 5, 2, 4)
    row = represent(con, base, {"a": {pair: [1.0, 2.0, 3.0, 4.0] for pair in base}})["a"]
    assert row["prompt_retention"] == pytest.approx(0.0, abs=1e-8)


def test_pairs_without_a_baseline_do_not_count(con: duckdb.DuckDBPyConnection) -> None:
    base, lora = random_index(8, 3, 2, 4)
    row = represent(con, base, {"a": lora | {("stranger", 0): [9.0] * 4, ("p0", 99): [9.0] * 4}})["a"]
    assert row == represent(con, base, {"a": lora})["a"]


def test_only_the_loras_asked_for_are_computed(con: duckdb.DuckDBPyConnection) -> None:
    base, lora = random_index(9, 3, 2, 4)
    assert set(represent(con, base, {"a": lora, "b": {}})) == {"a"}
    for asked in ({"profile_id": "p", "lora_ids": ["b", "b"]}, {"profile_id": "other", "lora_ids": ["a"]}):
        assert len(answer_of(con, "ask/verification/representation", asked)) == 0


@pytest.mark.parametrize(
    ("dimension", "pull", "noise", "most_too_high"),
    [(32, 0.0, 1.5, 0), (32, 1.5, 0.5, 12), (512, 4.0, 1.0, 12)],
    ids=["seeds are independent", "prompts pull", "prompts pull hard"],
)
def test_the_lower_bound_is_rarely_above_the_truth(
    con: duckdb.DuckDBPyConnection, dimension: int, pull: float, noise: float, most_too_high: int
) -> None:
    """Simulated: a true direction, prompts that pull their own way, seeds that repeat their prompt."""
    rng = np.random.default_rng(10)
    truth = rng.normal(size=dimension)
    base = np.zeros((60, dimension))
    loras = {}
    for number in range(60):
        own_way = np.repeat(pull * rng.normal(size=(20, dimension)), 3, axis=0)
        loras[str(number)] = embeddings(truth + own_way + noise * rng.normal(size=base.shape), 3)
    rows = represent(con, embeddings(base, 3), loras)
    truth /= np.linalg.norm(truth)
    excess = np.array(
        [
            r["direction_cosine_lower"] - np.dot(r["direction"], truth) / np.linalg.norm(r["direction"])
            for r in rows.values()
        ]
    )
    assert (excess > 0).sum() <= most_too_high
    assert excess.max() < 0.02
    assert min(r["direction_cosine_lower"] for r in rows.values()) > 0.4


# What the exact sums hold, from the smallest float upwards.
components = st.one_of(
    st.sampled_from([0.0, -0.0, 1e-45, -1e-38, 2.0**-33, 2.0**-32, -(2.0**-31), 1.0, 100.0, -100.0]),
    st.floats(-100, 100, width=32),
)
hostile_vectors = st.lists(components, min_size=5, max_size=5)
hostile_pairs = st.tuples(
    st.sampled_from(["", "p1", "p10", "p2", "é"]), st.sampled_from([-7, 0, 1, 2, 3, 5, 8, 2**31 - 1])
)
hostile_indexes = st.dictionaries(hostile_pairs, hostile_vectors, min_size=1, max_size=24)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(base=hostile_indexes, data=st.data())
def test_the_commit_computes_what_the_sql_does(
    con: duckdb.DuckDBPyConnection, base: Embeddings, data: st.DataObject
) -> None:
    """Pairs that are missing or flagged on either side, uneven seeds, LoRAs without a pair: `represent` compares."""
    loras: dict[str, Embeddings] = {}
    for lora_id in data.draw(st.sampled_from([["a"], ["a", "b"]])):
        shared = data.draw(st.dictionaries(st.sampled_from(sorted(base)), hostile_vectors | st.none()))
        strangers: Embeddings = data.draw(st.dictionaries(hostile_pairs, hostile_vectors, max_size=3))
        own = {pair: base[pair] if embedding is None else embedding for pair, embedding in shared.items()}
        loras[lora_id] = {**strangers, **own}
    places = [(lora_id, pair) for lora_id, its in {"base": base, **loras}.items() for pair in sorted(its)]
    flags = data.draw(st.dictionaries(st.sampled_from(places), st.sampled_from(["black", "constant"]), max_size=8))
    represent(con, base, loras, flags=flags, order=data.draw(st.integers(0, 9)))


def rows_of(lora_id: str, embeddings: Embeddings) -> list[dict[str, Any]]:
    """Embeddings as rows of shards."""
    return [
        {"lora_id": lora_id, "prompt_id": prompt_id, "seed": seed, "embedding": embedding, "flag": None}
        for (prompt_id, seed), embedding in embeddings.items()
    ]


def test_beyond_what_exact_sums_hold_the_order_of_the_shards_does_not_matter() -> None:
    """There the SQL adds in an order of its own, and two runs of it may differ in the last bit."""
    rng = np.random.default_rng(12)
    base, lora = (embeddings(rng.uniform(-(2.0**20), 2.0**20, size=(35, 6)), 5) for _ in range(2))
    rows = rows_of(BASELINE, base) + rows_of("a", lora)
    assert committed(rows, ["a"], 100) == committed(rows[::-1], ["a"], 4)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows[1:] + rows[:1] * 2, r"LoRA a .*stands twice in its shards"),
        (lambda rows: [row | {"embedding": [1.0, 2.0]} for row in rows], r"have 2 dimensions, and those .* 4"),
        (lambda rows: [rows[0] | {"embedding": [1.0, 2.0]}, *rows[1:]], r"embeddings of 2 and of 4 dimensions"),
    ],
    ids=["a pair twice", "another dimension", "mixed dimensions"],
)
def test_shards_that_cannot_be_used_are_named(spoil: Any, message: str) -> None:
    base, lora = random_index(13, 2, 2, 4)
    rows = rows_of(BASELINE, base) + spoil(rows_of("a", lora))
    with pytest.raises(PermanentError, match=message):
        committed(rows, ["a"], 1)
    swapped = [row | {"lora_id": BASELINE if row["lora_id"] == "a" else "a"} for row in rows]
    with pytest.raises(PermanentError, match="baseline"):
        committed(swapped, ["a"], 1)


def test_a_row_without_an_embedding_and_without_a_flag_is_no_shard() -> None:
    columns = {"prompt_id": ["p"], "seed": [0], "embedding": [None], "flag": [None]}
    table = pa.table(columns, schema=pa.schema([SHARD_SCHEMA.field(name) for name in columns]))
    with pytest.raises(UnreadableShard, match="no embedding"):
        Side.of_tables([table])
