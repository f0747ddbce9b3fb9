"""Which LoRAs wait for each profile, as the lake tells it: what an earlier night left undone is among them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from carlos_tasks.aliases import Row
from carlos_tasks.errors import NotFound
from carlos_tasks.lora.backbones.claims import comparable_words
from carlos_tasks.profiles.deployment import measured_profiles, taken_by_others
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from carlos_tasks.store.keys import BASELINE
from carlos_tasks.worker.plans import LoraTask

if TYPE_CHECKING:
    import duckdb

Waiting = dict[str, tuple[LoraTask, ...]]


def backlog_size(settings: Settings) -> int:
    """How many LoRAs wait, new or for more pairs; a damaged baseline counts as one; 0 without a lake."""
    try:
        waiting = backlog(settings)
        return sum(map(len, waiting.values())) or len(damaged_baselines(settings))
    except NotFound:
        return 0


def backlog(settings: Settings) -> Waiting:
    """The LoRAs that wait, by the name of their profile: new ones (`mart.backlog`), then those for `mart.refinement`.

    Raises:
        NotFound: there is no lake, or no such profile.
        SettingsError: the profiles are not sound together, or nothing can be measured under any of them.
    """
    import duckdb

    from carlos_tasks.lake.catalog import connect, migrate
    from carlos_tasks.lake.faults import lake_errors

    profiles = measured_profiles(settings)
    with lake_errors():
        try:
            with connect(settings) as con:
                return _waiting(con, profiles, settings.refine_per_night)
        except duckdb.BinderException:  # the backlog of an older version tells less: the lake is brought up to date
            with connect(settings, read_only=False, create=False) as con:
                migrate(con)
                return _waiting(con, profiles, settings.refine_per_night)


def thresholds_in_force(settings: Settings, profiles: Sequence[Profile]) -> dict[str, dict[str, float]]:
    """The thresholds that the status follows, by profile_id and name; without profiles that the lake does not know."""
    from carlos_tasks.lake.catalog import connect
    from carlos_tasks.lake.faults import lake_errors
    from carlos_tasks.lake.statements import statement

    asked: Row = {"profile_ids": [profile.profile_id for profile in profiles]}
    with connect(settings) as con, lake_errors():
        known = con.execute(statement("ask/nightly/thresholds_in_force"), asked).fetchall()
    found: dict[str, dict[str, float]] = {}
    for profile_id, name, value in known:
        found.setdefault(profile_id, {}).update({name: value} if name else {})
    return found


def drawn_together(waiting: Waiting, groups: Iterable[Iterable[str]]) -> Waiting:
    """The LoRAs that wait for any profile of a group with the same images, by the name of its first profile."""
    found: Waiting = {}
    for names in groups:
        tasks: dict[str, LoraTask] = {}
        for task in (task for name in names for task in waiting[name]):
            known = tasks.get(task.lora_id, task)
            tasks[task.lora_id] = replace(known, at_least=max(known.at_least, task.at_least))
        found[next(iter(names))] = tuple(tasks.values())
    return found


def damaged_baselines(settings: Settings) -> list[str]:
    """Names of the profiles whose baseline was found damaged and is not made again yet."""
    from carlos_tasks.commit.damages import damaged_loras
    from carlos_tasks.lake.catalog import connect
    from carlos_tasks.lake.faults import lake_errors

    profiles = measured_profiles(settings)
    with connect(settings) as con, lake_errors():
        return [name for name, profile in profiles.items() if damaged_loras(con, profile.profile_id, [BASELINE])]


def _waiting(con: "duckdb.DuckDBPyConnection", profiles: dict[str, Profile], n_refined: int) -> Waiting:
    return {
        name: (*_waiting_for(con, profile, profiles), *_to_refine(con, profile, n_refined))
        for name, profile in profiles.items()
    }


def _to_refine(con: "duckdb.DuckDBPyConnection", profile: Profile, count: int) -> tuple[LoraTask, ...]:
    """The LoRAs that a night measures further, the most needed first; each is to get one look more at least."""
    if profile.budget is None or not count:
        return ()
    rows = con.execute(
        "select lora_id, file_key, trigger_words, measure_key, measured_as, stated_scale, n_drawn + 1 "
        "from mart.refinement($profile_id, $most, $cosine, word_use := $words) limit $n",
        {
            "profile_id": profile.profile_id,
            "most": profile.budget.most,
            "cosine": profile.budget.settled.direction_cosine,
            "words": profile.identity.lora.trigger_words,
            "n": count,
        },
    ).fetchall()
    return tuple(LoraTask(lora_id, file_key, tuple(words or ()), *rest) for lora_id, file_key, words, *rest in rows)


def _waiting_for(
    con: "duckdb.DuckDBPyConnection", profile: Profile, deployed: dict[str, Profile]
) -> tuple[LoraTask, ...]:
    rows = con.execute(
        "select lora_id, file_key, trigger_words, measure_key, measured_as, stated_scale "
        "from mart.backlog($profile_id, $base_model, words := $words, relatives := $relatives, others := $others)",
        {
            "profile_id": profile.profile_id,
            "base_model": profile.identity.backbone.base_model,
            "words": profile.identity.lora.trigger_words,
            "relatives": " ".join(map(comparable_words, profile.relatives)),
            "others": " ".join(map(comparable_words, taken_by_others(profile, deployed))),
        },
    ).fetchall()
    return tuple(LoraTask(lora_id, file_key, tuple(words or ()), *rest) for lora_id, file_key, words, *rest in rows)
