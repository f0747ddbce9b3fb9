"""The thresholds of a profile: which are in force, and calibrating them on the profile's own corpus.

Strength is a length on the scale of its profile, so 9.8 and 0.041 hold for the profile of the paper alone. What carries
over is where they stand among its 740 LoRAs: 2.8 % are stronger, 27.6 % less consistent. Another profile takes its own
values at the same quantiles (`core.calibration_quantile`).
"""

from collections.abc import Mapping, Sequence

import duckdb

from carlos_tasks.aliases import Row
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.register import register_profile
from carlos_tasks.lake.statements import rows, run_statement
from carlos_tasks.lake.transaction import snapshot_id, transaction
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.settings import Settings

#: Thresholds that can be calibrated; those of the paper have a quantile of their own.
NAMES = ("strength_max", "strength_min", "consistency_min", "retention_min")
PAPERS = ("strength_max", "consistency_min")
#: Measured LoRAs from which on a profile that ships no thresholds is calibrated by the commit.
ENOUGH = 100


def thresholds(settings: Settings) -> list[Row]:
    """The thresholds of the profile beside what its corpus says.

    Returns:
        Rows of profile_id, profile, name, value, origin, share_removed, quantile, corpus_value, n (`mart.threshold`).

    Raises:
        NotFound: nothing is indexed under the profile.
    """
    profile = load_profile(settings.profile)
    with connect(settings) as con, lake_errors():
        return _rows(con, profile.profile_id, profile.name)


def calibrate(
    settings: Settings, names: Sequence[str] | None = None, quantiles: Mapping[str, float] | None = None
) -> list[Row]:
    """Set thresholds of the profile to quantiles of its measured LoRAs, in one commit; they stay until set again.

    Args:
        settings: where the lake lies, and which profile.
        names: which thresholds; None: those that `quantiles` names, or else those of the paper.
        quantiles: 0 to 1 by name; one that is not given stands where the paper's does in the paper's corpus.

    Returns:
        Rows as `thresholds`.

    Raises:
        CarlosError: a name is unknown, a quantile is not within 0 and 1, or the paper has none for the name.
        NotFound: no LoRA is measured under the profile.
    """
    given = dict(quantiles or {})
    wanted = list(dict.fromkeys(names or given or PAPERS))
    _check(wanted, given)
    profile = load_profile(settings.profile)
    with connect(settings, read_only=False, create=False) as con, lake_errors():
        migrate(con)
        _rows(con, profile.profile_id, profile.name)
        with transaction(con, "calibrate", {"profile_id": profile.profile_id, "names": wanted}):
            if _calibrate(con, profile.profile_id, wanted, given, snapshot_id(con)) < len(wanted):
                raise NotFound(f"no LoRA is measured under profile {profile.name}: there is nothing to calibrate on")
        return _rows(con, profile.profile_id, profile.name)


def reset(settings: Settings) -> list[Row]:
    """Put the thresholds that the profile ships back into force, in one commit; returns rows as `thresholds`."""
    profile = load_profile(settings.profile)
    with connect(settings, read_only=False, create=False) as con, lake_errors():
        migrate(con)
        _rows(con, profile.profile_id, profile.name)
        with transaction(con, "reset thresholds", {"profile_id": profile.profile_id}):
            con.execute("delete from core.threshold where profile_id = ?", [profile.profile_id])
            register_profile(con, profile)
        return _rows(con, profile.profile_id, profile.name)


def calibrate_where_unset(con: duckdb.DuckDBPyConnection, profile_id: str) -> int:
    """Calibrate a profile that has no thresholds, once it has `ENOUGH` measured LoRAs; run it inside a transaction.

    Returns:
        Number of thresholds set.
    """
    if con.execute("from core.threshold where profile_id = $1 limit 1", [profile_id]).fetchall():
        return 0
    ((n_measured,),) = con.execute(
        "select count(*) from core.representation where profile_id = $1 and measured = 'measured'", [profile_id]
    ).fetchall()
    if n_measured < ENOUGH:
        return 0
    # They are read in the snapshot that this transaction is about to make.
    return _calibrate(con, profile_id, PAPERS, {}, snapshot_id(con) + 1)


def _check(names: Sequence[str], quantiles: Mapping[str, float]) -> None:
    for name in (*names, *quantiles):
        if name not in NAMES:
            raise CarlosError(f"there is no threshold {name!r} to calibrate: choose of {', '.join(NAMES)}")
        if name not in names:
            raise CarlosError(f"a quantile is given for {name}, which is not among the thresholds to calibrate")
        if name not in quantiles and name not in PAPERS:
            raise CarlosError(f"the paper has no quantile for {name}: give one, between 0 and 1")
        if not 0 <= quantiles.get(name, 0) <= 1:
            raise CarlosError(f"the quantile of {name} is {quantiles[name]}: it lies between 0 and 1")


def _calibrate(
    con: duckdb.DuckDBPyConnection, profile_id: str, names: Sequence[str], quantiles: Mapping[str, float], snapshot: int
) -> int:
    papers = dict(
        con.execute("select name, core.calibration_quantile(name) from unnest($1) as t(name)", [PAPERS]).fetchall()
    )
    parameters = {
        "profile_id": profile_id,
        "names": list(names),
        "quantiles": [quantiles.get(name, papers.get(name)) for name in names],
        "snapshot_id": snapshot,
    }
    return run_statement(con, "put_calibrated_thresholds", parameters)


def _rows(con: duckdb.DuckDBPyConnection, profile_id: str, profile: str) -> list[Row]:
    found = rows(con, "from mart.threshold where profile_id = ? order by name", [profile_id])
    if not found:
        raise NotFound(f"nothing is indexed under profile {profile} yet: run carlos index")
    return found
