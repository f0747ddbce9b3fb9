"""Why a record or a file is refused: the one list of reason codes, with the line that the documentation prints."""

from enum import StrEnum


class Reason(StrEnum):
    """A reason code; `meaning` says it in one line."""

    meaning: str

    def __new__(cls, code: str, meaning: str = "") -> "Reason":
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    # The record at the source
    RECORD_INVALID = "record_invalid", "The source's record cannot be read: not JSON, or without a usable id."
    RECORD_TOO_LARGE = "record_too_large", "The source's record is larger than any real one; it is passed over unread."
    SHARD_UNREADABLE = (
        "shard_unreadable",
        "The shard breaks off or cannot be decompressed; the records before that place are kept.",
    )
    REPRESENTATION_INVALID = (
        "representation_invalid",
        "A row of an imported index that no measurement can give: numbers missing, not finite, or at odds.",
    )
    DUPLICATE_RECORD = "duplicate_record", "The same file of the same version stands twice in one shard."
    NOT_A_LORA = "not_a_lora", "The model's type is none of LORA, LoCon, DoRA."
    NO_FILES = "no_files", "A model without versions, or a version without files."
    NOT_A_MODEL_FILE = "not_a_model_file", "A version's training data, configuration or other companion file."
    TAKEN_DOWN = "taken_down", "The source listed it before, and answers now that it is gone."
    NOT_PUBLIC = "not_public", "The source gives the file to some accounts only: private, gated, or early access."
    # The bytes
    LINK = "link", "A symbolic link in a folder: links are not followed."
    MISSING_FILE = "missing_file", "The source lists the file but has no bytes for it."
    FILE_TOO_LARGE = "file_too_large", "The file is larger than CARLOS_MAX_FILE_MB."
    SHA256_MISMATCH = "sha256_mismatch", "The bytes do not have the SHA-256 that the listing claims."
    SIZE_MISMATCH = (
        "size_mismatch",
        "No SHA-256 is claimed, and the size is not the one that the listing claims.",
    )
    # What kind of file it is
    EMPTY_FILE = "empty_file", "The file has no bytes."
    PICKLE = "pickle", "A pickle (.pt, .ckpt, .bin): loading it runs its author's code, so nothing reads it."
    ARCHIVE = "archive", "An archive that is no zip, or a zip without exactly one safetensors file in it."
    ARCHIVE_UNSAFE = (
        "archive_unsafe",
        "A zip that is encrypted, unpacks to too much, holds too many files, a link, or a path that leads outside.",
    )
    WEB_PAGE = "web_page", "A web page or an error document in place of the file."
    LFS_POINTER = "lfs_pointer", "A Git LFS pointer in place of the file."
    NOT_SAFETENSORS = "not_safetensors", "Not a safetensors file, and none of the kinds above."
    # Its safetensors header
    TRUNCATED = "truncated", "The file ends before its header or its last tensor does."
    HEADER_TOO_LARGE = "header_too_large", "The header is larger than any real LoRA's."
    HEADER_INVALID = "header_invalid", "The header is not what safetensors allows, or holds a hostile name."
    DUPLICATE_KEY = (
        "duplicate_key",
        "The header names a tensor or field twice: readers would disagree on which counts.",
    )
    OFFSETS_INVALID = "offsets_invalid", "Tensors overlap, leave holes, or do not end where the file ends."
    NO_TENSORS = "no_tensors", "The header names no tensor."
    # What it holds
    FAMILY_NOT_SUPPORTED = (
        "family_not_supported",
        "The key family is known or unknown, but cannot be loaded as it should.",
    )
    MIXED_LAYOUT = "mixed_layout", "Two names of the file are for one module of the backbone: which of them counts?"
    PAIR_INCOMPLETE = "pair_incomplete", "A module has a down half without its up half, or the reverse."
    RANK_MISMATCH = "rank_mismatch", "The two halves of a module disagree on the rank."
    RANK_ABSURD = "rank_absurd", "A rank that no LoRA has: larger than the module that it is for, or above 4096."
    WEIGHTS_NOT_FINITE = "weights_not_finite", "A weight is not a number or infinite: every image would be broken."
    NO_MODULE_MATCHES = (
        "no_module_matches",
        "No module of the file has the name and size of one of the backbone: its names are unknown here, or misspelt.",
    )
    MODULES_UNMATCHED = (
        "modules_unmatched",
        "Some modules of the file have a name unknown here or another size: only a part of it would be measured.",
    )
    BASE_MODEL_NOT_INDEXED = "base_model_not_indexed", "Made for a backbone that this index does not use."
