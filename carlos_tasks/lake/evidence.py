"""The kept images of a hit, beside those of the bare backbone: what a score stands on, to look at."""

from collections.abc import Sequence

from carlos_tasks.profiles.profile import Profile
from carlos_tasks.store.keys import BASELINE, evidence_prefix
from carlos_tasks.store.objects import Objects

Evidence = list[dict[str, str | None]]


def evidence_pairs(profile: Profile, count: int) -> list[tuple[str, int]]:
    """The (prompt_id, seed) whose images are kept: prompts spread evenly over the set, the first seed.

    Where the profile has a budget, they are of the first look, which every LoRA has.
    """
    prompts = profile.indexing_prompts().prompts
    if profile.budget:
        first = {prompt.prompt_id for prompt, _ in profile.drawn()[: profile.looks()[0]]}
        prompts = tuple(prompt for prompt in prompts if prompt.prompt_id in first)
    count = min(count, len(prompts))
    return [(prompts[i * len(prompts) // count].prompt_id, profile.identity.seeds[0]) for i in range(count)]


def evidence(store: Objects, profile_id: str, lora_ids: Sequence[str]) -> dict[str, Evidence]:
    """The evidence of some LoRAs, by one listing each.

    Returns:
        lora_id to its kept images, sorted: `pair` (prompt and seed), `lora` (URL of the image with it) and `baseline`
        (URL of the image without it, or None where that was not kept).
    """
    if not lora_ids:
        return {}
    kept = image_keys(store, profile_id, [BASELINE, *lora_ids])
    baseline = {pair: store.url(key) for pair, key in kept[BASELINE].items()}
    return {
        lora_id: [
            {"pair": pair, "lora": store.url(key), "baseline": baseline.get(pair)}
            for pair, key in kept[lora_id].items()
        ]
        for lora_id in lora_ids
    }


def image_keys(store: Objects, profile_id: str, lora_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """The kept images of some LoRAs, several listings at a time: by lora_id their keys by pair, sorted."""
    prefixes = [evidence_prefix(profile_id, lora_id) for lora_id in lora_ids]
    return {
        lora_id: {key.removeprefix(prefix).removesuffix(".webp"): key for key in keys if key.endswith(".webp")}
        for lora_id, prefix, keys in zip(lora_ids, prefixes, store.keys(prefixes), strict=True)
    }
