"""`carlos decisions`: the chain over what was decided, verified, and its head to be kept elsewhere."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carlos_tasks.commands.command import AsJson, LakeCommand, load_settings
from carlos_tasks.console import print_json, printable, say

if TYPE_CHECKING:
    from carlos_tasks.ledger.public_keys import PublicKeys
    from carlos_tasks.ledger.verify import KeptHead

_HASH = re.compile(r"[0-9a-f]{64}")

app = typer.Typer()


@app.command(cls=LakeCommand)
def head(as_json: AsJson = False) -> int:
    """Print the head of the chain.

    Keep it elsewhere: whoever has it can tell later that nothing before it was changed.
    """
    from carlos_tasks.errors import NotFound
    from carlos_tasks.lake.catalog import connect
    from carlos_tasks.lake.faults import lake_errors
    from carlos_tasks.ledger.chain import head as head_of

    with connect(load_settings()) as con, lake_errors():
        newest = head_of(con)
    if newest is None:
        raise NotFound("the chain has no entry yet: the first decision begins it")
    if as_json:
        print_json([vars(newest)])
    else:
        say(f"{newest.position} {newest.entry_hash}")
    return 0


@app.command(cls=LakeCommand)
def verify(
    head: Annotated[
        list[str] | None,
        typer.Option(metavar="HASH|FILE", help="a head that was kept elsewhere: of carlos decisions head"),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(metavar="PUB", help="the deployment's public key, as it was kept elsewhere"),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Hold decisions, notices, approvals and keys against the chain.

    One line for each fault, and exit 1: docs/moderation.md#what-the-chain-proves.
    """
    from carlos_tasks.lake.catalog import connect
    from carlos_tasks.lake.faults import lake_errors
    from carlos_tasks.ledger.public_keys import PublicKeys
    from carlos_tasks.ledger.stamps import read_roots
    from carlos_tasks.ledger.verify import verification

    settings = load_settings()
    kept = [one for text in head or () for one in _kept(text)]
    trusted = PublicKeys.of_path(key) if key else _own_key()
    with connect(settings) as con, lake_errors():
        found = verification(con, kept, trusted, read_roots(settings))
    if as_json:
        print_json([vars(one) for one in found.findings])
        return 1 if found.findings else 0
    for one in found.findings:
        say(printable(str(one)))
    for note in found.notes:
        say(f"note: {printable(note)}")
    state = f"{found.n_entries} entries, {found.n_signed} signed and {found.n_entries - found.n_signed} recorded"
    if found.findings:
        say(f"{len(found.findings)} {'fault' if len(found.findings) == 1 else 'faults'} in {state}")
        return 1
    say(f"no fault in {state}{f'; head {found.head.position} {found.head.entry_hash}' if found.head else ''}")
    return 0


def _own_key() -> "PublicKeys | None":
    """The public part of the deployment's key, where that is here: nobody else's may have signed in its place."""
    from carlos_tasks.ledger.keys import signer_of
    from carlos_tasks.ledger.public_keys import PublicKey, PublicKeys

    signer = signer_of(load_settings())
    return PublicKeys([PublicKey(signer.key_id, signer.public_key)]) if signer else None


def _kept(text: str) -> "list[KeptHead]":
    """A head as it was kept: its hash, or a file that holds what `carlos decisions head` printed, or its JSON."""
    from carlos_tasks.errors import CarlosError, NotFound
    from carlos_tasks.ledger.verify import KeptHead

    if _HASH.fullmatch(text.strip().lower()):
        return [KeptHead(text.strip().lower())]
    try:
        content = Path(text).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"{text!r} is neither a hash of 64 hexadecimal digits nor a file") from None
    except (OSError, UnicodeDecodeError) as exc:
        raise CarlosError(f"cannot read {text}: no head in it") from exc
    found = read_heads(content)
    if not found:
        raise CarlosError(f"{text} holds no head: keep what carlos decisions head prints")
    return found


def read_heads(content: str) -> "list[KeptHead]":
    """The heads in a text: lines "POSITION HASH", or JSON with position and entry_hash."""
    import orjson

    from carlos_tasks.ledger.verify import KeptHead

    try:
        read = orjson.loads(content)
        rows = read if isinstance(read, list) else [read]
        return [KeptHead(str(row["entry_hash"]), int(row["position"])) for row in rows]
    except (ValueError, KeyError, TypeError):
        lines = re.findall(rf"^\s*(?:(\d{{1,18}})\s+)?({_HASH.pattern})\s*$", content, re.MULTILINE)
        return [KeptHead(entry_hash, int(position) if position else None) for position, entry_hash in lines]
