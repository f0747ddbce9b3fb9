"""`carlos keys`: keys that sign, made and added, listed and revoked."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from carlos_tasks.commands.command import AsJson, LakeCommand, load_settings, print_rows

COLUMNS = ("key_id", "name", "role", "analyst", "valid_from", "valid_until", "revoked_at")
By = Annotated[str | None, typer.Option(metavar="NAME", help="who says so (default: your login name)")]

app = typer.Typer()


def _moment(text: str) -> datetime:
    """A day or a time; UTC where it names no other zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter(f"no time: {text!r} (write 2026-11-23 or 2026-11-23T14:30)") from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Moment = Annotated[datetime | None, typer.Option(metavar="TIME", parser=_moment, help="ISO 8601, UTC without a zone")]


@app.command(cls=LakeCommand)
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="the private key; FILE.pub becomes the public one")],
    as_json: AsJson = False,
) -> int:
    """Make a key.

    Ed25519, in PEM, readable by you alone; there is no passphrase: docs/moderation.md#keys.
    """
    from carlos_tasks.ledger.keys import make_key

    signer = make_key(file)
    return print_rows([{"key_id": signer.key_id, "private": str(file), "public": f"{file}.pub"}], as_json)


@app.command(cls=LakeCommand)
def add(
    public: Annotated[Path, typer.Argument(metavar="PUB", help="the public key, FILE.pub of carlos keys new")],
    name: Annotated[str, typer.Option(metavar="TEXT", help="what people call it")],
    role: Annotated[Literal["deployment", "analyst"], typer.Option(help="what it signs")],
    analyst: Annotated[str | None, typer.Option(metavar="NAME", help="whose it is, as --by names the person")] = None,
    valid_from: Moment = None,
    valid_until: Moment = None,
    by: By = None,
    as_json: AsJson = False,
) -> int:
    """Tell the lake a public key.

    From then on entries have to be signed, if it is the deployment's: docs/moderation.md#keys.
    """
    from carlos_tasks.ledger.keys import read_public_key
    from carlos_tasks.moderation.signing_keys import KeyDraft, add_key

    draft = KeyDraft(read_public_key(public), name, role, by or _login(), analyst, valid_from, valid_until)
    return print_rows([add_key(load_settings(), draft)], as_json, COLUMNS)


@app.command("list", cls=LakeCommand)
def list_keys(as_json: AsJson = False) -> int:
    """List the public keys that the lake knows."""
    from carlos_tasks.lake.catalog import connect
    from carlos_tasks.lake.faults import lake_errors
    from carlos_tasks.moderation.signing_keys import known_keys

    with connect(load_settings()) as con, lake_errors():
        return print_rows(known_keys(con), as_json, COLUMNS)


@app.command(cls=LakeCommand)
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="or its first digits")],
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="why")] = None,
    since: Moment = None,
    by: By = None,
    as_json: AsJson = False,
) -> int:
    """Say that a key may not sign any more.

    What it signed after --since (default: now) is a finding of carlos decisions verify.
    """
    from carlos_tasks.moderation.signing_keys import revoke_key

    return print_rows([revoke_key(load_settings(), key_id, by or _login(), reason, since)], as_json, COLUMNS)


def _login() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a process of a user whom the system does not know
        return "unknown"
