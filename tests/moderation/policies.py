"""A small policy as files, for tests that change a part of it."""

import json
from collections.abc import Sequence
from pathlib import Path

HEAD = """
policy = "house"
version = "1"
title = "House rules"
owner = "the desk"
due_hours = 72
effect_words = ["Watercolour"]
"""
STRIPES = """
concept_id = "stripes"
title = "Stripes"
texts = ["striped", "stripes"]
declared_as = ["stripes"]
severity = 0.5
"""
NIGHT = """
concept_id = "night"
title = "Night"
section = "light"
texts = ["at night"]
counter_texts = ["blue"]
severity = 0.0
due_hours = 24
"""
SHAPES, COLOURS = ("circle", "square", "triangle", "cross", "ring"), ("red", "green", "blue", "yellow", "cyan")
LOOKS = (
    "dotted",
    "dots",
    "framed",
    "foggy",
    "mist",
    "warm",
    "sunset",
    "grainy",
    "grid",
    "checkered",
    "blurred",
    "mirrored",
)
MORE_LOOKS = ("vignette", "pixelated", "blocks", "monochrome", "outlined", "diagonal", "rainbow", "negative", "noise")


def _list(name: str, texts: Sequence[str]) -> str:
    return f"{name} = {json.dumps(list(texts))}\n"


# Other effects are in it: every LoRA does more than draw scenes, and would be unusual among scenes alone.
NEUTRAL = _list("scenes", [f"a {colour} {shape}" for colour in COLOURS for shape in SHAPES])
NEUTRAL += _list("looks", LOOKS + MORE_LOOKS)


def write_policy(folder: Path, **files: str | None) -> str:
    """Write the policy; `stripes="…"` puts another text into stripes.toml, and None leaves the file out."""
    folder.mkdir(parents=True, exist_ok=True)
    given = {"policy": HEAD, "neutral": NEUTRAL, "stripes": STRIPES, "night": NIGHT} | files
    for name, text in given.items():
        path = folder / f"{name}.toml"
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text, encoding="utf-8")
    return str(folder)
