"""Answers of Civitai's API in the shape of 2025: a page of models, a version, its file, and what a hash brings."""

from typing import Any

_SHA256 = "0C4A7E" + "3B" * 29
_URL = "https://civitai.com/api/download/models/4400021"
_WHEN = "2025-11-03T07:30:00.000Z"
_HASHES = {"AutoV1": "0F0E0D0C", "AutoV2": _SHA256[:10], "SHA256": f"{_SHA256[:10]}...", "CRC32": "01020304"}

_FILE: dict[str, Any] = {
    "id": 5500031,
    "name": "harbourXL_v4.safetensors",
    "type": "Model",
    "sizeKB": 1048576.5,
    "metadata": {"format": "SafeTensor", "size": "pruned", "fp": "fp16"},
    "pickleScanResult": "Success",
    "virusScanResult": "Success",
    "hashes": _HASHES,
    "downloadUrl": _URL,
    "primary": True,
}
_VERSION: dict[str, Any] = {
    "id": 4400021,
    "name": "v4",
    "baseModel": "Pony",
    "baseModelType": "Standard",
    "publishedAt": _WHEN,
    "supportsGeneration": True,
    "stats": {"downloadCount": 1204, "thumbsUpCount": 88, "thumbsDownCount": 1},
    "files": [_FILE],
    "images": [],
    "downloadUrl": _URL,
}
_MODEL: dict[str, Any] = {
    "id": 330011,
    "name": "Harbour XL",
    "description": "<p>Ships and cranes.</p>",
    "type": "Checkpoint",
    "nsfw": False,
    "nsfwLevel": 5,
    "availability": "Public",
    "supportsGeneration": True,
    "allowNoCredit": True,
    "allowCommercialUse": "{Image}",
    "allowDerivatives": True,
    "allowDifferentLicense": False,
    "minor": False,
    "poi": False,
    "sfwOnly": False,
    "mode": None,
    "stats": {"downloadCount": 2408, "thumbsUpCount": 160, "thumbsDownCount": 2, "commentCount": 9},
    "creator": {"username": "docker_hand", "image": None},
    "tags": ["base model", "ships"],
    "modelVersions": [_VERSION],
}

DOCUMENTS: dict[str, dict[str, Any]] = {
    "docs_models_list_item_0": {
        "items": [_MODEL],
        "metadata": {"nextCursor": "1|2|3", "currentPage": 1, "pageSize": 100},
    },
    "docs_model_version_0": _VERSION
    | {
        "modelId": _MODEL["id"],
        "description": None,
        "air": "urn:air:sdxl:checkpoint:civitai:330011@4400021",
        "status": "Published",
        "nsfwLevel": 5,
        "createdAt": _WHEN,
        "updatedAt": _WHEN,
        "usageControl": "Download",
        "trainedWords": [],
        "earlyAccessConfig": None,
        "model": {"name": "Harbour XL", "type": "Checkpoint", "nsfw": False, "poi": False},
        "files": [],
    },
    "docs_model_version_1": _FILE,
    "docs_model_version_2": {
        "air": "urn:air:sdxl:checkpoint:civitai:330011@4400021",
        "versionName": "v4",
        "modelName": "Harbour XL",
        "baseModel": "Pony",
        "availability": "Public",
        "publishedAt": _WHEN,
        "size": _FILE["sizeKB"],
        "fileType": "Model",
        "fileName": _FILE["name"],
        "hashes": _HASHES,
        "downloadUrls": [_URL],
        "format": "SafeTensor",
        "canGenerate": True,
        "requireAuth": False,
        "earlyAccessEndsAt": None,
        "minor": False,
        "sfwOnly": False,
    },
}
