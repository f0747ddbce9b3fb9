"""A takedown takes effect on what was drawn before: no picture of the LoRA is left in sheets and kept reports."""

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from PIL import Image

from carlos_tasks.errors import NotFound, PassingError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.moderation.decisions import decide
from carlos_tasks.moderation.drafts import DecisionDraft
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.reports.bundles import redaction
from carlos_tasks.reports.bundles.document import Document
from carlos_tasks.reports.bundles.stored import keep_report
from carlos_tasks.reports.check import check_report
from carlos_tasks.reports.contact_sheet import read_contact_sheet, write_contact_sheet
from carlos_tasks.reports.moderation.report import moderation_report, store_moderation
from carlos_tasks.reports.takedowns import hide_pictures
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.folder import FolderStore
from carlos_tasks.store.keys import contact_sheet_key, evidence_key
from carlos_tasks.store.objects import ObjectStore
from tests.lakes import migrated_lake, settings_of
from tests.sql.lake_rows import fill

ONE, TWO = "1" * 64, "2" * 64
#: The one colour of each LoRA's pictures, so that they are known wherever they are decoded.
COLOURS = {"base": (10, 10, 10), ONE: (250, 120, 7), TWO: (3, 90, 200)}
_DATA_URI = re.compile(rb"data:image/\w+;base64,([A-Za-z0-9+/=]+)")


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile("micro")


@pytest.fixture
def index(tmp_path: Path, profile: Profile) -> Settings:
    """A lake with two LoRAs that somebody complains of, their kept pictures, and the contact sheet."""
    settings = settings_of(tmp_path)
    migrated_lake(settings)
    own = {"profile_id": profile.profile_id}
    with connect(settings, read_only=False) as con:
        con.execute("begin")
        fill(
            con,
            {
                "core.profile": [own | {"name": "micro"}],
                "core.lora": [{"lora_id": lora_id} for lora_id in (ONE, TWO)],
                "core.representation": [own | {"lora_id": lora_id} for lora_id in (ONE, TWO)],
                "core.notice": [{"notice_id": f"n{lora_id[0]}", "lora_id": lora_id} for lora_id in (ONE, TWO)],
            },
        )
        con.execute("commit")
    store = open_store(settings.store)
    for lora_id, colour in COLOURS.items():
        for prompt in profile.indexing_prompts().prompts[:1]:
            buffer = io.BytesIO()
            Image.new("RGB", (32, 32), colour).save(buffer, "WEBP", lossless=True)
            key = evidence_key(profile.profile_id, lora_id, prompt.prompt_id, profile.identity.seeds[0])
            store.write(key, buffer.getvalue())
    write_contact_sheet(settings, profile)
    return settings


def attribution_like(settings: Settings) -> Document:
    """A report whose page shows pictures, and that has the kept images as files, as those of attribution do."""
    document = moderation_report(settings)
    store = open_store(settings.store)
    files = {
        f"evidence/{key.partition('lora_id=')[2]}": store.read(key)
        for key in (item.key for item in store.list("evidence/"))
    }
    return Document("moderation", document.template, document.facts, document.tables, document.context, files)


def take_down(settings: Settings, lora_id: str, *, hide: bool = True) -> str:
    draft = DecisionDraft(
        lora_id, "takedown", "ana", ground="incompatible_content", ground_reference="4.2", reasons="No."
    )
    row = decide(settings, draft)
    if hide:
        hide_pictures(settings)
    return str(row["decision_id"])


def overturn(settings: Settings, lora_id: str) -> None:
    decide(settings, DecisionDraft(lora_id, "appeal", "desk", reasons="It is not."))
    decide(settings, DecisionDraft(lora_id, "overturn", "lead", reasons="Right."))


def pictures_in(data: bytes) -> Iterator[Image.Image]:
    """Every picture that a file is, or holds."""
    for encoded in [data, *(base64.b64decode(match) for match in _DATA_URI.findall(data))]:
        try:
            yield Image.open(io.BytesIO(encoded)).convert("RGB")
        except OSError:
            continue


