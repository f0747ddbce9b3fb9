"""Our own samples: a folder of the same layouts as the real one, written by code, with names and numbers of its own."""

import json
from pathlib import Path

from tests.samples import civitai, lora_files, lora_keys, prompts, published, statement_schema


def write_samples(folder: Path) -> Path:
    """Write every sample, with the same contents on every call. Returns the folder."""
    for name, shapes in lora_keys.TABLES.items():
        _write(folder / "lora_keys" / f"{name}.json", shapes)
    for name, document in civitai.DOCUMENTS.items():
        _write(folder / "civitai_samples" / f"{name}.json", document)
    _write(folder / "carlos_published_prompts.json", prompts.DOCUMENT)
    _write(folder / "dsa_sor_schema.json", statement_schema.DOCUMENT)
    published.write_table(folder / "carlos_published_representations.parquet")
    lora_files.write_files(folder / "loras")
    return folder


def _write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1))
