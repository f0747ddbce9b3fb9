"""What a source states about one file, and what every source can do.

Nothing in a `Listing` is trusted: names, hashes and sizes are claims that `carlos_tasks.lora` checks. Its
text has been through `carlos_tasks.untrusted.text`, so that no control character reaches a log line or an SQL
value.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from carlos_tasks.store.objects import ObjectInfo
from carlos_tasks.untrusted.reasons import Reason


@dataclass(slots=True)  # not frozen: each of two dozen fields would be set by a call of its own
class Listing:
    """One file of one version of one model, as the source states it."""

    source: str
    model_id: str
    version_id: str
    file_id: str
    name: str = ""
    version_name: str = ""
    description: str = ""  # as the source has it, HTML included
    creator: str = ""
    tags: tuple[str, ...] = ()
    base_model_claimed: str = ""
    trained_words: tuple[str, ...] = ()
    nsfw_level: int | None = None  # Civitai's bitmask 1, 2, 4, 8, 16, 32
    file_name: str = ""  # shown to people; no path is ever made of it
    file_format: str = ""
    size_bytes: int | None = None
    sha256_claimed: str | None = None  # 64 lower-case hex digits
    published_at: str | None = None
    license: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b"{}"  # canonical JSON: {"file": …, "model": …, "version": …}, each level without its children
    stated_scale: str | None = None  # of an adapter_config.json beside the file (`lora.scale.config.state_config`)
    config_path: str | None = None  # where one lies that has to be fetched; then `stated_scale` is not told yet
    sha256s_beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # as sidecars state them; no claims
    notes: tuple[str, ...] = ()  # what was passed over
    has_bytes: bool = True  # False: the source holds metadata alone, so that there is nothing to fetch or to miss


@dataclass(frozen=True)
class Rejection:
    """One record or file that is refused, and why; where an id could not be read, its place stands for it."""

    source: str
    model_id: str
    version_id: str
    file_id: str
    lora_id: str | None  # SHA-256 of the bytes, where bytes were read
    reason: Reason
    detail: str


class Source(Protocol):
    """A place that lists LoRA files, in shards that can be polled and read again at any time.

    Every record of a shard comes out of `listings` exactly once, as a Listing or as a Rejection.
    """

    uri: str

    def shards(self) -> Iterator[ObjectInfo]:
        """List what can be polled; a changed etag or time means that the shard has to be read again."""

    def shard(self, shard_key: str) -> ObjectInfo:
        """Look one shard up; NotFound when it is gone."""

    def listings(self, shard_key: str) -> Iterator[Listing | Rejection]:
        """Read one shard."""

    def gives_now(self, file_id: str) -> bool | None:
        """Tell whether a file is to be had that was missing, None where only asking for it tells; an empty id asks
        whether a source that was metadata alone has any file."""

    def fingerprint(self, listing: Listing) -> str:
        """Name the state of the file's bytes without reading them; NotFound when they are gone."""

    def fetch(self, listing: Listing, path: Path, max_bytes: int) -> None:
        """Copy the file's bytes to a local path.

        Raises:
            NotFound: the source has no bytes for this listing.
            RejectedFile: the file is larger than max_bytes.
            PassingError: the source does not answer; worth another try.
        """


@runtime_checkable
class FetchesConfigs(Protocol):
    """A source whose listings may have a `config_path`."""

    def fetch_config(self, listing: Listing, max_bytes: int) -> bytes:
        """Return the file that lies there; it raises what `Source.fetch` does."""
