"""For which backbone a file was made: told by names, numbers of blocks and sizes of its modules, and its own metadata.

Keys decide which backbones it can be for (`candidates`). Where several fit it as well, the file's own metadata choose
among them; without a word there, the one of which the file has the larger part. Metadata that name a backbone whose
keys the file cannot have are a contradiction: the keys win, and a signal tells of it (`mart.signal`). What the listing
says is only compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carlos_tasks.lora.backbones.candidates import Candidate, find_candidates
from carlos_tasks.lora.backbones.claims import claim_in_metadata
from carlos_tasks.lora.backbones.known import DATA_FILES, UNKNOWN
from carlos_tasks.lora.backbones.others import load_others
from carlos_tasks.lora.backbones.single_signs import tell_by_signs
from carlos_tasks.lora.container.header import Header
from carlos_tasks.lora.layout.parts import Kind
from carlos_tasks.lora.layout.tensor_layout import Layout

Told = tuple[str, str]
# Kinds whose shapes state a module's size; the factors of a LoKr can be written so that their product does not
_SIZED = frozenset({Kind.PAIR, Kind.TUCKER, Kind.LOHA, Kind.FULL})


@dataclass(frozen=True)
class Keys:
    """What the keys of a file say of its backbone: `best` fit it equally well, the likeliest first."""

    n_modules: int
    best: tuple[Candidate, ...]
    by_signs: Told | None


def tell_base_model(header: Header) -> Told:
    """Tell the base model and what it was told by.

    Returns:
        (base_model, evidence): a name of `known` or `claims`, or "unknown"; and one short sentence.
    """
    return decide(weigh_keys(header.layout), header.metadata)


def weigh_keys(layout: Layout) -> Keys:
    """Weigh all that names and shapes say."""
    candidates = find_candidates(layout.modules)
    best = tuple(one for one in candidates if one.n_fit and one.n_fit == candidates[0].n_fit)
    n_modules = len(layout.modules)
    is_sure = bool(best) and (2 * best[0].n_fit >= n_modules or not best[0].is_known)
    if is_sure and not _is_tied(best):
        return Keys(n_modules, best, None)
    by_signs = tell_by_signs(layout)
    if is_sure:
        return Keys(n_modules, best, by_signs if by_signs and by_signs[0] in {one.name for one in best} else None)
    return Keys(n_modules, (), _contradicted(layout, candidates, by_signs))


def decide(keys: Keys, metadata: Mapping[str, str]) -> Told:
    """Choose among the backbones that the keys leave.

    Args:
        metadata: the header's.
    """
    claim = claim_in_metadata(metadata)
    names = {one.name for one in keys.best}
    if claim and (claim in names or not _can_contradict(claim)):
        return claim, _evidence(keys, claim, "; its metadata name it")
    said = f"; its metadata say {claim}" if claim and keys.best else ""
    if not keys.best:
        if keys.by_signs is None:
            return (claim, "its metadata, and no key or shape") if claim else (UNKNOWN, _NO_SIGN)
        return keys.by_signs
    if keys.by_signs is not None:
        return keys.by_signs
    if _is_tied(keys.best):
        tied = sorted(names)
        return UNKNOWN, f"names and sizes are those of {', '.join(tied)} alike"
    return keys.best[0].name, _evidence(keys, keys.best[0].name, said)


_SHOWN_TITLES = 2
_NO_SIGN = "no key or shape that tells a backbone"


def _is_tied(best: Sequence[Candidate]) -> bool:
    """Tell whether two backbones that can be attached to fit a file alike, and it has the same part of both."""
    first = [one for one in best if one.is_known and one.share == best[0].share]
    return best[0].is_known and len({one.name for one in first}) > 1


def _can_contradict(claim: str) -> bool:
    """Tell whether the keys of a backbone are known here; Kolors, say, has those of SDXL, and no others are known."""
    return claim in DATA_FILES or any(other.name == claim for other in load_others()[0])


def _evidence(keys: Keys, name: str, said: str) -> str:
    titles = list(dict.fromkeys(one.title for one in keys.best if one.name != name))
    more = " …" if len(titles) > _SHOWN_TITLES else ""
    also = f" (also {', '.join(titles[:_SHOWN_TITLES])}{more})" if titles else ""
    n_fit = keys.best[0].n_fit if keys.best else 0
    return f"{n_fit} of {keys.n_modules} modules fit by name and size{also}{said}"


def _contradicted(layout: Layout, candidates: Sequence[Candidate], by_signs: Told | None) -> Told | None:
    """Take back what block names say, where the sizes are those of none of that backbone's modules."""
    if by_signs is None or any(module.change.kind not in _SIZED for module in layout.modules.values()):
        return by_signs
    of_it = [one for one in candidates if one.name == by_signs[0]]
    is_named = any(2 * one.n_named >= len(layout.modules) for one in of_it) and not any(one.n_fit for one in of_it)
    if is_named and by_signs[1].startswith("keys name"):
        return UNKNOWN, f"names of {by_signs[0]}'s modules, and sizes of another backbone"
    return by_signs
