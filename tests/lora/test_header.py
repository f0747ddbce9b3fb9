"""The safetensors header: what is read, and some thirty ways in which it is refused."""

import contextlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from carlos_tasks.errors import RejectedFile
from carlos_tasks.lora.container import header_json
from carlos_tasks.lora.container.header import read_header
from carlos_tasks.lora.container.tensor_table import Tensor
from carlos_tasks.untrusted.reasons import Reason
from tests.lora.crafted import header_fields, micro_lora, with_header, write_file

ONE: dict[str, Any] = {"t": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}}


def entry(dtype: object = "F16", shape: object = (2,), data_offsets: object = (0, 4)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": data_offsets}


def test_a_sound_header_is_read_without_its_tensors(tmp_path: Path) -> None:
    path = write_file(tmp_path / "lora", {"a": [2, 3], "b": [], "c": [1]}, metadata={"ss_seed": "42"})
    header = read_header(path)
    assert header.tensors == {
        "a": Tensor("F16", (2, 3), (0, 12)),
        "b": Tensor("F16", (), (12, 14)),
        "c": Tensor("F16", (1,), (14, 16)),
    }
    assert header.metadata == {"ss_seed": "42"}
    assert header.size_bytes == path.stat().st_size == 8 + header.header_bytes + 16


def test_tensors_may_lie_in_another_order_than_they_are_named(tmp_path: Path) -> None:
    path = tmp_path / "lora"
    path.write_bytes(with_header({"b": entry(data_offsets=(4, 8)), "a": entry()} | {}, bytes(8)))
    assert [tensor.start for tensor in read_header(path).tensors.values()] == [4, 0]


def test_metadata_that_are_null_are_none(tmp_path: Path) -> None:
    """Some tools write it so, and the safetensors library reads it so; wherever it stands in the header."""
    for number, fields in enumerate(({"__metadata__": None} | ONE, ONE | {"__metadata__": None})):
        path = tmp_path / f"{number}"
        path.write_bytes(with_header(fields, bytes(4)))
        assert (read_header(path).metadata, list(read_header(path).tensors)) == ({}, ["t"])


def compact(fields: dict[str, Any]) -> bytes:
    """A header as the safetensors library writes it, padded."""
    return json.dumps(fields, separators=(",", ":")).encode() + b" " * 5


def test_files_of_one_table_are_told_apart_by_their_metadata_and_size(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "ab"]
    for path in paths:
        path.write_bytes(with_header(compact({"__metadata__": {"name": path.name, "t": '"[{:,'}} | ONE), bytes(4)))
    first, second = map(read_header, paths)
    assert first.table is second.table  # read once
    assert [header.metadata["name"] for header in (first, second)] == ["a", "b"]
    paths[0].write_bytes(paths[0].read_bytes()[:-1])
    with pytest.raises(RejectedFile, match="truncated"):
        read_header(paths[0])
    paths[0].write_bytes(with_header(compact(ONE | {"__metadata__": {"name": "last"}}), bytes(4)))
    assert read_header(paths[0]).metadata == {"name": "last"}


T, U = (json.dumps(entry(data_offsets=places), separators=(",", ":")) for places in ((0, 4), (4, 8)))
BACKSLASHES = ",".join(rf'"{letter}\\":""' for letter in "abcd")
TWICE = {
    "in two spellings": rf'{{"t":{T},"\u0074":{U}}}',
    "with a space before the colon": f'{{"t" :{T},"t":{U}}}',
    "every colon of it with a space": f'{{"t" :{T.replace(":", " :")},"t":{U}}}',
    "with a line end before the colon": f'{{"t"\n:{T.replace(":", chr(10) + ":")},"t":{U}}}',
    "behind keys that end with a backslash": rf'{{"__metadata__":{{{BACKSLASHES}}},"t":{T},"t":{U}}}',
    "around keys that end with a backslash": rf'{{"t":{T},"__metadata__":{{{BACKSLASHES}}},"t":{U}}}',
    "with texts full of quotes and colons": rf'{{"__metadata__":{{"a":"\":\":"}},"t":{T},"t":{U}}}',
    "in the metadata": rf'{{"__metadata__":{{"a":"1","a":"2"}},"t":{T}}}',
    "in the metadata, behind the tensors": rf'{{"t":{T},"__metadata__":{{"a":"1","a":"2"}}}}',
    "metadata themselves": rf'{{"__metadata__":{{}},"t":{T},"__metadata__":{{}}}}',
    "in a tensor": rf'{{"__metadata__":{{"a":"1"}},"t":{T[:-1]},"dtype":"F32"}}}}',
}


@pytest.mark.parametrize("name", TWICE)
def test_a_key_that_stands_twice_is_found_however_it_is_written(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(with_header(TWICE[name].encode(), bytes(8)))
    with pytest.raises(RejectedFile, match="duplicate_key"):
        read_header(path)


def test_odd_texts_in_metadata_are_no_duplicates(tmp_path: Path) -> None:
    metadata = {"a\\": ' : "b":', "c": "\n\t:", "d": '{"e": {"f" : "\\"}}', "": "é🦓", 'g\\"': ":"}
    for raw in (compact({"__metadata__": metadata} | ONE), json.dumps({"__metadata__": metadata} | ONE).encode()):
        (tmp_path / "file").write_bytes(with_header(raw, bytes(4)))
        assert read_header(tmp_path / "file").metadata == metadata


def test_a_header_whose_length_looks_like_a_pickle_is_read(tmp_path: Path) -> None:
    raw = json.dumps(ONE).encode().ljust(0x0280)  # little-endian 80 02, a pickle's first two bytes
    (tmp_path / "lora").write_bytes(with_header(raw, bytes(4)))
    assert list(read_header(tmp_path / "lora").tensors) == ["t"]


HOSTILE: dict[str, tuple[Reason, bytes]] = {
    # not safetensors at all
    "nothing": (Reason.EMPTY_FILE, b""),
    "five bytes": (Reason.TRUNCATED, b"\x10\0\0\0\0"),
    "pickle": (Reason.PICKLE, b"\x80\x02}q\x00X\x04\x00\x00\x00"),
    "pickle of protocol 0": (Reason.PICKLE, b"(dp0\nS'a'\np1\n"),
    "torch zip": (Reason.PICKLE, b"PK\x03\x04" + bytes(22) + b"\x10\0\0\0archive/data.pkl" + bytes(40)),
    "zip": (Reason.ARCHIVE, b"PK\x03\x04" + bytes(22) + b"\x05\0\0\0a.txt" + bytes(40)),
    "gzip": (Reason.ARCHIVE, b"\x1f\x8b\x08" + bytes(40)),
    "tar": (Reason.ARCHIVE, b"name".ljust(257, b"\0") + b"ustar" + bytes(300)),
    "web page": (Reason.WEB_PAGE, b"\n<!DOCTYPE html><html>sign in</html>"),
    "error document": (Reason.WEB_PAGE, b'{"error":"The creator of this asset requires you to be logged in"}'),
    "another error document": (Reason.WEB_PAGE, b'{"detail":"Not found."}'),
    "xz": (Reason.ARCHIVE, b"\xfd7zXZ\0" + bytes(40)),
    "LFS pointer": (Reason.LFS_POINTER, b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"),
    "gguf": (Reason.NOT_SAFETENSORS, b"GGUF" + bytes(60)),
    # its length
    "header of 2^60 bytes": (Reason.HEADER_TOO_LARGE, struct.pack("<Q", 2**60) + b"{}"),
    "header past the end": (Reason.TRUNCATED, struct.pack("<Q", 5000) + b'{"t":'),
    # its JSON
    "no JSON": (Reason.HEADER_INVALID, with_header(b"{not json}")),
    "not UTF-8": (Reason.HEADER_INVALID, with_header(b'{"\xff": 1}')),
    "nested 100,000 deep": (Reason.HEADER_INVALID, with_header(b'{"t":' + b"[" * 100_000)),
    "millions of lists": (Reason.HEADER_INVALID, with_header(b'{"t":[' + b"[]," * 1_000_000 + b"[]]}")),
    "millions of keys": (Reason.HEADER_INVALID, with_header(b"{" + b'"":0,' * 1_000_000 + b'"t":0}')),
    "a number of 5,000 digits": (Reason.HEADER_INVALID, with_header(b'{"t":' + b"9" * 5000 + b"}")),
    "NaN": (Reason.HEADER_INVALID, with_header(b'{"t": NaN}')),
    "duplicate tensor": (Reason.DUPLICATE_KEY, with_header(b'{"t":' + json.dumps(ONE["t"]).encode() + b',"t":{}}')),
    "duplicate field": (Reason.DUPLICATE_KEY, with_header(b'{"t":{"dtype":"F16","dtype":"F32"}}')),
    "no tensors": (Reason.NO_TENSORS, with_header({"__metadata__": {"a": "b"}})),
    "metadata is a number": (Reason.HEADER_INVALID, with_header({"__metadata__": {"a": 1}} | ONE, bytes(4))),
    "metadata is a list": (Reason.HEADER_INVALID, with_header({"__metadata__": ["a"]} | ONE, bytes(4))),
    # names
    "path as a name": (Reason.HEADER_INVALID, with_header({"../../etc/passwd": entry()}, bytes(4))),
    "absolute path": (Reason.HEADER_INVALID, with_header({"/etc/passwd": entry()}, bytes(4))),
    "NUL in a name": (Reason.HEADER_INVALID, with_header({"a\0b": entry()}, bytes(4))),
    "newline in a name": (Reason.HEADER_INVALID, with_header({"a\nINFO all is well": entry()}, bytes(4))),
    "lone surrogate": (Reason.HEADER_INVALID, with_header(rb'{"\ud800":{}}', bytes(4))),
    "name of a megabyte": (Reason.HEADER_INVALID, with_header({"a" * 2**20: entry()}, bytes(4))),
    # tensors
    "unknown dtype": (Reason.HEADER_INVALID, with_header({"t": entry(dtype="F12")}, bytes(4))),
    "dtype is a list": (Reason.HEADER_INVALID, with_header({"t": entry(dtype=["F16"])}, bytes(4))),
    "unknown field": (Reason.HEADER_INVALID, with_header({"t": entry() | {"load": "os.system"}}, bytes(4))),
    "shape of booleans": (Reason.HEADER_INVALID, with_header({"t": entry(shape=[True, 2])}, bytes(4))),
    "negative shape": (Reason.HEADER_INVALID, with_header({"t": entry(shape=[-1, -2])}, bytes(4))),
    "shape overflow": (Reason.HEADER_INVALID, with_header({"t": entry(shape=[2**62, 2**62, 4])}, bytes(4))),
    "shape of 5,000 sizes": (Reason.HEADER_INVALID, with_header({"t": entry(shape=[1] * 5000)}, bytes(2))),
    "shape mismatch": (Reason.HEADER_INVALID, with_header({"t": entry(shape=[3])}, bytes(4))),
    "zero-size tensor": (Reason.HEADER_INVALID, with_header({"t": entry(shape=[0], data_offsets=[0, 0])})),
    "offsets reversed": (Reason.HEADER_INVALID, with_header({"t": entry(data_offsets=[4, 0])}, bytes(4))),
    "three offsets": (Reason.HEADER_INVALID, with_header({"t": entry(data_offsets=[0, 4, 8])}, bytes(4))),
    # where they lie
    "overlap": (Reason.OFFSETS_INVALID, with_header({"a": entry(), "b": entry(data_offsets=[2, 6])}, bytes(6))),
    "same bytes twice": (Reason.OFFSETS_INVALID, with_header({"a": entry(), "b": entry()}, bytes(4))),
    "hole": (Reason.OFFSETS_INVALID, with_header({"a": entry(), "b": entry(data_offsets=[6, 10])}, bytes(10))),
    "hole at the start": (Reason.OFFSETS_INVALID, with_header({"a": entry(data_offsets=[2, 6])}, bytes(6))),
    "bytes behind the last": (Reason.OFFSETS_INVALID, with_header(ONE, bytes(4) + b"PK\x03\x04")),
    "short data": (Reason.TRUNCATED, with_header(ONE, bytes(3))),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_with_a_reason(name: str, tmp_path: Path) -> None:
    reason, data = HOSTILE[name]
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(RejectedFile) as refused:
        read_header(path)
    assert refused.value.reason == reason, refused.value
    assert refused.value.detail.isprintable()
    assert 0 < len(refused.value.detail) < 200


def test_more_tensors_than_any_lora_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header_json, "MAX_TENSORS", 3)
    path = write_file(tmp_path / "file", {str(number): [1] for number in range(4)})
    with pytest.raises(RejectedFile, match="header_invalid: more than 3 tensors"):
        read_header(path)


SOUND = with_header(header_fields(micro_lora(), {"ss_seed": "1"}), bytes(2 * (4 * 128 + 64 * 4)))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_mutated_file_is_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = bytearray(SOUND)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(raw), 400) - 1))
        if data.draw(st.booleans()):
            raw[place] = data.draw(st.integers(0, 255))
        else:
            raw[place:place] = data.draw(
                st.sampled_from([b"[", b"{", b'"', b",", b"9" * 30, b"\0", b"null", b"\\ud800"])
            )
    if data.draw(st.booleans()):
        raw[:8] = struct.pack("<Q", data.draw(st.integers(0, len(raw))))
    read_or_refuse(bytes(raw), tmp_path_factory.getbasetemp() / "mutated")


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=20) | st.just("__metadata__"),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.floats(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["dtype", "shape", "data_offsets", "x"]), inner, max_size=4)
            ),
            max_leaves=8,
        ),
        max_size=4,
    )
)
def test_any_json_object_as_header_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, fields: dict[str, object]
) -> None:
    read_or_refuse(with_header(json.dumps(fields).encode()), tmp_path_factory.getbasetemp() / "any-json")


def read_or_refuse(raw: bytes, path: Path) -> None:
    """Read a file; what our reader accepts, the safetensors library must accept as well."""
    path.write_bytes(raw)
    header = None
    with contextlib.suppress(RejectedFile):
        header = read_header(path)
    if header is not None:
        with safe_open(path, framework="numpy") as opened:
            assert set(opened.keys()) == set(header.tensors)
