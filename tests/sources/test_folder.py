"""A folder of LoRA files with the sidecars that LoRA managers write."""

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from carlos_tasks.errors import NotFound, RejectedFile
from carlos_tasks.sources.beside.adapter_config import SHARED
from carlos_tasks.sources.folder import Folder
from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.store.folder import FolderStore
from carlos_tasks.store.objects import ObjectInfo, ObjectStore
from carlos_tasks.untrusted.reasons import Reason
from tests.sources.models import a_file, a_version

CIVITAI_INFO = a_version(modelId=11, model={"name": "Stripes", "type": "LORA", "nsfw": False, "poi": False})


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return tmp_path / "loras"


def put(top: Path, name: str, content: bytes | Mapping[str, object] = b"bytes") -> None:
    path = top / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def the_listing(top: Path, shard_key: str = ".") -> Listing:
    (listing,) = Folder(FolderStore(top)).listings(shard_key)
    assert isinstance(listing, Listing)
    return listing


def test_every_directory_with_model_files_is_a_shard(top: Path) -> None:
    put(top, "a.safetensors")
    put(top, "a.png")
    put(top, "style/b.safetensors")
    put(top, "style/deep/c.SAFETENSORS")
    put(top, "pictures/d.png")
    folder = Folder(FolderStore(top))
    assert [shard.key for shard in folder.shards()] == [".", "style", "style/deep"]
    for shard in folder.shards():
        assert folder.shard(shard.key) == shard
        assert [record.file_id for record in folder.listings(shard.key)] == [
            {".": "a.safetensors", "style": "style/b.safetensors", "style/deep": "style/deep/c.SAFETENSORS"}[shard.key]
        ]
    with pytest.raises(NotFound):
        folder.shard("gone")


def test_a_shard_changes_when_a_sidecar_does(top: Path) -> None:
    put(top, "a.safetensors")
    put(top, "a.json", {"activation text": "stripes"})
    folder = Folder(FolderStore(top))
    before = folder.shard(".")
    assert folder.shard(".") == before
    put(top, "a.json", {"activation text": "dots"})
    os.utime(top / "a.json", ns=(1, 1))
    assert folder.shard(".").etag != before.etag


def test_a_file_without_a_sidecar(top: Path) -> None:
    put(top, "my lora v2.safetensors")
    listing = the_listing(top)
    assert listing == Listing(
        source=f"folder:{top}",
        model_id="my lora v2",
        version_id="",
        file_id="my lora v2.safetensors",
        name="my lora v2",
        file_name="my lora v2.safetensors",
        file_format="safetensors",
        size_bytes=5,
    )


def test_civitai_helper_s_sidecar(top: Path) -> None:
    put(top, "a.safetensors")
    put(top, "a.civitai.info", CIVITAI_INFO)
    put(top, "a.json", {"activation text": "passed over"})
    listing = the_listing(top)
    assert (listing.name, listing.version_name, listing.base_model_claimed) == ("Stripes", "v1.0", "SDXL 1.0")
    assert listing.trained_words == ("striped", "in stripes")
    assert listing.sha256_claimed is None  # a sidecar may be older than its file
    assert listing.sha256s_beside == {"a.civitai.info": ("ab" * 32,)}
    assert listing.notes == ("a.json: words 'passed over' passed over, a.civitai.info goes before it",)
    assert listing.size_bytes == 5  # as it lies here, not as Civitai lists it
    assert json.loads(listing.payload)["version"]["modelId"] == 11


def test_the_hash_of_one_of_several_files_is_not_claimed(top: Path) -> None:
    put(top, "a.safetensors")
    put(top, "a.civitai.info", CIVITAI_INFO | {"files": [a_file(1), a_file(2)]})
    assert the_listing(top).sha256_claimed is None


def test_comfyui_lora_manager_s_sidecar(top: Path) -> None:
    put(top, "a.safetensors")
    sidecar = {"model_name": "My stripes", "sha256": "CD" * 32, "base_model": "Pony", "tags": ["mine"], "civitai": {}}
    put(top, "a.metadata.json", sidecar)
    listing = the_listing(top)
    assert (listing.name, listing.base_model_claimed, listing.tags) == ("My stripes", "Pony", ("mine",))
    assert listing.sha256s_beside == {"a.metadata.json": ("cd" * 32,)}


