"""Describing the LoRAs of a lake: once, at any kill, and the nearest by their weights as brute force has them."""

import json
from pathlib import Path

import duckdb
import numpy as np
import pytest

from carlos_tasks.commit import weight_sketches
from carlos_tasks.commit.alike_weights import ENOUGH, NEAREST, Sketches, near_pairs
from carlos_tasks.commit.weight_sketches import commit_weights
from carlos_tasks.intake.commit import commit_intake
from carlos_tasks.lora.check import examine_file
from carlos_tasks.lora.sketch.kept import keep_sketch, sketch_of
from carlos_tasks.lora.sketch.sketch import SIZE, VERSION, WithoutSketch, sketch_file
from carlos_tasks.microworld.zoo import WEIGHTS
from carlos_tasks.settings import Settings
from carlos_tasks.store.keys import file_key, weight_sketch_key
from carlos_tasks.store.objects import ObjectStore
from tests.conftest import Rows
from tests.intake.small_intake import FACTS, listing, write_intake
from tests.lora.crafted import write_file

TESTED_SQL = {"add_alike_weights", "add_weight_sketches"}
SLUGS = ("night-a", "night-b", "warm-a", "grid-a")


def shelve(settings: Settings, store: ObjectStore, paths: list[Path], base_model: str = "micro-xl") -> dict[str, str]:
    """Put files into the store and the lake, as an older version did that knew no sketches; ids by file name."""
    ids = {path.stem: examine_file(path).file.lora_id for path in paths}
    for path in paths:
        store.upload(path, file_key(ids[path.stem]))
    listed = [
        listing(
            file_id=str(number),
            lora_id=lora_id,
            lora=FACTS | {"file_key": file_key(lora_id), "base_model": base_model},
        )
        for number, lora_id in enumerate(ids.values())
    ]
    commit_intake(settings, [write_intake(store, listed, f"models/{paths[0].stem}.json")])
    return ids


@pytest.fixture
def shelved(made: Settings, place: ObjectStore) -> dict[str, str]:
    return shelve(made, place, [WEIGHTS / f"{slug}.safetensors" for slug in SLUGS])


def test_loras_of_before_are_described_and_a_second_run_changes_nothing(
    made: Settings, shelved: dict[str, str], rows: Rows
) -> None:
    first = commit_weights(made)
    assert (first.n_described, first.without) == (len(SLUGS), {})
    expected = {shelved[slug]: sketch_file(WEIGHTS / f"{slug}.safetensors", "micro-xl") for slug in SLUGS}
    read = rows("select lora_id, change_sketch, output_sketch, change_norm, n_modules from core.weight_sketch")
    assert {i: (c, o, norm, n) for i, c, o, norm, n in read} == {
        i: (s.change, s.output, s.change_norm, s.n_modules) for i, s in expected.items()
    }
    snapshots = rows("select count(*) from carlos.snapshots()")
    assert commit_weights(made).n_described == 0
    assert rows("select count(*) from carlos.snapshots()") == snapshots


def test_batches_find_the_same_pairs_in_any_cut(made: Settings, shelved: dict[str, str], rows: Rows) -> None:
    assert commit_weights(made, batch=3).n_pairs == 6  # of four LoRAs, every pair
    nearest = rows("select lora_id, other_id from core.alike_weights order by output_cosine desc limit 1")
    assert nearest == [tuple(sorted((shelved["night-a"], shelved["night-b"])))]


