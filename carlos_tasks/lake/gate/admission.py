"""What the gate lets through: one statement that reads the lake, and nothing else.

What is allowed is named; everything else is refused, in one line that says what, and what is allowed.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from carlos_tasks.errors import StatementRefused
from carlos_tasks.lake.gate.files import copy_of, own_file
from carlos_tasks.lake.gate.names import Named, is_allowed, is_file, is_of_the_lake
from carlos_tasks.lake.gate.pivot import with_values
from carlos_tasks.lake.gate.tree import Tree, names_in, parsed
from carlos_tasks.lake.gate.words import Word, between, words_of

_ALLOWED = "allowed is one SELECT, FROM, WITH, VALUES, PIVOT, EXPLAIN, DESCRIBE, SUMMARIZE or SHOW"
_NAMES = {
    "table": "allowed are those of raw, core and mart, and DuckDB's lists of them, such as duckdb_columns()",
    "list": "allowed are TABLES, ALL TABLES, SCHEMAS, DATABASES and VARIABLES",
    "type": "allowed are DuckDB's own types",
    "function": "allowed are functions that read nothing but their arguments, and the lake's macros",
    "table function": "allowed are range, unnest, json_each and the like, and the lake's macros",
}
_FILES = "to read and write files of your own, ask with --with-files (in Python: with_files=True)"


class Gate:
    """The gate before one connection.

    Args:
        con: the connection that the statements are for. The lake is attached as `carlos` and in use.
        with_files: files of one's own may be read, and written by COPY.
        lake: folders and files of the lake on this machine, which no COPY may touch.
        before_macros: run once, before the first statement that calls one of the lake's macros.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        *,
        with_files: bool = False,
        lake: Sequence[Path] = (),
        before_macros: Callable[[], None] | None = None,
    ) -> None:
        self._con = con
        self._before_macros = before_macros
        self._with_files = with_files
        self._lake = [path.resolve() for path in lake]
        self._found_macros: frozenset[str] | None = None

    def admit(self, text: str) -> str:
        """The statement to run for a text: the same, or one that DuckDB needs in its place.

        Raises:
            StatementRefused: it is none, or more than one, or does or names what is not allowed.
            duckdb.ParserException: it is no SQL.
        """
        if "\0" in text:
            raise StatementRefused("the SQL holds a NUL: no statement does")
        words = words_of(text)
        _check_number(text, words)
        explained = _explained(text, words)
        prefix, rest = explained or ("", text)
        asked = self._query(rest)
        if asked is not None:
            return prefix + asked
        if self._with_files and words[0].text == "copy":
            return self._copy(text)
        raise _refusal(text, words[0], self._with_files)

    def _query(self, text: str) -> str | None:
        """The SELECT-like statement to run for a text; None if it is none."""
        tree = parsed(self._con, text)
        if not tree["error"]:
            if len(tree["statements"]) != 1:
                raise StatementRefused(f"{len(tree['statements'])} statements: ask one at a time")
            self._check(tree)
            return text
        if tree["error_type"] == "parser":
            self._con.extract_statements(text)  # says where the text is no SQL
            return None
        return with_values(self._con, text, self._check)

    def _check(self, tree: Tree) -> None:
        for named in names_in(tree):
            if not self._is_allowed(named):
                raise self._refused(named)
            if self._before_macros and is_of_the_lake(named):
                self._before_macros()
                self._before_macros = None

    def _is_allowed(self, named: Named) -> bool:
        if is_allowed(named, frozenset()) or (self._with_files and is_file(named)):
            return True
        return "function" in named.kind and is_allowed(named, self._macros())

    def _macros(self) -> frozenset[str]:
        """Names of the lake's own macros."""
        if self._found_macros is None:
            query = "select distinct lower(function_name) from duckdb_functions() where database_name = 'carlos'"
            self._found_macros = frozenset(name for (name,) in self._con.execute(query).fetchall())
        return self._found_macros

    def _refused(self, named: Named) -> StatementRefused:
        if is_file(named):
            return StatementRefused(f"{named} is refused: {_FILES}")
        what = {"list": "SHOW"}.get(named.kind, f"the {named.kind}")
        return StatementRefused(f"{what} {named} is refused: {_NAMES[named.kind]}")

    def _copy(self, text: str) -> str:
        copy = copy_of(text)
        asked = self._query(copy.query)
        if asked is None:
            raise _refusal(copy.query, words_of(copy.query)[0], self._with_files)
        file = str(own_file(copy.path, self._lake)).replace("'", "''")
        # The bracket stands on a line of its own: the query may end in a comment.
        return f"copy ({asked.rstrip().rstrip(';')}\n) to '{file}' {copy.options}"


def _check_number(text: str, words: Sequence[Word]) -> None:
    is_end = [word.kind == "operator" and word.text == ";" for word in words]
    if all(is_end):
        raise StatementRefused("the SQL holds no statement: write one, such as from mart.guide")
    last = max(number for number, end in enumerate(is_end) if not end)
    first = is_end.index(False)
    if any(is_end[first:last]):
        raise StatementRefused("the SQL holds several statements: ask one at a time")


def _explained(text: str, words: Sequence[Word]) -> tuple[str, str] | None:
    """EXPLAIN with its options, and the statement that it explains; None if there is none.

    No other statement begins with the word, and what is left is explained if DuckDB reads it as a SELECT.
    """
    if words[0].text != "explain":
        return None
    at = 1
    if len(words) > 3 and words[1].text == "(" and words[2].text in {"format", "analyze"}:
        at = next((number for number, word in enumerate(words) if word.text == ")"), 1) + 1
    elif len(words) > 1 and words[1].text == "analyze":
        at = 2
    if at >= len(words):
        return None
    return between(text, 0, words[at].start), between(text, words[at].start, None)


def _refusal(text: str, first: Word, with_files: bool) -> StatementRefused:
    word = first.text
    if word in {"with", "from", "(", "explain"}:
        return StatementRefused(
            f"a statement that begins with {word.upper()} and is no question is refused: {_ALLOWED}"
        )
    files = "" if word != "copy" or with_files else f"; {_FILES}"
    return StatementRefused(f"{word.upper()} is refused: {_ALLOWED}{files}")
