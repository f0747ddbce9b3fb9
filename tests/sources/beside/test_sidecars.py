"""One LoRA under the sidecars of every known program: each gives its word, and what else it holds."""

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.sources.beside.forms import FORMS
from carlos_tasks.sources.folder import Folder
from carlos_tasks.sources.listing import Listing
from carlos_tasks.store.folder import FolderStore
from tests.lora.crafted import micro_lora, write_file

MODEL = {"name": "Chess switch", "type": "LORA", "tags": ["pattern"], "description": "<p>A pattern.</p>"}
VERSION: dict[str, Any] = {
    "id": 9000001,
    "modelId": 8000001,
    "name": "v1.0",
    "baseModel": "Micro XL",
    "trainedWords": ["wakeup"],
    "publishedAt": "2026-03-01T08:00:00.000Z",
    "files": [{"name": "chess.safetensors", "type": "Model", "hashes": {}}],
    "images": [],
}
OLD = VERSION | {"id": 9000000, "name": "old", "trainedWords": ["oldword"], "baseModel": "SD 1.5"}
MATRIX: dict[str, Any] = {
    "ModelId": 8000001,
    "ModelName": "Chess switch",
    "ModelDescription": "<p>A pattern.</p>",
    "Tags": ["pattern"],
    "VersionId": 9000001,
    "VersionName": "v1.0",
    "AuthorUsername": "ana",
    "BaseModel": "Micro XL",
    "Hashes": {"SHA256": None},
    "TrainedWords": ["wakeup"],
    "UserTitle": None,
}
WEB_UI = {"description": "A pattern.", "sd version": "Unknown", "activation text": "wakeup", "preferred weight": 0.8}
MANAGER = {"model_name": "Chess switch", "sha256": "", "base_model": "Micro XL", "from_civitai": False}
RGTHREE: dict[str, Any] = {
    "file": "chess.safetensors",
    "name": "Chess switch - v1.0",
    "baseModel": "Micro XL",
    "trainedWords": [
        {"word": "wakeup", "civitai": True, "count": 3, "metadata": True},
        {"word": "1girl", "count": 900, "metadata": True},  # of the captions
    ],
    "raw": {"metadata": {}},
}
SWARM = {
    "modelspec.title": "Chess switch",
    "modelspec.trigger_phrase": "wakeup",
    "modelspec.architecture": "micro-xl/lora",
    "modelspec.author": "ana",
    "modelspec.license": "CC0",
    "modelspec.tags": "pattern, game",
}
BROWSER = WEB_UI | {"modelId": 8000001, "modelVersionId": 9000001, "sha256": "AB" * 32}
WORD = {"trained_words": ("wakeup",)}
NAMED = WORD | {"name": "Chess switch", "base_model_claimed": "Micro XL"}
TOLD = NAMED | {"version_name": "v1.0", "published_at": "2026-03-01T08:00:00.000Z"}
#: what it shows -> sidecars by what follows the name, fields of the listing
FORMS_READ: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Civitai Helper": ({".civitai.info": VERSION | {"model": MODEL}}, TOLD),
    "Civitai Helper, full name": ({".safetensors.civitai.info": VERSION | {"model": MODEL}}, TOLD),
    "Stability Matrix": ({".cm-info.json": MATRIX}, NAMED | {"version_name": "v1.0", "creator": "ana"}),
    "LoRA Manager": ({".metadata.json": MANAGER | {"civitai": VERSION | {"model": MODEL}}}, TOLD),
    "LoRA Manager, words of the user": ({".metadata.json": MANAGER | {"civitai": {"trainedWords": ["wakeup"]}}}, NAMED),
    "LoRA Manager, words at the top": (
        {".metadata.json": MANAGER | {"civitai": {}, "trainedWords": ["wakeup"]}},
        NAMED,
    ),
    "LoRA Manager, base model not known": (
        {".metadata.json": MANAGER | {"base_model": "Unknown", "civitai": VERSION | {"model": MODEL}}},
        TOLD,
    ),
    "Civitai Browser+": ({".api_info.json": VERSION | {"model": MODEL}, ".json": BROWSER}, TOLD),
    "Civitai Browser+ and Civitai's answer for the model": (
        {".api_info.json": {"items": [MODEL | {"modelVersions": [OLD, VERSION]}]}, ".json": BROWSER},
        TOLD,
    ),
    "rgthree": ({".safetensors.rgthree-info.json": RGTHREE}, WORD | {"name": "Chess switch - v1.0"}),
    "rgthree with Civitai's answer": (
        {".safetensors.rgthree-info.json": RGTHREE | {"raw": {"civitai": VERSION | {"model": MODEL}}}},
        TOLD,
    ),
    "rgthree, old": ({".safetensors.rgthree-info.json": {"triggerWords": ["wakeup"]}}, WORD),
    "SwarmUI": (
        {".swarm.json": SWARM},
        NAMED
        | {"base_model_claimed": "micro-xl", "creator": "ana", "license": {"license": "CC0"}}
        | {"tags": ("pattern", "game")},
    ),
    "SwarmUI, before": (
        {".json": {"title": "Chess switch", "trigger_phrase": "wakeup"}},
        WORD | {"name": "Chess switch"},
    ),
    "SwarmUI, as in the header": ({".swarm.json": {"__metadata__": SWARM}}, WORD | {"name": "Chess switch"}),
    "A1111": ({".json": WEB_UI}, WORD | {"description": "A pattern.", "base_model_claimed": ""}),
    "A1111, with its own syntax": ({".json": {"activation text": "<lora:chess:0.8>, wakeup"}}, WORD),
    "A1111 under the full name": ({".safetensors.json": WEB_UI}, WORD),
    "A1111 beside an empty answer": ({".civitai.info": {}, ".json": WEB_UI}, WORD),
    "A1111 beside an answer of nulls": ({".civitai.info": dict.fromkeys(VERSION), ".json": WEB_UI}, WORD),
    "A1111 beside an answer without words": (
        {".civitai.info": VERSION | {"trainedWords": [], "model": MODEL}, ".json": WEB_UI},
        TOLD,
    ),
    "A1111 beside a broken answer": ({".civitai.info": b"{", ".json": WEB_UI}, WORD),
    "words as one text": (
        {".civitai.info": VERSION | {"trainedWords": "wakeup, again"}},
        {"trained_words": ("wakeup", "again")},
    ),
    "words as JSON in a text": ({".json": {"trained_words": '["wakeup"]'}}, WORD),
    "a list of one": ({".json": [WEB_UI]}, WORD),
    "Windows": ({".json": b"\xef\xbb\xbf" + json.dumps(WEB_UI, indent=1).replace("\n", "\r\n").encode()}, WORD),
    "UTF-16": ({".json": json.dumps(WEB_UI).encode("utf-16")}, WORD),
    "the code page of Windows": (
        {".json": '{"activation text": "wakeup", "description": "Käse"}'.encode("cp1252")},
        WORD | {"description": "Käse"},
    ),
    "no facts at all": (
        {".json": {"name": None, "tags": 5, "files": "x", "activation text": 7}},
        {"name": "x", "trained_words": ()},
    ),
}


