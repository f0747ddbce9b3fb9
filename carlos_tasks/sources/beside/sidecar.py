"""One sidecar, read into the fields of a Listing: whatever program wrote it, the same reader finds its fields.

A sidecar has up to three levels: fields of its own (`own`), Civitai's answer for a version, and for a model. An answer
may be the whole sidecar, stand under `civitai` (LoRA Manager) or `raw.civitai` (rgthree), or hold every version of the
model.
"""

from dataclasses import dataclass, field
from typing import Any

from carlos_tasks.sources.beside.levels import Level, words_of
from carlos_tasks.sources.beside.versions import Clues, choose_version, what_all_say
from carlos_tasks.sources.civitai import MAX_TAGS, MAX_WORD_CHARS, MAX_WORDS, read_id, read_license, read_sha256
from carlos_tasks.untrusted.json_values import parse_file
from carlos_tasks.untrusted.text import clean_line, clean_lines, clean_text

_NONE = Level(None)


@dataclass(frozen=True)
class Told:
    """What one sidecar tells: fields of a Listing that say something, SHA-256s of the file, and notes."""

    fields: dict[str, Any]
    version: Level
    sha256s: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parts:
    """The levels of a sidecar; `is_own_name`: the name in its own fields is the model's."""

    own: Level
    version: Level = _NONE
    model: Level = _NONE
    is_own_name: bool = True
    notes: list[str] = field(default_factory=list)


def parse_sidecar(data: bytes) -> Level:
    """Parse a sidecar; an answer in a list of one, or in a page of one, counts as itself.

    Raises:
        ValueError: not a JSON object.
    """
    value = parse_file(data)
    for _ in range(2):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, dict) and isinstance(value.get("items"), list) and len(value["items"]) == 1:
            value = value["items"][0]
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return Level(value)


def version_id_of(sidecar: Level) -> str | None:
    """Return the version that a sidecar says that the file is of."""
    answer = _answer_of(sidecar)
    told = sidecar.get("versionid", "modelversionid") or (answer.get("id") if _is_version(answer) else None)
    return read_id(told)


def read_sidecar(sidecar: Level, clues: Clues) -> Told:
    """Read what a parsed sidecar says about the file that the clues describe."""
    parts = _parts_of(sidecar, clues)
    own, version, model = parts.own, parts.version, parts.model
    words = (
        own.get("trainedwords", "triggerwords", "activationtext", "modelspectriggerphrase", "triggerphrase"),
        version.get("trainedwords", "triggerwords"),
    )
    description = (
        *(own.get("modeldescription"), model.get("description"), own.get("description", "modelspecdescription")),
        *(version.get("description"), own.get("versiondescription")),
    )
    levels = (version.get("nsfwlevel"), model.get("nsfwlevel"))
    found = {
        "name": clean_line(
            model.get("name") or own.get("modelname", "modelspectitle", "title", "usertitle") or _own_name(parts)
        ),
        "version_name": clean_line((version.get("name") if version.get("id") else None) or own.get("versionname")),
        "description": clean_text(next(filter(None, description), None)),
        "creator": clean_line(_creator_of(parts)),
        "tags": clean_lines(words_of(own.get("tags", "modelspectags") or model.get("tags")), MAX_TAGS),
        "base_model_claimed": _base_model_of(parts),
        "trained_words": clean_lines(next(filter(None, map(words_of, words)), []), MAX_WORDS, MAX_WORD_CHARS),
        "nsfw_level": next((level for level in levels if type(level) is int and 0 < level < 2**31), None),
        "published_at": clean_line(
            version.get("publishedat", "createdat") or own.get("publishedat", "modelspecdate", "date"), 40
        ),
        "license": _license_of(parts),
    }
    fields = {name: value for name, value in found.items() if value}
    return Told(fields, version, tuple(_sha256s_of(parts)), tuple(parts.notes))


def _answer_of(sidecar: Level) -> Level:
    return sidecar.level("civitai") or sidecar.level("raw").level("civitai") or sidecar


def _is_version(answer: Level) -> bool:
    return bool(answer.level("model") or (answer.get("modelid") and answer.get("files", "images", "downloadurl")))


def _parts_of(sidecar: Level, clues: Clues) -> Parts:
    own, answer = _with_metadata(sidecar), _answer_of(sidecar)
    is_whole = answer is sidecar
    if versions := answer.levels("modelversions"):
        version = choose_version(versions, clues)
        notes = [] if version else [f"which of its {len(versions)} versions lies here is not known"]
        return Parts(own, version or what_all_say(versions), answer, not is_whole, notes)
    if _is_version(answer):
        return Parts(own, answer, answer.level("model"), not is_whole)
    return Parts(own) if is_whole else Parts(own, answer)


def _with_metadata(sidecar: Level) -> Level:
    """Put the entries of a file's header, where a sidecar holds them, beside its own fields."""
    header = sidecar.level("metadata")
    return Level({**header.raw, **sidecar.raw}) if any(key.startswith("modelspec.") for key in header.raw) else sidecar


def _own_name(parts: Parts) -> Any:
    return parts.own.get("name") if parts.is_own_name else None


def _base_model_of(parts: Parts) -> str:
    claimed = parts.own.get("basemodel", "sdversion") or parts.version.get("basemodel")
    if claimed is None:
        # "stable-diffusion-xl-v1-base/lora": the architecture, and what kind of file it is
        claimed = clean_line(parts.own.get("modelspecarchitecture", "architecture")).removesuffix("/lora")
    return clean_line(claimed)


def _creator_of(parts: Parts) -> Any:
    of_answer = (level.level("creator").get("username") for level in (parts.model, parts.version))
    return next(filter(None, of_answer), None) or parts.own.get(
        "authorusername", "modelspecauthor", "author", "creator"
    )


def _license_of(parts: Parts) -> dict[str, Any]:
    told = read_license(parts.model.raw)
    if any(value is not None for value in told.values()):
        return told
    named = clean_line(parts.own.get("modelspeclicense", "license"), 200)
    return {"license": named} if named else {}


def _sha256s_of(parts: Parts) -> set[str]:
    of_files = [file.level("hashes").get("sha256") for file in parts.version.levels("files") if _is_model(file)]
    told = [parts.own.get("sha256"), parts.own.level("hashes").get("sha256"), *of_files]
    return {sha256 for value in told if (sha256 := read_sha256(value))}


def _is_model(file: Level) -> bool:
    return file.get("type") in (None, "Model", "Pruned Model")
