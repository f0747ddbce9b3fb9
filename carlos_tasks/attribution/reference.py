"""A reference set: the pictures, texts or LoRAs that an attribution is about, where they come from, and their licence.

It lies in a folder or below an S3 prefix, pictures beside a `reference.toml`, or is given piece by piece:

    title = "House style of the Example Studio"
    rights_holder = "Example Studio"
    provenance = "24 plates of the 2025 catalogue, scanned by the studio, handed over on 2026-02-03"
    licence = "all rights reserved; used for this comparison with the holder's consent"
    collected_at = 2026-02-03
    texts = ["linocut with a red border"]      # optional: compared by themselves, beside the pictures
    lora_ids = ["1c26bec2d2a6"]                # optional: LoRAs of the index, compared by themselves as well

What it says is a claim of whoever wrote it; a report repeats it as that.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError

from carlos_tasks.embedding.image_files import MAX_PICTURES, find_pictures
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.lake.lora_ids import short_id
from carlos_tasks.retrieval.query_text import normalised_text
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.untrusted.text import clean_line, says_something

REFERENCE_FILE = "reference.toml"
MAX_REFERENCE_FILE_BYTES = 2**20
MAX_SET_BYTES = 4 * 2**30
MAX_TEXTS = 100
MAX_LINE = 2000
MAX_LORAS = 100


@dataclass(frozen=True)
class PictureFile:
    """A file of a reference set that should be a picture, not opened yet: its name there, and where its bytes lie.

    `etag` changes when the bytes do.
    """

    name: str
    store_uri: str
    key: str
    bytes: int
    etag: str


@dataclass(frozen=True)
class Reference:
    """What an attribution is about. At least one of `pictures`, `texts`, `lora_ids` is there; each is one line of text.

    Attributes:
        title: what people call it.
        rights_holder: who claims it; empty where nobody is named.
        provenance, licence: where it comes from, and on what terms; not empty where there are pictures.
        collected_at: when it was put together, if known.
        texts: what it shows in words, each normalised.
        lora_ids: LoRAs of the index, whole ids or their first digits.
        pictures: in the order of their names.
    """

    title: str
    rights_holder: str = ""
    provenance: str = ""
    licence: str = ""
    collected_at: date | None = None
    texts: tuple[str, ...] = ()
    lora_ids: tuple[str, ...] = ()
    pictures: tuple[PictureFile, ...] = ()

    def __post_init__(self) -> None:
        if not (self.pictures or self.texts or self.lora_ids):
            raise CarlosError(
                "the reference set is empty: give pictures (a folder or s3:// prefix, or --image), --text or --lora"
            )
        missing = [name for name in ("provenance", "licence") if not says_something(getattr(self, name))]
        if self.pictures and missing:
            lines = ", ".join(f'{name} = "…"' for name in missing)
            options = ", ".join(f"--{name}" for name in missing)
            raise CarlosError(
                f"the pictures of the reference set have no {' and no '.join(missing)}: write {lines} into "
                f"{REFERENCE_FILE} beside them, or give {options}; a report must say where its evidence comes from"
            )
        for what, given, most in (("pictures", self.pictures, MAX_PICTURES), ("texts", self.texts, MAX_TEXTS),
                                  ("LoRAs", self.lora_ids, MAX_LORAS)):  # fmt: skip
            if len(given) > most:
                raise CarlosError(f"the reference set has {len(given)} {what}: at most {most} make one reference")
        if sum(picture.bytes for picture in self.pictures) > MAX_SET_BYTES:
            raise CarlosError(
                f"the reference set has more than {MAX_SET_BYTES // 2**30} GiB: make the pictures smaller"
            )


class _Document(BaseModel):
    """The fields of reference.toml."""

    model_config = ConfigDict(extra="forbid")

    title: str = ""
    rights_holder: str = ""
    provenance: str = ""
    licence: str = ""
    collected_at: date | None = None
    texts: tuple[str, ...] = ()
    lora_ids: tuple[str, ...] = ()


def make_reference(
    place: str | None = None,
    *,
    texts: Sequence[str] = (),
    lora_ids: Sequence[str] = (),
    images: Sequence[Path] = (),
    title: str = "",
    rights_holder: str = "",
    provenance: str = "",
    licence: str = "",
) -> Reference:
    """Put a reference set together.

    Args:
        place: a folder or s3:// prefix with pictures and a reference.toml, subfolders included; None: what follows.
        texts, lora_ids, images: more of each; images are files of this machine, and folders of them.
        title, rights_holder, provenance, licence: in place of what the file says, where not empty.

    Raises:
        NotFound: there is no such folder, prefix or picture.
        CarlosError: the set is empty or too large, has pictures without provenance or licence, or its file is wrong.
    """
    document, pictures = _read(place) if place else (_Document(), ())
    given = {"title": title, "rights_holder": rights_holder, "provenance": provenance, "licence": licence}
    said = {name: clean_line(text or getattr(document, name), MAX_LINE) for name, text in given.items()}
    asked = tuple(dict.fromkeys(map(normalised_text, (*document.texts, *texts))))
    named = tuple(dict.fromkeys(lora_id.strip().lower() for lora_id in (*document.lora_ids, *lora_ids)))
    pictures += tuple(map(_loose, find_pictures(images) if images else ()))
    said["title"] = said["title"] or _title(place, asked, named, pictures)
    return Reference(**said, collected_at=document.collected_at, texts=asked, lora_ids=named, pictures=pictures)


def _read(place: str) -> tuple[_Document, tuple[PictureFile, ...]]:
    """What a folder or prefix holds: its reference.toml, an empty one where there is none, and its pictures."""
    if "://" not in place and not Path(place).is_dir():
        raise NotFound(f"there is no folder {place}: name one with the reference pictures, or an s3:// prefix")
    store = open_store(place)
    # What is no picture is told from its bytes, and named in the report; hidden files are the file system's own.
    items = [item for item in store.list() if not PurePosixPath(item.key).name.startswith(".")]
    files = [item for item in items if item.key != REFERENCE_FILE]
    pictures = tuple(PictureFile(_utf8(item.key), store.uri, item.key, item.size, item.etag) for item in files)
    has_file = len(pictures) < len(items)
    if not items:
        raise NotFound(f"{place} is empty: put the reference pictures and a {REFERENCE_FILE} there")
    return (_document(store) if has_file else _Document()), pictures


def _loose(path: Path) -> PictureFile:
    """A picture that is named by itself. A link to one is followed: whoever asks has named it."""
    real = path.resolve()
    state = real.stat()
    return PictureFile(_utf8(path.name), str(real.parent), real.name, state.st_size, str(state.st_mtime_ns))


def _utf8(name: str) -> str:
    """A file's name as text; bytes of it that are none are written as escapes, since tables and JSON take only text."""
    return name.encode(errors="backslashreplace").decode()


def _document(store: ObjectStore) -> _Document:
    where = f"{store.uri}/{REFERENCE_FILE}"
    if store.info(REFERENCE_FILE).size > MAX_REFERENCE_FILE_BYTES:
        raise CarlosError(f"{where} is larger than {MAX_REFERENCE_FILE_BYTES // 2**20} MiB: that is no description")
    try:
        return _Document.model_validate(tomllib.loads(store.read(REFERENCE_FILE).decode()))
    except ValidationError as exc:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in exc.errors())
        raise CarlosError(f"{where}: {faults} (fields: {', '.join(_Document.model_fields)})") from exc
    except (ValueError, RecursionError) as exc:  # not UTF-8, a number of thousands of digits, nested without end
        raise CarlosError(f"{where} is no TOML: {exc}") from exc


def _title(
    place: str | None, texts: tuple[str, ...], lora_ids: tuple[str, ...], pictures: tuple[PictureFile, ...]
) -> str:
    """A name for a set that was given none."""
    if place:
        return PurePosixPath(place.rstrip("/")).name
    if texts:
        return texts[0]
    if lora_ids:
        return f"LoRA {short_id(lora_ids[0])}"
    return f"{len(pictures)} pictures"
