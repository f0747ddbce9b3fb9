"""Cutting the pictures of LoRAs that were taken down out of a report that is kept in the store.

The manifest stays as it was signed, entered and released: it says what the report was. `redactions.json` beside it says
whose pictures were cut out, by which decision, and which file is what now; that is entered in the ledger too. So a
check tells a redaction from a tampering, and a copy of the report elsewhere is still known for what it is.

Written in this order, so that it can be killed anywhere and run again: what is meant, the files, the entry.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import orjson

from carlos_tasks.aliases import Json
from carlos_tasks.errors import NotFound
from carlos_tasks.ledger.canonical import canonical_json, utc_text
from carlos_tasks.reports.bundles.pictures import has_pictures, owner_of, without_pictures
from carlos_tasks.reports.bundles.seal import MANIFEST, REDACTIONS, enter_one, entry_json, sha256_of
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore, checked_key

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RedactedFile:
    """A file of a report as it is since: `sha256` and `bytes` of the redacted one; None: it was removed."""

    path: str
    sha256: str | None
    bytes: int | None


@dataclass(frozen=True)
class Redactions:
    """What was cut out of a report.

    Attributes:
        manifest_sha256: of its manifest.
        loras: `lora_id`, `decision_id` and `redacted_at` of each LoRA whose pictures were cut out.
        files: what each file is now that held one of them.
        entry: its entry in the ledger; None: what is meant is not done yet.
    """

    manifest_sha256: str
    loras: tuple[Json, ...] = ()
    files: tuple[RedactedFile, ...] = ()
    entry: Json | None = None

    def content(self) -> Json:
        """What the ledger has of it."""
        told = asdict(self)
        del told["entry"]
        return {"redacts": told.pop("manifest_sha256"), **told}

    def record_id(self) -> str:
        """What the ledger names it."""
        return sha256_of(canonical_json(self.content()))

    def to_json(self) -> bytes:
        """Its file."""
        return canonical_json(asdict(self))


def redactions_from(data: bytes) -> Redactions:
    """Read what `Redactions.to_json` wrote.

    Raises:
        ValueError: it is none.
    """
    try:
        told = orjson.loads(data)
        files = tuple(RedactedFile(**file) for file in told["files"])
        found = Redactions(str(told["manifest_sha256"]), tuple(told["loras"]), files, told["entry"])
        if not all(isinstance(lora[name], str) for lora in found.loras for name in ("lora_id", "decision_id")):
            raise ValueError("no ids")
        if not all(isinstance(file.path, str) and isinstance(file.sha256 or "", str) for file in files):
            raise ValueError("no paths")
        if found.to_json() != data:
            raise ValueError("not in canonical form")
    except (TypeError, KeyError, AttributeError, orjson.JSONDecodeError) as exc:
        raise ValueError("no redactions") from exc
    return found


def redact_kept(settings: Settings, prefix: str, removed: Mapping[str, str]) -> list[str]:
    """Cut the pictures of LoRAs out of a kept report, where it shows them and was not redacted yet.

    Args:
        settings: where the report is kept, the lake, and the key.
        prefix: where in the store.
        removed: LoRAs that are taken down, with the decision (`lake.state.taken_down`).

    Returns:
        The LoRAs whose pictures were cut out now.

    Raises:
        NotFound: no whole report lies there.
        PermanentError, PassingError: the lake or the store did not take it.
    """
    store = open_store(settings.store)
    manifest = store.read(prefix + MANIFEST)
    done = _read(store, prefix, manifest)
    told = orjson.loads(manifest)
    shown = _shown(store, prefix, told, removed)
    fresh = sorted(shown - {lora["lora_id"] for lora in done.loras})
    if not fresh and (done.entry is not None or not done.loras):
        return []
    if fresh:
        at = utc_text(datetime.now(UTC))
        loras = [{"lora_id": one, "decision_id": removed[one], "redacted_at": at} for one in fresh]
        everybody = {lora["lora_id"] for lora in done.loras} | set(fresh)
        files, contents = _redacted(store, prefix, told, done, everybody)
        done = Redactions(sha256_of(manifest), (*done.loras, *loras), files)
        store.write(prefix + REDACTIONS, done.to_json())
    else:  # killed on its way: the files follow from what is left of them
        _, contents = _redacted(store, prefix, told, done, {lora["lora_id"] for lora in done.loras})
    for path, content in contents.items():
        if content is None:
            store.delete(prefix + path)
        else:
            store.write(prefix + path, content)
    entry = enter_one(settings, "redaction", "report", done.record_id(), done.content())
    store.write(prefix + REDACTIONS, replace(done, entry=entry_json(entry)).to_json())
    log.info("the pictures of %d LoRAs were cut out of %s", len(fresh) or len(done.loras), prefix)
    return fresh or [lora["lora_id"] for lora in done.loras]


def _read(store: ObjectStore, prefix: str, manifest: bytes) -> Redactions:
    try:
        found = redactions_from(store.read(prefix + REDACTIONS))
    except (NotFound, ValueError):
        return Redactions(sha256_of(manifest))
    return found if found.manifest_sha256 == sha256_of(manifest) else Redactions(sha256_of(manifest))


def _shown(store: ObjectStore, prefix: str, manifest: Json, removed: Mapping[str, str]) -> set[str]:
    """Which of some LoRAs a report shows; one of an older version, which does not say, is read."""
    if "pictures_of" in manifest:
        return set(manifest["pictures_of"]) & set(removed)
    found = {owner for file in manifest["files"] if (owner := owner_of(file["path"]))}
    for file in manifest["files"]:
        if file["path"].endswith(".html"):
            page = _page(store, prefix + file["path"])
            found |= {lora_id for lora_id in removed if has_pictures(page) and lora_id in page}
    return found & set(removed)


def _redacted(
    store: ObjectStore, prefix: str, manifest: Json, done: Redactions, lora_ids: Collection[str]
) -> tuple[tuple[RedactedFile, ...], dict[str, bytes | None]]:
    """What becomes of each file that holds pictures: what it is then, and its bytes (None: removed)."""
    before = {file.path: file.sha256 for file in done.files}
    files: list[RedactedFile] = []
    contents: dict[str, bytes | None] = {}
    for file in manifest["files"]:
        path = checked_key(file["path"])
        if owner := owner_of(path):
            if owner not in lora_ids:
                continue
            content = None
        elif path.endswith(".pdf"):  # its pictures are blurred, and it is a print of the page
            content = None
        elif path.endswith(".html"):
            content = _cut(store, prefix + path, {file["sha256"], before.get(path)}, lora_ids)
        else:
            continue
        contents[path] = content
        sha256, size = (None, None) if content is None else (sha256_of(content), len(content))
        files.append(RedactedFile(path, sha256, size))
    return tuple(files), contents


def _cut(store: ObjectStore, key: str, known: Collection[str | None], lora_ids: Collection[str]) -> bytes | None:
    """The page without the pictures; None, to be removed: it is not what was written, or pictures do not say whose.

    `known`: hashes of what may lie there, as written and as redacted before.
    """
    page = _page(store, key)
    if sha256_of(page.encode("utf-8", "surrogateescape")) not in known:
        return None
    cut = without_pictures(page, lora_ids)
    if cut == page and has_pictures(page) and "data-lora=" not in page:
        return None
    return cut.encode("utf-8", "surrogateescape")


def _page(store: ObjectStore, key: str) -> str:
    try:
        return store.read(key).decode("utf-8", "surrogateescape")
    except NotFound:
        return ""
