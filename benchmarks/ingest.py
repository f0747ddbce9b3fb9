"""How fast is a dump ingested, in how much memory? 100,000 synthetic models in Civitai's shape, of today and of 2023.

Writes a dump of metadata, one shard in JSON lines packed with zstd, then one plain JSON document, then several shards,
which a process for each core reads. It runs `carlos ingest` twice over each in a process of its own, and prints
seconds, the processor time of all processes and the peak of the memory: of the first process, and of the largest of
the others. The number of records is known from making them, and compared with what the lake holds.

    python benchmarks/ingest.py [--models 100000] [--shards 4] [--s3] [--json]

`--s3` puts dump and lake into an S3 server on this machine, in place of folders.
"""

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import zstandard

from carlos_tasks.console import print_json, print_table
from carlos_tasks.stack.s3_server import start_s3_server
from carlos_tasks.store import open_store

SEED = 3
# The kernel's own peak of this program's memory. What a parent is told of its child (ru_maxrss) counts the parent too.
_RUN = """
import re, resource, sys
import carlos_tasks.start
__file__ = carlos_tasks.start.__file__  # without one, DuckDB takes the program for a person's and draws bars
from carlos_tasks.cli import main
code = main(sys.argv[1:])
print(re.search("VmHWM.*", open("/proc/self/status").read())[0], file=sys.stderr)
print("others", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""
_SENTENCE = (
    "the style of an old print with ink and water on rough paper trained for eight epochs at rank sixteen use a weight "
    "between 0.6 and 0.9 with the trigger words below works best on portraits landscapes and small objects thank you "
    "to everyone who helped with the data set 水彩 風景 キャラクター стиль рисунка très jolie"
)
_WORDS = _SENTENCE.split()


def models(n_models: int) -> Iterator[tuple[object, int]]:
    """Yield models and how many records each must give; every fiftieth is broken or hostile."""
    chance = random.Random(SEED)  # noqa: S311 - the same dump every time
    for number in range(1, n_models + 1):
        if number % 50 == 0:
            yield _hostile(chance, number), 1
        else:
            model = _model(chance, number, is_of_2023=chance.random() < 0.3)
            yield model, sum(max(1, len(version["files"])) for version in model["modelVersions"])


def _text(chance: random.Random, n_words: int) -> str:
    return " ".join(chance.choices(_WORDS, k=n_words))


def _model(chance: random.Random, number: int, is_of_2023: bool) -> dict[str, Any]:
    n_versions = chance.choice((1, 1, 1, 2, 2, 2))
    paragraphs = (f'<p>{_text(chance, 40)} <a href="https://example.org/{number}">more</a></p>' for _ in range(4))
    own: dict[str, Any] = {
        "id": number,
        "name": _text(chance, 4),
        "description": "".join(paragraphs),
        "type": chance.choice(("LORA", "LORA", "LORA", "LoCon", "DoRA")),
        "nsfw": False,
        "poi": number % 90 == 0,
        "mode": "Archived" if number % 40 == 0 else None,
        "stats": {"downloadCount": chance.randrange(10**6), "favoriteCount": 3, "commentCount": 1, "rating": 4.83},
        "creator": {"username": f"creator-{number % 9000}", "image": None},
        "tags": [{"name": tag} for tag in _text(chance, 6).split()] if is_of_2023 else _text(chance, 6).split(),
        "allowNoCredit": True,
        "allowCommercialUse": "Sell" if is_of_2023 else chance.choice(("{Image,RentCivit}", ["Image", "Rent"])),
        "allowDerivatives": True,
        "allowDifferentLicense": False,
        "modelVersions": [_version(chance, number * 10 + place, is_of_2023) for place in range(n_versions)],
    }
    if not is_of_2023:
        own |= {"nsfwLevel": 1, "availability": "Public", "minor": False, "sfwOnly": False, "supportsGeneration": True}
    return own


def _version(chance: random.Random, version_id: int, is_of_2023: bool) -> dict[str, Any]:
    n_files = 0 if version_id % 997 == 0 else chance.choice((1, 1, 1, 1, 2))
    images = [
        {
            "url": f"https://image.example.org/{version_id}/{place}/width=450/{chance.getrandbits(64):016x}.jpeg",
            "nsfw": "None",
            "width": 832,
            "height": 1216,
            "hash": f"U{chance.getrandbits(128):032x}",
            "meta": {"prompt": _text(chance, 25), "seed": chance.getrandbits(32), "steps": 25, "cfgScale": 7},
        }
        for place in range(2)
    ]
    return {
        "id": version_id,
        "modelId": version_id // 10,
        "name": "v1.0",
        "baseModel": chance.choice(("SD 1.5", "SDXL 1.0", "Pony", "Illustrious")),
        "publishedAt": "2025-12-18T09:16:12.062Z",
        "createdAt": "2025-12-18T09:00:00.000Z",
        "description": f"<p>{_text(chance, 20)}</p>",
        "trainedWords": _text(chance, 3).split(),
        "files": [_file(chance, version_id * 10 + place, is_of_2023) for place in range(n_files)],
        "images": images,
        "stats": {"downloadCount": chance.randrange(10**5), "ratingCount": 2, "rating": 5},
        "downloadUrl": f"https://example.org/api/download/models/{version_id}",
    }


def _file(chance: random.Random, file_id: int, is_of_2023: bool) -> dict[str, Any]:
    metadata: dict[str, Any] = {"fp": "fp16", "size": "pruned"} if is_of_2023 else {"format": "SafeTensor"}
    return ({"format": "SafeTensor"} if is_of_2023 else {}) | {
        "id": file_id,
        "name": f"lora_{file_id}.safetensors",
        "type": "Training Data" if file_id % 47 == 0 else "Model",
        "sizeKB": chance.randrange(10**5) + 0.5,
        "metadata": metadata,
        "pickleScanResult": "Success",
        "virusScanResult": "Success",
        "hashes": {"AutoV2": f"{chance.getrandbits(40):010X}", "SHA256": f"{chance.getrandbits(256):064X}"},
        "primary": True,
        "downloadUrl": f"https://example.org/api/download/models/{file_id // 10}",
    }


def _hostile(chance: random.Random, number: int) -> object:
    """Return a model that gives one record all the same."""
    nested: object = "bottom"
    for _ in range(200):
        nested = [nested]
    model = _model(chance, number, is_of_2023=False)
    file = _file(chance, number * 1000, is_of_2023=False) | {"type": "Model"}
    whole = model | {"modelVersions": [_version(chance, number * 10, False) | {"files": [file]}]}
    kinds: list[object] = [
        None,
        "a string",
        {"id": "../../etc/passwd"},
        model | {"type": "Checkpoint"},
        model | {"modelVersions": []},
        whole | {"name": "Robert'); drop table core.lora; --\0\x1b[31m\u202e"},
        whole | {"description": "x" * 300_000},
        whole | {"tags": nested},
        whole | {"stats": {"downloadCount": 2**63}},
    ]
    return chance.choice(kinds)


def write_dump(folder: Path, n_models: int, ending: str, n_shards: int) -> int:
    """Write a dump; return how many records it must give."""
    made = models(n_models)
    (folder / "models").mkdir(parents=True)
    return sum(
        _write_shard(folder / "models" / f"{number:05d}{ending}", islice(made, -(-n_models // n_shards)))
        for number in range(1, n_shards + 1)
    )


def _write_shard(path: Path, made: Iterable[tuple[object, int]]) -> int:
    n_records = 0
    is_document = not path.name.partition(".")[2].startswith("jsonl")
    context = zstandard.ZstdCompressor() if path.suffix == ".zst" else None
    with path.open("wb") as raw, context.stream_writer(raw) if context else raw as stream:
        stream.write(b'{"items":[' if is_document else b"")
        for number, (model, n_of_model) in enumerate(made):
            separator = b"" if number == 0 else b"," if is_document else b"\n"
            stream.write(separator + orjson.dumps(model))
            n_records += n_of_model
        stream.write(b'],"metadata":{}}' if is_document else b"\n")
    return n_records


def measure(dump: str, store: str, catalog: Path) -> tuple[dict[str, Any], dict[str, float]]:
    """Run `carlos ingest` in a process of its own; return its report, and its seconds and megabytes."""
    environment = os.environ | {"CARLOS_STORE": store, "CARLOS_CATALOG": f"sqlite:{catalog}"}
    command = [sys.executable, "-c", _RUN, "ingest", f"civitai-dump:{dump}", "--json"]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    seconds, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    (report,) = json.loads(done.stdout)
    peak, peak_of_others = (int(word) / 1024 for word in re.findall(r"^(?:VmHWM:|others)\s+(\d+)", done.stderr, re.M))
    return report, {
        "seconds": round(seconds, 1),
        "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak_mb": round(peak),
        "peak_mb_of_others": round(peak_of_others),
    }


@contextmanager
def places(room: Path, is_s3: bool) -> Iterator[tuple[str, str]]:
    """Where the dump that was written to `room` lies, and where the lake goes."""
    if not is_s3:
        yield f"{room}/dump", f"{room}/store"
        return
    server = start_s3_server(room / "s3")
    try:
        os.environ |= server.environment
        server.create_bucket("bench")
        store = open_store("s3://bench/dump")
        for path in (room / "dump" / "models").iterdir():
            store.upload(path, f"models/{path.name}")
        yield store.uri, "s3://bench/lake"
    finally:
        server.stop()


def rows_of(ending: str, n_shards: int, n_models: int, is_s3: bool) -> Iterator[dict[str, Any]]:
    """Write a dump, ingest it twice, and yield a row for each run."""
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        n_records = write_dump(room / "dump", n_models, ending, n_shards)
        size = sum(path.stat().st_size for path in (room / "dump" / "models").iterdir())
        with places(room, is_s3) as (dump, store):
            for run in ("first", "second"):
                report, measured = measure(dump, store, room / "catalog.sqlite")
                assert report["n_records"] == (n_records if run == "first" else 0), report
                yield {
                    "shards": f"{n_shards} {ending}",
                    "size_mb": round(size / 2**20),
                    "run": run,
                    "models": n_models,
                    "records": report["n_records"],
                    "listings": report["n_new_listings"],
                    **measured,
                }


def main() -> int:
    """Print one row per kind of shard and run."""
    parser = argparse.ArgumentParser(description="Measure the ingestion of a synthetic dump.")
    parser.add_argument("--models", type=int, default=100_000)
    parser.add_argument("--shards", type=int, default=4, help="of the dump that has several")
    parser.add_argument("--s3", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    kinds = ((".jsonl.zst", 1), (".json", 1), (".jsonl.zst", options.shards))
    rows = [row for ending, n in kinds for row in rows_of(ending, n, options.models, options.s3)]
    if options.json:
        print_json(rows)
    else:
        print_table(rows, list(rows[0]), title="Ingestion of a synthetic dump")
    return 0


if __name__ == "__main__":
    sys.exit(main())
