"""Models in Civitai's shape, for tests."""

from typing import Any


def a_file(file_id: int = 31, **changes: Any) -> dict[str, Any]:
    """Return a file as Civitai's API gives it now."""
    return {
        "id": file_id,
        "name": "stripes.safetensors",
        "type": "Model",
        "sizeKB": 2.5,
        "metadata": {"format": "SafeTensor", "size": "full", "fp": "fp16"},
        "hashes": {"AutoV2": "AB" * 5, "SHA256": "AB" * 32},
        "downloadUrl": "https://civitai.com/api/download/models/21",
        "primary": True,
    } | changes


def a_version(version_id: int = 21, **changes: Any) -> dict[str, Any]:
    """Return a version with one file."""
    return {
        "id": version_id,
        "name": "v1.0",
        "baseModel": "SDXL 1.0",
        "publishedAt": "2025-12-18T09:16:12.062Z",
        "nsfwLevel": 3,
        "trainedWords": ["striped", "in stripes"],
        "files": [a_file()],
        "images": [],
    } | changes


def a_model(model_id: int = 11, **changes: Any) -> dict[str, Any]:
    """Return a LoRA model with one version."""
    return {
        "id": model_id,
        "name": "Stripes",
        "description": "<p>Everything in <b>stripes</b>.</p>",
        "type": "LORA",
        "nsfw": False,
        "nsfwLevel": 31,
        "allowNoCredit": True,
        "allowCommercialUse": "{Image,RentCivit}",
        "allowDerivatives": True,
        "allowDifferentLicense": False,
        "mode": None,
        "creator": {"username": "zebra", "image": None},
        "tags": ["style", "pattern"],
        "modelVersions": [a_version()],
    } | changes
