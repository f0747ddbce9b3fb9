"""The checks of one file, before anything is loaded from it: hash, header, key family, base model."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from carlos_tasks.errors import RejectedFile
from carlos_tasks.lora.base_model import UNKNOWN, tell_base_model
from carlos_tasks.lora.families import Family, tell_family
from carlos_tasks.lora.header import read_header
from carlos_tasks.lora.reasons import Reason
from carlos_tasks.sources.text import clean_line, clean_text

CHECKS_VERSION = 1  # raise it when a change of the checks can change a verdict: stored verdicts are then not used again
MAX_METADATA_CHARS = 200_000  # a value: tag frequencies fit, embedded thumbnails are cut
SIZE_TOLERANCE_BYTES = 1024  # listings round to kilobytes
_BLOCK = 2**20

# Of bytes that are not the ones listed, these say more: no model file came in their place at all.
_TELLING = frozenset({Reason.WEB_PAGE, Reason.LFS_POINTER, Reason.EMPTY_FILE})


@dataclass(frozen=True)
class LoraFile:
    """What the header of one file says. `rank` is the one that most modules have."""

    lora_id: str
    size_bytes: int
    family: str = Family.UNKNOWN.value
    base_model: str = UNKNOWN
    base_model_evidence: str = ""
    rank: int | None = None
    n_modules: int = 0
    trigger_words: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Examined:
    """The verdict on one file: what could be told of it, and the reason if it is refused."""

    file: LoraFile
    reason: Reason | None = None
    detail: str = ""


def check_file(
    path: Path,
    *,
    sha256_claimed: str | None = None,
    size_claimed: int | None = None,
    accepted_base_models: Collection[str] | None = None,
) -> LoraFile:
    """Check one file, as `examine_file` does.

    Raises:
        RejectedFile: with the reason code and one sentence.
    """
    verdict = examine_file(
        path,
        sha256_claimed=sha256_claimed,
        size_claimed=size_claimed,
        accepted_base_models=accepted_base_models,
    )
    if verdict.reason is not None:
        raise RejectedFile(verdict.reason, verdict.detail)
    return verdict.file


def examine_file(
    path: Path,
    *,
    sha256_claimed: str | None = None,
    size_claimed: int | None = None,
    accepted_base_models: Collection[str] | None = None,
) -> Examined:
    """Tell what a file is and whether the index can use it. Its tensors are hashed, and never read as tensors.

    Args:
        path: a local copy that nobody else writes.
        sha256_claimed: 64 lower-case hex digits, or None if the listing claims none.
        size_claimed: bytes; compared only where no SHA-256 is claimed.
        accepted_base_models: base models that the index uses; None accepts every one.
    """
    blank = LoraFile(sha256_of(path), path.stat().st_size)
    mismatch = _compare(blank, sha256_claimed, size_claimed)
    try:
        header = read_header(path)
    except RejectedFile as exc:
        if mismatch and exc.reason not in _TELLING:
            reason, detail = mismatch
            return Examined(blank, reason, f"{detail}; {exc.reason}: {exc.detail}")
        return Examined(blank, Reason(exc.reason), exc.detail)
    family = tell_family(header)
    base_model, evidence = tell_base_model(header)
    file = LoraFile(
        lora_id=blank.lora_id,
        size_bytes=blank.size_bytes,
        family=family.family.value,
        base_model=base_model,
        base_model_evidence=evidence,
        rank=family.rank,
        n_modules=family.n_modules,
        trigger_words=_trigger_words(header.metadata),
        metadata=clean_metadata(header.metadata),
    )
    if fault := mismatch or family.fault:
        return Examined(file, *fault)
    if accepted_base_models is not None and base_model not in accepted_base_models:
        return Examined(file, Reason.BASE_MODEL_NOT_INDEXED, f"base model {base_model}: {evidence}")
    return Examined(file)


def sha256_of(path: Path) -> str:
    """Hash a file in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def clean_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return a header's metadata as it is stored: sorted, without control characters, long values cut."""
    return {clean_line(key): clean_text(metadata[key], MAX_METADATA_CHARS) for key in sorted(metadata)}


def _compare(file: LoraFile, sha256_claimed: str | None, size_claimed: int | None) -> tuple[Reason, str] | None:
    if sha256_claimed is not None:
        if file.lora_id == sha256_claimed:
            return None
        return (
            Reason.SHA256_MISMATCH,
            f"listed as {sha256_claimed}, the {file.size_bytes} bytes are {file.lora_id}",
        )
    if size_claimed is None or abs(file.size_bytes - size_claimed) <= SIZE_TOLERANCE_BYTES:
        return None
    return Reason.SIZE_MISMATCH, f"listed with {size_claimed} bytes, the file has {file.size_bytes}"


def _trigger_words(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Return modelspec's trigger phrase.

    Kohya's tag frequencies are no substitute: the most frequent tag of a style's captions ("1girl") would
    change the very image that is measured.
    """
    phrase = clean_line(metadata.get("modelspec.trigger_phrase"), 2000)
    return (phrase,) if phrase else ()
