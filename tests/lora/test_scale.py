"""By what a file's weights are multiplied: what tells it, in which order, and when nobody can."""

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from carlos_tasks.lora.check import examine_file
from carlos_tasks.lora.container.header import read_header
from carlos_tasks.lora.scale.alphas import read_alphas
from carlos_tasks.lora.scale.config import MAX_BYTES, state_config, state_fault
from carlos_tasks.lora.scale.patterns import MAX_KEYS, compile_patterns
from carlos_tasks.lora.scale.tell import Scale, tell_scale
from tests.lora.crafted import MICRO_ATTENTION, kohya_pair, micro_lora, write_file

PEFT = {name.replace("unet.", "base_model.model.", 1): shape for name, shape in micro_lora().items()}
HALF = {"peft_type": "LORA", "r": 4, "lora_alpha": 2}


def stated(**fields: Any) -> str:
    """What an adapter_config.json states."""
    return state_config(json.dumps(HALF | fields).encode())


def told(path: Path, beside: str | None = None) -> Scale:
    return tell_scale(read_header(path), path, beside)


def metadata(**fields: Any) -> dict[str, str]:
    return {"lora_adapter_metadata": json.dumps({f"unet.{name}": value for name, value in fields.items()})}


def test_alpha_is_the_one_that_most_modules_have(tmp_path: Path) -> None:
    path = tmp_path / "lora"
    alphas = {"a": np.float16(4), "b": np.float32(1.5), "c": np.float64(1.5), "d": np.float32("nan")}
    tensors = {f"{name}.alpha": np.full((), value) for name, value in alphas.items()}
    save_file(tensors | {"a.lora_down.weight": np.zeros((4, 2), np.float16)}, path)
    assert read_alphas(read_header(path), path) == {"a": 4.0, "b": 1.5, "c": 1.5}
    assert told(path).alpha == 1.5


