/* Public keys and when each may sign. Grain: one row per key_id. revoked_at: from when it may not sign any more, by the
   earliest revocation; null: it was not revoked. */
create or replace view mart.signing_key as
with revoked as (
    select key_id, min(valid_from) as revoked_at
    from core.signing_key
    where change = 'revoke'
    group by key_id
)

select
    added.key_id,
    added.name,
    added.role,
    added.analyst,
    added.valid_from,
    added.valid_until,
    revoked.revoked_at,
    added.public_key,
    added.recorded_by as added_by,
    added.recorded_at as added_at
from core.signing_key as added
left join revoked using (key_id)
where added.change = 'add'
qualify row_number() over (partition by added.key_id order by added.recorded_at, added.change_id) = 1;
comment on view mart.signing_key is 'Public keys and when each may sign; one row per key_id.';
