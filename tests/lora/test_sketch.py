"""What the weights say: every kind of change against its formula, and the same bytes whatever the file looks like."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from carlos_tasks.arrays import Doubles
from carlos_tasks.lora.backbones.architecture import FOLDER, Slot, read_slots
from carlos_tasks.lora.sketch import sketch
from carlos_tasks.lora.sketch.projection import product, side_of
from carlos_tasks.lora.sketch.sketch import INPUTS, OTHER_ROWS, ROWS, SIZE, Sketch, WithoutSketch, sketch_file
from carlos_tasks.microworld.zoo import WEIGHTS
from tests.generation.weights_by_hand import MAKERS, NEEDS_KERNEL, NOT_FOR_KERNEL, kronecker
from tests.lora.crafted import write_file

Tensors = Mapping[str, np.ndarray]
SLOTS = {slot.module: slot for slot in read_slots(FOLDER / "micro-xl.json") if slot.component == "unet"}
ATTENTION = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"  # 128 → 64
FEED_FORWARD = "mid_block.attentions.0.transformer_blocks.0.ff.net.2"  # 512 → 128
CONVOLUTION = "down_blocks.1.resnets.0.conv1"  # 64 → 128, 3 × 3
NEED_BASE_WEIGHTS = {"ia3_rows", "ia3_inputs", "oft", "oft_rescaled", "glora"}
TOLD = [
    (kind, module)
    for kind in MAKERS
    for module in (ATTENTION, FEED_FORWARD, CONVOLUTION)
    if kind not in (NOT_FOR_KERNEL if module == CONVOLUTION else NEEDS_KERNEL)
    and kind not in NEED_BASE_WEIGHTS
    and not kind.startswith("dora")
]


def kohya(module: str) -> str:
    return f"lora_unet_{module.replace('.', '_')}"


def of_tensors(path: Path, tensors: Tensors, base_model: str = "micro-xl", stated: str | None = None) -> Sketch:
    contiguous = {name: np.ascontiguousarray(value).reshape(value.shape) for name, value in tensors.items()}
    path.write_bytes(save(contiguous))
    return sketch_file(path, base_model, stated)


def made(kind: str, module: str, seed: int = 0) -> tuple[dict[str, np.ndarray], Doubles]:
    """The tensors of one module, and what they add to its weight."""
    maker = MAKERS[kind](np.random.default_rng(seed), np.zeros(SLOTS[module].shape))
    return {f"{kohya(module)}.{end}": value for end, value in maker.tensors.items()}, maker.weight


def by_definition(change: Doubles, slot: Slot) -> tuple[Doubles, Doubles]:
    """Uᵀ ΔW V and Uᵀ ΔW V Vᵀ ΔWᵀ U', with the projections as matrices."""
    key = f"carlos weights 1/unet/{slot.module}/{slot.shape[0]}x{slot.fan_in}"
    inputs, rows, others = (
        side_of(f"{key}/{name}", n, width).sums(np.eye(n))
        for name, n, width in (
            ("inputs", slot.fan_in, INPUTS),
            (f"rows/{ROWS}", slot.shape[0], ROWS),
            (f"rows/{OTHER_ROWS}", slot.shape[0], OTHER_ROWS),
        )
    )
    projected = change.reshape(len(change), -1) @ inputs
    return rows.T @ projected, rows.T @ projected @ projected.T @ others


def numbers(data: bytes) -> Doubles:
    return np.frombuffer(data, np.int8).astype(np.float64)


def cosine(one: bytes, other: bytes) -> float:
    a, b = numbers(one), numbers(other)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize(("kind", "module"), TOLD)
def test_a_sketch_is_the_projection_of_what_the_kind_adds(kind: str, module: str, tmp_path: Path) -> None:
    tensors, change = made(kind, module)
    found = of_tensors(tmp_path / "lora", tensors)
    assert (found.reason, found.n_modules) == (None, 1)
    ours, effect = by_definition(change, SLOTS[module])
    for told, expected in ((found.change, ours), (found.output, effect)):
        assert len(told) == SIZE
        assert np.abs(numbers(told) - expected.ravel() / np.abs(expected).max() * 127).max() < 0.51
    assert found.change_norm == pytest.approx(float(np.linalg.norm(ours)), rel=1e-5)


