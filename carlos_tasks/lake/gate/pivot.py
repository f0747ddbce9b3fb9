"""PIVOT whose columns come from the data.

    pivot mart.lora on status using count(*) group by profile_id

DuckDB runs that as two statements: it makes a type of the values of `status`, then asks. It gives no tree of either. So
the gate does the same in the open. It writes a made-up value behind each column (`on status in ('…')`): now it is one
SELECT with a tree. It asks for the values by parts of that tree, and runs the text with a type of these values in the
place of the made-up one. What runs is what was checked.
"""

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import duckdb

from carlos_tasks.lake.gate.tree import Tree, parsed
from carlos_tasks.lake.gate.words import Word, depths, words_of
from carlos_tasks.lake.quoting import literal

_VALUES = "select cast(asked as varchar) as value from asked"
_ENDS = frozenset({"using", "group", "order", "limit", "offset", "union", "except", "intersect", ";"})


def with_values(con: duckdb.DuckDBPyConnection, text: str, check: Callable[[Tree], None]) -> str | None:
    """The statement with the values of its PIVOTs as types; None if it has no PIVOT whose columns the gate finds.

    Args:
        con: the connection that the statement is for; it gets a temporary type for each list of values.
        text: a statement of which DuckDB gives no tree.
        check: raises StatementRefused where a tree names what is not allowed.
    """
    places = _places(text)
    names = [f"carlos_pivot_{secrets.token_hex(8)}" for _ in places]
    tree = parsed(con, _filled(text, places, [f"('{name}')" for name in names])) if places else {"error": True}
    if tree["error"]:
        return None
    check(tree)
    for node, ctes in list(_pivots(tree, {})):
        _put_types(con, node, ctes, set(names))
    filled = _filled(text, places, names)
    check(parsed(con, filled))
    return filled


def _places(text: str) -> list[int]:
    """Where `in …` has to stand, in bytes: behind each column of an ON that names no values."""
    words = words_of(text)
    depth = depths(words)
    found: list[int] = []
    for number, word in enumerate(words):
        if word.text in {"pivot", "pivot_wider"} and word.kind == "keyword":
            found += _places_of(words, depth, number, len(text.encode()))
    return found


def _places_of(words: list[Word], depth: list[int], number: int, end: int) -> Iterator[int]:
    """The places of the PIVOT that is the word of this number."""
    is_on = has_values = False
    for at in range(number + 1, len(words)):
        word, here = words[at], depth[at]
        is_end = here < depth[number] or (here == depth[number] and word.text in _ENDS and word.kind != "identifier")
        is_next = here == depth[number] and word.text == "," and word.kind == "operator"
        if is_on and (is_end or is_next) and not has_values:
            yield word.start
        if is_end:
            return
        if here == depth[number] and word.kind == "keyword":
            is_on |= word.text == "on"
            has_values |= word.text == "in"
        has_values &= not is_next
    if is_on and not has_values:
        yield end


def _filled(text: str, places: list[int], values: list[str]) -> str:
    """The text with `in` and values at these places, each on a line of its own, out of reach of a comment."""
    content, parts, before = text.encode(), [], 0
    for place, value in sorted(zip(places, values, strict=True)):
        parts += [content[before:place], f"\n in {value} ".encode()]
        before = place
    return b"".join([*parts, content[before:]]).decode()


def _pivots(node: Any, ctes: dict[str, Any]) -> Iterator[tuple[Tree, dict[str, Any]]]:
    """The PIVOTs of a tree, inner ones first, each with what WITH names around it."""
    if isinstance(node, dict):
        within = ctes
        if node.get("cte_map"):
            within = dict(ctes)
            for entry in node["cte_map"]["map"]:
                yield from _pivots(entry["value"], within)
                within = within | {entry["key"]: entry["value"]}
        for key, value in node.items():
            if key != "cte_map":
                yield from _pivots(value, within)
        if node.get("type") == "PIVOT" and "pivots" in node:
            yield node, within
    elif isinstance(node, list):
        for value in node:
            yield from _pivots(value, ctes)


def _put_types(con: duckdb.DuckDBPyConnection, node: Tree, ctes: dict[str, Any], names: set[str]) -> None:
    """Make a type of the values of each column of a PIVOT, and name it in the tree."""
    for column in node["pivots"]:
        made_up = [value["value"] for entry in column["entries"] for value in entry.get("values", ())]
        if len(made_up) != 1 or made_up[0] not in names:
            continue
        (name,) = made_up
        values = _values(con, column["pivot_expressions"][0], node["source"], ctes)
        listed = ", ".join(map(literal, values))
        source = f"select unnest([{listed}])" if values else "select '' where false"
        con.execute(f"create temp type {name} as enum ({source})")
        column["entries"], column["pivot_enum"] = [], name


def _values(con: duckdb.DuckDBPyConnection, expression: Tree, source: Tree, ctes: dict[str, Any]) -> list[str]:
    """The values that an expression has in the source of a PIVOT, as texts, in order."""
    tree = parsed(con, _VALUES)
    query = tree["statements"][0]["node"]
    query["select_list"][0]["child"] = expression
    query["from_table"] = source
    query["cte_map"] = {"map": [{"key": key, "value": value} for key, value in ctes.items()]}
    (asked,) = con.execute(f"select json_deserialize_sql({literal(json.dumps(tree))})").fetchall()[0]
    asked = f"select distinct value from ({asked}) where value is not null order by value"  # noqa: S608
    return [value for (value,) in con.execute(asked).fetchall()]
