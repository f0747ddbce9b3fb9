"""A zip as the listed file: what is taken out of it, and every trick that is refused."""

import hashlib
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from carlos_tasks.errors import RejectedFile
from carlos_tasks.lora.check import examine_file
from carlos_tasks.lora.container import zip_file as archive
from carlos_tasks.lora.container.zip_file import unpack
from carlos_tasks.untrusted.reasons import Reason
from tests.lora.crafted import MICRO_ATTENTION, check_file

RANDOM = np.random.default_rng(5)
LORA = save(
    {
        f"{MICRO_ATTENTION}.lora_A.weight": RANDOM.standard_normal((4, 128)).astype(np.float16),
        f"{MICRO_ATTENTION}.lora_B.weight": RANDOM.standard_normal((64, 4)).astype(np.float16),
    }
)
Entry = tuple[str | zipfile.ZipInfo, bytes]


def zipped(*entries: Entry, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in entries:
            file.writestr(name, data, method)
    return buffer.getvalue()


def entry(name: str, mode: int = 0, flags: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.flag_bits = flags
    return info


def unpacked(tmp_path: Path, data: bytes, max_bytes: int = 2**30) -> bytes:
    (tmp_path / "zip").write_bytes(data)
    unpack(tmp_path / "zip", tmp_path / "out", max_bytes)
    return (tmp_path / "out").read_bytes()


GOOD: dict[str, bytes] = {
    "deflated": zipped(("lora.safetensors", LORA)),
    "stored": zipped(("lora.safetensors", LORA), method=zipfile.ZIP_STORED),
    "with pictures beside": zipped(("a/readme.txt", b"hello"), ("a/Lora.SAFETENSORS", LORA), ("a/p.png", b"\x89PNG")),
    "from macOS": zipped(("lora.safetensors", LORA), ("__MACOSX/._lora.safetensors", b"\0\5\26\7" * 30)),
    "with a comment": zipped(("lora.safetensors", LORA))[:-2] + b"\x05\0hello",
}


@pytest.mark.parametrize("name", GOOD)
def test_the_one_safetensors_file_comes_out(name: str, tmp_path: Path) -> None:
    assert unpacked(tmp_path, GOOD[name]) == LORA


def test_the_file_in_the_zip_is_the_lora(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(GOOD["deflated"])
    claimed = hashlib.sha256(GOOD["deflated"]).hexdigest()
    verdict = examine_file(tmp_path / "x.zip", sha256_claimed=claimed, unpack_to=tmp_path / "out")
    assert (verdict.reason, verdict.unpacked) == (None, tmp_path / "out")
    assert verdict.file.lora_id == hashlib.sha256(LORA).hexdigest()
    assert verdict.file.size_bytes == len(LORA)
    with pytest.raises(RejectedFile, match="sha256_mismatch"):  # the claim is for the zip
        check_file(tmp_path / "x.zip", sha256_claimed=hashlib.sha256(LORA).hexdigest())
    assert examine_file(tmp_path / "x.zip").reason is Reason.ARCHIVE  # where nothing may be unpacked


def test_what_is_wrong_with_the_file_in_the_zip_is_said_of_it(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(zipped(("x.safetensors", LORA[:-10])))
    verdict = examine_file(tmp_path / "x.zip", unpack_to=tmp_path / "out")
    assert (verdict.reason, verdict.file.size_bytes) == (Reason.TRUNCATED, len(LORA) - 10)
    (tmp_path / "x.zip").write_bytes(zipped(("x.safetensors", GOOD["deflated"])))
    assert examine_file(tmp_path / "x.zip", unpack_to=tmp_path / "out").reason is Reason.ARCHIVE  # a zip in a zip


def lying(field: int, value: int, form: str = "<L") -> bytes:
    """A zip whose table of contents states another value in one field of its only entry."""
    data = bytearray(zipped(("lora.safetensors", LORA)))
    struct.pack_into(form, data, data.rfind(b"PK\x01\x02") + field, value)
    return bytes(data)


def overlapping() -> bytes:
    """Two entries of the table of contents that name the same bytes."""
    data = zipped(("a.safetensors", LORA), ("b.txt", LORA))
    table = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", table + 4)
    changed = bytearray(data)
    struct.pack_into("<L", changed, second + 42, 10)
    return bytes(changed)


def many_stated(n_members: int, table_bytes: int) -> bytes:
    """A zip whose end states a huge table of contents, in the wider fields only."""
    data = zipped(("lora.safetensors", LORA))
    end = data.rindex(b"PK\x05\x06")
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, n_members, n_members, table_bytes, 0)
    return data[:end] + wide + struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1) + data[end:]


BAD: dict[str, tuple[Reason, Callable[[], bytes]]] = {
    "no safetensors": (Reason.ARCHIVE, lambda: zipped(("a.txt", b"x"))),
    "two of them": (Reason.ARCHIVE, lambda: zipped(("a.safetensors", LORA), ("b.safetensors", LORA))),
    "cut in the middle": (Reason.ARCHIVE, lambda: GOOD["deflated"][:400]),
    "no table of contents": (Reason.ARCHIVE, lambda: GOOD["deflated"][:-30]),
    "wrong checksum": (Reason.ARCHIVE, lambda: lying(16, 7)),
    "deflate that is none": (Reason.ARCHIVE, lambda: GOOD["deflated"].replace(zlib.compress(LORA)[2:40], b"\xff" * 38)),
    "shorter than stated": (Reason.ARCHIVE, lambda: lying(24, len(LORA) + 9)),
    "longer than stated": (Reason.ARCHIVE, lambda: lying(24, len(LORA) - 9)),
    "torch zip": (Reason.PICKLE, lambda: zipped(("big/x.safetensors", LORA), ("archive/data.pkl", b"\x80\x02."))),
    "a bomb": (Reason.ARCHIVE_UNSAFE, lambda: zipped(("a.safetensors", bytes(30 * 2**20)))),
    "a bomb beside": (Reason.ARCHIVE_UNSAFE, lambda: zipped(("a.safetensors", LORA), ("b", bytes(30 * 2**20)))),
    "encrypted": (Reason.ARCHIVE_UNSAFE, lambda: lying(8, 1, "<H")),
    "strongly encrypted": (Reason.ARCHIVE_UNSAFE, lambda: lying(8, 0x41, "<H")),
    "a link": (Reason.ARCHIVE_UNSAFE, lambda: zipped((entry("a.safetensors", stat.S_IFLNK | 0o777), b"/etc/passwd"))),
    "a link beside": (Reason.ARCHIVE_UNSAFE, lambda: zipped(("a.safetensors", LORA), (entry("b", 0o120777), b"/etc"))),
    "a path upwards": (Reason.ARCHIVE_UNSAFE, lambda: zipped(("../../a.safetensors", LORA))),
    "an absolute path": (Reason.ARCHIVE_UNSAFE, lambda: zipped(("/etc/a.safetensors", LORA))),
    "a path of Windows": (Reason.ARCHIVE_UNSAFE, lambda: zipped(("C:\\a.safetensors", LORA))),
    "backslashes upwards": (Reason.ARCHIVE_UNSAFE, lambda: zipped(("a\\..\\..\\a.safetensors", LORA))),
    "lzma": (Reason.ARCHIVE_UNSAFE, lambda: zipped(("a.safetensors", LORA), method=zipfile.ZIP_LZMA)),
    "overlap": (Reason.ARCHIVE_UNSAFE, overlapping),
    "behind the end": (Reason.ARCHIVE_UNSAFE, lambda: lying(20, 2**30)),
    "too many files": (Reason.ARCHIVE_UNSAFE, lambda: zipped(*((f"{n}.txt", b"") for n in range(1001)))),
    "many files stated": (Reason.ARCHIVE_UNSAFE, lambda: many_stated(2**40, 100)),
    "a huge table stated": (Reason.ARCHIVE_UNSAFE, lambda: many_stated(1, 2**40)),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused(name: str, tmp_path: Path) -> None:
    reason, make = BAD[name]
    with pytest.raises(RejectedFile) as refused:
        unpacked(tmp_path, make())
    assert refused.value.reason == reason, refused.value
    assert refused.value.detail.isprintable()
    assert {path.name for path in tmp_path.iterdir()} <= {"zip", "out"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RejectedFile, match="archive_unsafe: a zip with two files of one name"):
        unpacked(tmp_path, zipped(("a.safetensors", LORA), ("a.safetensors", LORA[:-1])))


def test_a_nul_in_a_name_is_refused(tmp_path: Path) -> None:
    data = zipped(("a.safetensors_b.txt", LORA)).replace(b"a.safetensors_", b"a.safetensors\0")
    with pytest.raises(RejectedFile, match="archive_unsafe: a zip with a path that leads outside"):
        unpacked(tmp_path, data)


def test_the_caps_on_size_hold_before_anything_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RejectedFile, match=f"file_too_large: unpacks to {len(LORA)} bytes, at most 1000"):
        unpacked(tmp_path, GOOD["deflated"], max_bytes=1000)
    with pytest.raises(RejectedFile, match="archive_unsafe: a zip with more than 200 bytes to unpack"):
        unpacked(tmp_path, zipped(("a.safetensors", b""), ("b.txt", bytes(150)), ("c.txt", bytes(150))), max_bytes=100)
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(archive, "MAX_TABLE_BYTES", 40)
    with pytest.raises(RejectedFile, match="a table of contents of"):
        unpacked(tmp_path, GOOD["deflated"])


def test_a_large_file_is_written_in_slices(tmp_path: Path) -> None:
    data = RANDOM.integers(0, 256, 3 * 2**20 + 17, np.uint8).tobytes()
    assert unpacked(tmp_path, zipped(("a.safetensors", data))) == data
