"""Which version of a model lies here: Civitai's answer for a model has all of them, and each may have other words.

What tells, the surest first: the file's SHA-256; the hash of its data alone (Civitai's AutoV3), which is the same after
a program has rewritten the header; the version that another sidecar names; the file's name.
"""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from carlos_tasks.sources.beside.levels import Level
from carlos_tasks.sources.civitai import read_id
from carlos_tasks.untrusted.text import clean_line

_SLICE_BYTES = 2**20
_AUTO_V2_CHARS, _AUTO_V3_CHARS = 10, 12


class Digests(NamedTuple):
    """SHA-256 of a file, and of what stands behind its safetensors header; lower-case hexadecimal."""

    of_file: str
    of_data: str


@dataclass(frozen=True)
class Clues:
    """What is known of a file; its digests are asked for only where they decide."""

    file_name: str
    digests: Callable[[], Digests | None] = lambda: None
    version_ids: Collection[str] = field(default_factory=tuple)  # as other sidecars name them


def digests_of(path: Path) -> Digests:
    """Hash a file."""
    of_file, of_data = hashlib.sha256(), hashlib.sha256()
    with path.open("rb") as file:
        length = file.read(8)
        of_file.update(length)
        header = min(int.from_bytes(length, "little"), path.stat().st_size)
        while header and (data := file.read(min(header, _SLICE_BYTES))):
            of_file.update(data)
            header -= len(data)
        while data := file.read(_SLICE_BYTES):
            of_file.update(data)
            of_data.update(data)
    return Digests(of_file.hexdigest(), of_data.hexdigest())


def choose_version(versions: list[Level], clues: Clues) -> Level | None:
    """Return the version that lies here; None where nothing tells."""
    if len(versions) == 1:
        return versions[0]
    if any(hashes_of(version) for version in versions) and (digests := clues.digests()):
        for is_it in (_is_file, _is_data):
            found = [v for v in versions if any(is_it(file.level("hashes"), digests) for file in v.levels("files"))]
            if found:
                return found[0]
    for found in (
        [version for version in versions if read_id(version.get("id")) in clues.version_ids],
        [version for version in versions if clues.file_name.lower() in _file_names(version)],
    ):
        if len(found) == 1:
            return found[0]
    return None


def what_all_say(versions: list[Level]) -> Level:
    """Return the fields that are the same in every version: whichever lies here, it says that."""
    first, *others = (version.raw for version in versions)
    return Level({key: value for key, value in first.items() if all(raw.get(key) == value for raw in others)})


def hashes_of(version: Level) -> list[str]:
    """Return the hashes that a version states of its files, in lower case."""
    return [
        value.lower()
        for file in version.levels("files")
        for name in ("sha256", "autov2", "autov3")
        if isinstance(value := file.level("hashes").get(name), str)
    ]


def _is_file(hashes: Level, digests: Digests) -> bool:
    short = digests.of_file[:_AUTO_V2_CHARS]
    return _text(hashes, "sha256") == digests.of_file or _text(hashes, "autov2") == short


def _is_data(hashes: Level, digests: Digests) -> bool:
    stated = _text(hashes, "autov3")
    return len(stated) >= _AUTO_V3_CHARS and digests.of_data.startswith(stated)


def _text(hashes: Level, name: str) -> str:
    value = hashes.get(name)
    return value.lower() if isinstance(value, str) else ""


def _file_names(version: Level) -> set[str]:
    return {clean_line(file.get("name")).lower() for file in version.levels("files")}
