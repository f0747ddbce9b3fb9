/* How the index stands. Grain: one row per profile. A LoRA is known to a profile when its base model is the
   profile's backbone; the backlog is what is known, has its file in the store and was not measured, nor tried in vain.
   Which claimed relatives a deployment sends to other profiles (docs/profiles.md) is no fact of the lake, and not counted.
   Refused files and failing shards belong to no profile: every row has the same. `failing_since` and `failing_reason` are
   those of the shard that fails for the longest time; raw.shard_failure has all. */
create or replace view mart.index_health as
with
known as (
    select
        profile_id,
        count(*) as n_loras,
        count(*) filter (representation.lora_id is null and file_key is not null) as n_backlog
    from core.profile
    inner join core.lora on lora.base_model = (profile.definition ->> '$.backbone.base_model')
    left join core.representation using (profile_id, lora_id)
    group by profile_id
),

measured as (
    select
        profile_id,
        count(*) filter (measured = 'measured') as n_measured,
        count(*) filter (status = 'ok') as n_ok,
        count(*) filter (status = 'no_effect') as n_no_effect,
        count(*) filter (status = 'overpowering') as n_overpowering,
        count(*) filter (status = 'inconsistent') as n_inconsistent,
        count(*) filter (status = 'degenerate') as n_degenerate,
        count(*) filter (status = 'unpatched') as n_unpatched,
        count(*) filter (status = 'failed') as n_failed,
        count(*) filter (status = 'restricted') as n_restricted,
        count(*) filter (status = 'removed') as n_removed,
        max(computed_at) as last_computed_at
    from mart.representation_status
    group by profile_id
),

embedded as (
    select profile_id, sum(n_pairs)::bigint as n_embeddings
    from core.embedding_shard
    group by profile_id
),

refused as (
    select count(distinct (source, model_id, version_id, file_id)) as n_refused
    from raw.rejection
),

committed as (
    select max(snapshot_id) as last_snapshot_id, max(committed_at) as last_commit_at
    from mart.commit_log
    where not is_record
),

failing as (
    select
        count(*) as n_failing_shards,
        min(failing_since) as failing_since,
        arg_min(concat(source_uri, '!', shard_key, ': ', reason, ': ', detail), failing_since) as failing_reason
    from raw.shard_failure
)

select
    profile_id,
    profile.name as profile,
    coalesce(n_loras, 0) as n_loras,
    coalesce(n_measured, 0) as n_measured,
    coalesce(n_backlog, 0) as n_backlog,
    coalesce(n_ok, 0) as n_ok,
    coalesce(n_no_effect, 0) as n_no_effect,
    coalesce(n_overpowering, 0) as n_overpowering,
    coalesce(n_inconsistent, 0) as n_inconsistent,
    coalesce(n_degenerate, 0) as n_degenerate,
    coalesce(n_unpatched, 0) as n_unpatched,
    coalesce(n_failed, 0) as n_failed,
    coalesce(n_restricted, 0) as n_restricted,
    coalesce(n_removed, 0) as n_removed,
    n_refused,
    coalesce(n_embeddings, 0) as n_embeddings,
    last_computed_at,
    last_commit_at,
    last_snapshot_id,
    n_failing_shards,
    failing_since,
    failing_reason
from core.profile
left join known using (profile_id)
left join measured using (profile_id)
left join embedded using (profile_id)
cross join refused
cross join committed
cross join failing;
comment on view mart.index_health is 'How the index stands; one row per profile.';