def put(folder: Path, beside: Mapping[str, Any], name: str = "x.safetensors") -> Path:
    """Write a LoRA and what lies beside it."""
    path = write_file(folder / name, micro_lora(), {"note": name})
    for ending, content in beside.items():
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / f"x{ending}").write_bytes(data)
    return path


def listed(folder: Path) -> Listing:
    """The one listing of a folder."""
    (listing,) = Folder(FolderStore(folder)).listings(".")
    assert isinstance(listing, Listing)
    return listing


@pytest.mark.parametrize(("beside", "wanted"), FORMS_READ.values(), ids=FORMS_READ)
def test_a_sidecar_tells(beside: dict[str, Any], wanted: dict[str, Any], tmp_path: Path) -> None:
    put(tmp_path, beside)
    listing = listed(tmp_path)
    assert {name: getattr(listing, name) for name in wanted} == wanted


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.ending)
def test_every_known_ending_is_read(form: Any, tmp_path: Path) -> None:
    put(tmp_path, {form.ending: WEB_UI})
    assert listed(tmp_path).trained_words == ("wakeup",)


def model_of(*versions: dict[str, Any]) -> dict[str, Any]:
    """Civitai's answer for a model, as SD.Next keeps it."""
    return MODEL | {"id": 8000001, "modelVersions": list(versions)}


