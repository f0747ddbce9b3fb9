"""Backbones that look alike, told apart by names, numbers of blocks, sizes, and the file's own metadata."""

from pathlib import Path

import pytest

from carlos_tasks.lora.backbones.candidates import find_candidates
from carlos_tasks.lora.backbones.claims import read_claim
from carlos_tasks.lora.backbones.known import DATA_FILES
from carlos_tasks.lora.backbones.others import load_others
from carlos_tasks.lora.check import examine_file, inspect_header
from carlos_tasks.lora.layout.tensor_layout import read_layout
from carlos_tasks.untrusted.reasons import Reason
from tests.lora.crafted import MICRO_ATTENTION, Shapes, diffusers_pair, kohya_pair, write_file

BACKBONES, LAYERS = load_others()


def whole_file(number: int, prefix: str) -> dict[str, list[int]]:
    """A pair for each layer of a backbone, in its first and its last block."""
    shapes: dict[str, list[int]] = {}
    for pattern, layers in LAYERS.items():
        for layer in layers:
            if layer.backbone != number or not layer.depth:
                continue
            rows, width = min(layer.sizes, default=(64, 64))
            for block in {0, min(layer.depth, 64) - 1}:
                name = prefix + pattern.replace("#", str(block), 1).replace("#", "0")
                shapes |= kohya_pair(name, width, rows)
    return shapes


@pytest.mark.parametrize("prefix", ["lora_unet_", "diffusion_model.", "transformer."])
@pytest.mark.parametrize("number", range(len(BACKBONES)), ids=[f"{one.name}-{one.title}" for one in BACKBONES])
def test_a_backbone_that_is_not_indexed_is_told_by_its_keys(number: int, prefix: str, tmp_path: Path) -> None:
    shapes = whole_file(number, prefix)
    best = find_candidates(read_layout({name: tuple(shape) for name, shape in shapes.items()}).modules)
    assert BACKBONES[number].name in {one.name for one in best if one.n_fit == best[0].n_fit}
    verdict = inspect_header(write_file(tmp_path / "lora", shapes, {"ss_base_model_version": BACKBONES[number].name}))
    assert (verdict.reason, verdict.file.base_model) == (Reason.BASE_MODEL_NOT_INDEXED, BACKBONES[number].name)


def test_every_backbone_of_the_table_is_a_name_of_the_claims() -> None:
    never_claimed = {"animatediff", "language-model"}  # attached to other base models; of another trade
    assert {one.name for one in BACKBONES if read_claim(one.name) != one.name} == never_claimed
    assert not {one.name for one in BACKBONES} & DATA_FILES.keys()


def flux_blocks(n_double: int, n_single: int) -> Shapes:
    shapes: dict[str, list[int]] = {}
    for block in range(n_double):
        shapes |= kohya_pair(f"lora_unet_double_blocks_{block}_img_attn_qkv", 3072, 9216)
    for block in range(n_single):
        shapes |= kohya_pair(f"lora_unet_single_blocks_{block}_linear1", 3072, 21504)
    return shapes


SDXL = kohya_pair("lora_unet_mid_block_attentions_0_transformer_blocks_9_attn2_to_k", 2048, 1280)
SD_FINEST = kohya_pair("lora_unet_up_blocks_3_attentions_0_transformer_blocks_0_attn1_to_q", 320, 320)
# what decides, shapes, ss_base_model_version → base model, and a word of the evidence
WEIGHED: dict[str, tuple[Shapes, str, str, str]] = {
    "blocks as FLUX.1 has them": (flux_blocks(19, 38), "", "flux", "fit"),
    "one double block more than FLUX.1 has": (flux_blocks(20, 38), "", "hunyuan-video", "fit"),
    "two single blocks more than FLUX.1 has": (flux_blocks(19, 40), "", "hunyuan-video", "fit"),
    "a part of FLUX.1's blocks": (flux_blocks(2, 3), "", "flux", "also"),
    "all double blocks of FLUX.2 klein 4B": (flux_blocks(5, 0), "", "flux.2", "also flux"),
    "the same, of FLUX.1 by its metadata": (flux_blocks(5, 0), "flux1", "flux", "metadata name it"),
    "blocks as FLUX.1 has them, and metadata of Chroma": (flux_blocks(19, 38), "chroma", "chroma", "metadata name it"),
    "FLUX.1's first blocks, and metadata of HunyuanVideo": (
        flux_blocks(19, 0),
        "hunyuan_video",
        "hunyuan-video",
        "metadata name it",
    ),
    "FLUX.1's width in another layer": (
        kohya_pair("lora_unet_double_blocks_0_img_mlp_0", 3072, 18432),
        "",
        "flux.2",
        "fit",
    ),
    "FLUX.1's names in a width that nothing has": (
        kohya_pair("lora_unet_single_transformer_blocks_0_attn_to_q", 2560, 2560),
        "",
        "unknown",
        "sizes of another",
    ),
    "SDXL's keys, and metadata of Kolors": (SDXL, "kolors", "kolors", "metadata name it"),
    "SDXL's keys, and metadata of its refiner": (SDXL, "sdxl_refiner_v1-0", "sdxl-refiner", "metadata name it"),
    "SDXL's keys, and metadata that cannot be": (SDXL, "flux1", "sdxl", "its metadata say flux"),
    "SDXL's keys, and metadata of Wan": (SDXL, "wan2.1", "sdxl", "its metadata say wan"),
    "a layer of SD 1.5 and 2.1 alike": (SD_FINEST, "", "unknown", "no key|alike"),
    "the same, and metadata": (SD_FINEST, "sd_v1", "sd-1.5", "metadata name it"),
    "LTX-Video's cross-attention, as wide as SDXL's": (
        diffusers_pair("transformer.transformer_blocks.27.attn2.to_k", 2048, 2048),
        "",
        "ltx-video",
        "fit",
    ),
}


