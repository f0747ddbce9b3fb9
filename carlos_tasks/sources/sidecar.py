"""What LoRA managers write beside a file: `x.civitai.info`, `x.metadata.json`, `x.json` for `x.safetensors`.

- `.civitai.info` (A1111's Civitai helper): Civitai's answer for the version, with the model in it.
- `.metadata.json` (ComfyUI LoRA manager): its own fields, and the same answer under `civitai`.
- `.json` (A1111): description, "sd version", "activation text".
A sidecar says more about its file; one that cannot be read takes nothing away from it.
"""

from collections.abc import Mapping
from typing import Any

from carlos_tasks.sources.civitai import MAX_TAGS, MAX_WORD_CHARS, MAX_WORDS, read_license, read_sha256
from carlos_tasks.untrusted.json_text import parse
from carlos_tasks.untrusted.text import clean_json, clean_line, clean_lines, clean_text

ENDINGS = (".civitai.info", ".metadata.json", ".json")  # the first that is there is read
MAX_BYTES = 4 * 2**20


def read_sidecar(data: bytes) -> dict[str, Any]:
    """Read one sidecar into the fields of a Listing that it knows.

    Raises:
        ValueError: not a JSON object.
    """
    fields = parse(data)
    if not isinstance(fields, dict):
        raise ValueError("not an object")
    version = _object(fields.get("civitai")) or fields
    model = _object(version.get("model"))
    words = version.get("trainedWords") or _split_words(fields.get("activation text"))
    base_model = version.get("baseModel") or fields.get("base_model") or fields.get("sd version")
    tags = fields.get("tags") or model.get("tags")
    description = fields.get("modelDescription") or model.get("description") or fields.get("description")
    return {
        "name": clean_line(model.get("name") or fields.get("model_name")),
        "version_name": clean_line(version.get("name")) if version.get("id") else "",
        "description": clean_text(description),
        "tags": clean_lines(tags, MAX_TAGS),
        "base_model_claimed": clean_line(base_model),
        "trained_words": clean_lines(words, MAX_WORDS, MAX_WORD_CHARS),
        "sha256_claimed": read_sha256(fields.get("sha256")) or _sha256_of_files(version.get("files")),
        "published_at": clean_line(version.get("publishedAt") or version.get("createdAt"), 40) or None,
        "license": read_license(model) if model else {},
        "payload": {"version": clean_json(fields)},
    }


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _split_words(text: object) -> list[str] | None:
    return text.split(",") if isinstance(text, str) and text.strip() else None


def _sha256_of_files(files: object) -> str | None:
    """Return the hash of the version's only model file; with several, which of them lies here is not known."""
    if not isinstance(files, list):
        return None
    hashes = [_hash_of(file) for file in files if isinstance(file, Mapping) and file.get("type", "Model") == "Model"]
    return hashes[0] if len(hashes) == 1 else None


def _hash_of(file: Mapping[str, Any]) -> str | None:
    hashes = file.get("hashes")
    return read_sha256(hashes.get("SHA256")) if isinstance(hashes, Mapping) else None
