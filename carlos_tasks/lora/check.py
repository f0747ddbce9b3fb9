"""The checks of one file, before anything is loaded from it: header, family, base model, modules, hashes, weights.

The order is that of trust: nothing of a file is used before what stands before it was checked. A zip around one
safetensors file is unpacked under limits (`archive`), and what was in it is judged like any other file.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from carlos_tasks.errors import RejectedFile
from carlos_tasks.lora.backbones.known import UNKNOWN
from carlos_tasks.lora.container.header import Header, read_header
from carlos_tasks.lora.container.weights import SLICE_BYTES, scan_weights
from carlos_tasks.lora.container.zip_file import MAX_UNPACKED_BYTES, is_zip, read_beside, unpack
from carlos_tasks.lora.facts import tell_facts
from carlos_tasks.lora.families import Family
from carlos_tasks.lora.judgement import Fault, Judgement, judge, not_indexed
from carlos_tasks.lora.scale.config import FILE_NAME, MAX_BYTES, state_config, state_fault
from carlos_tasks.lora.scale.statements import scale_key
from carlos_tasks.lora.scale.tell import tell_scale
from carlos_tasks.untrusted.reasons import Reason
from carlos_tasks.untrusted.text import clean_line, clean_text

CHECKS_VERSION = 3  # raise it when a change of the checks can change a verdict: stored verdicts are then not used again
MAX_METADATA_CHARS = 200_000  # a value: tag frequencies fit, embedded thumbnails are cut
MAX_METADATA_ENTRIES = 2_000  # trainers write a hundred
SIZE_TOLERANCE_BYTES = 1024  # listings round to kilobytes

# Of bytes that are not the ones listed, these say more: no model file came in their place at all.
_TELLING = frozenset({Reason.WEB_PAGE, Reason.LFS_POINTER, Reason.EMPTY_FILE})


@dataclass(frozen=True)
class LoraFile:
    """What one file is.

    `rank` and `alpha` are those that most modules have. `modules` counts modules by component and kind
    (`unet.attention`, `text_encoder.feed_forward`). Texts of the header are claims of its author. `scale_told_by` names
    what tells by how much the weights are multiplied (`lora.scale`).
    """

    lora_id: str
    size_bytes: int
    family: str = Family.UNKNOWN.value
    base_model: str = UNKNOWN
    base_model_evidence: str = ""
    rank: int | None = None
    alpha: float | None = None
    n_modules: int = 0
    n_modules_matched: int | None = None  # None: the backbone's architecture is not known here
    modules: Mapping[str, int] = field(default_factory=dict)
    tensors_sha256: str | None = None  # of names, shapes and weights, without the metadata
    base_model_in_metadata: str = ""  # ss_base_model_version or modelspec.architecture
    base_model_in_metadata_named: str | None = None  # which of our base models these and other entries mean
    license: str = ""  # modelspec.license
    trigger_words: tuple[str, ...] = ()
    frequent_tags: tuple[str, ...] = ()  # the most frequent of ss_tag_frequency
    metadata: Mapping[str, str] = field(default_factory=dict)
    scale_told_by: str | None = None
    is_scale_known: bool | None = None
    scale_detail: str = ""  # why the scale is not known
    stated_scale: str | None = None  # what an adapter_config.json beside the file says of it, canonical JSON
    scale_key: str | None = None  # hash of all that is stated of it, in the header and beside the file


@dataclass(frozen=True)
class Examined:
    """The verdict on one file: what could be told of it, and the reason if it is refused."""

    file: LoraFile
    reason: Reason | None = None
    detail: str = ""
    unpacked: Path | None = None  # where the bytes of `file` lie, if they came in a zip


def examine_file(
    path: Path,
    *,
    sha256_claimed: str | None = None,
    size_claimed: int | None = None,
    accepted_base_models: Collection[str] | None = None,
    unpack_to: Path | None = None,
    max_bytes: int = MAX_UNPACKED_BYTES,
    stated_scale: str | None = None,
) -> Examined:
    """Tell what a file is and whether the index can use it. Its weights are hashed and looked at, never loaded.

    Args:
        path: a local copy that nobody else writes.
        sha256_claimed: 64 lower-case hex digits, or None if the listing claims none; of a zip, the zip's.
        size_claimed: bytes; compared only where no SHA-256 is claimed.
        accepted_base_models: base models that the index uses; None accepts every one.
        unpack_to: where the file in a zip is written; None refuses every zip.
        max_bytes: how large the file in a zip may be.
        stated_scale: what an adapter_config.json beside the file says (`lora.scale.config.state_config`); one inside
            the zip goes before it.
    """
    try:
        header = read_header(path)
        scan = scan_weights(path, header)
    except RejectedFile as exc:
        blank = LoraFile(sha256_of(path), path.stat().st_size)
        mismatch = _compare(blank, sha256_claimed, size_claimed)
        if mismatch and exc.reason not in _TELLING:
            reason, detail = mismatch
            return Examined(blank, reason, f"{detail}; {exc.reason}: {exc.detail}")
        if unpack_to is None or not is_zip(path):
            return Examined(blank, Reason(exc.reason), exc.detail)
        try:
            unpack(path, unpack_to, max_bytes)
        except RejectedFile as refused:
            return Examined(blank, Reason(refused.reason), refused.detail)
        stated_scale = _stated_in(path) or stated_scale
        examined = examine_file(unpack_to, accepted_base_models=accepted_base_models, stated_scale=stated_scale)
        return replace(examined, unpacked=unpack_to)
    told = judge(header)
    file = replace(_tell(header, path, told, stated_scale), lora_id=scan.sha256, tensors_sha256=scan.tensors_sha256)
    is_ours = accepted_base_models is None or told.base_model in accepted_base_models or not told.is_lora
    foreign = None if is_ours else not_indexed(told.base_model, told.evidence)
    fault = _compare(file, sha256_claimed, size_claimed) or foreign or told.fault or scan.fault
    return Examined(file, *fault) if fault else Examined(file)


def inspect_header(path: Path, stated_scale: str | None = None) -> Examined:
    """Tell what the header alone tells: milliseconds for a file of any size, and neither hash nor weights.

    Args:
        path: a safetensors file; a zip is refused unopened.
        stated_scale: as for `examine_file`.
    """
    blank = LoraFile("", path.stat().st_size)
    try:
        header = read_header(path)
    except RejectedFile as exc:
        return Examined(blank, Reason(exc.reason), exc.detail)
    told = judge(header)
    file = _tell(header, path, told, stated_scale)
    return Examined(file, *told.fault) if told.fault else Examined(file)


def sha256_of(path: Path) -> str:
    """Hash a file in slices."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(SLICE_BYTES):
            digest.update(data)
    return digest.hexdigest()


