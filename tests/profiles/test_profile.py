"""A profile's id follows from what fixes an image and its embedding, and from nothing else."""

import json
from pathlib import Path

import pytest

from carlos_tasks.errors import NotFound, ProfileMismatch, SettingsError
from carlos_tasks.profiles.profile import PROFILES_FOLDER, Profile, load_profile, shipped_profiles
from carlos_tasks.profiles.prompts import load_prompts
from carlos_tasks.profiles.resources import folder_digest, local_path, model_folder


def changed(path: tuple[str, ...], value: object) -> Profile:
    """The micro profile with one field changed."""
    document = json.loads((PROFILES_FOLDER / "micro.json").read_text())
    part = document
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    return Profile.model_validate(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("identity", "backbone", "revision"), "sha256:0"),
        (("identity", "backbone", "dtype"), "float16"),
        (("identity", "sampler", "steps"), 11),
        (("identity", "sampler", "guidance_scale"), 3.5),
        (("identity", "sampler", "scheduler_config"), {"timestep_spacing": "leading"}),
        (("identity", "lora", "scale"), 0.8),
        (("identity", "lora", "trigger_words"), "ignore"),
        (("identity", "prompts", "sha256"), "0"),
        (("identity", "seeds"), [0, 1, 2, 4]),
        (("identity", "encoder", "revision"), "sha256:0"),
    ],
)
def test_a_change_of_what_fixes_an_image_is_another_profile(path: tuple[str, ...], value: object) -> None:
    assert changed(path, value).profile_id != load_profile("micro").profile_id


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("description",), "other words"),
        (("thresholds",), {"strength_max": {"value": 1.0, "origin": "test"}}),
        (("retrieval_prompts", "sha256"), "0"),
        (("pairs_per_shard",), 7),
        (("policy",), "/rules"),
    ],
)
def test_a_change_of_anything_else_keeps_the_index(path: tuple[str, ...], value: object) -> None:
    assert changed(path, value).profile_id == load_profile("micro").profile_id


#: Lakes hold these ids: whoever changes one makes an index that exists unreadable under its name.
KNOWN = {
    "carlos-published": "11a28f1fdd6a2a71",
    "micro": "7f31a931d2d804c1",
    "micro-without-triggers": "faa31dd945ce0c82",
    "sdxl-paper": "043810111c8b5b01",
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_shipped_profile_keeps_its_id(name: str) -> None:
    assert load_profile(name).profile_id == KNOWN[name]


def test_the_library_of_an_encoder_stands_in_the_identity_where_it_is_not_open_clip() -> None:
    assert "library" not in load_profile("micro").identity.encoder.model_dump(mode="json")
    other = changed(("identity", "encoder", "library"), "transformers")
    assert other.identity.encoder.model_dump(mode="json")["library"] == "transformers"
    assert other.profile_id != KNOWN["micro"]


# Those whose prompts ship with them: sdxl-published gets its own from an import.
MEASURED = [name for name in shipped_profiles() if load_profile(name).identity.prompts.uri.startswith("package:")]


@pytest.mark.parametrize("name", MEASURED)
def test_a_shipped_profile_is_complete_and_its_prompt_sets_are_disjoint(name: str) -> None:
    profile = load_profile(name)
    indexing = {prompt.text for prompt in profile.indexing_prompts().prompts}
    searching = {prompt.text for prompt in profile.search_prompts().prompts}
    assert indexing and searching and not indexing & searching


def test_the_papers_profile_has_its_4480_pairs() -> None:
    profile = load_profile("sdxl-paper")
    assert len(profile.pairs()) == 280 * 16
    assert profile.thresholds["strength_max"].value == 9.8
    assert profile.thresholds["consistency_min"].value == 0.041


def test_the_micro_profile_names_the_weights_that_ship() -> None:
    identity = load_profile("micro").identity
    assert model_folder(identity.backbone.uri, identity.backbone.revision)[1] is None
    assert identity.encoder.revision == folder_digest(local_path(identity.encoder.model))


def test_shards_cut_the_pairs_in_one_order_without_gap_or_overlap() -> None:
    profile = changed(("pairs_per_shard",), 7)
    shards = profile.baseline_shards()
    assert [pair for shard in shards for pair in shard] == profile.pairs()
    assert {len(shard) for shard in shards[:-1]} == {7}
    assert [pair for shard in profile.shards() for pair in shard] == profile.drawn()


def test_an_unknown_profile_is_named_with_those_that_ship() -> None:
    with pytest.raises(NotFound, match=r"no profile 'mikro'.*micro, .*sdxl-paper"):
        load_profile("mikro")


def test_a_name_never_leaves_the_folder_of_profiles(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        load_profile("../profiles/micro")


def test_a_wrong_profile_file_says_which_field(tmp_path: Path) -> None:
    document = json.loads((PROFILES_FOLDER / "micro.json").read_text())
    document["identity"]["sampler"]["steps"] = 0
    document["identity"]["colour"] = "red"
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(document))
    with pytest.raises(SettingsError, match=r"identity\.sampler\.steps.*identity\.colour"):
        load_profile(str(path))


def test_an_encoder_is_a_folder_or_an_architecture_not_both() -> None:
    with pytest.raises(ValueError, match="either a revision"):
        changed(("identity", "encoder", "pretrained"), "openai")


def test_only_open_clip_knows_pretrained_tags() -> None:
    with pytest.raises(ValueError, match="an encoder of csd has a revision"):
        changed(("identity", "encoder"), {"model": "ViT-L-14", "pretrained": "openai", "library": "csd"})


def test_a_changed_prompt_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text('{"prompt_set": "p", "prompts": []}')
    file = load_profile("micro").identity.prompts.model_copy(update={"uri": str(path)})
    with pytest.raises(ProfileMismatch, match="a changed file is another profile"):
        load_prompts(file)


def test_a_prompt_id_used_twice_is_refused(tmp_path: Path) -> None:
    import hashlib

    prompt = {"prompt_id": "a", "category": "", "subcategory": "", "text": "a red circle"}
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps({"prompt_set": "p", "prompts": [prompt, prompt]}))
    file = load_profile("micro").identity.prompts.model_copy(
        update={"uri": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    )
    with pytest.raises(ProfileMismatch, match="twice"):
        load_prompts(file)


def test_changed_weights_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    revision = folder_digest(tmp_path)
    assert model_folder(str(tmp_path), revision) == (str(tmp_path), None)
    (tmp_path / "model.safetensors").write_bytes(b"Weights")
    with pytest.raises(ProfileMismatch, match="changed weights"):
        model_folder(str(tmp_path), revision)
