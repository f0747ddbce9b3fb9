"""What one stage leaves in the store for another, broken in every way: it costs itself alone, and is made anew.

Every kind goes through the functions that write and read it. Shards, outcomes and the baseline have tests of their own.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from PIL import Image

from carlos_tasks.errors import CarlosError, NotFound, PermanentError
from carlos_tasks.intake.commit import _counted
from carlos_tasks.intake.receipts import Verdict, read_receipt, write_receipt
from carlos_tasks.lora.check import LoraFile
from carlos_tasks.lora.sketch.kept import kept_sketch, write_sketch
from carlos_tasks.lora.sketch.sketch import SIZE, VERSION, Sketch
from carlos_tasks.reports.attribution.evidence import kept_images
from carlos_tasks.reports.bundles.document import State
from carlos_tasks.reports.bundles.stored import last_report_at
from carlos_tasks.retrieval.stored_queries import _new_objects
from carlos_tasks.retrieval.text_objects import (
    read_prompt_features,
    read_query_vector,
    write_prompt_features,
    write_query_vector,
)
from carlos_tasks.sources.mirror import Known, Mirror, Step
from carlos_tasks.store.folder import FolderStore
from carlos_tasks.store.keys import (
    evidence_key,
    intake_key,
    manifest_key,
    pages_prefix,
    polling_prefix,
    prompts_key,
    query_key,
    report_prefix,
    weight_sketch_key,
)
from carlos_tasks.untrusted.reasons import Reason
from carlos_tasks.worker.plans import LoraTask, Manifest, manifests_of, read_manifest, write_manifests
from tests.intake.small_intake import SOURCE_URI, listing, write_intake

AT = datetime(2026, 3, 1, tzinfo=UTC)
SOURCE, OTHER = "hub:https://huggingface.co", "civitai:https://civitai.com"
VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4) + 1


@dataclass(frozen=True)
class Kind:
    """One kind of object.

    Args:
        key: of the object that is broken.
        sibling: of one of the same kind; what lies there may come to lie at `key`.
        write: writes the object, its sibling, and what else is read with them. Again, it heals.
        read: what a reader gets. A line that says what is wrong may be raised.
        without: what a reader gets where the object is broken; None where it raises that line.
        undetected: damages that cannot be told from a whole object.
    """

    key: str
    sibling: str
    write: Callable[[FolderStore], object]
    read: Callable[[FolderStore], Any]
    without: Any
    undetected: tuple[str, ...] = ()


def _write_receipts(store: FolderStore) -> None:
    write_receipt(store, "receipts/1.json", Verdict(LoraFile("ab", 7, rank=4, trigger_words=("a",)), None, "1"))
    write_receipt(store, "receipts/2.json", Verdict(None, Reason.PICKLE, "no"))


def _write_plan(store: FolderStore) -> None:
    tasks = [LoraTask(f"lora{number}", f"files/{number}.safetensors", ("word",)) for number in range(3)]
    write_manifests(store, "p", [Manifest(profile_id="x", loras=(task,)) for task in tasks])


def _planned(store: FolderStore) -> list[str]:
    with_fault = [key for key in (manifest_key("p", n) for n in range(3)) if not _can_be_read(store, key)]
    assert with_fault in ([], [manifest_key("p", 1)])
    return [lora.lora_id for manifest in manifests_of(store, "p", "x") for lora in manifest.loras]


def _can_be_read(store: FolderStore, key: str) -> bool:
    try:
        read_manifest(store, key)
    except (PermanentError, NotFound):
        return False
    return True


def _write_steps(store: FolderStore) -> None:
    for number in range(3):
        step = Step(is_sweep=False, states={str(number): "state"}, cursor=f"c{number}")
        Mirror(store, SOURCE).write_step("poll", number, step)


def _steps(store: FolderStore) -> list[str | None]:
    mirror = Mirror(store, SOURCE)
    _, steps = mirror.unfinished(mirror.known()) or ("", [])
    return [step.cursor for step in steps]


def _write_known(store: FolderStore) -> None:
    Mirror(store, SOURCE).close(Known({"1": "a", "2": "b"}, has_gap=False, closed="poll"))
    Mirror(store, OTHER).close(Known({"1": "c"}, has_gap=False, closed="poll"))


def _write_pages(store: FolderStore) -> None:
    for number in range(2):
        Mirror(store, SOURCE).write_page("poll", number, b'{"items": [%d]}' % (number + 1000))


def _page(store: FolderStore) -> Any:
    mirror = Mirror(store, SOURCE)
    mirror.close(Known({"1": "a"}, has_gap=False, closed="poll"))
    assert mirror.read_page("poll/00001.json.zst") == {"items": [1001]}
    try:
        return mirror.read_page("poll/00000.json.zst")
    except PermanentError:
        assert mirror.known() == Known(closed="poll", lost=["poll/00000.json.zst"]), "all is to be read again"
        raise


def _write_texts(store: FolderStore) -> None:
    for factor, space in enumerate("st", start=1):
        write_prompt_features(store, space, ["a", "b", "c"], VECTORS * np.float32(factor))
        write_query_vector(store, space, "a sketch", VECTORS[0] * np.float32(factor))
    write_query_vector(store, "s", "a photograph", VECTORS[1])


def _features(store: FolderStore) -> list[list[float]] | None:
    found = read_prompt_features(store, "s", ["a", "b", "c"])
    return None if found is None else found.tolist()


def _queries(store: FolderStore) -> tuple[bool, list[tuple[str, list[float]]]]:
    is_kept = read_query_vector(store, "s", "a sketch", 4) is not None
    return is_kept, sorted((text, vector.tolist()) for text, vector, _ in _new_objects(store, "s", set()))


def _write_sketches(store: FolderStore) -> None:
    for number in (1, 2):
        write_sketch(store, f"lora{number}", Sketch("micro-xl", None, number, 1.0, bytes(SIZE), bytes(SIZE)))


def _sketches(store: FolderStore) -> list[int | None]:
    kept = [kept_sketch(store, f"lora{number}", "micro-xl") for number in (1, 2)]
    return [sketch.n_modules if sketch else None for sketch in kept]


def _write_manifests(store: FolderStore) -> None:
    for snapshot in (3, 4):
        at = AT.replace(day=snapshot).isoformat()
        manifest = b'{"report": "moderation", "committed_at": "%s", "summary": {}}' % at.encode()
        store.write(f"{report_prefix('moderation', 'x', snapshot)}manifest.json", manifest)


def _state(snapshot: int) -> State:
    return State("x", "x", snapshot, AT.replace(day=snapshot), AT)


def _kept_report(store: FolderStore) -> bool:
    found = last_report_at(store, "moderation", _state(5))
    assert found in {AT.replace(day=3), AT.replace(day=4)}
    return found == AT.replace(day=4)


def _write_images(store: FolderStore) -> None:
    for seed in (0, 1):
        buffer = BytesIO()
        Image.new("RGB", (64, 64), (9, seed, 99)).save(buffer, "WEBP", lossless=True)
        store.write(evidence_key("x", "a", "p", seed), buffer.getvalue())


def _write_intakes(store: FolderStore) -> None:
    for number in range(2):
        write_intake(store, [listing(file_id=str(n)) for n in range(3)], f"models/{number}.json")


def _counts(store: FolderStore) -> list[dict[str, Any]]:
    with duckdb.connect() as con:
        assert len(_counted(con, store, [intake_key(SOURCE_URI, "models/1.json")])) == 1
        return _counted(con, store, [intake_key(SOURCE_URI, "models/0.json")])


POLLING, PAGES = polling_prefix(SOURCE), pages_prefix(SOURCE)
KINDS = {
    "receipt": Kind(
        "receipts/1.json",
        "receipts/2.json",
        _write_receipts,
        lambda store: [read_receipt(store, f"receipts/{n}.json") and n for n in (1, 2)],
        [None, 2],
    ),
    "sketch": Kind(
        weight_sketch_key(VERSION, "lora1"), weight_sketch_key(VERSION, "lora2"), _write_sketches, _sketches, [None, 2]
    ),
    "plan": Kind(manifest_key("p", 1), manifest_key("p", 0), _write_plan, _planned, ["lora0", "lora2"]),
    "step": Kind(
        f"{POLLING}progress/poll/00001.json", f"{POLLING}progress/poll/00000.json", _write_steps, _steps, ["c0"]
    ),
    "known": Kind(
        f"{POLLING}known.json.zst",
        f"{polling_prefix(OTHER)}known.json.zst",
        _write_known,
        lambda store: (Mirror(store, SOURCE).known(), Mirror(store, OTHER).known().states),
        (Known(), {"1": "c"}),
    ),
    "page": Kind(f"{PAGES}poll/00000.json.zst", f"{PAGES}poll/00001.json.zst", _write_pages, _page, None),
    "prompts": Kind(prompts_key("s"), prompts_key("t"), _write_texts, _features, "absent"),
    "query": Kind(
        query_key("s", "a sketch"),
        query_key("t", "a sketch"),
        _write_texts,
        _queries,
        (False, [("a photograph", VECTORS[1].tolist())]),
    ),
    "report": Kind(
        f"{report_prefix('moderation', 'x', 4)}manifest.json",
        f"{report_prefix('moderation', 'x', 3)}manifest.json",
        _write_manifests,
        _kept_report,
        False,
        undetected=("flipped",),
    ),
    "image": Kind(
        evidence_key("x", "a", "p", 0),
        evidence_key("x", "a", "p", 1),
        _write_images,
        lambda store: sorted(kept_images(store, "x", ["a"])),
        ["evidence/a/p-1.webp"],
        undetected=("swapped", "flipped", "cut by a byte"),
    ),
    "intake": Kind(
        intake_key(SOURCE_URI, "models/0.json"),
        intake_key(SOURCE_URI, "models/1.json"),
        _write_intakes,
        _counts,
        None,
        undetected=("flipped",),
    ),
}


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGES: dict[str, Callable[[bytes, bytes], bytes | None]] = {
    "missing": lambda _own, _other: None,
    "empty": lambda _own, _other: b"",
    "cut in half": lambda own, _other: own[: len(own) // 2],
    "cut by a byte": lambda own, _other: own[:-1],
    "garbage": lambda _own, _other: bytes(range(256)) * 4,
    "zeros": lambda own, _other: bytes(len(own)),
    "not UTF-8": lambda _own, _other: b'{"a": "\xff\xfe"}',
    "deep": lambda _own, _other: b'{"a":' + b"[" * 200_000,
    "another JSON": lambda _own, _other: b"null",
    "absurd numbers": lambda _own, _other: b'{"file": {"size_bytes": 1e999}, "loras": 1e999, "committed_at": 1e999}',
    "a web page": lambda _own, _other: b"<!doctype html><title>503</title>",
    "swapped": lambda _own, other: other,
    "flipped": lambda own, _other: _flipped(own),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", KINDS)
def test_a_broken_object_costs_itself_and_is_made_anew(
    name: str, damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kind, store = KINDS[name], FolderStore(tmp_path)
    kind.write(store)
    whole = kind.read(store)
    own, other = store.read(kind.key), store.read(kind.sibling)
    broken = DAMAGES[damage](own, other)
    if broken is None:
        store.delete(kind.key)
    else:
        store.write(kind.key, broken)
    if damage in kind.undetected:
        return
    with caplog.at_level(logging.WARNING):
        if kind.without is None:
            with pytest.raises(CarlosError) as caught:
                kind.read(store)
            assert re.search(r"is no page|no object|take the shard in again", str(caught.value))
        else:
            assert kind.read(store) == (None if kind.without == "absent" else kind.without)
    assert all(len(record.getMessage()) < 2_000 for record in caplog.records)
    kind.write(store)
    assert kind.read(store) == whole


@pytest.mark.parametrize("name", sorted(KINDS.keys() - {"intake"}))
def test_what_is_larger_than_it_can_be_is_not_read(name: str, tmp_path: Path) -> None:
    kind, store = KINDS[name], FolderStore(tmp_path)
    kind.write(store)
    with (tmp_path / kind.key).open("r+b") as file:
        file.truncate(2**33)  # takes no room on the disk
    if kind.without is None:
        with pytest.raises(PermanentError, match="more than it can have"):
            kind.read(store)
    else:
        assert kind.read(store) == (None if kind.without == "absent" else kind.without)
