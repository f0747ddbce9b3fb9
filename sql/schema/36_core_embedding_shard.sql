/* The shards that are in the lake, with what their bytes were when they were committed: the manifest of core.embedding.
   Grain: one row per (profile_id, lora_id, number). What has no row here is in no embedding that SQL reads, and a
   snapshot has the shards that had a row then. A shard that an older version registered has its hashes when
   `carlos verify` has read it; then its maker recorded none, and it is unsealed. */
create table if not exists core.embedding_shard (
    profile_id varchar not null,
    lora_id varchar not null,
    number integer not null,
    key varchar not null,
    sha256 varchar,
    size_bytes bigint not null,
    n_pairs integer not null,
    pairs_sha256 varchar,
    rows_sha256 varchar,
    is_sealed boolean not null,
    snapshot_id bigint not null,
    recorded_at timestamptz not null
);
comment on table core.embedding_shard is 'Shards in the lake and their hashes; one row per (profile_id, lora_id, number).';
comment on column core.embedding_shard.profile_id is 'Profile.';
comment on column core.embedding_shard.lora_id is 'LoRA, or ''base'' for the bare backbone.';
comment on column core.embedding_shard.number is 'Which of the LoRA''s shards, from 0.';
comment on column core.embedding_shard.key is 'Where it lies in the store.';
comment on column core.embedding_shard.sha256 is 'SHA-256 of its bytes.';
comment on column core.embedding_shard.size_bytes is 'Size in bytes.';
comment on column core.embedding_shard.n_pairs is 'Pairs that it holds, flagged ones too.';
comment on column core.embedding_shard.pairs_sha256 is 'Hash of its sorted (prompt_id, seed).';
comment on column core.embedding_shard.rows_sha256 is 'Hash of every value of its rows, whatever the file around them.';
comment on column core.embedding_shard.is_sealed is 'Whether its maker recorded the hash, so that it is known to be as it was made.';
comment on column core.embedding_shard.snapshot_id is 'Snapshot that this row came with.';
comment on column core.embedding_shard.recorded_at is 'When the hash was recorded.';
