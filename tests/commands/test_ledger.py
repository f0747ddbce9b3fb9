"""`carlos decisions` and `carlos keys`: what they print, and how they exit."""

import json
from pathlib import Path

import pytest

from carlos_tasks.cli import main
from carlos_tasks.commands.ledger import read_heads
from carlos_tasks.lake.catalog import connect
from carlos_tasks.ledger.verify import KeptHead
from carlos_tasks.settings import Settings, load_settings
from tests.moderation.cases_in_lake import STAR, make_lake


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A lake, which the settings of the shell name."""
    settings = make_lake(tmp_path)
    for name in ("store", "catalog", "signing_key"):
        monkeypatch.setenv(f"CARLOS_{name.upper()}", getattr(settings, name))
    load_settings.cache_clear()
    return settings


def run(*arguments: str) -> int:
    load_settings.cache_clear()
    return main(arguments)


def comment(*more: str) -> int:
    return run("decide", "comment", STAR, "--by", "ana", "--reasons", "Seen.", *more)


def test_the_chain_is_verified_and_its_head_kept(
    place: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("decisions", "head") == 1
    assert "the chain has no entry yet" in capsys.readouterr().err
    assert comment() == 0
    assert "recorded" in capsys.readouterr().out
    assert run("decisions", "head") == 0
    kept = tmp_path / "head"
    kept.write_text(capsys.readouterr().out)
    entry_hash = kept.read_text().split()[1]
    assert run("decisions", "verify", "--head", str(kept)) == run("decisions", "verify", "--head", entry_hash) == 0
    assert f"no fault in 1 entries, 0 signed and 1 recorded; head 1 {entry_hash}" in capsys.readouterr().out
    with connect(place, read_only=False) as con:
        con.execute("update core.decision set reasons = 'Not\x1b[31m seen.'")
    assert run("decisions", "verify", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert [(row["fault"], row["position"], row["kind"]) for row in told if row["fault"] == "changed"] == [
        ("changed", 1, "decision")
    ]
    assert run("decisions", "verify") == 1
    said = capsys.readouterr().out
    assert "position 1, decision " in said and ": changed: reasons: not what was entered; snapshot" in said
    assert "2 faults in 1 entries" in said


def test_keys_are_made_added_listed_and_revoked(
    place: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = str(tmp_path / "k")
    assert run("keys", "new", key, "--json") == 0
    (made,) = json.loads(capsys.readouterr().out)
    assert (made["private"], made["public"]) == (key, f"{key}.pub")
    assert run("keys", "add", f"{key}.pub", "--name", "ana's", "--role", "analyst", "--analyst", "ana") == 0
    assert comment("--key", key) == 0
    assert "signed, and by ana" in capsys.readouterr().out
    assert comment() == 0
    assert "recorded, not by ana" in capsys.readouterr().out
    assert run("keys", "revoke", made["key_id"][:6], "--reason", "lost", "--by", "op") == 0
    assert comment("--key", key) == 1
    assert "was revoked" in capsys.readouterr().err
    assert run("keys", "list", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["key_id"], row["analyst"]) == (made["key_id"], "ana") and row["revoked_at"]
    assert "PRIVATE" not in (Path(key).parent / "catalog.sqlite").read_bytes().decode("latin-1")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["decisions", "verify", "--head", "abc"], 1, "neither a hash of 64 hexadecimal digits nor a file"),
        (["decisions", "verify", "--head", "/"], 1, "cannot read /"),
        (["decisions", "verify", "--head", __file__], 1, "holds no head"),
        (["decisions", "verify", "--key", __file__], 1, "holds no public key in PEM"),
        (["decisions", "verify", "--key", "nothing.pub"], 1, "there is no key file nothing.pub"),
        (["keys", "add", __file__, "--name", "n", "--role", "deployment"], 1, "holds no public key in PEM"),
        (["keys", "add", "x.pub", "--name", "n", "--role", "king"], 2, "king"),
        (["keys", "add", "x.pub", "--name", "n", "--role", "analyst", "--valid-from", "soon"], 2, "no time: 'soon'"),
        (["keys", "new", "/nowhere/k"], 1, "cannot write /nowhere/k"),
        (["keys", "revoke", ""], 1, "the lake has no key ''"),
        (["decide", "comment", STAR, "--by", "ana", "--reasons", "x", "--key", __file__], 1, "private key"),
        (["decide", "comment", STAR, "--by", "ana", "--reasons", "a\u202eb"], 1, "reasons holds U+202E RIGHT-TO-LEFT"),
        (["notice", STAR, "--category", "other", "--from", "user", "--by", "d", "--text", "\u200b"], 1, "U+200B ZERO"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    place: Settings, arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        given = run(*arguments)
    except SystemExit as stopped:
        given = int(str(stopped.code))
    err = capsys.readouterr().err
    assert given == code
    assert said in err and "Traceback" not in err
    if code == 1:
        assert err.startswith("carlos: ") and err.count("\n") == 1


def test_a_head_is_read_as_it_was_printed() -> None:
    one, two = "a" * 64, "b" * 64
    assert read_heads(f"7 {one}\n") == [KeptHead(one, 7)]
    assert read_heads(one) == [KeptHead(one)]
    assert read_heads(json.dumps([{"position": 3, "entry_hash": two}])) == [KeptHead(two, 3)]
    assert read_heads("a report's page") == []
