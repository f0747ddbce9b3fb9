"""The Hugging Face Hub, live, through its own library, against a server in its shape."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.errors import NotFound, PassingError, RejectedFile, SettingsError
from carlos_tasks.sources import hub as hub_module
from carlos_tasks.sources import open_source, poll_source
from carlos_tasks.sources.back_off import BackOff
from carlos_tasks.sources.beside.adapter_config import SHARED
from carlos_tasks.sources.hub import Hub
from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.sources.poll import PollReport, poll
from carlos_tasks.store.folder import FolderStore
from carlos_tasks.untrusted.reasons import Reason
from tests.sources.bad_server import serving
from tests.sources.hub_server import SHA, HubHandler, HubServer, a_repo, weights


@pytest.fixture
def server() -> Iterator[HubServer]:
    with serving(HubServer(), HubHandler) as state:
        yield state


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "PAGE_SIZE", 3)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def source(server: HubServer, store: FolderStore, back_off: BackOff) -> Hub:
    return Hub(f"hub:{server.address}?filter=lora", store, back_off)


def records(source: Hub) -> list[Listing | Rejection]:
    return [record for shard in source.shards() for record in source.listings(shard.key)]


def ids(source: Hub) -> list[str]:
    return [record.model_id for record in records(source)]


def numbered(*days: int) -> list[dict[str, Any]]:
    return [a_repo(f"zebra/r{day}", day=day) for day in days]


def test_a_repository_becomes_a_listing(server: HubServer, source: Hub) -> None:
    server.repos = [a_repo()]
    poll(source)
    (listing,) = records(source)
    assert isinstance(listing, Listing)
    assert (listing.source, listing.model_id, listing.version_id) == ("hub", "zebra/stripes", SHA)
    assert (listing.file_id, listing.file_name, listing.file_format) == (
        "stripes.safetensors",
        "stripes.safetensors",
        "safetensors",
    )
    assert (listing.name, listing.creator, listing.tags) == ("stripes", "zebra", ("diffusers", "lora"))
    assert listing.base_model_claimed == "stabilityai/stable-diffusion-xl-base-1.0"
    assert listing.trained_words == ("in stripes",)
    assert listing.license == {"license": "openrail++"}
    assert (listing.sha256_claimed, listing.size_bytes) == ("ab" * 32, 5)
    assert listing.published_at == "2026-01-01T09:16:12+00:00"
    payload = json.loads(listing.payload)
    assert payload["model"]["cardData"]["instance_prompt"] == "in stripes"
    assert payload["file"]["rfilename"] == "stripes.safetensors"


def test_repositories_are_asked_for_in_the_order_of_their_change(server: HubServer, source: Hub) -> None:
    server.repos = numbered(1, 2, 3, 4, 5)
    assert poll(source) == PollReport(n_pages=2)
    assert sorted(ids(source)) == [f"zebra/r{day}" for day in (1, 2, 3, 4, 5)]
    first = server.requests[0][0]
    assert "filter=lora" in first and "sort=lastModified" in first
    assert server.asked("/api/models/zebra/r") == 5


def test_a_night_with_nothing_new_asks_for_no_repository(server: HubServer, source: Hub) -> None:
    server.repos = numbered(1, 2, 3, 4, 5)
    poll(source)
    for repo in server.repos:
        repo["downloads"] = 99
    server.requests = []
    assert poll(source) == PollReport()
    assert server.asked("/api/models/") == 0
    assert server.asked("/api/models?") == 2  # three repositories, two a page of the server


def test_a_new_commit_is_a_new_version(server: HubServer, source: Hub) -> None:
    server.repos = numbered(1, 2, 3, 4, 5)
    poll(source)
    server.repos[0] = a_repo("zebra/r1", "b" * 40, day=9)
    server.requests = []
    poll(source)
    assert server.asked("/api/models/zebra/r") == 1
    assert [(r.model_id, r.version_id) for r in records(source) if r.version_id != SHA] == [("zebra/r1", "b" * 40)]


def test_every_weight_file_is_told_from_parts_of_whole_models(server: HubServer, source: Hub) -> None:
    lora = ("pytorch_lora_weights.safetensors", "old.pt", "a.ckpt", "deep/er/b.bin", "adapter_model.safetensors")
    part = ("unet/diffusion_pytorch_model.safetensors", "text_encoder_2/x.bin", "model-00001-of-00003.safetensors")
    more = ("model.fp16.safetensors", "pytorch_model.bin", "checkpoint-500/optimizer.bin", "random_states_0.pt")
    odd = ("../../etc/x.safetensors", "a//b.safetensors", "line\nbreak.bin", "bidi\u202e.pt", "x" * 2000 + ".pt")
    names = (*lora, *part, *more, *odd, "README.md", "picture.png")
    server.repos = [a_repo(siblings=[weights(name) for name in names])]
    poll(source)
    found = records(source)
    assert [record.file_id for record in found if isinstance(record, Listing)] == list(lora)
    refused = [record for record in found if isinstance(record, Rejection)]
    assert [r.file_id for r in refused if r.reason is Reason.NOT_A_MODEL_FILE] == [*part, *more]
    assert len([r for r in refused if r.reason is Reason.RECORD_INVALID]) == len(odd)
    assert all(r.file_id.isprintable() for r in refused)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"siblings": []}, Reason.NO_FILES),
        ({"siblings": None}, Reason.NO_FILES),
        ({"siblings": [{"rfilename": "README.md"}]}, Reason.NO_FILES),
        ({"sha": "main"}, Reason.RECORD_INVALID),
        ({"siblings": [{"name": "x"}]}, Reason.RECORD_INVALID),
        ({"siblings": [{"rfilename": "a.pt", "lfs": {"size": 1}}]}, Reason.RECORD_INVALID),
        ({"cardData": {"self": 1}}, Reason.RECORD_INVALID),
        ({"siblings": [{"rfilename": 7}]}, Reason.NO_FILES),
    ],
)
def test_a_repository_that_cannot_be_used_is_one_refusal(
    changes: dict[str, Any], reason: Reason, server: HubServer, source: Hub
) -> None:
    server.repos = [a_repo() | changes, a_repo("zebra/good")]
    poll(source)
    refused, good = sorted(records(source), key=lambda record: isinstance(record, Listing))
    assert isinstance(refused, Rejection) and isinstance(good, Listing)
    assert (refused.reason, refused.model_id) == (reason, "zebra/stripes")


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b/c", "zebra/..", "", "zebra/x y", "\u202ezebra/x"])
def test_a_repository_without_a_name_is_one_refusal(name: str, server: HubServer, source: Hub) -> None:
    server.repos = [a_repo(name), a_repo("zebra/good")]
    poll(source)
    assert sorted(type(record).__name__ for record in records(source)) == ["Listing", "Rejection"]
    assert poll(source) == PollReport()


@pytest.mark.parametrize("card", [{}, None, {"base_model": 7, "instance_prompt": ["x"], "license": {"a": 1}}])
def test_a_card_that_says_little_is_no_fault(card: Any, server: HubServer, source: Hub) -> None:
    server.repos = [a_repo(cardData=card)]
    poll(source)
    (listing,) = records(source)
    assert isinstance(listing, Listing)
    assert listing.trained_words == () and listing.license == {}


@pytest.mark.parametrize("fault", ["half", "html", "drop", "502"])
def test_a_repository_is_asked_for_again_when_the_answer_is_broken(fault: str, server: HubServer, source: Hub) -> None:
    server.repos, server.faults = numbered(1, 2), [None, fault, fault]
    poll(source)
    assert sorted(ids(source)) == ["zebra/r1", "zebra/r2"]


@pytest.mark.parametrize("fault", ["half", "html"])
def test_a_listing_that_breaks_off_is_read_again(fault: str, server: HubServer, source: Hub) -> None:
    server.page_size, server.repos = 1, numbered(*range(9, 0, -1))
    server.faults = [*[None] * 7, fault]  # three listed and asked for, then the fifth page of the listing
    poll(source)
    assert sorted(ids(source)) == [f"zebra/r{day}" for day in range(1, 10)]


def test_a_poll_that_is_broken_off_goes_on_near_where_it_was(server: HubServer, source: Hub) -> None:
    server.repos = numbered(*range(9, 0, -1))
    server.faults = [*[None] * 6, *["words 403"] * 3]
    with pytest.raises(SettingsError, match="HF_TOKEN"):
        poll(source)
    assert len(ids(source)) == 3
    server.requests = []
    poll(Hub(source.uri, source.mirror._store))
    assert sorted(ids(source)) == [f"zebra/r{day}" for day in range(1, 10)]
    assert server.asked("/api/models/zebra/r") == 6


def test_one_repository_that_the_hub_breaks_on_is_a_refusal(server: HubServer, source: Hub) -> None:
    server.repos, server.faults = numbered(1, 2), [None, *["500"] * 4]
    poll(source)
    refused, good = sorted(records(source), key=lambda record: isinstance(record, Listing))
    assert isinstance(refused, Rejection) and refused.reason is Reason.RECORD_INVALID
    assert (refused.model_id, refused.detail, good.model_id) == ("zebra/r1", "the Hub answers 500", "zebra/r2")


def test_an_answer_that_stays_broken_is_passing(server: HubServer, source: Hub) -> None:
    server.repos, server.faults = numbered(1), [None, *["502"] * 4]
    with pytest.raises(PassingError, match="the Hub answers 502"):
        poll(source)


def test_a_sweep_tells_what_is_gone(server: HubServer, source: Hub) -> None:
    server.repos = numbered(1, 2, 3, 4)
    poll(source)
    server.hidden = {"zebra/r3"}
    server.repos = [repo for repo in server.repos if repo["id"] != "zebra/r2"]
    assert poll(source, sweep=True) == PollReport(n_pages=1, n_gone=1)
    *_, found, gone = records(source)
    assert isinstance(found, Listing) and found.model_id == "zebra/r3"
    assert isinstance(gone, Rejection)
    assert (gone.model_id, gone.reason) == ("zebra/r2", Reason.TAKEN_DOWN)


def test_a_file_is_fetched_at_its_commit_with_the_token(
    server: HubServer, store: FolderStore, back_off: BackOff, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_s3cret")
    server.repos = [a_repo(siblings=[weights("deep/my lora.safetensors")])]
    server.files[f"/zebra/stripes/resolve/{SHA}/deep/my lora.safetensors"] = (200, b"bytes")
    source = Hub(f"hub:{server.address}?filter=lora", store, back_off)
    poll(source)
    (listing,) = records(source)
    assert isinstance(listing, Listing)
    source.fetch(listing, tmp_path / "file", 5)
    assert (tmp_path / "file").read_bytes() == b"bytes"
    told = [{name.lower(): value for name, value in headers.items()} for _, headers in server.requests]
    assert {headers["authorization"] for headers in told} == {"Bearer hf_s3cret"}
    for path in (tmp_path / "store").rglob("*"):
        assert not path.is_file() or b"hf_s3cret" not in path.read_bytes()
    with pytest.raises(RejectedFile, match="file_too_large"):
        source.fetch(listing, tmp_path / "file", 4)


def test_gated_and_private_repositories_are_not_public(server: HubServer, source: Hub, tmp_path: Path) -> None:
    server.repos = [a_repo("zebra/gated", gated="auto"), a_repo("zebra/private", private=True), a_repo("zebra/gone")]
    server.files[f"/zebra/gated/resolve/{SHA}/stripes.safetensors"] = (
        401,
        b'{"error": "Access to this repository is restricted"}',
    )
    poll(source)
    found = {record.model_id: record for record in records(source) if isinstance(record, Listing)}
    for name in ("zebra/gated", "zebra/private"):
        with pytest.raises(RejectedFile, match="not_public"):
            source.fetch(found[name], tmp_path / "file", 5)
    with pytest.raises(NotFound):
        source.fetch(found["zebra/gone"], tmp_path / "file", 5)


CONFIG = {"rfilename": "lora/adapter_config.json", "size": 20}


def test_the_configuration_beside_a_file_is_fetched_at_its_commit(server: HubServer, source: Hub) -> None:
    files = [weights("lora/adapter_model.safetensors"), CONFIG, weights("one.safetensors"), weights("two.safetensors")]
    config = {"rfilename": "adapter_config.json", "size": 20}
    server.repos = [a_repo(siblings=files), a_repo("zebra/shared", siblings=[*files[2:], config])]
    server.files[f"/zebra/stripes/resolve/{SHA}/lora/adapter_config.json"] = (200, b'{"r": 4, "lora_alpha": 2}')
    poll(source)
    listings = {(r.model_id, r.file_id): r for r in records(source) if isinstance(r, Listing)}
    listing = listings["zebra/stripes", "lora/adapter_model.safetensors"]
    assert (listing.config_path, listing.stated_scale) == ("lora/adapter_config.json", None)
    assert source.fetch_config(listing, 100) == b'{"r": 4, "lora_alpha": 2}'
    with pytest.raises(RejectedFile, match="file_too_large"):
        source.fetch_config(listing, 10)
    assert listings["zebra/stripes", "one.safetensors"].config_path is None  # it lies in another folder
    for name in ("one.safetensors", "two.safetensors"):
        shared = listings["zebra/shared", name]
        assert (shared.config_path, shared.stated_scale) == (None, SHARED)


def test_a_configuration_that_changes_is_another_state_of_its_file(server: HubServer, source: Hub) -> None:
    files = [weights("lora/adapter_model.safetensors"), CONFIG]
    states = set()
    for commit in (SHA, "b" * 40):
        server.repos = [a_repo(commit=commit, siblings=files)]
        poll(source)
        states |= {source.fingerprint(record) for record in records(source) if isinstance(record, Listing)}
    assert len(states) == 2


def test_two_repositories_with_one_file_name_have_two_fingerprints(server: HubServer, source: Hub) -> None:
    server.repos = numbered(1, 2)
    poll(source)
    assert len({source.fingerprint(record) for record in records(source) if isinstance(record, Listing)}) == 2


@pytest.mark.parametrize(
    "uri",
    ["hub:https://huggingface.co", "hub:https://huggingface.co?token=x", "hub:lora", "hub:https://h?author=a&author=b"],
)
def test_a_uri_that_does_not_say_what_to_list_is_refused(uri: str, store: FolderStore) -> None:
    with pytest.raises(SettingsError):
        open_source(uri, store)


def test_a_uri_opens_it(server: HubServer, store: FolderStore) -> None:
    server.repos = numbered(1)
    source = open_source(f"hub:{server.address}?filter=lora&author=zebra", store)
    poll_source(source)
    assert isinstance(source, Hub) and ids(source) == ["zebra/r1"]
    assert "author=zebra" in server.requests[0][0]
