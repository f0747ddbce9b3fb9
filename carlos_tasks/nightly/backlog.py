"""Which LoRAs wait for a profile, as the lake tells it: what an earlier night left undone is among them."""

from typing import TYPE_CHECKING

from carlos_tasks.errors import NotFound
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.settings import Settings
from carlos_tasks.store.keys import BASELINE
from carlos_tasks.worker.plans import LoraTask

if TYPE_CHECKING:
    import duckdb


def backlog_size(settings: Settings) -> int:
    """How many LoRAs wait for the profile, a damaged baseline counted as one; 0 while there is no lake."""
    try:
        profile = load_profile(settings.profile)
        return len(backlog(settings, profile)) or int(baseline_is_damaged(settings, profile))
    except NotFound:
        return 0


def backlog(settings: Settings, profile: Profile) -> tuple[LoraTask, ...]:
    """The LoRAs that wait, in the order of `mart.backlog`."""
    import duckdb

    from carlos_tasks.lake.catalog import connect, migrate
    from carlos_tasks.lake.faults import lake_errors

    with lake_errors():
        try:
            with connect(settings) as con:
                return _waiting(con, profile)
        except duckdb.BinderException:  # the backlog of an older version tells less: the lake is brought up to date
            with connect(settings, read_only=False, create=False) as con:
                migrate(con)
                return _waiting(con, profile)


def baseline_is_damaged(settings: Settings, profile: Profile) -> bool:
    """Whether the profile's baseline was found damaged and is not made again yet."""
    from carlos_tasks.commit.damages import damaged_loras
    from carlos_tasks.lake.catalog import connect
    from carlos_tasks.lake.faults import lake_errors

    with connect(settings) as con, lake_errors():
        return bool(damaged_loras(con, profile.profile_id, [BASELINE]))


def _waiting(con: "duckdb.DuckDBPyConnection", profile: Profile) -> tuple[LoraTask, ...]:
    rows = con.execute(
        "select lora_id, file_key, trigger_words, measure_key, measured_as, stated_scale "
        "from mart.backlog($profile_id, $base_model, words := $words)",
        {
            "profile_id": profile.profile_id,
            "base_model": profile.identity.backbone.base_model,
            "words": profile.identity.lora.trigger_words,
        },
    ).fetchall()
    return tuple(LoraTask(lora_id, file_key, tuple(words or ()), *rest) for lora_id, file_key, words, *rest in rows)
