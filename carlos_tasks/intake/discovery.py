"""What is new at a source: its listing, compared with what the lake has read of it and under which rules.

The lake's own record (`raw.shard`, `raw.shard_failure`) is the only memory, for the DAGs and for the command line. What
was announced is not remembered: where an announcement was lost, or reading failed, the shard is still unread in the
lake, and so it is found again. Times are not trusted (copying tools keep old ones): a shard changed when its etag did.

An unchanged shard can have something to ask again (`raw.awaited`): files of a dump that were missing and are there now,
and what a live source refused, or did not answer at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from carlos_tasks.errors import NotFound, PassingError
from carlos_tasks.intake.partitions import find_shard
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.statements import statement
from carlos_tasks.lora.check import CHECKS_VERSION
from carlos_tasks.profiles.deployment import deployed_profiles
from carlos_tasks.settings import Settings
from carlos_tasks.sources import open_source, poll_source
from carlos_tasks.sources.listing import Source
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectInfo

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Rules:
    """What decides on a file beside its bytes and the version of the checks."""

    base_models: frozenset[str]
    max_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> "Rules":
        """Return those of a deployment: it takes in what a backbone of its profiles can use."""
        backbones = [profile.identity.backbone for profile in deployed_profiles(settings).values()]
        return cls(frozenset(backbone.base_model for backbone in backbones), settings.max_file_mb * 2**20)


@dataclass(frozen=True)
class Discovery:
    """What is to be read of a source: `unread` shards, oldest first, and those that have `gone` from it.

    `n_known` counts the shards that the lake has read before, or tried to; `n_unanswered` the items that a poll asked
    for by id without an answer.
    """

    source_uri: str
    n_listed: int
    n_known: int
    unread: tuple[str, ...]
    gone: tuple[str, ...]
    n_unanswered: int = 0
    n_bytes: int = 0  # of the unread shards, as they lie there

    @property
    def shards(self) -> tuple[str, ...]:
        """All that is to be read: what has gone comes last, so that records that moved are seen first."""
        return self.unread + self.gone


@dataclass(frozen=True)
class ShardState:
    """What the lake knows of a shard; the columns of `sql/ask/intake/shard_states.sql`."""

    etag: str | None
    etag_under_rules: str | None
    has_failed: bool
    missing: list[str]
    asked_at: datetime | None

    def is_read(self, shard: ObjectInfo) -> bool:
        """Whether the shard was read as it is now, under these rules, and no reading has failed since."""
        return self.etag == self.etag_under_rules == shard.etag and not self.has_failed

    def has_to_ask(self, source: Source) -> bool:
        """Whether a file that the source did not give may be had now."""
        told = {source.gives_now(file_id) for file_id in self.missing}
        return True in told or (self.asked_at is not None and told <= {None})

    @property
    def is_there(self) -> bool:
        """Whether the lake takes the shard to be at the source still."""
        return bool(self.etag) or self.has_failed


def find_new(settings: Settings, source: Source, *, sweep: bool = False, again: bool = False) -> Discovery:
    """Poll a live source, list its shards, and tell which of them are to be read: one listing and one query.

    To be read is what is new or changed, what was read under other rules or by an older version of the checks, what
    could not be read, and last what has something to ask again, the longest unasked first. Where there is no lake yet,
    that is everything, and none is made.

    Args:
        settings: where the lake lies; profile and size limit are the rules.
        source: what `open_source` returned.
        sweep: reconcile a live source by id, which reads all of it.
        again: every shard is to be read, whatever the lake knows of it.

    Raises:
        PassingError: the source lists nothing at all any more, as a folder does that is not mounted; or source or
            catalog does not answer.
    """
    n_unanswered = poll_source(source, sweep=sweep)
    shards = sorted(source.shards(), key=lambda shard: (shard.last_modified, shard.key))
    known = _known_shards(settings, source.uri)
    unread = [shard.key for shard in shards if again or shard.key not in known or not known[shard.key].is_read(shard)]
    asking = [
        shard.key
        for shard in shards
        if not again and shard.key in known and known[shard.key].is_read(shard) and known[shard.key].has_to_ask(source)
    ]
    asking.sort(key=lambda key: known[key].asked_at or _NEVER)
    gone = sorted(key for key in known.keys() - {shard.key for shard in shards} if known[key].is_there)
    if gone and not shards:
        raise PassingError(f"{source.uri} lists no shard any more, and had {len(gone)}: is it there?")
    to_read = (*unread, *asking)
    n_bytes = sum(shard.size for shard in shards if shard.key in set(to_read))
    return Discovery(source.uri, len(shards), len(known), to_read, tuple(gone), n_unanswered, n_bytes)


def shard_named(settings: Settings, source_uri: str, name: str) -> str:
    """Return the key of the shard that a partition names; the source is asked only where the name is a hash.

    Raises:
        NotFound: neither the source nor the lake has such a shard.
    """

    def keys() -> Iterator[str]:
        for shard in open_source(source_uri, open_store(settings.store)).shards():
            yield shard.key
        yield from _known_shards(settings, source_uri)  # one that has gone is listed no more

    return find_shard(name, keys())


def _known_shards(settings: Settings, source_uri: str) -> dict[str, ShardState]:
    """Return the shards of a source that the lake has read or tried to; none where there is no lake."""
    rules = Rules.of(settings)
    with lake_errors():
        try:
            with connect(settings) as con:
                return _ask(con, source_uri, rules)
        except NotFound:
            return {}
        except duckdb.CatalogException:  # a lake of an older version has no such table: it is brought up to date
            with connect(settings, read_only=False, create=False) as con:
                migrate(con)
                return _ask(con, source_uri, rules)


def _ask(con: duckdb.DuckDBPyConnection, source_uri: str, rules: Rules) -> dict[str, ShardState]:
    parameters = {
        "source_uri": source_uri,
        "checks_version": CHECKS_VERSION,
        "base_models": sorted(rules.base_models),
        "max_bytes": rules.max_bytes,
    }
    rows = con.execute(statement("ask/intake/shard_states"), parameters).fetchall()
    return {key: ShardState(*state) for key, *state in rows}
