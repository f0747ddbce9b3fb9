"""What people call base models, and which one they mean."""

import json
import re

import pytest

from carlos_tasks.lora.backbones.claims import FILE, claim_in_metadata, read_claim, says_a_base_model
from carlos_tasks.lora.backbones.known import DATA_FILES

SOURCES = {"civitai", "hub", "name", "trainer"}
CONTENTS = json.loads(FILE.read_text())


@pytest.mark.parametrize(
    ("words", "base_model"),
    [
        ("SD 1.5", "sd-1.5"),
        ("SD 1.5 LCM", "sd-1.5"),
        ("SD 2.1 768", "sd-2.1"),
        ("SDXL 1.0", "sdxl"),
        ("SDXL Turbo", "sdxl"),
        ("SDXL Lightning", "sdxl"),
        ("Pony", "sdxl"),
        ("Pony V7", "auraflow"),
        ("Illustrious", "sdxl"),
        ("Anima", "anima"),
        ("SD 3.5 Large", "sd-3"),
        ("Flux.1 D", "flux"),
        ("Flux.2 D", "flux.2"),
        ("Flux.2 Klein 9B-base", "flux.2"),
        ("Kolors", "kolors"),
        ("Chroma", "chroma"),
        ("LTXV", "ltx-video"),
        ("LTXV 2.3", "ltx-2"),
        ("ZImageTurbo", "z-image"),
        ("Wan Video 2.2 I2V-A14B", "wan"),
        ("PixArt E", "pixart"),
        ("Qwen", "qwen-image"),
        ("Qwen 2", "qwen-image-2"),
        ("Krea 2", "krea-2"),
        ("Playground v2", "playground-v2"),
        ("Veo 3", "veo"),
        ("micro-xl", "micro-xl"),
        ("Micro XL", "micro-xl"),
    ],
)
def test_civitai_s_words_name_a_base_model(words: str, base_model: str) -> None:
    assert read_claim(words) == base_model


@pytest.mark.parametrize(
    ("words", "base_model"),
    [
        ("stabilityai/stable-diffusion-xl-base-1.0", "sdxl"),
        ("somebody/stable-diffusion-xl-base-1.0", "sdxl"),  # the table says that this name counts anywhere
        ("stabilityai/stable-diffusion-xl-refiner-1.0", "sdxl-refiner"),
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", "sd-1.5"),
        ("stabilityai/stable-diffusion-3.5-large", "sd-3"),
        ("black-forest-labs/FLUX.1-dev", "flux"),
        ("black-forest-labs/FLUX.2-klein-4B", "flux.2"),
        ("Tongyi-MAI/Z-Image-Turbo", "z-image"),
        ("purplesmartai/pony-v7-base", "auraflow"),
        ("tencent/HunyuanVideo-1.5", "hunyuan-video-1.5"),
        ("Qwen/Qwen-Image", "qwen-image"),
        ("Qwen/Qwen2.5-7B", None),
        ("somebody/pony", None),  # Civitai's word, not a name that counts for every owner
        ("somebody/sdxl-something-else", None),
        (r"C:\models\sd_xl_base_1.0.safetensors", "sdxl"),
        ("/models/v1-5-pruned-emaonly.ckpt", "sd-1.5"),
    ],
)
def test_a_repository_is_known_whole_or_by_a_name_that_the_table_lists(words: str, base_model: str | None) -> None:
    assert read_claim(words) == base_model


@pytest.mark.parametrize(
    ("words", "base_model"),
    [
        ("sdxl_base_v1-0", "sdxl"),
        ("sdxl_", "sdxl"),  # OneTrainer
        ("stable-diffusion-xl-v1-base/lora", "sdxl"),
        ("stable-diffusion-v1/textual-inversion", "sd-1.5"),
        ("stable-diffusion-v1-lora", "sd-1.5"),
        ("stable-diffusion-v2-768-v/lycoris", "sd-2.1"),
        ("stable-diffusion-3-5-large/lora", "sd-3"),
        ("flux-1-dev/lora", "flux"),
        ("Flux.1-dev/lora-depth", "flux"),
        ("wan-2_2-image2video-14b/lora", "wan"),
        ("Flux.2-klein-4b/lora", "flux.2"),
        ("flux2_klein_9b", "flux.2"),
        ("Chroma1/lora", "chroma"),
        ("hunyuan_video_1_5", "hunyuan-video-1.5"),
        ("wan2.1/lora", "wan"),
        ("lumina2", "lumina-2"),
    ],
)
def test_trainers_words_name_a_base_model(words: str, base_model: str) -> None:
    assert read_claim(words) == base_model


@pytest.mark.parametrize("words", ["SDXL 3.0", "Flux.3 Pro", "Pony V8", "SD 4", "Kolors 3", "Anima 9", "sdxl too"])
def test_what_only_begins_like_a_known_word_is_unknown(words: str) -> None:
    assert read_claim(words) is None
    assert says_a_base_model(words)


@pytest.mark.parametrize("words", ["SDXL1.0", "sdxl-1.0", "SDXL_1_0", " sdxl 1.0 ", "ＳＤＸＬ 1.0"])
def test_case_and_separators_do_not_count(words: str) -> None:
    assert read_claim(words) == "sdxl"


@pytest.mark.parametrize("words", ["", "  ", "-", "Other", "unknown", "None"])
def test_some_words_say_nothing(words: str) -> None:
    assert read_claim(words) is None
    assert not says_a_base_model(words)


@pytest.mark.parametrize(
    ("metadata", "base_model"),
    [
        ({}, None),
        ({"ss_base_model_version": "sdxl_base_v1-0"}, "sdxl"),
        ({"modelspec.architecture": "chroma/lora", "ss_base_model_version": "flux1"}, "chroma"),
        ({"modelspec.architecture": "stable-diffusion-v1/lora", "ss_base_model_version": "lumina2"}, "lumina-2"),
        ({"base_model_name_or_path": "Kwai-Kolors/Kolors", "ss_base_model_version": "sdxl_base_v1-0"}, "kolors"),
        ({"modelspec.architecture": "stable-diffusion-v1/lora", "ss_base_model_version": "sdxl_1.0"}, "sdxl"),
        ({"lora_adapter_metadata": '{"unet.base_model_name_or_path": "segmind/SSD-1B", "unet.r": 8}'}, "ssd-1b"),
        ({"lora_adapter_metadata": '{"unet.base_model_name_or_path": null}'}, None),
        ({"lora_adapter_metadata": "[1, 2"}, None),
        ({"ss_sd_model_name": "ponyDiffusionV6XL.safetensors"}, "sdxl"),
        ({"ss_sd_model_name": "my_own_merge.safetensors"}, None),
        ({"ss_sd_model_name": "x/" * 10_000 + "sd_xl_base_1.0"}, None),
    ],
)
def test_a_header_names_a_base_model(metadata: dict[str, str], base_model: str | None) -> None:
    assert claim_in_metadata(metadata) == base_model


def test_no_words_belong_to_two_base_models() -> None:
    owners: dict[str, set[str]] = {}
    for base_model, sources in CONTENTS.items():
        if base_model == "says nothing":
            continue
        assert re.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*", base_model)
        assert sources.keys() <= SOURCES
        for months in sources.values():
            assert all(re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", month) for month in months)
            for words in (text for texts in months.values() for text in texts):
                assert says_a_base_model(words)
                owners.setdefault(words, set()).add(base_model)
                assert read_claim(words) == base_model, words
    assert all(len(models) == 1 for models in owners.values())


def test_every_base_model_that_keys_tell_can_be_claimed() -> None:
    assert {name for name in DATA_FILES if read_claim(name) != name} == set()
