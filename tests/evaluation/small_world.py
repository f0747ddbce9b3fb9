"""A small measured lake with known answers: LoRAs that move embeddings as a text would, under the micro encoder."""

from pathlib import Path

import numpy as np

from carlos_tasks.arrays import Floats
from carlos_tasks.commit.index import commit_index
from carlos_tasks.intake.commit import commit_intake
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.retrieval.query_parts import query_vector
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from tests.commit.small_index import baseline, embedded, small_profile, write_outcome, write_shards
from tests.intake.small_intake import listing, write_intake
from tests.lakes import migrated_lake

EFFECTS = {"striped": "striped", "night": "at night", "dotted": "polka dot", "framed": "framed", "grid": "graph paper"}
"""What a LoRA of that name does: what this text means to the encoder."""

DIMENSION = 64
N_PROMPTS, SEEDS = 8, (0, 1)
N_EACH = 2
FLAGGED = 3
"""Number of the pair of the erratic LoRA that is not used."""
ERRATIC, WEAK, BROKEN = "erratic", "weak", "broken"


def lora_id(effect: str, number: int = 0) -> str:
    """An id that says what it is, as long as a hash."""
    return f"{effect}{number}".ljust(64, "0")


def make_world(folder: Path) -> tuple[Settings, Profile]:
    """Measure N_EACH LoRAs of every effect, an erratic and a weak one, and one that could not be loaded.

    The names of half of the LoRAs say what they do; those of the others say what the next effect does.
    """
    thresholds = {"strength_min": 0.5, "consistency_min": 0.1}
    profile = small_profile(
        folder / "prompts",
        N_PROMPTS,
        SEEDS,
        retrieval_prompts=load_profile("micro").retrieval_prompts.model_dump(),
        thresholds={name: {"value": value, "origin": "a test"} for name, value in thresholds.items()},
    )
    path = folder / "small.json"
    path.write_text(profile.model_dump_json())
    settings = Settings(
        store=str(folder / "store"), catalog=f"sqlite:{folder / 'catalog.sqlite'}", profile=str(path), device="cpu"
    )
    migrated_lake(settings)
    store = open_store(settings.store)
    told = list(EFFECTS)
    listed = [
        _listed(lora_id(effect, number), f"{told[(place + number) % len(told)]} maker {number}")
        for place, effect in enumerate(told)
        for number in range(N_EACH)
    ]
    listed += [_listed(lora_id(ERRATIC), ERRATIC), _listed(lora_id(WEAK), WEAK)]
    listed.append(_listed(lora_id(BROKEN), "grid of graph paper"))  # its name is right, and it does nothing at all
    commit_intake(settings, [write_intake(store, listed)])
    base = baseline(profile, DIMENSION)
    write_shards(store, profile, "base", base)
    keys = [
        embedded(store, profile, lora_id(effect, number), base + _effect(profile, EFFECTS[effect], 10 * place + number))
        for place, effect in enumerate(told)
        for number in range(N_EACH)
    ]
    noise = np.random.default_rng(99).normal(size=base.shape).astype(np.float32)
    keys.append(embedded(store, profile, lora_id(ERRATIC), base + noise, flags={FLAGGED: "black"}))
    keys.append(embedded(store, profile, lora_id(WEAK), base + np.float32(0.01) * _effect(profile, "striped", 98)))
    keys.append(write_outcome(store, profile, lora_id(BROKEN), status="unpatched", reason="no_layer_patched"))
    commit_index(settings, profile, keys)
    return settings, profile


def _listed(identity: str, name: str) -> dict[str, object]:
    return listing(
        model_id=identity[:8],
        lora_id=identity,
        lora={"base_model": "micro-xl", "rank": 4},
        name=name,
        nsfw_level=1,
        description=f"<p>It is <b>{name}</b> &amp; more</p>",
    )


def _effect(profile: Profile, text: str, seed: int) -> Floats:
    """What the text means, at length 5, with noise of its own per prompt and per pair."""
    rng = np.random.default_rng(seed)
    direction = query_vector(profile, text)
    direction = 5 * direction / np.linalg.norm(direction)
    of_prompt = np.repeat(rng.normal(size=(N_PROMPTS, DIMENSION)), len(SEEDS), axis=0)
    of_pair = rng.normal(size=(N_PROMPTS * len(SEEDS), DIMENSION))
    return np.asarray(direction + 0.25 * of_prompt + 0.25 * of_pair, np.float32)
