"""Keys: made, read, added and revoked, and whose signature a signature is."""

import os
import pickle
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carlos_tasks.errors import CarlosError, NotFound, PermanentError, SettingsError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.statements import rows
from carlos_tasks.ledger.keys import Signer, key_id_of, make_key, read_public_key, read_signer, signer_of
from carlos_tasks.ledger.public_keys import PublicKey, PublicKeys
from carlos_tasks.ledger.verify import verification, verify_ledger
from carlos_tasks.moderation.decisions import decide
from carlos_tasks.moderation.drafts import DecisionDraft, NoticeDraft
from carlos_tasks.moderation.notices import add_notice
from carlos_tasks.moderation.signing_keys import KeyDraft, add_key, known_keys, revoke_key
from carlos_tasks.settings import Settings
from tests.moderation.cases_in_lake import STAR, make_lake

TESTED_SQL = {"add_signing_keys"}
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> Settings:
    return make_lake(tmp_path)


@pytest.fixture
def signed(place: Settings, tmp_path: Path) -> Settings:
    """A lake with a key of the deployment, which is here."""
    signer = make_key(tmp_path / "deployment")
    settings = place.model_copy(update={"signing_key": str(tmp_path / "deployment")})
    add_key(settings, KeyDraft(signer.public_key, "the deployment", "deployment", "op"))
    return settings


def comment(analyst: str = "ana") -> DecisionDraft:
    return DecisionDraft(STAR, "comment", analyst, reasons="Seen.")


def test_a_key_is_its_owners_alone_and_read_again(tmp_path: Path) -> None:
    made = make_key(tmp_path / "k")
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    assert read_signer(tmp_path / "k").key_id == made.key_id == key_id_of(read_public_key(tmp_path / "k.pub"))
    assert PublicKeys.of_path(tmp_path / "k.pub").verify(made.key_id, b"x", made.sign(b"x"), NOW) is None
    for taken in ("k", "k.pub"):
        (tmp_path / taken).rename(tmp_path / "away")
        (tmp_path / "k").touch()
        with pytest.raises(CarlosError, match="is there already"):
            make_key(tmp_path / "k")
        (tmp_path / "away").rename(tmp_path / taken)


def test_a_private_key_shows_nowhere(tmp_path: Path) -> None:
    made = make_key(tmp_path / "k")
    secret = (tmp_path / "k").read_text().splitlines()[1]
    assert secret not in repr(made) + str(vars(made))
    with pytest.raises(TypeError):
        pickle.dumps(made)


