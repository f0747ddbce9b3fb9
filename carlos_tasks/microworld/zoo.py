"""The zoo: some forty listings of LoRAs with known effects, written as a dump in Civitai's shape.

``zoo.json`` is the specification. Its ``models`` say what the listings claim; their file entries name weights
that ship (``weights``) or a hard case that is built here (``build``, of which other file, and whether the listing
states the hash of the whole file). Needs numpy and safetensors, not torch.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from carlos_tasks.microworld.hard_cases import FROM_ANOTHER, FROM_ANOTHER_AND_UNET, FROM_NOTHING

FOLDER = Path(__file__).parent
SHIPPED = FOLDER / "weights"
WEIGHTS = SHIPPED / "zoo"
UNET = Path("backbone", "unet", "diffusion_pytorch_model.safetensors")
SHARDS = (1, 2)
DOWNLOADS = "https://civitai.com/api/download/models"


@cache
def specification() -> dict[str, Any]:
    """``zoo.json``: recipes of the trained LoRAs, and the listings."""
    document: dict[str, Any] = json.loads((FOLDER / "zoo.json").read_text(encoding="utf-8"))
    return document


def models_of(slugs: Collection[str]) -> list[dict[str, Any]]:
    """The models of the specification that need no other trained LoRAs than these."""
    return [
        model
        for model in specification()["models"]
        if all(version.get("weights", version.get("of")) in (None, *slugs) for version in model["versions"])
    ]


def file_bytes(version: dict[str, Any], weights: Path = SHIPPED) -> bytes:
    """The bytes behind one version of the specification, with the trained weights of a folder in the layout of ours.

    Raises:
        FileNotFoundError: the weights are not there; ``make microworld`` trains them.
    """
    if "weights" in version:
        return _trained(version["weights"], weights)
    build = version["build"]
    if build in FROM_NOTHING:
        return FROM_NOTHING[build]()
    original = _trained(version["of"], weights)
    if build in FROM_ANOTHER_AND_UNET:
        return FROM_ANOTHER_AND_UNET[build](original, weights / UNET)
    return FROM_ANOTHER[build](original)


def _trained(slug: str, weights: Path) -> bytes:
    return (weights / "zoo" / f"{slug}.safetensors").read_bytes()


def write_dump(target: Path, weights: Path = SHIPPED, models: Sequence[dict[str, Any]] | None = None) -> None:
    """Write the dump: the same bytes on every call.

    ``<target>/models/00001.json`` and ``00002.json`` hold the listings, ``<target>/files/<file id>`` the files.

    Args:
        weights: the trained weights, in the layout of ours. models: of the specification; all where it is None.
    """
    listed = specification()["models"] if models is None else models
    (target / "models").mkdir(parents=True, exist_ok=True)
    (target / "files").mkdir(exist_ok=True)
    for shard in SHARDS:
        items = []
        for model in listed:
            if model["shard"] != shard:
                continue
            items.append(_listing(model, weights))
            for version in model["versions"]:
                (target / "files" / str(version["file_id"])).write_bytes(file_bytes(version, weights))
        document = {"items": items, "metadata": {"pageSize": 100, "currentPage": shard}}
        text = json.dumps(document, ensure_ascii=False, indent=1)
        (target / "models" / f"{shard:05d}.json").write_text(text + "\n", encoding="utf-8")


def _listing(model: dict[str, Any], weights: Path) -> dict[str, Any]:
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
        "modelVersions": [_version(model, version, weights) for version in model["versions"]],
    }


def _version(model: dict[str, Any], version: dict[str, Any], weights: Path) -> dict[str, Any]:
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
        "files": [_file(version, url, weights)],
        "images": [],
        "downloadUrl": url,
    }


def _file(version: dict[str, Any], url: str, weights: Path) -> dict[str, Any]:
    """A file entry; a broken upload may be listed with the hash and size of the whole file."""
    is_whole = version.get("listed") == "whole file"
    listed = _trained(version["of"], weights) if is_whole else file_bytes(version, weights)
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
