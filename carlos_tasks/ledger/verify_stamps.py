"""Whether time stamps are those of the chain's entries, and whether the entries' times fit them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb

from carlos_tasks.aliases import Row
from carlos_tasks.errors import CarlosError
from carlos_tasks.lake.statements import rows
from carlos_tasks.ledger.entry import Entry, signed_text
from carlos_tasks.ledger.evidence import Evidence
from carlos_tasks.ledger.findings import Finding
from carlos_tasks.ledger.public_keys import decoded
from carlos_tasks.ledger.stamps import fault_of_stamp, read_stamp

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

# The clock of an authority may differ from that of whoever commits.
_CLOCKS_DIFFER = timedelta(minutes=5)


def stamp_findings(
    con: duckdb.DuckDBPyConnection, evidence: Evidence, roots: "list[Certificate] | None"
) -> Iterator[Finding]:
    """Faults of time stamps, and of entries whose times do not fit them.

    Args:
        con: the lake.
        evidence: what stands in it.
        roots: certificates of the authorities; None: their signatures are not checked.
    """
    by_position = {entry.position: entry for entry in evidence.entries}
    for row in rows(con, "from core.ledger_stamp order by stamped_at, stamp_id"):
        entry = by_position.get(row["position"])
        if fault := _fault(row, entry, roots):
            yield Finding("stamp", fault, row["position"])
        else:
            yield from _times(evidence, row)


def _fault(row: Row, entry: Entry | None, roots: "list[Certificate] | None") -> str | None:
    if entry is None or entry.entry_hash != row["entry_hash"]:
        return f"{row['authority']} stamped an entry of hash {str(row['entry_hash'])[:16]}…, which is not in the chain"
    try:
        answer = decoded(row["token"])
        stamp = read_stamp(answer)
    except CarlosError as exc:
        return str(exc)
    if stamp.stamped_at != row["stamped_at"]:
        return f"its row says {row['stamped_at']:%Y-%m-%d %H:%M:%S UTC}, and the authority said another time"
    return fault_of_stamp(answer, signed_text(entry.entry_hash), roots)


def _times(evidence: Evidence, row: Row) -> Iterator[Finding]:
    """What stands in the chain when it was stamped was entered before, and what stands behind it later."""
    at = row["stamped_at"]
    for entry in evidence.entries:
        is_before = entry.position <= row["position"]
        if is_before and entry.clock_at > at + _CLOCKS_DIFFER:
            detail = f"it was stamped at {at:%Y-%m-%d %H:%M UTC} and bears a later time"
            yield Finding("backwards", detail, entry.position, entry.kind, entry.record_id)
        if not is_before and entry.entered_at < at - _CLOCKS_DIFFER:
            detail = f"it is not in the chain that was stamped at {at:%Y-%m-%d %H:%M UTC}, and bears an earlier time"
            yield Finding("backdated", detail, entry.position, entry.kind, entry.record_id)
