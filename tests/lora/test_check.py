"""The checks of one file together: which reason comes first, and what is told of refused files."""

import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from carlos_tasks.errors import RejectedFile
from carlos_tasks.lora.check import LoraFile, examine_file, inspect_header
from carlos_tasks.lora.container.header import read_header
from carlos_tasks.lora.container.weights import scan_weights
from carlos_tasks.lora.scale.statements import scale_key
from carlos_tasks.untrusted.reasons import Reason
from tests.lora.crafted import (
    MICRO_ATTENTION,
    SD15_KOHYA,
    check_file,
    diffusers_pair,
    kohya_pair,
    micro_lora,
    write_file,
)

OTHER_HASH = "0" * 64


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def lora(tmp_path: Path) -> Path:
    metadata = {
        "ss_seed": "1",
        "modelspec.trigger_phrase": "in stripes",
        "modelspec.license": "CC0",
        "ss_base_model_version": "sdxl_base_v1-0",
        "ss_tag_frequency": '{"1_a": {"1girl": 9}}',
    }
    return write_file(tmp_path / "lora", micro_lora(rank=8), metadata)


def test_a_good_file(lora: Path) -> None:
    file = check_file(lora, sha256_claimed=sha256(lora), accepted_base_models={"micro-xl"})
    assert file == LoraFile(
        lora_id=sha256(lora),
        size_bytes=lora.stat().st_size,
        family="diffusers",
        base_model="micro-xl",
        base_model_evidence="1 of 1 modules fit by name and size; its metadata say sdxl",
        rank=8,
        n_modules=1,
        n_modules_matched=1,
        modules={"unet.attention": 1},
        tensors_sha256=scan_weights(lora, read_header(lora)).tensors_sha256,
        base_model_in_metadata="sdxl_base_v1-0",  # a claim, and wrong
        base_model_in_metadata_named="sdxl",
        license="CC0",
        trigger_words=("in stripes",),
        frequent_tags=("1girl",),
        metadata={
            "modelspec.license": "CC0",
            "modelspec.trigger_phrase": "in stripes",
            "ss_base_model_version": "sdxl_base_v1-0",
            "ss_seed": "1",
            "ss_tag_frequency": '{"1_a": {"1girl": 9}}',
        },
        scale_told_by="convention",
        is_scale_known=True,
        scale_key=scale_key({}, None),
    )


def test_the_key_of_a_scale_is_of_what_may_state_it_and_of_nothing_else(tmp_path: Path) -> None:
    keys = [
        inspect_header(write_file(tmp_path / "lora", micro_lora(), metadata)).file.scale_key
        for metadata in ({}, {"title": "x", "ss_tag_frequency": "{}"}, {"lora_alpha": "2"}, {"unet.lora_alpha": "2"})
    ]
    assert keys[0] == keys[1] and len(set(keys)) == 3
    beside = inspect_header(tmp_path / "lora", '{"lora_alpha":2.0}').file.scale_key
    assert beside not in keys


def test_metadata_is_cleaned_and_cut(tmp_path: Path) -> None:
    path = write_file(tmp_path / "lora", micro_lora(), {"a\0b": "c\0d\ne", "thumbnail": "x" * 300_000})
    file = check_file(path)
    assert file.metadata["a b"] == "cd\ne"
    assert len(file.metadata["thumbnail"]) == 200_000
    assert file.trigger_words == ()


def test_metadata_of_thousands_of_entries_are_cut(tmp_path: Path) -> None:
    path = write_file(tmp_path / "lora", micro_lora(), {f"{n:05d}": "x" for n in range(3_000)})
    assert sorted(check_file(path).metadata)[-1] == "01999"


def test_the_header_alone_tells_everything_but_hashes(lora: Path) -> None:
    verdict = inspect_header(lora)
    assert (verdict.reason, verdict.unpacked) == (None, None)
    assert verdict.file == replace(check_file(lora), lora_id="", tensors_sha256=None)
    lora.write_bytes(lora.read_bytes()[:-100])
    assert inspect_header(lora).reason is Reason.TRUNCATED
    assert inspect_header(lora).file == LoraFile("", lora.stat().st_size)


def test_edited_metadata_give_another_lora_with_the_same_weights(tmp_path: Path) -> None:
    first, second = (check_file(write_file(tmp_path / name, micro_lora(), {"a": name})) for name in ("one", "two"))
    assert first.lora_id != second.lora_id
    assert first.tensors_sha256 == second.tensors_sha256


def test_files_of_one_layout_keep_their_own_metadata_size_and_ranks(tmp_path: Path) -> None:
    files = [check_file(write_file(tmp_path / str(rank), micro_lora(rank), {"r": str(rank)})) for rank in (2, 4, 2)]
    assert [(file.rank, file.metadata["r"]) for file in files] == [(2, "2"), (4, "4"), (2, "2")]


