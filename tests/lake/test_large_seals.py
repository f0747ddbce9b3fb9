"""A file that is too large to be held is hashed from disk, and sealed like any other."""

import hashlib
from pathlib import Path

import pytest

from carlos_tasks.intake.source_intake import ingest_source
from carlos_tasks.lake import seals
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from tests.intake.test_source_intake import Dump, model


def test_large_files_are_sealed_with_their_hashes(
    made: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = Dump(tmp_path / "dump")
    dump.put("models/1.jsonl", model(1), model(2))
    monkeypatch.setattr(seals, "_HELD_BYTES", 0)
    ingest_source(made, f"civitai-dump:{dump.uri}")
    store = open_store(made.store)
    sealed, damages = seals.read_seals(store)
    assert not damages
    assert any("listing" in key for key in sealed)
    assert all(file.sha256 == hashlib.sha256(store.read(key)).hexdigest() for key, file in sealed.items())
