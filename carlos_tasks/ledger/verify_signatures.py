"""Whether signatures are those of keys that might sign, and whether all entries are signed that have to be."""

from collections.abc import Iterator

from carlos_tasks.aliases import Row
from carlos_tasks.errors import CarlosError
from carlos_tasks.ledger.canonical import canonical_json
from carlos_tasks.ledger.entry import Entry, signed_text
from carlos_tasks.ledger.evidence import Evidence
from carlos_tasks.ledger.findings import Finding
from carlos_tasks.ledger.may_sign import may_sign, whose
from carlos_tasks.ledger.public_keys import PublicKeys, decoded


def signature_findings(evidence: Evidence, trusted: PublicKeys | None = None) -> Iterator[Finding]:
    """Faults of signatures, and of who signed.

    Args:
        evidence: what stands in the lake.
        trusted: keys that were kept outside it: the newest entry of the deployment has to be signed by one of them.
    """
    contents = {(kind, record_id): content for kind, of in evidence.records.items() for record_id, content in of}
    places = _places_of_keys(evidence, contents)
    for entry in evidence.entries:
        content = contents.get((entry.kind, entry.record_id), {})
        yield from _signature(evidence, entry, content, places)
        yield from _analyst(evidence, entry, content)
    if trusted is not None:
        yield from _trust(evidence, trusted)


def _places_of_keys(evidence: Evidence, contents: dict[tuple[str, str], Row]) -> dict[str, int]:
    """From which position on the chain knows each key."""
    places: dict[str, int] = {}
    for entry in evidence.entries:
        content = contents.get((entry.kind, entry.record_id), {})
        if entry.kind == "key" and content.get("change") == "add":
            places.setdefault(str(content.get("key_id")), entry.position)
    return places


def _signature(evidence: Evidence, entry: Entry, content: Row, places: dict[str, int]) -> Iterator[Finding]:
    if entry.key_id is None or entry.signature is None:
        if _were_in_force(evidence, entry, places):
            yield _of(entry, "not_signed", "it has no signature, and the lake's entries were signed by then")
        if entry.key_id is not None or entry.signature is not None:
            yield _of(entry, "signature", "a key without a signature, or a signature without a key")
        return
    fault = _fault(evidence.keys, entry.key_id, signed_text(entry.entry_hash), entry.signature, entry)
    if fault:
        yield _of(entry, "signature", fault)
        return
    key = evidence.keys.keys[entry.key_id]
    if entry.kind == "key" and places.get(entry.key_id) == entry.position and _were_in_force(evidence, entry, places):
        yield _of(entry, "key", f"key {entry.key_id} added itself, and the lake knew another of the deployment")
    if places.get(entry.key_id, entry.position + 1) > entry.position:
        yield _of(entry, "key", f"key {entry.key_id} was added later than it signed")
    if not may_sign(key.role, key.analyst, entry.kind, content):
        yield _of(entry, "key", f"key {entry.key_id} is that of {key.analyst}, and the record is not")


def _were_in_force(evidence: Evidence, entry: Entry, places: dict[str, int]) -> bool:
    """Whether a key of the deployment that an earlier entry added might sign by then."""
    in_force = evidence.keys.in_force("deployment", entry.entered_at)
    return any(places.get(key.key_id, entry.position) < entry.position for key in in_force)


def _analyst(evidence: Evidence, entry: Entry, content: Row) -> Iterator[Finding]:
    if entry.analyst_key_id is None or entry.analyst_signature is None:
        if entry.analyst_key_id is not None or entry.analyst_signature is not None:
            yield _of(entry, "signature", "a key of an analyst without a signature, or a signature without a key")
        return
    key = evidence.keys.get(entry.analyst_key_id)
    if key is not None and (key.role != "analyst" or key.analyst != whose(entry.kind, content)):
        yield _of(entry, "key", f"key {key.key_id} is not one of {whose(entry.kind, content)}, whose record it is")
    try:
        signed = canonical_json(content)
    except ValueError:
        return  # told as a changed record
    if fault := _fault(evidence.keys, entry.analyst_key_id, signed, entry.analyst_signature, entry):
        yield _of(entry, "signature", f"of the analyst: {fault}")


def _trust(evidence: Evidence, trusted: PublicKeys) -> Iterator[Finding]:
    """The newest entry that the deployment signed covers all before it: whose signature is it?"""
    for entry in reversed(evidence.entries):
        key = evidence.keys.get(entry.key_id or "")
        if key is not None and key.role == "deployment":
            if trusted.get(key.key_id) is None:
                yield _of(entry, "key", f"key {key.key_id} is not the one that was kept elsewhere")
            return
    yield Finding("key", "no entry is signed by the key that was kept elsewhere")


def _fault(keys: PublicKeys, key_id: str, data: bytes, signature: str, entry: Entry) -> str | None:
    try:
        return keys.verify(key_id, data, decoded(signature), entry.entered_at)
    except CarlosError:
        return "it is not base64"


def _of(entry: Entry, fault: str, detail: str) -> Finding:
    return Finding(fault, detail, entry.position, entry.kind, entry.record_id)
