"""The profiles of one deployment, loaded and checked together before anything is planned or drawn.

`CARLOS_PROFILES` names them. A LoRA goes to the profiles of its base model; where its listing claims a relative of that
("Pony"), to those that take this relative.
"""

from carlos_tasks.errors import CarlosError, NotFound, SettingsError
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.profiles.resources import check_pinned, check_there
from carlos_tasks.profiles.same_images import grouped_by_images
from carlos_tasks.settings import Settings


def deployed_profiles(settings: Settings) -> dict[str, Profile]:
    """Load every profile that is indexed; by the name that the settings give it, the one that is asked first.

    Raises:
        NotFound: there is no such profile.
        SettingsError: one is not sound, or two of them contradict each other; the message names them.
    """
    profiles = {name: load_profile(name) for name in settings.profile_names}
    for profile in profiles.values():
        _check(profile)
    by_id: dict[str, str] = {}
    for name, profile in profiles.items():
        if known := by_id.get(profile.profile_id):
            raise SettingsError(
                f"CARLOS_PROFILES: {known} and {name} are one profile, {profile.profile_id}: name one of them"
            )
        by_id[profile.profile_id] = name
    # Under the names that the settings give them, which the message is to have.
    named = [profile.model_copy(update={"name": name}) for name, profile in profiles.items()]
    grouped_by_images([profile for profile in named if profile.origin == "measured"])
    return profiles


def measured_profiles(settings: Settings) -> dict[str, Profile]:
    """Those of them that something is measured under, backbones one after the other.

    Raises:
        NotFound, SettingsError: as `deployed_profiles`; also where every profile is imported.
    """
    deployed = deployed_profiles(settings)
    measured = {name: profile for name, profile in deployed.items() if profile.origin == "measured"}
    if not measured:
        raise SettingsError(f"profile {settings.profile} is imported: nothing can be measured under it")
    backbones = list(dict.fromkeys(profile.identity.backbone for profile in measured.values()))
    return dict(sorted(measured.items(), key=lambda item: backbones.index(item[1].identity.backbone)))


def image_groups(settings: Settings) -> list[dict[str, Profile]]:
    """The measured profiles by name, those together whose images are the same.

    The first of a group, which draws for all, is the same whichever profile questions are asked of.

    Raises:
        NotFound, SettingsError: as `measured_profiles`.
    """
    measured = measured_profiles(settings)
    names = {profile.profile_id: name for name, profile in measured.items()}
    groups = grouped_by_images(list(measured.values()))
    return [{names[p.profile_id]: p for p in sorted(group, key=lambda own: own.profile_id)} for group in groups]


def check_weights(settings: Settings) -> None:
    """Look whether the backbones of all measured profiles lie where their profiles say; those of the Hub are fetched.

    Raises:
        SettingsError: one does not; the message names the profile.
    """
    for profile in measured_profiles(settings).values():
        try:
            check_there(profile.identity.backbone.uri)
        except CarlosError as exc:
            raise SettingsError(f"profile {profile.name}: {exc}") from exc


def deployed_by_id(settings: Settings, profile_id: str) -> Profile:
    """Return the profile with an id.

    Raises:
        NotFound: none of the deployment has it.
    """
    for profile in deployed_profiles(settings).values():
        if profile.profile_id == profile_id:
            return profile
    raise NotFound(f"profile {profile_id} is none of {', '.join(settings.profile_names)}: add it to CARLOS_PROFILES")


def taken_by_others(profile: Profile, deployed: dict[str, Profile]) -> tuple[str, ...]:
    """Claims of relatives that other profiles of the base model take: a profile without relatives leaves them alone."""
    base_model = profile.identity.backbone.base_model
    others = [other for other in deployed.values() if other.identity.backbone.base_model == base_model]
    return () if profile.relatives else tuple(claim for other in others for claim in other.relatives)


def _check(profile: Profile) -> None:
    if profile.origin == "imported":
        return
    try:
        check_pinned(profile.identity.backbone.uri, profile.identity.backbone.revision)
    except CarlosError as exc:
        raise SettingsError(f"profile {profile.name}: {exc}") from exc
    profile.looks()
