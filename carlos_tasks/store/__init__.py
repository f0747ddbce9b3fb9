"""Object storage: a folder or an S3 bucket, and every key in it."""

from pathlib import Path
from urllib.parse import urlsplit

from carlos_tasks.errors import SettingsError
from carlos_tasks.store.objects import ObjectStore


def open_store(uri: str) -> ObjectStore:
    """Open the object store at `s3://bucket/prefix` or at a folder, which need not exist yet.

    Raises:
        SettingsError: another scheme, or a file.
    """
    place = store_uri(uri)
    if place.startswith("s3://"):
        # boto3 takes half a second to import and to make a client, and a folder needs none of it.
        from carlos_tasks.store.s3 import S3Store

        return S3Store(place)
    from carlos_tasks.store.folder import FolderStore

    return FolderStore(Path(place))


def store_uri(uri: str) -> str:
    """The `uri` of the store that `open_store` opens, for whoever only names it.

    Raises:
        SettingsError: as of `open_store`.
    """
    if uri.startswith("s3://"):
        parts = urlsplit(uri)
        if not parts.netloc or "@" in parts.netloc or parts.query or parts.fragment:
            raise SettingsError(f"not an S3 location: {uri!r} (write s3://bucket/prefix)")
        return f"s3://{parts.netloc}/{parts.path.strip('/')}".rstrip("/")
    if "://" in uri or not uri or uri.startswith("s3:"):
        raise SettingsError(f"not an object store: {uri!r} (write s3://bucket/prefix or a folder)")
    if Path(uri).is_file():
        raise SettingsError(f"{uri} is a file: name the folder that it lies in")
    return str(Path(uri).absolute())
