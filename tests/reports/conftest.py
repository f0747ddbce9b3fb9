"""A lake with something to report: LoRAs with names that mean harm, notices, decisions, an appeal, kept pictures."""

import io
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from PIL import Image

from carlos_tasks.lake.catalog import connect
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.reports.bundles.document import Document
from carlos_tasks.reports.moderation.report import moderation_report
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import evidence_key
from tests.lakes import migrated_lake, settings_of
from tests.sql.lake_rows import fill

SINCE = datetime(2026, 3, 14, tzinfo=UTC)
SHARD_OF = datetime(2025, 12, 1, 8, tzinfo=UTC)  # the source dates its shard long before it is read here
INTAKE = datetime(2026, 3, 15, 8, tzinfo=UTC)
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
NASTY = '<script>alert(1)</script> <img src=x onerror=alert(2)> "\u202eevil'
FORMULA = '=HYPERLINK("http://e.invalid","x")'
LORAS = {name: (name * 64)[:64] for name in "abcdef"}
A, B, C, D, E, F = LORAS.values()
SENDER = "jane@person.invalid"


@pytest.fixture(scope="package")
def profile_id() -> str:
    return load_profile("micro").profile_id


@pytest.fixture(scope="package")
def filled(tmp_path_factory: pytest.TempPathFactory, profile_id: str) -> Settings:
    """A lake that tests only read: A is complained of and overdue, C was taken down, D restricted and given back."""
    return filled_lake(tmp_path_factory.mktemp("reports"), profile_id)


def filled_lake(folder: Path, profile_id: str) -> Settings:
    """Make such a lake in a folder."""
    settings = settings_of(folder)
    migrated_lake(settings)
    with connect(settings, read_only=False) as con:
        con.execute("set preserve_insertion_order = false")
        con.execute("begin")
        fill_lake(con, profile_id)
        con.execute("commit")
    keep_pictures(settings, profile_id)
    return settings


@pytest.fixture(scope="package")
def report(filled: Settings) -> Document:
    """The moderation report of that lake, read once."""
    return moderation_report(filled, SINCE, NOW)


def fill_lake(lake: duckdb.DuckDBPyConnection, profile_id: str) -> None:
    fill(
        lake,
        {
            "core.profile": [{"profile_id": profile_id, "name": "micro"}],
            "core.lora": [
                {"lora_id": lora_id, "first_seen_at": SHARD_OF, "taken_in_at": INTAKE} for lora_id in LORAS.values()
            ],
            "raw.listing": [
                {"lora_id": A, "name": NASTY, "creator": "@creator", "file_id": "1"},
                {"lora_id": B, "name": FORMULA, "file_id": "2"},
                {"lora_id": D, "published_at": "infinity", "file_id": "4"},
                {"lora_id": C, "name": "שלום", "file_id": "3", "published_at": "2024-05-06T07:08:09Z"},
            ],
            "core.representation": [
                {"profile_id": profile_id, "lora_id": lora_id, "computed_at": "2026-03-16 08:00:00+00"}
                for lora_id in LORAS.values()
            ],
            "raw.rejection": [
                {
                    "file_id": "9",
                    "reason": "pickle",
                    "detail": "+1 is a pickle",
                    "rejected_at": "2026-03-18 01:00:00+00",
                },
                {"file_id": "8", "reason": "truncated", "rejected_at": "2026-02-01 01:00:00+00"},
            ],
            "core.notice": [
                {
                    "notice_id": "n-a",
                    "lora_id": A,
                    "category": "ncii",
                    "sender_kind": "person_shown",
                    "sender": SENDER,
                    "text": "SECRET-TEXT",
                    "received_at": "2026-03-17 10:00:00+00",
                    "due_at": "2026-03-19 10:00:00+00",
                    "recorded_at": "2026-03-17 10:05:00+00",
                },
                {
                    "notice_id": "n-c",
                    "lora_id": C,
                    "category": "trademark",
                    "sender_kind": "trusted_flagger",
                    "received_at": "2026-03-10 10:00:00+00",
                    "due_at": "2026-03-20 10:00:00+00",
                    "recorded_at": "2026-03-10 10:05:00+00",
                },
            ],
            "core.decision": [
                {
                    "decision_id": "takedown-c",
                    "lora_id": C,
                    "action": "takedown",
                    "notice_id": "n-c",
                    "ground": "illegal_content",
                    "ground_reference": "Trade mark act, section 10",
                    "category": "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
                    "reasons": f"{FORMULA} {NASTY}",
                    "automated_detection": False,
                    "decided_at": "2026-03-18 10:00:00+00",
                },
                {
                    "decision_id": "restrict-d",
                    "lora_id": D,
                    "action": "restrict",
                    "ground": "incompatible_content",
                    "ground_reference": "Terms, 4.2",
                    "reasons": "Graphic, and not labelled as such.",
                    "evidence": ["signal/declared_other/p", "signal/declared_other/q", "evidence/x.webp"],
                    "analyst": FORMULA,
                    "decided_at": "2026-03-18 11:00:00+00",
                },
                {
                    "decision_id": "appeal-d",
                    "lora_id": D,
                    "action": "appeal",
                    "refers_to": "restrict-d",
                    "decided_at": "2026-03-18 12:00:00+00",
                },
                {
                    "decision_id": "overturn-d",
                    "lora_id": D,
                    "action": "overturn",
                    "refers_to": "appeal-d",
                    "decided_at": "2026-03-19 12:00:00+00",
                },
                {
                    "decision_id": "label-e",
                    "lora_id": E,
                    "action": "label",
                    "evidence": ["signal/declared_other/p"],
                    "decided_at": "2026-03-19 13:00:00+00",
                },
                {"decision_id": "none-f", "lora_id": F, "action": "no_action", "decided_at": "2026-02-28 23:59:59+00"},
            ],
        },
    )


def keep_pictures(settings: Settings, profile_id: str) -> None:
    store = open_store(settings.store)
    for lora_id, colour in (("base", "#ff0000"), (A, "#00ff00"), (C, "#0000ff")):
        for prompt in ("p1", "p2"):
            buffer = io.BytesIO()
            Image.new("RGB", (32, 32), colour).save(buffer, "WEBP", lossless=True)
            store.write(evidence_key(profile_id, lora_id, prompt, 0), buffer.getvalue())
