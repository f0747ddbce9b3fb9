"""One shard of a LoRA: its images are drawn once, and embedded by the encoder of every profile that lacks them."""

import io
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from carlos_tasks.aliases import Row
from carlos_tasks.device.threads import sharing_cores
from carlos_tasks.embedding.image_encoder import ImageEncoder
from carlos_tasks.generation.image_facts import PictureFacts, look_at, to_pil
from carlos_tasks.generation.sampling import images_at_once, sample_images
from carlos_tasks.lake.evidence import evidence_pairs
from carlos_tasks.lake.shards import ShardFile, write_shard
from carlos_tasks.profiles.budget import Pair
from carlos_tasks.profiles.profile import Encoder, Profile
from carlos_tasks.settings import Settings
from carlos_tasks.store.keys import evidence_key, shard_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.worker.existing import existing_shard


@dataclass(frozen=True)
class DrawnImages:
    """Images of some pairs, in the order of the pairs: as PIL images, and what was seen of each before."""

    pairs: Sequence[Pair]
    pictures: Sequence[Any]
    facts: Sequence[PictureFacts]

    def rows(self, encoder: ImageEncoder) -> list[Row]:
        """Embed them: the rows of a shard."""
        return [
            {
                "prompt_id": prompt.prompt_id,
                "seed": seed,
                "embedding": None if fact.flag == "nan" else feature,
                "image_mean": fact.mean,
                "image_std": fact.std,
                "flag": fact.flag,
            }
            for (prompt, seed), feature, fact in zip(
                self.pairs, encoder.embed_images(self.pictures), self.facts, strict=True
            )
        ]

    def evidence(self, wanted: Collection[tuple[str, int]]) -> dict[tuple[str, int], bytes]:
        """Those that are kept for people to look at, as WebP: by (prompt_id, seed)."""
        return {
            (prompt.prompt_id, seed): _webp(picture)
            for (prompt, seed), picture in zip(self.pairs, self.pictures, strict=True)
            if (prompt.prompt_id, seed) in wanted
        }


class ShardMaker:
    """Makes shards with one backbone, for profiles whose images are the same.

    Args:
        settings: images per step, threads, how many evidence images are kept.
        store: where shards and evidence go.
        device: a torch device.
        pipeline: gives the backbone, with whatever LoRA is attached to it, when something is to be drawn.
        load_encoder: gives an image encoder for a device.
    """

    def __init__(
        self,
        settings: Settings,
        store: ObjectStore,
        device: str,
        pipeline: Callable[[], Any],
        load_encoder: Callable[[Encoder, str], ImageEncoder],
    ) -> None:
        self._settings = settings
        self._store = store
        self._device = device
        self._pipeline = pipeline
        self._load_encoder = load_encoder
        self._encoders: dict[Encoder, ImageEncoder] = {}

    def add(
        self,
        files: dict[str, list[ShardFile]],
        profiles: Sequence[Profile],
        lora_id: str,
        number: int,
        pairs: Sequence[Pair],
        suffix: str,
    ) -> int:
        """Add a shard to the files of each profile, by profile_id; returns how many images that took."""
        shards, is_drawn = self.shard(profiles, lora_id, number, pairs, suffix)
        for profile_id, file in shards.items():
            files[profile_id].append(file)
        return len(pairs) if is_drawn else 0

    def shard(
        self, profiles: Sequence[Profile], lora_id: str, number: int, pairs: Sequence[Pair], suffix: str
    ) -> tuple[dict[str, ShardFile], bool]:
        """Make one shard for those of the profiles that lack it.

        Args:
            profiles: at least one, all with the same images.
            lora_id: whose shard.
            number: of the shard.
            pairs: its pairs.
            suffix: what stands behind every prompt.

        Returns:
            The shard of every profile, by profile_id, and whether anything was drawn.
        """
        keys = [(prompt.prompt_id, seed) for prompt, seed in pairs]
        files: dict[str, ShardFile] = {}
        lacking = []
        for profile in profiles:
            file = existing_shard(self._store, shard_key(profile.profile_id, lora_id, number), keys)
            if file is None:
                lacking.append(profile)
            else:
                files[profile.profile_id] = file
        if lacking:
            files |= self._made(lacking, lora_id, number, pairs, suffix)
        return files, bool(lacking)

    def _made(
        self, profiles: Sequence[Profile], lora_id: str, number: int, pairs: Sequence[Pair], suffix: str
    ) -> dict[str, ShardFile]:
        # Before anything is drawn, so that an encoder that lacks costs no image.
        encoders = [self._encoder(profile.identity.encoder) for profile in profiles]
        first = profiles[0]
        sampler = first.identity.sampler
        together = self._settings.images_per_step or images_at_once(sampler, self._device)
        with sharing_cores(self._device, self._settings.threads):
            images = sample_images(self._pipeline(), sampler, pairs, suffix, together)
            drawn = DrawnImages(pairs, [to_pil(image) for image in images], [look_at(image) for image in images])
            rows = [drawn.rows(encoder) for encoder in encoders]
        evidence = drawn.evidence(set(evidence_pairs(first, self._settings.evidence_pairs)))
        files = {}
        for profile, own in zip(profiles, rows, strict=True):
            for (prompt_id, seed), picture in evidence.items():
                self._store.write(evidence_key(profile.profile_id, lora_id, prompt_id, seed), picture)
            files[profile.profile_id] = write_shard(self._store, shard_key(profile.profile_id, lora_id, number), own)
        return files

    def _encoder(self, encoder: Encoder) -> ImageEncoder:
        if encoder not in self._encoders:
            self._encoders[encoder] = self._load_encoder(encoder, self._device)
        return self._encoders[encoder]


def _webp(picture: Any) -> bytes:
    buffer = io.BytesIO()
    # Small pictures are kept exactly; a megapixel photograph loses nothing that an analyst would see at quality 90.
    picture.save(buffer, "WEBP", lossless=picture.width * picture.height <= 256 * 256, quality=90)
    return buffer.getvalue()
