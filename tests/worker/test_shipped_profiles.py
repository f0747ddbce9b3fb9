"""Every profile that ships is measured, from its baseline to its embeddings, with a tiny pipeline of its classes.

Everything else is the profile's own: precision, scheduler, guidance, prompts, order and looks.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carlos_tasks.generation.backbone import load_backbone
from carlos_tasks.generation.random_weights import write_random_lora
from carlos_tasks.lake.outcomes import OutcomeRecord, read_outcome
from carlos_tasks.lake.shards import read_shard
from carlos_tasks.profiles.budget import Budget
from carlos_tasks.profiles.profile import Profile, load_profile, shipped_profiles
from carlos_tasks.profiles.prompts import PromptFile
from carlos_tasks.profiles.resources import folder_digest
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE, outcome_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.worker.worker import Worker
from tests.commit.small_index import few_prompts
from tests.generation.tiny_pipelines import SIZE_PX, save_tiny_pipeline
from tests.worker.workers import put

PIPELINES = {
    "sd-1.5": "StableDiffusionPipeline",
    "sdxl": "StableDiffusionXLPipeline",
    "sd-3": "StableDiffusion3Pipeline",
    "flux": "FluxPipeline",
    "qwen-image": "QwenImagePipeline",
}
SHIPPED = [
    name
    for name in shipped_profiles()
    if load_profile(name).origin == "measured" and load_profile(name).identity.backbone.base_model != "micro-xl"
]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders with a tiny pipeline, by base model; each is made once."""
    folder = tmp_path_factory.mktemp("weights")
    for base_model in PIPELINES:
        save_tiny_pipeline(base_model, folder / base_model)
    return {base_model: folder / base_model for base_model in PIPELINES}


def tiny(profile: Profile, folder: Path, micro: Profile) -> Profile:
    """The profile with the weights in a folder, small pictures, two steps, four pairs and the micro world's encoder."""
    identity = profile.identity
    sampler = identity.sampler.model_copy(update={"steps": 2, "width_px": SIZE_PX, "height_px": SIZE_PX})
    own = {"uri": str(folder), "revision": folder_digest(folder), "variant": None}
    backbone = identity.backbone.model_copy(update=own)
    prompts = PromptFile.model_validate(few_prompts(folder.parent / "prompts", "few", 4))
    encoder = micro.identity.encoder
    changed = {"backbone": backbone, "sampler": sampler, "encoder": encoder, "prompts": prompts, "seeds": (0,)}
    budget = profile.budget or load_profile("sdxl-quick").budget
    assert isinstance(budget, Budget)
    return profile.model_copy(
        update={
            "identity": identity.model_copy(update=changed),
            "budget": budget.model_copy(update={"looks": (2, 4)}),
            "pairs_per_shard": 2,
        }
    )


def embeddings(store: ObjectStore, outcome: OutcomeRecord) -> dict[tuple[str, int], Any]:
    tables = [read_shard(store.read(file.key))[0] for file in outcome.shards]
    assert {flag for table in tables for flag in table["flag"].to_pylist()} == {None}
    return {(row["prompt_id"], row["seed"]): row["embedding"] for table in tables for row in table.to_pylist()}


# SDXL in float16 decodes in float32, which diffusers 0.42 does by what it calls deprecated itself.
@pytest.mark.filterwarnings("ignore:`upcast_vae` is deprecated:FutureWarning")
@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_profile_is_measured(name: str, weights: dict[str, Path], micro: Profile, tmp_path: Path) -> None:
    shipped = load_profile(name)
    base_model = shipped.identity.backbone.base_model
    profile = tiny(shipped, weights[base_model], micro)
    pipeline = load_backbone(profile.identity, "cpu")
    assert type(pipeline).__name__ == PIPELINES[base_model]
    assert type(pipeline.scheduler).__name__ == shipped.identity.sampler.scheduler
    write_random_lora(pipeline, tmp_path / "random.safetensors")
    store = open_store(str(tmp_path / "store"))
    worker = Worker(Settings(store=str(tmp_path / "store"), images_per_step=2, evidence_pairs=1), [profile], store)
    assert worker.make_baseline(lambda _: None) == 4
    (outcome,) = worker.index(put(store, tmp_path / "random.safetensors"), lambda _: None)
    assert (outcome.status, outcome.n_pairs) == ("embedded", 4), outcome.detail
    assert outcome.modules_saved == outcome.modules_patched and outcome.modules_saved
    with_lora = embeddings(store, outcome)
    bare = embeddings(store, read_outcome(store, outcome_key(profile.profile_id, BASELINE), profile.profile_id))
    assert len(with_lora) == 4 and with_lora.keys() == bare.keys()
    moved = [np.linalg.norm(np.subtract(with_lora[pair], bare[pair])) for pair in bare]
    assert min(moved) > 0


def test_weights_that_cannot_be_had_are_one_line(micro: Profile, weights: dict[str, Path], tmp_path: Path) -> None:
    from carlos_tasks.errors import PassingError, ProfileMismatch

    (tmp_path / "empty").mkdir()
    empty = tiny(load_profile("sd15"), tmp_path / "empty", micro)
    with pytest.raises(PassingError, match=r"the weights of .*empty at sha256:\w+ cannot be had"):
        load_backbone(empty.identity, "cpu")
    with pytest.raises(ProfileMismatch, match="pinned by a commit, not by 'main'"):
        load_backbone(load_profile("pony").identity, "cpu")
