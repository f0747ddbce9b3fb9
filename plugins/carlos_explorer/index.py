"""What the pages show, read from the lake with a connection that cannot write, and that gives up soon."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carlos_tasks.aliases import Row
from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.settings import Settings

if TYPE_CHECKING:
    import duckdb

LORAS_PER_PAGE = 100
STATUSES = (
    "ok",
    "no_effect",
    "overpowering",
    "inconsistent",
    "degenerate",
    "unpatched",
    "failed",
    "restricted",
    "removed",
)

_COMMITS = "select snapshot_id, committed_at, author, message, facts from mart.commit_log limit 10"
_LORAS = """
    select lora_id, name, status, strength, consistency, n_pairs, n_listings, base_model, lora_rank
    from mart.lora
    where profile_id = $profile_id and ($status is null or status = $status)
    order by strength desc nulls last, lora_id
    limit $limit offset $offset
"""


@dataclass(frozen=True)
class Overview:
    """The first page: `profiles` are rows of mart.index_health, the configured profile first."""

    profiles: list[Row]
    commits: list[Row]
    rejections: list[Row]


def overview(settings: Settings) -> Overview:
    """Health of the index, its last commits, and the refusals by reason; all empty while there is no lake."""
    from carlos_tasks.lake.statements import rows

    try:
        with _reading(settings) as con:
            health = "from mart.index_health order by profile != $p, profile"
            return Overview(
                profiles=rows(con, health, {"p": settings.profile}),
                commits=rows(con, _COMMITS),
                rejections=rows(con, "from mart.rejection_by_reason limit 100"),
            )
    except NotFound as exc:
        _check_that_it_is_new(settings, exc)
        return Overview([], [], [])


def loras(settings: Settings, profile_id: str, status: str | None, page: int) -> list[Row]:
    """One page of the LoRAs of a profile, the strongest first; one row more than a page has if there is another."""
    from carlos_tasks.lake.statements import rows

    window = {"limit": LORAS_PER_PAGE + 1, "offset": (page - 1) * LORAS_PER_PAGE}
    try:
        with _reading(settings) as con:
            return rows(con, _LORAS, {"profile_id": profile_id, "status": status, **window})
    except NotFound as exc:
        _check_that_it_is_new(settings, exc)
        return []


def contact_sheet(settings: Settings, profile_id: str) -> bytes:
    """The contact sheet's PNG.

    Raises:
        NotFound: none has been drawn for this profile, or a LoRA was taken down since and it is to be drawn anew.
    """
    from carlos_tasks.reports.contact_sheet import read_contact_sheet

    return read_contact_sheet(settings, profile_id)


@contextmanager
def _reading(settings: Settings) -> Iterator["duckdb.DuckDBPyConnection"]:
    """Open the lake for one page: storage is asked once, not three times, since somebody waits."""
    from carlos_tasks.lake.catalog import connect
    from carlos_tasks.lake.faults import lake_errors

    with connect(settings) as con, lake_errors():
        if settings.store.startswith("s3://"):
            con.execute("set http_timeout = 5")
            con.execute("set http_retries = 0")
        yield con


def _check_that_it_is_new(settings: Settings, missing: NotFound) -> None:
    """Tell a deployment before its first night from one that has lost its catalog.

    Raises:
        PermanentError: there is no catalog, but the store holds the data of a lake.
    """
    from carlos_tasks.store import open_store

    if next(open_store(settings.store).list("lake/"), None) is not None:
        raise PermanentError(f"{missing}, but the store holds the data of a lake: is CARLOS_CATALOG right?")
