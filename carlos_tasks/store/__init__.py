"""Object storage: a folder or an S3 bucket, and every key in it."""

from pathlib import Path

from carlos_tasks.errors import SettingsError
from carlos_tasks.store.objects import ObjectStore


def open_store(uri: str) -> ObjectStore:
    """Open the object store at `s3://bucket/prefix` or at a folder, which need not exist yet.

    Raises:
        SettingsError: another scheme, or a file.
    """
    if uri.startswith("s3://"):
        # boto3 takes half a second to import, and a folder needs none of it.
        from carlos_tasks.store.s3 import S3Store

        return S3Store(uri)
    if "://" in uri or not uri or uri.startswith("s3:"):
        raise SettingsError(f"not an object store: {uri!r} (write s3://bucket/prefix or a folder)")
    from carlos_tasks.store.folder import FolderStore

    if Path(uri).is_file():
        raise SettingsError(f"{uri} is a file: name the folder that it lies in")
    return FolderStore(Path(uri))
