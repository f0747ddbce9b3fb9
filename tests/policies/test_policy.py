"""Policies as files: what a sound one says, how a concept's version follows, and every fault as one line."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.policies.faults import refused_texts
from carlos_tasks.policies.files import examine, policy_in_force, read_policy
from carlos_tasks.policies.policy import Policy
from carlos_tasks.policies.schema import OTHER_EFFECTS
from carlos_tasks.profiles.profile import load_profile, shipped_profiles
from carlos_tasks.settings import Settings
from tests.moderation.policies import HEAD, NEUTRAL, NIGHT, STRIPES, write_policy
from tests.samples.real import Samples

PICTURES = '[images]\nfolder = "pictures"\nprovenance = "drawn here"\nlicence = "CC0-1.0"\n'


def concept(policy: Policy, concept_id: str) -> dict[str, Any]:
    """What a concept says, with its version."""
    (found,) = [one for one in policy.concepts if one.concept_id == concept_id]
    return found.content | {"version": found.version}


def test_a_concept_takes_from_its_policy_what_it_does_not_say(tmp_path: Path) -> None:
    policy = read_policy(write_policy(tmp_path))
    stripes, night = concept(policy, "stripes"), concept(policy, "night")
    assert (stripes["due_hours"], stripes["q_max"], stripes["owner"]) == (72, 0.1, "the desk")
    assert (night["due_hours"], night["counter_texts"]) == (24, ["blue"])
    assert [one.concept_id for one in policy.concepts] == ["night", OTHER_EFFECTS, "stripes"]


def test_words_for_effects_that_no_concept_covers_are_a_concept_without_texts(tmp_path: Path) -> None:
    policy = read_policy(write_policy(tmp_path))
    others = concept(policy, OTHER_EFFECTS)
    assert (others["texts"], others["declared_as"], others["severity"]) == ([], ["watercolour"], 0)
    without = read_policy(write_policy(tmp_path, policy=HEAD.replace('effect_words = ["Watercolour"]', "")))
    assert OTHER_EFFECTS not in [one.concept_id for one in without.concepts]


def version(folder: Path, **files: str | None) -> str:
    return str(concept(read_policy(write_policy(folder, **files)), "stripes")["version"])


def test_a_version_follows_from_what_the_concept_says_and_from_nothing_else(tmp_path: Path) -> None:
    first = version(tmp_path)
    assert len(first) == 12
    assert version(tmp_path, stripes=f"# a remark\n{STRIPES}\n") == first
    assert version(tmp_path, policy=HEAD.replace('"1"', '"2"'), neutral=NEUTRAL + 'more = ["a lamp"]') == first
    assert version(tmp_path, stripes=STRIPES.replace("0.5", "0.6")) != first
    assert version(tmp_path, stripes=STRIPES.replace('"striped"', '"stripy"')) != first
    assert version(tmp_path, policy=HEAD.replace("72", "48")) != first


def test_pictures_are_part_of_a_version_by_their_bytes_and_not_by_their_names(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.new("RGB", (8, 8), "red").save(pictures / "a.png")
    first = version(tmp_path, stripes=STRIPES + PICTURES)
    (pictures / "a.png").rename(pictures / "b.png")
    assert version(tmp_path, stripes=STRIPES + PICTURES) == first
    Image.new("RGB", (8, 8), "blue").save(pictures / "c.png")
    assert version(tmp_path, stripes=STRIPES + PICTURES) != first
    found = concept(read_policy(str(tmp_path)), "stripes")
    assert (found["images_provenance"], found["images_licence"], len(str(found["images"][0]))) == (
        "drawn here",
        "CC0-1.0",
        64,
    )


def test_the_null_is_named_by_the_neutral_texts_in_any_order(tmp_path: Path) -> None:
    first = read_policy(write_policy(tmp_path))
    texts = json.dumps(list(reversed(first.neutral_texts)))
    turned = read_policy(write_policy(tmp_path, neutral=f'all = {texts}\nagain = ["a red circle"]'))
    assert turned.null_id == first.null_id
    assert len(turned.neutral_texts) == len(first.neutral_texts)


def test_the_null_has_the_texts_of_the_concepts_and_each_text_once(tmp_path: Path) -> None:
    policy = read_policy(write_policy(tmp_path))
    texts = [text for one in policy.concepts for text in one.texts]
    assert texts and set(policy.null_texts) == {*policy.neutral_texts, *texts}
    assert len(set(policy.null_texts)) == len(policy.null_texts)


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"stripes": STRIPES.replace('["striped", "stripes"]', "[]")}, "stripes.toml: texts: is empty: give one"),
        ({"stripes": STRIPES.replace('"striped"', '" "')}, "stripes.toml: texts.0: a text is empty"),
        ({"stripes": STRIPES.replace('"striped"', '"a\\u0007"')}, "stripes.toml: texts.0: .*control character"),
        ({"stripes": STRIPES.replace('["striped", "stripes"]', '"striped"')}, "stripes.toml: texts: .*tuple"),
        ({"stripes": STRIPES + "colour = 1"}, "stripes.toml: colour: is no field here"),
        ({"stripes": STRIPES.replace("0.5", "1.5")}, "stripes.toml: severity: .*less than or equal to 1"),
        ({"stripes": STRIPES.replace("0.5", "nan")}, "stripes.toml: severity: .*finite"),
        ({"stripes": STRIPES.replace("severity = 0.5", "")}, "stripes.toml: severity: is missing"),
        ({"stripes": STRIPES.replace('["stripes"]\ns', '["!"]\ns')}, "stripes.toml: declared_as.0: .*neither letter"),
        ({"stripes": STRIPES.replace('id = "stripes"', 'id = "../x"')}, "stripes.toml: concept_id: .*pattern"),
        ({"stripes": STRIPES.replace('id = "stripes"', 'id = "other-effects"')}, "concept_id: .*take another id"),
        ({"stripes": STRIPES + 'nsfw_level = 3'}, "stripes.toml: nsfw_level: a level is one of 1, 2, 4"),
        ({"stripes": STRIPES + 'category = "BAD"'}, "stripes.toml: category: .*pattern"),
        ({"stripes": STRIPES + 'category = "STATEMENT_CATEGORY_X"'}, "stripes.toml: category: .*know no such"),
        ({"stripes": STRIPES + 'counter_texts = ["Striped"]'}, "'striped' is a text and a counter-text"),
        ({"stripes": STRIPES + PICTURES.replace('"pictures"', f'"{"p" * 400}"')}, "images.folder: .*too long"),
        ({"stripes": STRIPES + PICTURES}, "stripes.toml: images.folder: there is no picture at"),
        ({"stripes": STRIPES + PICTURES.replace('provenance = "drawn here"', "")}, "images.provenance: is missing"),
        ({"stripes": STRIPES + PICTURES.replace('"pictures"', '"../.."')}, "images.folder: lies outside"),
        ({"stripes": "texts = ["}, "stripes.toml: is no TOML in UTF-8"),
        ({"stripes": f"x = {'[' * 5000}"}, "stripes.toml: is no TOML"),
        ({"twin": STRIPES}, "stripes.toml: concept_id: stripes is also that of twin.toml"),
        ({"policy": None}, "policy.toml: is missing"),
        ({"policy": HEAD.replace('owner = "the desk"', "")}, "policy.toml: owner: is missing"),
        ({"neutral": None}, "neutral.toml: is missing"),
        ({"neutral": 'few = ["a lamp"]'}, "neutral.toml: 1 neutral texts are too few"),
        ({"neutral": "few = 3"}, "neutral.toml: few: "),
        ({"stripes": None, "night": None}, "policy.toml: the policy has no concept"),
    ],
)  # fmt: skip
def test_a_fault_is_one_line_with_file_and_field(tmp_path: Path, files: dict[str, str | None], fault: str) -> None:
    with pytest.raises(CarlosError, match=fault) as told:
        read_policy(write_policy(tmp_path, **files))
    assert "\n" not in str(told.value)


def test_a_policy_reaches_for_nothing_outside_of_its_folder(tmp_path: Path) -> None:
    top = tmp_path / "policy"
    (top / "pictures").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (top / "pictures" / "a.png").symlink_to(tmp_path / "a.png")
    with pytest.raises(CarlosError, match=r"images\.folder: lies outside"):
        read_policy(write_policy(top, stripes=STRIPES + PICTURES))
    (top / "pictures" / "a.png").unlink()
    (top / "pictures").rmdir()
    (top / "pictures").symlink_to("pictures")
    with pytest.raises(CarlosError, match=r"images\.folder: "):
        read_policy(write_policy(top, stripes=STRIPES + PICTURES))


def test_a_pipe_is_no_concept(tmp_path: Path) -> None:
    """Or whoever reads the folder waits for somebody to write into it."""
    folder = write_policy(tmp_path)
    os.mkfifo(Path(folder) / "pipe.toml")
    with pytest.raises(CarlosError, match=r"pipe.toml: .*it is no file"):
        read_policy(folder)


def test_pictures_that_are_broken_are_named(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"no picture")
    with pytest.raises(CarlosError, match=r"stripes.toml: images.folder: .*a\.png is no picture"):
        read_policy(write_policy(tmp_path, stripes=STRIPES + PICTURES))


def test_a_file_that_is_no_text_or_too_large_is_told(tmp_path: Path) -> None:
    folder = write_policy(tmp_path)
    (tmp_path / "stripes.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "night.toml").write_bytes(b"#" * (2**20 + 1))
    _, faults = examine(folder)
    assert [(fault.file, fault.fault.split(":")[0]) for fault in faults] == [
        ("night.toml", "is no TOML in UTF-8"),
        ("stripes.toml", "is no TOML in UTF-8"),
    ]


def test_all_faults_are_told_at_once_and_counted_where_one_is_shown(tmp_path: Path) -> None:
    folder = write_policy(
        tmp_path, policy=None, stripes="x = 1", night=NIGHT.replace('texts = ["at night"]', "texts = []")
    )
    policy, faults = examine(folder)
    assert policy is None
    assert len(faults) == 7  # the head, the concept's four fields and one more, and the text
    with pytest.raises(CarlosError, match=r"policy\.toml: is missing \(and 6 more: carlos concepts --check"):
        read_policy(folder)


def test_where_there_is_no_folder_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        read_policy(str(tmp_path / "nowhere"))
    (tmp_path / "file").touch()
    with pytest.raises(NotFound, match="is no folder: a policy is a folder with"):
        read_policy(str(tmp_path / "file"))


def test_texts_that_an_encoder_refuses_are_told_with_their_place(tmp_path: Path) -> None:
    def encode(text: str) -> object:
        if text in ("blue", "a red circle"):
            raise CarlosError("too long")
        return text

    faults = list(refused_texts(read_policy(write_policy(tmp_path)), encode))
    assert [str(fault) for fault in faults] == [
        "night.toml: counter_texts: 'blue' cannot be asked for: too long",
        "neutral.toml: 'a red circle' cannot be asked for: too long",
    ]


def test_the_settings_name_a_policy_and_else_the_profile_does(tmp_path: Path) -> None:
    profile = load_profile("micro")
    assert policy_in_force(Settings(), profile).head.policy == "micro"
    assert policy_in_force(Settings(policy=write_policy(tmp_path)), profile).head.policy == "house"


@pytest.mark.parametrize("name", shipped_profiles())
def test_the_policy_of_every_profile_is_sound(name: str) -> None:
    policy = read_policy(load_profile(name).policy)
    assert len(policy.concepts) >= 15
    assert len(policy.neutral_texts) >= 100


def test_the_platform_s_policy_has_a_rich_null_and_the_limit_of_the_law() -> None:
    policy = read_policy("package:policies/platform")
    assert len(policy.neutral_texts) >= 150
    assert concept(policy, "intimate-imagery")["due_hours"] == 48
    assert all(one.content["due_hours"] is None for one in policy.concepts if one.concept_id == OTHER_EFFECTS)


@pytest.mark.parametrize("folder", ["micro", "platform"])
def test_categories_are_those_of_statements_of_reasons(samples: Samples, folder: str) -> None:
    schema = json.loads((samples.folder / "dsa_sor_schema.json").read_text())
    known = set(schema["enums"]["statement_category"])
    used = {one.content["category"] for one in read_policy(f"package:policies/{folder}").concepts} - {None}
    assert used and used <= known
