"""Everything beside one file, merged: of each field, the first sidecar that says something counts (order: `forms`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from carlos_tasks.lora.backbones.claims import read_claim
from carlos_tasks.sources.beside.levels import Level
from carlos_tasks.sources.beside.sidecar import Told, parse_sidecar, read_sidecar, version_id_of
from carlos_tasks.sources.beside.versions import Clues
from carlos_tasks.untrusted.clean_json import clean_json
from carlos_tasks.untrusted.text import clean_line

MAX_PAYLOAD_BYTES = 8 * 2**20  # of the sidecars that are kept whole with a listing
_SHOWN_WORDS = 5


@dataclass
class Beside:
    """What lies beside a file: fields of a Listing, the hashes that sidecars state, the payload, and notes."""

    fields: dict[str, Any] = field(default_factory=dict)
    sha256s: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by the sidecar's name
    payload: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    told_by: dict[str, str] = field(default_factory=dict)  # field to the sidecar that told it


def merge_sidecars(sidecars: Mapping[str, Callable[[], bytes]], clues: Clues) -> Beside:
    """Read the sidecars of a file and merge what they say.

    Args:
        sidecars: name to a function that reads it, in the order in which they count; it raises a ValueError where the
            bytes are not to be read, whose text is the note.
    """
    merged = Beside()
    parsed: dict[str, tuple[Level, int]] = {}
    for name, read in sidecars.items():
        try:
            data = read()
            parsed[name] = parse_sidecar(data), len(data)
        except ValueError as exc:
            merged.notes.append(f"{clean_line(name, 100)}: {exc}, passed over")
    ids = {name: version_id for name, (level, _) in parsed.items() if (version_id := version_id_of(level))}
    n_bytes = 0
    for name, (level, size) in parsed.items():
        others = [version_id for other, version_id in ids.items() if other != name]
        told = read_sidecar(level, replace(clues, version_ids=others))
        n_bytes += size
        _add(merged, clean_line(name, 100), told)
        _keep(merged, clean_line(name, 100), level, told, is_kept=n_bytes <= MAX_PAYLOAD_BYTES)
    return merged


def _add(merged: Beside, name: str, told: Told) -> None:
    for key, value in told.fields.items():
        if key not in merged.fields:
            merged.fields[key] = value
            merged.told_by[key] = name
        elif difference := _difference(key, value, merged.fields[key]):
            merged.notes.append(f"{name}: {difference} passed over, {merged.told_by[key]} goes before it")
    merged.notes += [f"{name}: {note}" for note in told.notes]
    if told.sha256s:
        merged.sha256s[name] = told.sha256s


def _keep(merged: Beside, name: str, level: Level, told: Told, *, is_kept: bool) -> None:
    if not is_kept:
        merged.payload.setdefault("beside", {})[name] = {"payload_fault": "too much lies beside the file, left out"}
        return
    if told.version and "version" not in merged.payload:
        merged.payload["version"] = clean_json(told.version.raw)
        if told.version.raw is level.raw:
            return
    merged.payload.setdefault("beside", {})[name] = clean_json(level.raw)


def _difference(key: str, value: Any, used: Any) -> str:
    """Tell what a sidecar says otherwise, where it matters to what is measured."""
    if key == "trained_words":
        known = {word.casefold() for words in used for word in (words, *map(str.strip, words.split(",")))}
        more = [word for word in value if word.casefold() not in known]
        return f"words {', '.join(more[:_SHOWN_WORDS])!r}"[:300] if more else ""
    if key == "base_model_claimed":
        claims = read_claim(value), read_claim(used)
        return f"base model {value!r}" if None not in claims and claims[0] != claims[1] else ""
    return ""
