/* Snapshots that something names, and what: nobody may expire them. Grain: one row per snapshot that the lake has and
   whatever names it. Parameters: $keys and $key_snapshots, lists of one length: objects of the store that are named
   after a snapshot. A new column that names a snapshot gets its lines here (tests/care/test_expiry.py looks for it). */
with named as (
    select id as snapshot_id, 'it is the newest' as reason
    from ducklake_current_snapshot('carlos')
    union all
    -- The state of the lake, as reports have it (ask/lake/state.sql).
    select max(snapshot_id), 'it is the state of the lake'
    from ducklake_snapshots('carlos')
    where not coalesce(commit_message like 'record %', false)
    union all
    select snapshot_id, 'decision ' || decision_id
    from core.decision
    union all
    select based_on, format('position {} of the ledger is based on it', position)
    from core.ledger
    union all
    -- Its commit noted the head of the chain, which `carlos decisions verify` compares.
    select based_on + 1, format('it brought position {} of the ledger', position)
    from core.ledger
    union all
    select regexp_extract(origin, 'snapshot (\d+)$', 1)::bigint, format('threshold {} of {}', name, profile_id)
    from core.threshold
    where regexp_matches(origin, 'snapshot \d+$')
    union all
    -- Reports that are kept elsewhere: what their entry's commit said.
    select (commit_extra_info ->> 'snapshot_id')::bigint, 'report ' || (commit_extra_info ->> 'record_id')
    from ducklake_snapshots('carlos')
    where commit_message = 'record report'
    union all
    select unnest($key_snapshots::bigint[]), unnest($keys::varchar[])
)

select named.snapshot_id, named.reason
from named
inner join ducklake_snapshots('carlos') as snapshot using (snapshot_id)
order by all;
