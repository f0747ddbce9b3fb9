"""What ships: small, safetensors only, loadable by the real classes, with every LoRA module found again."""

from pathlib import Path

import pytest
import torch

from carlos_tasks.generation.attach import attached
from carlos_tasks.microworld import modifiers
from carlos_tasks.microworld.encoder import Encoder
from carlos_tasks.microworld.figures import represent
from carlos_tasks.microworld.loras import saved_modules
from carlos_tasks.microworld.sampling import generate, load_pipeline
from carlos_tasks.microworld.scenes import render, sample_scenes
from carlos_tasks.microworld.zoo import FOLDER, specification
from carlos_tasks.microworld.zoo_figures import load_prompts

# diffusers' Euler scheduler hands a torch tensor to numpy in a way that numpy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

WEIGHTS = FOLDER / "weights"
MAX_BYTES = 24_000_000


@pytest.fixture(scope="module")
def pipeline() -> object:
    return load_pipeline(WEIGHTS / "backbone")


def test_all_weights_together_are_small() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.rglob("*") if path.is_file()) <= MAX_BYTES


def test_nothing_pickled_ships() -> None:
    endings = {path.suffix for path in WEIGHTS.rglob("*") if path.is_file()}
    assert endings <= {".safetensors", ".json", ".txt"}


def test_every_lora_of_the_specification_ships() -> None:
    assert {path.stem for path in (WEIGHTS / "zoo").iterdir()} == set(specification()["loras"])


def test_prompt_sets_are_disjoint_and_of_the_sizes_stated() -> None:
    indexing, retrieval = load_prompts("micro-indexing"), load_prompts("micro-retrieval")
    assert (len(set(indexing)), len(set(retrieval))) == (30, 40)
    assert not set(indexing) & set(retrieval)


def test_the_encoder_tells_an_effect_from_another() -> None:
    encoder = Encoder(WEIGHTS / "encoder")
    texts = encoder.texts(["a foggy picture", "a striped picture"])
    assert texts.shape == (2, 64)
    assert torch.cosine_similarity(texts[0], texts[1], dim=0) < 0.9


def test_inverted_is_the_effect_with_the_least_of_a_mean_direction() -> None:
    encoder = Encoder(WEIGHTS / "encoder")
    generator = torch.Generator().manual_seed(5)
    pictures, distance = render(sample_scenes(60, generator))
    plain = encoder.images(pictures)
    consistency = {}
    for name in modifiers.EFFECT_NAMES:
        changed = encoder.images(modifiers.apply(name, pictures, distance, generator))
        consistency[name] = represent(plain.double().numpy(), changed.double().numpy()).consistency
    assert min(consistency, key=lambda name: consistency[name]) == "inverted"


def test_every_saved_module_is_patched_and_changes_the_picture(pipeline: object) -> None:
    path = WEIGHTS / "zoo" / "striped-a.safetensors"
    prompt, seed = ["a red circle on a blue background"], [1]
    bare = generate(pipeline, prompt, seed, steps=2)
    unet = pipeline.unet  # type: ignore[attr-defined]
    before = {name: value.clone() for name, value in unet.named_parameters()}
    with attached(pipeline, path, scale=1.0):
        changed = [name for name, value in unet.named_parameters() if not torch.equal(value, before[name])]
        patched = {name.removesuffix(".weight") for name in changed}
        striped = generate(pipeline, prompt, seed, steps=2)
    assert patched == saved_modules(path)
    assert (striped - bare).abs().mean() > 0.02
    assert torch.equal(generate(pipeline, prompt, seed, steps=2), bare)


def test_a_key_of_another_layout_is_named(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "mixed.safetensors"
    save_file({"unet.mid_block.to_q.lora.down.weight": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match=r"unexpected key unet\.mid_block"):
        saved_modules(path)
