"""Shards that could not be read: the night goes on without them, and the lake says which, why and since when.

`index_loras` notes a failure after the last try, in the pool of the commits. The commit that reads the shard removes
the note.
"""

from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.faults import lake_errors, redact
from carlos_tasks.lake.statements import run_statement
from carlos_tasks.lake.transaction import transaction
from carlos_tasks.settings import Settings
from carlos_tasks.untrusted.text import clean_line

_MAX_DETAIL_CHARS = 500


def put_failure(settings: Settings, source_uri: str, shard_key: str, reason: str, detail: str) -> None:
    """Put the failure to read a shard into `raw.shard_failure`; the time of its first failure stays.

    Args:
        reason: class of the error, or another word for why.
        detail: what it said; kept without passwords, on one line.

    Raises:
        PassingError: another commit came in between, or catalog or storage did not answer.
    """
    facts = {"source_uri": source_uri, "shard_key": shard_key, "reason": reason}
    said = clean_line(redact(detail), _MAX_DETAIL_CHARS)
    with connect(settings, read_only=False) as con, lake_errors():
        migrate(con)
        with transaction(con, "shard_failure", facts):
            run_statement(con, "put_shard_failure", facts | {"detail": said})
