/* Where each statement of reasons stands that was sent to the transparency database. Grain: one row per puid (the
   decision_id). The newest step whose file holds it counts. The database takes a file whole or not at all: of a refused one,
   said is null where others were the reason, and a statement that it has already is accepted. */
create or replace view mart.statement_submission as
with
step as (
    select *, unnest(puids) as puid
    from core.submission
)

select
    puid,
    month,
    number,
    if(state = 'refused' and list_contains(known_puids, puid), 'accepted', state) as state,
    faults ->> ('$."' || puid || '"') as said,
    happened_at as since
from step
qualify row_number() over (partition by puid order by recorded_at desc, submission_id desc) = 1;
comment on view mart.statement_submission is 'Where each statement of reasons stands at the transparency database; one row per puid.';