@pytest.mark.parametrize("kind", sorted(NEED_BASE_WEIGHTS))
def test_what_depends_on_the_base_weights_is_not_told(kind: str, tmp_path: Path) -> None:
    found = of_tensors(tmp_path / "lora", made(kind, FEED_FORWARD)[0])
    assert found == Sketch("micro-xl", WithoutSketch.NEEDS_BASE_WEIGHTS)


@pytest.mark.parametrize("kind", ["dora_by_row", "dora_by_input"])
def test_of_a_dora_the_low_rank_change_is_told(kind: str, tmp_path: Path) -> None:
    dora, pair = (of_tensors(tmp_path / "lora", made(name, FEED_FORWARD)[0]) for name in (kind, "pair"))
    assert dora == pair


def test_layout_order_dtype_and_a_split_scale_change_nothing(tmp_path: Path) -> None:
    tensors: dict[str, np.ndarray] = {}
    for module in (ATTENTION, FEED_FORWARD):
        for end, value in MAKERS["pair"](
            np.random.default_rng(len(module)), np.zeros(SLOTS[module].shape)
        ).tensors.items():
            tensors[f"{kohya(module)}.{end}"] = value.astype(np.float16).astype(np.float32)
    first = of_tensors(tmp_path / "lora", tensors)
    halves = {name: value.astype(np.float16) for name, value in tensors.items()}
    rescaled = {name: value * 4 if name.endswith("down.weight") else value for name, value in tensors.items()}
    rescaled |= {name: value / 4 for name, value in tensors.items() if name.endswith("alpha")}
    assert of_tensors(tmp_path / "lora", halves) == first
    assert of_tensors(tmp_path / "lora", rescaled) == first
    path = tmp_path / "by_hand"
    path.write_bytes(_in_order(dict(reversed(halves.items()))))
    assert sketch_file(path, "micro-xl") == first
    dotted = {}
    for module in (ATTENTION, FEED_FORWARD):
        dotted[f"unet.{module}.lora_A.weight"] = halves[f"{kohya(module)}.lora_down.weight"]
        dotted[f"unet.{module}.lora_B.weight"] = halves[f"{kohya(module)}.lora_up.weight"]
    told = of_tensors(tmp_path / "lora", dotted, stated='{"lora_alpha": 2.0, "peft_type": "LORA", "r": 4}')
    assert told == first
    assert of_tensors(tmp_path / "lora", dotted).change_norm == pytest.approx(
        first.change_norm * 2
    )  # alpha is the rank


