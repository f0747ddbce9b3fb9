"""What somebody does to a report who wants another one to pass for it, with and without rights in the lake."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from carlos_tasks.ledger.canonical import canonical_json, content_hash, without_nulls
from carlos_tasks.reports.bundles.seal import entry_from, entry_json, report_content
from carlos_tasks.settings import Settings

MANIFEST, SEAL, RELEASE = "manifest.json", "seal.json", "release.json"


@dataclass(frozen=True)
class Kept:
    """A lake with two reports in its store: one that was released, and one of another kind."""

    settings: Settings
    released: str
    other: str

    def folder(self, prefix: str) -> Path:
        """Where a report lies."""
        return Path(self.settings.store) / prefix.rstrip("/")


Tamper = Callable[[Path, Kept], object]


def read(folder: Path, name: str) -> dict[str, Any]:
    """One of the report's own files."""
    return dict(orjson.loads((folder / name).read_bytes()))


def write(folder: Path, name: str, told: dict[str, Any]) -> None:
    """Write it in the form that it has to have."""
    (folder / name).write_bytes(canonical_json(told))


def rehash(folder: Path, **changes: Any) -> None:
    """Change facts of the manifest, list each file as it is now, and let the seal name the new manifest."""
    told = read(folder, MANIFEST) | changes
    for file in told["files"]:
        if (folder / file["path"]).is_file():
            data = (folder / file["path"]).read_bytes()
            file |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    write(folder, MANIFEST, told)
    sha256 = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    write(folder, SEAL, read(folder, SEAL) | {"manifest_sha256": sha256})


def forge_entry(folder: Path) -> None:
    """Give the seal an entry of the new manifest, whose hash is right."""
    manifest = (folder / MANIFEST).read_bytes()
    entry = entry_from(read(folder, SEAL)["entry"])
    assert entry is not None
    sha256 = hashlib.sha256(manifest).hexdigest()
    forged = replace(entry, record_id=sha256, content_hash=content_hash(without_nulls(report_content(manifest))))
    forged = replace(forged, entry_hash=forged.own_hash())
    write(folder, SEAL, read(folder, SEAL) | {"entry": entry_json(forged)})


def edit(path: Path, before: bytes, after: bytes) -> None:
    """Change a file; it has to hold what is changed."""
    data = path.read_bytes()
    assert before in data
    path.write_bytes(data.replace(before, after))


def without_line(folder: Path, path: str) -> None:
    """Remove a file, and its line of the manifest."""
    (folder / path).unlink()
    rehash(folder, files=[file for file in read(folder, MANIFEST)["files"] if file["path"] != path])


def listed_too(folder: Path, path: str, data: bytes) -> None:
    """Add a file, and a line for it."""
    (folder / path).write_bytes(data)
    line = {"path": path, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    files = sorted([*read(folder, MANIFEST)["files"], line], key=lambda file: str(file["path"]))
    rehash(folder, files=files)


def in_turn(*steps: Callable[[Path], object]) -> Tamper:
    """Several things, one after the other."""

    def tamper(folder: Path, kept: Kept) -> None:
        for step in steps:
            step(folder)

    return tamper
