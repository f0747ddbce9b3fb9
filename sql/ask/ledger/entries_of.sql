/* Entries of some records. Parameters: $kind, $record_ids. */
from core.ledger
where kind = $kind and record_id in (select unnest($record_ids::varchar[]));
