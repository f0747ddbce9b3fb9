"""Which family a file belongs to, and why those that cannot be loaded are refused."""

from pathlib import Path

import pytest

from carlos_tasks.lora.families import Family, tell_family
from carlos_tasks.lora.header import read_header
from carlos_tasks.lora.layout import Place, Style, place_tensor
from carlos_tasks.lora.reasons import Reason
from tests.lora.crafted import MICRO_ATTENTION, SD15_KOHYA, Shapes, diffusers_pair, kohya_pair, write_file

KOHYA = kohya_pair(SD15_KOHYA, 768, 320)
DIFFUSERS = diffusers_pair(MICRO_ATTENTION, 128, 64)
OLD = {f"{MICRO_ATTENTION}.lora.down.weight": [4, 128], f"{MICRO_ATTENTION}.lora.up.weight": [64, 4]}

LAYOUTS: dict[str, tuple[Family, Shapes]] = {
    "kohya": (Family.KOHYA, KOHYA),
    "kohya, convolution": (
        Family.KOHYA,
        {"lora_unet_conv_in.lora_down.weight": [4, 4, 3, 3], "lora_unet_conv_in.lora_up.weight": [320, 4, 1, 1]},
    ),
    "kohya, both text encoders": (
        Family.KOHYA,
        KOHYA
        | kohya_pair("lora_te1_text_model_encoder_layers_0_mlp_fc1", 768, 3072)
        | kohya_pair("lora_te2_text_model_encoder_layers_0_mlp_fc1", 1280, 5120),
    ),
    "diffusers": (Family.DIFFUSERS, DIFFUSERS),
    "diffusers, old": (Family.DIFFUSERS, OLD),
    "diffusers, text encoder": (
        Family.DIFFUSERS,
        DIFFUSERS
        | {
            "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.down.weight": [4, 64],
            "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.up.weight": [64, 4],
        },
    ),
    "PEFT's prefix": (Family.PEFT, diffusers_pair(f"base_model.model.{MICRO_ATTENTION}", 128, 64)),
    "no prefix": (Family.PEFT, diffusers_pair("down_blocks.0.attentions.0.proj_in", 64, 64)),
    "ai-toolkit": (Family.AI_TOOLKIT, diffusers_pair("diffusion_model.double_blocks.0.img_attn.qkv", 3072, 9216)),
    "LoHa": (Family.LOHA, {f"{SD15_KOHYA}.hada_w{i}_{half}": [4, 4] for i in (1, 2) for half in "ab"}),
    "LoKr": (Family.LOKR, {f"{SD15_KOHYA}.lokr_w1": [8, 24], f"{SD15_KOHYA}.lokr_w2": [40, 32]}),
    "LoKr, Tucker": (Family.LOKR, {f"{SD15_KOHYA}.lokr_w1": [8, 24], f"{SD15_KOHYA}.lokr_t2": [4, 4, 3, 3]}),
    "IA3": (Family.IA3, {f"{SD15_KOHYA}.weight": [320], f"{SD15_KOHYA}.on_input": []}),
    "OFT": (Family.OFT, {f"{SD15_KOHYA}.oft_blocks": [4, 80, 80], f"{SD15_KOHYA}.alpha": []}),
    "GLoRA": (Family.GLORA, {f"{SD15_KOHYA}.{half}{i}.weight": [4, 4] for half in "ab" for i in (1, 2)}),
    "DoRA": (Family.DORA, KOHYA | {f"{SD15_KOHYA}.dora_scale": [1, 768]}),
    "DoRA, diffusers": (Family.DORA, DIFFUSERS | {f"{MICRO_ATTENTION}.lora_magnitude_vector": [64]}),
    "LoKr with a DoRA scale": (Family.LOKR, {f"{SD15_KOHYA}.lokr_w1": [8, 24], f"{SD15_KOHYA}.dora_scale": [1, 768]}),
    "Tucker": (Family.TUCKER, KOHYA | {f"{SD15_KOHYA}.lora_mid.weight": [4, 4, 3, 3]}),
    "full difference": (Family.FULL, {f"{SD15_KOHYA}.diff": [320, 768], f"{SD15_KOHYA}.diff_b": [320]}),
    "norms beside pairs": (Family.FULL, KOHYA | {"lora_unet_conv_norm_out.w_norm": [320]}),
    "attention processors": (
        Family.ATTENTION_PROCESSOR,
        {
            "mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.down.weight": [4, 768],
            "mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.up.weight": [1280, 4],
        },
    ),
    "cloneofsimo": (Family.CLONEOFSIMO, {"unet:0:down": [1, 768], "unet:0:up": [320, 1], "<s1>": [768]}),
    "textual inversion": (Family.TEXTUAL_INVERSION, {"emb_params": [8, 768]}),
    "textual inversion, SDXL": (Family.TEXTUAL_INVERSION, {"clip_l": [8, 768], "clip_g": [8, 1280]}),
    "checkpoint": (Family.CHECKPOINT, {"model.diffusion_model.input_blocks.0.0.weight": [320, 4, 3, 3]}),
    "kohya's halves under diffusers' names": (
        Family.UNKNOWN,
        {f"{MICRO_ATTENTION}.lora_down.weight": [4, 128], f"{MICRO_ATTENTION}.lora_up.weight": [64, 4]},
    ),
    "two families": (Family.UNKNOWN, KOHYA | DIFFUSERS),
    "nothing known": (Family.UNKNOWN, {"secret_sauce": [4, 4]}),
}
SUPPORTED = {"kohya", "kohya, convolution", "kohya, both text encoders", "diffusers", "diffusers, old"} | {
    "diffusers, text encoder", "PEFT's prefix", "no prefix",
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_told_and_only_plain_pairs_are_let_through(name: str, tmp_path: Path) -> None:
    family, shapes = LAYOUTS[name]
    finding = tell_family(read_header(write_file(tmp_path / "lora", shapes)))
    assert finding.family is family
    if name in SUPPORTED:
        assert finding.fault is None
    else:
        assert finding.fault is not None
        assert finding.fault[0] is Reason.FAMILY_NOT_SUPPORTED
        assert f"family {family}" in finding.fault[1]


FAULTS: dict[str, tuple[Reason, Shapes]] = {
    "down without up": (Reason.PAIR_INCOMPLETE, KOHYA | {"lora_unet_conv_out.lora_down.weight": [4, 320]}),
    "up without down": (Reason.PAIR_INCOMPLETE, DIFFUSERS | {"unet.conv_out.lora_B.weight": [4, 320]}),
    "alpha alone": (Reason.PAIR_INCOMPLETE, KOHYA | {"lora_unet_conv_out.alpha": []}),
    "ranks differ": (
        Reason.RANK_MISMATCH,
        {f"{SD15_KOHYA}.lora_down.weight": [4, 768], f"{SD15_KOHYA}.lora_up.weight": [320, 8]},
    ),
    "halves of one dimension": (
        Reason.RANK_MISMATCH,
        {f"{SD15_KOHYA}.lora_down.weight": [4], f"{SD15_KOHYA}.lora_up.weight": [4]},
    ),
    "old and new keys in one component": (
        Reason.MIXED_LAYOUT,
        OLD | diffusers_pair("unet.down_blocks.0.attentions.0.proj_in", 64, 64),
    ),
    "a tensor that belongs to no pair": (Reason.FAMILY_NOT_SUPPORTED, KOHYA | {"lora_unet_conv_in.gate": [4]}),
    "a plain weight": (Reason.FAMILY_NOT_SUPPORTED, DIFFUSERS | {"unet.conv_in.weight": [4, 4]}),
    "an embedding beside the pairs": (Reason.FAMILY_NOT_SUPPORTED, DIFFUSERS | {"clip_l": [8, 768]}),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_plain_lora_with_a_fault_is_refused(name: str, tmp_path: Path) -> None:
    reason, shapes = FAULTS[name]
    finding = tell_family(read_header(write_file(tmp_path / "lora", shapes)))
    assert finding.fault is not None
    assert finding.fault[0] is reason


def test_old_and_new_keys_in_different_components_are_no_mixture(tmp_path: Path) -> None:
    shapes = OLD | diffusers_pair("text_encoder.text_model.encoder.layers.0.self_attn.q_proj", 64, 64)
    assert tell_family(read_header(write_file(tmp_path / "lora", shapes))).fault is None


def test_rank_is_the_one_that_most_modules_have(tmp_path: Path) -> None:
    shapes = (
        kohya_pair("lora_unet_a", 8, 8, rank=4)
        | kohya_pair("lora_unet_b", 8, 8, rank=4)
        | kohya_pair("lora_unet_c", 8, 8, rank=16)
    )
    finding = tell_family(read_header(write_file(tmp_path / "lora", shapes)))
    assert (finding.rank, finding.n_modules) == (4, 3)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("lora_unet_mid.alpha", Place(Style.ALPHA, "lora_unet_mid", "alpha")),
        ("unet.mid.lora_A.default.weight", Place(Style.PEFT_NAMES, "unet.mid", "down")),
        (
            "double_blocks.0.processor.qkv_lora1.up.weight",
            Place(Style.XLABS, "double_blocks.0.processor.qkv_lora1", "up"),
        ),
        ("lora_A.weight", Place(Style.WEIGHT, "lora_A", "weight")),
        (".weight", Place(Style.OTHER, ".weight", "")),
        ("alpha", Place(Style.OTHER, "alpha", "")),
        ("<my-cat>", Place(Style.EMBEDDING, "<my-cat>", "embedding")),
    ],
)
def test_a_tensor_name_tells_its_module_and_part(name: str, place: Place) -> None:
    assert place_tensor(name) == place