def _in_order(tensors: Tensors) -> bytes:
    """A file whose tensors follow each other in this order; the library sorts them."""
    import json
    import struct

    fields, data = {}, b""
    for name, value in tensors.items():
        raw = np.ascontiguousarray(value).tobytes()
        fields[name] = {"dtype": "F16", "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    header = json.dumps(fields).encode()
    return struct.pack("<Q", len(header)) + header + data


def test_every_dtype_is_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save as save_torch

    tensors = {name: torch.tensor(value).half() for name, value in made("pair", FEED_FORWARD)[0].items()}
    path = tmp_path / "lora"

    def told(dtype: object) -> Sketch:
        path.write_bytes(save_torch({name: value.to(dtype).contiguous() for name, value in tensors.items()}))
        return sketch_file(path, "micro-xl")

    exact = told(torch.float16)
    assert told(torch.float32) == told(torch.float64) == exact
    for dtype in (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2):
        rounded = {name: value.to(dtype).float() for name, value in tensors.items()}
        path.write_bytes(save_torch(rounded))
        assert told(dtype) == sketch_file(path, "micro-xl") if dtype != torch.float16 else exact


def test_every_code_of_float8_is_read_as_torch_reads_it() -> None:
    torch = pytest.importorskip("torch")
    from carlos_tasks.lora.sketch.stored import _values

    codes = np.arange(256, dtype=np.uint8)
    for name, dtype in (("F8_E4M3", torch.float8_e4m3fn), ("F8_E5M2", torch.float8_e5m2)):
        expected = torch.tensor(codes).view(dtype).float().numpy()
        told = _values(codes, name).astype(np.float32)
        finite = np.isfinite(expected)
        assert (told[finite] == expected[finite]).all()


def test_the_fused_layers_of_flux_are_three_modules(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    down = rng.normal(size=(2, 3072)).astype(np.float16)
    up = rng.normal(size=(3 * 3072, 2)).astype(np.float16)
    name = "lora_unet_double_blocks_0_img_attn_qkv"
    fused = of_tensors(tmp_path / "lora", {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}, "flux")
    apart = {}
    for number, part in enumerate(("to_q", "to_k", "to_v")):
        module = f"transformer.transformer_blocks.0.attn.{part}"
        apart[f"{module}.lora_A.weight"] = down
        apart[f"{module}.lora_B.weight"] = up[number * 3072 : (number + 1) * 3072]
    told = of_tensors(tmp_path / "lora", apart, "flux")
    assert (told.change, told.output) == (fused.change, fused.output)
    assert (fused.n_modules, told.n_modules) == (1, 3)


def test_rows_that_the_original_layer_has_the_other_way_round_are_turned(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    down = rng.normal(size=(2, 3072)).astype(np.float16)
    up = rng.normal(size=(6144, 2)).astype(np.float16)
    original, ours = "lora_unet_final_layer_adaLN_modulation_1", "transformer.norm_out.linear"
    theirs = {f"{original}.lora_down.weight": down, f"{original}.lora_up.weight": np.roll(up, 3072, axis=0)}
    turned = {f"{ours}.lora_A.weight": down, f"{ours}.lora_B.weight": up}
    path = tmp_path / "lora"
    assert of_tensors(path, theirs, "flux") == of_tensors(path, turned, "flux")


def test_cosines_are_those_of_the_changes(tmp_path: Path) -> None:
    """Of 40 pairs of LoRAs with known cosines, the errors have no mean and the stated spread."""
    rng = np.random.default_rng(1)
    modules = [name for name, slot in SLOTS.items() if "attn" in name and slot.is_layer][:30]
    errors = []
    for _ in range(40):
        share = rng.uniform(0, 0.4)
        tensors: list[dict[str, np.ndarray]] = [{}, {}]
        for module in modules:
            rows, width = SLOTS[module].shape
            ups = [rng.normal(size=(rows, 1)) for _ in range(3)]
            downs = [rng.normal(size=(1, width)) for _ in range(3)]
            for own, file in enumerate(tensors):
                file[f"{kohya(module)}.lora_down.weight"] = np.concatenate([downs[2] * share, downs[own]])
                file[f"{kohya(module)}.lora_up.weight"] = np.concatenate([ups[2], ups[own]], axis=1)
        one, other = (of_tensors(tmp_path / "lora", file) for file in tensors)
        flat = [
            np.concatenate(
                [(f[f"{kohya(m)}.lora_up.weight"] @ f[f"{kohya(m)}.lora_down.weight"]).ravel() for m in modules]
            )
            for f in tensors
        ]
        truth = flat[0] @ flat[1] / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1])
        errors.append(cosine(one.change, other.change) - truth)
    spread = SIZE**-0.5
    assert abs(np.mean(errors)) < 3 * spread / 40**0.5
    assert 0.7 * spread < np.std(errors) < 1.4 * spread


def test_copies_and_merges_show_in_the_change_and_retrainings_in_the_output(tmp_path: Path) -> None:
    shipped = {
        slug: sketch_file(WEIGHTS / f"{slug}.safetensors", "micro-xl") for slug in ("night-a", "night-b", "warm-a")
    }
    from safetensors.numpy import load_file

    one, other = (load_file(WEIGHTS / f"{slug}.safetensors") for slug in ("night-a", "warm-a"))
    merged = {name: np.concatenate([value, other[name]], axis=int("lora_B" in name)) for name, value in one.items()}
    merge = of_tensors(tmp_path / "lora", merged)
    assert cosine(merge.change, shipped["night-a"].change) > 0.4
    assert abs(cosine(shipped["night-b"].change, shipped["night-a"].change)) < 0.1
    assert cosine(shipped["night-b"].output, shipped["night-a"].output) > 0.18
    assert cosine(shipped["warm-a"].output, shipped["night-a"].output) < 0.18


def test_a_kronecker_product_and_its_difference_written_out_are_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(8, 16)), rng.normal(size=(8, 8))
    name = kohya(ATTENTION)
    path = tmp_path / "lora"
    factors = of_tensors(path, {f"{name}.lokr_w1": first, f"{name}.lokr_w2": second})
    whole = of_tensors(path, {f"{name}.diff": kronecker(first, second)})
    assert np.abs(numbers(factors.change) - numbers(whole.change)).max() <= 1
    assert cosine(factors.output, whole.output) > 0.9999


