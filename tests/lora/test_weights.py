"""One pass over the bytes: the two hashes, and weights that are not numbers, in every dtype that has such."""

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from carlos_tasks.errors import RejectedFile
from carlos_tasks.lora.container import weights
from carlos_tasks.lora.container.header import read_header
from carlos_tasks.lora.container.weights import WeightsScan, scan_weights
from carlos_tasks.untrusted.reasons import Reason
from tests.lora.crafted import with_header


def scan(path: Path, data: bytes) -> WeightsScan:
    path.write_bytes(data)
    return scan_weights(path, read_header(path))


def one_tensor(dtype: str, raw: bytes, element_bytes: int, lead: int = 0) -> bytes:
    """A file with one tensor of these bytes; `lead` bytes of U8 before it move it off every alignment."""
    fields: dict[str, object] = {}
    if lead:
        fields["a"] = {"dtype": "U8", "shape": [lead], "data_offsets": [0, lead]}
    shape = [len(raw) // element_bytes]
    fields["t"] = {"dtype": dtype, "shape": shape, "data_offsets": [lead, lead + len(raw)]}
    return with_header(fields, b"\xff" * lead + raw)


@pytest.fixture
def tensors() -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    return {f"t{n}": random.standard_normal((3, 5)).astype(np.float16) for n in range(4)}


def test_the_hash_is_that_of_the_file(tensors: dict[str, np.ndarray], tmp_path: Path) -> None:
    data = save(tensors, {"note": "a"})
    assert scan(tmp_path / "lora", data).sha256 == hashlib.sha256(data).hexdigest()


def test_metadata_order_and_padding_do_not_change_the_hash_of_the_tensors(
    tensors: dict[str, np.ndarray], tmp_path: Path
) -> None:
    data = save(tensors)
    files = [
        data,
        save(tensors, {"ss_output_name": "somebody else's"}),
        save(dict(reversed(tensors.items()))),
        by_hand(dict(reversed(tensors.items()))),
        by_hand(tensors),
    ]
    scans = [scan(tmp_path / "lora", file) for file in files]
    assert len({found.sha256 for found in scans}) == 4  # the library sorts the tensors, so its third is its first
    assert len({found.tensors_sha256 for found in scans}) == 1


def by_hand(tensors: dict[str, np.ndarray]) -> bytes:
    """Tensors in the order of the dictionary, behind a padded header."""
    fields, data = {}, b""
    for name, value in tensors.items():
        start = len(data)
        data += value.tobytes()
        fields[name] = {"data_offsets": [start, len(data)], "shape": list(value.shape), "dtype": "F16"}
    return with_header(json.dumps(fields).encode() + b" " * 13, data)


@pytest.mark.parametrize("change", ["value", "name", "dtype", "shape"])
def test_any_change_of_a_tensor_changes_it(change: str, tensors: dict[str, np.ndarray], tmp_path: Path) -> None:
    before = scan(tmp_path / "lora", save(tensors)).tensors_sha256
    tensor = tensors.pop("t0")
    if change == "value":
        tensor[0, 0] += np.float16(0.01)
    if change == "shape":
        tensor = tensor.reshape(5, 3)
    if change == "dtype":
        tensor = tensor.view(np.int16)
    tensors["other" if change == "name" else "t0"] = tensor
    assert scan(tmp_path / "lora", save(tensors)).tensors_sha256 != before


NOT_FINITE = {
    "F16": [struct.pack("<e", value) for value in (np.inf, -np.inf, np.nan)],
    "BF16": [b"\x80\x7f", b"\x80\xff", b"\xc0\x7f"],
    "F32": [struct.pack("<f", value) for value in (np.inf, -np.inf, np.nan)],
    "F64": [struct.pack("<d", value) for value in (np.inf, -np.inf, np.nan)],
    "C64": [struct.pack("<ff", 1, np.nan), struct.pack("<ff", np.inf, 1)],
    "F8_E5M2": [b"\x7c", b"\xfc", b"\x7f"],
    "F8_E4M3": [b"\x7f", b"\xff"],
    "F8_E8M0": [b"\xff"],
}
FINITE = {
    "F16": struct.pack("<e", 65504),
    "BF16": b"\x7f\x7f",
    "F32": struct.pack("<f", 3.4e38),
    "F64": struct.pack("<d", 1.7e308),
    "C64": struct.pack("<ff", 3e38, -3e38),
    "F8_E5M2": b"\x7b",
    "F8_E4M3": b"\x7e",
    "F8_E8M0": b"\xfe",
}


@pytest.mark.parametrize("lead", [0, 3])
@pytest.mark.parametrize(("dtype", "raw"), [(dtype, raw) for dtype, raws in NOT_FINITE.items() for raw in raws])
def test_nan_and_infinity_are_found_anywhere(
    dtype: str, raw: bytes, lead: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "SLICE_BYTES", 64)
    many = FINITE[dtype] * 100
    for place in (0, 37, 99):
        data = many[: place * len(raw)] + raw + many[(place + 1) * len(raw) :]
        fault = scan(tmp_path / "lora", one_tensor(dtype, data, len(raw), lead)).fault
        assert fault == (Reason.WEIGHTS_NOT_FINITE, "NaN or infinite weights in 1 tensors, such as 't'")


@pytest.mark.parametrize("dtype", FINITE)
def test_the_largest_finite_numbers_pass(dtype: str, tmp_path: Path) -> None:
    raw = FINITE[dtype]
    assert scan(tmp_path / "lora", one_tensor(dtype, raw * 100, len(raw))).fault is None


@pytest.mark.parametrize("dtype", ["U8", "I8", "BOOL"])
def test_integers_have_no_such_values(dtype: str, tmp_path: Path) -> None:
    assert scan(tmp_path / "lora", one_tensor(dtype, b"\xff" * 64, 1)).fault is None


def test_a_file_that_changes_while_it_is_read_is_refused(tensors: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / "lora"
    data = save(tensors)
    path.write_bytes(data)
    header = read_header(path)
    path.write_bytes(data[:-4])
    with pytest.raises(RejectedFile, match="truncated"):
        scan_weights(path, header)
