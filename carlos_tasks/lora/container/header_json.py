"""The JSON of a safetensors header, parsed with limits on what it becomes in memory, and without duplicate keys."""

import json
from typing import Any, NoReturn

import orjson

from carlos_tasks.errors import RejectedFile
from carlos_tasks.untrusted.reasons import Reason

MAX_TENSORS = 50_000  # the largest real files have some ten thousand
HARMLESS_BYTES = 2**20
_MAX_MARKS = 12 * MAX_TENSORS  # a tensor has ten quotes, eight brackets and commas; 16 MB of "[" would fill the memory
# Where a key may end in another way than with a quote and a colon; tabs and line ends stand outside of strings only
_UNCLEAR = (b"\t", b"\n", b"\r", b" :", rb'\\":')
_METADATA = '{"__metadata__":'  # so starts what the safetensors library writes
_DECODER = json.JSONDecoder()


def parse_object(raw: bytes) -> dict[str, Any]:
    """Parse a JSON object of objects: a header, or a part of one.

    Raises:
        RejectedFile: HEADER_INVALID or DUPLICATE_KEY.
    """
    check_marks(raw)
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError:
        invalid("not JSON in UTF-8, or nested too deeply")
    if not isinstance(fields, dict):
        invalid("not an object")
    if len(fields) > MAX_TENSORS:
        invalid(f"more than {MAX_TENSORS} tensors")
    # The parser keeps the last of two equal keys without a word: fewer keys came out than stand in the text.
    if count_keys(raw) != len(fields) + sum(len(entry) for entry in fields.values() if isinstance(entry, dict)):
        refuse_duplicates(raw)
    return fields


def split_metadata(raw: bytes) -> tuple[bytes, bytes] | None:
    """Split a header into its metadata and the object of its tensors; None where metadata do not come first."""
    if len(raw) > HARMLESS_BYTES or not raw.startswith(_METADATA.encode()):
        return None
    try:
        text = raw.decode()
        _, end = _DECODER.raw_decode(text, len(_METADATA))
    except (ValueError, RecursionError):
        return None  # what is wrong with it, the parser says
    if not text.startswith(',"', end):
        return None
    return text[len(_METADATA) : end].encode(), b"{" + text[end + 1 :].rstrip(" ").encode()


def invalid(fault: str) -> NoReturn:
    """Refuse a header."""
    raise RejectedFile(Reason.HEADER_INVALID, fault)


def check_marks(raw: bytes) -> None:
    """Refuse a header that would be millions of objects in memory."""
    if len(raw) <= HARMLESS_BYTES:
        return
    if raw.count(b'"') - raw.count(rb"\"") > _MAX_MARKS:
        invalid("more names than a LoRA has tensors")
    outside = _outside_of_strings(raw)
    if sum(outside.count(mark) for mark in (b"[", b"{", b",")) > _MAX_MARKS:
        invalid("more lists and numbers than a LoRA has tensors")


def count_keys(raw: bytes) -> int:
    """Count the keys of all objects in a JSON text that has been parsed."""
    if any(mark in raw for mark in _UNCLEAR):
        return _outside_of_strings(raw).count(b":")
    return raw.count(b'":') - raw.count(rb"\":")


def _outside_of_strings(raw: bytes) -> bytes:
    """Return what stands outside of strings.

    A backslash outside of a string would lead this astray, but there the text is no JSON, and the parser stops.
    """
    plain = raw.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in raw else raw
    return b"".join(plain.split(b'"')[::2])


def refuse_duplicates(raw: bytes) -> None:
    """Refuse a key that stands twice; what is nested where nothing may be is left to the checks of the entries."""
    try:
        json.loads(raw, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        invalid("nested too deeply, or a number too long")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise RejectedFile(Reason.DUPLICATE_KEY, "the header names one key twice")
    return fields
