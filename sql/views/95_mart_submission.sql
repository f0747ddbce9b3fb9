/* Where each file of statements stands that was sent to the transparency database. Grain: one row per (month, number). state
   is that of its newest step: submitted (no answer yet), accepted or refused. body: the file as it was sent last. A file
   that was never sent has no row. */
create or replace view mart.submission as
with
newest as (
    from core.submission
    qualify row_number() over (partition by month, number order by recorded_at desc, submission_id desc) = 1
),

sent as (
    select *, count(*) over (partition by month, number) as n_times
    from core.submission
    where state = 'submitted'
    qualify row_number() over (partition by month, number order by recorded_at desc, submission_id desc) = 1
)

select
    month,
    number,
    newest.state,
    sent.sha256,
    len(sent.puids) as n_statements,
    sent.n_times as n_times_submitted,
    sent.happened_at as submitted_at,
    sent.recorded_by as submitted_by,
    if(newest.state = 'submitted', null, newest.happened_at) as answered_at,
    if(newest.state = 'submitted', null, newest.recorded_by) as answered_by,
    if(newest.state = 'submitted', null, newest.answer) as answer,
    sent.body
from newest
inner join sent using (month, number);
comment on view mart.submission is 'Where each file of statements of reasons stands at the transparency database; one row per (month, number).';
