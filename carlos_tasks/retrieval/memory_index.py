"""What one search ranks, as it is kept in memory: Directions of a profile, and facts for filters and hits beside them.

A profile that is compared with others has theirs beside its own; each LoRA keeps the status that its own profile gives.

The facts are a table in the connection's own memory, not in the lake: asking it costs no look into the catalog. Before
each question the newest snapshot is compared with the one that was read, and after a commit what is new is read.
"""

import math
from collections.abc import Mapping
from itertools import pairwise

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Mask
from carlos_tasks.errors import CarlosError
from carlos_tasks.lake.register import read_once
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.lake.transaction import snapshot_id
from carlos_tasks.retrieval.directions import directions
from carlos_tasks.retrieval.filters import Filters
from carlos_tasks.retrieval.joined_directions import JoinedDirections

_ABOVE_ALL = chr(0x10FFFF)
_THRESHOLDS = "select profile_id, name, value from core.threshold where list_contains(?::varchar[], profile_id)"


class MemoryIndex:
    """Directions and facts of one or more profiles, as of one snapshot.

    Args:
        con: the lake; only this object makes transactions on it.
        lake: what tells the lake from another one, such as the setting `catalog`.
        profiles: names of the profiles by their id, the asked one first.
        loras_at_once: how many LoRAs' facts are gathered together; 100,000 take about 150 MB for a moment.
    """

    def __init__(
        self, con: duckdb.DuckDBPyConnection, lake: str, profiles: Mapping[str, str], loras_at_once: int = 100_000
    ) -> None:
        self._con = con
        self._lake = lake
        self._profiles = dict(profiles)
        self._loras_at_once = loras_at_once
        self._snapshot: int | None = None
        self._thresholds: dict[str, dict[str, float]] = {}
        self._known: dict[str, list[str]] = {}
        self._passing: tuple[Filters, Mask] | None = None
        self.directions = JoinedDirections([])
        self._facts = con.cursor()
        self._facts.execute("use memory")
        # The status has one definition; a copy of it here saves each question the look into the catalog.
        self._facts.execute("create schema if not exists core")
        self._facts.execute(statement("macros/30_status"))

    @property
    def is_read(self) -> bool:
        """Whether anything was read yet."""
        return self._snapshot is not None

    def close(self) -> None:
        """Close the connection of the facts; the lake's is the caller's."""
        self._facts.close()

    def refresh(self) -> bool:
        """Read what commits since the last question changed; tells whether anything was."""
        newest = snapshot_id(self._con)
        if newest == self._snapshot:
            return False
        if self._snapshot is not None:
            between = {"since": self._snapshot, "newest": newest}
            (is_changed,) = self._con.execute(statement("ask/retrieval/changed_since"), between).fetchall()[0]
            if not is_changed:
                self._snapshot = newest
                return False
        self._read()
        return True

    def admitted(self, filters: Filters, without: frozenset[str]) -> Mask:
        """Tell of each row whether it passes the filters, and is of no LoRA that is to be left out.

        Returns:
            bool (n,), to be read only.

        Raises:
            CarlosError: a filter names what no LoRA has, or a profile that is not ranked.
        """
        # Most questions have the filters of the one before: mostly none.
        if self._passing is None or self._passing[0] != filters:
            wanted = self._profiles_of(filters)
            mask = np.zeros(len(self.directions), dtype=bool)
            for profile_id, first, before in self.directions.ranges():
                if profile_id in wanted:
                    limits = self._thresholds.get(profile_id, {})
                    parameters = filters.parameters(limits, self._known) | {"first": first, "before_row": before}
                    # As Arrow: for numpy's arrays DuckDB imports numpy.ma, which takes longer than the statement.
                    found = self._facts.execute(statement("ask/retrieval/admitted"), parameters).to_arrow_table()
                    mask[found["row"].to_numpy()] = True
            self._passing = filters, mask
        mask = self._passing[1]
        if not without:
            return mask
        # Its import takes as long as a search, and few of them name a LoRA.
        import pyarrow.compute as pc

        named = pc.is_in(self.directions.lora_ids, value_set=pa.array(sorted(without)))
        return np.asarray(mask & ~named.to_numpy()[: len(mask)])

    def facts(self, places: NDArray[np.int64]) -> dict[int, Row]:
        """What hits show, by row of the Directions."""
        found = rows(self._facts, statement("ask/retrieval/hits"), {"rows": places.tolist()})
        return {fact.pop("row"): fact for fact in found}

    def _profiles_of(self, filters: Filters) -> set[str]:
        """Ids of the profiles whose LoRAs pass."""
        unknown = sorted(set(filters.profile) - set(self._profiles.values()))
        if unknown:
            raise CarlosError(f"{unknown[0]!r} is not ranked here: there are {', '.join(self._profiles.values())}")
        return {i for i, name in self._profiles.items() if not filters.profile or name in filters.profile}

    def _read(self) -> None:
        # Until all is read again, nothing is.
        self._snapshot = self._passing = None
        self._facts.execute(statement("ask/retrieval/make_searchable"))
        # Of a table that never held a row, DuckLake asks the catalog for each column's statistics again, each time.
        self._con.execute("set disabled_optimizers = 'join_order,statistics_propagation'")
        self._con.execute("begin")
        try:
            snapshot = snapshot_id(self._con)
            found = JoinedDirections([directions(self._con, self._lake, profile_id) for profile_id in self._profiles])
            for profile_id, n_loras in found.as_tables(self._con):
                self._copy_facts(profile_id, n_loras)
            thresholds: dict[str, dict[str, float]] = {}
            for profile_id, name, value in self._con.execute(_THRESHOLDS, [list(self._profiles)]).fetchall():
                thresholds.setdefault(profile_id, {})[name] = value
            self._con.execute("commit")
        except BaseException:
            self._con.execute("rollback")
            raise
        finally:
            self._con.execute("reset disabled_optimizers")
        known: dict[str, list[str]] = {}
        for row in rows(self._facts, statement("ask/retrieval/known_values")):
            known.setdefault(row["field"], []).append(row["value"])
        self.directions, self._thresholds, self._known, self._snapshot = found, thresholds, known, snapshot

    def _copy_facts(self, profile_id: str, n_loras: int) -> None:
        n_slices = math.ceil(n_loras / self._loras_at_once)
        shares = [part / n_slices for part in range(1, n_slices)]
        (edges,) = self._con.execute(statement("ask/retrieval/slices"), {"shares": shares}).fetchall()[0]
        for first, before in pairwise(["", *edges, _ABOVE_ALL]):
            some = {"profile_id": profile_id, "first": first, "before": before}
            # Inserted by the other connection, slice by slice: in the lake's transaction, rows would lie there twice.
            gathered = self._con.execute(statement("ask/retrieval/searchable"), some).to_arrow_table()
            with read_once(self._facts, "gathered", gathered):
                self._facts.execute("insert into searchable by name from gathered")
