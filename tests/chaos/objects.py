"""Objects of the store, and what can happen to one: a flipped bit, a cut, a swap, a loss."""

from collections.abc import Callable
from random import Random

from carlos_tasks.store.objects import ObjectStore

#: Kinds of objects, by what their keys begin with.
KINDS = {
    "shard": "shards/",
    "outcome": "outcomes/",
    "LoRA file": "files/",
    "intake file": "intake/",
    "receipt": "receipts/",
    "manifest": "plans/",
    "image": "evidence/",
    "lake file": "lake/",
}


def keys_of(store: ObjectStore, kind: str) -> list[str]:
    """Keys of the objects of one kind, sorted."""
    return [item.key for item in store.list(KINDS[kind])]


def _flip_a_bit(store: ObjectStore, key: str, random: Random) -> None:
    data = bytearray(store.read(key))
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    store.write(key, bytes(data))


def _cut(store: ObjectStore, key: str, random: Random) -> None:
    data = store.read(key)
    store.write(key, data[: random.randrange(1, len(data))])


def _empty(store: ObjectStore, key: str, random: Random) -> None:
    store.write(key, b"")


def _lose(store: ObjectStore, key: str, random: Random) -> None:
    store.delete(key)


def _fill_with_noise(store: ObjectStore, key: str, random: Random) -> None:
    store.write(key, random.randbytes(random.choice((1, 100, 10_000))))


def _put_another_in_its_place(store: ObjectStore, key: str, random: Random) -> None:
    """Another object of the kind, which is right in itself, lies under the key."""
    prefix = key.partition("/")[0] + "/"
    others = [item.key for item in store.list(prefix) if item.key != key and item.key[-5:] == key[-5:]]
    store.write(key, store.read(random.choice(others)) if others else b"{}")


def _swap(store: ObjectStore, key: str, random: Random) -> None:
    """Two objects of the kind have each other's bytes."""
    prefix = key.partition("/")[0] + "/"
    others = [item.key for item in store.list(prefix) if item.key != key and item.key[-5:] == key[-5:]]
    if not others:
        return _lose(store, key, random)
    other = random.choice(others)
    mine, theirs = store.read(key), store.read(other)
    store.write(key, theirs)
    store.write(other, mine)
    return None


def _append(store: ObjectStore, key: str, random: Random) -> None:
    store.write(key, store.read(key) + random.randbytes(50))


DAMAGES: dict[str, Callable[[ObjectStore, str, Random], None]] = {
    "flipped bit": _flip_a_bit,
    "cut": _cut,
    "empty": _empty,
    "lost": _lose,
    "noise": _fill_with_noise,
    "foreign": _put_another_in_its_place,
    "swapped": _swap,
    "longer": _append,
}
