"""Which modules of a backbone a file is for, decided from its header and told by the real classes' own shapes."""

import gc
import json
import weakref
from pathlib import Path

import pytest

from carlos_tasks.lora.backbones.architecture import (
    FOLDER,
    Architecture,
    ModuleFinding,
    load_architectures,
    match_modules,
    read_slots,
)
from carlos_tasks.lora.backbones.base_model import tell_base_model
from carlos_tasks.lora.backbones.known import DATA_FILES, MICRO_XL
from carlos_tasks.lora.container.header import read_header
from carlos_tasks.lora.families import Family, tell_family
from carlos_tasks.lora.layout.tensor_layout import read_layout
from carlos_tasks.untrusted.reasons import Reason
from tests.lora.crafted import MICRO_ATTENTION, Shapes, diffusers_pair, kohya_pair, write_file

ATTENTION = MICRO_ATTENTION.removeprefix("unet.")
DOWN = "down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"


def find(tmp_path: Path, shapes: Shapes, base_model: str | None = None) -> ModuleFinding:
    header = read_header(write_file(tmp_path / "lora", shapes))
    return match_modules(header, tell_family(header).family, base_model or tell_base_model(header)[0])


def test_the_data_files_are_what_the_classes_say() -> None:
    """Else they stem from another version of diffusers or transformers; `architecture_data` writes them anew."""
    from carlos_tasks.lora.backbones.architecture_data import build_all

    built = build_all()
    assert (
        {path.stem for path in FOLDER.iterdir()}
        == built.keys()
        == {name for names in DATA_FILES.values() for name in names}
    )
    for name, content in built.items():
        assert json.loads((FOLDER / f"{name}.json").read_text()) == content, name


@pytest.mark.parametrize("base_model", DATA_FILES)
def test_no_name_means_two_modules_of_one_component(base_model: str) -> None:
    for architecture in load_architectures(base_model):
        assert {slot.module for slot in architecture.slots} <= {
            slot.module for targets in architecture.entries.values() for target in targets for slot in target.slots
        }
        for core, targets in architecture.entries.items():
            components = [target.slots[0].component for target in targets]
            assert len(components) == len(set(components)), core


def test_the_original_names_of_sdxl_are_those_that_diffusers_converts() -> None:
    from types import SimpleNamespace

    from carlos_tasks.device.torchvision_cpu import declare_missing_operators

    declare_missing_operators()
    from diffusers.loaders.lora_conversion_utils import _convert_unet_lora_key, _maybe_map_sgm_blocks_to_diffusers

    from carlos_tasks.lora.backbones.module_names import original_unet_names

    compared = 0
    slots = {slot.module: slot for slot in read_slots(FOLDER / "sdxl.json") if slot.component == "unet"}
    for original, module in original_unet_names(slots):
        slot = slots[module]
        if "norm" in slot.module or "emb" in original:
            continue  # diffusers has no rule for norms, and wrong ones for the embeddings' layers
        key = f"lora_unet_{original}.lora_down.weight"
        mapped = _maybe_map_sgm_blocks_to_diffusers({key: 0}, SimpleNamespace(layers_per_block=2))
        theirs = _convert_unet_lora_key(next(iter(mapped)))
        for ending in (".lora.down.weight", "_lora.down.weight"):
            theirs = theirs.removesuffix(ending)
        ours = slot.module.replace("attn1.", "attn1.processor.").replace("attn2.", "attn2.processor.")
        assert theirs == (ours.removesuffix(".0") if "to_out" in ours else ours)
        compared += 1
    assert compared > 600


