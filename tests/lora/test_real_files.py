"""Real files and real key layouts (`shared/data` beside the repository), each told for what it is."""

import json
from pathlib import Path

import pytest

from carlos_tasks.errors import RejectedFile
from carlos_tasks.lora.check import check_file, examine_file
from tests.lora.crafted import write_file

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data, the real files, is not here")

FILES = {
    "catundchat_sd15_axe_legacy_attnproc": ("attention-processor", "sd-1.5", 4, 128),
    "cloneofsimo_lora_disney_rank1": ("cloneofsimo", "sd-1.5", 1, 192),
    "lycoris_smart_falcon_16_lokr": ("lokr", "sd-1.5", None, 350),
    "lycoris_smart_falcon_4_lokr": ("lokr", "sd-1.5", None, 350),
}
LAYOUTS = {
    "anima_lora_lokr_format": ("lokr", "anima", "family_not_supported"),
    "flux_dora_onetrainer_format": ("dora", "flux", "family_not_supported"),
    "flux_lokr_bfl_format": ("lokr", "flux", "family_not_supported"),
    "flux_lora_aitoolkit_format": ("ai-toolkit", "flux", "family_not_supported"),
    "flux_lora_diffusers_format": ("diffusers", "flux", "base_model_not_indexed"),
    "flux_lora_kohya_format": ("kohya", "flux", "base_model_not_indexed"),
    "flux_lora_kohya_with_te1_format": ("kohya", "flux", "base_model_not_indexed"),
    "flux_lora_xlabs_format": ("xlabs", "flux", "family_not_supported"),
    "qwen_image_lora_kohya_format": ("lokr", "qwen-image", "family_not_supported"),
}


def test_the_tables_name_every_file_of_the_data() -> None:
    assert {path.stem for path in (DATA / "loras").iterdir()} == set(FILES)
    assert {path.stem for path in (DATA / "lora_keys").iterdir()} == set(LAYOUTS)


@pytest.mark.parametrize("name", FILES)
def test_real_files_are_told(name: str) -> None:
    verdict = examine_file(DATA / "loras" / f"{name}.safetensors", accepted_base_models={"sd-1.5"})
    file = verdict.file
    assert (file.family, file.base_model, file.rank, file.n_modules) == FILES[name]
    assert verdict.reason == "family_not_supported"


def test_real_metadata_is_kept() -> None:
    file = examine_file(DATA / "loras" / "lycoris_smart_falcon_16_lokr.safetensors").file
    assert file.metadata["ss_network_module"] == "lycoris.kohya"
    assert "smart falcon" in json.dumps(json.loads(file.metadata["ss_tag_frequency"]))


@pytest.mark.parametrize("name", LAYOUTS)
def test_real_layouts_are_told(name: str, tmp_path: Path) -> None:
    shapes = json.loads((DATA / "lora_keys" / f"{name}.json").read_text())
    path = write_file(tmp_path / "lora.safetensors", keep_small(shapes))
    family, base_model, reason = LAYOUTS[name]
    with pytest.raises(RejectedFile) as refused:
        check_file(path, accepted_base_models={"sd-1.5", "sdxl"})
    assert refused.value.reason == reason
    told = examine_file(path).file
    assert (told.family, told.base_model) == (family, base_model)


def keep_small(shapes: dict[str, list[int]]) -> dict[str, list[int]]:
    """Return the first three blocks of each kind: the layout is in the names, and hashing gigabytes takes minutes."""
    return {name: shape for name, shape in shapes.items() if not any(f"{i}" in split(name) for i in range(3, 60))}


def split(name: str) -> list[str]:
    return name.replace(".", "_").split("_")
