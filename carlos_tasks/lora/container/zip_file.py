"""A zip as the listed file: the one safetensors file in it, written out under limits, or the reason why not.

Nothing is extracted by name: paths in the zip are looked at and never used. Its table of contents is checked before
anything is unpacked, and no byte more is unpacked than was checked. Archives that are no zip stay closed.
"""

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from carlos_tasks.errors import RejectedFile
from carlos_tasks.untrusted.reasons import Reason

MAX_UNPACKED_BYTES = 4096 * 2**20
MAX_MEMBERS = 1_000
MAX_TABLE_BYTES = 2**20  # the table of contents, of MAX_MEMBERS long names
MAX_RATIO = 20  # weights hardly shrink; a zip bomb starts at a thousand
_FREE_BYTES = 2**20  # so much may be packed at any ratio: small files of zeros are no bomb
_SLICE_BYTES = 2**20
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})  # the others take memory as the zip says
_OUTSIDE = re.compile(r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)")
# The record at a zip's end, and that of zips with wider fields: number of members, bytes of the table
_END = struct.Struct("<10xHL6x")
_END_64 = struct.Struct("<32xQQ8x")
_LOCATOR_BYTES = 20  # what stands between the two
_LONGEST_END = _END_64.size + _LOCATOR_BYTES + _END.size + 2**16  # with the longest comment
_LOCAL_HEADER_BYTES = 30
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, struct.error)


def is_zip(path: Path) -> bool:
    """Tell whether a file starts as a zip does."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def unpack(path: Path, target: Path, max_bytes: int = MAX_UNPACKED_BYTES) -> None:
    """Write the one safetensors file of a zip to a path of our own.

    Args:
        path: a zip. target: a file that is written anew; what is in it after a refusal is worth nothing.
        max_bytes: how large the file may be; all members together may be twice that.

    Raises:
        RejectedFile: PICKLE, ARCHIVE (broken, or not exactly one safetensors file), ARCHIVE_UNSAFE, FILE_TOO_LARGE.
    """
    _check_end(path)
    try:
        with zipfile.ZipFile(path) as archive:
            member = _the_member(archive.infolist(), path.stat().st_size, max_bytes)
            _write_out(archive, member, target)
    except _BROKEN as exc:
        raise RejectedFile(Reason.ARCHIVE, f"a zip that cannot be read ({type(exc).__name__})") from exc


def read_beside(path: Path, name: str, max_bytes: int) -> bytes | None:
    """Return a small file that lies beside the one safetensors file of a zip; None if there is none.

    Args:
        path: a zip that `unpack` has checked and unpacked.
        name: of the file, without folders.
        max_bytes: no more is read, so that more than this says that it is larger.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            folder = next(member.filename for member in members if _is_wanted(member.filename)).rpartition("/")[0]
            wanted = f"{folder}/{name}" if folder else name
            if wanted not in (member.filename for member in members):
                return None
            with archive.open(wanted) as file:
                return file.read(max_bytes)
    except (*_BROKEN, StopIteration):
        return None


def _check_end(path: Path) -> None:
    """Look at the size of the table of contents before anything reads it whole."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LONGEST_END))
        tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or place + _END.size > len(tail):
        raise RejectedFile(Reason.ARCHIVE, "a zip that breaks off: it has no table of contents")
    sizes = [_END.unpack_from(tail, place)]
    if tail[max(0, place - _LOCATOR_BYTES) :].startswith(b"PK\x06\x07"):
        # large zips state the sizes once more, in wider fields; those are the ones that count
        if place < _LOCATOR_BYTES + _END_64.size:
            raise RejectedFile(Reason.ARCHIVE, "a zip that breaks off within its table of contents")
        sizes.append(_END_64.unpack_from(tail, place - _LOCATOR_BYTES - _END_64.size))
    for n_members, table_bytes in sizes:
        if n_members > MAX_MEMBERS or table_bytes > MAX_TABLE_BYTES:
            _unsafe(f"{n_members} files and a table of contents of {table_bytes} bytes")


def _the_member(members: Sequence[zipfile.ZipInfo], zip_bytes: int, max_bytes: int) -> zipfile.ZipInfo:
    """Check the whole table of contents, and return the one member that is wanted."""
    if any(member.filename.endswith("data.pkl") for member in members):
        raise RejectedFile(Reason.PICKLE, "a torch zip with data.pkl")
    if len(members) > MAX_MEMBERS:
        _unsafe(f"{len(members)} files")
    if len({member.filename for member in members}) < len(members):
        _unsafe("two files of one name")
    for member in members:
        _check_member(member)
    _check_places(members, zip_bytes)
    wanted = [member for member in members if _is_wanted(member.filename)]
    if len(wanted) != 1:
        raise RejectedFile(Reason.ARCHIVE, f"a zip with {len(wanted)} safetensors files among {len(members)}")
    if wanted[0].file_size > max_bytes:
        raise RejectedFile(Reason.FILE_TOO_LARGE, f"unpacks to {wanted[0].file_size} bytes, at most {max_bytes}")
    if sum(member.file_size for member in members) > 2 * max_bytes:
        _unsafe(f"more than {2 * max_bytes} bytes to unpack")
    return wanted[0]


def _is_wanted(name: str) -> bool:
    """Tell a model by its name; `._x.safetensors` is what macOS puts beside every file of a zip."""
    return name.lower().endswith((".safetensors", ".sft")) and not name.rpartition("/")[2].startswith("._")


def _check_member(member: zipfile.ZipInfo) -> None:
    name = member.orig_filename  # `filename` ends at a NUL
    if _OUTSIDE.search(name) or "\0" in name:
        _unsafe("a path that leads outside")
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        _unsafe("a link or a device")
    if member.flag_bits & 0x2041:  # encrypted in one of three ways
        _unsafe("an encrypted file")
    if member.compress_type not in _METHODS:
        _unsafe("a compression other than deflate")
    if member.file_size > _FREE_BYTES + MAX_RATIO * member.compress_size:
        _unsafe(f"a file of {member.file_size} bytes packed into {member.compress_size}")


def _check_places(members: Sequence[zipfile.ZipInfo], zip_bytes: int) -> None:
    """Refuse members that share bytes: the trick of zip bombs without nesting."""
    position = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < position:
            _unsafe("files that overlap")
        position = member.header_offset + _LOCAL_HEADER_BYTES + member.compress_size
    if position > zip_bytes:
        _unsafe("files that end behind the zip")


def _write_out(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    n_bytes = 0
    with archive.open(member) as source, target.open("wb") as file:
        while data := source.read(_SLICE_BYTES):
            n_bytes += file.write(data)
    if n_bytes != member.file_size:
        raise RejectedFile(Reason.ARCHIVE, "a zip whose file is shorter than it states")


def _unsafe(what: str) -> NoReturn:
    raise RejectedFile(Reason.ARCHIVE_UNSAFE, f"a zip with {what}")
