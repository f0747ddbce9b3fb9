"""What a live source is: a listing that can be asked page by page, and a mirror of the pages, which are its shards."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from carlos_tasks.sources.mirror import Mirror
from carlos_tasks.store.objects import ObjectInfo, ObjectStore


@dataclass(frozen=True)
class Answer:
    """One page of a listing: its items, the cursor of the next page (None: there is none), and the page as it came."""

    items: list[Any]
    cursor: str | None
    raw: bytes


@dataclass(frozen=True)
class KeptPage:
    """A page as the mirror keeps it, and the ids on it that were asked for and got no answer: they are not in it."""

    raw: bytes
    unanswered: frozenset[str] = frozenset()


class LiveSource(ABC):
    """A source that is polled into its mirror (`poll`); subclasses ask the server, and read the kept pages."""

    def __init__(self, uri: str, store: ObjectStore) -> None:
        self.uri = uri
        self.mirror = Mirror(store, uri)

    def shards(self) -> Iterator[ObjectInfo]:
        """List the pages of the mirror."""
        return self.mirror.shards()

    def shard(self, shard_key: str) -> ObjectInfo:
        """Look one page up."""
        return self.mirror.shard(shard_key)

    def gives_now(self, file_id: str) -> bool | None:
        """Say nothing of a file that was not to be had: only asking for it tells."""
        return None

    @abstractmethod
    def page(self, cursor: str | None) -> Answer:
        """Ask for the page at a cursor, the first without one; PermanentError when the cursor is refused."""

    @abstractmethod
    def item_state(self, item: Any) -> tuple[str | None, str]:
        """Return an item's id, None if it has none, and a digest of what matters of it."""

    @abstractmethod
    def look_up(self, item_id: str) -> Any | None:
        """Ask for one item, as a listing gives it; None if the source says that it is gone.

        Raises:
            Refused: the source says that it is not for us.
            PassingError: there is no answer of the source's own.
        """

    @abstractmethod
    def enrich(self, answer: Answer, changed: set[str]) -> KeptPage:
        """Return the page that is kept, given which ids on it are new or changed."""
