"""Keeps pandas out of commands that ask one question: its import alone takes as long as most of them.

DuckDB imports pandas before it binds its first value, and pyarrow before it makes its first array, only to see whether
what they are given is of pandas. Both go on without it, and look for it again the next time.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Absent:
    """Finds no pandas, in the form that `sys.meta_path` asks for."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Say that pandas is not installed; leave every other module to those that come after."""
        if name == "pandas":
            raise ModuleNotFoundError("this command does without pandas", name=name)


_absent = _Absent()


@contextmanager
def without_pandas() -> Iterator[None]:
    """Let no import of pandas succeed until the block ends, or `let_pandas_in` is called."""
    sys.meta_path.insert(0, _absent)
    try:
        yield
    finally:
        let_pandas_in()


def let_pandas_in() -> None:
    """Let pandas be imported again: libraries that are about to be loaded may want it."""
    if _absent in sys.meta_path:
        sys.meta_path.remove(_absent)
