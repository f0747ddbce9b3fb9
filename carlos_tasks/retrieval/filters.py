"""What a hit must be: bounds on Strength and Consistency, status, base model, license, source, creator, dates.

The filters themselves are SQL (`sql/ask/retrieval/admitted.sql`), so that the status has one definition. Here is what
can be asked for, and what cannot be right is refused.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

from carlos_tasks.errors import CarlosError

#: Statuses of LoRAs that can be ranked: they have a Direction, and were not taken down.
RANKED_STATUSES = ("ok", "no_effect", "overpowering", "inconsistent", "restricted")
#: Names of the thresholds that a filter takes the place of, with those that only a profile sets.
THRESHOLDS = ("strength_max", "strength_min", "consistency_min", "retention_min")
_NAMES = ("base_model", "license", "source", "creator")
_LISTS = ("status", "profile", *_NAMES)
_BOUNDS = ("strength_min", "strength_max", "consistency_min", "consistency_max")
# As many values of a field as an error lists.
_SHOWN = 12


@dataclass(frozen=True)
class Filters:
    """Everything given must hold; of several values of one field, one. What is not known of a LoRA passes no filter.

    Args:
        strength_min: Strength at least; in place of the profile's threshold, so a lower one lets more pass.
        strength_max: Strength at most; in place of the profile's threshold, so a higher one lets more pass.
        consistency_min: Consistency at least; in place of the profile's threshold.
        consistency_max: Consistency at most.
        status: statuses to return.
        base_model: backbones, as the file shows, or as a listing names or claims them; in any case, like all names.
        license: licenses, of the listing, or else of the file.
        source: sources that list the LoRA.
        creator: who published it first.
        profile: names of profiles, where several are ranked together.
        nsfw_max: highest level of Civitai's 1, 2, 4, 8, 16, 32; 0: only what is listed without any.
        since: published on this day (UTC) or later.
        until: published on this day (UTC) or earlier.

    Raises:
        CarlosError: a value that can never be right; the message says which and what to write.
    """

    strength_min: float | None = None
    strength_max: float | None = None
    consistency_min: float | None = None
    consistency_max: float | None = None
    status: tuple[str, ...] = ("ok",)
    base_model: tuple[str, ...] = ()
    license: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    creator: tuple[str, ...] = ()
    profile: tuple[str, ...] = ()
    nsfw_max: int | None = None
    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        for name in _LISTS:
            value = getattr(self, name)
            if isinstance(value, str) or not all(isinstance(item, str) and item.strip() for item in value):
                raise CarlosError(f"{name}={value!r}: give a tuple of names, none of them empty")
        _check_bounds(self)
        _check_statuses(self.status)
        if self.nsfw_max is not None and not 0 <= self.nsfw_max < 2**31:
            raise CarlosError(f"nsfw_max={self.nsfw_max}: give a level from 0 up (Civitai's are 1, 2, 4, 8, 16, 32)")
        if self.since is not None and self.until is not None and self.since > self.until:
            raise CarlosError(f"nothing is published since {self.since} and until {self.until}: swap the two days")

    def parameters(self, thresholds: Mapping[str, float], known: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """The parameters of `sql/ask/retrieval/admitted.sql`.

        Args:
            thresholds: those of the profile, by name.
            known: field to the values that LoRAs have in it; a name means all that differ in case only.

        Raises:
            CarlosError: a name that no LoRA has; the message lists what there is.
        """
        given = {name: getattr(self, name, None) for name in THRESHOLDS}
        in_force = dict(thresholds) | {name: value for name, value in given.items() if value is not None}
        return {
            **{name: getattr(self, name) for name in _BOUNDS},
            **{name: _as_written(name, getattr(self, name), known.get(name, ())) for name in _NAMES},
            **{f"limit_{name}": in_force.get(name) for name in THRESHOLDS},
            "is_status_anew": any(value is not None for value in given.values()),
            "status": list(self.status),
            # A level is a set of bits: what has no bit above the highest that is allowed.
            "nsfw_allowed": None if self.nsfw_max is None else (1 << self.nsfw_max.bit_length()) - 1,
            "since": None if self.since is None else _start_of(self.since),
            "before": None if self.until in (None, date.max) else _start_of(self.until) + timedelta(days=1),
        }


def filters_from(given: Mapping[str, Any]) -> Filters:
    """Filters from options by name; those that are not there keep their default.

    Raises:
        CarlosError: there is no such filter, or a value is wrong.
    """
    names = [field.name for field in fields(Filters)]
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise CarlosError(f"there is no filter {unknown[0]!r}: there are {', '.join(names)}")
    return Filters(**given)


def _check_bounds(filters: Filters) -> None:
    for name in _BOUNDS:
        value = getattr(filters, name)
        if value is not None and math.isnan(value):
            raise CarlosError(f"{name}={value}: give a number")
    for quantity in ("strength", "consistency"):
        low, high = getattr(filters, f"{quantity}_min"), getattr(filters, f"{quantity}_max")
        if low is not None and high is not None and low > high:
            raise CarlosError(f"no {quantity} is at least {low} and at most {high}: swap the two")


def _check_statuses(statuses: tuple[str, ...]) -> None:
    if not statuses:
        raise CarlosError(f"no status is asked for: name some of {', '.join(RANKED_STATUSES)}")
    for status in statuses:
        if status == "removed":
            raise CarlosError("LoRAs of status 'removed' were taken down, and no search returns them: see mart.removed")
        if status == "damaged":
            raise CarlosError(
                "LoRAs of status 'damaged' are measured again first, and no search returns them: see core.damage"
            )
        if status in ("degenerate", "unpatched", "failed"):
            raise CarlosError(f"LoRAs of status {status!r} have no Direction to rank: see mart.lora for them")
        if status not in RANKED_STATUSES:
            raise CarlosError(f"there is no status {status!r}: search returns {', '.join(RANKED_STATUSES)}")


def _as_written(field: str, names: Iterable[str], known: Sequence[str]) -> list[str]:
    found = []
    for name in names:
        same = [value for value in known if value.lower() == name.strip().lower()]
        if not same:
            there = f"there are {', '.join(known[:_SHOWN])}" if known else "it is not known of any LoRA here"
            more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
            raise CarlosError(f"no LoRA has the {field.replace('_', ' ')} {name!r}: {there}{more}")
        found += same
    return found


def _start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
