"""A small lake with planted infringers: LoRAs that move embeddings as a studio's pictures lie off the baseline's."""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from carlos_tasks.arrays import Floats
from carlos_tasks.commit.index import commit_index
from carlos_tasks.embedding.encoder import load_encoder
from carlos_tasks.intake.commit import commit_intake
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import evidence_key
from tests.commit.small_index import baseline, embedded, small_profile, write_shards
from tests.intake.small_intake import listing, write_intake
from tests.lakes import migrated_lake

DIMENSION, N_INNOCENT, N_INFRINGERS = 64, 36, 3
HOSTILE = '<script>alert(1)</script>=cmd|"/c calc"!A0'
RIGHT_TO_LEFT = "@שלום <b>"
TAGS = {"1_studio": {"studio plate": 12, "=linocut": 3}, "2_more": {"studio plate": 5}}
TOML = """title = "House style"
rights_holder = "Example Studio"
provenance = "Drawn for a test"
licence = "CC0-1.0"
collected_at = 2026-02-03
"""


def innocent(number: int) -> str:
    """Id of an innocent LoRA."""
    return f"{number:02d}".ljust(64, "a")


def infringer(number: int) -> str:
    """Id of a LoRA that copies the style."""
    return f"f{number}".ljust(64, "b")


def plate(number: int) -> Image.Image:
    """A picture of the house style: bars in red, each picture its own."""
    image = Image.new("RGB", (32, 32), (250, 240, 220))
    for bar in range(0, 32, 6):
        ImageDraw.Draw(image).rectangle((bar, number % 4, bar + 2 + number % 2, 31 - number % 5), fill=(200, 10, 20))
    return image


def write_set(folder: Path, count: int = 6, toml: str = TOML) -> Path:
    """A reference set of some plates."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        plate(number).save(folder / f"plate-{number}.png")
    if toml:
        (folder / "reference.toml").write_text(toml, encoding="utf-8")
    return folder


def make_studio(folder: Path) -> tuple[Settings, Profile]:
    """Measure innocents, each with an effect of its own, and infringers; pictures are kept of the first infringer."""
    micro = load_profile("micro")
    profile = small_profile(
        folder / "prompts", 6, (0, 1), retrieval_prompts=micro.retrieval_prompts.model_dump(), policy=micro.policy
    )
    path = folder / "small.json"
    path.write_text(profile.model_dump_json())
    settings = Settings(
        store=str(folder / "store"), catalog=f"sqlite:{folder / 'catalog.sqlite'}", profile=str(path), device="cpu"
    )
    migrated_lake(settings)
    store = open_store(settings.store)
    base = baseline(profile, DIMENSION)
    style = _style(profile, base)
    write_shards(store, profile, "base", base)
    effects = {innocent(n): np.random.default_rng(n).normal(size=DIMENSION) for n in range(N_INNOCENT)}
    effects |= {infringer(n): style + 0.02 * n for n in range(N_INFRINGERS)}
    commit_intake(settings, [write_intake(store, [_listed(lora_id) for lora_id in effects])])
    keys = [embedded(store, profile, lora_id, _moved(base, effects[lora_id], n)) for n, lora_id in enumerate(effects)]
    for lora_id in ("base", infringer(0)):
        store.write(evidence_key(profile.profile_id, lora_id, "p", 0), _webp(plate(lora_id == "base")))
    commit_index(settings, profile, keys)
    return settings, profile


def _style(profile: Profile, base: Floats) -> np.ndarray:
    """What the studio's pictures show that the baseline's do not, at the length of an innocent's effect."""
    shown = load_encoder(profile.identity.encoder, "cpu").embed_images([plate(n) for n in range(6)]).mean(axis=0)
    direction = shown - base.mean(axis=0)
    return np.asarray(np.sqrt(DIMENSION) * direction / np.linalg.norm(direction))


def _moved(base: Floats, effect: np.ndarray, seed: int) -> Floats:
    rng = np.random.default_rng(1000 + seed)
    return np.asarray(base + effect + 0.5 * rng.normal(size=base.shape), np.float32)


def _listed(lora_id: str) -> dict[str, object]:
    is_first = lora_id == infringer(0)
    metadata = {"ss_tag_frequency": json.dumps(TAGS), "ss_output_name": "plates_v2"} if is_first else {}
    return listing(
        model_id=lora_id[:4],
        lora_id=lora_id,
        lora={"base_model": "micro-xl", "rank": 4, "metadata": json.dumps(metadata), "trigger_words": ["zqplate"]},
        name=HOSTILE if is_first else RIGHT_TO_LEFT if lora_id == infringer(1) else f"LoRA {lora_id[:2]}",
        description="<p>An honest <b>watercolour</b></p>" if is_first else "",
        payload=json.dumps({"version": {"air": f"urn:air:microxl:lora:civitai:1@{lora_id[:2]}"}}),
    )


def _webp(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()
