"""Whether the shards of a LoRA are what its outcome and its profile say: each is fetched once, hashed, and told apart.

An outcome that names hashes is held against them, and each shard's footer against its key and the profile's pairs. The
shards of an older version have neither; they are decoded, and their pairs counted, and called unsealed.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from carlos_tasks.errors import NotFound
from carlos_tasks.lake.damage import Damage, Fault
from carlos_tasks.lake.shards import (
    Pair,
    ShardFile,
    ShardIdentity,
    UnreadableShard,
    identity_of,
    pairs_sha256,
    read_identity,
    read_shard,
)
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.store.keys import BASELINE, parse_shard_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.threads import at_once


class ProfilePairs:
    """The pairs that the measurements of a profile have: the baseline all of them, a LoRA as many as it needed.

    Args:
        every: all pairs.
        least: the fewest that a LoRA is measured with.
        cuts: as the profile is cut today: the pairs of each shard, of one kind of measurement after the other. Shards
            with such pairs need not be decoded.
    """

    def __init__(self, every: Iterable[Pair], least: int = 1, cuts: Iterable[Sequence[Pair]] = ()) -> None:
        self.all = frozenset(every)
        self.least = least
        self._cuts = cuts

    @classmethod
    def of_profile(cls, profile: Profile) -> "ProfilePairs":
        """Those of a profile."""
        cuts = [*profile.baseline_shards(), *(profile.shards() if profile.budget else [])]
        named = [[(prompt.prompt_id, seed) for prompt, seed in pairs] for pairs in cuts]
        return cls(chain.from_iterable(named), profile.looks()[0], named)

    @cached_property
    def by_hash(self) -> dict[str, Sequence[Pair]]:
        """The pairs of each shard by their hash, as the profile is cut today."""
        return {pairs_sha256(pairs): pairs for pairs in self._cuts}


@dataclass(frozen=True)
class CheckedShard:
    """A shard that is what it should be. `is_sealed`: its bytes are those that its maker recorded."""

    file: ShardFile
    identity: ShardIdentity
    is_sealed: bool
    pairs: Sequence[Pair] = ()


def check_shard(store: ObjectStore, expected: ShardFile, pairs: ProfilePairs) -> CheckedShard | Damage:
    """Fetch a shard and tell whether it is what its key, its recorded hash and its footer say."""
    profile_id, lora_id, number = parse_shard_key(expected.key)

    def damage(fault: Fault, detail: str) -> Damage:
        return Damage(profile_id, lora_id, expected.key, fault, detail)

    try:
        data = store.read(expected.key)
    except NotFound:
        return damage(Fault.SHARD_MISSING, "the shard is not in the store")
    found = ShardFile(key=expected.key, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
    is_sealed = expected.sha256 is not None
    try:
        identity = read_identity(data)
        if identity and (identity.profile_id, identity.lora_id, identity.number) != (profile_id, lora_id, number):
            of = f"{identity.lora_id[:128]}, profile {identity.profile_id[:128]}, number {identity.number}"
            return damage(Fault.SHARD_MISPLACED, f"the shard is that of {of}")
        if is_sealed and (found.sha256, found.size_bytes) != (expected.sha256, expected.size_bytes):
            size = "" if found.size_bytes == expected.size_bytes else f"{found.size_bytes} bytes, not "
            detail = f"{size}{expected.size_bytes} bytes, with SHA-256 {found.sha256}, not {expected.sha256}"
            return damage(Fault.SHARD_DAMAGED, detail)
        known = pairs.by_hash.get(identity.pairs_sha256) if identity else None
        if is_sealed and identity and known is not None:
            return CheckedShard(found, identity, is_sealed=True, pairs=known)
        # It has no hash beside it, or was cut in another way: its rows tell.
        table, _ = read_shard(data)
    except UnreadableShard as exc:
        return damage(Fault.SHARD_DAMAGED, str(exc))
    read = identity_of(expected.key, table)
    if identity and read != identity:
        return damage(Fault.SHARD_DAMAGED, "its rows are not those that its footer names")
    own = zip(table["prompt_id"].to_pylist(), table["seed"].to_pylist(), strict=True)
    return CheckedShard(found, read, is_sealed and identity is not None, tuple(own))


def check_shards(store: ObjectStore, files: Iterable[ShardFile], pairs: ProfilePairs) -> list[CheckedShard | Damage]:
    """Check shards, several at a time, in their order."""
    with at_once() as each:
        return list(each(lambda file: check_shard(store, file, pairs), files))


def incomplete(
    lora: tuple[str, str], key: str, shards: Sequence[CheckedShard], pairs: ProfilePairs, n_pairs: int
) -> Damage | None:
    """Tell when a LoRA's shards together do not hold so many of the profile's pairs, each once.

    Args:
        lora: profile_id and lora_id.
        key: of the object that names these shards.
        shards: all of them, each whole.
        n_pairs: as many as the object says.
    """
    held = [pair for shard in shards for pair in shard.pairs]
    own = pairs.all.intersection(held)
    least = len(pairs.all) if lora[1] == BASELINE else pairs.least
    if least <= len(own) == len(held) == n_pairs:
        return None
    detail = f"its shards hold {len(held)} rows, of {len(own)} pairs of the profile, and not {max(n_pairs, least)}"
    return Damage(*lora, key, Fault.SHARDS_INCOMPLETE, detail)


def faults_by_lora(found: Iterable[Damage]) -> Mapping[str, list[Damage]]:
    """Findings by lora_id, in their order."""
    by_lora: dict[str, list[Damage]] = {}
    for damage in found:
        by_lora.setdefault(damage.lora_id, []).append(damage)
    return by_lora
