"""Every kind of LoRA that is attached acts as its formula says, at every scale, and leaves no trace."""

import copy
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from carlos_tasks.generation.attach import attached
from carlos_tasks.generation.matched import slots_of
from carlos_tasks.lora.backbones.architecture import Slot
from tests.generation.weights_by_hand import MAKERS, NEEDS_KERNEL, NOT_FOR_KERNEL, Array, Made, Tensors, pair

ATTENTION = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_out.0"  # 64 → 64, with a bias
FEED_FORWARD = "mid_block.attentions.0.transformer_blocks.0.ff.net.2"  # 512 → 128, with a bias
CONVOLUTION = "down_blocks.1.resnets.0.conv1"  # 64 → 128, 3 × 3, with a bias
CASES = [
    (kind, module)
    for kind in MAKERS
    for module in (ATTENTION, FEED_FORWARD, CONVOLUTION)
    if kind not in (NOT_FOR_KERNEL if module == CONVOLUTION else NEEDS_KERNEL)
]


def kohya_name(module: str) -> str:
    return f"lora_unet_{module.replace('.', '_')}"


def write(path: Path, tensors: Tensors, metadata: dict[str, str] | None = None) -> Path:
    save_file(
        {name: np.ascontiguousarray(value, np.float32).reshape(value.shape) for name, value in tensors.items()},
        path,
        metadata,
    )
    return path


def weight_of(backbone: Any, module: str, component: str = "unet") -> Array:
    layer = getattr(backbone, component).get_submodule(module)
    return np.asarray(layer.weight.detach().double().numpy())