def test_the_bytes_are_the_same_on_every_machine() -> None:
    """The hash was taken once; no library's version, number of threads or order of sums may change it."""
    found = sketch_file(WEIGHTS / "grid-a.safetensors", "micro-xl")
    told = hashlib.sha256(found.change + found.output).hexdigest()
    assert (told, found.change_norm) == (GOLDEN, GOLDEN_NORM)


GOLDEN = "eb55bce7c60f06079174b5a0891cde4b42f1e3c63e857c37c380b7775e9e3ad3"
GOLDEN_NORM = 30.331816619844126


def _norms(path: Path) -> Sketch:
    return of_tensors(path, {"lora_unet_conv_norm_out.w_norm": np.ones(64, np.float32)})


def _zeros(path: Path) -> Sketch:
    name = kohya(ATTENTION)
    return of_tensors(
        path, {f"{name}.lora_down.weight": np.ones((4, 128)), f"{name}.lora_up.weight": np.zeros((64, 4))}
    )


def _absurd_alpha(path: Path) -> Sketch:
    name = kohya(ATTENTION)
    halves = {f"{name}.lora_down.weight": np.full((4, 128), 1e200), f"{name}.lora_up.weight": np.full((64, 4), 1e200)}
    return of_tensors(path, halves)


def _foreign(path: Path) -> Sketch:
    return of_tensors(path, made("pair", ATTENTION)[0], "sdxl")


def _unknown_backbone(path: Path) -> Sketch:
    return of_tensors(path, made("pair", ATTENTION)[0], "wan-2.1")


def _huge(path: Path) -> Sketch:
    name = "lora_unet_mid_block_attentions_0_transformer_blocks_0_ff_net_0_proj"
    shapes = {f"{name}.hada_w{n}_{half}": (10240, 640) if half == "a" else (640, 1280) for n in (1, 2) for half in "ab"}
    return sketch_file(write_file(path, shapes), "sdxl")


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (_norms, WithoutSketch.NO_LAYER),
        (_zeros, WithoutSketch.NO_CHANGE),
        (_absurd_alpha, WithoutSketch.NOT_FINITE),
        (_foreign, WithoutSketch.NOT_MATCHED),
        (_unknown_backbone, WithoutSketch.NOT_MATCHED),
        (_huge, WithoutSketch.TOO_LARGE),
    ],
)
def test_what_cannot_be_described_says_why(
    write: Callable[[Path], Sketch], reason: WithoutSketch, tmp_path: Path
) -> None:
    found = write(tmp_path / "lora")
    assert (found.reason, found.change, found.output) == (reason, b"", b"")


def test_memory_is_bounded_by_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum is cut into pieces of one order: the pieces add up to what one piece gives."""
    tensors, _ = made("pair", FEED_FORWARD)
    whole = of_tensors(tmp_path / "lora", tensors)
    monkeypatch.setattr("carlos_tasks.lora.sketch.factors._AT_ONCE", 512)
    cut = of_tensors(tmp_path / "lora", tensors)
    assert cosine(whole.change, cut.change) > 0.99999
    assert cosine(whole.output, cut.output) > 0.99999


def test_a_product_of_too_many_terms_is_refused() -> None:
    with pytest.raises(ValueError, match="5000 terms in a sum"):
        product(np.ones((1, 5000)), np.ones((5000, 1)))


def test_projections_of_two_modules_have_nothing_in_common() -> None:
    one, other = (side_of(key, 4000, 64) for key in ("a", "b"))
    assert abs(float(np.mean(one.signs * other.signs))) < 0.06
    assert abs(float(np.mean(one.signs))) < 0.06
    assert sketch.VERSION == 1
