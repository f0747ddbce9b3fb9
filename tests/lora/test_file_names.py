"""Every module of every backbone is found under the names that trainers give it, whatever stands in front of them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from carlos_tasks.lora.backbones.architecture import FOLDER, Slot, load_architectures, read_slots
from carlos_tasks.lora.backbones.file_names import FileName, read_name
from carlos_tasks.lora.backbones.module_names import flat, original_transformer_names, original_unet_names
from carlos_tasks.lora.check import inspect_header
from carlos_tasks.untrusted.reasons import Reason
from tests.lora.crafted import Shapes, diffusers_pair, kohya_pair, write_file

UNETS = ("sd-1.5", "sd-2.1", "sdxl", "micro-xl")
TRANSFORMERS = ("sd-3-medium", "sd-3.5-medium", "sd-3.5-large", "flux", "qwen-image")
DENOISER_PREFIXES = {
    "diffusers": "{component}.",
    "PEFT": "base_model.model.",
    "PEFT before the component": "base_model.model.{component}.",
    "diffusers' wrapper of a PEFT model": "{component}.base_model.model.",
    "ComfyUI, ai-toolkit": "diffusion_model.",
    "a checkpoint's": "model.diffusion_model.",
    "a compiled model": "{component}._orig_mod.",
    "data parallel": "module.{component}.",
    "none": "",
}
FLAT_PREFIXES = {
    "kohya, musubi": "lora_unet_",
    "kohya, doubled": "lora_unet_unet_",
    "OneTrainer": "lora_transformer_",
    "LyCORIS": "lycoris_",
}
ENCODER_PREFIXES = {
    "text_encoder": ("text_encoder.text_model.", "lora_te_text_model_", "text_encoders.clip_l.transformer.text_model."),
    "text_encoder_2": ("text_encoder_2.", "lora_te2_text_model_", "text_encoders.clip_g.transformer.text_model."),
}
T5_PREFIXES = {
    "flux": ("text_encoder_2.", "lora_te2_", "lora_te3_", "text_encoders.t5xxl.transformer.", "t5."),
    "sd-3-medium": ("text_encoder_3.", "lora_te3_", "text_encoders.t5xxl.transformer."),
}


def layers(name: str, component: str) -> list[Slot]:
    """Linear layers and convolutions of the attention and what stands around it."""
    return [slot for slot in read_slots(FOLDER / f"{name}.json") if slot.component == component and slot.is_layer]


def file_of(named: Iterator[tuple[str, int, int]], pair: Callable[[str, int, int], Shapes] = kohya_pair) -> Shapes:
    shapes: dict[str, tuple[int, ...]] = {}
    for name, width, rows in named:
        shapes |= {key: tuple(shape) for key, shape in pair(name, width, rows).items()}
    return shapes


def is_whole(shapes: Shapes, base_model: str, folder: Path) -> None:
    verdict = inspect_header(write_file(folder / "lora.safetensors", shapes))
    assert (verdict.reason, verdict.file.base_model) == (None, base_model), verdict.detail
    assert verdict.file.n_modules_matched == verdict.file.n_modules > 10


def base_model_of(name: str) -> str:
    return "sd-3" if name.startswith("sd-3") else name


@pytest.mark.parametrize("prefix", DENOISER_PREFIXES)
@pytest.mark.parametrize("name", UNETS + TRANSFORMERS)
def test_dotted_names(name: str, prefix: str, tmp_path: Path) -> None:
    component = "unet" if name in UNETS else "transformer"
    start = DENOISER_PREFIXES[prefix].format(component=component)
    named = ((start + slot.module, slot.fan_in, slot.shape[0]) for slot in layers(name, component))
    is_whole(file_of(named, diffusers_pair), base_model_of(name), tmp_path)


@pytest.mark.parametrize("prefix", FLAT_PREFIXES)
@pytest.mark.parametrize("name", UNETS + TRANSFORMERS)
def test_flat_names(name: str, prefix: str, tmp_path: Path) -> None:
    component = "unet" if name in UNETS else "transformer"
    start = FLAT_PREFIXES[prefix]
    named = ((start + flat(slot.module), slot.fan_in, slot.shape[0]) for slot in layers(name, component))
    is_whole(file_of(named), base_model_of(name), tmp_path)


@pytest.mark.parametrize(
    "prefix", ["diffusion_model.", "lora_unet_", "base_model.model.", "base_model.model.diffusion_model."]
)
@pytest.mark.parametrize("name", UNETS)
def test_original_names_of_a_unet(name: str, prefix: str, tmp_path: Path) -> None:
    slots = {slot.module: slot for slot in layers(name, "unet")}
    named = [(prefix + core, slots[path].fan_in, slots[path].shape[0]) for core, path in original_unet_names(slots)]
    assert len(named) == len(slots)
    is_whole(file_of(iter(named)), name, tmp_path)


@pytest.mark.parametrize("prefix", ["diffusion_model.", "lora_unet_", "base_model.model.", "transformer.", ""])
@pytest.mark.parametrize("name", ["flux", "sd-3-medium", "sd-3.5-medium", "sd-3.5-large"])
def test_original_names_of_a_transformer(name: str, prefix: str, tmp_path: Path) -> None:
    slots = {slot.module: slot for slot in layers(name, "transformer")}
    named, meant = dict[str, tuple[int, int]](), set[str]()
    for core, modules, _ in original_transformer_names(slots):
        if "processor" not in core:  # XLabs' names for parts of the same layers
            named[prefix + core] = slots[modules[0]].fan_in, sum(slots[path].shape[0] for path in modules)
            meant |= set(modules)
    assert meant >= slots.keys() - {"context_embedder", "pos_embed.proj"}
    is_whole(file_of((key, *size) for key, size in named.items()), base_model_of(name), tmp_path)


@pytest.mark.parametrize(
    ("component", "prefix"), [(one, start) for one in ENCODER_PREFIXES for start in ENCODER_PREFIXES[one]]
)
def test_names_of_clip_encoders(component: str, prefix: str, tmp_path: Path) -> None:
    """Beside a second encoder, since the first of SDXL alone is that of others too."""
    shapes: dict[str, tuple[int, ...]] = {}
    for slot in layers("sdxl", component):
        core = slot.module.removeprefix("text_model.")
        key = prefix + (flat(core) if prefix.startswith("lora_") else core)
        shapes |= {name: tuple(shape) for name, shape in kohya_pair(key, slot.fan_in, slot.shape[0]).items()}
    cross = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k"
    is_whole({**shapes, **diffusers_pair(cross, 2048, 1280)}, "sdxl", tmp_path)


@pytest.mark.parametrize(("name", "prefix"), [(one, start) for one in T5_PREFIXES for start in T5_PREFIXES[one]])
def test_names_of_the_t5_encoder(name: str, prefix: str, tmp_path: Path) -> None:
    component = "text_encoder_2" if name == "flux" else "text_encoder_3"
    width = 3072 if name == "flux" else 1536
    shapes: dict[str, tuple[int, ...]] = {}
    for slot in layers(name, component):
        key = prefix + (flat(slot.module) if prefix.startswith("lora_") else slot.module)
        shapes |= {end: tuple(shape) for end, shape in kohya_pair(key, slot.fan_in, slot.shape[0]).items()}
    joint = diffusers_pair("transformer.transformer_blocks.0.attn.to_q", width, width)
    is_whole({**shapes, **joint}, base_model_of(name), tmp_path)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("lora_te2_text_model_encoder_layers_3_mlp_fc1", (("text_encoder_2",), "encoder_layers_3_mlp_fc1", 3)),
        ("lora_unet_transformer_blocks_7_attn_to_q", (("unet", "transformer"), "transformer_blocks_7_attn_to_q", 7)),
        ("transformer.transformer_blocks.7.attn.to_q", (("unet", "transformer"), "transformer_blocks_7_attn_to_q", 7)),
        ("transformer.blocks.7.attn1.to_q", (("unet", "transformer"), "blocks_7_attn1_to_q", 7)),
        ("conv_in", ((), "conv_in", -1)),
        ("", ((), "", -1)),
        ("unet.unet.unet.", (("unet", "transformer"), "", -1)),
        (f"blocks.{'9' * 300}.q", ((), f"blocks_{'9' * 300}_q", 999999)),
    ],
)
def test_a_name_is_taken_apart(name: str, read: tuple[tuple[str, ...], str, int]) -> None:
    assert (read_name(name).components, read_name(name).core, read_name(name).block) == read
    assert isinstance(read_name(name), FileName)


def test_a_misspelt_name_is_told_as_that(tmp_path: Path) -> None:
    """A converter left an underscore behind each name: that is no file without effect, but one nobody can read."""
    shapes = file_of((f"lora_unet_single_transformer_blocks_{n}_attn_to_q_", 3072, 3072) for n in range(4))
    verdict = inspect_header(write_file(tmp_path / "lora", shapes))
    assert (verdict.reason, verdict.file.base_model) == (Reason.NO_MODULE_MATCHES, "flux")
    assert verdict.detail.endswith("is a name that is unknown here")


def test_a_text_encoder_without_a_prefix_is_told_by_its_width(tmp_path: Path) -> None:
    """PEFT's adapter of one component does not say which: SDXL's second encoder is wider than its first."""
    (sdxl,) = load_architectures("sdxl")
    shapes = diffusers_pair("base_model.model.text_model.encoder.layers.0.mlp.fc1", 1280, 5120)
    shapes |= diffusers_pair("base_model.model.mid_block.attentions.0.transformer_blocks.0.attn2.to_k", 2048, 1280)
    verdict = inspect_header(write_file(tmp_path / "lora", shapes))
    assert (verdict.reason, verdict.file.base_model, verdict.file.n_modules_matched) == (None, "sdxl", 2)
    assert {target.slots[0].component for target in sdxl.targets("base_model.model.encoder.layers.0.mlp.fc1")} == {
        "text_encoder",
        "text_encoder_2",
    }
