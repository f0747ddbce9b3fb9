/* What no entry may be earlier than: when the snapshot $snapshot was committed, and when the lake got its chain. */
select
    coalesce(
        (select max(snapshot_time) from ducklake_snapshots('carlos') where snapshot_id = $snapshot),
        '1970-01-01 00:00:00+00'::timestamptz
    ) as based_at,
    (select min(applied_at) from core.migration where path = 'schema/56_core_ledger.sql') as begun_at;
