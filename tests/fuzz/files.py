"""Files that are fuzzed: headers of every layout and zips, given to the checks of the intake."""

import io
import json
import zipfile
from dataclasses import asdict
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from safetensors import safe_open

from carlos_tasks.errors import RejectedFile
from carlos_tasks.lora.check import Examined, examine_file
from carlos_tasks.lora.container.zip_file import unpack
from carlos_tasks.lora.layout.tensor_layout import place_tensor
from carlos_tasks.lora.sketch.sketch import SIZE, sketch_file
from carlos_tasks.untrusted.json_values import canonical_json
from carlos_tasks.untrusted.reasons import Reason
from tests.fuzz.mutations import Shapes, change_bytes, change_json, change_length, change_table, file_of
from tests.lora.crafted import micro_lora, with_header
from tests.lora.test_families import LAYOUTS
from tests.lora.test_header import HOSTILE
from tests.samples import lora_keys
from tests.samples.real import REAL_SAMPLES

MAX_UNPACKED = 2**20
METADATA: dict[str, Any] = {
    "ss_tag_frequency": '{"1_a": {"1girl": 9, "b": 2}}',
    "ss_base_model_version": "sdxl_base_v1-0",
    "ss_network_args": '{"conv_dim": "8"}',
    "modelspec.trigger_phrase": "in stripes",
    "modelspec.license": "CC0",
    "modelspec.architecture": "stable-diffusion-v1/lora",
    "lora_alpha": "8",
    "r": "4",
    "lora_config": '{"r": 4, "lora_alpha": 8, "alpha_pattern": {"to_k": 2}}',
    "ss_network_alpha": "8.0",
    "lora_adapter_metadata": '{"unet.r": 4, "unet.lora_alpha": 8, "unet.target_modules": ["to_k"]}',
}
HUGE = (  # start, what is repeated until it is fifteen megabytes, end
    (b'{"t":[', b"0,", b"0]}"),
    (b'{"t":[', b"[],", b"0]}"),
    (b'{"t":[', b"123456789,", b"0]}"),
    (b"{", b'"":0,', b'"t":0}'),
    (b'{"__metadata__":{"a":"', b'\\"', b'"}}'),
    (b'{"__metadata__":{"a":"\xf0\x9f\xa6\x93', b"x", b'"}}'),
    (b'{"__metadata__":{"ss_tag_frequency":"{\\"a\\":{', b'\\"b\\":1,', b'\\"c\\":1}}"}}'),
    (b'{"t":', b"[", b"}"),
    (b'{"t":', b'{"a":', b"}"),
    (b'{"t":"', b"\\\\", b'"}'),
)


def make_header(random: Random) -> bytes:
    """A file of one of the known layouts: changed in its names and shapes, in its metadata, in its bytes."""
    tables = _tables()
    if random.random() < 0.0005:
        return huge(*random.choice(HUGE))
    if random.random() < 0.02:
        return change_bytes(random, random.choice(list(HOSTILE.values()))[1][:20_000])
    shapes = change_table(random, random.choice(tables), tables) if random.random() < 0.8 else random.choice(tables)
    metadata = None if random.random() < 0.3 else _metadata(random)
    data = file_of(random, shapes, metadata)
    if random.random() < 0.4:
        data = change_bytes(random, data, reach=len(data) - min(len(data), 2**18))
    return change_length(random, data) if random.random() < 0.03 else data


def huge(start: bytes, unit: bytes, end: bytes) -> bytes:
    """A header of fifteen megabytes."""
    return with_header(start + unit * (15 * 2**20 // len(unit)) + end)


def run_header(data: bytes, room: Path) -> str:
    """Examine the file as the intake does; what is accepted, the safetensors library must read, and be described."""
    path = room / "file"
    path.write_bytes(data)
    verdict = examine_file(path, unpack_to=room / "unpacked", max_bytes=MAX_UNPACKED)
    check_verdict(verdict)
    if verdict.reason is None and verdict.unpacked is None:
        with safe_open(path, framework="numpy") as opened:
            assert len(list(opened.keys())) >= verdict.file.n_modules
        told = sketch_file(path, verdict.file.base_model)
        assert len(told.change) == len(told.output) == (0 if told.reason else SIZE)
    return verdict.reason or "accepted"


def check_verdict(verdict: Examined) -> None:
    """What must hold of every verdict: a known reason with a sentence that can be logged, facts that can be stored."""
    assert len(verdict.file.lora_id) == 64
    assert verdict.reason is None or isinstance(verdict.reason, Reason)
    assert bool(verdict.detail) == (verdict.reason is not None)
    assert verdict.detail.isprintable() and len(verdict.detail) < 1000, verdict.detail[:2000]
    assert len(canonical_json(asdict(verdict.file))) < 20 * 2**20
    assert (verdict.file.n_modules_matched or 0) <= verdict.file.n_modules


def make_archive(random: Random) -> bytes:
    """A zip with a LoRA in it, changed anywhere."""
    buffer = io.BytesIO()
    method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    names = ["a.safetensors", *random.sample(("b/c.txt", "../d", "e.safetensors", "f"), random.choice((0, 0, 1, 2)))]
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name in names:
            file.writestr(name, file_of(random, micro_lora(), METADATA))
    data = bytearray(buffer.getvalue())
    if random.random() < 0.3:
        return change_bytes(random, bytes(data))
    table = data.index(b"PK\x01\x02")
    for _ in range(random.choice((1, 2, 4))):  # where no place moves
        data[random.randrange(table, len(data))] = random.choice((0, 1, 8, 9, 127, 255))
    return bytes(data)


def run_archive(data: bytes, room: Path) -> str:
    """Unpack it under limits."""
    path, target = room / "file", room / "unpacked"
    path.write_bytes(data)
    target.unlink(missing_ok=True)
    try:
        unpack(path, target, MAX_UNPACKED)
    except RejectedFile as exc:
        refusal = exc
    else:
        return "accepted"
    finally:
        assert {entry.name for entry in room.iterdir()} <= {"file", "unpacked"}
        assert not target.exists() or target.stat().st_size <= MAX_UNPACKED
    assert refusal.detail.isprintable() and isinstance(refusal.reason, Reason)
    return refusal.reason


@cache
def _tables() -> list[Shapes]:
    tables = [{name: list(shape) for name, shape in shapes.items()} for _, shapes in LAYOUTS.values()]
    real = [(path.name, json.loads(path.read_text())) for path in sorted((REAL_SAMPLES / "lora_keys").glob("*.json"))]
    for layout, shapes in [*lora_keys.TABLES.items(), *real]:
        modules = sorted({place_tensor(name).module for name in shapes})
        chosen = Random(layout).sample(modules, min(2, len(modules)))
        tables.append({name: shape for name, shape in shapes.items() if place_tensor(name).module in chosen})
    return tables


def _metadata(random: Random) -> Any:
    """Metadata changed from within their JSON texts as well, and mostly still texts."""
    found = dict(METADATA)
    for name in ("ss_tag_frequency", "lora_adapter_metadata", "lora_config"):
        if random.random() < 0.4:
            found[name] = json.dumps(change_json(random, json.loads(found[name])))
    changed = change_json(random, found)
    if random.random() < 0.2 or not isinstance(changed, dict):
        return changed
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in changed.items()}
    return {key.replace("\ud800", "?"): value.replace("\ud800", "?") for key, value in texts.items()}
