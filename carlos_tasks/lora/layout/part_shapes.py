"""The size and rank of each kind of change, read from the shapes of a module's tensors, or why they do not fit."""

import math
from collections.abc import Mapping

from carlos_tasks.untrusted.reasons import Reason

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Fault = tuple[Reason, str]
Reading = tuple[int | None, int | None, int | None, Fault | None]  # rows, fan_in, rank, fault


def read_pair(shapes: Shapes) -> Reading:
    """Two halves, with or without a core between them."""
    down, up, mid = shapes.get("down"), shapes.get("up"), shapes.get("mid")
    if down is None or up is None:
        missing = [half for half, shape in (("down", down), ("up", up)) if shape is None]
        return None, None, None, incomplete(*missing)
    if not 2 <= len(down) <= 5 or len(up) != len(down) or down[0] != up[1]:
        return None, None, None, _mismatch(f"has down {list(down)} and up {list(up)} that are no pair")
    if math.prod(up[2:]) != 1:
        return None, None, None, _mismatch(f"has an up half {list(up)} that is a convolution")
    if mid is None:
        return up[0], math.prod(down[1:]), down[0], None
    if len(mid) < 2 or mid[:2] != (up[1], down[0]) or math.prod(down[2:]) != 1:
        return None, None, None, _mismatch(f"has mid {list(mid)} that does not fit between its halves")
    return up[0], down[1] * math.prod(mid[2:]), down[0], None


def read_loha(shapes: Shapes) -> Reading:
    """Two products of halves."""
    names = [f"hada_w{i}_{half}" for i in (1, 2) for half in "ab"]
    if missing := [name for name in names if len(shapes.get(name, ())) != 2]:
        return None, None, None, incomplete(*missing)
    sizes = []
    for i in (1, 2):
        a, b, core = (shapes.get(f"hada_{part}") for part in (f"w{i}_a", f"w{i}_b", f"t{i}"))
        size = _low_rank_size(a, b, core)
        if size is None:
            return None, None, None, _mismatch(f"has factors hada_w{i} that are no pair")
        sizes.append(size)
    if sizes[0][:2] != sizes[1][:2]:
        return None, None, None, _mismatch("has two factors of different sizes")
    return (*sizes[0], None)


def read_lokr(shapes: Shapes) -> Reading:
    """Two factors, each whole or a product of halves."""
    rows, fan_in = 1, 1
    rank: int | None = None
    for i in (1, 2):
        size: tuple[int, int, int | None] | None
        whole = shapes.get(f"lokr_w{i}")
        a, b, core = (shapes.get(f"lokr_{part}") for part in (f"w{i}_a", f"w{i}_b", f"t{i}"))
        if whole is None and (a is None or b is None):
            return None, None, None, incomplete(f"lokr_w{i}")
        if whole is not None:
            is_alone = len(whole) >= 2 and a is None and b is None
            size = (whole[0], math.prod(whole[1:]), rank) if is_alone else None
        else:
            size = _low_rank_size(a, b, core)
        if size is None:
            return None, None, None, _mismatch(f"has parts of lokr_w{i} that do not fit each other")
        rows, fan_in, rank = rows * size[0], fan_in * size[1], size[2]
    return rows, fan_in, rank, None


def _low_rank_size(a: Shape | None, b: Shape | None, core: Shape | None) -> tuple[int, int, int | None] | None:
    """Return rows, fan-in and rank of a · b, or of a core between them; None where they do not fit."""
    if a is None or b is None or len(a) != 2 or len(b) < 2:
        return None
    if core is None:
        return (a[0], math.prod(b[1:]), b[0]) if a[1] == b[0] else None
    is_whole = len(core) >= 2 and len(b) == 2 and core[:2] == (a[0], b[0])
    return (a[1], b[1] * math.prod(core[2:]), b[0]) if is_whole else None


def read_ia3(shapes: Shapes) -> Reading:
    """One vector; on which side it stands is a tensor's value."""
    if "weight" not in shapes or "on_input" not in shapes:
        return None, None, None, incomplete("weight")
    if math.prod(shapes["on_input"]) != 1:
        return None, None, None, _mismatch("has an on_input of several values")
    return None, None, None, None


def read_oft(shapes: Shapes) -> Reading:
    """Square blocks, one behind the other."""
    blocks = shapes.get("oft_blocks", ())
    if len(blocks) not in (3, 4):
        return None, None, None, (Reason.FAMILY_NOT_SUPPORTED, "has OFT tensors of another trainer than LyCORIS")
    rows = blocks[-3] * blocks[-1]
    if blocks[-1] != blocks[-2] or math.prod(shapes.get("rescale", (rows,))) != rows:
        return None, None, None, _mismatch(f"has oft_blocks {list(blocks)} that are no square blocks for its rows")
    return rows, None, None, None


def read_glora(shapes: Shapes) -> Reading:
    """Two products of halves: a1 · a2 mixes the inputs, b1 · b2 is added."""
    missing = [name for name in ("a1", "a2", "b1", "b2") if len(shapes.get(name, ())) < 2]
    if missing:
        return None, None, None, incomplete(*missing)
    a1, a2, b1, b2 = (shapes[name] for name in ("a1", "a2", "b1", "b2"))
    if "bm" in shapes or a1[1] != a2[0] or b1[1] != b2[0] or len({a1[0], a2[1], b2[1]}) > 1:
        return None, None, None, _mismatch("has a1, a2, b1, b2 that do not fit each other")
    return b1[0], math.prod(b2[1:]), b2[0], None


def read_full(shapes: Shapes) -> Reading:
    """Differences of a weight, a bias, or a norm."""
    if "diff" in shapes:
        return shapes["diff"][0] if shapes["diff"] else 1, math.prod(shapes["diff"][1:]), None, None
    if "w_norm" in shapes:
        return math.prod(shapes["w_norm"]), 1, None, None
    return math.prod(shapes.get("diff_b", shapes.get("b_norm", ()))), None, None, None


def fault_of_scale(shapes: Shapes, rows: int, fan_in: int) -> Fault | None:
    """Tell what is wrong with the lengths of a DoRA.

    PEFT's magnitude has a value for each row; a DoRA scale for each row, [rows, 1 …], or each input, [1, inputs …].
    """
    if "magnitude" in shapes and math.prod(shapes["magnitude"]) == rows and "scale" not in shapes:
        return None
    scale = shapes.get("scale", shapes.get("magnitude", ()))
    if math.prod(scale) == rows and (len(scale) == 1 or scale[0] == rows):
        return None
    if len(scale) >= 2 and math.prod(scale) == scale[1] and fan_in % scale[1] == 0:
        return None
    return _mismatch(f"has a DoRA scale {list(scale)} for a weight of {rows} rows and {fan_in} inputs")


def incomplete(*parts: str) -> Fault:
    """The fault of parts that are not there."""
    return Reason.PAIR_INCOMPLETE, f"has no {' and '.join(parts)}" + (" half" if parts[0] in ("down", "up") else "")


def _mismatch(fault: str) -> Fault:
    return Reason.RANK_MISMATCH, fault
