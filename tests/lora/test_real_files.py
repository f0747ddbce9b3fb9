"""Real files and real key layouts (`shared/data` beside the repository), each told for what it is."""

import json
from pathlib import Path

import pytest

from carlos_tasks.lora.backbones.architecture import match_modules
from carlos_tasks.lora.backbones.base_model import tell_base_model
from carlos_tasks.lora.check import examine_file
from carlos_tasks.lora.container.header import read_header
from carlos_tasks.lora.families import tell_family
from tests.lora.crafted import write_file

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data, the real files, is not here")

# family, base model, rank, modules, modules that match the backbone, why it cannot be loaded
FILES = {
    "catundchat_sd15_axe_legacy_attnproc": ("attention-processor", "sd-1.5", 4, 128, 128, None),
    "cloneofsimo_lora_disney_rank1": ("cloneofsimo", "sd-1.5", 1, 192, 0, "family_not_supported"),
    "lycoris_smart_falcon_16_lokr": ("lokr", "sd-1.5", 16, 350, 350, None),
    "lycoris_smart_falcon_4_lokr": ("lokr", "sd-1.5", 4, 350, 350, None),
}
LAYOUTS = {
    # the Kronecker product of its factors is 16,384 wide, its DoRA scale 2,048 long
    "anima_lora_lokr_format": ("lokr", "anima", None, 3, None, "rank_mismatch"),
    "flux_dora_onetrainer_format": ("dora", "flux", 4, 506, 506, None),
    # the products of its factors have none of the sizes of FLUX
    "flux_lokr_bfl_format": ("lokr", "flux", None, 6, 0, "no_module_matches"),
    "flux_lora_aitoolkit_format": ("ai-toolkit", "flux", 16, 228, 228, None),
    "flux_lora_diffusers_format": ("diffusers", "flux", 32, 494, 494, None),
    "flux_lora_kohya_format": ("kohya", "flux", 16, 304, 304, None),
    "flux_lora_kohya_with_te1_format": ("kohya", "flux", 4, 376, 376, None),
    "flux_lora_xlabs_format": ("xlabs", "flux", 16, 12, 12, None),
    # a matrix product fits Qwen-Image's sizes, LoKr's Kronecker product does not
    "qwen_image_lora_kohya_format": ("lokr", "qwen-image", None, 8, 0, "no_module_matches"),
}


def test_the_tables_name_every_file_of_the_data() -> None:
    assert {path.stem for path in (DATA / "loras").iterdir()} == set(FILES)
    assert {path.stem for path in (DATA / "lora_keys").iterdir()} == set(LAYOUTS)


@pytest.mark.parametrize("name", FILES)
def test_real_files_are_told(name: str) -> None:
    assert tell(DATA / "loras" / f"{name}.safetensors") == FILES[name]


@pytest.mark.parametrize("name", LAYOUTS)
def test_real_layouts_are_told(name: str, tmp_path: Path) -> None:
    shapes = json.loads((DATA / "lora_keys" / f"{name}.json").read_text())
    assert tell(write_file(tmp_path / "lora.safetensors", shapes)) == LAYOUTS[name]


def tell(path: Path) -> tuple[str, str, int | None, int, int | None, str | None]:
    """The verdict from the header alone: some of these files are gigabytes of zeros."""
    header = read_header(path)
    family, base_model = tell_family(header), tell_base_model(header)[0]
    finding = match_modules(header, family.family, base_model)
    fault = family.fault or finding.fault
    reason = fault[0].value if fault else None
    return family.family.value, base_model, family.rank, family.n_modules, finding.n_matched, reason


def test_real_files_are_refused_or_not_by_the_checks_as_a_whole() -> None:
    for name, told in FILES.items():
        path = DATA / "loras" / f"{name}.safetensors"
        verdict = examine_file(path, accepted_base_models={"sd-1.5"})
        assert (verdict.reason, verdict.file.n_modules_matched) == (told[5], told[4])
        assert examine_file(path, accepted_base_models={"sdxl"}).reason in ("base_model_not_indexed", told[5])


def test_a_real_trainer_s_facts_are_told() -> None:
    file = examine_file(DATA / "loras" / "lycoris_smart_falcon_16_lokr.safetensors").file
    assert (file.alpha, file.frequent_tags[0], len(file.frequent_tags)) == (16.0, r"smart falcon \(umamusume\)", 20)
    assert file.modules == {
        "text_encoder.attention": 48,
        "text_encoder.feed_forward": 24,
        "unet.attention": 128,
        "unet.convolution": 64,
        "unet.feed_forward": 32,
        "unet.modulation": 22,
        "unet.projection": 32,
    }


def test_real_metadata_is_kept() -> None:
    file = examine_file(DATA / "loras" / "lycoris_smart_falcon_16_lokr.safetensors").file
    assert file.metadata["ss_network_module"] == "lycoris.kohya"
    assert "smart falcon" in json.dumps(json.loads(file.metadata["ss_tag_frequency"]))
