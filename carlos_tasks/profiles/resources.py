"""Files that profiles name by URI, fetched and checked against the digest that the profile states.

| URI | what it is |
|---|---|
| `package:prompts/micro-indexing.json` | a file or folder that ships inside `carlos_tasks` |
| `/path`, `relative/path` | a local file or folder |
| `s3://bucket/key` | a file in object storage |
| `published:name.json` | a file of others that `carlos import-published` keeps in the store (`CARLOS_STORE`) |
| `hub:owner/name` | a model repository, pinned by commit, fetched by the library that loads it |
"""

import hashlib
import re
from pathlib import Path

from carlos_tasks.errors import NotFound, ProfileMismatch
from carlos_tasks.store.keys import prompt_file_key

PACKAGE_FOLDER = Path(__file__).parents[1]
HUB = "hub:"
_COMMIT = re.compile(r"[0-9a-f]{40}")


def local_path(uri: str) -> Path:
    """Turn a `package:` or path URI into a path.

    Raises:
        NotFound: nothing lies there.
    """
    path = PACKAGE_FOLDER / uri.removeprefix("package:") if uri.startswith("package:") else Path(uri)
    if not path.exists():
        raise NotFound(f"{uri} does not exist (looked at {path})")
    return path


def read_file(uri: str, sha256: str) -> bytes:
    """Read one file and check that it is the one the profile means.

    Raises:
        NotFound: nothing lies there.
        ProfileMismatch: its SHA-256 is another one.
    """
    if uri.startswith("published:"):
        data = _read_published(uri, sha256)
    elif uri.startswith("s3://"):
        from carlos_tasks.store import open_store

        folder, _, name = uri.rpartition("/")
        data = open_store(folder).read(name)
    else:
        data = local_path(uri).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ProfileMismatch(
            f"{uri} has SHA-256 {found}, the profile names {sha256}: a changed file is another profile"
        )
    return data


def _read_published(uri: str, sha256: str) -> bytes:
    from carlos_tasks.settings import load_settings
    from carlos_tasks.store import open_store

    place = load_settings().store
    try:
        return open_store(place).read(prompt_file_key(sha256))
    except NotFound as exc:
        name = uri.removeprefix("published:")
        raise NotFound(
            f"{name} is not in the store {place} yet: run carlos import-published TABLE --prompts {name}"
        ) from exc


def folder_digest(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files, in sorted order, as `sha256:<hex>`."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return f"sha256:{digest.hexdigest()}"


def check_pinned(uri: str, revision: str) -> None:
    """Refuse a model of the Hub whose revision is a branch or a tag: it would be another model one day.

    Raises:
        ProfileMismatch: the revision is no commit.
    """
    if uri.startswith(HUB) and not _COMMIT.fullmatch(revision):
        raise ProfileMismatch(
            f"its backbone has no weights: {uri} is to be pinned by a commit, not by {revision!r}. Copy the profile's "
            "file and write the 40 digits of the commit that you use into identity.backbone.revision"
        )


def check_there(uri: str) -> None:
    """Refuse a local model of which nothing lies here; what the Hub has is not looked at.

    Raises:
        ProfileMismatch: no model lies there.
    """
    if uri.startswith(HUB):
        return
    try:
        is_there = (local_path(uri) / "model_index.json").is_file()
    except NotFound:
        is_there = False
    if not is_there:
        raise ProfileMismatch(f"its backbone has no weights: no model of diffusers lies at {uri}")


def model_folder(uri: str, revision: str) -> tuple[str, str | None]:
    """Find a model, and check a local one against its revision.

    Args:
        uri: `hub:owner/name`, `package:folder` or a local folder.
        revision: a commit for `hub:`, else `sha256:<hex>` as `folder_digest` gives it.

    Returns:
        What `from_pretrained` takes: (folder or repository name, commit or None).

    Raises:
        ProfileMismatch: the folder's files are not those that the profile names, or it names no commit of the Hub.
    """
    check_pinned(uri, revision)
    if uri.startswith(HUB):
        return uri.removeprefix(HUB), revision
    folder = local_path(uri)
    found = folder_digest(folder)
    if found != revision:
        raise ProfileMismatch(f"{uri} is {found}, the profile names {revision}: changed weights are another profile")
    return str(folder), None
