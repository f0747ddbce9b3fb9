"""The run of an attribution: read the lake once, compare every basis, correct for all tests, add the intervals."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import duckdb
import numpy as np
from numpy.typing import NDArray

from carlos_tasks.attribution.attribution import Q_FLAGGED, Attribution, ranking
from carlos_tasks.attribution.basis import Basis, make_bases
from carlos_tasks.attribution.comparison import Comparison, compare, compare_with_texts
from carlos_tasks.attribution.reference import Reference
from carlos_tasks.attribution.resampling import intervals
from carlos_tasks.calibration.measured import Measured, read_measured
from carlos_tasks.calibration.null import false_discovery_q
from carlos_tasks.calibration.text_null import TextNull, text_null
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.state import lake_state
from carlos_tasks.policies.files import policy_in_force
from carlos_tasks.policies.policy import Policy
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.retrieval.session import open_session
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store

#: LoRAs that get an interval, at most: each reads its differences by prompt.
MAX_INTERVALS = 300


def attribute(settings: Settings, reference: Reference, *, snapshot: int | None = None, k: int = 20) -> Attribution:
    """Compare every measured LoRA of the profile of `settings` with a reference set. The lake is read only.

    Args:
        settings: where the lake lies, the profile and the device.
        reference: what is asked about.
        snapshot: state of the lake; None: as it is now.
        k: LoRAs that get an interval in any case, besides those that are flagged.

    Raises:
        NotFound: there is no lake, no such snapshot or LoRA, or nothing is measured under the profile.
        CarlosError: the reference set cannot be used; the message says why.
    """
    profile = load_profile(settings.profile)
    with open_session(settings, snapshot=snapshot) as con, lake_errors(), one_state(con):
        return attribute_in(con, settings, profile, reference, k)


@contextmanager
def one_state(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let all that is read in the block be of one state of the lake, whatever is committed meanwhile."""
    con.execute("begin")
    try:
        yield
    finally:
        con.execute("rollback")


def attribute_in(
    con: duckdb.DuckDBPyConnection, settings: Settings, profile: Profile, reference: Reference, k: int
) -> Attribution:
    """`attribute`, over a connection that is open: run it inside a transaction, so that one state is read."""
    measured = read_measured(con, profile)
    bases, picture_rows = make_bases(con, profile, settings, measured, reference)
    policy = policy_in_force(settings, profile) if reference.texts else None
    neutral = _null_of_texts(settings, profile, policy) if policy else None
    comparisons = _with_q([_compared(measured, basis, neutral) for basis in bases])
    wanted = _numbers_with_interval(comparisons[0], k)
    comparisons = [_with_intervals(con, profile.profile_id, measured, each, wanted) for each in comparisons]
    read, committed_at = lake_state(con)
    return Attribution(reference, profile, read, committed_at, measured, tuple(comparisons), picture_rows, policy)


def _compared(measured: Measured, basis: Basis, neutral: TextNull | None) -> Comparison:
    return (
        compare_with_texts(measured, basis, neutral) if neutral and basis.kind == "texts" else compare(measured, basis)
    )


def _with_q(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The q-values over all tests together: whoever looks at three bases has looked three times."""
    q = false_discovery_q(np.concatenate([comparison.told.p for comparison in comparisons]))
    return [replace(each, q=part) for each, part in zip(comparisons, np.split(q, len(comparisons)), strict=True)]


def _numbers_with_interval(main: Comparison, k: int) -> NDArray[np.intp]:
    order = ranking(main)
    n_flagged = int((main.q <= Q_FLAGGED).sum())
    return order[: min(max(k, n_flagged), MAX_INTERVALS)]


def _with_intervals(
    con: duckdb.DuckDBPyConnection,
    profile_id: str,
    measured: Measured,
    comparison: Comparison,
    wanted: NDArray[np.intp],
) -> Comparison:
    told = {measured.loras[n]["lora_id"]: float(comparison.similarity[n]) for n in wanted}
    known = {lora_id: similarity for lora_id, similarity in told.items() if not np.isnan(similarity)}
    found = intervals(con, profile_id, known, comparison.basis, comparison.shared)
    low, high = comparison.low.copy(), comparison.high.copy()
    for lora_id, ends in found.items():
        low[measured.place[lora_id]], high[measured.place[lora_id]] = ends
    return replace(comparison, low=low, high=high)


def _null_of_texts(settings: Settings, profile: Profile, policy: Policy) -> TextNull:
    """The texts of a policy's null; their vectors are kept in the store, as every query vector is."""
    from carlos_tasks.retrieval.query_encoder import load_query_encoder

    encoder = load_query_encoder(profile, settings.device, open_store(settings.store))
    return text_null(policy.null_texts, encoder.vector)
