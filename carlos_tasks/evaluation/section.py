"""One result of the evaluation: rows, words on how to read them, and where it helps a figure."""

from dataclasses import dataclass, field
from typing import Any

from carlos_tasks.aliases import Row


@dataclass(frozen=True)
class Section:
    """A table of the report; `name` is the stem of its files.

    Attributes:
        name: e.g. "retrieval": rows go to retrieval.parquet, the figure to retrieval.png.
        title: one line.
        says: what the table shows and how to read it, for report.md.
        rows: one dict per row, all with the same keys.
        shown: columns of the printed table; all where it is empty.
        n_shown: rows of the printed table; parquet has all.
        figure: a matplotlib Figure, or None.
        left_out: why there is nothing, or empty.
    """

    name: str
    title: str
    says: str = ""
    rows: list[Row] = field(default_factory=list)
    shown: tuple[str, ...] = ()
    n_shown: int = 30
    figure: Any = None
    left_out: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that people see."""
        return self.shown or tuple(self.rows[0] if self.rows else ())


def left_out(name: str, title: str, why: str) -> Section:
    """A section that cannot be had here, and why."""
    return Section(name, title, left_out=why)
