/* placed_listing(newest): listings with their place among those of the same LoRA, the earliest published first.
   newest: name of mart.newest_listing, or of a step that holds those of its rows that are about some LoRAs, as text: whoever
   asks for ten LoRAs need not have all of them described. Grain: as newest. Untrusted text. */
create or replace macro core.placed_listing(newest) as table (
    select
        *,
        row_number() over (
            partition by lora_id
            order by core.moment(published_at) nulls last, seen_at, source, model_id, version_id, file_id
        ) as place
    from query_table(newest)
);
