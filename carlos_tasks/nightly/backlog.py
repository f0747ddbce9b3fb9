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
    """How many LoRAs wait, new ones or for more pairs, a damaged baseline counted as one; 0 while there is no lake."""
    try:
        profile = load_profile(settings.profile)
        waiting = [*backlog(settings, profile), *refinements(settings, profile)]
        return len(waiting) or int(baseline_is_damaged(settings, profile))
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


def refinements(settings: Settings, profile: Profile) -> tuple[LoraTask, ...]:
    """The LoRAs that this night measures further, the most needed first; each is to get one look more at least."""
    from carlos_tasks.lake.catalog import connect
    from carlos_tasks.lake.faults import lake_errors

    budget = profile.budget
    if budget is None or not settings.refine_per_night:
        return ()
    with connect(settings) as con, lake_errors():
        found = con.execute(
            "select lora_id, file_key, trigger_words, measure_key, measured_as, stated_scale, n_drawn + 1 "
            "from mart.refinement($profile_id, $most, $cosine, word_use := $words) limit $n",
            {
                "profile_id": profile.profile_id,
                "most": budget.most,
                "cosine": budget.settled.direction_cosine,
                "words": profile.identity.lora.trigger_words,
                "n": settings.refine_per_night,
            },
        ).fetchall()
    return tuple(LoraTask(lora_id, file_key, tuple(words or ()), *rest) for lora_id, file_key, words, *rest in found)


def thresholds_in_force(settings: Settings, profile: Profile) -> dict[str, float] | None:
    """The thresholds that the status follows, by name; None while the lake does not know the profile."""
    from carlos_tasks.lake.catalog import connect
    from carlos_tasks.lake.faults import lake_errors

    with connect(settings) as con, lake_errors():
        asked = [profile.profile_id]
        known = con.execute("select name, value from core.threshold where profile_id = ?", asked).fetchall()
        is_known = con.execute("select count(*) from core.profile where profile_id = ?", asked).fetchall() != [(0,)]
    return dict(known) if is_known else None


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
