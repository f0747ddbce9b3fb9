"""Files and key layouts of many trainers, our own and the real ones, each told for what it is."""

import json
from pathlib import Path

from carlos_tasks.lora.backbones.architecture import match_modules
from carlos_tasks.lora.backbones.base_model import tell_base_model
from carlos_tasks.lora.check import LoraFile, examine_file
from carlos_tasks.lora.container.header import read_header
from carlos_tasks.lora.families import tell_family
from tests.lora.crafted import write_file
from tests.samples.real import Samples

Told = tuple[str, str, int | None, int, int | None, str | None]

# family, base model, rank, modules, modules that match the backbone, why it cannot be loaded
FILES: dict[str, dict[str, Told]] = {
    "own": {
        "own_legacy_attnproc": ("attention-processor", "sd-1.5", 2, 24, 24, None),
        "own_numbered": ("cloneofsimo", "sd-1.5", 2, 4, 0, "family_not_supported"),
        "own_crane_6_lokr": ("lokr", "sd-1.5", 6, 13, 13, None),
        "own_crane_3_lokr": ("lokr", "sd-1.5", 3, 13, 13, None),
    },
    "real": {
        "catundchat_sd15_axe_legacy_attnproc": ("attention-processor", "sd-1.5", 4, 128, 128, None),
        "cloneofsimo_lora_disney_rank1": ("cloneofsimo", "sd-1.5", 1, 192, 0, "family_not_supported"),
        "lycoris_smart_falcon_16_lokr": ("lokr", "sd-1.5", 16, 350, 350, None),
        "lycoris_smart_falcon_4_lokr": ("lokr", "sd-1.5", 4, 350, 350, None),
    },
}
LAYOUTS: dict[str, dict[str, Told]] = {
    "own": {
        "anima_lora_lokr_format": ("lokr", "anima", None, 2, None, "rank_mismatch"),
        "flux_dora_onetrainer_format": ("dora", "flux", 3, 51, 51, None),
        "flux_lokr_bfl_format": ("lokr", "flux", None, 3, 0, "no_module_matches"),
        "flux_lokr_bfl_whole_format": ("lokr", "flux", None, 3, 3, None),
        "flux_lora_aitoolkit_format": ("ai-toolkit", "flux", 12, 22, 22, None),
        "flux_lora_diffusers_format": ("diffusers", "flux", 10, 46, 46, None),
        "flux_lora_kohya_format": ("kohya", "flux", 8, 29, 29, None),
        "flux_lora_kohya_with_te1_format": ("kohya", "flux", 6, 41, 41, None),
        "flux_lora_xlabs_format": ("xlabs", "flux", 5, 8, 8, None),
        "qwen_image_lora_kohya_format": ("lokr", "qwen-image", None, 4, 0, "no_module_matches"),
    },
    "real": {
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
    },
}
LOKR = {"own": "own_crane_6_lokr", "real": "lycoris_smart_falcon_16_lokr"}
MODULES = {
    "own": {
        "text_encoder.attention": 2,
        "text_encoder.feed_forward": 1,
        "unet.attention": 3,
        "unet.convolution": 2,
        "unet.feed_forward": 2,
        "unet.modulation": 1,
        "unet.projection": 2,
    },
    "real": {
        "text_encoder.attention": 48,
        "text_encoder.feed_forward": 24,
        "unet.attention": 128,
        "unet.convolution": 64,
        "unet.feed_forward": 32,
        "unet.modulation": 22,
        "unet.projection": 32,
    },
}
#: What a trainer says of its LoKr: alpha, the most frequent of 20 tags, a word that stands in all of them.
FACTS = {
    "own": (6.0, r"paper crane \(origami\)", "paper crane"),
    "real": (16.0, r"smart falcon \(umamusume\)", "smart falcon"),
}


def test_every_file_is_told(samples: Samples) -> None:
    told = {path.stem: tell(path) for path in (samples.folder / "loras").iterdir()}
    assert told == FILES[samples.kind]


def test_every_layout_is_told(samples: Samples, tmp_path: Path) -> None:
    told = {
        path.stem: tell(write_file(tmp_path / "lora.safetensors", json.loads(path.read_text())))
        for path in (samples.folder / "lora_keys").iterdir()
    }
    assert told == LAYOUTS[samples.kind]


def tell(path: Path) -> Told:
    """The verdict from the header alone: some of these files are gigabytes of zeros."""
    header = read_header(path)
    family, base_model = tell_family(header), tell_base_model(header)[0]
    finding = match_modules(header, family.family, base_model)
    fault = family.fault or finding.fault
    reason = fault[0].value if fault else None
    return family.family.value, base_model, family.rank, family.n_modules, finding.n_matched, reason


def test_files_are_refused_or_not_by_the_checks_as_a_whole(samples: Samples) -> None:
    for name, told in FILES[samples.kind].items():
        path = samples.folder / "loras" / f"{name}.safetensors"
        verdict = examine_file(path, accepted_base_models={"sd-1.5"})
        assert (verdict.reason, verdict.file.n_modules_matched) == (told[5], told[4])
        assert examine_file(path, accepted_base_models={"sdxl"}).reason in ("base_model_not_indexed", told[5])


def lokr_of(samples: Samples) -> LoraFile:
    return examine_file(samples.folder / "loras" / f"{LOKR[samples.kind]}.safetensors").file


def test_a_trainer_s_facts_are_told(samples: Samples) -> None:
    alpha, tag, _ = FACTS[samples.kind]
    file = lokr_of(samples)
    assert (file.alpha, file.frequent_tags[0], len(file.frequent_tags)) == (alpha, tag, 20)
    assert file.modules == MODULES[samples.kind]


def test_a_trainer_s_metadata_is_kept(samples: Samples) -> None:
    metadata = lokr_of(samples).metadata
    assert metadata["ss_network_module"] == "lycoris.kohya"
    assert FACTS[samples.kind][2] in json.dumps(json.loads(metadata["ss_tag_frequency"]))
