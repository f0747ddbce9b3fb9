"""Intake of one source shard: every listed file checked, then kept or quarantined, and one parquet that tells it all.

Needs no catalog. It can be killed anywhere and run again: an object is written under a key that its content
or its shard gives, the parquet comes last, and receipts spare the files that were done. A file that is
refused is a row; a source or store that does not answer ends the run with a PassingError. Records stream through
into the parquet on disk, so that a shard of 100,000 models needs no more memory than a small one.
"""

import logging
import tempfile
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from carlos_tasks.errors import NotFound
from carlos_tasks.intake.file_intake import FileIntake
from carlos_tasks.intake.receipts import Verdict
from carlos_tasks.intake.records import Records, without_duplicates
from carlos_tasks.intake.schema import IntakeWriter, ShardRead
from carlos_tasks.intake.shard_rows import IntakeReport, ShardRows
from carlos_tasks.lora.check import CHECKS_VERSION
from carlos_tasks.sources.listing import Rejection, Source
from carlos_tasks.store.keys import intake_key
from carlos_tasks.store.objects import ObjectInfo, ObjectStore

MAX_FILE_BYTES = 4096 * 2**20
log = logging.getLogger(__name__)


def take_in(
    source: Source,
    shard_key: str,
    store: ObjectStore,
    accepted_base_models: Collection[str] | None,
    max_bytes: int = MAX_FILE_BYTES,
) -> IntakeReport:
    """Take in one shard of a source.

    Args:
        accepted_base_models: base models that the index uses; None accepts every one.
        max_bytes: larger files are refused without being fetched.

    A shard that the source does not have any more is read as an empty one, noticed now.

    Raises:
        PassingError: the source or the store does not answer; run it again.
    """
    shard = _shard_or_its_absence(source, shard_key)
    accepted = None if accepted_base_models is None else sorted(accepted_base_models)
    unread = Verdict(None)
    with tempfile.TemporaryDirectory(prefix="carlos-intake-") as folder:
        room = Path(folder)
        file_intake = FileIntake(source, store, accepted_base_models, max_bytes, room / "file")
        records = Records(source.listings(shard_key) if shard.etag else iter(()), shard_key)
        with IntakeWriter(room / "intake.parquet") as writer:
            rows = ShardRows(shard, writer)
            for record in without_duplicates(iter(records)):
                if isinstance(record, Rejection):
                    rows.add_rejection(record)
                elif record.has_bytes:
                    rows.add_listing(record, *file_intake.judge(record))
                else:
                    rows.add_listing(record, unread, is_known=False)
            writer.finish(
                ShardRead(
                    source_uri=source.uri,
                    shard_key=shard_key,
                    etag=shard.etag,
                    last_modified=shard.last_modified.isoformat(),
                    checks_version=CHECKS_VERSION,
                    base_models=accepted,
                    max_bytes=max_bytes,
                    is_complete=records.are_complete,
                    n_records=records.count,
                )
            )
        key = intake_key(source.uri, shard_key)
        store.upload(room / "intake.parquet", key)
    return rows.report(key, records.count)


def _shard_or_its_absence(source: Source, shard_key: str) -> ObjectInfo:
    try:
        return source.shard(shard_key)
    except NotFound:
        log.info("%s has no shard %s any more", source.uri, shard_key)
        return ObjectInfo(shard_key, 0, datetime.now(UTC), etag="")
