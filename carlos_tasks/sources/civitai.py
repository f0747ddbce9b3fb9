"""One model in Civitai's JSON, read into listings: the shape of its API in 2023 and now, with whatever is missing.

A model has versions, a version has files; a listing is one file. What a dump or the API hands over here is any JSON
value at all: each level that cannot be read becomes one Rejection, so that nothing is lost. Where an id cannot be
read, the record's place stands for it (`models/00001.json#17`, `#2`), so that two broken records stay two.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.untrusted.clean_json import clean_json_text
from carlos_tasks.untrusted.json_values import canonical_json
from carlos_tasks.untrusted.reasons import Reason
from carlos_tasks.untrusted.text import clean_line, clean_lines, clean_text

SOURCE = "civitai"  # dumps and the live API share its ids
LORA_TYPES = frozenset({"lora", "locon", "dora"})
MODEL_FILE_TYPES = frozenset({"model", "pruned model"})
MAX_WORDS = 200
MAX_WORD_CHARS = 2000  # creators put whole prompts into trainedWords
MAX_TAGS = 200
MAX_FILES = 5000  # of all versions of one model
# A model's and a version's own fields stand in the payload of each of its files: a small record must not grow large.
MAX_REPEATED_BYTES = 32 * 2**20
FEW_FILES = 4  # of these even the largest record stays below that
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_MAX_ID = 2**63 - 1


def read_model(source: str, model: object, where: str, *, has_bytes: bool = True) -> Iterator[Listing | Rejection]:
    """Read one model of a dump or an API answer.

    Args:
        source: the source's name, for the listings.
        model: any parsed JSON value.
        where: the record's place, unique at the source, e.g. "models/00001.json#17".
        has_bytes: False for a source of metadata alone.
    """
    if not isinstance(model, dict) or (model_id := read_id(model.get("id"))) is None:
        yield _reject(source, (where, "", ""), Reason.RECORD_INVALID, "not a model with an id")
        return
    kind = clean_line(model.get("type"), 40)
    if kind.lower() not in LORA_TYPES:
        yield _reject(source, (model_id, "", ""), Reason.NOT_A_LORA, f"type {kind or 'not given'}")
        return
    versions = model.get("modelVersions")
    if not versions:
        yield _reject(source, (model_id, "", ""), Reason.NO_FILES, "a model without versions")
    elif not isinstance(versions, list):
        yield _reject(source, (model_id, "", ""), Reason.RECORD_INVALID, "modelVersions is no list")
    elif (n_files := _count_files(versions)) > MAX_FILES:
        detail = f"{n_files} versions and files, at most {MAX_FILES} are read"
        yield _reject(source, (model_id, "", ""), Reason.RECORD_TOO_LARGE, detail)
    else:
        facts = _facts_of_model(model) | {"source": source, "model_id": model_id, "has_bytes": has_bytes}
        level = _without("modelVersions", model, n_files)
        for number, version in enumerate(versions):
            yield from _read_version(facts, level, version, f"#{number}")


def read_id(value: object) -> str | None:
    """Return an id as its digits, or None for what is no positive number."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    return str(value) if type(value) is int and 0 < value <= _MAX_ID else None


def read_sha256(value: object) -> str | None:
    """Return a SHA-256 in lower case; elided, short and missing ones are None."""
    return value.lower() if isinstance(value, str) and _SHA256.fullmatch(value) else None


