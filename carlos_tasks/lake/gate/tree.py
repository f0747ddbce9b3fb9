"""What a statement names, found in the tree of DuckDB's own parser.

`json_serialize_sql` writes a SELECT as JSON: the tree that DuckDB would run. FROM-first, VALUES, DESCRIBE, SUMMARIZE
and SHOW are SELECTs too. A node of a kind that is not known here is refused: it may name something in a way that nobody
saw.
"""

import json
from collections.abc import Iterator
from typing import Any

import duckdb

from carlos_tasks.errors import StatementRefused
from carlos_tasks.lake.gate.names import Kind, Named
from carlos_tasks.lake.quoting import literal

Tree = dict[str, Any]

_EXPRESSIONS = frozenset(
    [
        "BETWEEN",
        "CASE",
        "CAST",
        "COLLATE",
        "COLUMN_REF",
        "COMPARISON",
        "CONJUNCTION",
        "CONSTANT",
        "DEFAULT",
        "FUNCTION",
        "LAMBDA",
        "LAMBDA_REF",
        "OPERATOR",
        "PARAMETER",
        "POSITIONAL_REFERENCE",
        "STAR",
        "SUBQUERY",
        "TYPE",
        "WINDOW",
    ]
)
_NODES = frozenset(
    # queries
    [
        "SELECT_NODE",
        "SET_OPERATION_NODE",
        "RECURSIVE_CTE_NODE",
        "CTE_NODE",
        "BASE_TABLE",
        "EMPTY",
        "EXPRESSION_LIST",
        "JOIN",
        "PIVOT",
        "SHOW_REF",
        "SUBQUERY",
        "TABLE_FUNCTION",
        "ORDER_MODIFIER",
        "LIMIT_MODIFIER",
        "LIMIT_PERCENT_MODIFIER",
        "DISTINCT_MODIFIER",
        "ASCENDING",
        "DESCENDING",
        "ORDER_DEFAULT",
    ]
)


def parsed(con: duckdb.DuckDBPyConnection, text: str) -> Tree:
    """The tree of a text: `statements` if each is a SELECT, or else `error` and `error_type`.

    Nothing is run or looked up: DuckDB only reads the text.

    Raises:
        StatementRefused: it is nested too deeply, or holds a NUL.
    """
    if "\0" in text:
        raise StatementRefused("the statement holds a NUL: no SQL has one")
    # Not bound: for its first bound value DuckDB imports pandas, half of the start-up.
    (written,) = con.execute(f"select json_serialize_sql({literal(text)})").fetchall()[0]
    try:
        tree: Tree = json.loads(written)
    except RecursionError:
        raise StatementRefused("the statement is nested too deeply: write it in steps (WITH …)") from None
    return tree


def names_in(tree: Any) -> Iterator[Named]:
    """Every table, function and type that a tree names.

    Raises:
        StatementRefused: a part of the statement is of a kind that the gate does not know.
    """
    rest: list[Any] = [tree]
    while rest:
        node = rest.pop()
        if isinstance(node, list):
            rest.extend(node)
        elif isinstance(node, dict):
            _known(node)
            is_table_function = node.get("type") == "TABLE_FUNCTION" and "class" not in node
            called = node["function"] if is_table_function else node
            named = _named(called, is_table_function)
            if named is not None:
                yield named
            rest += [value for value in node.values() if value is not called]
            rest += called.values() if is_table_function else ()


def _known(node: Tree) -> None:
    kind = node.get("class") or node.get("type")
    known = _EXPRESSIONS if "class" in node else _NODES
    # The other values of "type" are dictionaries: types of constants and casts.
    if isinstance(kind, str) and kind not in known and not kind.endswith("_TYPE_INFO"):
        raise StatementRefused(f"the gate does not know the part {kind} of the statement: write it another way")


def _named(node: Tree, is_table_function: bool) -> Named | None:
    kind = node.get("type")
    if "class" in node:
        if not node.get("function_name"):
            return None
        of: Kind = "table function" if is_table_function else "function"
        return Named(of, node["catalog"], node["schema"], node["function_name"])
    if kind == "BASE_TABLE":
        return Named("table", node["catalog_name"], node["schema_name"], node["table_name"])
    if kind == "SHOW_REF" and node["query"] is None:
        return Named("list", node["catalog_name"], node["schema_name"], node["table_name"])
    if kind == "UNBOUND_TYPE_INFO":
        return Named("type", node.get("catalog", ""), node.get("schema", ""), node["name"])
    return None
