"""Whether the shards of a LoRA are what its outcome and its profile say: each is fetched once, hashed, and told apart.

An outcome that names hashes is held against them, and each shard's footer against its key and the profile's pairs. The
shards of an older version have neither; they are decoded, and their pairs counted, and called unsealed.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

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
from carlos_tasks.store.keys import parse_shard_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.threads import at_once


class ProfilePairs:
    """The pairs that each measurement of a profile has.

    Args:
        cut: the pairs of each shard; where that is not known, all pairs together.
        is_cut: whether it is known: shards with these pairs need not be decoded.
    """

    def __init__(self, cut: Sequence[Sequence[Pair]], *, is_cut: bool = True) -> None:
        self.all = frozenset(pair for pairs in cut for pair in pairs)
        self._cut = cut if is_cut else []

    @classmethod
    def of_profile(cls, profile: Profile) -> "ProfilePairs":
        """Those of a profile."""
        return cls([[(prompt.prompt_id, seed) for prompt, seed in pairs] for pairs in profile.shards()])

    @cached_property
    def hashes(self) -> list[str]:
        """Of the pairs of each shard, by its number, as the profile is cut today."""
        return [pairs_sha256(pairs) for pairs in self._cut]

    def of(self, number: int) -> Sequence[Pair]:
        """The pairs of a shard."""
        return self._cut[number]


@dataclass(frozen=True)
class CheckedShard:
    """A shard that is what it should be. `is_sealed`: its bytes are those that its maker recorded."""

    file: ShardFile
    identity: ShardIdentity
    is_sealed: bool
    pairs: tuple[Pair, ...] | None = None  # None: those of the profile's shard of this number


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
        known = number < len(pairs.hashes) and identity and identity.pairs_sha256 == pairs.hashes[number]
        if is_sealed and identity and known:
            return CheckedShard(found, identity, is_sealed=True)
        # It has no hash beside it, or was cut under another number of pairs to a shard: its rows tell.
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


def incomplete(lora: tuple[str, str], key: str, shards: Sequence[CheckedShard], pairs: ProfilePairs) -> Damage | None:
    """Tell when a LoRA's shards together do not hold the profile's pairs, each once.

    Args:
        lora: profile_id and lora_id.
        key: of the object that names these shards.
        shards: all of them, each whole.
    """
    held = [
        pair for shard in shards for pair in (pairs.of(shard.identity.number) if shard.pairs is None else shard.pairs)
    ]
    if len(held) == len(pairs.all) and frozenset(held) == pairs.all:
        return None
    missing = len(pairs.all - frozenset(held))
    detail = f"its shards hold {len(held)} rows, not {len(pairs.all)}; {missing} pairs of the profile are missing"
    return Damage(*lora, key, Fault.SHARDS_INCOMPLETE, detail)


def faults_by_lora(found: Iterable[Damage]) -> Mapping[str, list[Damage]]:
    """Findings by lora_id, in their order."""
    by_lora: dict[str, list[Damage]] = {}
    for damage in found:
        by_lora.setdefault(damage.lora_id, []).append(damage)
    return by_lora