def test_a_killed_run_goes_on_where_it_was(
    made: Settings, shelved: dict[str, str], rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []

    def dies(store: ObjectStore, lora_id: str, *rest: str) -> object:
        if len(taken) == 3:
            raise KeyboardInterrupt
        taken.append(lora_id)
        return sketch_of(store, lora_id, *rest)

    def counted(store: ObjectStore, *, lora_id: str, base_model: str, file_key: str, stated_scale: str) -> object:
        return dies(store, lora_id, base_model, file_key, stated_scale)

    with monkeypatch.context() as patch:
        patch.setattr(weight_sketches, "sketch_of", counted)
        with pytest.raises(KeyboardInterrupt):
            commit_weights(made, batch=2)
    assert rows("select count(*) from core.weight_sketch") == [(2,)]
    commit_weights(made)
    assert rows("select count(*), count(distinct lora_id) from core.weight_sketch") == [(4, 4)]
    assert rows("select count(*) from core.alike_weights") == [(6,)]


def test_what_the_intake_kept_is_used_and_the_file_is_not_fetched(
    made: Settings, place: ObjectStore, rows: Rows
) -> None:
    path = WEIGHTS / "night-a.safetensors"
    lora_id = examine_file(path).file.lora_id
    keep_sketch(place, path, lora_id, "micro-xl", None)
    shelve(made, place, [path])
    place.delete(file_key(lora_id))
    commit_weights(made)
    assert rows("select reason, n_modules from core.weight_sketch") == [(None, 84)]


@pytest.mark.parametrize(
    "spoilt", [b"{}", b"no json", json.dumps({"base_model": "micro-xl", "reason": "unheard of"}).encode()]
)
def test_a_broken_sketch_is_made_again(
    made: Settings, shelved: dict[str, str], place: ObjectStore, spoilt: bytes
) -> None:
    key = weight_sketch_key(VERSION, shelved["night-a"])
    place.write(key, spoilt)
    assert commit_weights(made).n_described == len(SLUGS)
    assert sketch_of(place, shelved["night-a"], "micro-xl", "files/none", None).n_modules == 84
    assert b"seal" in place.read(key)


def test_what_cannot_be_described_is_a_row_with_a_reason(
    made: Settings, place: ObjectStore, rows: Rows, tmp_path: Path
) -> None:
    norms = write_file(tmp_path / "norms.safetensors", {"lora_unet_conv_norm_out.w_norm": [64]})
    ids = shelve(made, place, [norms, WEIGHTS / "night-a.safetensors", WEIGHTS / "warm-a.safetensors"])
    place.delete(file_key(ids["night-a"]))
    place.upload(WEIGHTS / "night-b.safetensors", file_key(ids["warm-a"]))
    report = commit_weights(made)
    assert report.without == dict.fromkeys(("file_changed", "no_file", "no_layer"), 1)
    assert dict(rows("select lora_id, reason from core.weight_sketch where change_sketch is null")) == {
        ids["norms"]: "no_layer",
        ids["night-a"]: "no_file",
        ids["warm-a"]: "file_changed",
    }
    assert commit_weights(made).without == {}


def test_another_base_model_is_described_anew_and_compared_apart(
    made: Settings, shelved: dict[str, str], lake: duckdb.DuckDBPyConnection, rows: Rows
) -> None:
    commit_weights(made)
    lake.execute("update core.lora set base_model = 'sdxl' where lora_id = $1", [shelved["warm-a"]])
    report = commit_weights(made)
    assert report.without == {WithoutSketch.NOT_MATCHED: 1}
    assert rows("select count(*), count(distinct lora_id) from core.weight_sketch") == [(4, 4)]
    left = rows("select lora_id, other_id from core.alike_weights")
    assert len(left) == 3
    assert shelved["warm-a"] not in {one for pair in left for one in pair}


def noise(n: int, seed: int) -> Sketches:
    rng = np.random.default_rng(seed)
    vectors = [rng.integers(-127, 128, (n, SIZE)).astype(np.int8) for _ in range(2)]
    return Sketches([f"{seed}-{number:03d}" for number in range(n)], *vectors)


def brute(new: Sketches, known: Sketches) -> dict[tuple[str, str], tuple[float, float]]:
    """Change and output cosine of each new sketch with its nearest."""
    ids = [*known.lora_ids, *new.lora_ids]
    cosines = []
    for ours, theirs in ((new.change, known.change), (new.output, known.output)):
        both = np.concatenate([theirs, ours]).astype(np.float64)
        both /= np.linalg.norm(both, axis=1, keepdims=True)
        cosines.append(both[len(theirs) :] @ both.T)
    found = {}
    for row, own in enumerate(new.lora_ids):
        order = sorted(
            (place for place, other in enumerate(ids) if other != own),
            key=lambda place: (-round(cosines[1][row, place], 4), ids[place]),
        )
        for place in order[:NEAREST]:
            one, other = sorted((own, ids[place]))
            found[one, other] = (cosines[0][row, place], cosines[1][row, place])
    return found


def test_the_nearest_are_those_of_brute_force_in_any_blocks() -> None:
    new, known = noise(9, 1), noise(150, 2)
    halves = (Sketches(known.lora_ids[a:b], known.change[a:b], known.output[a:b]) for a, b in ((0, 20), (20, 150)))
    told = near_pairs(new, halves)
    expected = brute(new, known)
    assert [pair[:2] for pair in told] == sorted(expected)
    for one, other, change, output, z in told:
        assert (change, output) == pytest.approx(expected[one, other], abs=6e-5)
        assert z is not None
    assert near_pairs(new, [known]) == told


def test_of_few_no_rest_is_told_and_a_lone_one_is_near_nothing() -> None:
    few = noise(ENOUGH, 3)
    assert {pair[4] for pair in near_pairs(few, [])} == {None}
    assert None not in {pair[4] for pair in near_pairs(noise(ENOUGH + 1, 3), [])}
    assert near_pairs(noise(1, 4), []) == []


def test_a_copy_is_told_from_the_rest_by_far() -> None:
    new, known = noise(1, 5), noise(40, 6)
    known.change[7], known.output[7] = new.change[0], new.output[0]
    nearest = max(near_pairs(new, [known]), key=lambda pair: pair[3])
    assert (nearest[1], nearest[2], nearest[3]) == ("6-007", 1.0, 1.0)
    assert nearest[4] is not None
    assert nearest[4] > 50