@pytest.mark.parametrize("case", WEIGHED)
def test_all_evidence_is_weighed(case: str, tmp_path: Path) -> None:
    shapes, version, base_model, word = WEIGHED[case]
    metadata = {"ss_base_model_version": version} if version else {}
    file = inspect_header(write_file(tmp_path / "lora", shapes, metadata)).file
    assert file.base_model == base_model, file.base_model_evidence
    assert any(part in file.base_model_evidence for part in word.split("|")), file.base_model_evidence
    assert len(file.base_model_evidence) < 140


def test_files_with_one_table_are_told_apart_by_their_metadata(tmp_path: Path) -> None:
    """What follows from the table is kept for the next file, the choice by metadata is not."""
    told = []
    for version in ("chroma", "flux1", "chroma", ""):
        path = write_file(tmp_path / "lora", flux_blocks(19, 38), {"ss_base_model_version": version})
        told.append(inspect_header(path).file.base_model)
    assert told == ["chroma", "flux", "chroma", "flux"]


SECOND = "diffusion_model.blocks.1.self_attn.q"
BROKEN: dict[str, Shapes] = {
    "ranks that differ": {f"{SECOND}.lora_down.weight": [4, 5120], f"{SECOND}.lora_up.weight": [5120, 8]},
    "a half without the other": {f"{SECOND}.lora_down.weight": [4, 5120]},
    "a tensor of no known kind": {f"{SECOND}.gate": [4]},
    "a rank above the width": kohya_pair(SECOND, 5120, 5120, rank=6000),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_what_a_file_is_for_is_told_before_what_is_wrong_with_it(fault: str, tmp_path: Path) -> None:
    wan = kohya_pair("diffusion_model.blocks.0.self_attn.q", 5120, 5120)
    path = write_file(tmp_path / "lora", {**wan, **BROKEN[fault]})
    assert inspect_header(path).reason is Reason.BASE_MODEL_NOT_INDEXED
    ours = write_file(
        tmp_path / "ours", {**diffusers_pair(MICRO_ATTENTION, 128, 64), "unet.conv_in.lora_A.weight": [4, 8]}
    )
    assert examine_file(ours, accepted_base_models={"micro-xl"}).reason is Reason.PAIR_INCOMPLETE
    assert examine_file(ours, accepted_base_models={"sdxl"}).reason is Reason.BASE_MODEL_NOT_INDEXED


def test_what_is_no_lora_is_refused_as_that_whatever_it_is_for(tmp_path: Path) -> None:
    embedding = write_file(tmp_path / "embedding", {"emb_params": [8, 768]})
    model = write_file(tmp_path / "model", {"model.diffusion_model.blocks.0.self_attn.q.weight": [5120, 5120]})
    for path in (embedding, model):
        assert examine_file(path, accepted_base_models={"sdxl"}).reason is Reason.FAMILY_NOT_SUPPORTED


def test_two_loras_in_one_file_are_not_taken_for_one(tmp_path: Path) -> None:
    """PEFT can save several adapters at once, each under its own name."""
    shapes = {
        f"{MICRO_ATTENTION}.lora_{half}.{adapter}.weight": shape
        for adapter in ("first", "second")
        for half, shape in (("A", [4, 128]), ("B", [64, 4]))
    }
    verdict = inspect_header(write_file(tmp_path / "lora", shapes))
    assert verdict.reason is Reason.FAMILY_NOT_SUPPORTED and "more than one LoRA" in verdict.detail