def test_the_hash_is_compared_with_the_claim(lora: Path) -> None:
    with pytest.raises(RejectedFile, match=f"sha256_mismatch: listed as {OTHER_HASH}"):
        check_file(lora, sha256_claimed=OTHER_HASH)


def test_the_size_counts_only_without_a_hash(lora: Path) -> None:
    size = lora.stat().st_size
    check_file(lora, size_claimed=size + 1000)  # listings round to kilobytes
    check_file(lora, sha256_claimed=sha256(lora), size_claimed=7)
    with pytest.raises(RejectedFile, match="size_mismatch"):
        check_file(lora, size_claimed=size + 2000)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY_FILE),
        (b"<html>please sign in</html>", Reason.WEB_PAGE),
        (b"version https://git-lfs.github.com/spec/v1\n", Reason.LFS_POINTER),
        (b"\x80\x02}q\x00", Reason.SHA256_MISMATCH),
    ],
)
def test_what_came_in_place_of_the_bytes_says_more_than_their_hash(data: bytes, reason: Reason, tmp_path: Path) -> None:
    (tmp_path / "lora").write_bytes(data)
    assert examine_file(tmp_path / "lora", sha256_claimed=OTHER_HASH).reason is reason


def test_a_file_that_is_not_the_one_listed_tells_what_else_is_wrong_with_it(lora: Path) -> None:
    claimed = sha256(lora)
    lora.write_bytes(lora.read_bytes()[:-100])
    assert examine_file(lora).reason is Reason.TRUNCATED
    verdict = examine_file(lora, sha256_claimed=claimed)
    assert verdict.reason is Reason.SHA256_MISMATCH
    assert "; truncated: the tensors take" in verdict.detail


def test_another_backbone_is_refused_by_its_keys_not_by_its_name(tmp_path: Path) -> None:
    path = write_file(tmp_path / "lora", kohya_pair(SD15_KOHYA, 768, 320))
    with pytest.raises(RejectedFile, match=r"base_model_not_indexed: base model sd-1\.5"):
        check_file(path, accepted_base_models={"micro-xl"})
    assert check_file(path, accepted_base_models=None).base_model == "sd-1.5"


def test_family_and_base_model_are_told_of_refused_files(tmp_path: Path) -> None:
    path = write_file(tmp_path / "lora", kohya_pair(SD15_KOHYA, 768, 320) | {"embedding.weight": [4, 4]})
    verdict = examine_file(path)
    assert (verdict.reason, verdict.file.base_model) == ("family_not_supported", "sd-1.5")
    assert verdict.file.tensors_sha256 is not None


ABSURD = {
    "above 4096": kohya_pair(SD15_KOHYA, 768, 320, rank=4097),
    "wider than its module": diffusers_pair(MICRO_ATTENTION, 128, 64, rank=129),
}


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_ranks_are_refused(name: str, tmp_path: Path) -> None:
    verdict = examine_file(write_file(tmp_path / "lora", ABSURD[name]))
    assert verdict.reason is Reason.RANK_ABSURD, verdict.detail


def test_a_common_rank_on_a_narrow_module_is_none_of_them(tmp_path: Path) -> None:
    shapes = {
        "lora_unet_conv_in.lora_down.weight": [128, 4, 3, 3],
        "lora_unet_conv_in.lora_up.weight": [320, 128, 1, 1],
    }
    assert examine_file(write_file(tmp_path / "lora", shapes)).reason is not Reason.RANK_ABSURD
    assert examine_file(write_file(tmp_path / "lora", micro_lora(rank=128))).reason is None


def test_modules_that_the_backbone_lacks_are_refused(tmp_path: Path) -> None:
    astray = diffusers_pair(MICRO_ATTENTION.replace("transformer_blocks.0", "transformer_blocks.7"), 128, 64)
    none = examine_file(write_file(tmp_path / "none", astray))
    some = examine_file(write_file(tmp_path / "some", micro_lora() | astray))
    assert (none.reason, none.file.n_modules_matched) == (Reason.NO_MODULE_MATCHES, 0)
    assert (some.reason, some.file.n_modules_matched, some.file.n_modules) == (Reason.MODULES_UNMATCHED, 1, 2)


def test_weights_that_are_no_numbers_are_refused(lora: Path) -> None:
    with lora.open("r+b") as file:
        file.seek(-2, 2)
        file.write(struct.pack("<e", float("nan")))
    verdict = examine_file(lora)
    assert verdict.reason is Reason.WEIGHTS_NOT_FINITE
    assert MICRO_ATTENTION in verdict.detail
    assert inspect_header(lora).reason is None  # nobody looked


def test_every_reason_has_its_line() -> None:
    for reason in Reason:
        assert reason == reason.name.lower()
        assert reason.meaning.endswith((".", "?"))
        assert len(reason.meaning) < 110
