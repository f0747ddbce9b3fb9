"""A PIVOT through the gate gives what DuckDB's own gives."""

from collections.abc import Iterator

import duckdb
import pytest

from carlos_tasks.errors import StatementRefused
from carlos_tasks.lake.gate.pivot import with_values
from carlos_tasks.lake.gate.tree import Tree

ROWS = (
    "(values (1, 'x', 2, date '2020-01-01', true), (3, 'y', 4, null, false), (5, null, 4, null, null)) "
    "as v (a, b, c, d, e)"
)

PIVOTS = [
    "pivot t on b using sum(a)",
    "PIVOT t ON b USING sum(a) AS total, max(a) GROUP BY c ORDER BY ALL LIMIT 2;",
    "pivot t on b",
    'pivot t on "b" using sum(a)',
    "pivot t on b || c using sum(a)",
    "pivot t on (b, c) using sum(a)",
    "pivot t on upper(b) using sum(c) group by a",
    "pivot t on case when a > 1 then 'u' else 'v' end using sum(a) group by b",
    "pivot t on d using sum(a) group by b",
    "pivot t on e using sum(a) group by b",
    "pivot t on a using sum(c) group by b",
    "pivot t on b, c using sum(a), max(a) group by d",
    "pivot t on b in ('x'), c using sum(a) group by d",
    "pivot t on b -- in ('z')\n using sum(a) /* on c */ -- the end",
    "pivot t on b -- the end",
    "pivot_wider t on b using sum(a)",
    "pivot (select * from t where b is null) on b using sum(a) group by c",
    "pivot (values (1, 'it''s')) as v (a, b) on b using sum(a)",
    "pivot (from t union all from t) on b using sum(a)",
    "pivot (select 'ä' as größe, 1 as n) on größe using sum(n)",
    "pivot (pivot t on b using sum(a) group by c) on x using count(*)",
    "with u as (from t), w as (from u where a > 1) pivot w on b using sum(a)",
    "with p as (pivot t on b using sum(a) group by c) from p order by all",
    "select * from (pivot t on b using sum(a)) join (pivot t on c using sum(a)) on true",
    "from (pivot t on b using sum(a)) union all by name (pivot t on c using sum(a))",
    "select (select count(*) from (pivot t on b using sum(a))) as n",
]  # fmt: skip


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute(f"create table t as from {ROWS}")
        yield con


def answer(con: duckdb.DuckDBPyConnection, statement: str) -> tuple[list[str], list[str]]:
    asked = con.execute(statement)
    return [column[0] for column in asked.description or []], sorted(map(repr, asked.fetchall()))


@pytest.mark.parametrize("statement", PIVOTS)
def test_it_gives_what_duckdb_gives(con: duckdb.DuckDBPyConnection, statement: str) -> None:
    checked: list[Tree] = []
    written = with_values(con, statement, checked.append)
    assert written is not None and len(checked) == 2
    assert answer(con, written) == answer(con, statement)


def test_with_around_it_is_seen_within(con: duckdb.DuckDBPyConnection) -> None:
    """DuckDB itself does not find `u` here."""
    statement = "with u as (from t) from (with v as (from u) pivot v on b using sum(a) group by c) order by all"
    written = with_values(con, statement, lambda tree: None)
    assert written is not None
    assert con.execute(written).fetchall() == [(2, 1, None), (4, None, 3)]


@pytest.mark.parametrize(
    "statement",
    [
        "delete from t",
        "create table pivot_on as select 1",
        "pivot t on b in (select 'x') using sum(a)",
        "pivot t",
    ],
)
def test_what_is_no_pivot_of_this_kind_has_no_tree(con: duckdb.DuckDBPyConnection, statement: str) -> None:
    assert with_values(con, statement, lambda tree: None) is None


def test_nothing_is_asked_before_the_check(con: duckdb.DuckDBPyConnection) -> None:
    def refuse(tree: Tree) -> None:
        raise StatementRefused("no")

    with pytest.raises(StatementRefused):
        with_values(con, "pivot (select error('asked') as b) on b using count(*)", refuse)
    assert con.execute("select count(*) from duckdb_types() where type_name like 'carlos%'").fetchall() == [(0,)]