def openssl(*arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


def test_files_that_hold_no_such_key_say_so_in_a_line(tmp_path: Path) -> None:
    make_key(tmp_path / "k")
    good = (tmp_path / "k").read_bytes()
    cases: dict[str, tuple[bytes, str]] = {
        "empty": (b"", "holds no private key in PEM"),
        "garbage": (b"\xff\x00" * 40, "holds no private key in PEM"),
        "cut": (good[:60], "holds no private key in PEM"),
        "public": ((tmp_path / "k.pub").read_bytes(), "holds no private key in PEM"),
        "rsa": (openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"), "of another kind"),
        "x25519": (openssl("genpkey", "-algorithm", "X25519"), "of another kind"),
        "locked": (openssl("genpkey", "-algorithm", "ED25519", "-aes256", "-pass", "pass:x"), "has a passphrase"),
    }
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
        with pytest.raises(CarlosError, match=message) as caught:
            read_signer(tmp_path / name)
        assert "\n" not in str(caught.value) and "PRIVATE" not in str(caught.value)
    with pytest.raises(NotFound, match="there is no key file"):
        read_signer(tmp_path / "nothing")
    with pytest.raises(CarlosError, match="cannot read the key file"):
        read_signer(tmp_path)
    with pytest.raises(CarlosError, match="holds a private key: name the public one"):
        read_public_key(tmp_path / "k")
    os.chmod(tmp_path / "k", 0o640)
    with pytest.raises(CarlosError, match="others can read"):
        read_signer(tmp_path / "k")
    with pytest.raises(SettingsError, match="CARLOS_SIGNING_KEY: there is no key file"):
        signer_of(Settings(signing_key=str(tmp_path / "nothing")))
    assert signer_of(Settings()) is None


@given(data=st.binary(max_size=99), other=st.binary(max_size=99), flipped=st.integers(0, 511))
def test_a_signature_is_that_of_its_bytes_and_key(data: bytes, other: bytes, flipped: int) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    one, two = (Signer(Ed25519PrivateKey.generate()) for _ in range(2))
    keys = PublicKeys(PublicKey(signer.key_id, signer.public_key) for signer in (one, two))
    signature = one.sign(data)
    broken = bytearray(signature)
    broken[flipped // 8] ^= 1 << flipped % 8
    assert keys.verify(one.key_id, data, signature, NOW) is None
    assert "is not one of key" in str(keys.verify(one.key_id, data, bytes(broken), NOW))
    assert "is not one of key" in str(keys.verify(two.key_id, data, signature, NOW))
    assert "is not known" in str(keys.verify("0" * 32, data, signature, NOW))
    if other != data:
        assert keys.verify(one.key_id, other, signature, NOW)


@pytest.mark.parametrize(
    ("validity", "fault"),
    [
        ({}, None),
        ({"valid_from": NOW}, None),
        ({"valid_from": NOW + timedelta(seconds=1)}, "is valid from"),
        ({"valid_until": NOW}, "expired at"),
        ({"revoked_at": NOW - timedelta(seconds=1)}, "was revoked"),
        ({"revoked_at": NOW}, None),
    ],
)
def test_when_a_key_may_sign(validity: dict[str, Any], fault: str | None) -> None:
    found = PublicKey("k", b"", **validity).fault_at(NOW)
    assert found is None if fault is None else fault in str(found)


def test_without_a_key_it_is_recorded_and_with_one_signed(place: Settings, tmp_path: Path) -> None:
    assert decide(place, comment())["signature"] == "recorded"
    signer = make_key(tmp_path / "deployment")
    settings = place.model_copy(update={"signing_key": str(tmp_path / "deployment")})
    with pytest.raises(PermanentError, match=r"the lake does not know key .*carlos keys add"):
        decide(settings, comment())
    row = add_key(settings, KeyDraft(signer.public_key, "the deployment", "deployment", "op"))
    assert (row["key_id"], row["role"], row["revoked_at"]) == (signer.key_id, "deployment", None)
    assert decide(settings, comment())["signature"] == "signed"
    with pytest.raises(PermanentError, match="the entries of this lake are signed: CARLOS_SIGNING_KEY"):
        decide(place, comment())
    with pytest.raises(CarlosError, match=r"has key .* already"):
        add_key(settings, KeyDraft(signer.public_key, "again", "deployment", "op"))
    with connect(place) as con:
        found = verification(con)
    assert (found.findings, found.n_entries, found.n_signed) == ([], 3, 2)


def test_an_analyst_signs_own_records_and_nobody_elses(signed: Settings, tmp_path: Path) -> None:
    own = make_key(tmp_path / "ana")
    with pytest.raises(PermanentError, match="the lake does not know key"):
        decide(signed, comment(), own)
    add_key(signed, KeyDraft(own.public_key, "ana's", "analyst", "op", "ana"))
    assert decide(signed, comment(), own)["analyst_signature"] == "signed"
    assert decide(signed, comment())["analyst_signature"] == "not signed"
    assert decide(signed, comment("ben"))["analyst_signature"] is None
    with pytest.raises(PermanentError, match="is that of ana, and --by says ben"):
        decide(signed, comment("ben"), own)
    # On a laptop without the deployment's key, the analyst's own signs the entry as well.
    laptop = signed.model_copy(update={"signing_key": ""})
    assert decide(laptop, comment(), own)["signature"] == "signed"
    add_notice(laptop, NoticeDraft(STAR, "other", "user", "ana"), own)
    with pytest.raises(PermanentError, match="signs that person's own records only"):
        add_key(
            signed.model_copy(update={"signing_key": str(tmp_path / "ana")}),
            KeyDraft(make_key(tmp_path / "eve").public_key, "eve's", "analyst", "op", "eve"),
        )
    with pytest.raises(PermanentError, match="is the deployment's: --key takes the key of the analyst"):
        decide(signed, comment(), read_signer(tmp_path / "deployment"))
    with connect(signed) as con:
        assert verify_ledger(con) == []


def test_a_key_is_replaced_by_one_that_the_old_one_adds(signed: Settings, tmp_path: Path) -> None:
    new, old = make_key(tmp_path / "new"), read_signer(tmp_path / "deployment")
    by_new = signed.model_copy(update={"signing_key": str(tmp_path / "new")})
    with pytest.raises(PermanentError, match="cannot add itself"):
        add_key(by_new, KeyDraft(new.public_key, "new", "deployment", "op"))
    add_key(signed, KeyDraft(new.public_key, "new", "deployment", "op"))
    revoked = revoke_key(by_new, old.key_id[:8], "op", "replaced")
    assert revoked["revoked_at"] is not None
    with pytest.raises(PermanentError, match="was revoked"):
        decide(signed, comment())
    decide(by_new, comment())
    with connect(signed) as con:
        assert verify_ledger(con) == []
        assert verify_ledger(con, trusted=PublicKeys([PublicKey(new.key_id, new.public_key)])) == []
        (found,) = verify_ledger(con, trusted=PublicKeys([PublicKey(old.key_id, old.public_key)]))
        assert found.fault == "key"
        assert [row["name"] for row in known_keys(con)] == ["the deployment", "new"]


def test_what_a_stolen_key_signed_since_is_found(signed: Settings, tmp_path: Path) -> None:
    own = make_key(tmp_path / "ana")
    add_key(signed, KeyDraft(own.public_key, "ana's", "analyst", "op", "ana"))
    before = decide(signed, comment(), own)
    forged = decide(signed, comment(), own)
    revoke_key(signed, own.key_id, "op", "stolen", since=before["decided_at"])
    with pytest.raises(PermanentError, match="was revoked"):
        decide(signed, comment(), own)
    with connect(signed) as con:
        (found,) = verify_ledger(con)
    assert (found.fault, found.record_id) == ("signature", forged["decision_id"])
    assert "of the analyst: key" in found.detail and "was revoked" in found.detail


def test_a_key_that_expired_signs_no_more(place: Settings, tmp_path: Path) -> None:
    own, soon = make_key(tmp_path / "ana"), datetime.now(UTC) + timedelta(hours=1)
    add_key(place, KeyDraft(own.public_key, "ana's", "analyst", "op", "ana", soon, soon + timedelta(days=1)))
    with pytest.raises(PermanentError, match="is valid from"):
        decide(place, comment(), own)
    with pytest.raises(NotFound, match="has no key"):
        revoke_key(place, "ffff", "op")
    with connect(place) as con:
        assert rows(con, "from core.decision") == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": " "}, "needs a name"),
        ({"name": "a\u202eb"}, "name holds U"),
        ({"analyst": None}, "needs the analyst whose it is"),
        ({"role": "deployment"}, "no other takes one"),
        ({"valid_until": NOW - timedelta(days=900)}, "would never be valid"),
        ({"valid_from": NOW, "valid_until": NOW}, "would never be valid"),
    ],
)
def test_a_key_that_can_never_be_right(change: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {
        "public_key": b"k" * 32,
        "name": "n",
        "role": "analyst",
        "recorded_by": "op",
        "analyst": "ana",
    }
    with pytest.raises(CarlosError, match=message):
        KeyDraft(**good | change)
