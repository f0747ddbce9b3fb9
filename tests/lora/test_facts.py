"""What a file says of itself, and what becomes of claims that are no such thing."""

import json
from pathlib import Path

import pytest

from carlos_tasks.lora.container.header import read_header
from carlos_tasks.lora.facts import FileFacts, frequent_tags, tell_facts
from tests.lora.crafted import MICRO_ATTENTION, Shapes, diffusers_pair, kohya_pair, micro_lora, write_file


def facts(path: Path) -> FileFacts:
    return tell_facts(read_header(path))


def test_a_file_without_claims_has_no_facts(tmp_path: Path) -> None:
    path = write_file(tmp_path / "lora", micro_lora())
    assert facts(path) == FileFacts({"unet.attention": 1}, (), (), "", "", None)


def test_claims_are_told_clean_and_cut(tmp_path: Path) -> None:
    metadata = {
        "modelspec.trigger_phrase": " in\tstripes ",
        "modelspec.license": "CC-BY\0 4.0",
        "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
        "ss_base_model_version": "sdxl_base_v1-0\u202e",
        "ss_tag_frequency": json.dumps({"1_a": {"1girl": 9, "smile": 2}, "5_b": {"smile": 8}}),
    }
    told = facts(write_file(tmp_path / "lora", micro_lora(), metadata))
    assert told.trigger_words == ("in stripes",)
    assert told.license == "CC-BY 4.0"
    assert told.base_model_in_metadata == "sdxl_base_v1-0"
    assert told.base_model_in_metadata_named == "sdxl"
    assert told.frequent_tags == ("smile", "1girl")


def test_modelspec_tells_the_base_model_where_kohya_does_not(tmp_path: Path) -> None:
    path = write_file(tmp_path / "lora", micro_lora(), {"modelspec.architecture": "flux-1-dev/lora"})
    assert facts(path).base_model_in_metadata == "flux-1-dev/lora"


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", '"tags"', "null", "7", "[" * 100_000, '{"a":' * 5_000, '{"a": 1}', '{"a": {"b": {"c": 1}}}'),
        *('{"a": {"b": "1"}}', '{"a": {"b": -1}}', '{"a": {"b": 0}}', '{"a": {"b": 1e3}}', '{"a": {"b": true}}'),
        *('{"a": {"": 1}}', '{"a": {"\\u0000": 1}}', '{"a": {"b": 99999999999999999999999999}}', "x" * 5_000_000),
    ],
)
def test_hostile_tag_frequencies_are_no_tags(text: str) -> None:
    assert frequent_tags(text) == ()


def test_tags_are_cut_in_number_and_length() -> None:
    tags = frequent_tags(json.dumps({"a": {f"tag {n:03} " + "x" * 500: n for n in range(1, 200)}}))
    assert len(tags) == 20
    assert tags[0].startswith("tag 199")
    assert max(map(len, tags)) <= 100


COMPONENTS: dict[str, Shapes] = {
    "unet.attention": kohya_pair("lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k", 2048, 640),
    "unet.feed_forward": diffusers_pair(f"unet.{MICRO_ATTENTION.split('.attn2')[0][5:]}.ff.net.0.proj", 64, 512),
    "unet.projection": diffusers_pair("base_model.model.unet.mid_block.attentions.0.proj_in", 64, 64),
    "unet.convolution": kohya_pair("lora_unet_input_blocks_1_0_in_layers_2", 64, 64),
    "unet.modulation": kohya_pair("lora_unet_time_embedding_linear_1", 64, 64),
    "text_encoder.attention": kohya_pair("lora_te1_text_model_encoder_layers_0_self_attn_q_proj", 64, 64),
    "text_encoder.feed_forward": diffusers_pair("text_encoder.text_model.encoder.layers.0.mlp.fc1", 64, 64),
    "text_encoder_2.projection": diffusers_pair("text_encoder_2.text_projection", 64, 64),
    "text_encoder_3.attention": kohya_pair("lora_te3_encoder_block_0_layer_0_self_attention_q", 64, 64),
    "text_encoder_2.attention": kohya_pair("lora_te2_encoder_block_0_layer_0_SelfAttention_k", 64, 64),
    "text_encoder_2.feed_forward": kohya_pair("lora_te2_encoder_block_0_layer_1_DenseReluDense_wo", 64, 64),
    "transformer.attention": diffusers_pair("diffusion_model.double_blocks.0.img_attn.qkv", 64, 64),
    "transformer.feed_forward": kohya_pair("lora_unet_single_blocks_0_linear1", 64, 64),
    "transformer.modulation": kohya_pair("lora_unet_double_blocks_0_img_mod_lin", 64, 64),
}


@pytest.mark.parametrize("name", COMPONENTS)
def test_modules_are_counted_by_component_and_kind(name: str, tmp_path: Path) -> None:
    assert facts(write_file(tmp_path / "lora", COMPONENTS[name])).modules == {name: 1}
