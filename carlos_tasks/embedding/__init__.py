"""CLIP features of images and texts, raw: never normalised, never halved (Strength is a length)."""
