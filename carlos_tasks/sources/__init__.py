"""Where LoRAs are listed: one module per source, each yielding `Listing` (first stage of the flow).

A source is named by a URI, `<kind>:<where>`: `civitai-dump:s3://bucket/prefix`, `folder:/data/loras`.
"""

from carlos_tasks.errors import SettingsError
from carlos_tasks.sources.listing import Listing, Rejection, Source

__all__ = ["Listing", "Rejection", "Source", "open_source"]


def open_source(uri: str) -> Source:
    """Open the source that a URI names.

    Raises:
        SettingsError: the URI names no kind of source that CARLoS has.
    """
    from carlos_tasks.lake.objects import open_store
    from carlos_tasks.sources.civitai_dump import CivitaiDump
    from carlos_tasks.sources.folder import Folder

    kind, _, where = uri.partition(":")
    if kind == "civitai-dump" and where:
        return CivitaiDump(open_store(where))
    if kind == "folder" and where:
        return Folder(open_store(where))
    raise SettingsError(f"{uri!r} names no source: write civitai-dump:URI or folder:URI (s3://bucket/prefix or a path)")
