"""Sketches in the store: the intake makes one while a file is at hand, so that no commit has to fetch it again."""

import base64
import tempfile
from pathlib import Path

from carlos_tasks.errors import NotFound, PermanentError, RejectedFile
from carlos_tasks.lora.check import sha256_of
from carlos_tasks.lora.sketch.sketch import SIZE, VERSION, Sketch, WithoutSketch, sketch_file
from carlos_tasks.store.keys import weight_sketch_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.store.sealed import read_sealed, write_sealed


def keep_sketch(store: ObjectStore, path: Path, lora_id: str, base_model: str, stated_scale: str | None) -> None:
    """Describe an accepted file and keep the sketch, unless there is one."""
    if kept_sketch(store, lora_id, base_model) is None:
        write_sketch(store, lora_id, sketch_file(path, base_model, stated_scale))


def sketch_of(store: ObjectStore, lora_id: str, base_model: str, file_key: str, stated_scale: str | None) -> Sketch:
    """Return the sketch of a LoRA; where the intake of an older version left none, it is made of the file.

    Raises:
        PassingError: the store does not answer.
    """
    if kept := kept_sketch(store, lora_id, base_model):
        return kept
    with tempfile.TemporaryDirectory(prefix="carlos-weights-") as room:
        path = Path(room) / "file"
        try:
            store.download(file_key, path)
            if sha256_of(path) != lora_id:
                return Sketch(base_model, WithoutSketch.FILE_CHANGED)
            sketch = sketch_file(path, base_model, stated_scale)
        except NotFound:
            return Sketch(base_model, WithoutSketch.NO_FILE)
        except RejectedFile:  # an older version let it in
            return Sketch(base_model, WithoutSketch.NOT_MATCHED)
    write_sketch(store, lora_id, sketch)
    return sketch


def write_sketch(store: ObjectStore, lora_id: str, sketch: Sketch) -> None:
    """Keep a sketch."""
    content = {
        "base_model": sketch.base_model,
        "reason": sketch.reason,
        "n_modules": sketch.n_modules,
        "change_norm": sketch.change_norm,
        "change": base64.b64encode(sketch.change).decode(),
        "output": base64.b64encode(sketch.output).decode(),
    }
    write_sealed(store, weight_sketch_key(VERSION, lora_id), content)


def kept_sketch(store: ObjectStore, lora_id: str, base_model: str) -> Sketch | None:
    """Read a sketch; one that is broken, or for another base model, counts as none."""
    try:
        read = read_sealed(store, weight_sketch_key(VERSION, lora_id))
        sketch = Sketch(
            str(read["base_model"]),
            WithoutSketch(read["reason"]) if read["reason"] else None,
            int(read["n_modules"]),
            float(read["change_norm"]),
            *(base64.b64decode(read[name], validate=True) for name in ("change", "output")),
        )
    except (NotFound, PermanentError, KeyError, TypeError, ValueError, OverflowError):
        return None
    return sketch if sketch.base_model == base_model and _is_whole(sketch) else None


def _is_whole(sketch: Sketch) -> bool:
    return len(sketch.change) == len(sketch.output) == (SIZE if sketch.reason is None else 0)