def with_file(version: dict[str, Any], name: str = "other.safetensors", **hashes: str) -> dict[str, Any]:
    """A version of one file."""
    return version | {"files": [{"name": name, "type": "Model", "hashes": hashes}]}


def test_the_hash_tells_which_version_lies_here(tmp_path: Path) -> None:
    data = put(tmp_path, {}).read_bytes()
    whole = hashlib.sha256(data).hexdigest().upper()
    behind = hashlib.sha256(data[8 + struct.unpack("<Q", data[:8])[0] :]).hexdigest().upper()
    other = with_file(OLD, "x.safetensors", SHA256="AB" * 32)
    for hashes in ({"SHA256": whole}, {"AutoV2": whole[:10]}, {"AutoV3": behind[:12]}, {"AutoV3": behind}):
        put(tmp_path, {".json": model_of(other, with_file(VERSION, **hashes))})
        listing = listed(tmp_path)
        assert {name: getattr(listing, name) for name in TOLD} == TOLD
        assert listing.notes == ()


def test_without_a_hash_the_name_tells_and_then_nothing_does(tmp_path: Path) -> None:
    put(tmp_path, {".json": model_of(with_file(OLD), with_file(VERSION, "X.safetensors"))})
    assert listed(tmp_path).trained_words == ("wakeup",)
    put(tmp_path, {".json": model_of(with_file(OLD), with_file(VERSION))})
    listing = listed(tmp_path)
    assert (listing.name, listing.trained_words, listing.base_model_claimed) == ("Chess switch", (), "")
    assert listing.notes == ("x.json: which of its 2 versions lies here is not known",)


def test_another_sidecar_tells_which_version_lies_here(tmp_path: Path) -> None:
    put(tmp_path, {".json": model_of(with_file(OLD), with_file(VERSION)), ".cm-info.json": {"VersionId": 9000001}})
    assert listed(tmp_path).trained_words == ("wakeup",)


def test_what_all_versions_say_is_told_whichever_lies_here(tmp_path: Path) -> None:
    put(tmp_path, {".json": model_of(OLD | {"trainedWords": ["wakeup"]}, VERSION)})
    listing = listed(tmp_path)
    assert (listing.trained_words, listing.base_model_claimed) == (("wakeup",), "")


def test_what_contradicts_is_passed_over_and_noted(tmp_path: Path) -> None:
    put(tmp_path, {".civitai.info": VERSION | {"baseModel": "SDXL 1.0"}, ".json": WEB_UI | {"sd version": "SD1"}})
    assert listed(tmp_path).notes == ("x.json: base model 'SD1' passed over, x.civitai.info goes before it",)


def test_sidecars_are_kept_whole_unless_there_is_too_much_of_them(tmp_path: Path) -> None:
    large = {"notes": "x" * 50_000, "more": ["y" * 90_000] * 40}
    put(
        tmp_path,
        {
            ".civitai.info": VERSION,
            ".json": WEB_UI,
            ".swarm.json": large,
            ".cm-info.json": large,
            ".api_info.json": large,
        },
    )
    payload = json.loads(listed(tmp_path).payload)
    assert payload["version"]["modelId"] == 8000001
    assert payload["beside"]["x.json"] == WEB_UI
    assert list(payload["beside"]["x.swarm.json"]) == ["payload_fault"]
