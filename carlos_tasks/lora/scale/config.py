"""A trainer's configuration of a LoRA (PEFT's `LoraConfig`, LoHa's, LoKr's), as far as the scale follows from it.

    {"peft_type": "LORA", "r": 16, "lora_alpha": 8, "use_rslora": false, "alpha_pattern": {"attn1.to_q": 4}}

Every value may be anything. What cannot be followed is told as a fault, and then nothing of the configuration counts.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from carlos_tasks.lora.scale.patterns import MAX_KEY_CHARS, MAX_KEYS, NO_PATTERNS, Patterns, compile_patterns
from carlos_tasks.untrusted.json_values import NotJson, parse_file
from carlos_tasks.untrusted.text import clean_line

FILE_NAME = "adapter_config.json"
MAX_BYTES = 2**20  # real ones have a few kilobytes; with a pattern for each module, a hundred
MAX_ALPHA = 2.0**16
_SCALED_TYPES = frozenset({"LORA", "LOHA", "LOKR"})
# These start from a part of the base model's weights and change those: without the changed ones no scale is right.
_BASE_CHANGED = ("pissa", "olora", "corda", "loftq", "lora_ga")
_SCALARS = ("peft_type", "r", "rank", "lora_alpha", "alpha", "use_rslora", "init_lora_weights")
_PATTERNS = ("rank_pattern", "alpha_pattern")
_MAX_CHARS = 100


@dataclass(frozen=True)
class AdapterConfig:
    """What one configuration states. `fault` says why the scale does not follow from it; empty if it does."""

    rank: float | None = None
    alpha: float | None = None
    is_rank_stabilised: bool = False
    ranks: Patterns = NO_PATTERNS
    alphas: Patterns = NO_PATTERNS
    is_lokr: bool = False
    changes_base: bool = False  # the base model's weights were changed before training
    fault: str = ""

    def alpha_of(self, names: tuple[str, ...], rank: int) -> float | None:
        """Return the alpha of a module of some rank; rank-stabilised LoRA divides by the root of the rank."""
        own = self.alphas.find(names)
        alpha = self.alpha if own is None else own
        return None if alpha is None else alpha * rank**0.5 if self.is_rank_stabilised else alpha

    def rank_of(self, names: tuple[str, ...]) -> float | None:
        """Return the rank that a module has by the configuration; None if it does not say."""
        own = self.ranks.find(names)
        return self.rank if own is None else own


def read_number(value: object) -> float | None:
    """Return a number that is written as such or as text ("16.0"); None for what is none, or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value[:_MAX_CHARS]) if isinstance(value, str) else float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def read_config(fields: Mapping[str, Any]) -> AdapterConfig | None:
    """Read a configuration; None where it states no scale at all."""
    kind = clean_line(fields.get("peft_type"), 20).upper().rpartition(".")[2]
    stated = next((fields[name] for name in ("lora_alpha", "alpha") if fields.get(name) is not None), None)
    if kind and kind not in _SCALED_TYPES:
        return AdapterConfig(fault=f"is for {kind}") if stated is not None else None
    rank_stated = next((fields[name] for name in ("r", "rank") if fields.get(name) is not None), None)
    if stated is None and rank_stated is None:
        return None
    alpha, rank = _read_alpha(stated), read_number(rank_stated)
    alphas, ranks = (_read_pattern(fields.get(name)) for name in ("alpha_pattern", "rank_pattern"))
    init = fields.get("init_lora_weights")
    changes_base = isinstance(init, str) and init.strip().lower().startswith(_BASE_CHANGED)
    fault = ""
    if stated is None:
        fault = "states a rank and no alpha"
    elif alpha is None:
        fault = f"states an alpha of {_shown(stated)}"
    elif rank_stated is not None and (rank is None or rank < 1):
        fault = f"states a rank of {_shown(rank_stated)}"
    elif alphas is None or ranks is None:
        fault = "has a pattern of modules that cannot be followed"
    return AdapterConfig(
        rank=rank,
        alpha=alpha,
        is_rank_stabilised=_is_true(fields.get("use_rslora")),
        ranks=ranks or NO_PATTERNS,
        alphas=alphas or NO_PATTERNS,
        is_lokr=kind == "LOKR",
        changes_base=changes_base,
        fault=fault,
    )


def state_config(data: bytes) -> str:
    """Return what an `adapter_config.json` says of the scale as canonical JSON, to be kept and handed on.

    Raises:
        ValueError: it is too large, or no JSON object; the text says which.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    try:
        fields = parse_file(data)
    except NotJson as exc:
        raise ValueError("not a JSON object") from exc
    if not isinstance(fields, dict):
        raise ValueError("not a JSON object")
    kept: dict[str, Any] = {name: _plain(fields[name]) for name in _SCALARS if fields.get(name) is not None}
    for name in _PATTERNS:
        pattern = fields.get(name)
        if isinstance(pattern, dict):
            numbers = {_text(key, MAX_KEY_CHARS + 1): _plain(value) for key, value in pattern.items()}
            # An order counts in PEFT, and canonical JSON has none.
            kept[name] = [list(pair) for pair in list(numbers.items())[: MAX_KEYS + 1]]
        elif pattern is not None:
            kept[name] = _plain(pattern)
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS).decode()


def state_fault(fault: str) -> str:
    """Return what stands for a configuration that lies there and says nothing, in the same form."""
    return orjson.dumps({"fault": fault}).decode()


def _read_alpha(value: object) -> float | None:
    alpha = read_number(value)
    return alpha if alpha is not None and 0 < alpha <= MAX_ALPHA else None


def _read_pattern(value: object) -> Patterns | None:
    if value is None or value in ({}, [], ""):
        return NO_PATTERNS
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        pairs = [(key, number) for key, number in value]
    else:
        return None
    numbers = {key: _read_alpha(number) for key, number in pairs if isinstance(key, str)}
    told = {key: number for key, number in numbers.items() if number is not None}
    return compile_patterns(told) if len(told) == len(pairs) else None


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() in {"true", "1", "yes"})


def _plain(value: object) -> Any:
    """A scalar that any JSON reader can hold; what is no scalar is named as its type."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        number = read_number(value)
        return number if number is not None else "not finite"
    return _text(value, _MAX_CHARS) if isinstance(value, str) else f"a {type(value).__name__}"


def _text(value: str, limit: int) -> str:
    return value.encode(errors="replace").decode()[:limit]


def _shown(value: object) -> str:
    return clean_line(str(_plain(value)), 40) or "nothing"
