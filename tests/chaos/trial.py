"""One trial: a fault strikes a lake that is right, the lake is judged, and clean nights heal it."""

from random import Random

from carlos_tasks.errors import CarlosError
from carlos_tasks.store import open_store
from tests.chaos.apart import Ending, run_apart
from tests.chaos.harm import Fault, Harm
from tests.chaos.judge import State, state_of
from tests.chaos.verifying import Named, clean_up_now, named_by_verify
from tests.chaos.world import World

#: Nights after which a lake has to be right again.
CLEAN_NIGHTS = 3


def try_fault(world: World, fault: Fault, random: Random) -> tuple[str, list[str]]:
    """Strike, judge and heal; returns what was done in words, and what is wrong, a line each."""
    world.put_back(fault.moment)
    harm = fault.strike(world, random)
    endings = list(harm.endings)
    if not endings and fault.moment == "measured":
        endings.append(run_apart(world.night))
    found = [*_bad_endings(endings, harm)]
    named: Named = run_apart(lambda: named_by_verify(world.settings)).value()
    found += _judged(world, fault, harm, run_apart(lambda: state_of(world.settings)), named)
    _bring_back(world, fault, harm)
    return harm.what, found + _healed(world)


def _bad_endings(endings: list[Ending], harm: Harm) -> list[str]:
    """What may not happen to a process: an error that is none of ours; or any at all, where one LoRA was harmed."""
    if not harm.was_to_die and any(ending.was_killed for ending in endings):
        return ["the night died without a word"]
    errors = [ending.error for ending in endings if ending.error is not None]
    return [
        f"the night ended with {type(error).__name__}: {str(error)[:300]}"
        for error in errors
        if harm.may_cost is not None or not isinstance(error, CarlosError)
    ]


def _judged(world: World, fault: Fault, harm: Harm, look: Ending, named: Named) -> list[str]:
    """Hold the lake against the truth."""
    if look.error is not None:
        # It cannot be read: then that has to be said, and by an error of ours.
        said = isinstance(look.error, CarlosError) and bool(named.lines)
        return [] if said else [f"the lake cannot be read, and nobody says so: {look.error}"]
    state: State = look.value()
    due = world.known[fault.moment] | (set(world.truth) if harm.may_cost is not None else state.known)
    told = state.told | named.lora_ids
    right = {lora_id for lora_id in due & state.known if state.measured.get(lora_id) == world.truth[lora_id]}
    found = [f"{lora_id[:12]} is wrong, and nobody says so" for lora_id in due - right - told if not named.is_of_all]
    if harm.may_cost is not None:
        found += [f"{lora_id[:12]} was harmed as well" for lora_id in due - right - harm.may_cost]
    return found


def _bring_back(world: World, fault: Fault, harm: Harm) -> None:
    """Take from the backup what nothing can make again."""
    store, kept = open_store(world.settings.store), world.backup(fault.moment)
    for key in harm.lost_for_good:
        store.write(key, kept.read(key))


def _healed(world: World) -> list[str]:
    """Run clean nights until all is as it was; returns what is not."""
    unhealed: list[str] = []
    for _ in range(CLEAN_NIGHTS):
        ending = run_apart(world.night)
        run_apart(lambda: clean_up_now(world.settings)).value()
        named: Named = run_apart(lambda: named_by_verify(world.settings)).value()
        state: State = run_apart(lambda: state_of(world.settings)).value()
        unhealed = [
            *([f"a clean night ended with {ending.error}"] if ending.error else []),
            *(f"{lora_id[:12]} is not what it was" for lora_id in _unlike(world, state)),
            *(f"{lora_id[:12]} is lost" for lora_id in sorted(world.truth.keys() - state.known)),
            *(f"verify: {line}" for line in named.lines),
            *(f"left over: {name}" for name in state.left_over),
            *(f"check {name}" for name in ending.result or ()),
        ]
        if not unhealed:
            break
    return unhealed


def _unlike(world: World, state: State) -> list[str]:
    every = sorted({*world.truth, *state.measured})
    return [lora_id for lora_id in every if state.measured.get(lora_id) != world.truth.get(lora_id)]
