"""What lies beside a file, fuzzed: the sidecars of every program, and PEFT's configuration."""

import io
import json
import zipfile
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from carlos_tasks.lora.check import examine_file
from carlos_tasks.lora.scale.config import FILE_NAME
from carlos_tasks.sources.beside.forms import FORMS
from carlos_tasks.sources.folder import Folder
from carlos_tasks.sources.listing import Listing
from carlos_tasks.store.folder import FolderStore
from tests.fuzz.mutations import change_bytes, change_json
from tests.fuzz.records import check_records
from tests.lora.crafted import micro_lora, write_file
from tests.sources.beside.test_sidecars import FORMS_READ, OLD, VERSION, model_of, with_file

_BETWEEN = b"\n--\n"
_KEYS = (
    "to_k", r"attn2\.to_(k|v)", ".*", r"^down_blocks\.\d+\..*", "(a+)+$", "(.*)*x", "[", "a|b", "", "x" * 400, "(?i)k",
    r"\d+" * 20, ".*" * 20, "(a|a)" * 20, "unet.", "\ud800",
)  # fmt: skip
CONFIG: dict[str, Any] = {
    "peft_type": "LORA",
    "r": 4,
    "lora_alpha": 2,
    "use_rslora": False,
    "init_lora_weights": True,
    "alpha_pattern": {"attn2.to_k": 1},
    "rank_pattern": {},
    "target_modules": ["to_k"],
    "bias": "none",
}


def make_sidecars(random: Random) -> bytes:
    """Two sidecars of one file, each named by its first byte, changed in their values or in their bytes."""
    parts = []
    for _ in range(2):
        data = json.dumps(change_json(random, random.choice(_sidecars()))).encode()
        if random.random() < 0.1:
            data = json.dumps(random.choice(_sidecars())).encode(random.choice(("utf-16", "utf-8-sig", "utf-32")))
        parts.append(
            bytes([random.randrange(len(FORMS))]) + (change_bytes(random, data) if random.random() < 0.3 else data)
        )
    return _BETWEEN.join(parts)


def run_sidecars(data: bytes, room: Path) -> str:
    """List the file with them: it is listed whatever they say, and what they say can be stored."""
    folder = _folder(room)
    names = []
    for part in data.split(_BETWEEN)[:4]:
        names.append(f"x{FORMS[part[0] % len(FORMS)].ending if part else '.json'}")
        (folder / names[-1]).write_bytes(part[1:])
    try:
        records = list(Folder(FolderStore(folder)).listings("."))
    finally:
        for name in names:
            (folder / name).unlink(missing_ok=True)
    (listing,) = (record for record in records if isinstance(record, Listing))
    check_records(records)
    _check_notes(listing)
    return f"{'words' if listing.trained_words else 'no words'}, {len(listing.notes)} notes"


def make_config(random: Random) -> bytes:
    """A configuration of PEFT, changed in its values, its patterns and its bytes."""
    config = change_json(random, CONFIG)
    if isinstance(config, dict) and random.random() < 0.3:
        keys = random.choices(_KEYS, k=random.choice((1, 2, 30)))
        config[random.choice(("alpha_pattern", "rank_pattern"))] = {
            key: random.choice((1, 4, "2", None, -1)) for key in keys
        }
    data = json.dumps(config).encode()
    return change_bytes(random, data) if random.random() < 0.3 else data


def run_config(data: bytes, room: Path) -> str:
    """Examine a file beside it and one in a zip with it: both are accepted, and say what tells their scale."""
    folder = _folder(room)
    (folder / FILE_NAME).write_bytes(data)
    try:
        (listing,) = Folder(FolderStore(folder)).listings(".")
    finally:
        (folder / FILE_NAME).unlink()
    assert isinstance(listing, Listing) and listing.stated_scale
    check_records([listing])
    _check_notes(listing)
    file = examine_file(folder / "x.safetensors", stated_scale=listing.stated_scale).file
    assert file.scale_told_by and file.scale_detail.isprintable()
    assert file.is_scale_known == (not file.scale_detail)
    assert file.alpha is None or 0 < file.alpha < 2**20
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(folder / "x.safetensors", "x.safetensors")
        archive.writestr(FILE_NAME, data)
    (room / "zip").write_bytes(buffer.getvalue())
    zipped = examine_file(room / "zip", unpack_to=room / "unpacked")
    assert zipped.reason is None and zipped.file == file
    return f"{file.scale_told_by}{'' if file.is_scale_known else ', unknown'}"


def _folder(room: Path) -> Path:
    folder = room / "loras"
    if not folder.exists():
        folder.mkdir()
        write_file(folder / "x.safetensors", micro_lora(), {"a": "b"})
    return folder


def _check_notes(listing: Listing) -> None:
    assert all(note.isprintable() and len(note) < 1000 for note in listing.notes), listing.notes


@cache
def _sidecars() -> list[Any]:
    found = [content for beside, _ in FORMS_READ.values() for content in beside.values()]
    models = [model_of(with_file(OLD), with_file(VERSION, "x.safetensors", SHA256="AB" * 32)), model_of(OLD, VERSION)]
    return [content for content in found if not isinstance(content, bytes)] + models
