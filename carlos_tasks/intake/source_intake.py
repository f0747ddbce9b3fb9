"""Ingestion of a whole source: every shard that is new or changed, read, checked and committed.

`intake.discovery` says which those are; where nothing is new, a run costs one listing and one query. A shard that the
source does not have any more is a read without records: what it held has vanished, unless it moved. A shard that stays
unreadable costs itself only: it is noted (`raw.shard_failure`), and the run goes on. The large shards of a dump of
metadata are read by several processes (`shard_processes`); this one commits what they have read.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from carlos_tasks.errors import CarlosError, NotFound, PassingError, PermanentError
from carlos_tasks.intake.commit import IntakeCommit, commit_intake
from carlos_tasks.intake.discovery import Rules, find_new
from carlos_tasks.intake.shard_failures import put_failure
from carlos_tasks.intake.shard_intake import take_in
from carlos_tasks.intake.shard_processes import how_many_processes, read_shards
from carlos_tasks.intake.shard_rows import IntakeReport
from carlos_tasks.settings import Settings
from carlos_tasks.sources import open_source
from carlos_tasks.sources.listing import Source
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import intake_key
from carlos_tasks.store.objects import ObjectStore

# Shards are committed together until they hold this many records: a commit has its price, and so has doing it again.
RECORDS_PER_COMMIT = 20_000
# So many files one after the other without an answer of the source's own, and none with one: an outage, which passes.
UNANSWERED_IN_OUTAGE = 20
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IngestReport:
    """What a run over a source did; the counts are those of the shards that were read.

    For `n_unanswered` files and `n_look_ups_unanswered` items something else answered in the source's place (a
    challenge, a proxy's page): they stay as they were known, and are asked for again.
    """

    source_uri: str
    n_shards: int
    n_shards_read: int
    n_shards_gone: int
    n_shards_failed: int
    n_records: int
    n_listings: int
    n_accepted: int
    n_known: int
    n_without_bytes: int
    n_unanswered: int
    n_look_ups_unanswered: int
    n_rejected: int
    n_claims_wrong: int
    n_scale_unknown: int
    n_noted: int
    n_new_listings: int
    n_new_rejections: int
    n_new_loras: int
    by_reason: dict[str, int] = field(default_factory=dict)


def ingest_shard(settings: Settings, source: Source, shard_key: str, store: ObjectStore) -> IntakeReport:
    """Take in one shard: its intake file is in the store after that, and nothing in the lake yet."""
    rules = Rules.of(settings)
    report = take_in(source, shard_key, store, rules.base_models, max_bytes=rules.max_bytes)
    log.info("%s: %s", shard_key, report)
    return report


def ingest_source(settings: Settings, source_uri: str, *, again: bool = False, sweep: bool = False) -> IngestReport:
    """Take in and commit every shard of a source that is new or changed.

    Args:
        again: read every shard, whatever the lake knows of it.
        sweep: read a live source whole, and ask by id for what is known and no longer listed.

    Raises:
        NotFound: the source lists nothing, and never has: as a rule its URI is not the one that was meant.
        PassingError: source, store or catalog does not answer, or something else answers for too many files. What was
            committed stays; run it again.
    """
    store = open_store(settings.store)
    source = open_source(source_uri, store)
    found = find_new(settings, source, sweep=sweep, again=again)
    if not found.n_listed and not found.n_known:
        raise NotFound(f"{source.uri} lists nothing: is it there?")
    totals: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    n_processes = how_many_processes(source, len(found.unread), found.n_bytes)
    read = _ShardsRead(settings, source, store, found.shards, n_processes)
    for reports in _in_groups(iter(read)):
        for report in read.commit(reports, totals):
            _add(totals, report)
            reasons.update(report.by_reason)
    read.check_outage()
    counts = {name: totals[name] for name in IngestReport.__dataclass_fields__ if name.startswith("n_")}
    return IngestReport(
        source_uri=source.uri,
        **counts
        | {
            "n_shards": found.n_listed,
            "n_shards_read": len(found.unread) - read.n_failed,
            "n_shards_gone": len(found.gone),
            "n_shards_failed": read.n_failed,
            "n_look_ups_unanswered": found.n_unanswered,
        },
        by_reason=dict(sorted(reasons.items())),
    )


class _ShardsRead:
    """The reports of the shards that could be read, in order; it ends early in an outage."""

    def __init__(
        self, settings: Settings, source: Source, store: ObjectStore, shard_keys: Sequence[str], n_processes: int
    ) -> None:
        self._settings, self._source, self._store, self._keys = settings, source, store, shard_keys
        self._n_processes = n_processes
        self._n_unanswered = self._n_left = self.n_failed = 0

    def __iter__(self) -> Iterator[IntakeReport]:
        if self._n_processes > 1:
            outcomes = read_shards(self._settings, self._source.uri, self._keys, self._n_processes)
        else:
            outcomes = map(self._read, self._keys)
        for number, (key, report) in enumerate(zip(self._keys, outcomes, strict=True), 1):
            if isinstance(report, PermanentError):
                self._note(key, report)
                continue
            self._n_unanswered = 0 if report.n_accepted else self._n_unanswered + report.n_unanswered
            yield report
            if self._n_unanswered >= UNANSWERED_IN_OUTAGE:
                self._n_left = len(self._keys) - number
                return

    def _read(self, shard_key: str) -> IntakeReport | PermanentError:
        try:
            return ingest_shard(self._settings, self._source, shard_key, self._store)
        except PermanentError as exc:
            return exc

    def commit(self, reports: list[IntakeReport], totals: Counter[str]) -> list[IntakeReport]:
        """Commit the intake files of shards together; returns the reports of those that were committed.

        Where one of them is broken, or gone, each is committed by itself, and the broken one is noted as failed.
        """
        try:
            _add(totals, commit_intake(self._settings, [report.intake_key for report in reports]))
        except (PermanentError, NotFound) as exc:
            if len(reports) > 1:
                return [done for report in reports for done in self.commit([report], totals)]
            (shard_key,) = [k for k in self._keys if intake_key(self._source.uri, k) == reports[0].intake_key]
            self._note(shard_key, exc)
            return []
        return reports

    def _note(self, shard_key: str, fault: CarlosError) -> None:
        log.warning("%s cannot be read: %s", shard_key, fault)
        put_failure(self._settings, self._source.uri, shard_key, type(fault).__name__, str(fault))
        self.n_failed += 1

    def check_outage(self) -> None:
        """Raise a PassingError where the run ended early."""
        if self._n_left:
            raise PassingError(
                f"{self._source.uri} gives no files: a challenge or a proxy answers for {self._n_unanswered} in a row; "
                f"what was read is committed, {self._n_left} shards are left for the next run"
            )


def _in_groups(reports: Iterator[IntakeReport]) -> Iterator[list[IntakeReport]]:
    group: list[IntakeReport] = []
    for report in reports:
        group.append(report)
        if sum(member.n_records for member in group) >= RECORDS_PER_COMMIT:
            yield group
            group = []
    if group:
        yield group


def _add(totals: Counter[str], counted: IntakeReport | IntakeCommit) -> None:
    totals.update({name: value for name, value in vars(counted).items() if name.startswith("n_")})
