"""Where LoRAs are listed: one module per source, each yielding `Listing` (first stage of the flow).

A source is named by a URI, `<kind>:<where>`:

    civitai-dump:s3://bucket/prefix           pages in Civitai's format in object storage, with the files beside them
    folder:/data/loras                        files, local or in a bucket, with the sidecars of LoRA managers
    civitai:https://civitai.com               Civitai's API, live
    hub:https://huggingface.co?filter=lora    the Hugging Face Hub, live

A live source is polled into a mirror in our own store (`mirror`); its pages are then read like any dump's.
"""

from typing import TYPE_CHECKING

from carlos_tasks.errors import SettingsError
from carlos_tasks.sources.listing import Listing, Rejection, Source
from carlos_tasks.untrusted.source_uri import KINDS

if TYPE_CHECKING:
    from carlos_tasks.store.objects import ObjectStore

__all__ = ["Listing", "Rejection", "Source", "open_source", "poll_source"]


def open_source(uri: str, store: "ObjectStore | None" = None) -> Source:
    """Open the source that a URI names.

    Args:
        uri: what it is called.
        store: our own object store, in which a live source keeps its mirror; dumps and folders need none.

    Raises:
        SettingsError: the URI names no kind of source that CARLoS has, or a live one without a store.
    """
    from carlos_tasks.sources.civitai_dump import CivitaiDump
    from carlos_tasks.sources.folder import Folder
    from carlos_tasks.store import open_store

    kind, _, where = uri.partition(":")
    if kind not in KINDS or not where:
        raise SettingsError(
            f"{uri!r} names no source: write civitai-dump:URI or folder:URI (s3://bucket/prefix or a path), "
            "civitai:https://HOST or hub:https://HOST?filter=TAG"
        )
    if kind == "civitai-dump":
        return CivitaiDump(open_store(where))
    if kind == "folder":
        return Folder(open_store(where))
    if store is None:
        raise SettingsError(f"{uri!r} is a live source, which keeps its pages in a store, and none is given")
    if kind == "civitai":
        from carlos_tasks.sources.civitai_api import CivitaiApi

        return CivitaiApi(uri, store)
    from carlos_tasks.sources.hub import Hub

    return Hub(uri, store)


def poll_source(source: Source, *, sweep: bool = False) -> int:
    """Bring the mirror of a live source up to date; a dump or a folder has none and is left as it is.

    Returns how many items were asked for by id and gave no answer: they stay as they are known.

    Args:
        source: what `open_source` returned.
        sweep: read the whole listing, and ask by id for what is known and no longer in it.

    Raises:
        PassingError: the source does not answer; what was read is kept, and the next call goes on from there.
    """
    from carlos_tasks.sources.live import LiveSource
    from carlos_tasks.sources.poll import poll

    return poll(source, sweep=sweep).n_unanswered if isinstance(source, LiveSource) else 0
