"""Where the scale of a file is stated apart from alpha tensors, in the order in which the statements count.

1. `lora_adapter_metadata` in the header: diffusers writes the LoraConfig of each component there.
2. `adapter_config.json` beside the file: PEFT writes it, and no alpha into the file.
3. plain entries of the header: a LoraConfig as JSON, or `lora_alpha` (`alpha` with `r` or `rank`) for themselves.

A statement whose ranks are not those of the file's tensors is of another file, and counts for nothing.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from carlos_tasks.lora.container.header import Header
from carlos_tasks.lora.facts import component_of
from carlos_tasks.lora.layout.parts import Kind
from carlos_tasks.lora.layout.tensor_layout import Module
from carlos_tasks.lora.scale.config import FILE_NAME, AdapterConfig, read_config
from carlos_tasks.untrusted.json_values import NotJson, parse
from carlos_tasks.untrusted.text import says_something

MAX_JSON_CHARS = 4_000_000
MAX_MODULES_WITH_EXPRESSIONS = 5_000
COMPONENTS = ("unet", "transformer", "text_encoder", "text_encoder_2", "text_encoder_3")
_DIFFUSERS = "lora_adapter_metadata"
_JSON_ENTRIES = ("adapter_config", "lora_config", "peft_config", "config", "lora_adapter_config")
_ALPHAS = ("lora_alpha", "network_alpha", "alpha")
_RANKS = ("r", "rank", "lora_rank", "lora_r", "network_dim", "lora_dim", "dim")
_STABILISED = ("use_rslora", "rslora")
#: Entries of a header that are read here, for the whole file or behind the name of a component.
_ENTRIES = frozenset({_DIFFUSERS, *_JSON_ENTRIES, *_ALPHAS, *_RANKS, *_STABILISED, "init_lora_weights"})


class ToldBy(StrEnum):
    """What tells by how much the weights are multiplied."""

    ALPHA_TENSORS = "alpha_tensors"
    DIFFUSERS_METADATA = "lora_adapter_metadata"
    ADAPTER_CONFIG = "adapter_config"
    HEADER_ENTRIES = "header_entries"
    CONVENTION = "convention"  # nothing states it: alpha is the rank, as every loader takes it
    NOT_NEEDED = "not_needed"  # no module is a product of low rank


@dataclass(frozen=True)
class Statement:
    """What one place states: a configuration for each component, under "" one for all."""

    told_by: ToldBy
    configs: Mapping[str, AdapterConfig]
    fault: str = ""

    @property
    def changes_base(self) -> bool:
        """Whether the LoRA is for weights other than the base model's own."""
        return any(config.changes_base for config in self.configs.values())

    def config_of(self, component: str) -> AdapterConfig | None:
        """Return the configuration of a component's modules."""
        return self.configs.get(component) or self.configs.get("")

    def alpha(self, names: tuple[str, ...], component: str, rank: int) -> float | None:
        """Return the alpha of a module, by the names that it goes by; None if nothing is said of it."""
        config = self.config_of(component)
        return config.alpha_of(names, rank) if config else None


@lru_cache(maxsize=2**13)
def names_in_file(name: str) -> tuple[str, ...]:
    """Return the names by which a configuration may call a module: as in the file, and below its component."""
    below = name.removeprefix("base_model.model.")
    start, _, rest = below.partition(".")
    return (name, below, rest) if start in COMPONENTS and rest else (name, below)


def read_statements(header: Header, beside: str | None) -> list[Statement]:
    """Read the statements of a file in the order in which they count, those with a fault included.

    Args:
        beside: what lies beside the file, as `config.state_config` returns it.
    """
    found = [
        _read_diffusers(header.metadata),
        _read(ToldBy.ADAPTER_CONFIG, _of_text(beside)),
        *(_read(ToldBy.HEADER_ENTRIES, configs) for configs in _of_entries(header.metadata)),
    ]
    return [_compared(statement, header) for statement in found if statement]


def _read(told_by: ToldBy, fields: Mapping[str, Mapping[str, Any]]) -> Statement | None:
    if told_by is ToldBy.ADAPTER_CONFIG and (fault := fields.get("", {}).get("fault")):
        return Statement(told_by, {}, f"{FILE_NAME} {fault}")
    read = {component: config for component, told in fields.items() if (config := read_config(told)) is not None}
    if not read:
        return None
    place = FILE_NAME if told_by is ToldBy.ADAPTER_CONFIG else "the header"
    fault = next((f"{place} {config.fault}" for config in read.values() if config.fault), "")
    return Statement(told_by, read, fault)


