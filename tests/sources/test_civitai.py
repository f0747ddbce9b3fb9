"""Civitai's records, whole, old, broken and hostile: every one becomes a listing or a rejection."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carlos_tasks.sources.civitai import read_license, read_model
from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.untrusted.clean_json import clean_json
from carlos_tasks.untrusted.json_values import canonical_json
from carlos_tasks.untrusted.reasons import Reason
from tests.samples.real import Samples
from tests.sources.models import a_file, a_model, a_version

#: Of the checkpoint on each page: model, base model as Civitai calls it, bytes.
CHECKPOINTS = {"own": ("330011", "Pony", 1073742336), "real": ("827184", "Illustrious", 6938040678)}


def read(model: object) -> list[Listing | Rejection]:
    return list(read_model("civitai", model, "models/00001.json#0"))


def read_one(model: object) -> Listing:
    (listing,) = read(model)
    assert isinstance(listing, Listing)
    return listing


def of_file(**changes: Any) -> dict[str, Any]:
    """A model with one file."""
    return a_model(modelVersions=[a_version(files=[a_file(**changes)])])


def test_a_whole_record() -> None:
    listing = read_one(a_model())
    assert listing == Listing(
        source="civitai",
        model_id="11",
        version_id="21",
        file_id="31",
        name="Stripes",
        version_name="v1.0",
        description="<p>Everything in <b>stripes</b>.</p>",
        creator="zebra",
        tags=("style", "pattern"),
        base_model_claimed="SDXL 1.0",
        trained_words=("striped", "in stripes"),
        nsfw_level=3,
        file_name="stripes.safetensors",
        file_format="SafeTensor",
        size_bytes=2560,
        sha256_claimed="ab" * 32,
        published_at="2025-12-18T09:16:12.062Z",
        license={
            "allow_commercial_use": ["Image", "RentCivit"],
            "allow_no_credit": True,
            "allow_derivatives": True,
            "allow_different_license": False,
        },
        payload=listing.payload,
    )


def test_the_payload_holds_each_level_without_its_children() -> None:
    payload = json.loads(read_one(a_model(stats={"downloadCount": 7})).payload)
    assert payload["model"]["stats"] == {"downloadCount": 7}
    assert "modelVersions" not in payload["model"]
    assert "files" not in payload["version"]
    assert payload["file"] == a_file()


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        ("Sell", ["Sell"]),
        ("None", []),
        ("{Image,RentCivit}", ["Image", "RentCivit"]),
        ("{}", []),
        (["Rent", "Image"], ["Image", "Rent"]),
        ([], []),
        (None, None),
        (7, []),
    ],
)
def test_commercial_use_comes_in_three_shapes(given_value: object, expected: list[str] | None) -> None:
    assert read_license({"allowCommercialUse": given_value})["allow_commercial_use"] == expected


def test_a_record_of_2023() -> None:
    old_file = {
        "id": 31,
        "name": "x.safetensors",
        "type": "Model",
        "format": "PickleTensor",
        "sizeKB": 10,
        "hashes": {},
    }
    listing = read_one(
        a_model(allowCommercialUse="Sell", tags=[{"name": "style"}], modelVersions=[a_version(files=[old_file])])
    )
    assert (listing.file_format, listing.tags, listing.sha256_claimed) == ("PickleTensor", ("style",), None)


def test_missing_and_null_fields_leave_a_listing() -> None:
    for nothing in ({}, dict.fromkeys(("name", "metadata", "hashes", "sizeKB", "primary"))):
        file = {"id": 31, "type": "Model"} | nothing
        version = {"id": 21, "files": [file], "baseModel": None, "trainedWords": None, "nsfwLevel": None}
        listing = read_one({"id": 11, "type": "LoCon", "modelVersions": [version], "creator": None, "tags": None})
        assert (listing.name, listing.creator, listing.base_model_claimed, listing.trained_words) == ("", "", "", ())
        assert (listing.size_bytes, listing.sha256_claimed, listing.nsfw_level, listing.published_at) == (None,) * 4
        assert listing.license["allow_commercial_use"] is None


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("a string", Reason.RECORD_INVALID),
        (None, Reason.RECORD_INVALID),
        ([], Reason.RECORD_INVALID),
        (a_model(id=None), Reason.RECORD_INVALID),
        (a_model(id="../../etc"), Reason.RECORD_INVALID),
        (a_model(id=-1), Reason.RECORD_INVALID),
        (a_model(id=True), Reason.RECORD_INVALID),
        (a_model(id=10**30), Reason.RECORD_INVALID),
        (a_model(type="Checkpoint"), Reason.NOT_A_LORA),
        (a_model(type=None), Reason.NOT_A_LORA),
        (a_model(type=["LORA"]), Reason.NOT_A_LORA),
        (a_model(modelVersions=None), Reason.NO_FILES),
        (a_model(modelVersions=[]), Reason.NO_FILES),
        (a_model(modelVersions="v1"), Reason.RECORD_INVALID),
        (a_model(modelVersions=[7]), Reason.RECORD_INVALID),
        (a_model(modelVersions=[a_version(id=None)]), Reason.RECORD_INVALID),
        (a_model(modelVersions=[a_version(files=[])]), Reason.NO_FILES),
        (a_model(modelVersions=[a_version(files=None)]), Reason.NO_FILES),
        (a_model(modelVersions=[a_version(files={"a": 1})]), Reason.RECORD_INVALID),
        (a_model(modelVersions=[a_version(files=["x"])]), Reason.RECORD_INVALID),
        (a_model(modelVersions=[a_version(files=[a_file(id="a/b")])]), Reason.RECORD_INVALID),
        (of_file(type="Training Data", primary=False), Reason.NOT_A_MODEL_FILE),
        (of_file(type="Config", primary="true"), Reason.NOT_A_MODEL_FILE),
        (of_file(type="Enhancement LoRA", primary=None), Reason.NOT_A_MODEL_FILE),
        (of_file(type=None, primary=None, name="a.zip"), Reason.NOT_A_MODEL_FILE),
    ],
)
def test_what_cannot_be_listed_is_one_rejection(model: object, reason: Reason) -> None:
    (rejection,) = read(model)
    assert isinstance(rejection, Rejection)
    assert rejection.reason is reason
    assert rejection.detail.isprintable()


@pytest.mark.parametrize("kind", ["Enhancement LoRA", "Training Data", "Archive", "", None, 7])
def test_the_primary_file_of_a_version_is_its_weights_whatever_its_type(kind: object) -> None:
    assert read_one(of_file(type=kind, name="x.zip", primary=True)).file_id == "31"


@pytest.mark.parametrize("kind", ["LORA", "LoCon", "DoRA", "locon"])
def test_lora_types_are_listed(kind: str) -> None:
    assert read_one(a_model(type=kind)).model_id == "11"


def test_every_file_of_every_version_is_one_record() -> None:
    versions = [
        a_version(1, files=[a_file(1), a_file(2, type="Training Data", primary=False), a_file(3, type="Pruned Model")]),
        a_version(2, files=[]),
        "broken",
        a_version(4, files=[a_file(4), None]),
    ]
    records = read(a_model(modelVersions=versions))
    told = [(r.version_id, r.file_id, r.reason if isinstance(r, Rejection) else "listed") for r in records]
    assert told == [
        ("1", "1", "listed"),
        ("1", "2", Reason.NOT_A_MODEL_FILE),
        ("1", "3", "listed"),
        ("2", "", Reason.NO_FILES),
        ("#2", "", Reason.RECORD_INVALID),
        ("4", "4", "listed"),
        ("4", "#1", Reason.RECORD_INVALID),
    ]


def test_claims_that_make_no_sense_are_not_taken_over() -> None:
    assert read_one(a_model(modelVersions=[a_version(files=[a_file(sizeKB=10**400)])])).size_bytes is None
    file = a_file(sizeKB=float("inf"), hashes={"SHA256": "A5F58EB1C33616..."})
    version = a_version(files=[file], nsfwLevel=2**80, trainedWords="stripes", publishedAt=["now"])
    listing = read_one(a_model(modelVersions=[version]))
    assert (listing.size_bytes, listing.sha256_claimed, listing.nsfw_level) == (None, None, None)
    assert (listing.trained_words, listing.published_at) == ((), None)


def test_a_model_of_thousands_of_files_is_one_rejection() -> None:
    versions = [a_version(number, files=[a_file(1), a_file(2)]) for number in range(1, 2502)]
    (rejection,) = read(a_model(modelVersions=versions))
    assert isinstance(rejection, Rejection)
    assert (rejection.reason, rejection.model_id) == (Reason.RECORD_TOO_LARGE, "11")


def test_a_large_model_does_not_grow_with_its_files() -> None:
    files = [a_file(number) for number in range(1, 1001)]
    records = read(a_model(extra=["x" * 1000] * 50, modelVersions=[a_version(files=files)]))
    assert len(records) == 1000
    for record in records:
        assert isinstance(record, Listing)
        payload = json.loads(record.payload)
        assert payload["model"] == {"payload_fault": "too large to stand in 1000 listings, left out"}
        assert payload["version"]["name"] == "v1.0"
        assert record.name == "Stripes"


def test_a_record_that_is_not_clean_is_cleaned_on_every_level() -> None:
    file = a_file(name="a\0b", note="c\u202ed")
    listing = read_one(a_model(name="x\x1by", modelVersions=[a_version(extra=["e\x7ff"], files=[file])]))
    assert (listing.name, listing.file_name) == ("x y", "a b")
    payload = json.loads(listing.payload)
    assert (payload["model"]["name"], payload["file"]["note"]) == ("xy", "cd")
    assert payload["version"]["extra"] == ["ef"]


def test_a_source_of_metadata_alone_says_so() -> None:
    (listing,) = read_model("civitai", a_model(), "1#0", has_bytes=False)
    assert isinstance(listing, Listing) and not listing.has_bytes
    assert read_one(a_model()).has_bytes


def test_a_checkpoint_on_a_page_of_civitai_is_no_lora(samples: Samples) -> None:
    model_id, base_model, size = CHECKPOINTS[samples.kind]
    page = json.loads((samples.folder / "civitai_samples" / "docs_models_list_item_0.json").read_text())
    (model,) = page["items"]
    (rejection,) = read(model)
    assert isinstance(rejection, Rejection)
    assert (rejection.model_id, rejection.reason, rejection.detail) == (model_id, Reason.NOT_A_LORA, "type Checkpoint")
    listing = read_one(model | {"type": "LORA"})
    assert (listing.base_model_claimed, listing.size_bytes, listing.sha256_claimed) == (base_model, size, None)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(a_model())), ANY_JSON, max_size=3),
    st.dictionaries(st.sampled_from(sorted(a_version())), ANY_JSON, max_size=3),
    st.dictionaries(st.sampled_from(sorted(a_file())), ANY_JSON, max_size=3),
)
def test_any_json_in_any_field_is_listed_or_rejected(
    of_model: dict[str, Any], of_version: dict[str, Any], of_file: dict[str, Any]
) -> None:
    model = a_model(modelVersions=[a_version(files=[a_file() | of_file]) | of_version]) | of_model
    records = read(model)
    assert records
    for record in records:
        if isinstance(record, Listing):
            payload = orjson.loads(record.payload)
            assert canonical_json(clean_json(payload)) == canonical_json(payload) == record.payload
            assert "\n" not in record.name + record.creator + record.base_model_claimed + record.file_name
        else:
            assert record.reason in set(Reason)