def test_alpha_in_bfloat16_is_read(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file as save_torch

    path = tmp_path / "lora"
    save_torch({"a.alpha": torch.tensor(0.75, dtype=torch.bfloat16)}, path)
    assert read_alphas(read_header(path), path) == {"a": 0.75}


def test_an_alpha_of_several_numbers_is_none(tmp_path: Path) -> None:
    path = write_file(tmp_path / "lora", {"a.alpha": [1], "b.alpha": [2]})
    assert read_alphas(read_header(path), path) == {"a": 0.0}


#: what is in the header -> alpha, what tells it
IN_THE_HEADER: dict[str, tuple[dict[str, str], float | None, str]] = {
    "diffusers": (metadata(lora_alpha=8, r=4), 8.0, "lora_adapter_metadata"),
    "diffusers, one model": (
        {"lora_adapter_metadata": json.dumps({"r": 4, "lora_alpha": 8})},
        8.0,
        "lora_adapter_metadata",
    ),
    "as text": (metadata(lora_alpha="8.0", r="4"), 8.0, "lora_adapter_metadata"),
    "entries": ({"lora_alpha": "2.0", "r": "4"}, 2.0, "header_entries"),
    "entries of another name": ({"alpha": "2", "rank": "4"}, 2.0, "header_entries"),
    "entries, rank-stabilised": ({"lora_alpha": "2", "r": "4", "use_rslora": "True"}, 4.0, "header_entries"),
    "entries of a component": ({"unet.lora_alpha": "2", "unet.r": "4"}, 2.0, "header_entries"),
    "a LoraConfig": ({"lora_config": json.dumps(HALF)}, 2.0, "header_entries"),
    "a LoraConfig inside": ({"adapter_config": json.dumps({"default": HALF})}, 2.0, "header_entries"),
    "another configuration": ({"config": json.dumps({"alpha": 2, "lr": 1e-4})}, None, "convention"),
    "nothing": ({}, None, "convention"),
    "an empty entry": ({"lora_adapter_metadata": "{}"}, None, "convention"),
    "kohya's alpha is the rank": ({"ss_network_alpha": "4.0", "ss_network_dim": "4"}, None, "convention"),
}


@pytest.mark.parametrize(("entries", "alpha", "by"), IN_THE_HEADER.values(), ids=IN_THE_HEADER)
def test_the_header_tells(entries: dict[str, str], alpha: float | None, by: str, tmp_path: Path) -> None:
    assert told(write_file(tmp_path / "lora", micro_lora(), entries)) == Scale(alpha, by, True)  # type: ignore[arg-type]


#: what stands in the configuration -> alpha
BESIDE: dict[str, tuple[dict[str, Any], float]] = {
    "plain": ({}, 2.0),
    "text": ({"lora_alpha": "2.0", "r": "4"}, 2.0),
    "rank-stabilised": ({"use_rslora": True}, 4.0),
    "of the module": ({"alpha_pattern": {"attn1.to_k": 7, "attn2.to_k": 1}}, 1.0),
    "the first key that matches": ({"alpha_pattern": {"to_k": 3, "attn2.to_k": 1}}, 3.0),
    "an expression": ({"alpha_pattern": {r"^down_blocks\.\d+\.attentions.*to_(k|v)$": 1}}, 1.0),
    "the rank of the module": ({"r": 8, "rank_pattern": {r"attn2\.to_k": 4}}, 2.0),
    "LoHa": ({"peft_type": "LOHA", "lora_alpha": None, "alpha": 2}, 2.0),
    "an enumeration's name": ({"peft_type": "PeftType.LORA"}, 2.0),
}


@pytest.mark.parametrize(("fields", "alpha"), BESIDE.values(), ids=BESIDE)
def test_an_adapter_config_tells(fields: dict[str, Any], alpha: float, tmp_path: Path) -> None:
    for shapes in (micro_lora(), PEFT):
        path = write_file(tmp_path / "lora", shapes)
        assert told(path, stated(**fields)) == Scale(alpha, "adapter_config", True)  # type: ignore[arg-type]


#: what is in the header, what lies beside, in a file with a pair of rank 4 -> why nobody can tell
UNKNOWN: dict[str, tuple[dict[str, str], str | None, str]] = {
    "rank of another file": ({}, stated(r=8), "adapter_config.json states rank 8"),
    "rank of another file in the header": ({"lora_alpha": "2", "rank": "8"}, None, "the header states rank 8"),
    "not a number": ({}, stated(lora_alpha=float("nan")), "states an alpha of not finite"),
    "a truth value": ({}, stated(lora_alpha=True), "states an alpha of True"),
    "absurd": ({}, stated(lora_alpha=1e300), "states an alpha of 1e+300"),
    "negative": (metadata(lora_alpha=-8, r=4), None, "the header states an alpha of -8"),
    "none": ({}, stated(lora_alpha=None), "states a rank and no alpha"),
    "a rank that is none": ({}, stated(r=0), "states a rank of 0"),
    "an expression that takes hours": ({}, stated(alpha_pattern={"(a+)+$": 1}), "cannot be followed"),
    "a pattern that is none": ({}, stated(alpha_pattern={"to_k": None}), "cannot be followed"),
    "another kind": ({}, stated(peft_type="ADALORA"), "is for ADALORA"),
    "a changed base model": ({}, stated(init_lora_weights="pissa_niter_16"), "base model whose weights were changed"),
    "two that contradict": (metadata(lora_alpha=4, r=4), stated(), "state different alphas"),
    "no JSON in the header": ({"lora_adapter_metadata": '{"unet"'}, None, "cannot be read"),
    "no object in the header": ({"lora_adapter_metadata": "[1, 2]"}, None, "cannot be read"),
    "deep": ({"lora_adapter_metadata": '{"a":' * 100_000}, None, "cannot be read"),
    "broken": ({}, state_fault("is not a JSON object"), "adapter_config.json is not a JSON object"),
    "kohya's alpha was lost": ({"ss_network_alpha": "1", "ss_network_dim": "4"}, None, "a conversion left it out"),
    "an alpha of something": ({"alpha": "2"}, None, "no rank beside it"),
}


@pytest.mark.parametrize(("entries", "beside", "why"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_nobody_can_tell_is_said(entries: dict[str, str], beside: str | None, why: str, tmp_path: Path) -> None:
    scale = told(write_file(tmp_path / "lora", micro_lora(), entries), beside)
    assert not scale.is_known
    assert why in scale.detail


def test_peft_s_file_without_its_configuration_is_of_unknown_scale(tmp_path: Path) -> None:
    scale = told(write_file(tmp_path / "lora", PEFT))
    assert (scale.alpha, scale.is_known) == (None, False)
    assert "is not beside the file" in scale.detail


def test_alpha_tensors_go_before_what_is_stated(tmp_path: Path) -> None:
    path = tmp_path / "lora"
    pair = {
        f"{MICRO_ATTENTION}.lora_A.weight": np.zeros((4, 128)),
        f"{MICRO_ATTENTION}.lora_B.weight": np.zeros((64, 4)),
    }
    save_file(pair | {f"{MICRO_ATTENTION}.alpha": np.array(2.0)}, path)
    assert told(path, stated()) == Scale(2.0, "alpha_tensors", True)  # type: ignore[arg-type]
    scale = told(path, stated(lora_alpha=3))
    assert (scale.alpha, scale.told_by, scale.is_known) == (2.0, "alpha_tensors", False)
    assert told(path, stated(r=8)).is_known  # of another file: passed over


def test_a_statement_of_one_component_leaves_the_other_unknown(tmp_path: Path) -> None:
    text = {name.replace("unet.", "text_encoder.text_model."): shape for name, shape in micro_lora().items()}
    scale = told(write_file(tmp_path / "lora", micro_lora() | text, metadata(lora_alpha=2, r=4)))
    assert (scale.alpha, scale.is_known, scale.detail) == (2.0, False, "nothing is stated of 1 of its 2 modules")


def test_a_file_without_low_rank_products_needs_no_scale(tmp_path: Path) -> None:
    path = write_file(tmp_path / "lora", {"lora_unet_conv_norm_out.w_norm": [64]}, {"ss_network_alpha": "1"})
    assert told(path) == Scale(None, "not_needed", True)  # type: ignore[arg-type]


@pytest.mark.parametrize(("alpha", "is_known"), [(4, True), (2, False)])
def test_peft_scales_whole_kronecker_factors_and_others_do_not(alpha: int, is_known: bool, tmp_path: Path) -> None:
    path = write_file(tmp_path / "lora", {f"{MICRO_ATTENTION}.lokr_w1": [8, 8], f"{MICRO_ATTENTION}.lokr_w2": [8, 16]})
    scale = told(path, stated(peft_type="LOKR", lora_alpha=None, alpha=alpha))
    assert (scale.alpha, scale.is_known) == (None, is_known)


def test_kohya_s_file_is_told_by_its_tensors(tmp_path: Path) -> None:
    path = write_file(tmp_path / "lora", kohya_pair("lora_unet_x", 8, 8), {"ss_network_alpha": "1"})
    assert told(path) == Scale(0.0, "alpha_tensors", True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        (HALF, ("adapter_config", True)),
        ({"r": 8, "lora_alpha": 2}, ("convention", False)),
        (None, ("convention", True)),
    ],
)
def test_a_configuration_in_the_zip_is_beside_the_file(
    config: dict[str, Any] | None, wanted: tuple[str, bool], tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a/adapter_model.safetensors", write_file(tmp_path / "lora", micro_lora()).read_bytes())
        file.writestr("adapter_config.json", "{}")  # of another folder
        if config:
            file.writestr("a/adapter_config.json", json.dumps(config))
    (tmp_path / "zip").write_bytes(buffer.getvalue())
    examined = examine_file(tmp_path / "zip", unpack_to=tmp_path / "out")
    assert examined.reason is None
    assert (examined.file.scale_told_by, examined.file.is_scale_known) == wanted
    assert (examined.file.stated_scale is None) == (config is None)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b'{"a":' * 100_000, b" " * (MAX_BYTES + 1)])
def test_a_configuration_that_is_none(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"object|larger"):
        state_config(data)


def test_what_is_stated_is_kept_in_one_form() -> None:
    windows = b"\xef\xbb\xbf" + json.dumps(HALF | {"target_modules": ["to_k"], "r": 4.0}).replace(" ", "\r\n").encode()
    assert state_config(windows) == stated() == '{"lora_alpha":2.0,"peft_type":"LORA","r":4.0}'


NAMES = (
    "down_blocks.0.attentions.1.transformer_blocks.0.attn2.to_k",
    "text_model.encoder.layers.3.self_attn.q_proj",
    "single_transformer_blocks.12.attn.to_q",
)


@pytest.mark.parametrize(
    "key",
    [
        *("to_k", "k", "attn.to_q", r"attn2\.to_k", r".*attn2\.to_(k|v)", "^text_model", r"^text_model\..*", "to_[kq]"),
        *(r"attentions\.\d+\.transformer_blocks\.[0-9]\.attn2\.to_k", r".*blocks.*to_k$", "(?:q_proj|to_q)", ".+to_k"),
    ],
)
def test_patterns_match_as_peft_matches_them(key: str) -> None:
    patterns = compile_patterns({key: 2.0})
    if patterns is None:
        assert key == "to_[kq]"  # what is not followed
        return
    for name in NAMES:
        assert (patterns.find([name]) == 2.0) == bool(re.match(rf"(.*\.)?({key})$", name))


@pytest.mark.parametrize(
    "key", ["(a+)+$", "a**", "(.*)(.*)", ".*.*.*x", r"\d+\d+\d+", "(?=x)", r"(\w+)\1", "(", "", "a" * 301, "x.*y.*z"]
)
def test_what_may_take_all_time_is_not_followed(key: str) -> None:
    assert compile_patterns({key: 1.0}) is None


def test_too_many_keys_are_not_followed() -> None:
    assert compile_patterns({f"m{number}": 1.0 for number in range(MAX_KEYS + 1)}) is None
    assert compile_patterns({f".*m{number}": 1.0 for number in range(9)}) is None
