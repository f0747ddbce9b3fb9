"""Whatever JSON stands for a repository: every record comes out, nothing is raised, all of it can be stored."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carlos_tasks.sources.hub_repo import read_repo
from carlos_tasks.sources.listing import Listing
from carlos_tasks.untrusted.json_values import canonical_json
from carlos_tasks.untrusted.reasons import Reason
from tests.sources.hub_server import a_repo, weights

ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FILES = st.lists(
    st.fixed_dictionaries({}, optional={"rfilename": ODD | st.text().map("{}.pt".format), "size": ODD, "lfs": ODD})
    | ODD
)
REPOS = st.fixed_dictionaries(
    {},
    optional={"id": ODD | st.just("zebra/x"), "sha": ODD | st.just("a" * 40), "siblings": FILES | ODD}
    | dict.fromkeys(("cardData", "tags", "author", "lastModified", "private", "gated"), ODD),
)


@settings(max_examples=300, deadline=None)
@given(REPOS | ODD)
def test_any_json_is_read(repo: Any) -> None:
    records = list(read_repo(repo, "poll/00000.json.zst#1"))
    assert records
    for record in records:
        assert record.source == "hub"
        if isinstance(record, Listing):
            assert canonical_json(json.loads(record.payload)) == record.payload
            assert record.file_id.isprintable() and ".." not in record.file_id.split("/")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=30)))
def test_every_weight_file_comes_out_once(names: list[str]) -> None:
    repo = json.loads(json.dumps(a_repo(siblings=[weights(f"{name}.safetensors") for name in names])))
    records = list(read_repo(repo, "where"))
    if names:
        assert len(records) == len(names)
    else:
        (only,) = records
        assert not isinstance(only, Listing) and only.reason is Reason.NO_FILES


@pytest.mark.parametrize(
    ("path", "is_lora"),
    [
        *(("unet/adapter_model.safetensors", True), ("text_encoder_one/adapter_model.safetensors", True)),
        *(("transformer/pytorch_lora_weights.safetensors", True), ("checkpoint-500/adapter_model.bin", True)),
        *(("adapter_model.safetensors", True), ("text_encoder_2/my-LoRA.safetensors", True)),
        *(("unet/diffusion_pytorch_model.lora.safetensors", True), ("style.safetensors", True)),
        *(("unet/diffusion_pytorch_model.safetensors", False), ("text_encoder/model.safetensors", False)),
        *(("vae/model.safetensors", False), ("text_encoder_two/x.safetensors", False), ("transformer/x.pt", False)),
        *(("lora/optimizer.bin", False), ("unet/lora-00001-of-00002.safetensors", False)),
    ],
)
def test_an_adapter_is_a_lora_whatever_folder_it_is_in(path: str, is_lora: bool) -> None:
    (record,) = read_repo(a_repo(siblings=[weights(path)]), "where")
    assert isinstance(record, Listing) is is_lora
    assert isinstance(record, Listing) or record.reason is Reason.NOT_A_MODEL_FILE
