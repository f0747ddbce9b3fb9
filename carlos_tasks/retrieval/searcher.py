"""Many questions to one profile: the object that the command line, the pages and Python programs hold.

Where the profile is compared with others (`profiles/compared.py`), their LoRAs are ranked with its own.

The ranking is a scan over Directions in memory (`directions`, `ranking`); filters and what hits show are SQL over facts
that are kept beside them (`memory_index`). `mart.search_vector` gives the same ranking to whoever has SQL only.
"""

from threading import Lock
from types import TracebackType

import duckdb
import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Mask
from carlos_tasks.errors import CarlosError, ProfileMismatch
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.objects import LakeObjects
from carlos_tasks.profiles.compared import compared_profiles
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.retrieval.diversity import Variety, first_of_groups, marginal_relevance
from carlos_tasks.retrieval.filters import Filters
from carlos_tasks.retrieval.hits import add_alike, add_errors, hit_rows
from carlos_tasks.retrieval.memory_index import MemoryIndex
from carlos_tasks.retrieval.query import Query
from carlos_tasks.retrieval.question import Question, make_query
from carlos_tasks.retrieval.ranking import NOTHING, Ranked, rank
from carlos_tasks.settings import Settings

MOST = 10_000
#: Hits that diversity and groups compare with each other, at most.
MOST_COMPARED = 1_000
# How deep the ranking is searched for hits that no better one stands for.
_DEEPEST = 10_000
_EVERYTHING = Filters()


