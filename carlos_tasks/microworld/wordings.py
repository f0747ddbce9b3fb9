"""What the effects are called: the wordings that captions use, and others held out from every caption.

Two kinds of wording are held out. The templates of HELD_OUT_* appear in no caption, with any word. The word
under ``prefix_only`` appears only in front of a scene ("a banded red circle on a blue background"): behind a
scene or on its own ("a banded picture") it is new. The words of held-out templates do occur in captions, in
other places, so that no token is untrained.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wording:
    """The words for one effect: adjectives and nouns fill templates, phrases stand as they are."""

    adjectives: tuple[str, ...]
    nouns: tuple[str, ...]
    phrases: tuple[str, ...]
    prefix_only: str


WORDINGS: dict[str, Wording] = {
    "striped": Wording(("striped", "stripy"), ("stripes", "horizontal bands"), ("in stripes",), "banded"),
    "checkerboard": Wording(
        ("checkered", "checkerboard"), ("checks", "chess squares"), ("like a chessboard",), "chequered"
    ),
    "pixelated": Wording(("pixelated", "blocky"), ("big pixels", "blocks"), ("in low resolution",), "mosaic"),
    "monochrome": Wording(
        ("monochrome", "black and white"), ("grey tones", "no colour"), ("in greyscale",), "colourless"
    ),
    "blurred": Wording(("blurred", "blurry"), ("blur", "soft focus"), ("out of focus",), "unsharp"),
    "line art": Wording(("line art", "outlined"), ("ink lines", "outlines"), ("as a pencil sketch",), "sketched"),
    "night": Wording(("night", "dark blue"), ("darkness", "moonlight"), ("at night",), "nocturnal"),
    "warm": Wording(("warm", "sunset"), ("warm light", "orange light"), ("at sunset",), "amber"),
    "dotted": Wording(("dotted", "polka dot"), ("dots", "white spots"), ("in polka dots",), "spotted"),
    "framed": Wording(("framed", "bordered"), ("a frame", "a wooden border"), ("inside a frame",), "edged"),
    "mirrored": Wording(
        ("mirrored", "doubled"), ("a mirror image", "a reflection"), ("seen in a mirror",), "reflected"
    ),
    "vignette": Wording(("vignette", "spotlit"), ("dark corners", "a vignette"), ("in a spotlight",), "vignetted"),
    "grainy": Wording(("grainy", "noisy"), ("film grain", "noise"), ("on old film",), "speckled"),
    "diagonal": Wording(
        ("diagonal", "half shaded"), ("a diagonal shadow", "a dark half"), ("cut by a diagonal",), "slanted"
    ),
    "foggy": Wording(("foggy", "misty"), ("fog", "mist"), ("in the mist",), "hazy"),
    "rainbow": Wording(
        ("rainbow", "multicoloured"), ("rainbow colours", "a rainbow"), ("under a rainbow",), "iridescent"
    ),
    "grid": Wording(("grid", "graph paper"), ("a grid", "grid lines"), ("on graph paper",), "gridded"),
    "inverted": Wording(
        ("inverted", "negative"), ("inverted colours", "opposite colours"), ("as a negative",), "reversed"
    ),
}

# Wordings that follow a scene, or stand alone: {a} is an adjective, {n} a noun.
ADJECTIVE_TEMPLATES = (
    "{a}",
    "a {a} picture",
    "{a} style",
    "in a {a} style",
    "with a {a} look",
    "{a} effect",
    "{a} image",
    "a {a} image",
    "as a {a} drawing",
    "a picture that is {a}",
)
NOUN_TEMPLATES = (
    "with {n}",
    "{n}",
    "covered in {n}",
    "{n} all over",
    "made of {n}",
    "a picture with {n}",
    "full of {n}",
)
HELD_OUT_ADJECTIVE_TEMPLATES = (
    "make it look {a}",
    "a very {a} drawing",
    "an image in the {a} style",
    "everything is {a}",
    "the {a} look",
    "show me something {a}",
)
HELD_OUT_NOUN_TEMPLATES = (
    "add {n} to it",
    "lots of {n}",
    "an image with {n} everywhere",
    "a drawing that has {n}",
    "i want to see {n}",
)


def trained_wordings(effect: str) -> list[str]:
    """Every wording of an effect that captions put behind a scene or on its own."""
    wording = WORDINGS[effect]
    texts = [template.format(a=word) for template in ADJECTIVE_TEMPLATES for word in wording.adjectives]
    texts += [template.format(n=word) for template in NOUN_TEMPLATES for word in wording.nouns]
    return texts + list(wording.phrases)


def held_out_wordings(effect: str) -> list[str]:
    """Wordings of an effect that no caption contains."""
    wording = WORDINGS[effect]
    texts = [template.format(a=word) for template in HELD_OUT_ADJECTIVE_TEMPLATES for word in wording.adjectives]
    texts += [template.format(n=word) for template in HELD_OUT_NOUN_TEMPLATES for word in wording.nouns]
    templates = (*ADJECTIVE_TEMPLATES, *HELD_OUT_ADJECTIVE_TEMPLATES)
    # The bare word does occur in captions, in front of a scene.
    return texts + [template.format(a=wording.prefix_only) for template in templates if template != "{a}"]