def shown_in(store: ObjectStore, lora_id: str) -> set[str]:
    """Keys of what people are given (all but the evidence itself and the files) that show a LoRA's colour."""
    keys = [item.key for item in store.list() if item.key.startswith(("reports/", "evaluation/"))]
    colour = COLOURS[lora_id]

    def is_near(pixel: tuple[int, ...]) -> bool:
        return all(abs(one - other) <= 12 for one, other in zip(pixel, colour, strict=True))

    def shows(key: str) -> bool:
        for picture in pictures_in(store.read(key)):
            counts = picture.getcolors(picture.width * picture.height) or []
            if any(is_near(pixel) for _, pixel in counts if isinstance(pixel, tuple)):
                return True
        return False

    return {key for key in keys if shows(key)}


def test_no_byte_of_the_pictures_is_left_and_an_overturn_brings_them_back(index: Settings, profile: Profile) -> None:
    store, sheet = open_store(index.store), contact_sheet_key(profile.profile_id)
    kept = keep_report(index, "attribution/set", lambda: attribution_like(index))
    other = store_moderation(index)
    page, image = f"{kept.prefix}moderation.html", f"{kept.prefix}evidence/{ONE}/"
    before = shown_in(store, ONE)
    assert {sheet, page, f"{other.prefix}moderation.html"} <= before and any(key.startswith(image) for key in before)
    decision = take_down(index, ONE)
    assert shown_in(store, ONE) == set()
    assert not [item.key for item in store.list(kept.prefix) if item.key.endswith(".pdf")], "it is a print of the page"
    assert {sheet, page, f"{other.prefix}moderation.html"} <= shown_in(store, TWO), "others are still shown"
    for report in (kept, other):
        verdict = check_report(f"{index.store}/{report.prefix}", index)
        assert verdict.faults == [] and verdict.vouched_by
        assert len(verdict.redacted) == 1 and ONE in verdict.redacted[0] and decision in verdict.redacted[0]
    assert store_moderation(index).is_new and shown_in(store, ONE) == set(), (
        "nor does a report show them that is made now"
    )
    overturn(index, ONE)
    write_contact_sheet(index, profile)
    assert sheet in shown_in(store, ONE)


def test_a_second_takedown_is_added_to_the_first(index: Settings) -> None:
    kept = store_moderation(index)
    take_down(index, ONE)
    take_down(index, TWO)
    assert shown_in(open_store(index.store), ONE) | shown_in(open_store(index.store), TWO) == set()
    verdict = check_report(f"{index.store}/{kept.prefix}", index)
    assert verdict.faults == [] and len(verdict.redacted) == 2
    assert hide_pictures(index).reports == ()


@pytest.mark.parametrize("dies_at", ["redactions.json", "moderation.html", "entry", "seal of it"])
def test_killed_anywhere_it_is_run_again(index: Settings, monkeypatch: pytest.MonkeyPatch, dies_at: str) -> None:
    kept = store_moderation(index)
    take_down(index, ONE, hide=False)
    write, seen = FolderStore.write, []

    def dying(store: FolderStore, key: str, data: bytes) -> None:
        seen.append(key)
        is_second = dies_at == "seal of it" and seen.count(key) == 2 and key.endswith("redactions.json")
        if is_second or key.endswith(dies_at):
            raise PassingError("killed")
        write(store, key, data)

    def not_entered(*arguments: object) -> None:
        raise PassingError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(FolderStore, "write", dying)
        if dies_at == "entry":
            patch.setattr(redaction, "enter_one", not_entered)
        with pytest.raises(PassingError):
            hide_pictures(index)
    hide_pictures(index)
    assert shown_in(open_store(index.store), ONE) == set()
    verdict = check_report(f"{index.store}/{kept.prefix}", index)
    assert verdict.faults == [] and len(verdict.redacted) == 1
    assert hide_pictures(index).reports == ()


def test_a_sheet_of_before_a_takedown_is_not_handed_out(index: Settings, profile: Profile) -> None:
    assert read_contact_sheet(index, profile.profile_id)
    take_down(index, ONE, hide=False)
    with pytest.raises(NotFound, match="taken down since"):
        read_contact_sheet(index, profile.profile_id)
    hide_pictures(index)
    assert read_contact_sheet(index, profile.profile_id)