def test_a1111_s_sidecar(top: Path) -> None:
    put(top, "a.safetensors")
    put(top, "a.json", {"description": "stripes", "sd version": "SDXL", "activation text": "striped, zebra"})
    listing = the_listing(top)
    assert (listing.name, listing.description, listing.base_model_claimed) == ("a", "stripes", "SDXL")
    assert listing.trained_words == ("striped", "zebra")


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff", b'{"a":' * 100_000])
def test_a_broken_sidecar_takes_nothing_from_its_file(content: bytes, top: Path) -> None:
    put(top, "a.safetensors")
    put(top, "a.civitai.info", content)
    put(top, "a.json", {"activation text": "striped"})
    listing = the_listing(top)
    assert (listing.name, listing.trained_words) == ("a", ("striped",))
    (note,) = listing.notes
    assert note.startswith("a.civitai.info: not ") and note.endswith("passed over")


def test_a_large_sidecar_is_passed_over_alone(top: Path) -> None:
    put(top, "a.safetensors")
    put(top, "a.civitai.info", b" " * (4 * 2**20 + 1))
    put(top, "a.json", {"activation text": "striped"})
    listing = the_listing(top)
    assert listing.trained_words == ("striped",)
    assert listing.notes == ("a.civitai.info: larger than 4194304 bytes, passed over",)


def test_safetensors_under_its_short_name(top: Path) -> None:
    put(top, "a.sft")
    put(top, "a.json", {"activation text": "striped"})
    listing = the_listing(top)
    assert (listing.file_id, listing.file_format, listing.trained_words) == ("a.sft", "safetensors", ("striped",))


CONFIG = {"peft_type": "LORA", "r": 4, "lora_alpha": 2, "base_model_name_or_path": "runwayml/stable-diffusion-v1-5"}
STATED = '{"lora_alpha":2.0,"peft_type":"LORA","r":4.0}'


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["adapter_model.safetensors"], [STATED]),
        (["renamed.sft"], [STATED]),
        (["adapter_model.safetensors", "other.safetensors"], [STATED, None]),
        (["one.safetensors", "two.safetensors"], [SHARED, SHARED]),
        (["one.safetensors", "pickle.pt"], [STATED, None]),
    ],
)
def test_peft_s_configuration_is_for_the_lora_of_its_folder(
    names: list[str], wanted: list[str | None], top: Path
) -> None:
    put(top, "deep/adapter_config.json", CONFIG)
    for name in names:
        put(top, f"deep/{name}")
    listings = [record for record in Folder(FolderStore(top)).listings("deep") if isinstance(record, Listing)]
    assert [listing.stated_scale for listing in listings] == wanted
    has_base_model = [listing.base_model_claimed == CONFIG["base_model_name_or_path"] for listing in listings]
    assert has_base_model == [stated == STATED for stated in wanted]


@pytest.mark.parametrize("content", [b"{", b"[]", b" " * (2**20 + 1), b"\xff\xfe"])
def test_a_broken_configuration_takes_nothing_from_its_file(content: bytes, top: Path) -> None:
    put(top, "adapter_model.safetensors")
    put(top, "adapter_config.json", content)
    listing = the_listing(top)
    assert json.loads(listing.stated_scale or "")["fault"].startswith("is ")
    assert len(listing.notes) == 1 and listing.notes[0].startswith("adapter_config.json: ")


def test_pickles_are_listed_so_that_they_are_seen(top: Path) -> None:
    for ending in ("pt", "ckpt", "bin", "zip"):
        put(top, f"a.{ending}")
    assert len(list(Folder(FolderStore(top)).listings("."))) == 4


@pytest.mark.parametrize(
    "name", ["line\nbreak.safetensors", "back\\slash.safetensors", "x" * 200 + "\x1b[31m.safetensors"]
)
def test_a_file_whose_name_is_no_key_is_refused_and_stops_nothing(name: str, top: Path) -> None:
    put(top, "a.safetensors")
    put(top, name)
    records = list(Folder(FolderStore(top)).listings("."))
    assert {type(record) for record in records} == {Listing, Rejection}
    (rejection,) = (record for record in records if isinstance(record, Rejection))
    assert rejection.reason is Reason.RECORD_INVALID
    assert rejection.file_id.isprintable()