def output_of(backbone: Any, module: str, component: str = "unet", width: int | None = None) -> Array:
    """What a module makes of fixed noise: adapters beside a weight and weights merged are seen alike."""
    layer = getattr(backbone, component).get_submodule(module)
    shape = getattr(layer, "base_layer", layer).weight.shape
    size = (2, shape[1], 5, 5) if len(shape) == 4 else (2, shape[1])
    noise = torch.randn(size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return np.asarray(layer(noise).double().numpy())


def output_with(backbone: Any, module: str, weight: Array, bias: Array | None, component: str = "unet") -> Array:
    """The same with a weight set by hand, and `bias` added to the module's own."""
    layer = getattr(backbone, component).get_submodule(module)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    changed = {"weight": torch.from_numpy(weight)} | (
        {"bias": before["bias"] + torch.from_numpy(bias)} if bias is not None else {}
    )
    layer.load_state_dict(before | changed)
    try:
        return output_of(backbone, module, component)
    finally:
        layer.load_state_dict(before)


@pytest.fixture
def untouched(backbone: Any) -> Iterator[None]:
    """Every parameter of the backbone is afterwards, bit for bit, what it was before."""
    parts = {name: getattr(backbone, name) for name in ("unet", "text_encoder", "text_encoder_2")}
    before = {name: {k: v.clone() for k, v in part.state_dict().items()} for name, part in parts.items()}
    yield
    for name, part in parts.items():
        after = part.state_dict()
        assert after.keys() == before[name].keys()
        assert all(torch.equal(after[k], v) for k, v in before[name].items())


def check(backbone: Any, path: Path, module: str, made: Made, scale: float, component: str = "unet") -> None:
    bare = weight_of(backbone, module, component)
    expected = bare + scale * (made.weight - bare)
    by_hand = output_with(backbone, module, expected, None if made.bias is None else scale * made.bias, component)
    for fuse in (True, False):
        with attached(backbone, path, scale, fuse=fuse) as attachment:
            np.testing.assert_allclose(
                output_of(backbone, module, component), by_hand, rtol=1e-4, atol=1e-4 * np.abs(by_hand).max()
            )
        assert attachment.modules_patched == attachment.modules_saved
    assert np.abs(by_hand - output_of(backbone, module, component)).max() > 0.01 * abs(scale)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("scale", [1.0, 0.35])
@pytest.mark.parametrize(("kind", "module"), CASES)
def test_each_kind_acts_as_its_formula_says(
    kind: str, module: str, scale: float, backbone: Any, tmp_path: Path
) -> None:
    made = MAKERS[kind](np.random.default_rng(3), weight_of(backbone, module))
    tensors = {f"{kohya_name(module)}.{end}": value for end, value in made.tensors.items()}
    check(backbone, write(tmp_path / "lora.safetensors", tensors), module, made, scale)


def peft_pair(made: Made) -> Tensors:
    """The halves under PEFT's names; alpha is multiplied in, since nothing in the file would tell it."""
    factor = made.tensors["alpha"] / len(made.tensors["lora_down.weight"])
    return {"lora_A.weight": made.tensors["lora_down.weight"], "lora_B.weight": made.tensors["lora_up.weight"] * factor}


def old_pair(made: Made) -> Tensors:
    halves = peft_pair(made)
    return {"lora.down.weight": halves["lora_A.weight"], "lora.up.weight": halves["lora_B.weight"]}


NAMINGS = {
    "PEFT's prefix": ("base_model.model.", peft_pair),
    "PEFT's prefix before the component": ("base_model.model.unet.", peft_pair),
    "no prefix": ("", peft_pair),
    "diffusers": ("unet.", peft_pair),
    "diffusers, old": ("unet.", old_pair),
    "original prefix": ("diffusion_model.", peft_pair),
    "kohya's halves under diffusers' names": ("unet.", lambda made: made.tensors),
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("kind", ["pair_beside_bias", "pair_with_bias"])
def test_a_layer_without_a_bias_has_one_while_the_lora_is_attached(kind: str, backbone: Any, tmp_path: Path) -> None:
    """PEFT trains one for every module with lora_bias, also where the backbone has none."""
    module = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
    layer = backbone.unet.get_submodule(module)
    assert layer.bias is None
    bare = weight_of(backbone, module)
    made = MAKERS[kind](np.random.default_rng(3), bare)
    tensors = {f"unet.{module}.{end}": value for end, value in made.tensors.items()}
    before = output_of(backbone, module)
    by_hand = output_with(backbone, module, bare + 0.35 * (made.weight - bare), None)
    with attached(backbone, write(tmp_path / "lora.safetensors", tensors), 0.35):
        assert made.bias is not None
        found = output_of(backbone, module)
        np.testing.assert_allclose(found, by_hand + 0.35 * made.bias, rtol=1e-4, atol=1e-4 * np.abs(by_hand).max())
    assert layer.bias is None and np.array_equal(output_of(backbone, module), before)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("module", [ATTENTION, FEED_FORWARD, CONVOLUTION])
def test_a_pair_acts_alike_under_every_name(naming: str, module: str, backbone: Any, tmp_path: Path) -> None:
    made = pair(np.random.default_rng(3), weight_of(backbone, module))
    prefix, ends = NAMINGS[naming]
    tensors = {f"{prefix}{module}.{end}": value for end, value in ends(made).items()}
    check(backbone, write(tmp_path / "lora.safetensors", tensors), module, made, scale=1.0)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("prefix", ["", "unet."])
def test_the_old_attention_processors_are_attached(prefix: str, backbone: Any, tmp_path: Path) -> None:
    tensors: Tensors = {}
    made = {}
    for end, old in (("to_q", "to_q_lora"), ("to_out.0", "to_out_lora")):
        module = f"down_blocks.0.attentions.0.transformer_blocks.0.attn1.{end}"
        made[module] = pair(np.random.default_rng(5), weight_of(backbone, module))
        down, up = peft_pair(made[module]).values()
        start = f"{prefix}down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.{old}"
        tensors |= {f"{start}.down.weight": down, f"{start}.up.weight": up}
    path = write(tmp_path / "lora.safetensors", tensors)
    for module, expected in made.items():
        check(backbone, path, module, expected, scale=1.0)


@pytest.mark.usefixtures("untouched")
def test_two_spellings_in_one_component_lose_no_layer(backbone: Any, tmp_path: Path) -> None:
    """From such a file diffusers itself drops the attention layers with no more than a warning."""
    rng = np.random.default_rng(6)
    made = {module: pair(rng, weight_of(backbone, module)) for module in (ATTENTION, FEED_FORWARD)}
    tensors = {f"unet.{ATTENTION}.{end}": value for end, value in old_pair(made[ATTENTION]).items()}
    tensors |= {f"unet.{FEED_FORWARD}.{end}": value for end, value in peft_pair(made[FEED_FORWARD]).items()}
    path = write(tmp_path / "lora.safetensors", tensors)
    for module in made:
        check(backbone, path, module, made[module], scale=0.7)


@pytest.mark.usefixtures("untouched")
def test_every_module_keeps_its_own_alpha_and_rank(backbone: Any, tmp_path: Path) -> None:
    """diffusers itself gives every attention layer the most frequent alpha."""
    rng = np.random.default_rng(7)
    places = [
        ("unet", "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", 4, 1.0),
        ("unet", "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_k", 4, 4.0),
        ("unet", "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_v", 8, 2.0),
        ("unet", CONVOLUTION, 2, 3.0),
        ("unet", FEED_FORWARD, 4, 1.0),
        ("text_encoder", "encoder.layers.0.self_attn.q_proj", 4, 8.0),
        ("text_encoder", "encoder.layers.1.mlp.fc2", 2, 1.0),
        ("text_encoder_2", "text_model.encoder.layers.0.self_attn.v_proj", 4, 2.0),
        ("text_encoder_2", "text_model.encoder.layers.0.mlp.fc1", 8, 2.0),
    ]
    prefixes = {"unet": "lora_unet_", "text_encoder": "lora_te1_text_model_", "text_encoder_2": "lora_te2_"}
    made: dict[tuple[str, str], Made] = {}
    tensors: Tensors = {}
    for component, module, rank, alpha in places:
        made[component, module] = pair(rng, weight_of(backbone, module, component), alpha, rank)
        name = prefixes[component] + module.replace(".", "_")
        tensors |= {f"{name}.{end}": value for end, value in made[component, module].tensors.items()}
    path = write(tmp_path / "lora.safetensors", tensors)
    for (component, module), expected in made.items():
        check(backbone, path, module, expected, 0.5, component)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "metadata",
    [
        '{"unet.lora_alpha": 2, "unet.r": 4, "unet.alpha_pattern": {}}',
        '{"unet.lora_alpha": 9, "unet.r": 4, "unet.alpha_pattern": {"attn1.to_out.0": 7, "attn2.to_out.0": 2}}',
        '{"unet.lora_alpha": 1, "unet.r": 4, "unet.use_rslora": true}',
    ],
)
def test_diffusers_own_alpha_in_the_header_counts(metadata: str, backbone: Any, tmp_path: Path) -> None:
    made = pair(np.random.default_rng(8), weight_of(backbone, ATTENTION))
    halves = {"lora_A.weight": made.tensors["lora_down.weight"], "lora_B.weight": made.tensors["lora_up.weight"]}
    header = {"lora_adapter_metadata": metadata}
    tensors = {f"unet.{ATTENTION}.{end}": value for end, value in halves.items()}
    check(backbone, write(tmp_path / "lora.safetensors", tensors, header), ATTENTION, made, scale=1.0)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("down", "up"),
    [(torch.float16, torch.float32), (torch.float64, torch.float64), (torch.float8_e4m3fn, torch.float8_e4m3fn)],
)
def test_halves_of_any_dtype_are_computed_with(
    down: torch.dtype, up: torch.dtype, backbone: Any, tmp_path: Path
) -> None:
    made = pair(np.random.default_rng(8), weight_of(backbone, ATTENTION))
    halves = {name: torch.from_numpy(value) for name, value in peft_pair(made).items()}
    stored = {"lora_A.weight": halves["lora_A.weight"].to(down), "lora_B.weight": halves["lora_B.weight"].to(up)}
    save_torch({f"unet.{ATTENTION}.{end}": value for end, value in stored.items()}, tmp_path / "lora.safetensors")
    update = stored["lora_B.weight"].double() @ stored["lora_A.weight"].double()
    meant = Made({}, weight_of(backbone, ATTENTION) + update.numpy())
    check(backbone, tmp_path / "lora.safetensors", ATTENTION, meant, scale=1.0)