MATCHED: dict[str, Shapes] = {
    "kohya": kohya_pair(f"lora_unet_{ATTENTION.replace('.', '_')}", 128, 64),
    "diffusers": diffusers_pair(MICRO_ATTENTION, 128, 64),
    "PEFT": diffusers_pair(f"base_model.model.{MICRO_ATTENTION}", 128, 64),
    "PEFT without the component": diffusers_pair(f"base_model.model.{ATTENTION}", 128, 64),
    "no prefix": diffusers_pair(ATTENTION, 128, 64),
    "a linear layer written as a convolution": {
        f"{MICRO_ATTENTION}.lora_A.weight": [4, 128, 1, 1],
        f"{MICRO_ATTENTION}.lora_B.weight": [64, 4, 1, 1],
    },
    "SDXL, kohya's diffusers names": kohya_pair(f"lora_unet_{DOWN}", 2048, 640),
    "SDXL, kohya's original names": kohya_pair("lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k", 2048, 640),
    "SDXL, original names in dots": diffusers_pair(
        "diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k", 2048, 640
    ),
    "SDXL, second text encoder": kohya_pair("lora_te2_text_model_encoder_layers_31_mlp_fc1", 1280, 5120),
    "SD 1.5, kohya": kohya_pair("lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_v", 768, 1280),
    "SD 2.1, kohya": kohya_pair("lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_v", 1024, 1280),
    "SD 1.5, text encoder as transformers 4 called it": diffusers_pair(
        "text_encoder.text_model.encoder.layers.11.self_attn.q_proj", 768, 768
    ),
    "SD 3 medium": diffusers_pair("transformer.transformer_blocks.23.attn.to_q", 1536, 1536),
    "SD 3.5 medium": diffusers_pair("transformer.transformer_blocks.12.attn2.to_q", 1536, 1536),
    "SD 3.5 large": diffusers_pair("transformer.transformer_blocks.37.attn.to_q", 2432, 2432),
    "SD 3, kohya": kohya_pair("lora_unet_joint_blocks_0_context_block_attn_qkv", 1536, 4608),
    "FLUX, three layers in one": kohya_pair("lora_unet_double_blocks_18_img_attn_qkv", 3072, 9216),
    "FLUX, four layers in one": diffusers_pair("diffusion_model.single_blocks.37.linear1", 3072, 21504),
    "FLUX, text encoder": kohya_pair("lora_unet_double_blocks_0_img_mlp_0", 3072, 12288)
    | kohya_pair("lora_te1_text_model_encoder_layers_0_mlp_fc2", 3072, 768),
    "Qwen-Image": diffusers_pair("transformer.transformer_blocks.59.img_mlp.net.0.proj", 3072, 12288),
    "Qwen-Image, kohya": kohya_pair("lora_unet_transformer_blocks_0_txt_mlp_net_2", 12288, 3072),
    "LoKr": {f"{MICRO_ATTENTION}.lokr_w1": [8, 8], f"{MICRO_ATTENTION}.lokr_w2": [8, 16]},
    "LoHa": {
        f"{MICRO_ATTENTION}.hada_w{i}_{half}": size for i in (1, 2) for half, size in (("a", [64, 4]), ("b", [4, 128]))
    },
    "IA3": {f"{MICRO_ATTENTION}.weight": [64], f"{MICRO_ATTENTION}.on_input": []},
    "OFT": {f"{MICRO_ATTENTION}.oft_blocks": [4, 16, 16]},
    "a norm": {
        f"{MICRO_ATTENTION}.diff": [64, 128],
        "unet.conv_norm_out.w_norm": [64],
        "unet.conv_norm_out.b_norm": [64],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", MATCHED)
def test_a_file_for_the_backbone_matches(name: str, tmp_path: Path) -> None:
    n_modules = len({key.split(".lora_")[0] for key in MATCHED[name] if "lora" in key and "alpha" not in key})
    finding = find(tmp_path, MATCHED[name])
    assert finding.fault is None
    assert finding.n_matched is not None
    assert finding.n_matched >= max(1, n_modules)


OTHER_SIZES: dict[str, Shapes] = {
    "inputs": diffusers_pair(MICRO_ATTENTION, 64, 64),
    "rows": diffusers_pair(MICRO_ATTENTION, 128, 128),
    "LoKr": {f"{MICRO_ATTENTION}.lokr_w1": [8, 8], f"{MICRO_ATTENTION}.lokr_w2": [16, 16]},
    "IA3": {f"{MICRO_ATTENTION}.weight": [96], f"{MICRO_ATTENTION}.on_input": []},
    "OFT": {f"{MICRO_ATTENTION}.oft_blocks": [8, 16, 16]},
    "a bias of other rows": {f"{MICRO_ATTENTION}.diff": [64, 128], f"{MICRO_ATTENTION}.diff_b": [128]},
    "IA3 for a norm": {"unet.conv_norm_out.weight": [64], "unet.conv_norm_out.on_input": []},
    "a pair for a norm": diffusers_pair("unet.conv_norm_out", 1, 64),
    "a norm's difference for a layer": {f"{MICRO_ATTENTION}.w_norm": [64]},
    "rows of four layers in one": kohya_pair("lora_unet_single_blocks_0_linear1", 3072, 9216),
}


@pytest.mark.parametrize("name", OTHER_SIZES)
def test_a_module_of_another_size_does_not_match(name: str, tmp_path: Path) -> None:
    base_model = "flux" if "blocks_0_linear1" in next(iter(OTHER_SIZES[name])) else MICRO_XL
    finding = find(tmp_path, OTHER_SIZES[name], base_model)
    assert finding.n_matched == 0
    assert finding.fault is not None
    assert finding.fault[0] is Reason.NO_MODULE_MATCHES
    assert finding.fault[1].endswith("has tensors of another size")


def test_embeddings_are_no_modules_that_a_lora_is_for(tmp_path: Path) -> None:
    shapes = diffusers_pair("text_encoder.text_model.embeddings.position_embedding", 64, 24)
    finding = find(tmp_path, shapes, MICRO_XL)
    assert finding.n_matched == 0


def test_a_file_for_a_deeper_backbone_matches_nothing(tmp_path: Path) -> None:
    finding = find(tmp_path, diffusers_pair(MICRO_ATTENTION.replace("down_blocks.0", "down_blocks.4"), 128, 64))
    assert finding.fault is not None
    assert (finding.n_matched, finding.fault[0]) == (0, Reason.NO_MODULE_MATCHES)
    assert finding.fault[1].endswith("is a name that is unknown here")


def test_a_file_of_which_only_a_part_matches_is_refused(tmp_path: Path) -> None:
    finding = find(tmp_path, diffusers_pair(MICRO_ATTENTION, 128, 64) | diffusers_pair("unet.conv_sideways", 64, 64))
    assert finding.fault is not None
    assert (finding.n_matched, finding.fault[0]) == (1, Reason.MODULES_UNMATCHED)
    assert "1 of 2 modules" in finding.fault[1]


def test_two_names_for_one_module_are_refused(tmp_path: Path) -> None:
    text = "encoder.layers.0.self_attn.q_proj"
    shapes = diffusers_pair(f"text_encoder.{text}", 64, 64) | diffusers_pair(f"text_encoder.text_model.{text}", 64, 64)
    finding = find(tmp_path, shapes | diffusers_pair(MICRO_ATTENTION, 128, 64))
    assert finding.fault is not None
    assert finding.fault[0] is Reason.MIXED_LAYOUT


@pytest.mark.parametrize(
    ("shapes", "base_model"),
    [
        (kohya_pair("lora_te1_text_model_encoder_layers_0_mlp_fc1", 768, 3072), "unknown"),
        (diffusers_pair("diffusion_model.blocks.0.cross_attn.k_proj", 1024, 2048), "anima"),
    ],
)
def test_a_backbone_that_is_not_known_here_cannot_be_matched(shapes: Shapes, base_model: str, tmp_path: Path) -> None:
    finding = find(tmp_path, shapes)
    assert finding.fault is not None
    assert (finding.n_matched, finding.fault[0]) == (None, Reason.BASE_MODEL_NOT_INDEXED)
    assert base_model in finding.fault[1] or base_model == "unknown"


def test_every_family_is_attached_in_one_way_or_never() -> None:
    from carlos_tasks.lora.backbones.loading import WAYS, why_not_loaded
    from carlos_tasks.lora.families import NEVER_LOADED

    assert WAYS.keys() | NEVER_LOADED.keys() == set(Family)
    assert not WAYS.keys() & NEVER_LOADED.keys()
    for family in Family:
        assert (why_not_loaded(family, MICRO_XL) is None) == (family in WAYS)


def test_a_backbone_that_is_used_no_more_is_not_kept() -> None:
    """A worker makes one of its pipeline for every LoRA."""
    architecture = Architecture(read_slots(FOLDER / "micro-xl.json"))
    module = read_layout({name: tuple(shape) for name, shape in diffusers_pair(ATTENTION, 128, 64).items()}).modules
    assert architecture.fit(ATTENTION, module[ATTENTION]) is not None
    alive = weakref.ref(architecture)
    del architecture
    gc.collect()
    assert alive() is None
