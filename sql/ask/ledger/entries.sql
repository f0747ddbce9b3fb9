/* The chain, with the snapshot that brought each entry. Grain: one row per row of core.ledger, by position. */
select *, snapshot_id as committed_in
from core.ledger
order by position, entry_hash;
