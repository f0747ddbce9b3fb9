"""Records that are fuzzed: models of the API, repositories, shards of a dump in every form."""

import gzip
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import orjson
import zstandard

from carlos_tasks.intake.rows import listing_row, rejection_row
from carlos_tasks.sources.civitai import read_model
from carlos_tasks.sources.civitai_dump import CivitaiDump
from carlos_tasks.sources.hub_repo import read_repo
from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.store.folder import FolderStore
from carlos_tasks.store.objects import ObjectInfo
from carlos_tasks.untrusted.reasons import Reason
from tests.fuzz.mutations import change_bytes, change_json
from tests.samples import civitai
from tests.samples.real import REAL_SAMPLES
from tests.sources.hub_server import a_repo, weights
from tests.sources.models import a_file, a_model, a_version

_SHARD = ObjectInfo("models/1.json", 0, datetime(2026, 1, 1, tzinfo=UTC), "")


def make_record(random: Random) -> bytes:
    """One model of the API, in any of its shapes, changed anywhere."""
    return json.dumps(change_json(random, random.choice(_models()))).encode()


def run_record(data: bytes, room: Path) -> str:
    """Read one model; every listing and every rejection of it must be a row that can be stored."""
    try:
        model = json.loads(data)
    except (ValueError, RecursionError):
        return "no JSON"
    records = list(read_model("civitai", model, "models/1.json#0"))
    assert records, "a record is lost"
    return check_records(records)


def make_repo(random: Random) -> bytes:
    """A repository of the Hub with its card and files, changed anywhere."""
    files = [weights("x.safetensors"), weights("sub/pytorch_lora_weights.bin"), {"rfilename": "adapter_config.json"}]
    repo = random.choice((a_repo(), a_repo(siblings=files), a_repo(gated="manual"), a_repo(siblings=[])))
    return json.dumps(change_json(random, repo)).encode()


def run_repo(data: bytes, room: Path) -> str:
    """Read one repository; each gives at least one record."""
    try:
        repo = json.loads(data)
    except (ValueError, RecursionError):
        return "no JSON"
    records = list(read_repo(repo, "0001/00000.json.zst#0"))
    assert records, "a repository is lost"
    return check_records(records)


ENDINGS = (".json", ".jsonl", ".json.gz", ".jsonl.gz", ".json.zst", ".jsonl.zst")


def make_shard(random: Random) -> bytes:
    """A shard of a few models in one of the forms of a dump; its first byte says which."""
    number = random.randrange(len(ENDINGS))
    models = [change_json(random, random.choice(_models())) for _ in range(random.randrange(4))]
    if ".jsonl" in ENDINGS[number]:
        text = b"".join(json.dumps(model).encode() + b"\n" for model in models)
    else:
        text = json.dumps(models if random.random() < 0.5 else {"items": models, "metadata": {}}).encode()
    if random.random() < 0.5:
        text = change_bytes(random, text)
    packed = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor().compress}.get(ENDINGS[number].rpartition(".")[2])
    data = packed(text) if packed else text
    return bytes([number]) + (change_bytes(random, data) if random.random() < 0.5 else data)


def run_shard(data: bytes, room: Path) -> str:
    """Read a shard of a dump."""
    store = FolderStore(room / "dump")
    key = f"models/1{ENDINGS[data[0] % len(ENDINGS)]}" if data else "models/1.json"
    store.write(key, data[1:])
    try:
        return check_records(list(CivitaiDump(store).listings(key)))
    finally:
        store.delete(key)


def check_records(records: list[Listing | Rejection]) -> str:
    for record in records:
        if isinstance(record, Listing):
            row = listing_row(record, _SHARD, None)
        else:
            row = rejection_row(record, _SHARD, None)
            assert isinstance(record.reason, Reason) and record.detail.isprintable() and record.detail
        assert orjson.dumps({key: value for key, value in row.items() if key != "seen_at"}, default=bytes.decode)
        for name in ("source", "model_id", "version_id", "file_id"):
            assert row[name].isprintable() and len(row[name]) < 400
        assert 0 <= (row.get("size_bytes") or 0) < 2**63
    return ", ".join(sorted({getattr(record, "reason", "listed") for record in records})) or "nothing"


@cache
def _models() -> list[Any]:
    models: list[Any] = [a_model(), a_model(modelVersions=[]), a_model(modelVersions=[a_version(files=[])])]
    models.append(a_model(modelVersions=[a_version(files=[a_file(31), a_file(32, type="Training Data"), a_file(33)])]))
    models.append(a_model(allowCommercialUse=["Image", "Sell"], mode="TakenDown", tags=[{"name": "style"}]))
    real = [json.loads(path.read_text()) for path in sorted((REAL_SAMPLES / "civitai_samples").glob("*.json"))]
    for sample in [*civitai.DOCUMENTS.values(), *real]:
        models += sample["items"] if isinstance(sample, dict) and isinstance(sample.get("items"), list) else [sample]
    return models
