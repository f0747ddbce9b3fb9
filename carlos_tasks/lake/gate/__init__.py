"""The gate before the lake: what `carlos sql`, `carlos_tasks.connect()` and the explorer let a statement do.

    admission    one statement, of the kinds that read, naming what is allowed
    names        what is allowed, by name; functions.txt lists DuckDB's functions
    tree         what a statement names, from the tree of DuckDB's parser
    pivot        PIVOT, of which DuckDB gives no tree
    files        COPY to a file, where files are asked for
    words        DuckDB's lexer, for what has no tree
    connection   the guarded connection, and DuckDB's own lock behind the gate

docs/decisions/0031 says what the gate is, and what it is not.
"""

from carlos_tasks.lake.gate.connection import GuardedConnection, guarded

__all__ = ["GuardedConnection", "guarded"]
