/* pair(of_profile, loras): the images of some LoRAs beside those of the bare backbone, joined by key (prompt_id, seed).
   Grain: one row per (LoRA, prompt, seed) with an image on both sides, flagged or not. loras: wanted.
   Columns: lora_no, prompt_no in the order of the ids; four_no, place (0 to 3): where its seed stands, see four;
   x: with the LoRA, y: baseline, float[] (d,); length: |x - y|; per_length: 1 / length; is_flagged: on either side. */
create or replace temp macro pair(of_profile, loras) as table
with
baseline as (
    select prompt_id, seed, embedding, flag
    from shard_row
    where profile_id = of_profile and lora_id = 'base'
),

prompt as (
    select prompt_id, row_number() over (order by prompt_id)::int as prompt_no
    from (select distinct prompt_id from baseline)
),

seed as (
    select seed, (row_number() over (order by seed) - 1)::int as seed_no
    from (select distinct seed from baseline)
)

select
    wanted.lora_no,
    prompt.prompt_no,
    seed_no // 4 as four_no,
    seed_no % 4 as place,
    lora.embedding as x,
    baseline.embedding as y,
    list_distance(x::double[], y::double[]) as length,
    -- v = 0 has no direction: its u is 0, and it is not counted in n_nonzero.
    case when length > 0 then 1 / length else 0 end as per_length,
    lora.flag is not null or baseline.flag is not null as is_flagged
from shard_row as lora
inner join query_table(loras) as wanted using (lora_id)
inner join baseline using (prompt_id, seed)
inner join prompt using (prompt_id)
inner join seed using (seed)
where lora.profile_id = of_profile;
