"""Which profiles a search ranks together: a profile may say that it is compared with others.

An example: `sdxl-published` is compared with `carlos-published`. Both have the same backbone, prompts and encoder, and
other seeds; so a LoRA measured here stands beside those that the authors measured, with other noise.
"""

from dataclasses import dataclass

from carlos_tasks.errors import SettingsError
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.profiles.text_space import text_space_id


@dataclass(frozen=True)
class Compared:
    """A profile of a search. `differs_in`: the parts of its identity that the asked profile has otherwise."""

    profile: Profile
    differs_in: tuple[str, ...] = ()


def compared_profiles(profile: Profile) -> tuple[Compared, ...]:
    """The profile itself, and then those that it says it is compared with.

    Raises:
        NotFound: there is no such profile.
        SettingsError: one of them has another encoder or other retrieval prompts, so that scores do not compare.
    """
    found = {profile.profile_id: Compared(profile)}
    for other in map(load_profile, profile.compared_with):
        if other.identity.encoder != profile.identity.encoder:
            raise SettingsError(_refusal(profile, other, "encoders"))
        if text_space_id(other) != text_space_id(profile):
            raise SettingsError(_refusal(profile, other, "retrieval prompts"))
        found.setdefault(other.profile_id, Compared(other, _differs_in(profile, other)))
    return tuple(found.values())


def _refusal(profile: Profile, other: Profile, what: str) -> str:
    return (
        f"profile {profile.name} says that it is compared with {other.name}, and their {what} differ: "
        "take it out of compared_with"
    )


def _differs_in(profile: Profile, other: Profile) -> tuple[str, ...]:
    own, its = profile.identity.model_dump(), other.identity.model_dump()
    return tuple(name for name in own if own[name] != its[name])
