"""Which family a file belongs to, and why files whose tensors are not whole are refused."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from carlos_tasks.lora.container.header import read_header
from carlos_tasks.lora.container.tensor_table import DTYPE_BYTES
from carlos_tasks.lora.families import Family, tell_family
from carlos_tasks.lora.layout.styles import Style
from carlos_tasks.lora.layout.tensor_layout import Place, place_tensor
from carlos_tasks.untrusted.reasons import Reason
from tests.lora.crafted import (
    MICRO_ATTENTION,
    SD15_KOHYA,
    Shapes,
    diffusers_pair,
    header_fields,
    kohya_pair,
    with_header,
    write_file,
)

KOHYA = kohya_pair(SD15_KOHYA, 768, 320)
DIFFUSERS = diffusers_pair(MICRO_ATTENTION, 128, 64)
OLD = {f"{MICRO_ATTENTION}.lora.down.weight": [4, 128], f"{MICRO_ATTENTION}.lora.up.weight": [64, 4]}

LOKR = {f"{SD15_KOHYA}.lokr_w1": [8, 24], f"{SD15_KOHYA}.lokr_w2": [40, 32]}
LOHA = {f"{SD15_KOHYA}.hada_w{i}_{half}": size for i in (1, 2) for half, size in (("a", [320, 4]), ("b", [4, 768]))}
GLORA = {
    f"{SD15_KOHYA}.{part}.weight": size
    for part, size in {"a1": [768, 4], "a2": [4, 768], "b1": [320, 4], "b2": [4, 768]}.items()
}
TUCKER = {
    "lora_unet_conv_in.lora_down.weight": [4, 4, 1, 1],
    "lora_unet_conv_in.lora_mid.weight": [4, 4, 3, 3],
    "lora_unet_conv_in.lora_up.weight": [320, 4, 1, 1],
}
PROCESSOR = "mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora"

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
    "PEFT's halves under kohya's names": (Family.KOHYA, diffusers_pair(SD15_KOHYA, 768, 320)),
    "LyCORIS' own prefix": (Family.KOHYA, kohya_pair("lycoris_mid_block_attentions_0_proj_in", 1280, 1280)),
    "diffusers": (Family.DIFFUSERS, DIFFUSERS),
    "diffusers, old": (Family.DIFFUSERS, OLD),
    "diffusers, old and new in one component": (
        Family.DIFFUSERS,
        OLD | diffusers_pair("unet.down_blocks.0.attentions.0.proj_in", 64, 64),
    ),
    "kohya's halves under diffusers' names": (
        Family.DIFFUSERS,
        {f"{MICRO_ATTENTION}.lora_down.weight": [4, 128], f"{MICRO_ATTENTION}.lora_up.weight": [64, 4]},
    ),
    "diffusers, text encoder": (
        Family.DIFFUSERS,
        DIFFUSERS
        | {
            "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.down.weight": [4, 64],
            "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.up.weight": [64, 4],
        },
    ),
    "PEFT's prefix": (Family.PEFT, diffusers_pair(f"base_model.model.{MICRO_ATTENTION}", 128, 64)),
    "kohya's names beside diffusers'": (Family.KOHYA, KOHYA | DIFFUSERS),
    "a bias alone": (Family.KOHYA, KOHYA | {"lora_unet_conv_out.diff_b": [4], "lora_unet_conv_out.alpha": []}),
    "a bias beside a pair": (Family.KOHYA, KOHYA | {f"{SD15_KOHYA}.diff_b": [320]}),
    "PEFT's lora_bias": (Family.DIFFUSERS, DIFFUSERS | {f"{MICRO_ATTENTION}.lora_B.bias": [64]}),
    "an adapter with a name of its own": (
        Family.DIFFUSERS,
        {
            f"{MICRO_ATTENTION}.lora_A.my-style_2.weight": [4, 128],
            f"{MICRO_ATTENTION}.lora_B.my-style_2.weight": [64, 4],
        },
    ),
    "a convolution over time": (
        Family.KOHYA,
        {"lora_unet_patch.lora_down.weight": [4, 16, 1, 2, 2], "lora_unet_patch.lora_up.weight": [64, 4, 1, 1, 1]},
    ),
    "no prefix": (Family.PEFT, diffusers_pair("down_blocks.0.attentions.0.proj_in", 64, 64)),
    "ai-toolkit": (Family.AI_TOOLKIT, diffusers_pair("diffusion_model.double_blocks.0.img_attn.qkv", 3072, 9216)),
    "xlabs": (
        Family.XLABS,
        {
            "double_blocks.0.processor.qkv_lora1.down.weight": [16, 3072],
            "double_blocks.0.processor.qkv_lora1.up.weight": [9216, 16],
        },
    ),
    "LoHa": (Family.LOHA, LOHA),
    "LoKr": (Family.LOKR, LOKR),
    "LoKr, Tucker": (
        Family.LOKR,
        {
            "lora_unet_conv_in.lokr_w1": [4, 2],
            "lora_unet_conv_in.lokr_t2": [4, 4, 3, 3],
            "lora_unet_conv_in.lokr_w2_a": [4, 80],
            "lora_unet_conv_in.lokr_w2_b": [4, 2],
        },
    ),
    "IA3": (Family.IA3, {f"{SD15_KOHYA}.weight": [320], f"{SD15_KOHYA}.on_input": []}),
    "OFT": (Family.OFT, {f"{SD15_KOHYA}.oft_blocks": [4, 80, 80], f"{SD15_KOHYA}.alpha": []}),
    "BOFT": (Family.OFT, {f"{SD15_KOHYA}.oft_blocks": [3, 20, 16, 16], f"{SD15_KOHYA}.rescale": [320, 1]}),
    "GLoRA": (Family.GLORA, GLORA),
    "DoRA": (Family.DORA, KOHYA | {f"{SD15_KOHYA}.dora_scale": [1, 768]}),
    "DoRA, by row": (Family.DORA, KOHYA | {f"{SD15_KOHYA}.dora_scale": [320, 1]}),
    "DoRA, diffusers": (Family.DORA, DIFFUSERS | {f"{MICRO_ATTENTION}.lora_magnitude_vector": [64]}),
    "LoKr with a DoRA scale": (Family.LOKR, LOKR | {f"{SD15_KOHYA}.dora_scale": [1, 768]}),
    "Tucker": (Family.TUCKER, TUCKER),
    "full difference": (Family.FULL, {f"{SD15_KOHYA}.diff": [320, 768], f"{SD15_KOHYA}.diff_b": [320]}),
    "biases and nothing else": (Family.FULL, {f"{SD15_KOHYA}.diff_b": [320]}),
    "norms beside pairs": (Family.FULL, KOHYA | {"lora_unet_conv_norm_out.w_norm": [320]}),
    "attention processors": (
        Family.ATTENTION_PROCESSOR,
        {f"{PROCESSOR}.down.weight": [4, 768], f"{PROCESSOR}.up.weight": [1280, 4]},
    ),
}
NEVER_LOADED: dict[str, tuple[Family, Shapes]] = {
    "cloneofsimo": (Family.CLONEOFSIMO, {"unet:0:down": [1, 768], "unet:0:up": [320, 1], "<s1>": [768]}),
    "textual inversion": (Family.TEXTUAL_INVERSION, {"emb_params": [8, 768]}),
    "textual inversion, SDXL": (Family.TEXTUAL_INVERSION, {"clip_l": [8, 768], "clip_g": [8, 1280]}),
    "checkpoint": (Family.CHECKPOINT, {"model.diffusion_model.input_blocks.0.0.weight": [320, 4, 3, 3]}),
    "nothing known": (Family.UNKNOWN, {"secret_sauce": [4, 4]}),
}


@pytest.mark.parametrize("name", LAYOUTS | NEVER_LOADED)
def test_every_layout_is_told(name: str, tmp_path: Path) -> None:
    family, shapes = (LAYOUTS | NEVER_LOADED)[name]
    finding = tell_family(read_header(write_file(tmp_path / "lora", shapes)))
    assert finding.family is family
    if name in LAYOUTS:
        assert finding.fault is None
    else:
        assert finding.fault is not None
        assert finding.fault[0] is Reason.FAMILY_NOT_SUPPORTED
        assert finding.fault[1].startswith(f"family {family}: ")


def without(shapes: Shapes, part: str) -> dict[str, Sequence[int]]:
    return {name: shape for name, shape in shapes.items() if not name.endswith(part)}


FAULTS: dict[str, tuple[Reason, Shapes]] = {
    "down without up": (Reason.PAIR_INCOMPLETE, KOHYA | {"lora_unet_conv_out.lora_down.weight": [4, 320]}),
    "up without down": (Reason.PAIR_INCOMPLETE, DIFFUSERS | {"unet.conv_out.lora_B.weight": [4, 320]}),
    "alpha alone": (Reason.PAIR_INCOMPLETE, KOHYA | {"lora_unet_conv_out.alpha": []}),
    "a core without its up half": (Reason.PAIR_INCOMPLETE, without(TUCKER, "up.weight")),
    "an attention processor's up half is missing": (
        Reason.PAIR_INCOMPLETE,
        {f"{PROCESSOR}.down.weight": [4, 768]},
    ),
    "LoHa without its second factor": (Reason.PAIR_INCOMPLETE, without(LOHA, "w2_a")),
    "LoKr without its second factor": (Reason.PAIR_INCOMPLETE, without(LOKR, "w2")),
    "GLoRA without b1": (Reason.PAIR_INCOMPLETE, without(GLORA, "b1.weight")),
    "IA3 without its vector": (Reason.PAIR_INCOMPLETE, {f"{SD15_KOHYA}.on_input": []}),
    "a bias of other rows than the pair": (
        Reason.RANK_MISMATCH,
        DIFFUSERS | {f"{MICRO_ATTENTION}.lora_B.bias": [32]},
    ),
    "IA3 with a side for each value": (
        Reason.RANK_MISMATCH,
        {f"{SD15_KOHYA}.weight": [320], f"{SD15_KOHYA}.on_input": [320]},
    ),
    "ranks differ": (
        Reason.RANK_MISMATCH,
        {f"{SD15_KOHYA}.lora_down.weight": [4, 768], f"{SD15_KOHYA}.lora_up.weight": [320, 8]},
    ),
    "halves of one dimension": (
        Reason.RANK_MISMATCH,
        {f"{SD15_KOHYA}.lora_down.weight": [4], f"{SD15_KOHYA}.lora_up.weight": [4]},
    ),
    "a core that does not fit": (Reason.RANK_MISMATCH, TUCKER | {"lora_unet_conv_in.lora_mid.weight": [4, 8, 3, 3]}),
    "an up half that is a convolution": (
        Reason.RANK_MISMATCH,
        {"lora_unet_conv_in.lora_down.weight": [4, 4, 1, 1], "lora_unet_conv_in.lora_up.weight": [320, 4, 3, 3]},
    ),
    "LoHa ranks differ": (Reason.RANK_MISMATCH, LOHA | {f"{SD15_KOHYA}.hada_w2_a": [320, 8]}),
    "LoHa sizes differ": (Reason.RANK_MISMATCH, LOHA | {f"{SD15_KOHYA}.hada_w2_a": [640, 4]}),
    "LoKr ranks differ": (
        Reason.RANK_MISMATCH,
        without(LOKR, "w2") | {f"{SD15_KOHYA}.lokr_w2_a": [40, 4], f"{SD15_KOHYA}.lokr_w2_b": [8, 32]},
    ),
    "LoKr factor twice": (
        Reason.RANK_MISMATCH,
        LOKR | {f"{SD15_KOHYA}.lokr_w2_a": [40, 4], f"{SD15_KOHYA}.lokr_w2_b": [4, 32]},
    ),
    "GLoRA ranks differ": (Reason.RANK_MISMATCH, GLORA | {f"{SD15_KOHYA}.a2.weight": [8, 768]}),
    "OFT blocks are not square": (Reason.RANK_MISMATCH, {f"{SD15_KOHYA}.oft_blocks": [4, 80, 40]}),
    "a DoRA scale of another size": (Reason.RANK_MISMATCH, KOHYA | {f"{SD15_KOHYA}.dora_scale": [1, 320]}),
    "a PEFT magnitude of another size": (
        Reason.RANK_MISMATCH,
        DIFFUSERS | {f"{MICRO_ATTENTION}.lora_magnitude_vector": [128]},
    ),
    "OFT of another trainer": (Reason.FAMILY_NOT_SUPPORTED, {f"{SD15_KOHYA}.oft_R": [4, 80]}),
    "GLoRA with a DoRA scale": (Reason.FAMILY_NOT_SUPPORTED, GLORA | {f"{SD15_KOHYA}.dora_scale": [320, 1]}),
    "two kinds on one module": (Reason.FAMILY_NOT_SUPPORTED, KOHYA | LOKR),
    "a tensor that belongs to no module": (Reason.FAMILY_NOT_SUPPORTED, KOHYA | {"lora_unet_conv_in.gate": [4]}),
    "a plain weight": (Reason.FAMILY_NOT_SUPPORTED, DIFFUSERS | {"unet.conv_in.weight": [4, 4]}),
    "an embedding beside the pairs": (Reason.FAMILY_NOT_SUPPORTED, DIFFUSERS | {"clip_l": [8, 768]}),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_file_that_is_not_whole_is_refused(name: str, tmp_path: Path) -> None:
    reason, shapes = FAULTS[name]
    finding = tell_family(read_header(write_file(tmp_path / "lora", shapes)))
    assert finding.fault is not None
    assert finding.fault[0] is reason


@pytest.mark.parametrize(
    ("shapes", "rank"),
    [(LOHA, 4), (GLORA, 4), (TUCKER, 4), (LOKR, None), (LAYOUTS["LoKr, Tucker"][1], 4), (LAYOUTS["IA3"][1], None)],
)
def test_every_low_rank_family_has_a_rank(shapes: Shapes, rank: int | None, tmp_path: Path) -> None:
    assert tell_family(read_header(write_file(tmp_path / "lora", shapes))).rank == rank


@pytest.mark.parametrize("dtype", ["I8", "I32", "BOOL", "C64", "F8_E8M0"])
def test_weights_that_are_no_numbers_to_compute_with_are_refused(dtype: str, tmp_path: Path) -> None:
    fields = header_fields(KOHYA)
    up = fields[f"{SD15_KOHYA}.lora_up.weight"]
    width = DTYPE_BYTES[dtype]
    up["dtype"], up["shape"] = dtype, [320 * 2 // width, 4]
    (tmp_path / "lora").write_bytes(with_header(fields, b"\0" * fields[f"{SD15_KOHYA}.alpha"]["data_offsets"][1]))
    finding = tell_family(read_header(tmp_path / "lora"))
    assert finding.fault is not None
    assert finding.fault[0] is Reason.FAMILY_NOT_SUPPORTED
    assert finding.fault[1].endswith(f"weights of dtype {dtype}")


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