@pytest.mark.usefixtures("untouched")
def test_norms_and_pairs_of_one_file_are_merged_together(backbone: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    made = pair(rng, weight_of(backbone, ATTENTION))
    tensors = {f"{kohya_name(ATTENTION)}.{end}": value for end, value in made.tensors.items()}
    weight, bias = rng.normal(size=64), rng.normal(size=64)
    tensors |= {"lora_unet_conv_norm_out.w_norm": weight, "lora_unet_conv_norm_out.b_norm": bias}
    path = write(tmp_path / "lora.safetensors", tensors)
    check(backbone, path, ATTENTION, made, scale=1.0)
    norm = backbone.unet.conv_norm_out
    bare = [norm.weight.detach().double().numpy().copy(), norm.bias.detach().double().numpy().copy()]
    with attached(backbone, path, 0.5):
        np.testing.assert_allclose(norm.weight.detach().numpy(), bare[0] + 0.5 * weight, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(norm.bias.detach().numpy(), bare[1] + 0.5 * bias, rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(("kind", "fuse"), [("pair", True), ("pair", False), ("full", True)])
def test_every_layer_of_the_backbone_can_be_changed(kind: str, fuse: bool, backbone: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(10)
    layers = [slot for slot in slots_of(backbone) if len(slot.shape) > 1]
    made: dict[Slot, Made] = {}
    tensors: Tensors = {}
    for slot in layers:
        made[slot] = MAKERS["pair"](rng, weight_of(backbone, slot.module, slot.component))
        named = peft_pair(made[slot])
        if kind == "full":
            named = {"diff": made[slot].weight - weight_of(backbone, slot.module, slot.component)}
        tensors |= {f"{slot.component}.{slot.module}.{end}": value for end, value in named.items()}
    path = write(tmp_path / "lora.safetensors", tensors)
    by_hand = {slot: output_with(backbone, slot.module, made[slot].weight, None, slot.component) for slot in layers}
    with attached(backbone, path, 1.0, fuse=fuse) as attachment:
        assert (attachment.modules_saved, attachment.modules_patched) == (len(layers), len(layers))
        for slot in layers:
            found, expected = output_of(backbone, slot.module, slot.component), by_hand[slot]
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_a_backbone_in_half_precision_is_rounded_once_and_restored(backbone: Any, tmp_path: Path) -> None:
    half = SimpleNamespace(unet=copy.deepcopy(backbone.unet).half(), _lora_loadable_modules=("unet",))
    layer = half.unet.get_submodule(ATTENTION)
    bare = layer.weight.detach().clone()
    made = MAKERS["dora_by_row"](np.random.default_rng(3), weight_of(half, ATTENTION))
    tensors = {f"{kohya_name(ATTENTION)}.{end}": value for end, value in made.tensors.items()}
    with attached(half, write(tmp_path / "lora.safetensors", tensors), 1.0):
        assert layer.weight.dtype == torch.float16
        np.testing.assert_allclose(layer.weight.detach().numpy(), made.weight, rtol=2**-10, atol=2**-24)
    assert torch.equal(layer.weight, bare)


@pytest.mark.usefixtures("untouched")
def test_a_failure_inside_leaves_no_trace_either(backbone: Any, tmp_path: Path) -> None:
    made = MAKERS["loha"](np.random.default_rng(3), weight_of(backbone, ATTENTION))
    tensors = {f"{kohya_name(ATTENTION)}.{end}": value for end, value in made.tensors.items()}
    path = write(tmp_path / "lora.safetensors", tensors)
    with pytest.raises(ZeroDivisionError), attached(backbone, path, 1.0) as attachment:
        _ = 1 / (attachment.modules_patched - 1)
