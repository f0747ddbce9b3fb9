"""The zoo: some forty listings of LoRAs with known effects, written as a dump in Civitai's shape.

``zoo.json`` is the specification. Its ``models`` say what the listings claim; their file entries name weights
that ship (``weights``) or a hard case that is built here (``build``, of which other file, and whether the listing
states the hash of the whole file). Needs numpy and safetensors, not torch.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from functools import cache
from pathlib import Path
from typing import Any

from carlos_tasks.microworld.hard_cases import FROM_ANOTHER, FROM_NOTHING

FOLDER = Path(__file__).parent
WEIGHTS = FOLDER / "weights" / "zoo"
SHARDS = (1, 2)
DOWNLOADS = "https://civitai.com/api/download/models"


@cache
def specification() -> dict[str, Any]:
    """``zoo.json``: recipes of the trained LoRAs, and the listings."""
    document: dict[str, Any] = json.loads((FOLDER / "zoo.json").read_text(encoding="utf-8"))
    return document


def file_bytes(version: dict[str, Any]) -> bytes:
    """The bytes behind one version of the specification.

    Raises:
        FileNotFoundError: the weights are not there; ``make microworld`` trains them.
    """
    if "weights" in version:
        return _trained(version["weights"])
    if version["build"] in FROM_NOTHING:
        return FROM_NOTHING[version["build"]]()
    return FROM_ANOTHER[version["build"]](_trained(version["of"]))


def _trained(slug: str) -> bytes:
    return (WEIGHTS / f"{slug}.safetensors").read_bytes()


def write_dump(target: Path) -> None:
    """Write the dump: the same bytes on every call.

    ``<target>/models/00001.json`` and ``00002.json`` hold the listings, ``<target>/files/<file id>`` the files.
    """
    (target / "models").mkdir(parents=True, exist_ok=True)
    (target / "files").mkdir(exist_ok=True)
    for shard in SHARDS:
        items = []
        for model in specification()["models"]:
            if model["shard"] != shard:
                continue
            items.append(_listing(model))
            for version in model["versions"]:
                (target / "files" / str(version["file_id"])).write_bytes(file_bytes(version))
        document = {"items": items, "metadata": {"pageSize": 100, "currentPage": shard}}
        text = json.dumps(document, ensure_ascii=False, indent=1)
        (target / "models" / f"{shard:05d}.json").write_text(text + "\n", encoding="utf-8")


def _listing(model: dict[str, Any]) -> dict[str, Any]:
    """One model as Civitai's ``/api/v1/models`` lists it."""
    return {
        "id": model["model_id"],
        "name": model["name"],
        "description": model["description"],
        "type": "LORA",
        "nsfw": False,
        "nsfwLevel": 1,
        "availability": "Public",
        "supportsGeneration": True,
        "allowNoCredit": True,
        "allowCommercialUse": "{Image}",
        "allowDerivatives": True,
        "allowDifferentLicense": True,
        "minor": False,
        "poi": False,
        "sfwOnly": False,
        "mode": None,
        "stats": _stats(model["downloads"]),
        "creator": {"username": model["creator"], "image": None},
        "tags": model["tags"],
        "modelVersions": [_version(model, version) for version in model["versions"]],
    }


def _version(model: dict[str, Any], version: dict[str, Any]) -> dict[str, Any]:
    url = f"{DOWNLOADS}/{version['version_id']}"
    return {
        "id": version["version_id"],
        "modelId": model["model_id"],
        "name": version["name"],
        "description": None,
        "baseModel": version["base_model"],
        "baseModelType": "Standard",
        "air": f"urn:air:microxl:lora:civitai:{model['model_id']}@{version['version_id']}",
        "status": "Published",
        "availability": "Public",
        "nsfwLevel": 1,
        "createdAt": version["published_at"],
        "updatedAt": version["published_at"],
        "publishedAt": version["published_at"],
        "trainedWords": version["trained_words"],
        "supportsGeneration": True,
        "stats": _stats(model["downloads"] // len(model["versions"])),
        "files": [_file(version, url)],
        "images": [],
        "downloadUrl": url,
    }


def _file(version: dict[str, Any], url: str) -> dict[str, Any]:
    """A file entry; a broken upload may be listed with the hash and size of the whole file."""
    listed = _trained(version["of"]) if version.get("listed") == "whole file" else file_bytes(version)
    sha256 = hashlib.sha256(listed).hexdigest().upper()
    is_pickle = version["format"] == "PickleTensor"
    return {
        "id": version["file_id"],
        "name": version["file"],
        "type": "Model",
        "sizeKB": len(listed) / 1024,
        "metadata": {"format": version["format"], "size": None, "fp": "fp16"},
        "pickleScanResult": "Pending" if is_pickle else "Success",
        "pickleScanMessage": None,
        "virusScanResult": "Success",
        "hashes": {"AutoV2": sha256[:10], "SHA256": sha256, "CRC32": f"{zlib.crc32(listed):08X}"},
        "downloadUrl": url,
        "primary": True,
    }


def _stats(downloads: int) -> dict[str, int]:
    """Counts in the proportions that listings have."""
    return {
        "downloadCount": downloads,
        "thumbsUpCount": downloads // 16,
        "thumbsDownCount": downloads // 2000,
        "commentCount": downloads // 600,
        "tippedAmountCount": downloads // 10,
    }
