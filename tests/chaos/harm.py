"""The faults, one function each: every one harms the lake of a world, and says whom it may have cost.

objects: one object of the store is damaged, before the commit reads it or while it lies there
kills: the process of a night is killed at a random moment, once or again and again
storage: object storage fails, hangs or answers slowly during a night
disk: it fills up during a night
committers: two nights run at once
clock: the machine's clock is a month behind, or ahead, for one night
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from carlos_tasks.errors import CarlosError
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE
from tests.chaos.apart import LIMIT_S, Apart, Ending, run_apart
from tests.chaos.objects import DAMAGES, keys_of
from tests.chaos.world import World
from tests.store.bad_proxy import PASSING, proxy_before

#: What is wrong with an answer; those that never come at all take a time-out each.
BROKEN = tuple(kind for kind in PASSING if "stall" not in kind)
#: What nothing makes again: the files that DuckLake wrote, and those that came from a source.
NOT_MADE_AGAIN = ("lake file", "LoRA file")


class Unavailable(Exception):
    """This machine cannot have that fault; the message says why."""


@dataclass(frozen=True)
class Harm:
    """What was done.

    Attributes:
        what: in words.
        may_cost: LoRAs that may be missing afterwards, if the lake says so; None: any of them.
        endings: how the processes ended that ran meanwhile.
        lost_for_good: keys that nothing makes again: they come back from the backup before the clean nights.
        was_to_die: those processes were killed.
    """

    what: str
    may_cost: frozenset[str] | None = None
    endings: tuple[Ending, ...] = ()
    lost_for_good: tuple[str, ...] = ()
    was_to_die: bool = False


@dataclass(frozen=True)
class Fault:
    """A kind of fault: at which moment of the world it strikes, and how."""

    name: str
    moment: str
    strike: Callable[[World, Random], Harm]
    weight: int = 1
    on_s3: bool = False


def damage_one(kind: str, world: World, random: Random) -> Harm:
    """One object of a kind, drawn at random, takes a damage drawn at random."""
    store = open_store(world.settings.store)
    key = random.choice(keys_of(store, kind))
    damage = random.choice(sorted(DAMAGES))
    before = {item.key: item.etag for item in store.list()}
    DAMAGES[damage](store, key, random)
    after = {item.key: item.etag for item in store.list()}
    changed = [one for one in before if after.get(one) != before[one]]
    owners = {_owner(one) for one in [key, *changed]}
    may_cost = None if owners & {None, BASELINE} else frozenset(filter(None, owners))
    lost = tuple(changed) if kind in NOT_MADE_AGAIN else ()
    return Harm(f"{damage} {kind} {key}", may_cost, lost_for_good=lost)


def _owner(key: str) -> str | None:
    """The LoRA that an object belongs to; None for one that belongs to all."""
    name = key.partition("lora_id=")[2].partition("/")[0].removesuffix(".json")
    if name:
        return name
    if key.startswith("files/"):
        return key.removeprefix("files/").removesuffix(".safetensors")
    return None


def kill(moment: str, world: World, random: Random) -> Harm:
    """A night, going on from a moment, is killed somewhere; at times the next one as well."""
    kills = [random.uniform(0, world.night_s[moment]) for _ in range(random.choice((1, 1, 2)))]
    endings = tuple(run_apart(world.night, kill_after_s=after) for after in kills)
    return Harm(f"killed after {', '.join(f'{after:.2f} s' for after in kills)}", endings=endings, was_to_die=True)


def two_nights_at_once(world: World, random: Random) -> Harm:
    """Two processes index the same source; the second begins a little later."""
    first = Apart(world.night)
    apart_s = random.uniform(0, world.night_s["one_night"])
    second = run_apart(lambda: _after(apart_s, world.night))
    return Harm(f"two nights, {apart_s:.2f} s apart", endings=(first.ended(LIMIT_S), second))


def _after(seconds: float, run: Callable[[], object]) -> None:
    time.sleep(seconds)
    run()


def failing_storage(world: World, random: Random) -> Harm:
    """A share of the requests to object storage fails in one way, or is answered late."""
    assert world.server
    kind = random.choice(("late", *BROKEN))
    share = random.choice((0.02, 0.1))
    through = world.server
    with proxy_before(through.port) as proxy, proxy.broken(kind, chance=lambda: random.random() < share):
        os.environ["AWS_ENDPOINT_URL"] = proxy.endpoint
        try:
            ending = run_apart(world.night)
        finally:
            os.environ["AWS_ENDPOINT_URL"] = through.endpoint
    return Harm(f"{share:.0%} of the requests: {kind}", endings=(ending,))


def full_disk(world: World, random: Random) -> Harm:
    """The lake lies on a disk that has a few hundred kilobytes left."""
    left = random.randrange(0, 600) * 1024
    with _small_disk(world.folder / "lake", left):
        ending = run_apart(world.night)
    return Harm(f"{left // 1024} KiB left on the disk", endings=(ending,))


@contextmanager
def _small_disk(folder: Path, left: int) -> Iterator[None]:
    """Put a folder on a file system in memory, with `left` bytes free, and take it back."""
    used = sum(-(-path.stat().st_size // 4096) * 4096 + 4096 for path in folder.rglob("*"))
    aside = folder.with_name("aside")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={used + left}", "carlos-chaos", str(folder)], capture_output=True
    )
    if made.returncode:
        folder.rmdir()
        aside.rename(folder)
        raise Unavailable(f"no file system of its own can be mounted: {made.stderr.decode().strip()}")
    try:
        shutil.copytree(aside, folder, dirs_exist_ok=True)
        yield
        shutil.rmtree(aside)
        shutil.copytree(folder, aside)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()
        aside.rename(folder)


def stepped_clock(world: World, random: Random) -> Harm:
    """One night runs with a clock that is days or a month off."""
    faketime = shutil.which("faketime")
    if faketime is None:
        raise Unavailable("faketime is not installed (scripts/install-services faketime)")
    offset = random.choice(("-30d", "-1d", "-90s", "+1d", "+30d"))
    settings = world.settings
    environment = {
        **os.environ,
        "CARLOS_STORE": settings.store,
        "CARLOS_CATALOG": settings.catalog,
        "CARLOS_PROFILE": settings.profile,
        "CARLOS_LORAS_PER_BATCH": str(settings.loras_per_batch),
    }
    command = [faketime, "-f", offset, sys.executable, "-m", "carlos_tasks.cli", "index", world.source]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    error = None if ran.returncode == 0 else CarlosError(ran.stderr.strip()[-300:])
    return Harm(f"clock {offset}", endings=(Ending(error=error),))


FAULTS = [
    *(Fault(f"{kind}, before its commit", "measured", partial(damage_one, kind), 3) for kind in ("shard", "outcome")),
    *(
        Fault(f"{kind}, before the commit", "measured", partial(damage_one, kind))
        for kind in ("LoRA file", "intake file", "receipt", "manifest", "image", "lake file")
    ),
    Fault("shard, at rest", "settled", partial(damage_one, "shard"), 3),
    Fault("lake file, at rest", "settled", partial(damage_one, "lake file"), 3),
    *(
        Fault(f"{kind}, at rest", "settled", partial(damage_one, kind))
        for kind in ("outcome", "LoRA file", "intake file", "receipt", "manifest", "image")
    ),
    Fault("killed night", "one_night", partial(kill, "one_night"), 6),
    Fault("killed commit", "measured", partial(kill, "measured"), 4),
    Fault("two committers", "one_night", two_nights_at_once, 2),
    Fault("full disk", "one_night", full_disk, 2),
    Fault("failing storage", "one_night", failing_storage, 4, on_s3=True),
    Fault("clock step", "one_night", stepped_clock),
]
