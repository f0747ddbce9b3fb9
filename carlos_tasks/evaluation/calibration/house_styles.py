"""Reference sets with a known truth: the house style of a studio that likes one effect of the micro world.

The pictures are rendered, not generated: no backbone and no LoRA made them, as is so with a right holder's own
pictures. Who infringes is what a LoRA was trained to do, whatever its page says.
"""

from typing import Any

from carlos_tasks.profiles.profile import Profile

N_PICTURES = 24


def has_house_styles(profile: Profile) -> bool:
    """Tell whether a profile's encoder is the micro world's, which reads its renderings as they are meant."""
    from carlos_tasks.profiles.profile import load_profile

    return profile.origin == "measured" and profile.identity.encoder == load_profile("micro").identity.encoder


def house_style(effect: str, count: int = N_PICTURES, seed: int = 7) -> list[Any]:
    """Pictures of one house style: scenes drawn at random, all with the effect. PIL images, 32 × 32."""
    import torch
    from PIL import Image

    from carlos_tasks.microworld.modifiers import apply
    from carlos_tasks.microworld.scenes import render, sample_scenes

    generator = torch.Generator().manual_seed(seed)
    scenes = sample_scenes(count, generator)
    images, distance = render(scenes)
    pixels = (apply(effect, images, distance, generator) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(picture) for picture in pixels]
