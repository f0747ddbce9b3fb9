"""`--with-files`: reading files of one's own, and COPY of an answer to a file of one's own.

    copy (select name, strength from mart.lora) to 'loras.csv'
    copy mart.lora to 'loras.parquet' (format parquet, compression zstd)

DuckDB gives no tree of COPY, and gets none of the text that was written: the gate takes it apart, checks the query and
the path, and writes the statement anew.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from carlos_tasks.errors import StatementRefused
from carlos_tasks.lake.gate.words import Word, between, depths, words_of

HOW = "COPY in this form is refused: write COPY (SELECT …) TO 'file.csv', or .json, .parquet, with options in brackets"
_OPTIONS = frozenset(
    [
        "format",
        "header",
        "delimiter",
        "delim",
        "sep",
        "quote",
        "escape",
        "nullstr",
        "null",
        "prefix",
        "suffix",
        "encoding",
        "compression",
        "compression_level",
        "codec",
        "row_group_size",
        "dateformat",
        "timestampformat",
        "force_quote",
        "array",
        "parquet_version",
    ]
)
_QUERIES = frozenset({"select", "from", "with", "values", "table", "pivot", "unpivot", "show", "describe", "summarize"})
_FORMATS = frozenset({"csv", "json", "parquet"})


class Copy(NamedTuple):
    """A COPY, taken apart: the query, the path as it was written, and the options in their brackets or nothing."""

    query: str
    path: str
    options: str


def copy_of(text: str) -> Copy:
    """Take a COPY … TO apart.

    Raises:
        StatementRefused: it is not of the form that the gate knows.
    """
    words = [word for word in words_of(text) if not (word.text == ";" and word.kind == "operator")]
    depth = depths(words)
    to = [at for at, word in enumerate(words) if word.text == "to" and word.kind == "keyword" and depth[at] == 0]
    # Behind TO: the path and, perhaps, options.
    if len(to) != 1 or to[0] < 2 or to[0] + 1 >= len(words) or words[to[0] + 1].kind != "string_const":
        raise StatementRefused(HOW)
    source, path, rest = words[1 : to[0]], words[to[0] + 1], words[to[0] + 2 :]
    if not path.text.startswith("'") or source[0].text == ";":
        raise StatementRefused(HOW)
    return Copy(_query(text, source, words[to[0]]), path.text[1:-1].replace("''", "'"), _options(text, rest))


def own_file(path: str, lake: Sequence[Path]) -> Path:
    """The file that a COPY may write: a path on this machine that is no part of the lake.

    Args:
        path: as it was written, perhaps relative or with `~`.
        lake: the folders of the store and the files of the catalog, where they lie on this machine.

    Raises:
        StatementRefused: it is of the lake, or no path on this machine.
    """
    if "://" in path:
        raise StatementRefused(f"COPY to {path} is refused: results are written to files of this machine")
    file = Path(path).expanduser().resolve()
    for part in lake:
        # SQLite's own: catalog.sqlite-wal.
        is_beside = file.parent == part.parent and file.name.startswith(f"{part.name}-")
        if file == part or is_beside or part in file.parents or file in part.parents:
            raise StatementRefused(f"COPY to {path} is refused: it belongs to the lake")
    return file


def _query(text: str, source: Sequence[Word], to: Word) -> str:
    start = source[0].start
    if source[0].text != "(":
        return f"from {between(text, start, to.start)}"
    if source[-1].text != ")":
        raise StatementRefused(HOW)
    return between(text, start + 1, source[-1].start)


def _options(text: str, rest: Sequence[Word]) -> str:
    """The options in their brackets, where each has a name that is known and a value that calls nothing."""
    words = list(rest[1:] if rest and rest[0].text == "with" else rest)
    if not words:
        return ""
    depth = depths(words)
    if words[0].text != "(" or words[-1].text != ")" or set(depth[1:-1]) - {1, 2}:
        raise StatementRefused(HOW)
    for before, word, here in zip(words, words[1:-1], depth[1:-1], strict=False):
        is_name = here == 1 and before.text in {"(", ","}
        is_call = word.text == "(" and before.text not in _OPTIONS
        if is_call or word.text in _QUERIES or (is_name and word.text not in _OPTIONS):
            raise StatementRefused(f"COPY with {word.text} is refused: options are {', '.join(sorted(_OPTIONS))}")
        if before.text == "format" and word.text.strip("'").lower() not in _FORMATS:
            raise StatementRefused(f"COPY in this format is refused: formats are {', '.join(sorted(_FORMATS))}")
    return between(text, words[0].start, words[-1].start + 1)