def read_license(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the four permissions; None where the source says nothing.

    allowCommercialUse comes as `"Sell"` (2023), as `"{Image,RentCivit}"` (now) and as a JSON array; here it
    is a list.
    """
    uses = model.get("allowCommercialUse")
    if isinstance(uses, str):
        uses = uses.strip("{} ").split(",")
    return {
        "allow_commercial_use": None if uses is None else sorted(set(clean_lines(uses, 20)) - {"None"}),
        "allow_no_credit": _flag(model.get("allowNoCredit")),
        "allow_derivatives": _flag(model.get("allowDerivatives")),
        "allow_different_license": _flag(model.get("allowDifferentLicense")),
    }


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _count_files(versions: list[Any]) -> int:
    """Return how many records a model has at most."""
    of_versions = (version.get("files") if isinstance(version, dict) else None for version in versions)
    return sum(max(1, len(files)) if isinstance(files, list) else 1 for files in of_versions)


def _without(children: str, level: dict[str, Any], n_files: int) -> bytes:
    """Return a level of the record for the payload, unless it would be repeated too often."""
    own = level.copy()
    own.pop(children, None)
    told = clean_json_text(own)
    if n_files > FEW_FILES and n_files * len(told) > MAX_REPEATED_BYTES:
        return canonical_json({"payload_fault": f"too large to stand in {n_files} listings, left out"})
    return told


def _facts_of_model(model: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that all listings of a model share."""
    creator = model.get("creator")
    return {
        "name": clean_line(model.get("name")),
        "description": clean_text(model.get("description")),
        "creator": clean_line(creator.get("username") if isinstance(creator, dict) else creator),
        "tags": clean_lines(_tag_names(model.get("tags")), MAX_TAGS),
        "nsfw_level": _nsfw_level(model.get("nsfwLevel")),
        "license": read_license(model),
    }


def _read_version(facts: dict[str, Any], of_model: bytes, version: object, where: str) -> Iterator[Listing | Rejection]:
    """Read a version with its files; `of_model` is the model's level of their payloads."""
    source, model_id = facts["source"], facts["model_id"]
    if not isinstance(version, dict) or (version_id := read_id(version.get("id"))) is None:
        yield _reject(source, (model_id, where, ""), Reason.RECORD_INVALID, "a version without an id")
        return
    files = version.get("files")
    if not files:
        yield _reject(source, (model_id, version_id, ""), Reason.NO_FILES, "a version without files")
        return
    if not isinstance(files, list):
        yield _reject(source, (model_id, version_id, ""), Reason.RECORD_INVALID, "files is no list")
        return
    facts = facts | _facts_of_version(facts, version) | {"version_id": version_id}
    of_version = _without("files", version, len(files))
    for number, file in enumerate(files):
        if not isinstance(file, dict) or (file_id := read_id(file.get("id"))) is None:
            yield _reject(source, (model_id, version_id, f"#{number}"), Reason.RECORD_INVALID, "a file without an id")
        elif not _is_model_file(file):
            detail = f"file type {clean_line(file.get('type'), 40) or 'not given'}"
            yield _reject(source, (model_id, version_id, file_id), Reason.NOT_A_MODEL_FILE, detail)
        else:
            payload = b'{"file":%b,"model":%b,"version":%b}' % (clean_json_text(file), of_model, of_version)
            yield Listing(**facts, **_facts_of_file(file), file_id=file_id, payload=payload)


def _facts_of_version(facts: dict[str, Any], version: dict[str, Any]) -> dict[str, Any]:
    return {
        "version_name": clean_line(version.get("name")),
        "description": facts["description"] or clean_text(version.get("description")),
        "base_model_claimed": clean_line(version.get("baseModel")),
        "trained_words": clean_lines(version.get("trainedWords"), MAX_WORDS, MAX_WORD_CHARS),
        "nsfw_level": _nsfw_level(version["nsfwLevel"]) if "nsfwLevel" in version else facts["nsfw_level"],
        "published_at": clean_line(version.get("publishedAt") or version.get("createdAt"), 40) or None,
    }


def _is_model_file(file: Mapping[str, Any]) -> bool:
    """Tell the weights from training data, configurations and the like.

    What the source calls a version's primary file is its weights, whatever type it has: new types come without notice.
    """
    if file.get("primary") is True:
        return True
    kind = file.get("type")
    if isinstance(kind, str) and kind:
        return kind.lower() in MODEL_FILE_TYPES
    return clean_line(file.get("name")).lower().endswith(".safetensors")


def _facts_of_file(file: dict[str, Any]) -> dict[str, Any]:
    metadata, hashes = _object(file.get("metadata")), _object(file.get("hashes"))
    return {
        "file_name": clean_line(file.get("name")),
        "file_format": clean_line(metadata.get("format") or file.get("format"), 40),
        "size_bytes": _bytes_of(file.get("sizeKB")),
        "sha256_claimed": read_sha256(hashes.get("SHA256")),
    }


def _nsfw_level(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 2**31 else None


def _bytes_of(size_kb: object) -> int | None:
    if isinstance(size_kb, bool) or not isinstance(size_kb, int | float):
        return None
    return round(size_kb * 1024) if 0 <= size_kb < 2**43 else None


def _tag_names(tags: object) -> object:
    """Return the names of tags, which were objects in early dumps."""
    return [tag.get("name") if isinstance(tag, dict) else tag for tag in tags] if isinstance(tags, list) else tags


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _reject(source: str, ids: tuple[str, str, str], reason: Reason, detail: str) -> Rejection:
    return Rejection(source, *ids, lora_id=None, reason=reason, detail=detail)
