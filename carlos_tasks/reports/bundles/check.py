"""Is a report still what its manifest says? What lies there against the manifest, and the manifest against itself.

That tells nothing of whoever wrote the manifest: `reports.bundles.vouched` asks who vouches for it, and
`reports.recompute` asks the lake for the same report.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson

from carlos_tasks.aliases import Json
from carlos_tasks.errors import NotFound
from carlos_tasks.ledger.canonical import canonical_json
from carlos_tasks.reports.bundles.bundle import BESIDE, MANIFEST_ONLY
from carlos_tasks.reports.bundles.lying import Lying, is_plain, lying_at, told_path
from carlos_tasks.reports.bundles.pictures import owner_of
from carlos_tasks.reports.bundles.redaction import Redactions, redactions_from
from carlos_tasks.reports.bundles.seal import MANIFEST, REDACTIONS, sha256_of
from carlos_tasks.store.objects import checked_key

#: Facts that no report of this version lacks, and their kinds.
_NEEDED: dict[str, type] = {
    "report": str,
    "profile_id": str,
    "snapshot_id": int,
    "committed_at": str,
    "created_at": str,
    "code_version": str,
    "files": list,
}
_OPTIONAL: dict[str, type] = {"ledger": dict, "pictures_of": list, "kept_at": str, "signed_by": str}


@dataclass
class Checked:
    """What a check has found so far.

    Attributes:
        lying: what lies at the place.
        manifest: bytes of the manifest; `told` is what it says, empty where it is that of no report.
        faults: path and fault, each once.
        vouched_by: who says that the manifest is what was written, a clause each.
        not_checked: what was not looked at, and why, a sentence each.
        redactions: whose pictures were cut out since it was written.
        facts: further facts for whoever asked.
        can_be_checked: whether the manifest says all that a check asks.
    """

    lying: Lying
    manifest: bytes
    told: Json = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)
    vouched_by: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    redactions: Redactions | None = None
    facts: Json = field(default_factory=dict)
    can_be_checked: bool = False

    @property
    def manifest_sha256(self) -> str:
        """Hash of the manifest."""
        return sha256_of(self.manifest)

    def fault(self, path: str, fault: str) -> None:
        """Note a fault."""
        if (row := (told_path(path), fault)) not in self.faults:
            self.faults.append(row)

    def read(self, path: str) -> bytes | None:
        """A file that lies there; None: it does not, or is no file."""
        return self.lying.store.read(path) if path in self.lying.files else None


def check_files(place: str) -> Checked:
    """Check what lies in a folder or at an s3:// prefix against the manifest that lies there.

    Raises:
        NotFound: no finished report lies there.
        PassingError: storage did not answer.
    """
    lying = lying_at(place)
    if MANIFEST not in lying.files and MANIFEST not in lying.others:
        raise NotFound(f"{place} holds no {MANIFEST}: no report lies there, or one that was never finished")
    found = Checked(lying, lying.store.read(MANIFEST) if MANIFEST in lying.files else b"")
    for path, what in lying.others.items():
        found.fault(path, what)
    found.told = _told(found)
    if not found.told:
        found.fault(MANIFEST, "is not that of a report")
        return found
    _check_redactions(found)
    for path, fault in _file_faults(found):
        found.fault(path, fault)
    _check_json(found)
    return found


def _told(found: Checked) -> Json:
    """What the manifest says, once its form is checked."""
    try:
        told = orjson.loads(found.manifest)
        for file in told["files"]:
            checked_key(file["path"])
            if not isinstance(file["sha256"], str) or type(file["bytes"]) is not int:
                return {}
        canonical = canonical_json(told)
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    if not isinstance(told.get("report"), str):
        return {}
    if canonical != found.manifest:
        found.fault(MANIFEST, "is not in the form that reports are written in: something was written into it by hand")
    wrong = [name for name, kind in _NEEDED.items() if not isinstance(told.get(name), kind)]
    wrong += [name for name, kind in _OPTIONAL.items() if not isinstance(told.get(name) or kind(), kind)]
    if wrong:
        found.fault(MANIFEST, f"does not say {', '.join(wrong)} as a report does")
    found.can_be_checked = not wrong
    if not told["files"]:
        found.fault(MANIFEST, "lists no file")
    listed = [file["path"] for file in told["files"]]
    if listed != sorted(set(listed)):
        found.fault(MANIFEST, "lists a file twice, or not in order")
    seen: dict[str, str] = {}
    for path in listed:
        plain = unicodedata.normalize("NFKC", path).casefold()
        if plain in seen and seen[plain] != path:
            found.fault(path, f"can hardly be told from {told_path(seen[plain])}")
        seen.setdefault(plain, path)
        if path in (MANIFEST, *BESIDE):
            found.fault(path, "is listed, and cannot be a file of a report")
    return dict(told)


def _check_redactions(found: Checked) -> None:
    data = found.read(REDACTIONS)
    if data is None:
        return
    try:
        redactions = redactions_from(data)
    except ValueError:
        found.fault(REDACTIONS, "is not what a redaction writes")
        return
    if redactions.manifest_sha256 != found.manifest_sha256:
        found.fault(REDACTIONS, "is of another manifest than this one")
        return
    if redactions.entry is None:
        found.fault(REDACTIONS, "was begun and never finished: run carlos report redact")
    lora_ids = {lora["lora_id"] for lora in redactions.loras}
    listed = {file["path"] for file in found.told["files"]}
    for file in redactions.files:
        owner = owner_of(file.path)
        may_be = owner in lora_ids if owner else file.path.endswith((".html", ".pdf"))
        if file.path not in listed or not may_be:
            found.fault(REDACTIONS, f"names {told_path(file.path)}, which shows no picture of a LoRA that it names")
    found.redactions = redactions


def _file_faults(found: Checked) -> Iterator[tuple[str, str]]:
    listed = {file["path"]: (file["sha256"], file["bytes"]) for file in found.told["files"]}
    redacted = {file.path: file for file in found.redactions.files} if found.redactions else {}
    for path, (sha256, size) in listed.items():
        data = found.read(path)
        if path in redacted:
            yield from _redacted_fault(path, data, redacted[path].sha256)
        elif data is None:
            if path not in found.lying.others:
                yield path, "is missing"
        elif (sha256_of(data), len(data)) != (sha256, size):
            yield path, "is not what was written"
    for path in sorted(found.lying.files - set(listed) - {MANIFEST, *BESIDE}):
        look = "" if is_plain(path) else f" (its name is {path.encode('unicode_escape').decode()})"
        yield path, f"is no part of the report{look}"


def _redacted_fault(path: str, data: bytes | None, sha256: str | None) -> Iterator[tuple[str, str]]:
    if sha256 is None and data is not None:
        yield path, "was removed when pictures were cut out of the report, and lies here again"
    elif sha256 is not None and data is None:
        yield path, "is missing"
    elif data is not None and sha256_of(data) != sha256:
        yield path, "is not what was left when pictures were cut out of it"


def _check_json(found: Checked) -> None:
    """The report's own JSON says what the manifest says."""
    path = f"{found.told['report']}.json"
    path = path if path in found.lying.files else "report.json"
    data = found.read(path)
    if data is None:
        return
    try:
        told = dict(orjson.loads(data))
    except (ValueError, TypeError):
        found.fault(path, "is no JSON of a report")
        return
    for name in sorted(set(told) - MANIFEST_ONLY - _NOT_COMPARED):
        if told[name] != found.told.get(name):
            found.fault(MANIFEST, f"says another {name} than {path}")


_NOT_COMPARED = frozenset({"tables", "files", "left_out", "signed_by", "sections"})
