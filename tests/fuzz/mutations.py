"""Random changes to bytes, to JSON values and to tensor tables; all of it follows from the generator's seed."""

import copy
import json
import math
import struct
from collections.abc import Callable
from random import Random
from typing import Any

from tests.lora.crafted import with_header

TOKENS = (
    b"[", b"]", b"{", b"}", b'"', b",", b":", b"\\", b"\0", b"\xff", b"9" * 30, b"-1", b"1e999", b"NaN", b"null",
    b"true", b"\\ud800", b"\\u0000", b"\xed\xa0\x80", b"\xe2\x80\xae", b"../", b"__metadata__", b"PK\x05\x06",
    b"PK\x06\x07" * 3, b"\xff\xff\xff\xff", b"[" * 3000, b'{"a":' * 3000, b'"a":1,' * 300, b"\n",
)  # fmt: skip
TEXTS = (
    "", "\0", "\ud800", "\u202egnp.exe", "../../etc/passwd", "a\nINFO all is well", "'); drop table x; --", "=1+1",
    "<script>", "x" * 70_000, "9" * 5000, "{Image,Rent}", "٣", "1e999", "🦓" * 400, "-1", "0", "9223372036854775808",
    "2025-13-99", "LORA", "Model", "%s%n", "a" * 600, "{", "[[[[", "\\", "\u2028",
)  # fmt: skip
NUMBERS = (0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**400, -(10**30), 0.5, 1e308, -0.0, float("inf"))
LEAVES: tuple[Any, ...] = (
    *TEXTS,
    *NUMBERS,
    float("nan"),
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    {"a": None},
    {"": ""},
)
PARTS = (
    "lora_A.weight", "lora_B.weight", "lora_down.weight", "lora_up.weight", "lora.down.weight", "lora_mid.weight",
    "alpha", "dora_scale", "hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2", "lokr_w1",
    "lokr_w2", "lokr_w1_a", "lokr_w2_b", "lokr_t2", "on_input", "weight", "bias", "diff", "diff_b", "w_norm",
    "b_norm", "oft_blocks", "oft_diag", "rescale", "a1.weight", "a2.weight", "b1.weight", "b2.weight", "bm1.weight",
    "lora_magnitude_vector",
)  # fmt: skip
DTYPES = ("F16", "BF16", "F32", "F64", "F8_E4M3", "F8_E5M2", "U8", "I64", "BOOL", "C64")
MAX_DATA_BYTES = 2**19
Shapes = dict[str, list[int]]


def change_bytes(random: Random, data: bytes, reach: int | None = None) -> bytes:
    """Change bytes, insert tokens, cut, repeat; `reach`: only so far from the start, mostly."""
    raw = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        end = min(len(raw), reach) if reach and random.random() < 0.8 else len(raw)
        start = random.randrange(end + 1)
        stop = min(len(raw), start + random.choice((1, 2, 4, 16, 200)))
        kind = random.randrange(5)
        if kind == 0 and start < len(raw):
            raw[start] = random.randrange(256)
        elif kind == 1:
            raw[start:start] = random.choice(TOKENS)
        elif kind == 2:
            del raw[start:stop]
        elif kind == 3:
            raw[start:start] = raw[start:stop]
        else:
            raw[start:stop] = random.choice(TOKENS)
    return bytes(raw if random.random() < 0.9 else raw[: random.randrange(len(raw) + 1)])


def change_json(random: Random, value: Any) -> Any:
    """Replace, remove, add or nest a few parts of a JSON value, anywhere in it."""
    value = copy.deepcopy(value)
    for _ in range(random.choice((1, 1, 2, 4))):
        value = _changed(random, value)
    return value


def _changed(random: Random, value: Any) -> Any:
    if isinstance(value, dict | list) and value and random.random() < 0.93:
        key = random.choice(list(value)) if isinstance(value, dict) else random.randrange(len(value))
        if random.random() < 0.1:
            del value[key]
        else:
            value[key] = _changed(random, value[key])
        return value
    return random.choice(_REPLACEMENTS)(random, value)


_REPLACEMENTS: tuple[Callable[[Random, Any], Any], ...] = (
    lambda random, value: copy.deepcopy(random.choice(LEAVES)),
    lambda random, value: copy.deepcopy(random.choice(LEAVES)),
    lambda random, value: [value] * random.choice((1, 2, 300)),
    lambda random, value: {random.choice(TEXTS): value, "id": random.choice(NUMBERS)},
    lambda random, value: str(value),
    lambda random, value: _nested(random, value),
)


def _nested(random: Random, value: Any) -> Any:
    for _ in range(random.choice((5, 30, 90))):
        value = [value] if random.random() < 0.5 else {"a": value}
    return value


def change_table(random: Random, shapes: Shapes, others: list[Shapes]) -> Shapes:
    """Change names and shapes so that the table stays sound: what is behind the header's checks is reached."""
    table = dict(shapes)
    for _ in range(random.choice((1, 1, 2, 3, 6))):
        name = random.choice(list(table) or ["t"])
        shape = table.pop(name, [4, 4])
        kind = random.randrange(6)
        if kind == 0:
            name = f"{name.rpartition('.')[0]}.{random.choice(PARTS)}"
        elif kind == 1:
            shape = [
                random.choice((1, 2, 3, 4, 8, 64, 128, 320, 768, 2048, 5000, 2**40)) for _ in range(random.randrange(6))
            ]
        elif kind == 2:
            name = name.replace(*random.choice((("_", "."), (".", "_"), ("lora_", ""), ("0", "9"), ("unet", "te1"))))
        elif kind == 3:
            table |= random.choice(others)
        elif kind == 4:
            continue  # left out
        table[name] = shape
    return table


def file_of(random: Random, shapes: Shapes, metadata: Any) -> bytes:
    """Write a file of these tensors, with random bytes for weights; very large ones break off."""
    fields: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    position = 0
    for name, shape in shapes.items():
        dtype = random.choice(DTYPES) if random.random() < 0.2 else "F16"
        end = position + math.prod(shape) * {"F64": 8, "I64": 8, "C64": 8, "F32": 4, "F16": 2, "BF16": 2}.get(dtype, 1)
        fields[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position, end]}
        position = end
    separators = (",", ":") if random.random() < 0.5 else None
    raw = json.dumps(fields, separators=separators, ensure_ascii=random.random() < 0.5).encode(errors="surrogatepass")
    data = bytes(min(position, MAX_DATA_BYTES))
    return with_header(raw, random.randbytes(64) + data[64:] if len(data) >= 64 and random.random() < 0.3 else data)


def change_length(random: Random, data: bytes) -> bytes:
    """State another length of the header."""
    length = random.choice((0, 1, 2, len(data), len(data) - 8, 2**24, 2**40, 2**63, 2**64 - 1, random.randrange(2**16)))
    return struct.pack("<Q", length % 2**64) + data[8:]
