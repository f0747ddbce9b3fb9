"""What is new at a source: its listing compared with the listing that was handed on last.

Times are not trusted: copying tools keep old ones, and storage stamps whole seconds. So the listing itself is
remembered, in our own store under the hash of what it says; the watermark is that hash. A listing whose hash is the
watermark has nothing new.
"""

import hashlib
import json

import zstandard

from carlos_tasks.aliases import Json
from carlos_tasks.errors import NotFound, PassingError
from carlos_tasks.sources.listing import Source
from carlos_tasks.store.objects import ObjectStore


def find_new(source: Source, store: ObjectStore, watermark: Json | None) -> Json:
    """List a source once, and tell how its listing differs from the one of the watermark.

    Returns:
        `shards`: keys of new and rewritten shards, oldest first, then of those that have gone;
        `watermark`: to be stored once they are handed on.

    Raises:
        PassingError: the source lists nothing at all any more, as a folder does that is not mounted.
    """
    shards = sorted(source.shards(), key=lambda shard: (shard.last_modified, shard.key))
    listing = {shard.key: shard.etag for shard in shards}
    text = json.dumps(sorted(listing.items())).encode()
    digest = hashlib.sha256(text).hexdigest()[:32]
    if watermark is not None and watermark["listing"] == digest:
        return {"shards": [], "watermark": watermark}
    memory = _Memory(store, source.uri)
    known = memory.recall(watermark)
    new = [shard.key for shard in shards if known.get(shard.key) != shard.etag]
    gone = sorted(known.keys() - listing.keys())
    if gone and not shards:
        raise PassingError(f"{source.uri} lists no shard any more, and had {len(gone)}: is it there?")
    if not new and not gone:
        return {"shards": [], "watermark": watermark}
    memory.keep(digest, text, watermark)
    return {"shards": new + gone, "watermark": {"listing": digest}}


class _Memory:
    """Listings of one source, each under its hash."""

    def __init__(self, store: ObjectStore, source_uri: str) -> None:
        self._store = store
        self._prefix = f"discovered/{hashlib.sha256(source_uri.encode()).hexdigest()[:16]}/"

    def recall(self, watermark: Json | None) -> dict[str, str]:
        """Return the listing that a watermark stands for; nothing where there is none, so that all is new."""
        if watermark is None:
            return {}
        try:
            packed = self._store.read(self._key(watermark["listing"]))
        except NotFound:
            return {}
        return dict(json.loads(zstandard.decompress(packed)))

    def keep(self, digest: str, text: bytes, watermark: Json | None) -> None:
        """Keep a listing. The one of the watermark stays until that has moved, older ones are removed.

        Without a watermark nothing is: another caller's may stand for one of them.
        """
        self._store.write(self._key(digest), zstandard.compress(text))
        if watermark is None:
            return
        in_use = {self._key(digest), self._key(watermark["listing"])}
        for info in list(self._store.list(self._prefix)):
            if info.key not in in_use:
                self._store.delete(info.key)

    def _key(self, digest: str) -> str:
        return f"{self._prefix}{digest}.json.zst"
