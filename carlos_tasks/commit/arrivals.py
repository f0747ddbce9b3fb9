"""What the workers left for a commit, held against itself: what is whole goes in, what is not costs its LoRA alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from carlos_tasks.errors import DamagedObject, NotFound, PermanentError, ProfileMismatch
from carlos_tasks.lake.damage import Damage, Fault
from carlos_tasks.lake.measurement import CheckedShard, ProfilePairs, check_shards, incomplete
from carlos_tasks.lake.outcomes import OutcomeRecord, read_outcome
from carlos_tasks.store.keys import outcome_key, parse_outcome_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.threads import at_once


@dataclass
class Arrivals:
    """Outcomes that can be read, by lora_id; whole shards of those that were measured; what is wrong with the others.

    `unfinished`: LoRAs that have no outcome, since their worker has not come to its end.
    """

    outcomes: dict[str, OutcomeRecord] = field(default_factory=dict)
    shards: dict[str, list[CheckedShard]] = field(default_factory=dict)
    damages: list[Damage] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)


def read_arrivals(store: ObjectStore, profile_id: str, keys: Sequence[str]) -> Arrivals:
    """Read outcomes; one that cannot be read is a finding about the LoRA that its key names.

    Raises:
        PermanentError: a key is none of an outcome.
        ProfileMismatch: a key is of another profile.
    """
    lora_ids = {key: _lora_of(key, profile_id) for key in sorted(set(keys))}
    arrived = Arrivals()
    with at_once() as each:
        for lora_id, found in zip(
            lora_ids.values(), each(lambda key: _read(store, key, profile_id), lora_ids), strict=True
        ):
            if isinstance(found, OutcomeRecord):
                arrived.outcomes[lora_id] = found
            elif found is None:
                arrived.unfinished.append(lora_id)
            else:
                arrived.damages.append(found)
    return arrived


def _lora_of(key: str, profile_id: str) -> str:
    try:
        profile, lora_id = parse_outcome_key(key)
    except ValueError as exc:
        raise PermanentError(str(exc)) from exc
    if profile != profile_id:
        raise ProfileMismatch(f"{key} belongs to profile {profile}, not {profile_id}")
    return lora_id


def _read(store: ObjectStore, key: str, profile_id: str) -> OutcomeRecord | Damage | None:
    try:
        return read_outcome(store, key, profile_id)
    except NotFound:
        return None
    except DamagedObject as exc:
        return Damage(profile_id, parse_outcome_key(key)[1], key, Fault(exc.fault), exc.detail)


def check_arrivals(store: ObjectStore, arrived: Arrivals, lora_ids: Sequence[str], pairs: ProfilePairs) -> None:
    """Fetch the shards of some LoRAs and hold them against their outcomes; what is wrong becomes a finding."""
    embedded = [arrived.outcomes[lora_id] for lora_id in lora_ids if arrived.outcomes[lora_id].status == "embedded"]
    checked = iter(check_shards(store, [file for outcome in embedded for file in outcome.shards], pairs))
    for outcome in embedded:
        own = [next(checked) for _ in outcome.shards]
        damages = [found for found in own if isinstance(found, Damage)]
        shards = [found for found in own if isinstance(found, CheckedShard)]
        if not damages:
            damages = _incomplete(outcome, shards, pairs)
        if damages:
            arrived.damages += damages
        else:
            arrived.shards[outcome.lora_id] = shards


def _incomplete(outcome: OutcomeRecord, shards: list[CheckedShard], pairs: ProfilePairs) -> list[Damage]:
    lora = (outcome.profile_id, outcome.lora_id)
    damage = incomplete(lora, outcome_key(*lora), shards, pairs, outcome.n_pairs)
    return [damage] if damage else []