def clean_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return a header's metadata as it is stored: sorted, without control characters, long values and lists cut."""
    return {
        clean_line(key): clean_text(metadata[key][: MAX_METADATA_CHARS + 1], MAX_METADATA_CHARS)
        for key in sorted(metadata)[:MAX_METADATA_ENTRIES]
    }


def _tell(header: Header, path: Path, told: Judgement, stated_scale: str | None) -> LoraFile:
    """Tell what names, shapes and metadata say; the hashes are left out."""
    facts = tell_facts(header)
    scale = tell_scale(header, path, stated_scale)
    return LoraFile(
        lora_id="",
        size_bytes=header.size_bytes,
        family=told.family.family.value,
        base_model=told.base_model,
        base_model_evidence=told.evidence,
        rank=told.family.rank,
        alpha=scale.alpha,
        n_modules=told.family.n_modules,
        n_modules_matched=told.n_modules_matched,
        modules=facts.modules,
        base_model_in_metadata=facts.base_model_in_metadata,
        base_model_in_metadata_named=facts.base_model_in_metadata_named,
        license=facts.license,
        trigger_words=facts.trigger_words,
        frequent_tags=facts.frequent_tags,
        metadata=clean_metadata(header.metadata),
        scale_told_by=scale.told_by.value,
        is_scale_known=scale.is_known,
        scale_detail=clean_line(scale.detail),
        stated_scale=stated_scale,
        scale_key=scale_key(header.metadata, stated_scale),
    )


def _stated_in(zip_path: Path) -> str | None:
    """Return what the configuration beside the file in a zip says."""
    data = read_beside(zip_path, FILE_NAME, MAX_BYTES + 1)
    try:
        return None if data is None else state_config(data)
    except ValueError as exc:
        return state_fault(f"is {exc}")


def _compare(file: LoraFile, sha256_claimed: str | None, size_claimed: int | None) -> Fault | None:
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
