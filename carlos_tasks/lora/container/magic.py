"""What a file that is not safetensors is, told from its first bytes: a helpful reason costs nothing.

Nothing here opens, unpacks or unpickles anything.
"""

import re

from carlos_tasks.untrusted.reasons import Reason

_ARCHIVES = {
    b"\x1f\x8b": "gzip",
    b"7z\xbc\xaf": "7z",
    b"Rar!": "rar",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
}
_PICKLE_TEXT = re.compile(rb"\(?[dlc](p\d|__builtin__|collections|torch|posix|os\n|builtins)")


def tell_other_kind(start: bytes) -> tuple[Reason, str] | None:
    """Tell why a file that starts with these bytes (up to 512) is no safetensors file; None if it may be one."""
    if not start:
        return Reason.EMPTY_FILE, "0 bytes"
    if start[8:9] == b"{":
        return None  # asked first: a header of 640 bytes starts with the two bytes of a pickle
    if start.startswith(b"PK"):
        # torch.save writes a zip around a pickle
        return (
            (Reason.PICKLE, "a torch zip with data.pkl") if b"data.pkl" in start else (Reason.ARCHIVE, "a zip archive")
        )
    if (start[0] == 0x80 and start[1:2] <= b"\x05") or _PICKLE_TEXT.match(start):
        return Reason.PICKLE, "starts with a pickle's opcodes"
    for magic, name in _ARCHIVES.items():
        if start.startswith(magic):
            return Reason.ARCHIVE, f"a {name} archive"
    if start[257:262] == b"ustar":
        return Reason.ARCHIVE, "a tar archive"
    if start.startswith(b"version https://git-lfs"):
        return Reason.LFS_POINTER, "a Git LFS pointer"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b'{"', b"[{")):
        return Reason.WEB_PAGE, "a web page or an error document"
    if len(start) <= 8:
        return Reason.TRUNCATED, f"{len(start)} bytes: shorter than the shortest header"
    return Reason.NOT_SAFETENSORS, "no safetensors header, and no other kind that is known"