def _read_diffusers(metadata: Mapping[str, str]) -> Statement | None:
    """Take the entries apart by component; a single model's own writer leaves the component out."""
    configs: dict[str, dict[str, Any]] = {}
    entries = _parsed(metadata.get(_DIFFUSERS))
    if not entries and says_something(metadata.get(_DIFFUSERS)):
        return Statement(ToldBy.DIFFUSERS_METADATA, {}, f"the header's {_DIFFUSERS} cannot be read")
    for name, value in entries.items():
        component, _, key = name.partition(".")
        if key:
            configs.setdefault(component, {})[key] = value
        else:
            configs.setdefault("", {})[component] = value
    return _read(ToldBy.DIFFUSERS_METADATA, configs)


def _of_text(text: str | None) -> dict[str, dict[str, Any]]:
    fields = _parsed(text)
    return {"": fields} if fields else {}


def _of_entries(metadata: Mapping[str, str]) -> Iterator[dict[str, dict[str, Any]]]:
    for name in _JSON_ENTRIES:
        if not (fields := _parsed(metadata.get(name))):
            continue
        inner = {key: value for key, value in fields.items() if key in (*COMPONENTS, "default") and _is_config(value)}
        if inner:
            yield {"" if key == "default" else key: value for key, value in inner.items()}
        elif _is_config(fields):
            yield {"": fields}
    plain = {"": _plain_entries(metadata, "")} | {
        component: _plain_entries(metadata, f"{component}.")
        for component in COMPONENTS
        if f"{component}.lora_alpha" in metadata
    }
    yield {component: fields for component, fields in plain.items() if fields}


def _is_config(value: Any) -> bool:
    return isinstance(value, dict) and (
        "lora_alpha" in value or ("alpha" in value and ("r" in value or "rank" in value))
    )


def _plain_entries(metadata: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """Return an alpha that entries of the header state; `alpha` alone may be of anything, beside a rank it is ours."""
    alpha = next((metadata[prefix + name] for name in _ALPHAS if metadata.get(prefix + name)), None)
    rank = next((metadata[prefix + name] for name in _RANKS if metadata.get(prefix + name)), None)
    is_ours = rank is not None or any(metadata.get(prefix + name) for name in _ALPHAS[:2])
    if alpha is None or not is_ours:
        return {}
    stabilised = next((metadata[prefix + name] for name in _STABILISED if metadata.get(prefix + name)), None)
    init = metadata.get(f"{prefix}init_lora_weights")
    return {"lora_alpha": alpha, "r": rank, "use_rslora": stabilised, "init_lora_weights": init}


def _parsed(text: str | None) -> dict[str, Any]:
    if not text or len(text) > MAX_JSON_CHARS:
        return {}
    try:
        value = parse(text.encode(errors="replace"))
    except NotJson:
        return {}
    return {key: item for key, item in value.items() if isinstance(key, str)} if isinstance(value, dict) else {}


def _compared(statement: Statement, header: Header) -> Statement:
    """Compare a statement with the ranks of the file's tensors."""
    if statement.fault:
        return statement
    place = FILE_NAME if statement.told_by is ToldBy.ADAPTER_CONFIG else "the header"
    if fault := next(_differences(statement, header.layout.modules), None):
        return Statement(statement.told_by, statement.configs, f"{place} {fault}")
    return statement


def _differences(statement: Statement, modules: Mapping[str, Module]) -> Iterator[str]:
    has_expressions = any(c.alphas.expressions or c.ranks.expressions for c in statement.configs.values())
    if has_expressions and len(modules) > MAX_MODULES_WITH_EXPRESSIONS:
        yield "has a pattern of modules that cannot be followed"
    for name, module in modules.items():
        config = statement.config_of(component_of(name))
        if config is None or module.change.kind in (Kind.OFT, Kind.BOFT):
            continue
        if (rank := module.rank_of_scale) is None:
            # PEFT scales a Kronecker product of two whole factors too, and LyCORIS does not.
            if config.is_lokr and module.change.kind is Kind.LOKR and config.alpha != config.rank:
                yield "scales a product without a rank"
            continue
        stated = config.rank_of(names_in_file(name))
        if stated is not None and stated != rank:
            yield f"states rank {stated:g}, and {name[:80]} has {rank}"


def scale_key(metadata: Mapping[str, str], beside: str | None) -> str:
    """Hash all that may state a scale: two files with the same tensors and the same key act alike.

    Args:
        metadata: the header's, as it came. beside: as for `read_statements`.
    """
    stated = {name: text for name, text in metadata.items() if name.rpartition(".")[2] in _ENTRIES}
    return hashlib.sha256(json.dumps([sorted(stated.items()), beside]).encode()).hexdigest()


def usable(statements: Iterable[Statement]) -> list[Statement]:
    """Return the statements that count."""
    return [statement for statement in statements if not statement.fault]