class Searcher:
    """Answers many questions to one profile of one lake; a commit in between is noticed at the next question.

    A context manager. Threads may share one: they are served one after the other.

    Args:
        settings: where the lake and the images lie, and which profile is searched.
        con: the lake, where it is open already; it is closed with this.

    Raises:
        NotFound: there is no lake yet, or no such profile.
        SettingsError: the profile says that it is compared with one that it cannot be compared with.
    """

    def __init__(self, settings: Settings, con: duckdb.DuckDBPyConnection | None = None) -> None:
        self.settings = settings
        self.profile: Profile = load_profile(settings.profile)
        self._compared = {compared.profile.profile_id: compared for compared in compared_profiles(self.profile)}
        #: The lake, read-only.
        self.con: duckdb.DuckDBPyConnection = con or connect(settings)
        self._store = LakeObjects(self.con, settings.store)
        self._index = MemoryIndex(
            self.con, settings.catalog, {i: compared.profile.name for i, compared in self._compared.items()}
        )
        self._lock = Lock()

    def __enter__(self) -> "Searcher":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the lake."""
        self.close()

    def close(self) -> None:
        """Close the lake; the Directions stay in the process for the next Searcher."""
        self._index.close()
        self._store.close()
        self.con.close()

    def query(self, question: Question | str) -> Query:
        """Turn a question, or a text alone, into a query of the profile.

        Raises:
            CarlosError: nothing is asked for, or what is asked for cannot be encoded.
            NotFound: a LoRA that is named is not there.
        """
        asked = Question(texts=(question,)) if isinstance(question, str) else question
        with self._lock, lake_errors():
            return make_query(self.con, self.profile, self.settings, self._store, asked)

    def refresh(self) -> bool:
        """Read what commits changed since the last question; tells whether anything was. `search` does it by itself.

        Raises:
            CarlosError: the lake is of an older version, and has not what search needs.
        """
        with self._lock, lake_errors():
            return self._index.refresh()

    def rank(self, query: Query, k: int = 10, filters: Filters = _EVERYTHING) -> Ranked:
        """The ranking alone, exact: ids, scores and cosines of the k best of what was read last.

        It does not look into the lake, which takes longer than ranking a thousand LoRAs: `refresh` before a series.

        Raises:
            CarlosError: k or a filter is wrong.
            ProfileMismatch: the query is of another profile, or of another dimension.
        """
        _check_k(k)
        with self._lock, lake_errors():
            if not self._index.is_read:
                self._index.refresh()
            admitted = self._admitted(query, filters)
            return rank(self._index.directions, query, admitted, k) if admitted.any() else NOTHING

    def search(
        self,
        query: Query | Question | str,
        k: int = 10,
        filters: Filters = _EVERYTHING,
        diversity: float = 0.0,
        group_at: float | None = None,
        n_bootstrap: int = 200,
    ) -> list[Row]:
        """The k LoRAs that do best what is asked for, best first.

        Args:
            query: a query, a question, or a text.
            k: from 1 to 10,000.
            filters: what a hit must be.
            diversity: above 0, hits are chosen from the best k + max(3 k, 30) by maximal marginal relevance.
            group_at: a hit stands for all candidates whose Direction has at least this cosine with its own; they are
                no hits, but `alike` names the nearest 50 of the `n_alike`.
            n_bootstrap: resamples of the prompts that stability is told from; 0: neither errors nor stability.

        Returns:
            Rows of rank, lora_id, name, score, score_se, stays_in_top_k, the columns of
            `sql/ask/retrieval/hits.sql`, parts (asked, weight, cosine, contribution), n_alike, alike (lora_id, name,
            cosine), evidence (pair, lora, baseline: URLs), profile (its name), differs_in (what that profile has
            otherwise than the asked one, such as its seeds; empty for the asked one).
            score_se: standard error by prompt. stays_in_top_k: share of the resamples in which it is among the first
            k by score alone, against the next max(3 k, 30). Both are None where the lake has no differences by prompt
            (an imported profile), and for k above 100; so is evidence, of more than 100 hits.

        Raises:
            CarlosError: k, a filter, diversity, group_at or n_bootstrap is wrong, or the question cannot be encoded.
            ProfileMismatch: the query is of another profile, or of another dimension.
            NotFound: a LoRA that is named is not there.
        """
        _check_k(k)
        variety = Variety(diversity, group_at)
        if (diversity or group_at) and k > MOST_COMPARED:
            raise CarlosError(f"k = {k}: diversity and groups compare all hits; ask for at most {MOST_COMPARED}")
        if not 0 <= n_bootstrap <= MOST:
            raise CarlosError(f"n_bootstrap = {n_bootstrap}: give a number from 0 to {MOST}")
        asked = query if isinstance(query, Query) else self.query(query)
        with self._lock, lake_errors():
            self._index.refresh()
            admitted = self._admitted(asked, filters)
            if not admitted.any():
                return []
            pool = self._pool(asked, admitted, k, group_at)
            chosen = np.arange(min(k, len(pool)), dtype=np.intp)
            if diversity:
                chosen = marginal_relevance(pool.scores, self._index.directions.units(pool.rows), variety.diversity, k)
            ranked = pool.pick(chosen)
            hits = hit_rows(self._index, self._store, self._compared, asked, ranked)
            if group_at is not None:
                add_alike(self._index, hits, ranked, admitted, group_at)
            add_errors(self._index, self.con, asked, hits, pool, k, n_bootstrap)
            return hits

    def _admitted(self, query: Query, filters: Filters) -> Mask:
        if query.profile_id != self.profile.profile_id:
            raise ProfileMismatch(
                f"the query is of profile {query.profile_id}, and {self.profile.name} ({self.profile.profile_id}) is "
                "searched: ask within one profile"
            )
        dimension = self._index.directions.dimension
        if dimension and query.dimension != dimension:
            raise ProfileMismatch(
                f"the query has {query.dimension} dimensions, and the Directions of profile {self.profile.name} have "
                f"{dimension}: encode it with this profile's encoder"
            )
        return self._index.admitted(filters, query.without)

    def _pool(self, query: Query, admitted: Mask, k: int, group_at: float | None) -> Ranked:
        """The best LoRAs, more than k of them: what diversity chooses from, and what hits contend with."""
        wanted = depth = k + max(3 * k, 30)
        while True:
            pool = rank(self._index.directions, query, admitted, depth)
            if group_at is None:
                return pool
            places = first_of_groups(self._index.directions.units(pool.rows), group_at, wanted)
            if len(places) >= k or len(pool) < depth or depth >= _DEEPEST:
                return pool.pick(places)
            depth = min(4 * depth, _DEEPEST)


def _check_k(k: int) -> None:
    if not 1 <= k <= MOST:
        raise CarlosError(f"k = {k}: ask for at least one LoRA and at most {MOST}")
