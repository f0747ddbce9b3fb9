"""What is true of the zoo, for tests and the evaluation only: the platform must find it out from pictures.

``python -m carlos_tasks.microworld.ground_truth`` writes ``ground_truth.json`` anew from ``zoo.json``, the
shipped weights and the wordings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from carlos_tasks.microworld.wordings import WORDINGS, held_out_wordings, trained_wordings
from carlos_tasks.microworld.zoo import FOLDER, SHIPPED, file_bytes, specification

PATH = FOLDER / "ground_truth.json"
TRAINED_QUERIES, HELD_OUT_QUERIES = 3, 3
# What the index must say of each file: a status, or a reason for refusing it.
SUBJECT_STATUS = {
    "scenes": "ok",
    "sleeping scenes": "ok",
    "one star": "overpowering",
    "swapped colours": "inconsistent",
}
BUILD_STATUS = {"faded": "no_effect", "exploded": "degenerate"}
SAME_EFFECT = frozenset({"prefixed", "lokr", "dora"})  # another form of a trained LoRA
BUILD_REJECTION = {
    "other_backbone": "base_model_not_indexed",
    "foreign": "no_module_matches",
    "not_finite": "weights_not_finite",
    "pickle": "pickle",
    "truncated": "truncated",
}


def build(weights: Path = SHIPPED, models: Sequence[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The whole document: one entry per file of the dump, and the queries; arguments as `zoo.write_dump`'s."""
    listed = specification()["models"] if models is None else models
    files = [_file(model, version, weights) for model in listed for version in model["versions"]]
    return {"files": files, "queries": queries()}


def _file(model: dict[str, Any], version: dict[str, Any], weights: Path) -> dict[str, Any]:
    sha256 = hashlib.sha256(file_bytes(version, weights)).hexdigest()
    entry = {
        "file_id": version["file_id"],
        "model_id": model["model_id"],
        "sha256": sha256,
        "case": "good",
        "effects": [],
        "status": None,
        "rejection": None,
        # Its page names an effect, and the file has another one, or none.
        "mislabelled": model.get("mislabelled", False),
    }
    if "weights" in version or version["build"] in SAME_EFFECT:
        recipe = specification()["loras"][version.get("weights") or version["of"]]
        status = SUBJECT_STATUS[recipe["subject"]]
        case = "good" if status == "ok" else status
        return entry | {"case": case, "effects": recipe["effects"], "status": status}
    case = version["build"]
    if case in BUILD_STATUS:
        return entry | {"case": case, "status": BUILD_STATUS[case]}
    has_wrong_hash = version.get("listed") == "whole file"
    rejection = "sha256_mismatch" if has_wrong_hash else BUILD_REJECTION[case]
    return entry | {"case": case, "rejection": rejection}


def queries() -> list[dict[str, str]]:
    """Queries for every effect, in both kinds of wording.

    Which wordings are asked for shifts from effect to effect, so that all templates have their turn.
    """
    rows = []
    for number, effect in enumerate(WORDINGS):
        for kind, texts, count in (
            ("trained", trained_wordings(effect), TRAINED_QUERIES),
            ("held_out", held_out_wordings(effect), HELD_OUT_QUERIES),
        ):
            stride = len(texts) // count
            picked = [texts[(number + turn * stride) % len(texts)] for turn in range(count)]
            rows += [{"text": text, "effect": effect, "wording": kind} for text in picked]
    return rows


def write(path: Path, weights: Path = SHIPPED, models: Sequence[dict[str, Any]] | None = None) -> None:
    """Write the document; the same bytes on every call."""
    path.write_text(json.dumps(build(weights, models), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Write the file that ships."""
    write(PATH)
    print(f"wrote {PATH}")


if __name__ == "__main__":
    main()
