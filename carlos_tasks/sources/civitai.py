"""One model in Civitai's JSON, read into listings: the shape of its API in 2023 and now, with whatever is missing.

A model has versions, a version has files; a listing is one file. What a dump or the API hands over here is any JSON
value at all: each level that cannot be read becomes one Rejection, so that nothing is lost. Where an id cannot be
read, the record's place stands for it (`models/00001.json#17`, `#2`), so that two broken records stay two.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from carlos_tasks.lora.reasons import Reason
from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.sources.text import clean_json, clean_line, clean_lines, clean_text

LORA_TYPES = frozenset({"lora", "locon", "dora"})
MODEL_FILE_TYPES = frozenset({"model", "pruned model"})
MAX_WORDS = 200
MAX_WORD_CHARS = 2000  # creators put whole prompts into trainedWords
MAX_TAGS = 200
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_MAX_ID = 2**63 - 1


def read_model(source: str, model: object, where: str) -> Iterator[Listing | Rejection]:
    """Read one model of a dump or an API answer.

    Args:
        source: the source's name, for the listings.
        model: any parsed JSON value.
        where: the record's place, unique at the source, e.g. "models/00001.json#17".
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
    else:
        for number, version in enumerate(versions):
            yield from _read_version(source, model_id, model, version, f"#{number}")


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
    listed = None if uses is None else sorted(set(clean_lines(uses, 20)) - {"None"})
    flags = {
        "allow_no_credit": model.get("allowNoCredit"),
        "allow_derivatives": model.get("allowDerivatives"),
        "allow_different_license": model.get("allowDifferentLicense"),
    }
    return {"allow_commercial_use": listed} | {k: v if isinstance(v, bool) else None for k, v in flags.items()}


def _read_version(
    source: str, model_id: str, model: dict[str, Any], version: object, where: str
) -> Iterator[Listing | Rejection]:
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
    for number, file in enumerate(files):
        if not isinstance(file, dict) or (file_id := read_id(file.get("id"))) is None:
            yield _reject(source, (model_id, version_id, f"#{number}"), Reason.RECORD_INVALID, "a file without an id")
        elif not _is_model_file(file):
            detail = f"file type {clean_line(file.get('type'), 40) or 'not given'}"
            yield _reject(source, (model_id, version_id, file_id), Reason.NOT_A_MODEL_FILE, detail)
        else:
            yield _read_file(source, (model_id, version_id, file_id), model, version, file)


def _is_model_file(file: Mapping[str, Any]) -> bool:
    """Tell the weights from training data, configurations and the like; the type goes before `primary`."""
    kind = file.get("type")
    if isinstance(kind, str) and kind:
        return kind.lower() in MODEL_FILE_TYPES
    return file.get("primary") is True or clean_line(file.get("name")).lower().endswith(".safetensors")


def _read_file(
    source: str,
    ids: tuple[str, str, str],
    model: dict[str, Any],
    version: dict[str, Any],
    file: dict[str, Any],
) -> Listing:
    model_id, version_id, file_id = ids
    facts, hashes, creator = _object(file.get("metadata")), _object(file.get("hashes")), model.get("creator")
    nsfw = version.get("nsfwLevel", model.get("nsfwLevel"))
    return Listing(
        source=source,
        model_id=model_id,
        version_id=version_id,
        file_id=file_id,
        name=clean_line(model.get("name")),
        version_name=clean_line(version.get("name")),
        description=clean_text(model.get("description") or version.get("description")),
        creator=clean_line(creator.get("username") if isinstance(creator, dict) else creator),
        tags=clean_lines(_tag_names(model.get("tags")), MAX_TAGS),
        base_model_claimed=clean_line(version.get("baseModel")),
        trained_words=clean_lines(version.get("trainedWords"), MAX_WORDS, MAX_WORD_CHARS),
        nsfw_level=nsfw if type(nsfw) is int and 0 <= nsfw < 2**31 else None,
        file_name=clean_line(file.get("name")),
        file_format=clean_line(facts.get("format") or file.get("format"), 40),
        size_bytes=_bytes_of(file.get("sizeKB")),
        sha256_claimed=read_sha256(hashes.get("SHA256")),
        published_at=clean_line(version.get("publishedAt") or version.get("createdAt"), 40) or None,
        license=read_license(model),
        payload=clean_json({
            "model": {key: value for key, value in model.items() if key != "modelVersions"},
            "version": {key: value for key, value in version.items() if key != "files"},
            "file": file,
        }),
    )  # fmt: skip


def _bytes_of(size_kb: object) -> int | None:
    if isinstance(size_kb, bool) or not isinstance(size_kb, int | float):
        return None
    return round(size_kb * 1024) if math.isfinite(size_kb) and 0 <= size_kb < 2**43 else None


def _tag_names(tags: object) -> object:
    """Return the names of tags, which were objects in early dumps."""
    return [tag.get("name") if isinstance(tag, dict) else tag for tag in tags] if isinstance(tags, list) else tags


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _reject(source: str, ids: tuple[str, str, str], reason: Reason, detail: str) -> Rejection:
    return Rejection(source, *ids, lora_id=None, reason=reason, detail=detail)
