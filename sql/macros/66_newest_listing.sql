/* newest_listing(listings): of some rows of raw.listing, those that hold the newest state of a file's record at its source.
   listings: name of a table or of a step of the statement, as text. Grain: one row per (source, model_id, version_id,
   file_id, lora_id) of the rows that have a LoRA. Untrusted text. */
create or replace macro core.newest_listing(listings) as table (
    from query_table(listings)
    where lora_id is not null
    qualify row_number() over (
        partition by source, model_id, version_id, file_id, lora_id order by seen_at desc, payload_sha256
    ) = 1
);
