"""Which key may sign which entry."""

from collections.abc import Collection
from datetime import datetime

from carlos_tasks.aliases import Row
from carlos_tasks.errors import PermanentError
from carlos_tasks.ledger.keys import Signer
from carlos_tasks.ledger.public_keys import PublicKeys

# The column of a record that names whose it is.
_WHOSE = {"decision": "analyst", "notice": "recorded_by", "submission": "recorded_by"}


def check_signer(
    keys: PublicKeys, signer: Signer | None, kind: str, content: Row, at: datetime, new: Collection[str] = ()
) -> None:
    """Tell whether a key may sign an entry.

    Args:
        keys: those that the lake knows.
        signer: the key; None: the entry is not signed.
        kind: of the record.
        content: of the record.
        at: when it is entered.
        new: keys that this very transaction adds: they ask for no signature yet, and take no other's place.

    Raises:
        PermanentError: it may not; or there is none, and the lake's entries are signed.
    """
    asking = [key for key in keys.in_force("deployment", at) if key.key_id not in new]
    if signer is None:
        if asking:
            raise PermanentError(
                "the entries of this lake are signed: CARLOS_SIGNING_KEY has to name the deployment's key "
                "(or --key that of the analyst who decides); nothing is written"
            )
        return
    key = keys.get(signer.key_id)
    if key is None:
        raise PermanentError(f"the lake does not know key {signer.key_id}: add its public part (carlos keys add)")
    if fault := key.fault_at(at):
        raise PermanentError(f"{fault}: nothing is written")
    if signer.key_id in new and asking:
        raise PermanentError(
            f"key {signer.key_id} cannot add itself: CARLOS_SIGNING_KEY has to name key {asking[0].key_id}, "
            "which the lake knows"
        )
    if not may_sign(key.role, key.analyst, kind, content):
        raise PermanentError(f"key {signer.key_id} is that of {key.analyst} and signs that person's own records only")


def check_analyst(keys: PublicKeys, signer: Signer, kind: str, content: Row, at: datetime) -> None:
    """Tell whether the key is one of the analyst in whose name the record is.

    Raises:
        PermanentError: it is not, or may not sign any more.
    """
    key = keys.get(signer.key_id)
    if key is None:
        raise PermanentError(f"the lake does not know key {signer.key_id}: add its public part (carlos keys add)")
    if key.role != "analyst":
        raise PermanentError(f"key {signer.key_id} is the deployment's: --key takes the key of the analyst")
    if key.analyst != whose(kind, content):
        raise PermanentError(f"key {signer.key_id} is that of {key.analyst}, and --by says {whose(kind, content)}")
    if fault := key.fault_at(at):
        raise PermanentError(f"{fault}: nothing is written")


def may_sign(role: str, analyst: str | None, kind: str, content: Row) -> bool:
    """Whether a key of a role may sign an entry: the deployment's any, an analyst's that of an own record."""
    return role == "deployment" or (kind in _WHOSE and content.get(_WHOSE[kind]) == analyst)


def whose(kind: str, content: Row) -> str | None:
    """Whose record it is: who decided, or took it in; None: a record that no analyst signs."""
    return content.get(_WHOSE[kind]) if kind in _WHOSE else None