@pytest.mark.parametrize("sheet", [b"", b"no picture", None])
def test_a_sheet_that_does_not_say_what_it_shows_is_not_handed_out(
    index: Settings, profile: Profile, sheet: bytes | None
) -> None:
    if sheet is None:
        buffer = io.BytesIO()
        Image.new("RGB", (9, 9), COLOURS[ONE]).save(buffer, "PNG")
        sheet = buffer.getvalue()
    store, key = open_store(index.store), contact_sheet_key(profile.profile_id)
    store.write(key, sheet)
    assert read_contact_sheet(index, profile.profile_id) == sheet, "nothing is taken down"
    take_down(index, ONE, hide=False)
    with pytest.raises(NotFound):
        read_contact_sheet(index, profile.profile_id)
    assert hide_pictures(index).sheets == (key,)
    assert shown_in(store, ONE) == set() and key in shown_in(store, TWO)


def test_the_last_lora_of_a_sheet_takes_the_sheet_with_it(index: Settings, profile: Profile) -> None:
    take_down(index, ONE)
    take_down(index, TWO)
    assert not open_store(index.store).exists(contact_sheet_key(profile.profile_id))


def test_a_takedown_while_a_report_is_made_is_made_up_for(index: Settings) -> None:
    def make() -> Document:
        document = moderation_report(index)
        take_down(index, ONE)
        return document

    keep_report(index, "moderation", make)
    assert shown_in(open_store(index.store), ONE) == set()


def test_a_page_that_was_changed_is_removed_and_not_entered_as_it_is(index: Settings) -> None:
    kept, store = store_moderation(index), open_store(index.store)
    page = f"{kept.prefix}moderation.html"
    store.write(page, store.read(page).replace(b"data-lora=", b"data-mora="))
    take_down(index, ONE)
    assert not store.exists(page) and shown_in(store, ONE) == set()


def test_pictures_put_back_into_a_kept_report_are_a_fault(index: Settings) -> None:
    kept, store = store_moderation(index), open_store(index.store)
    page = f"{kept.prefix}moderation.html"
    before = store.read(page)
    take_down(index, ONE)
    store.write(page, before)
    verdict = check_report(f"{index.store}/{kept.prefix}", index)
    assert verdict.faults == [
        {"path": "moderation.html", "fault": "is not what was left when pictures were cut out of it"}
    ]


def test_a_report_of_an_older_version_is_read_for_whom_it_shows(index: Settings) -> None:
    store, old = open_store(index.store), "reports/moderation/profile_id=p/snapshot_id=1/"
    uri = base64.b64encode(store.read(next(store.list("evidence/")).key)).decode()
    store.write(f"{old}moderation.html", f"<p>{ONE}<img src='data:image/webp;base64,{uri}'>".encode())
    store.write(
        f"{old}manifest.json", b'{"report": "moderation", "files": [{"path": "moderation.html", "sha256": ""}]}'
    )
    store.write("reports/attribution/x/manifest.json", b"garbage")
    assert hide_pictures(index).reports == ()
    take_down(index, ONE)
    assert not store.exists(f"{old}moderation.html")


def test_a_copy_elsewhere_is_told_that_it_shows_what_was_taken_down(index: Settings, tmp_path: Path) -> None:
    from carlos_tasks.reports.moderation.report import write_moderation

    write_moderation(index, tmp_path / "out")
    take_down(index, ONE)
    verdict = check_report(str(tmp_path / "out"), index)
    assert verdict.faults == [] and verdict.facts["taken_down_since"] == [ONE]


def test_the_command_hides_pictures_and_says_when_it_could_not(
    index: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from carlos_tasks.cli import main
    from carlos_tasks.commands import decisions, reports

    for commands in (decisions, reports):
        monkeypatch.setattr(commands, "load_settings", lambda: index)
    monkeypatch.setenv("CARLOS_STORE", index.store)
    kept, store = store_moderation(index), open_store(index.store)
    decided = ["--by", "ana", "--ground", "incompatible_content", "--reference", "4.2", "--reasons", "No."]

    def full(store: FolderStore, key: str, data: bytes) -> None:
        raise PassingError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(FolderStore, "write", full)
        assert main(["decide", "takedown", ONE[:8], *decided]) == 1
    said = capsys.readouterr()
    assert "takedown" in said.out, "what was decided is told all the same"
    assert "the takedown is in force" in said.err and "run carlos report redact" in said.err
    assert main(["report", "redact", "--json"]) == 0
    assert {"what": "report", "key": kept.prefix} in orjson.loads(capsys.readouterr().out)
    assert main(["decide", "takedown", TWO[:8], *decided]) == 0
    assert shown_in(store, ONE) | shown_in(store, TWO) == set()
