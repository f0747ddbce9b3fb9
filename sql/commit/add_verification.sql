/* Records a verification that has ended, once. Parameters: the columns of core.verification. */
insert into core.verification by name
select
    $run_id as run_id,
    $share as share,
    $profile_ids::varchar[] as profile_ids,
    $n_loras as n_loras,
    $n_shards as n_shards,
    $n_unsealed as n_unsealed,
    $n_lake_files as n_lake_files,
    $n_lake_files_unsealed as n_lake_files_unsealed,
    $n_faults as n_faults,
    $started_at as started_at,
    $ended_at as ended_at
where not exists (from core.verification where run_id = $run_id);
