"""The checks of one file together: which reason comes first, and what is told of refused files."""

import hashlib
from pathlib import Path

import pytest

from carlos_tasks.errors import RejectedFile
from carlos_tasks.lora.check import LoraFile, check_file, examine_file
from carlos_tasks.lora.reasons import Reason
from tests.lora.crafted import SD15_KOHYA, kohya_pair, micro_lora, write_file

OTHER_HASH = "0" * 64


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def lora(tmp_path: Path) -> Path:
    metadata = {"ss_seed": "1", "modelspec.trigger_phrase": "in stripes", "ss_tag_frequency": '{"1_a": {"1girl": 9}}'}
    return write_file(tmp_path / "lora", micro_lora(rank=8), metadata)


def test_a_good_file(lora: Path) -> None:
    file = check_file(lora, sha256_claimed=sha256(lora), accepted_base_models={"micro-xl"})
    assert file == LoraFile(
        lora_id=sha256(lora),
        size_bytes=lora.stat().st_size,
        family="diffusers",
        base_model="micro-xl",
        base_model_evidence="cross-attention reads text features of width 128",
        rank=8,
        n_modules=1,
        trigger_words=("in stripes",),
        metadata={
            "modelspec.trigger_phrase": "in stripes",
            "ss_seed": "1",
            "ss_tag_frequency": '{"1_a": {"1girl": 9}}',
        },
    )


def test_metadata_is_cleaned_and_cut(tmp_path: Path) -> None:
    path = write_file(tmp_path / "lora", micro_lora(), {"a\0b": "c\0d\ne", "thumbnail": "x" * 300_000})
    file = check_file(path)
    assert file.metadata["a b"] == "cd\ne"
    assert len(file.metadata["thumbnail"]) == 200_000
    assert file.trigger_words == ()


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
    path = write_file(tmp_path / "lora", {f"{SD15_KOHYA}.lokr_w1": [8, 24], f"{SD15_KOHYA}.lokr_w2": [40, 32]})
    verdict = examine_file(path)
    assert (verdict.reason, verdict.file.family, verdict.file.base_model) == ("family_not_supported", "lokr", "sd-1.5")


def test_every_reason_has_its_line() -> None:
    for reason in Reason:
        assert reason == reason.name.lower()
        assert reason.meaning.endswith(".")
        assert len(reason.meaning) < 110