def test_a_folder_in_s3(store: ObjectStore, tmp_path: Path) -> None:
    store.write("style/a.safetensors", b"bytes")
    store.write("style/a.json", b'{"activation text": "striped"}')
    folder = Folder(store)
    (shard,) = folder.shards()
    (listing,) = folder.listings(shard.key)
    assert isinstance(listing, Listing)
    assert (listing.file_id, listing.trained_words) == ("style/a.safetensors", ("striped",))
    folder.fetch(listing, tmp_path / "bytes", max_bytes=5)
    assert (tmp_path / "bytes").read_bytes() == b"bytes"
    with pytest.raises(RejectedFile, match="file_too_large"):
        folder.fetch(listing, tmp_path / "bytes", max_bytes=4)


def test_a_link_is_refused_and_not_followed(top: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key.safetensors").write_bytes(b"s3cret")
    put(top, "a.safetensors")
    put(top, "style/b.safetensors")
    (top / "a.json").symlink_to(secret / "key.safetensors")  # a sidecar
    (top / "link.safetensors").symlink_to(secret / "key.safetensors")
    (top / "inside.safetensors").symlink_to(top / "a.safetensors")
    (top / "dangling.pt").symlink_to(tmp_path / "nowhere")
    (top / "more").symlink_to(secret)
    (top / "style" / "loop").symlink_to(top)
    folder = Folder(FolderStore(top))
    assert [shard.key for shard in folder.shards()] == [".", "style"]
    records = [record for shard in folder.shards() for record in folder.listings(shard.key)]
    listed = [record.file_id for record in records if isinstance(record, Listing)]
    refused = {record.file_id: record.reason for record in records if isinstance(record, Rejection)}
    assert listed == ["a.safetensors", "style/b.safetensors"]
    links = ("a.json", "link.safetensors", "inside.safetensors", "dangling.pt", "more", "style/loop")
    assert refused == dict.fromkeys(links, Reason.LINK)
    assert "s3cret" not in repr(records)


def test_a_directory_of_links_alone_is_seen(top: Path) -> None:
    (top / "deep").mkdir(parents=True)
    (top / "deep" / "x").symlink_to("/etc")
    (shard,) = Folder(FolderStore(top)).shards()
    (rejection,) = Folder(FolderStore(top)).listings(shard.key)
    assert isinstance(rejection, Rejection) and rejection.reason is Reason.LINK


def test_a_link_that_leads_elsewhere_is_another_state(top: Path) -> None:
    put(top, "a.safetensors")
    folder = Folder(FolderStore(top))
    states = []
    for target in ("/etc", "/usr"):
        (top / "link").unlink(missing_ok=True)
        (top / "link").symlink_to(target)
        os.utime(top / "link", ns=(1, 1), follow_symlinks=False)
        states.append(folder.shard(".").etag)
    assert len(set(states)) == 2


@pytest.mark.parametrize("name", ["line\nbreak", "back\\slash", "x\x1b[31m", "\udcff\udcfe"])
def test_a_directory_whose_name_is_no_key_is_refused_with_the_top(name: str, top: Path) -> None:
    put(top, "a.safetensors")
    put(top, f"{name}/b.safetensors")
    put(top, f"{name}/deep/c.safetensors")
    folder = Folder(FolderStore(top))
    (shard,) = folder.shards()
    assert shard.key == "."
    records = list(folder.listings("."))
    assert [record.file_id for record in records if isinstance(record, Listing)] == ["a.safetensors"]
    refused = [record for record in records if isinstance(record, Rejection)]
    assert [record.reason for record in refused] == [Reason.RECORD_INVALID] * 2
    assert all(record.file_id.isprintable() for record in refused)


@pytest.mark.parametrize("key", ["../up.safetensors", "a//b.safetensors", "a/../../c.safetensors", "/d.safetensors"])
def test_a_path_that_leads_away_is_refused(key: str) -> None:
    """S3 takes any key; `BucketOf` lists one as a bucket would."""
    folder = Folder(BucketOf(key))
    (shard,) = folder.shards()
    (rejection,) = folder.listings(shard.key)
    assert isinstance(rejection, Rejection)
    assert (rejection.reason, rejection.file_id) == (Reason.RECORD_INVALID, key)


class BucketOf(FolderStore):
    """A store that lists one object, whatever its key."""

    def __init__(self, key: str) -> None:
        super().__init__(Path("/nowhere"))
        self._key = key

    def list(self, prefix: str = "", start_after: str = "") -> Iterator[ObjectInfo]:
        if self._key.startswith(prefix):
            yield ObjectInfo(self._key, 5, datetime(2026, 1, 1, tzinfo=UTC), "etag")
