-- ==== schema/00_schemas.sql
/* Schemas of the lake: raw (as it came), core (facts), mart (what people query). */
create schema if not exists raw;
create schema if not exists core;
create schema if not exists mart;
-- ==== schema/01_core_migration.sql
/* Which file of sql/ was applied, in which form. Grain: one row per file and application. */
create table if not exists core.migration (
    path varchar not null,
    sha256 varchar not null,
    applied_at timestamptz not null
);
comment on table core.migration is 'Files of sql/ as applied; one row per file and application.';
comment on column core.migration.path is 'Path below sql/.';
comment on column core.migration.sha256 is 'Hash of the file''s text.';
comment on column core.migration.applied_at is 'When it was applied.';
-- ==== schema/02_core_macro_comment.sql
/* What the macros are for, since DuckLake has no comments on them. Grain: one row per macro; written anew from the opening
   comments of sql/macros and sql/search whenever sql/ is applied. */
create table if not exists core.macro_comment (
    macro varchar not null,
    comment varchar not null
);
comment on table core.macro_comment is 'What the macros are for; one row per macro.';
comment on column core.macro_comment.macro is 'Schema and name.';
comment on column core.macro_comment.comment is 'The opening comment of the file that makes it.';
-- ==== schema/10_raw_listing.sql
/* What the sources list, as they say it. Grain: one row per file of a source and state of its record; append-only.
   Nothing in here is trusted: it is what a stranger wrote. Re-uploads: several rows share one lora_id. */
create table if not exists raw.listing (
    source varchar not null,
    model_id varchar not null,
    version_id varchar not null,
    file_id varchar not null,
    seen_at timestamptz not null,
    shard_key varchar not null,
    payload_sha256 varchar,
    lora_id varchar,
    name varchar,
    version_name varchar,
    description varchar,
    creator varchar,
    tags varchar[],
    base_model_claimed varchar,
    trained_words varchar[],
    nsfw_level integer,
    file_name varchar,
    file_format varchar,
    size_bytes bigint,
    sha256_claimed varchar,
    published_at varchar,
    license varchar,
    payload varchar
);
comment on table raw.listing is 'What the sources list, untrusted; one row per file and state of its record, append-only.';
comment on column raw.listing.source is 'URI of the source.';
comment on column raw.listing.model_id is 'The source''s id of the model.';
comment on column raw.listing.version_id is 'The source''s id of the version.';
comment on column raw.listing.file_id is 'The source''s id of the file.';
comment on column raw.listing.seen_at is 'When the source last changed the shard that this record was read from.';
comment on column raw.listing.shard_key is 'The source''s shard, e.g. models/00001.json.';
comment on column raw.listing.payload_sha256 is 'SHA-256 of the payload''s canonical JSON.';
comment on column raw.listing.lora_id is 'SHA-256 of the bytes that were taken in; null when refused.';
comment on column raw.listing.name is 'Name of the model.';
comment on column raw.listing.version_name is 'Name of the version.';
comment on column raw.listing.description is 'Description, as written, with its markup.';
comment on column raw.listing.creator is 'User name of who published it.';
comment on column raw.listing.tags is 'Tags of the model.';
comment on column raw.listing.base_model_claimed is 'Base model as claimed; core.lora.base_model says what the file shows.';
comment on column raw.listing.trained_words is 'Trigger words as claimed.';
comment on column raw.listing.nsfw_level is 'The source''s own rating.';
comment on column raw.listing.file_name is 'Name of the file; never used as a path.';
comment on column raw.listing.file_format is 'Format as claimed.';
comment on column raw.listing.size_bytes is 'Size as claimed.';
comment on column raw.listing.sha256_claimed is 'SHA-256 as claimed, lower-case hexadecimal.';
comment on column raw.listing.published_at is 'When it was published, as the source writes it.';
comment on column raw.listing.license is 'What the source says is allowed, JSON object.';
comment on column raw.listing.payload is 'The record whole, JSON: model, version, file.';
-- ==== schema/11_raw_rejection.sql
/* Files that were refused, and why. Grain: one row per file of a source and reason; append-only. */
create table if not exists raw.rejection (
    source varchar not null,
    model_id varchar not null,
    version_id varchar not null,
    file_id varchar not null,
    lora_id varchar,
    reason varchar not null,
    detail varchar,
    rejected_at timestamptz not null,
    quarantine_key varchar,
    shard_key varchar not null
);
comment on table raw.rejection is 'Files that were refused; one row per file and reason, append-only.';
comment on column raw.rejection.source is 'URI of the source.';
comment on column raw.rejection.model_id is 'The source''s id of the model.';
comment on column raw.rejection.version_id is 'The source''s id of the version.';
comment on column raw.rejection.file_id is 'The source''s id of the file.';
comment on column raw.rejection.lora_id is 'SHA-256 of the bytes; null when there were none.';
comment on column raw.rejection.reason is 'Code of the reason (carlos_tasks.untrusted.reasons).';
comment on column raw.rejection.detail is 'One sentence for a person.';
comment on column raw.rejection.rejected_at is 'When the refusal was committed.';
comment on column raw.rejection.quarantine_key is 'Where the bytes lie in object storage; null when none were kept.';
comment on column raw.rejection.shard_key is 'The source''s shard.';
-- ==== schema/12_raw_shard.sql
/* Shards of the sources as they were taken in. Grain: one row per read that found a shard in another state than the
   read before; append-only. The newest row of a shard tells whether it has to be read again. */
create table if not exists raw.shard (
    source_uri varchar not null,
    shard_key varchar not null,
    etag varchar not null,
    last_modified timestamptz not null,
    checks_version integer not null,
    base_models varchar[],
    max_bytes bigint not null,
    is_complete boolean not null,
    n_records bigint not null,
    n_listings bigint not null,
    n_rejections bigint not null,
    committed_at timestamptz not null
);
comment on table raw.shard is 'Shards as taken in; one row per read that found another state, append-only.';
comment on column raw.shard.source_uri is 'URI of the source.';
comment on column raw.shard.shard_key is 'The source''s shard, e.g. models/00001.jsonl.zst.';
comment on column raw.shard.etag is 'State of the shard''s bytes; empty when the shard is gone from the source.';
comment on column raw.shard.last_modified is 'When the source last changed it; when that was noticed, for one that is gone.';
comment on column raw.shard.checks_version is 'Version of the checks that judged its files.';
comment on column raw.shard.base_models is 'Base models that were taken in; null: every one.';
comment on column raw.shard.max_bytes is 'Size above which files were refused.';
comment on column raw.shard.is_complete is 'False where the shard broke off: what is not in it may still be listed.';
comment on column raw.shard.n_records is 'Records that the reader counted.';
comment on column raw.shard.n_listings is 'Records that were listed and not refused.';
comment on column raw.shard.n_rejections is 'Records that were refused.';
comment on column raw.shard.committed_at is 'When this read was committed.';
-- ==== schema/13_raw_sighting.sql
/* Where each listed file was last seen. Grain: one row per file of a source and shard that has held it; updated by the
   commit. A file that moved from one shard to another has two rows, and the newer one shows that it is still listed. */
create table if not exists raw.sighting (
    source varchar not null,
    model_id varchar not null,
    version_id varchar not null,
    file_id varchar not null,
    source_uri varchar not null,
    shard_key varchar not null,
    payload_sha256 varchar,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    read_at timestamptz not null
);
comment on table raw.sighting is 'Where each listed file was last seen; one row per file of a source and shard.';
comment on column raw.sighting.source is 'Source, as in raw.listing.';
comment on column raw.sighting.model_id is 'The source''s id of the model.';
comment on column raw.sighting.version_id is 'The source''s id of the version.';
comment on column raw.sighting.file_id is 'The source''s id of the file.';
comment on column raw.sighting.source_uri is 'URI of the source that was read.';
comment on column raw.sighting.shard_key is 'Shard that held the record.';
comment on column raw.sighting.payload_sha256 is 'State of the record when it was last seen; leads to raw.listing.';
comment on column raw.sighting.first_seen_at is 'Change time of the shard when it first held the record.';
comment on column raw.sighting.last_seen_at is 'Change time of the shard when it last held the record.';
comment on column raw.sighting.read_at is 'committed_at of the newest row of raw.shard whose read found the record.';
-- ==== schema/20_core_lora.sql
/* LoRA files that passed the checks. Grain: one row per lora_id, the SHA-256 of the bytes. */
create table if not exists core.lora (
    lora_id varchar not null,
    family varchar,
    base_model varchar,
    base_model_evidence varchar,
    rank integer,
    n_modules integer,
    trigger_words varchar[],
    size_bytes bigint,
    metadata varchar,
    file_key varchar,
    first_seen_at timestamptz not null
);
comment on table core.lora is 'LoRA files that passed the checks; one row per lora_id.';
comment on column core.lora.lora_id is 'SHA-256 of the file''s bytes.';
comment on column core.lora.family is 'Key family: how the file names its tensors.';
comment on column core.lora.base_model is 'Backbone that the file fits, told from its tensors.';
comment on column core.lora.base_model_evidence is 'How the backbone was told.';
comment on column core.lora.rank is 'Largest rank of its modules.';
comment on column core.lora.n_modules is 'Layers that the file patches.';
comment on column core.lora.trigger_words is 'Trigger words, from the file or its listing.';
comment on column core.lora.size_bytes is 'Size of the file.';
comment on column core.lora.metadata is 'Metadata of the file''s header, JSON object, untrusted.';
comment on column core.lora.file_key is 'Where the bytes lie in object storage.';
comment on column core.lora.first_seen_at is 'When a listing first carried these bytes.';
-- ==== schema/21_core_profile.sql
/* Profiles: all that fixes an image and its embedding. Grain: one row per profile_id, the hash of the definition. */
create table if not exists core.profile (
    profile_id varchar not null,
    name varchar not null,
    definition varchar not null,
    created_at timestamptz not null
);
comment on table core.profile is 'Profiles; one row per profile_id. Representations compare within one profile only.';
comment on column core.profile.profile_id is 'Hash of the canonical JSON of the definition.';
comment on column core.profile.name is 'Name that people use.';
comment on column core.profile.definition is 'The definition, canonical JSON.';
comment on column core.profile.created_at is 'When it was registered.';
-- ==== schema/22_core_threshold.sql
/* Thresholds that turn a representation into a status. Grain: one row per (profile_id, name).
   Names: strength_max, strength_min, consistency_min, retention_min; a missing one filters nothing. */
create table if not exists core.threshold (
    profile_id varchar not null,
    name varchar not null,
    value double not null,
    origin varchar
);
comment on table core.threshold is 'Thresholds of a profile; one row per (profile_id, name).';
comment on column core.threshold.profile_id is 'Profile on whose scale the value stands.';
comment on column core.threshold.name is 'strength_max, strength_min, consistency_min or retention_min.';
comment on column core.threshold.value is 'The value.';
comment on column core.threshold.origin is 'Where it comes from: the paper, or a calibration.';
-- ==== schema/23_core_prompt.sql
/* Prompts of the prompt sets. Grain: one row per (prompt_set, prompt_id). */
create table if not exists core.prompt (
    prompt_set varchar not null,
    prompt_id varchar not null,
    category varchar,
    subcategory varchar,
    text varchar not null
);
comment on table core.prompt is 'Prompts; one row per (prompt_set, prompt_id).';
comment on column core.prompt.prompt_set is 'Name of the set.';
comment on column core.prompt.prompt_id is 'Id within the set.';
comment on column core.prompt.category is 'Category.';
comment on column core.prompt.subcategory is 'Subcategory.';
comment on column core.prompt.text is 'The prompt.';
-- ==== schema/24_core_profile_origin.sql
/* Where the representations of a profile come from. Rows of before this column were measured. */
alter table core.profile add column if not exists origin varchar;
comment on column core.profile.origin is 'measured (null too): made here. imported: taken over whole, without embeddings.';
-- ==== schema/25_core_lora_facts.sql
/* What the checks tell of a file beyond family, base model and rank. LoRAs of before these columns have nulls in them
   until their shard is read again: the commit brings the facts of an older version of the checks up to date. */
alter table core.lora add column if not exists alpha double;
alter table core.lora add column if not exists n_modules_matched integer;
alter table core.lora add column if not exists modules varchar;
alter table core.lora add column if not exists tensors_sha256 varchar;
alter table core.lora add column if not exists base_model_in_metadata varchar;
alter table core.lora add column if not exists license varchar;
alter table core.lora add column if not exists frequent_tags varchar[];
alter table core.lora add column if not exists checks_version integer;
comment on column core.lora.alpha is 'Alpha that most modules have; the weights act with alpha / rank.';
comment on column core.lora.n_modules_matched is 'Modules that the backbone has; null where its architecture is not known here.';
comment on column core.lora.modules is 'Modules by component and kind, JSON object: {"unet.attention": 140}.';
comment on column core.lora.tensors_sha256 is 'Hash of names, shapes and weights: the same in a file whose metadata was edited.';
comment on column core.lora.base_model_in_metadata is 'Base model that the file''s metadata claims, untrusted.';
comment on column core.lora.license is 'License that the file''s metadata claims, untrusted.';
comment on column core.lora.frequent_tags is 'The most frequent tags of its training captions, as its metadata claims.';
comment on column core.lora.checks_version is 'Version of the checks that told these facts.';
-- ==== schema/26_raw_listing_source.sql
/* The dump and the live API of Civitai share one space of ids, so both name the source civitai; rows of before that were
   named after the dump. Nothing changes where there are none. */
update raw.listing set source = 'civitai' where source = 'civitai-dump';
update raw.rejection set source = 'civitai' where source = 'civitai-dump';
-- ==== schema/27_raw_listing_base_model_named.sql
/* Which base model the words of a listing mean, so that a claim can be compared with what the file shows. */
alter table raw.listing add column if not exists base_model_named varchar;
comment on column raw.listing.base_model_named is 'Base model that the claim means, in the names of core.lora.base_model; null: not known.';
-- ==== schema/28_raw_listing_taken_in.sql
/* When the commit was made that took a record's state in, which may be much later than its shard is dated: what is new
   here goes by this. Rows of before the column have the time of their shard, the nearest that is known of them. */
alter table raw.listing add column if not exists taken_in_at timestamptz;
update raw.listing set taken_in_at = seen_at where taken_in_at is null;
comment on column raw.listing.taken_in_at is
'When this state of the record was committed here; seen_at is as the source dates its shard.';
-- ==== schema/28_raw_sighting_taken_in.sql
/* When the commit was made that found a file in a shard, which may be much later than the shard is dated. Rows of before
   the column have the time of their shard, the nearest that is known of them. */
alter table raw.sighting add column if not exists taken_in_at timestamptz;
update raw.sighting set taken_in_at = first_seen_at where taken_in_at is null;
comment on column raw.sighting.taken_in_at is 'When it was committed here that the shard holds the file.';
-- ==== schema/29_core_lora_taken_in.sql
/* When the commit was made that took a LoRA in, which may be much later than its shard is dated: what is new here goes by
   this. Rows of before the column have the time of their shard, the nearest that is known of them. */
alter table core.lora add column if not exists taken_in_at timestamptz;
update core.lora set taken_in_at = first_seen_at where taken_in_at is null;
comment on column core.lora.taken_in_at is
'When these bytes were committed here; first_seen_at is as the source dates its shard.';
-- ==== schema/30_core_embedding.sql
/* Embeddings, as the workers left them in parquet shards. Grain: one row per (profile_id, lora_id, prompt_id, seed).
   lora_id 'base' is the baseline: the bare backbone. Files are registered, not copied, and never change. */
create table if not exists core.embedding (
    profile_id varchar,
    lora_id varchar,
    prompt_id varchar,
    seed integer,
    embedding float[],
    image_mean float,
    image_std float,
    flag varchar
);
alter table core.embedding set partitioned by (profile_id, lora_id);
comment on table core.embedding is 'CLIP features of the images; one row per (profile_id, lora_id, prompt_id, seed).';
comment on column core.embedding.profile_id is 'Profile that the image was made with.';
comment on column core.embedding.lora_id is 'LoRA, or ''base'' for the bare backbone.';
comment on column core.embedding.prompt_id is 'Prompt, in the profile''s indexing set.';
comment on column core.embedding.seed is 'Seed of the image''s own generator.';
comment on column core.embedding.embedding is 'Unnormalised CLIP image feature, float32 (d,).';
comment on column core.embedding.image_mean is 'Mean of the image''s values, 0 to 1.';
comment on column core.embedding.image_std is 'Standard deviation of the image''s values.';
comment on column core.embedding.flag is 'Null, or why the pair is not used: nan, black, constant.';
-- ==== schema/31_core_outcome.sql
/* Attempts to measure a LoRA. Grain: one row per (profile_id, lora_id, attempted_at); append-only. */
create table if not exists core.outcome (
    profile_id varchar not null,
    lora_id varchar not null,
    status varchar not null,
    reason varchar,
    detail varchar,
    n_pairs integer,
    modules_saved integer,
    modules_patched integer,
    seconds double,
    attempted_at timestamptz not null,
    code_version varchar
);
comment on table core.outcome is 'Attempts to measure a LoRA; one row per attempt, append-only.';
comment on column core.outcome.profile_id is 'Profile.';
comment on column core.outcome.lora_id is 'LoRA.';
comment on column core.outcome.status is 'embedded, unpatched or failed.';
comment on column core.outcome.reason is 'Code of the failure''s reason.';
comment on column core.outcome.detail is 'One sentence for a person.';
comment on column core.outcome.n_pairs is 'Pairs that were embedded, flagged ones too.';
comment on column core.outcome.modules_saved is 'Modules that the file holds.';
comment on column core.outcome.modules_patched is 'Modules that the backbone took.';
comment on column core.outcome.seconds is 'Time of the attempt.';
comment on column core.outcome.attempted_at is 'When the attempt ended.';
comment on column core.outcome.code_version is 'Version of CARLoS.';
-- ==== schema/32_core_representation.sql
/* What a LoRA does, in three numbers and a vector (paper, section 3). Grain: one row per (profile_id, lora_id).
   Written by sql/commit/insert_representation.sql, which states the formulas. */
create table if not exists core.representation (
    profile_id varchar not null,
    lora_id varchar not null,
    measured varchar not null,
    direction float[],
    strength double,
    consistency double,
    n_pairs integer,
    n_prompts integer,
    n_zero integer,
    n_flagged integer,
    strength_se double,
    consistency_se double,
    direction_cosine_lower double,
    prompt_retention double,
    computed_at timestamptz not null
);
comment on table core.representation is 'Direction, Strength and Consistency; one row per (profile_id, lora_id).';
comment on column core.representation.profile_id is 'Profile; representations compare within one only.';
comment on column core.representation.lora_id is 'LoRA.';
comment on column core.representation.measured is 'measured, degenerate (most pairs flagged), unpatched or failed.';
comment on column core.representation.direction is 'Mean CLIP difference, unnormalised, float32 (d,).';
comment on column core.representation.strength is 'Mean length of the CLIP difference.';
comment on column core.representation.consistency is 'Mean pairwise cosine of the differences; null below two pairs.';
comment on column core.representation.n_pairs is 'Pairs that count: not flagged on either side.';
comment on column core.representation.n_prompts is 'Prompts of those pairs.';
comment on column core.representation.n_zero is 'Pairs without any difference; they count in Strength only.';
comment on column core.representation.n_flagged is 'Pairs with a flag on either side; they count nowhere else.';
comment on column core.representation.strength_se is 'Standard error of strength, delete-one-prompt jackknife.';
comment on column core.representation.consistency_se is 'Standard error of consistency, delete-one-prompt jackknife.';
comment on column core.representation.direction_cosine_lower is 'Lower bound of cos(direction, its true value).';
comment on column core.representation.prompt_retention is 'How far the images still follow the prompt: 1 as the baseline.';
comment on column core.representation.computed_at is 'When the row was committed.';
-- ==== schema/33_core_prompt_difference.sql
/* What a LoRA does to each prompt: the mean of its CLIP differences over the seeds. Grain: one row per
   (profile_id, lora_id, prompt_id) of a measured LoRA with at least one pair that is not flagged. Direction is
   sum n v / sum n over its rows (n = n_pairs, v = difference). Standard errors and bootstraps by prompt need no more
   than these rows. Written by sql/commit/insert_prompt_difference.sql.

   Partitioned as core.embedding is: the rows of 30 LoRAs are 30 files, however many LoRAs there are. */
create table if not exists core.prompt_difference (
    profile_id varchar not null,
    lora_id varchar not null,
    prompt_id varchar not null,
    n_pairs integer not null,
    difference float[] not null
);
alter table core.prompt_difference set partitioned by (profile_id, lora_id);
comment on table core.prompt_difference is 'Mean CLIP difference by prompt; one row per (profile_id, lora_id, prompt_id).';
comment on column core.prompt_difference.profile_id is 'Profile.';
comment on column core.prompt_difference.lora_id is 'LoRA; filter by it, and only its rows are read.';
comment on column core.prompt_difference.prompt_id is 'Prompt, in the profile''s indexing set.';
comment on column core.prompt_difference.n_pairs is 'Pairs of the prompt that count: not flagged on either side.';
comment on column core.prompt_difference.difference is 'Mean CLIP difference of those pairs, unnormalised, float32 (d,).';
-- ==== schema/34_core_alike.sql
/* LoRAs that do nearly the same. Grain: one row per (profile_id, lora_id, other_id) with lora_id < other_id whose
   Directions have a cosine of at least 0.9. A LoRA brings at most the 32 nearest of those that were compared before it.
   Written by carlos_tasks/commit/alike.py when a Direction is committed, whatever the LoRA's status; core.compared says
   which LoRAs were. */
create table if not exists core.alike (
    profile_id varchar not null,
    lora_id varchar not null,
    other_id varchar not null,
    cosine double not null
);
comment on table core.alike is 'LoRAs that do nearly the same; one row per (profile_id, lora_id, other_id), cosine >= 0.9.';
comment on column core.alike.profile_id is 'Profile.';
comment on column core.alike.lora_id is 'The LoRA whose id sorts first.';
comment on column core.alike.other_id is 'The other LoRA.';
comment on column core.alike.cosine is 'Cosine of their Directions.';
-- ==== schema/35_core_compared.sql
/* LoRAs whose Direction was compared with every other one's. Grain: one row per (profile_id, lora_id). What is not in here
   is compared by the next commit, so that a night with 100 new LoRAs compares 100 and not all. */
create table if not exists core.compared (
    profile_id varchar not null,
    lora_id varchar not null
);
comment on table core.compared is 'LoRAs that core.alike has seen; one row per (profile_id, lora_id).';
comment on column core.compared.profile_id is 'Profile.';
comment on column core.compared.lora_id is 'LoRA.';
-- ==== schema/40_core_query.sql
/* Query vectors of texts that were asked, so that SQL can search by text. Grain: one row per (text_space_id, text).
   A text space is an encoder with its retrieval prompts; profiles name theirs in core.profile. */
create table if not exists core.query (
    text_space_id varchar not null,
    text varchar not null,
    vector float[] not null,
    encoded_at timestamptz not null
);
comment on table core.query is 'Query vectors of texts; one row per (text_space_id, text).';
comment on column core.query.text_space_id is 'Encoder and retrieval prompts, as in core.profile.';
comment on column core.query.text is 'What was asked for: Unicode NFC, single spaces, none at the ends.';
comment on column core.query.vector is 'Mean CLIP text difference over the retrieval prompts, float32 (d,), unnormalised.';
comment on column core.query.encoded_at is 'When the vector was computed.';
-- ==== schema/41_core_profile_text_space.sql
/* Which query vectors compare with the Directions of a profile. Rows of before this column get it at the next commit. */
alter table core.profile add column if not exists text_space_id varchar;
comment on column core.profile.text_space_id is 'Encoder and retrieval prompts: the query vectors of core.query that belong to it.';
-- ==== schema/50_core_concept.sql
/* What policies speak of. Grain: one row per (policy, concept_id, version, loaded_at); append-only. A version is named by
   what the concept says, so a changed file is a new version, and old scores stay told by the words they were taken with.
   A concept that its policy's folder no longer has gets a row with is_active = false. */
create table if not exists core.concept (
    policy varchar not null,
    policy_version varchar not null,
    concept_id varchar not null,
    version varchar not null,
    section varchar,
    title varchar not null,
    texts varchar[] not null,
    counter_texts varchar[] not null,
    declared_as varchar[] not null,
    images varchar[] not null,
    images_provenance varchar,
    images_licence varchar,
    nsfw_level integer,
    severity double not null,
    due_hours double,
    q_max double not null,
    score_min double,
    category varchar,
    owner varchar,
    is_active boolean not null,
    loaded_at timestamptz not null
);
comment on table core.concept is 'What policies speak of; one row per (policy, concept_id, version, loaded_at), append-only.';
comment on column core.concept.policy is 'Policy that the concept belongs to.';
comment on column core.concept.policy_version is 'Version of the policy, as its owner names it.';
comment on column core.concept.concept_id is 'Id within the policy.';
comment on column core.concept.version is 'First 12 hexadecimal digits of the SHA-256 of what the concept says.';
comment on column core.concept.section is 'Section of the policy.';
comment on column core.concept.title is 'What people call it.';
comment on column core.concept.texts is 'Texts that show it; a LoRA is compared with their mean.';
comment on column core.concept.counter_texts is 'Texts that are near it and are not meant; they only lower a score.';
comment on column core.concept.declared_as is 'Words in a listing''s name or tags that declare it.';
comment on column core.concept.images is 'SHA-256 of each reference picture.';
comment on column core.concept.images_provenance is 'Where the reference pictures come from.';
comment on column core.concept.images_licence is 'Licence of the reference pictures.';
comment on column core.concept.nsfw_level is 'Lowest rating that a listing must declare for it, as Civitai''s bit mask; null: none.';
comment on column core.concept.severity is '0: only described, to compare claims with effects; up to 1: the gravest.';
comment on column core.concept.due_hours is 'Hours from notice to decision; null: no limit.';
comment on column core.concept.q_max is 'A score with a q-value of at most this is shown.';
comment on column core.concept.score_min is 'And a cosine of at least this; null: any.';
comment on column core.concept.category is 'Category in a statement of reasons (DSA).';
comment on column core.concept.owner is 'Who keeps the concept.';
comment on column core.concept.is_active is 'False: its policy no longer has it.';
comment on column core.concept.loaded_at is 'When this row was committed.';
-- ==== schema/51_core_concept_score.sql
/* How near LoRAs come to concepts. Grain: one row per (profile_id, lora_id, policy, concept_id, version, basis, scored_at);
   append-only. The formulas: docs/method.md. One run scores what is new; q counts all tests of its run. */
create table if not exists core.concept_score (
    profile_id varchar not null,
    lora_id varchar not null,
    policy varchar not null,
    concept_id varchar not null,
    version varchar not null,
    basis varchar not null,
    score double,
    percentile double,
    z double,
    p double,
    p_counted double,
    q double,
    low double,
    high double,
    n_null integer,
    n_tests integer not null,
    null_id varchar not null,
    run_id varchar not null,
    computed_at timestamptz not null,
    scored_at timestamptz not null
);
alter table core.concept_score set partitioned by (profile_id);
comment on table core.concept_score is 'How near LoRAs come to concepts; one row per LoRA, concept version, basis and run; append-only.';
comment on column core.concept_score.profile_id is 'Profile.';
comment on column core.concept_score.lora_id is 'LoRA.';
comment on column core.concept_score.policy is 'Policy of the concept.';
comment on column core.concept_score.concept_id is 'Concept.';
comment on column core.concept_score.version is 'Version of the concept that was scored.';
comment on column core.concept_score.basis is 'texts or images: what of the concept the LoRA was compared with.';
comment on column core.concept_score.score is 'Cosine of Direction and concept; for images without what all LoRAs share.';
comment on column core.concept_score.percentile is 'Share of the profile''s measured LoRAs with a lower score.';
comment on column core.concept_score.z is 'Standard deviations above the LoRA''s own null.';
comment on column core.concept_score.p is 'Upper tail of Student''s t of z.';
comment on column core.concept_score.p_counted is '(1 + null values at least as high) / (n_null + 1).';
comment on column core.concept_score.q is 'Benjamini-Hochberg over all tests of the run.';
comment on column core.concept_score.low is 'Lower end of the 95 % interval, bootstrap by prompt; null where p >= 0.05, or 2,000 LoRAs of the run had a lower p.';
comment on column core.concept_score.high is 'Upper end of the interval.';
comment on column core.concept_score.n_null is 'Null values that z is told from.';
comment on column core.concept_score.n_tests is 'Tests of the run.';
comment on column core.concept_score.null_id is 'First 12 hexadecimal digits of the SHA-256 of the texts of the null, or of the draw of LoRAs.';
comment on column core.concept_score.run_id is 'Run that scored it.';
comment on column core.concept_score.computed_at is 'computed_at of the representation that was scored.';
comment on column core.concept_score.scored_at is 'When the row was committed.';
-- ==== schema/52_core_notice.sql
/* Complaints from outside. Grain: one row per notice_id; append-only. */
create table if not exists core.notice (
    notice_id varchar not null,
    lora_id varchar not null,
    category varchar not null,
    policy varchar,
    concept_id varchar,
    sender_kind varchar not null,
    sender varchar,
    text varchar,
    received_at timestamptz not null,
    due_at timestamptz,
    recorded_by varchar not null,
    recorded_at timestamptz not null
);
comment on table core.notice is 'Complaints from outside; one row per notice, append-only.';
comment on column core.notice.notice_id is 'Id of the notice.';
comment on column core.notice.lora_id is 'LoRA that it is about.';
comment on column core.notice.category is 'What it complains of: ncii, minors, likeness, copyright, trademark, hate, violence, other.';
comment on column core.notice.policy is 'Policy that it names, if any.';
comment on column core.notice.concept_id is 'Concept of that policy, if any.';
comment on column core.notice.sender_kind is 'user, rights_holder, trusted_flagger, authority or person_shown.';
comment on column core.notice.sender is 'Who sent it; personal data, in no report.';
comment on column core.notice.text is 'What it says, untrusted.';
comment on column core.notice.received_at is 'When it came in.';
comment on column core.notice.due_at is 'When it has to be decided: 48 hours for ncii; null: no limit.';
comment on column core.notice.recorded_by is 'Who recorded it.';
comment on column core.notice.recorded_at is 'When it was committed.';
-- ==== schema/53_core_decision.sql
/* Signed steps about LoRAs. Grain: one row per decision_id; append-only: nothing is ever changed, an appeal and its
   outcome are rows of their own. What was known is told by snapshot_id: the lake as of then can be asked. */
create table if not exists core.decision (
    decision_id varchar not null,
    lora_id varchar not null,
    profile_id varchar,
    action varchar not null,
    refers_to varchar,
    notice_id varchar,
    ground varchar,
    ground_reference varchar,
    category varchar,
    policy varchar,
    policy_version varchar,
    concept_id varchar,
    concept_version varchar,
    analyst varchar not null,
    assignee varchar,
    reasons varchar,
    snapshot_id bigint not null,
    evidence varchar[] not null,
    automated_detection boolean not null,
    automated_decision boolean not null,
    batch_id varchar,
    code_version varchar not null,
    decided_at timestamptz not null
);
comment on table core.decision is 'Signed steps about LoRAs; one row per decision_id, append-only.';
comment on column core.decision.decision_id is 'Id of the step.';
comment on column core.decision.lora_id is 'LoRA.';
comment on column core.decision.profile_id is 'Profile whose evidence was read; null: none.';
comment on column core.decision.action is 'takedown, restrict, label, no_action, comment, assign, skip, appeal, uphold or overturn.';
comment on column core.decision.refers_to is 'The decision appealed against; the appeal that is upheld or overturned.';
comment on column core.decision.notice_id is 'Notice that it answers, if any.';
comment on column core.decision.ground is 'illegal_content or incompatible_content; null where nothing is done to the content.';
comment on column core.decision.ground_reference is 'The law, or the clause of the terms.';
comment on column core.decision.category is 'Category in a statement of reasons (DSA).';
comment on column core.decision.policy is 'Policy applied, if any.';
comment on column core.decision.policy_version is 'Its version.';
comment on column core.decision.concept_id is 'Concept applied, if any.';
comment on column core.decision.concept_version is 'Its version.';
comment on column core.decision.analyst is 'Who signed.';
comment on column core.decision.assignee is 'Who is to look at the case (assign).';
comment on column core.decision.reasons is 'Why, in words.';
comment on column core.decision.snapshot_id is 'Snapshot of the lake that the evidence was read at.';
comment on column core.decision.evidence is 'Signals, notices and keys of kept images that it stands on.';
comment on column core.decision.automated_detection is 'The platform found it, not a notice.';
comment on column core.decision.automated_decision is 'No person decided; the platform never does by itself.';
comment on column core.decision.batch_id is 'Batch that was approved together, if any.';
comment on column core.decision.code_version is 'Version of CARLoS.';
comment on column core.decision.decided_at is 'When it was committed.';
-- ==== macros/10_exact.sql
/* exact(x): x (double) rounded to a multiple of 2^-32. Sums of such terms are exact in double arithmetic as long as
   they stay below 2^21, so they do not depend on order, threads or what is computed beside them: the same shards give
   the same representation to the last bit. Sums of plain floats do not. Adding and taking away 1.5 * 2^20 leaves no
   bits below 2^-32; it holds for |x| < 2^19. Resolution 2.3e-10, and 0 stays 0. */
create or replace macro core.exact(x) as (x + 1572864.0::double) - 1572864.0::double;
-- ==== macros/20_consistency.sql
/* consistency(sum_norm2, n): mean pairwise cosine of n unit vectors whose sum has the squared length sum_norm2.
   (|sum u|^2 - n) / (n (n - 1)): exact, since |sum u|^2 holds every pair twice and each vector with itself once.
   Source: docs/method.md (paper, section 3). Null below two vectors. */
create or replace macro core.consistency(sum_norm2, n) as
    case when n >= 2 then (sum_norm2 - n) / (cast(n as double) * (n - 1)) end;
-- ==== macros/21_consistency_between_prompts.sql
/* consistency_between_prompts(sum_norm2, sum_own2, n, sum_n2): mean cosine over the pairs of unit vectors that are of
   different prompts: the squared length of the sum of all n, less the squared lengths of each prompt's sum (sum_own2),
   over the number of such pairs, n^2 - sum of each prompt's n^2 (sum_n2). Null with fewer than two prompts. */
create or replace macro core.consistency_between_prompts(sum_norm2, sum_own2, n, sum_n2) as
    case when n * n > sum_n2 then (sum_norm2 - sum_own2) / (cast(n as double) * n - sum_n2) end;
-- ==== macros/22_jackknife_se.sql
/* jackknife_se(estimates): standard error from the delete-one estimates: sqrt((n - 1) / n * sum (x_i - mean)^2).
   estimates: list of double, one per prompt left out, in a fixed order; nulls are left out.
   Source: Efron and Tibshirani, An Introduction to the Bootstrap, section 11.2. Null below two estimates. */
create or replace macro core.jackknife_se(estimates) as
    case when list_count(estimates) >= 2
        then sqrt((list_count(estimates) - 1) * list_var_pop(estimates)) end;
-- ==== macros/23_direction_cosine_lower.sql
/* direction_cosine_lower(consistency, consistency_se, n_prompts): a cautious lower value of cos(direction, its true value).

   With n independent pairs of consistency C the mean of the differences has cos 1 / sqrt(1 + (1 - C) / (n C)) with
   the truth (docs/method.md). Pairs of one prompt are not independent, hence three choices:
   - C is to be core.consistency_between_prompts: what the seeds of one prompt share is no evidence of a common direction;
   - n is the number of prompts, as if all seeds of a prompt were one image;
   - C is taken two standard errors lower.
   In simulations it is never above the true cosine where seeds are independent, and by less than 0.02 in at most one
   case of five where prompts pull their own way and seeds only repeat them (tests/commit/test_representation.py).
   0 when C is not above 0 by two standard errors (no direction is shown), null when it has no standard error. */
create or replace macro core.direction_cosine_lower(consistency, consistency_se, n_prompts) as
    case
        when consistency_se is null then null
        when consistency - 2 * consistency_se <= 0 then 0.0::double
        else 1 / sqrt(1 + (1 - (consistency - 2 * consistency_se)) / (n_prompts * (consistency - 2 * consistency_se)))
    end;
-- ==== macros/24_prompt_retention.sql
/* prompt_retention(x_spread, y_spread, mean_x, mean_y, n, n_prompts): how much of the variation between prompts is left
   with the LoRA: sum_p n_p |mean_p x - mean x|^2 / sum_p n_p |mean_p y - mean y|^2 over prompts p (docs/method.md).
   1: prompts differ as much as in the baseline; 0: the same image whatever the prompt. Null below two prompts, or when
   the baseline's prompts do not differ.
   x_spread, y_spread: sum_p n_p |mean_p|^2 with the LoRA and without; mean_x, mean_y: double[] (d,); n: pairs. */
create or replace macro core.prompt_retention(x_spread, y_spread, mean_x, mean_y, n, n_prompts) as
    case when n_prompts >= 2 and y_spread - n * list_inner_product(mean_y, mean_y) > 1e-9 * y_spread
        then greatest(x_spread - n * list_inner_product(mean_x, mean_x), 0)
            / (y_spread - n * list_inner_product(mean_y, mean_y)) end;
-- ==== macros/30_status.sql
/* status(measured, strength, consistency, prompt_retention, strength_max, strength_min, consistency_min,
   retention_min): one word on what a representation is good for; the first that fits, in this order.

   failed, unpatched, degenerate: there is no representation to use (`measured` says so).
   no_effect:     strength < strength_min.
   overpowering:  strength > strength_max and, where retention_min is set, prompt_retention < retention_min: a strong
                  LoRA that still follows the prompt is not overpowering.
   inconsistent:  consistency < consistency_min, or undefined (fewer than two pairs that differ).
   ok:            none of these. A threshold that is null filters nothing. */
create or replace macro core.status(
    measured, strength, consistency, prompt_retention, strength_max, strength_min, consistency_min, retention_min
) as
    case
        when measured <> 'measured' then measured
        when strength < strength_min then 'no_effect'
        when strength > strength_max and (retention_min is null or prompt_retention < retention_min)
            then 'overpowering'
        when consistency_min is not null and coalesce(consistency < consistency_min, true) then 'inconsistent'
        else 'ok'
    end;
-- ==== macros/31_limit.sql
/* limit(given, own): the limit in force: the one that a question gives, or else the profile's own threshold (which may be
   null: no limit). Null and NaN are not given: DuckLake cannot store a macro's default that is null. */
create or replace macro core.limit(given, own) as
    case when given is null or isnan(given::double) then own else given::double end;
-- ==== macros/32_calibration_quantile.sql
/* calibration_quantile(name): at which quantile of its corpus the paper's threshold stands. Of the 740 LoRAs that its
   authors published, 21 have Strength > 9.8 and 204 Consistency < 0.041; a profile of another scale takes its own values
   at the same quantiles. Null where the paper has no such threshold. */
create or replace macro core.calibration_quantile(name) as
    case name
        when 'strength_max' then 719.0::double / 740
        when 'consistency_min' then 204.0::double / 740
    end;
-- ==== macros/33_calibrated_on.sql
/* calibrated_on(name, strength, consistency, prompt_retention): the value of a LoRA that a threshold limits. */
create or replace macro core.calibrated_on(name, strength, consistency, prompt_retention) as
    case
        when name in ('strength_max', 'strength_min') then strength
        when name = 'consistency_min' then consistency
        when name = 'retention_min' then prompt_retention
    end;
-- ==== macros/34_quantile.sql
/* quantile(sorted, q): the quantile q (0 to 1) of a sorted list of double, linear between neighbours, as quantile_cont,
   which takes no q that differs from row to row. Null for an empty list. */
create or replace macro core.quantile(sorted, q) as
    sorted[1 + floor((len(sorted) - 1) * q)::bigint]
    + ((len(sorted) - 1) * q - floor((len(sorted) - 1) * q))
    * (sorted[1 + ceil((len(sorted) - 1) * q)::bigint] - sorted[1 + floor((len(sorted) - 1) * q)::bigint]);
-- ==== macros/40_cosine.sql
/* cosine(a, b): cosine of two vectors of one length, each a list of float. Null where either is null.
   Read from parquet, a null list leaves a null element behind it in the column, and list_cosine_similarity refuses the
   whole column for it, even in rows that a filter has left out. Appending an empty list copies the elements of the
   rows that are asked for, and nothing else. */
create or replace macro core.cosine(a, b) as list_cosine_similarity(a || []::float[], b || []::float[]);
-- ==== macros/50_query_text.sql
/* query_text(txt): a text in the form that core.query holds it in: Unicode NFC, single spaces, none at the ends. The white
   space is Python's, which has more than ASCII's (carlos_tasks/retrieval/query_text.py). */
create or replace macro core.query_text(txt) as
    trim(regexp_replace(nfc_normalize(txt), '[\p{Z}\x09-\x0d\x1c-\x1f\x{85}]+', ' ', 'g'));
-- ==== macros/51_encode_query.sql
/* main.encode_query(txt, profile_id): query vector of a text that core.query does not hold. Plain DuckDB cannot encode a
   text, so that this is an error; carlos_tasks.connect() and `carlos sql` put the profile's encoder in its place. */
create or replace macro main.encode_query(txt, profile_id) as
    error(
        case
            when txt = '' then 'the text is empty: say what the LoRA should do, e.g. pencil sketch'
            else 'no query vector of ''' || txt || ''' is stored: ask by `carlos sql` or `carlos search`, '
                || 'or keep it first with `carlos queries ''' || txt || '''`'
        end
    )::float[];
-- ==== macros/52_words.sql
/* words(txt): the words of a text in small letters, with one space before, between and after them, so that a word or a
   phrase is found whole: contains(core.words('Line-Art XL'), core.words('line art')). What is no letter or digit parts words. */
create or replace macro core.words(txt) as
    ' ' || trim(regexp_replace(lower(nfc_normalize(txt)), '[^\p{L}\p{M}\p{N}]+', ' ', 'g')) || ' ';
-- ==== macros/53_duplicate_min.sql
/* duplicate_min(own): the cosine of two Directions from which on they are one effect: the profile's own threshold, or 0.98
   where it has none (docs/decisions/0016-what-a-duplicate-is.md). */
create or replace macro core.duplicate_min(own) as coalesce(own, 0.98)::double;
-- ==== macros/54_moment.sql
/* moment(given): a time that a stranger wrote, as a timestamptz; null where it is none, or not of the years 2000 to 9999:
   "infinity", and years before LoRAs or after all, are no times of anything here, and programs that read them fail. */
create or replace macro core.moment(given) as
    case
        when try_cast(given as timestamptz) >= '2000-01-01 00:00:00+00'::timestamptz
            and try_cast(given as timestamptz) < '9999-12-31 00:00:00+00'::timestamptz
            then try_cast(given as timestamptz)
    end;
-- ==== macros/60_signal_severity.sql
/* signal_severity(signal, kind): how much a reason to look at a LoRA weighs, 0 to 1, where nothing else says so; a concept
   says it for itself (core.concept.severity). kind: what the signal is about (core.notice.category for notice), or null.
   The numbers are a policy's choice, not a measurement: they order the queue and decide nothing
   (docs/decisions/0020-what-a-case-is.md). */
create or replace macro core.signal_severity(signal, kind) as
    case signal
        when 'notice' then
            case kind
                when 'minors' then 0.98
                when 'ncii' then 0.95
                when 'hate' then 0.7
                when 'likeness' then 0.6
                when 'violence' then 0.5
                when 'copyright' then 0.5
                when 'trademark' then 0.5
                else 0.3
            end
        when 'removed_duplicate' then case kind when 'same_effect' then 0.6 else 0.9 end
        when 'understated_nsfw' then 0.6
        when 'declared_other' then 0.5
        when 'overpowering' then 0.3
        when 'degenerate' then 0.3
        when 'changed_version' then 0.3
        when 'other_base_model' then 0.2
        when 'trigger_words' then 0.2
    end::double;
-- ==== macros/61_reaches.sql
/* reaches(q, q_max, score, score_min): whether a score reaches its concept's limits: unlikely enough to be chance, and near
   enough where the concept says how near. */
create or replace macro core.reaches(q, q_max, score, score_min) as
    q <= q_max and (score_min is null or score >= score_min);
-- ==== macros/62_names_effect.sql
/* names_effect(measured, direction_cosine_lower): whether a Direction is known well enough to say what a LoRA shows: where even
   its lower bound lies 60 degrees from the truth, it does not. An imported Direction has no bound. */
create or replace macro core.names_effect(measured, direction_cosine_lower) as
    measured = 'measured' and (direction_cosine_lower is null or direction_cosine_lower >= 0.5);
-- ==== macros/63_decides.sql
/* decides(action): whether a signed step decides on a LoRA, in place of answering an appeal or saying something. */
create or replace macro core.decides(action) as action in ('takedown', 'restrict', 'label', 'no_action');
-- ==== macros/64_restricts.sql
/* restricts(action): whether a signed step acts on the content, so that its account is owed a statement of reasons. */
create or replace macro core.restricts(action) as action in ('takedown', 'restrict', 'label');
-- ==== views/05_mart_status_threshold.sql
/* The thresholds that give a representation its status, side by side. Grain: one row per profile_id that has any.
   A threshold that a profile lacks is null and filters nothing. */
create or replace view mart.status_threshold as
select
    profile_id,
    max(value) filter (name = 'strength_max') as strength_max,
    max(value) filter (name = 'strength_min') as strength_min,
    max(value) filter (name = 'consistency_min') as consistency_min,
    max(value) filter (name = 'retention_min') as retention_min
from core.threshold
group by profile_id;
comment on view mart.status_threshold is 'Thresholds of the status, side by side; one row per profile_id that has any.';
-- ==== views/06_mart_decision.sql
/* Signed steps, with what became of them. Grain: one row per decision_id, as core.decision.
   is_in_force: a decision (takedown, restrict, label, no_action) that no appeal has overturned. Nothing else lifts it: a
   later decision of another kind stands beside it.
   appealed_by: the newest appeal against it. overturned_by: the step that overturned it.
   answered_by: of an appeal, the step that upheld or overturned the decision; null while the appeal is open.
   closes_case: after it, there is nothing to decide until something new comes up. That a no_action was overturned leaves
   everything to decide.
   settles_until: what came up after it is new. An uphold or an overturn settles no more than the decision that it judges:
   a complaint that came in while the appeal was open still waits. */
create or replace view mart.decision as
with
appeal as (
    select
        refers_to as decision_id,
        arg_max(decision_id, (decided_at, decision_id)) as appealed_by
    from core.decision
    where action = 'appeal'
    group by refers_to
),

outcome as (
    select
        outcome.decision_id as answered_by,
        outcome.action as answer,
        appeal.decision_id as appeal_id,
        appeal.refers_to as decision_id,
        outcome.decided_at
    from core.decision as outcome
    inner join core.decision as appeal on outcome.refers_to = appeal.decision_id
    where outcome.action in ('uphold', 'overturn') and appeal.action = 'appeal'
),

answered as (
    select appeal_id as decision_id, arg_min(answered_by, (decided_at, answered_by)) as answered_by
    from outcome
    group by appeal_id
),

overturned as (
    select decision_id, arg_min(answered_by, (decided_at, answered_by)) as overturned_by
    from outcome
    where answer = 'overturn'
    group by decision_id
),

-- What an uphold or an overturn is about.
judged as (
    select
        outcome.answered_by as decision_id,
        any_value(decision.action) as judged_action,
        any_value(decision.decided_at) as judged_at
    from outcome
    inner join core.decision as decision on outcome.decision_id = decision.decision_id
    group by outcome.answered_by
)

select
    decision.*,
    core.decides(decision.action) and overturned_by is null as is_in_force,
    appealed_by,
    overturned_by,
    answered_by,
    is_in_force
    or decision.action = 'uphold'
    or (decision.action = 'overturn' and coalesce(judged_action, '') <> 'no_action') as closes_case,
    coalesce(judged_at, decision.decided_at) as settles_until
from core.decision as decision
left join appeal using (decision_id)
left join answered using (decision_id)
left join overturned using (decision_id)
left join judged using (decision_id);
comment on view mart.decision is 'Signed steps, with what became of them; one row per decision_id.';
-- ==== views/07_mart_removed.sql
/* LoRAs that a decision in force keeps from search. Grain: one row per lora_id. action: takedown, which hides it from every
   answer, or restrict, which shows it only to whoever asks for restricted ones; a takedown goes before a restriction.
   since, decision_id: the first such decision that is in force. What is known of the LoRA stays in the lake.
   Every search asks this, so it reads core.decision itself and not mart.decision; the tests hold the two together. */
create or replace view mart.removed as
with overturned as (
    select appeal.refers_to as decision_id
    from core.decision as outcome
    inner join core.decision as appeal on outcome.refers_to = appeal.decision_id
    where outcome.action = 'overturn' and appeal.action = 'appeal'
)

select
    lora_id,
    decision_id,
    action,
    decided_at as since
from core.decision
anti join overturned using (decision_id)
where action in ('takedown', 'restrict')
qualify row_number() over (partition by lora_id order by action desc, decided_at, decision_id) = 1;
comment on view mart.removed is 'LoRAs that a decision in force keeps from search; one row per lora_id.';
-- ==== views/08_mart_companion_profile.sql
/* Profiles that differ in the use of trigger words alone, so that what the words do can be told. Grain: one row per
   (profile_id, companion_id): the profile that adds them to the prompt, and the one that leaves them out. */
create or replace view mart.companion_profile as
with definition as (
    select
        profile_id,
        definition ->> '$.lora.trigger_words' as trigger_words,
        json_merge_patch(definition::json, '{"lora": {"trigger_words": null}}'::json)::varchar as everything_else
    from core.profile
    where json_valid(definition)
)

select words.profile_id, without.profile_id as companion_id
from definition as words
inner join definition as without using (everything_else)
where words.trigger_words = 'append' and without.trigger_words = 'ignore';
comment on view mart.companion_profile is 'Profiles with trigger words and without; one row per (profile_id, companion_id).';
-- ==== views/10_mart_representation_status.sql
/* Representations with their status. Grain: one row per (profile_id, lora_id). Holds no names, so that ranking many
   LoRAs reads nothing else. effect_status: what it is good for as it was measured (macro core.status, thresholds from
   core.threshold). status: the same, unless a decision in force goes before it: removed, restricted (mart.removed). */
create or replace view mart.representation_status as
select
    representation.*,
    core.status(
        measured, strength, consistency, prompt_retention, strength_max, strength_min, consistency_min, retention_min
    ) as effect_status,
    case removed.action when 'takedown' then 'removed' when 'restrict' then 'restricted' else effect_status end as status
from core.representation
left join mart.status_threshold using (profile_id)
left join mart.removed using (lora_id);
comment on view mart.representation_status is 'Representations with their status; one row per (profile_id, lora_id).';
-- ==== views/12_mart_newest_listing.sql
/* The newest state of each file's record at its source. Grain: one row per (source, model_id, version_id, file_id, lora_id)
   of the listings that have a LoRA; a file whose bytes changed has one of each. Untrusted text. */
create or replace view mart.newest_listing as
from raw.listing
where lora_id is not null
qualify row_number() over (
    partition by source, model_id, version_id, file_id, lora_id order by seen_at desc, payload_sha256
) = 1;
comment on view mart.newest_listing is 'The newest state of each file''s record at its source, untrusted; one row per file and LoRA.';
-- ==== views/20_mart_lora_listing.sql
/* What the sources say of each LoRA. Grain: one row per lora_id that a listing carries. Re-uploads share a row: the
   name shown is the earliest listing's, and `names` holds all. Untrusted text. */
create or replace view mart.lora_listing as
with
ranked as (
    select
        *,
        row_number() over (
            partition by lora_id
            order by core.moment(published_at) nulls last, seen_at, source, model_id, version_id, file_id
        ) as place
    from mart.newest_listing
)

select
    lora_id,
    min_by(name, place) filter (place = 1) as name,
    list(distinct name order by name) filter (name is not null) as names,
    count(*) as n_listings,
    list(source || '#' || model_id || '/' || version_id order by place) as listings,
    max(creator) filter (place = 1) as creator,
    max(description) filter (place = 1) as description,
    max(tags) filter (place = 1) as tags,
    max(base_model_claimed) filter (place = 1) as base_model_claimed,
    max(base_model_named) filter (place = 1) as base_model_named,
    max(trained_words) filter (place = 1) as trained_words,
    max(nsfw_level) filter (place = 1) as nsfw_level,
    max(published_at) filter (place = 1) as published_at
from ranked
group by lora_id;
comment on view mart.lora_listing is 'What the sources say of a LoRA, untrusted; one row per lora_id.';
-- ==== views/25_mart_listing_history.sql
/* What became of each listed file. Grain: one row per file of a source that was listed once. State:
   - taken_down: the source says so in the record (mode TakenDown), or answered that it is gone and has not listed it since
   - vanished: every shard that held it was read again, to its end, without it
   - archived: the source says so in the record (mode Archived)
   - listed: none of these
   `since` is when the state began, as the source dates its shards, and not before the record was last found; `known_at`
   is when the commit was made that took it in here, which may be much later. A LoRA and its metadata stay whatever the
   state. */
create or replace view mart.listing_history as
with
-- A shard that was read again, to its end, without the record: the first such read after the record was last found.
dropped as (
    select
        sighting.source,
        sighting.model_id,
        sighting.version_id,
        sighting.file_id,
        sighting.source_uri,
        sighting.shard_key,
        -- It was still there when it was last found, whatever the time that a shard without it bears.
        greatest(min(shard.last_modified), max(sighting.read_at)) as dropped_at,
        min(shard.committed_at) as drop_known_at
    from raw.sighting as sighting
    inner join raw.shard as shard
        on
            sighting.source_uri = shard.source_uri
            and sighting.shard_key = shard.shard_key
            and sighting.read_at < shard.committed_at
            and shard.is_complete
    group by all
),

seen as (
    select
        source,
        model_id,
        version_id,
        file_id,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        max(read_at) as read_at,
        min(taken_in_at) as taken_in_at,
        arg_max(source_uri, (dropped_at is null, read_at, shard_key)) as source_uri,
        arg_max(shard_key, (dropped_at is null, read_at, shard_key)) as shard_key,
        arg_max(payload_sha256, (dropped_at is null, read_at, shard_key)) as payload_sha256,
        case when count(*) = count(dropped_at) then max(dropped_at) end as vanished_at,
        max(drop_known_at) as vanish_known_at
    from raw.sighting
    left join dropped using (source, model_id, version_id, file_id, source_uri, shard_key)
    group by source, model_id, version_id, file_id
),

-- The bytes may have arrived later than the record, so its state can have two rows of raw.listing.
told as (
    select
        source,
        model_id,
        version_id,
        file_id,
        payload_sha256,
        max(lora_id) as lora_id,
        any_value(name) as name,
        lower(any_value(payload ->> '$.model.mode')) as mode,
        min(seen_at) as told_at,
        min(taken_in_at) as told_here_at
    from raw.listing
    group by all
),

-- A model that is gone takes its versions and files with it.
gone as (
    select
        seen.source,
        seen.model_id,
        seen.version_id,
        seen.file_id,
        min(rejection.rejected_at) as gone_at
    from seen
    inner join raw.rejection as rejection
        on
            seen.source = rejection.source
            and seen.model_id = rejection.model_id
            and rejection.version_id in ('', seen.version_id)
            and rejection.file_id in ('', seen.file_id)
            and seen.read_at < rejection.rejected_at
            and rejection.reason = 'taken_down'
    group by all
),

judged as (
    select
        seen.*,
        told.lora_id,
        told.name,
        told.told_at,
        told.told_here_at,
        gone.gone_at,
        case
            when gone.gone_at is not null or told.mode = 'takendown' then 'taken_down'
            when seen.vanished_at is not null then 'vanished'
            when told.mode = 'archived' then 'archived'
            else 'listed'
        end as state
    from seen
    left join told using (source, model_id, version_id, file_id, payload_sha256)
    left join gone using (source, model_id, version_id, file_id)
)

select
    source,
    model_id,
    version_id,
    file_id,
    name,
    lora_id,
    state,
    case state
        when 'taken_down' then coalesce(gone_at, told_at)
        when 'vanished' then vanished_at
        when 'archived' then told_at
        else first_seen_at
    end as since,
    case state
        when 'taken_down' then coalesce(gone_at, told_here_at)
        when 'vanished' then vanish_known_at
        when 'archived' then told_here_at
        else taken_in_at
    end as known_at,
    taken_in_at,
    first_seen_at,
    last_seen_at,
    source_uri,
    shard_key
from judged;
comment on view mart.listing_history is 'What became of each listed file: listed, archived, taken_down or vanished, and since when.';
-- ==== views/30_mart_lora.sql
/* All about a LoRA. Grain: one row per (profile_id, lora_id) that was measured or tried: what its listings claim,
   what its file shows, what it does, and its status. */
create or replace view mart.lora as
select
    profile_id,
    lora_id,
    listing.name,
    status,
    strength,
    consistency,
    strength_se,
    consistency_se,
    direction_cosine_lower,
    prompt_retention,
    n_pairs,
    n_prompts,
    n_zero,
    n_flagged,
    listing.names,
    coalesce(listing.n_listings, 0) as n_listings,
    listing.listings,
    listing.creator,
    listing.description,
    listing.tags,
    listing.base_model_claimed,
    listing.base_model_named,
    listing.trained_words,
    listing.nsfw_level,
    listing.published_at,
    lora.family,
    lora.base_model,
    lora.base_model_evidence,
    lora.rank as lora_rank,
    lora.alpha,
    lora.n_modules,
    lora.n_modules_matched,
    lora.modules,
    lora.base_model_in_metadata,
    lora.trigger_words,
    lora.frequent_tags,
    lora.license,
    lora.size_bytes,
    lora.tensors_sha256,
    lora.metadata,
    lora.file_key,
    lora.first_seen_at,
    lora.taken_in_at,
    computed_at,
    direction
from mart.representation_status
left join core.lora using (lora_id)
left join mart.lora_listing as listing using (lora_id);
comment on view mart.lora is 'All about a LoRA: claims, file, effect, status; one row per (profile_id, lora_id).';
-- ==== views/31_mart_same_weights.sql
/* LoRAs that differ in their metadata only: other bytes, so another lora_id, and the same weights under the same names.
   Grain: one row per tensors_sha256 that several LoRAs share; `lora_ids` has the first seen first. */
create or replace view mart.same_weights as
select
    tensors_sha256,
    count(*) as n_loras,
    list(lora_id order by first_seen_at, lora_id) as lora_ids,
    list(listing.name order by first_seen_at, lora_id) as names,
    min(first_seen_at) as first_seen_at
from core.lora
left join mart.lora_listing as listing using (lora_id)
where tensors_sha256 is not null
group by tensors_sha256
having count(*) > 1;
comment on view mart.same_weights is 'LoRAs that differ in metadata only; one row per tensors_sha256 that several share.';
-- ==== views/32_mart_duplicate.sql
/* Pairs of LoRAs that are the same to whoever uses them. Grain: one row per (profile_id, lora_id, other_id) with
   lora_id < other_id; profile_id is null for a pair that no profile has tried both of.
   kind: same_weights: other bytes, the same tensors. same_effect: other tensors, and Directions whose cosine is at least
   the profile's threshold, as core.duplicate_min has it (docs/decisions/0016-what-a-duplicate-is.md).
   is_same_model: a source lists both under one model, such as two versions of it. both_known_to: the lower of the two
   bounds direction_cosine_lower, since the cosine of two noisy estimates lies below that of what they estimate. */
create or replace view mart.duplicate as
with
weights_pair as (
    select one.lora_id, other.lora_id as other_id
    from core.lora as one
    inner join core.lora as other on one.tensors_sha256 = other.tensors_sha256 and one.lora_id < other.lora_id
),

tried_pair as (
    select one.profile_id, pair.lora_id, pair.other_id
    from weights_pair as pair
    inner join core.representation as one on pair.lora_id = one.lora_id
    inner join core.representation as other on pair.other_id = other.lora_id and one.profile_id = other.profile_id
),

pair as (
    select profile_id, lora_id, other_id, 'same_weights' as kind
    from tried_pair
    union all
    select null as profile_id, lora_id, other_id, 'same_weights' as kind
    from weights_pair
    anti join tried_pair using (lora_id, other_id)
    union all
    select alike.profile_id, alike.lora_id, alike.other_id, 'same_effect' as kind
    from core.alike
    left join core.threshold as threshold
        on alike.profile_id = threshold.profile_id and threshold.name = 'duplicate_min'
    anti join weights_pair using (lora_id, other_id)
    where alike.cosine >= core.duplicate_min(threshold.value)
),

model as (
    select lora_id, list(distinct source || '#' || model_id) as models
    from raw.listing
    where lora_id is not null
    group by lora_id
)

select
    pair.profile_id,
    pair.lora_id,
    pair.other_id,
    pair.kind,
    alike.cosine,
    least(one.direction_cosine_lower, other.direction_cosine_lower) as both_known_to,
    coalesce(list_has_any(of_one.models, of_other.models), false) as is_same_model,
    listing.name,
    other_listing.name as other_name,
    one.strength,
    other.strength as other_strength
from pair
left join core.alike using (profile_id, lora_id, other_id)
left join core.representation as one on pair.profile_id = one.profile_id and pair.lora_id = one.lora_id
left join core.representation as other on pair.profile_id = other.profile_id and pair.other_id = other.lora_id
left join model as of_one on pair.lora_id = of_one.lora_id
left join model as of_other on pair.other_id = of_other.lora_id
left join mart.lora_listing as listing on pair.lora_id = listing.lora_id
left join mart.lora_listing as other_listing on pair.other_id = other_listing.lora_id
order by alike.cosine desc nulls last, pair.profile_id, pair.lora_id, pair.other_id;
comment on view mart.duplicate is 'Pairs with the same weights or the same effect; one row per (profile_id, lora_id, other_id).';
-- ==== views/33_mart_shared_direction.sql
/* Groups of LoRAs that share one Direction: cosine >= 0.9999 along a chain of core.alike. Two trainings of one effect do not
   come that close. Grain: one row per (profile_id, group_id), the largest group first; group_id is its smallest lora_id.
   sign: 'degenerate' where at least three files with different weights, of at least three models, share it: what is the
   same whatever the LoRA is no effect of it (broken pictures, or a backbone that took none of them). Else 'copy': the
   same LoRA saved again, renamed, or listed twice. A sign, no proof: one LoRA that was saved anew under three models looks
   the same, and only its pictures tell. */
create or replace view mart.shared_direction as
with recursive
edge as (
    select profile_id, lora_id as one, other_id as other from core.alike where cosine >= 0.9999
    union all
    select profile_id, other_id as one, lora_id as other from core.alike where cosine >= 0.9999
),

-- Each LoRA with the smallest id that it is known to be linked to.
linked(profile_id, lora_id, group_id) using key (profile_id, lora_id) as (
    select profile_id, one as lora_id, least(one, min(other)) as group_id
    from edge
    group by profile_id, one
    union
    select edge.profile_id, edge.other as lora_id, min(linked.group_id) as group_id
    from linked
    inner join edge on linked.profile_id = edge.profile_id and linked.lora_id = edge.one
    inner join recurring.linked as known
        on edge.profile_id = known.profile_id and edge.other = known.lora_id
    where linked.group_id < known.group_id
    group by edge.profile_id, edge.other
),

model as (
    select linked.profile_id, linked.group_id, count(distinct (listing.source, listing.model_id)) as n_models
    from linked
    inner join raw.listing as listing using (lora_id)
    group by linked.profile_id, linked.group_id
),

grouped as (
    select
        linked.profile_id,
        linked.group_id,
        count(*) as n_loras,
        count(distinct coalesce(lora.tensors_sha256, linked.lora_id)) as n_weights,
        list(linked.lora_id order by linked.lora_id) as lora_ids,
        list(listing.name order by linked.lora_id) as names,
        avg(effect.strength) as strength,
        avg(effect.consistency) as consistency
    from linked
    inner join core.representation as effect using (profile_id, lora_id)
    left join core.lora as lora using (lora_id)
    left join mart.lora_listing as listing using (lora_id)
    group by linked.profile_id, linked.group_id
)

select
    profile_id,
    group_id,
    case when n_weights >= 3 and n_models >= 3 then 'degenerate' else 'copy' end as sign,
    n_loras,
    n_weights,
    coalesce(n_models, 0) as n_models,
    lora_ids,
    names,
    strength,
    consistency
from grouped
left join model using (profile_id, group_id)
order by n_loras desc, profile_id, group_id;
comment on view mart.shared_direction is 'Groups of LoRAs that share one Direction; one row per (profile_id, group_id).';
-- ==== views/40_mart_retrieval_candidate.sql
/* What search may return: status 'ok' only. Grain: one row per (profile_id, lora_id). */
create or replace view mart.retrieval_candidate as
select * from mart.lora where status = 'ok';
comment on view mart.retrieval_candidate is 'LoRAs that search may return (status ok); one row per (profile_id, lora_id).';
-- ==== views/45_mart_searchable.sql
/* What filters and hits need of a LoRA, without its Direction, so that it is small enough to be kept in memory. Grain: one
   row per (profile_id, lora_id) that was measured or tried. `license` is what a listing says, else what the file says;
   `published_at` is null where the source's text is no time. Claims of listings are untrusted. */
create or replace view mart.searchable as
with claim as (
    select
        lora_id,
        list(distinct source order by source) as sources,
        min(try_cast(license as json) ->> '$.license') as license
    from raw.listing
    where lora_id is not null
    group by lora_id
)

select
    effect.profile_id,
    effect.lora_id,
    effect.measured,
    effect.status,
    effect.strength,
    effect.consistency,
    effect.strength_se,
    effect.consistency_se,
    effect.direction_cosine_lower,
    effect.prompt_retention,
    effect.n_pairs,
    effect.n_prompts,
    listing.name,
    listing.names,
    coalesce(listing.n_listings, 0) as n_listings,
    coalesce(claim.sources, []::varchar[]) as sources,
    listing.creator,
    lora.base_model,
    listing.base_model_claimed,
    listing.base_model_named,
    coalesce(nullif(claim.license, ''), nullif(lora.license, '')) as license,
    listing.nsfw_level,
    core.moment(listing.published_at) as published_at,
    lora.first_seen_at,
    effect.computed_at
from mart.representation_status as effect
left join core.lora as lora using (lora_id)
left join mart.lora_listing as listing using (lora_id)
left join claim using (lora_id);
comment on view mart.searchable is 'What filters and hits need of a LoRA, without its Direction; one row per (profile_id, lora_id).';
-- ==== views/50_mart_clip_diff.sql
/* CLIP differences, pair by pair. Grain: one row per (profile_id, lora_id, prompt_id, seed) that has a baseline.
   Pairs are joined by key, never by position. `difference` is null, and `length` too, where `flag` says why the pair
   is not used. Filter by profile_id and lora_id: only their shards are read then. */
create or replace view mart.clip_diff as
with pair as (
    select
        lora.profile_id,
        lora.lora_id,
        lora.prompt_id,
        lora.seed,
        coalesce(lora.flag, baseline.flag) as flag,
        lora.embedding as embedding_lora,
        baseline.embedding as embedding_base,
        lora.image_mean as image_mean_lora,
        lora.image_std as image_std_lora
    from core.embedding as lora
    inner join core.embedding as baseline
        on
            baseline.lora_id = 'base'
            and lora.profile_id = baseline.profile_id
            and lora.prompt_id = baseline.prompt_id
            and lora.seed = baseline.seed
    where lora.lora_id <> 'base'
)

select
    *,
    case when flag is null then list_distance(embedding_lora::double[], embedding_base::double[]) end as length,
    case when flag is null then [x[1] - x[2] for x in list_zip(embedding_lora, embedding_base)] end as difference
from pair;
comment on view mart.clip_diff is 'CLIP differences; one row per pair (profile_id, lora_id, prompt_id, seed).';
-- ==== views/51_mart_policy_in_force.sql
/* The policy that each profile was last scored with. Grain: one row per profile_id that was scored. */
create or replace view mart.policy_in_force as
select profile_id, max_by(policy, scored_at) as policy
from core.concept_score
group by profile_id;
comment on view mart.policy_in_force is 'The policy that a profile was last scored with; one row per profile_id.';
-- ==== views/52_mart_concept.sql
/* What policies speak of now. Grain: one row per (policy, concept_id): its newest version, where the policy still has it.
   A concept without texts and pictures is never scored: its words are effects that listings claim and no other concept
   covers. */
create or replace view mart.concept as
select * exclude (is_active)
from (
    from core.concept
    qualify row_number() over (partition by policy, concept_id order by loaded_at desc, version) = 1
)
where is_active;
comment on view mart.concept is 'What policies speak of now; one row per (policy, concept_id).';
-- ==== views/53_mart_concept_score.sql
/* How near LoRAs come to the concepts of now. Grain: one row per (profile_id, lora_id, policy, concept_id, basis): the
   newest score with the concept's current version, of the policy that the profile was last scored with.
   is_shown: it reaches the concept's limits (core.reaches), and its Direction is known well enough (core.names_effect). */
create or replace view mart.concept_score as
with
score as (
    select score.*
    from core.concept_score as score
    inner join mart.policy_in_force using (profile_id, policy)
    inner join mart.concept using (policy, concept_id, version)
    qualify row_number() over (
        partition by score.profile_id, score.lora_id, score.concept_id, score.basis
        order by score.scored_at desc, score.run_id
    ) = 1
)

select
    score.*,
    concept.title,
    concept.section,
    concept.severity,
    concept.nsfw_level,
    concept.due_hours,
    concept.q_max,
    concept.score_min,
    concept.category,
    effect.status,
    core.reaches(score.q, concept.q_max, score.score, concept.score_min)
    and core.names_effect(effect.measured, effect.direction_cosine_lower) as is_shown
from score
inner join mart.concept using (policy, concept_id)
inner join mart.representation_status as effect using (profile_id, lora_id);
comment on view mart.concept_score is 'How near LoRAs come to the concepts of now; one row per (profile_id, lora_id, policy, concept_id, basis).';
-- ==== views/54_mart_declared_concept.sql
/* What the listings of a LoRA declare, in the words of the policies. Grain: one row per (lora_id, policy, concept_id) that
   a name or a tag declares, in any listing. Whole words count, in either case, and mark-up is only text. Descriptions do
   not count: "no stripes" claims none. Untrusted text. */
create or replace view mart.declared_concept as
with
-- The bar keeps the last word of one tag and the first of the next from becoming a phrase.
declared as (
    select
        lora_id,
        string_agg(
            array_to_string(
                list_transform(list_prepend(name, coalesce(tags, [])), lambda said: core.words(coalesce(said, ''))), '|'
            ),
            '|'
        ) as words
    from mart.newest_listing
    group by lora_id
),

phrase as (
    select
        policy,
        concept_id,
        len(texts) = 0 and len(images) = 0 as is_effect_word,
        unnest(declared_as) as phrase
    from mart.concept
)

select
    declared.lora_id,
    phrase.policy,
    phrase.concept_id,
    any_value(phrase.is_effect_word) as is_effect_word,
    list(distinct phrase.phrase order by phrase.phrase) as words
from declared
inner join phrase on contains(declared.words, core.words(phrase.phrase))
group by declared.lora_id, phrase.policy, phrase.concept_id;
comment on view mart.declared_concept is 'What the listings of a LoRA declare, in the words of the policies, untrusted; one row per (lora_id, policy, concept_id).';
-- ==== views/55_mart_shown_concept.sql
/* Concepts that LoRAs show. Grain: one row per (profile_id, lora_id, policy, concept_id): of texts and images, the basis that
   shows it better. The rows of mart.concept_score that are shown, told from core.concept_score in the other order: what is
   near enough first, which is little, and then whether it is the newest score. Over 100,000 LoRAs that takes a fifth of the
   time, and the queue asks it three times; the tests hold the two together.
   since: when a score with this version of the concept, and this measurement, first showed it, so that scoring again opens no
   case that is decided. */
create or replace view mart.shown_concept as
with
near as materialized (
    select
        score.*,
        concept.title,
        concept.section,
        concept.severity,
        concept.nsfw_level,
        concept.due_hours
    from core.concept_score as score
    inner join mart.concept as concept using (policy, concept_id, version)
    inner join mart.policy_in_force using (profile_id, policy)
    where core.reaches(score.q, concept.q_max, score.score, concept.score_min)
),

newest as (
    select
        score.profile_id,
        score.lora_id,
        score.policy,
        score.concept_id,
        score.version,
        score.basis,
        max(score.scored_at) as scored_at
    from core.concept_score as score
    semi join near using (profile_id, lora_id, policy, concept_id, version, basis)
    group by all
),

first_shown as (
    select profile_id, lora_id, policy, concept_id, computed_at, min(scored_at) as since
    from near
    group by all
)

select near.*, first_shown.since
from near
semi join newest using (profile_id, lora_id, policy, concept_id, version, basis, scored_at)
inner join first_shown using (profile_id, lora_id, policy, concept_id, computed_at)
semi join (
    select profile_id, lora_id
    from core.representation
    where core.names_effect(measured, direction_cosine_lower)
) as known using (profile_id, lora_id)
qualify row_number() over (
    partition by near.profile_id, near.lora_id, near.policy, near.concept_id
    order by near.q, near.p, near.basis, near.run_id
) = 1;
comment on view mart.shown_concept is 'Concepts that LoRAs show; one row per (profile_id, lora_id, policy, concept_id).';
-- ==== views/56_mart_signal_shown_concept.sql
/* Signal: a LoRA shows a concept that its policy restricts (severity above 0). Grain: one row per (profile_id, lora_id, policy,
   concept_id). Columns as mart.signal; subject is the concept. */
create or replace view mart.signal_shown_concept as
select
    profile_id,
    lora_id,
    'shown_concept' as signal,
    policy || '/' || concept_id as subject,
    severity,
    since,
    since + to_milliseconds((due_hours * 3600000)::bigint) as due_at,
    format('shows {}: score {:.2f}, {:.1f} standard deviations above its null, q {:.1e}', title, score, z, q) as detail,
    to_json({
        'policy': policy,
        'concept_id': concept_id,
        'version': version,
        'basis': basis,
        'score': score,
        'percentile': percentile,
        'z': z,
        'p': p,
        'q': q,
        'low': low,
        'high': high
    })::varchar as evidence
from mart.shown_concept
where severity > 0;
comment on view mart.signal_shown_concept is 'Signal: shows a restricted concept; one row per (profile_id, lora_id, policy, concept_id).';
-- ==== views/57_mart_signal_understated_nsfw.sql
/* Signal: a LoRA shows a concept that needs a higher rating than one of its listings has. Grain: one row per (profile_id,
   lora_id, policy, concept_id). Columns as mart.signal; subject is the concept. A rating is Civitai's bit mask: its highest
   bit counts. A listing without a rating claims none, and contradicts nothing. since: when it was shown, or a listing rated so
   low was first taken in, whichever came later. */
create or replace view mart.signal_understated_nsfw as
with
shown as materialized (
    from mart.shown_concept
    where nsfw_level is not null
),

lowest as (
    select lora_id, min(nsfw_level) as nsfw_level
    from mart.newest_listing
    semi join shown using (lora_id)
    group by lora_id
),

declared as (
    select lora_id, nsfw_level, min(listing.taken_in_at) as since
    from lowest
    inner join raw.listing as listing using (lora_id, nsfw_level)
    group by lora_id, nsfw_level
)

select
    shown.profile_id,
    shown.lora_id,
    'understated_nsfw' as signal,
    shown.policy || '/' || shown.concept_id as subject,
    core.signal_severity('understated_nsfw', null) as severity,
    greatest(shown.since, declared.since) as since,
    null::timestamptz as due_at,
    format('shows {}, which needs a rating of {}, and is listed with {}', shown.title, shown.nsfw_level, declared.nsfw_level)
        as detail,
    to_json({
        'policy': shown.policy,
        'concept_id': shown.concept_id,
        'version': shown.version,
        'nsfw_level': declared.nsfw_level,
        'nsfw_level_needed': shown.nsfw_level,
        'score': shown.score,
        'p': shown.p,
        'q': shown.q
    })::varchar as evidence
from shown
inner join declared using (lora_id)
where declared.nsfw_level < shown.nsfw_level;
comment on view mart.signal_understated_nsfw is 'Signal: rated below what it shows; one row per (profile_id, lora_id, policy, concept_id).';
-- ==== views/58_mart_signal_declared_other.sql
/* Signal: a LoRA does something other than its listings declare. Grain: one row per (profile_id, lora_id). Columns as
   mart.signal.
   It declares a concept or an effect word in a name or a tag; of the declared concepts that were scored none is even
   nominally shown (p <= 0.05); and either another concept is shown, or it does next to nothing (no_effect). While a
   declared concept waits for a score of its current version nobody can say that it is not shown.
   since: when that was known, or when a listing with its name and tags of now was first taken in, whichever came
   later.
   A profile that leaves trigger words out, beside one that adds them, is no judge of it: the words may carry the effect. */
create or replace view mart.signal_declared_other as
with
declared as materialized (
    select
        effect.profile_id,
        effect.lora_id,
        effect.effect_status,
        effect.computed_at,
        claim.policy,
        claim.concept_id,
        claim.is_effect_word,
        claim.words
    from mart.representation_status as effect
    anti join mart.companion_profile as companion on effect.profile_id = companion.companion_id
    inner join mart.declared_concept as claim using (lora_id)
    left join mart.policy_in_force as in_force using (profile_id)
    where effect.measured = 'measured' and (in_force.policy is null or in_force.policy = claim.policy)
),

-- The newest score of each declared concept, in its current version.
scored as materialized (
    select score.profile_id, score.lora_id, score.policy, score.concept_id, score.p
    from core.concept_score as score
    semi join declared using (profile_id, lora_id, policy, concept_id)
    semi join mart.concept using (policy, concept_id, version)
    qualify row_number() over (
        partition by score.profile_id, score.lora_id, score.concept_id, score.basis
        order by score.scored_at desc, score.run_id
    ) = 1
),

kept as (
    select distinct profile_id, lora_id
    from scored
    where p <= 0.05
),

waiting as (
    select distinct profile_id, lora_id
    from declared
    anti join scored using (profile_id, lora_id, policy, concept_id)
    where not is_effect_word
),

claimed as (
    select
        profile_id,
        lora_id,
        any_value(effect_status) as effect_status,
        any_value(computed_at) as computed_at,
        list_sort(list_distinct(flatten(list(words)))) as words,
        list_sort(list(distinct concept_id)) as concepts
    from declared
    anti join kept using (profile_id, lora_id)
    group by profile_id, lora_id
),

shown as (
    select
        shown.profile_id,
        shown.lora_id,
        list(shown.title order by shown.q, shown.concept_id) as titles,
        list(
            {'concept_id': shown.concept_id, 'score': shown.score, 'p': shown.p, 'q': shown.q}
            order by shown.q, shown.concept_id
        ) as scores,
        min(shown.since) as since
    from mart.shown_concept as shown
    anti join declared using (profile_id, lora_id, policy, concept_id)
    anti join waiting using (profile_id, lora_id)
    group by shown.profile_id, shown.lora_id
),

said as (
    select lora_id, name, tags, min(taken_in_at) as since
    from raw.listing
    semi join claimed using (lora_id)
    group by lora_id, name, tags
),

edited as (
    select lora_id, max(said.since) as since
    from said
    semi join mart.newest_listing as listing
        on
            said.lora_id = listing.lora_id
            and said.name is not distinct from listing.name
            and said.tags is not distinct from listing.tags
    group by lora_id
)

select
    claimed.profile_id,
    claimed.lora_id,
    'declared_other' as signal,
    null::varchar as subject,
    core.signal_severity('declared_other', null) as severity,
    greatest(
        edited.since,
        case when claimed.effect_status = 'no_effect' then claimed.computed_at else shown.since end
    ) as since,
    null::timestamptz as due_at,
    'declares ' || array_to_string(claimed.words, ', ') || ', and '
    || case
        when claimed.effect_status = 'no_effect' then 'does next to nothing'
        else 'shows ' || array_to_string(shown.titles[1:3], ', ')
            || case when len(shown.titles) > 3 then format(' and {} more', len(shown.titles) - 3) else '' end
    end as detail,
    to_json({
        'declared': claimed.concepts,
        'words': claimed.words,
        'shown': shown.scores,
        'effect_status': claimed.effect_status
    })::varchar as evidence
from claimed
inner join edited using (lora_id)
left join shown using (profile_id, lora_id)
where shown.since is not null or claimed.effect_status = 'no_effect';
comment on view mart.signal_declared_other is 'Signal: does other than its listings declare; one row per (profile_id, lora_id).';
-- ==== views/59_mart_signal_other_base_model.sql
/* Signal: a listing names another base model than the file shows. Grain: one row per lora_id. Columns as mart.signal;
   profile_id is null, since it is told from the file alone. since: when a listing that
   names the model was first taken in. */
create or replace view mart.signal_other_base_model as
with
first_named as (
    select lora_id, base_model_named, min(taken_in_at) as since
    from raw.listing
    group by lora_id, base_model_named
),

named as (
    select
        lora_id,
        list(distinct listing.base_model_named order by listing.base_model_named) as base_models,
        max(first_named.since) as since
    from mart.newest_listing as listing
    inner join core.lora as lora using (lora_id)
    inner join first_named using (lora_id, base_model_named)
    where listing.base_model_named <> lora.base_model
    group by lora_id
)

select
    null::varchar as profile_id,
    lora.lora_id,
    'other_base_model' as signal,
    null::varchar as subject,
    core.signal_severity('other_base_model', null) as severity,
    greatest(lora.taken_in_at, named.since) as since,
    null::timestamptz as due_at,
    format('is listed for {}, and its file fits {}', array_to_string(named.base_models, ', '), lora.base_model) as detail,
    to_json({
        'base_models_named': named.base_models,
        'base_model': lora.base_model,
        'base_model_evidence': lora.base_model_evidence
    })::varchar as evidence
from core.lora as lora
inner join named using (lora_id);
comment on view mart.signal_other_base_model is 'Signal: listed for another base model than the file fits; one row per lora_id.';
-- ==== views/60_mart_rejection_by_reason.sql
/* Refusals by reason. Grain: one row per (source, reason). A file that was taken in later is still counted: the
   refusal happened. */
create or replace view mart.rejection_by_reason as
select
    source,
    reason,
    count(distinct (model_id, version_id, file_id)) as n_files,
    max(rejected_at) as last_rejected_at,
    arg_max(detail, (rejected_at, model_id, version_id, file_id)) as last_detail
from raw.rejection
group by source, reason
order by n_files desc, source, reason;
comment on view mart.rejection_by_reason is 'Refused files by reason; one row per (source, reason).';
-- ==== views/61_mart_commit_log.sql
/* Commits of the lake, newest first. Grain: one row per snapshot. `facts` is what the commit said of itself. */
create or replace view mart.commit_log as
select
    snapshot_id,
    snapshot_time as committed_at,
    author,
    commit_message as message,
    commit_extra_info::json as facts
from ducklake_snapshots('carlos')
order by snapshot_id desc;
comment on view mart.commit_log is 'Commits of the lake, newest first; one row per snapshot.';
-- ==== views/61_mart_signal_overpowering.sql
/* Signal: a LoRA puts its own picture in place of what the prompt asks for. Grain: one row per (profile_id, lora_id).
   Columns as mart.signal. since is when it was measured: new thresholds open no case that is decided. */
create or replace view mart.signal_overpowering as
select
    effect.profile_id,
    effect.lora_id,
    'overpowering' as signal,
    null::varchar as subject,
    core.signal_severity('overpowering', null) as severity,
    effect.computed_at as since,
    null::timestamptz as due_at,
    format('Strength {:.1f} is above {:.1f}', effect.strength, limits.strength_max)
    || coalesce(format(', and {:.2f} of what the prompt asks for is left', effect.prompt_retention), '') as detail,
    to_json({
        'strength': effect.strength,
        'strength_max': limits.strength_max,
        'prompt_retention': effect.prompt_retention,
        'retention_min': limits.retention_min
    })::varchar as evidence
from mart.representation_status as effect
inner join mart.status_threshold as limits using (profile_id)
where effect.effect_status = 'overpowering';
comment on view mart.signal_overpowering is 'Signal: overrides the prompt; one row per (profile_id, lora_id).';
-- ==== views/62_mart_signal_degenerate.sql
/* Signal: a LoRA breaks the pictures: most are black, constant or not a number, or its Direction is that of LoRAs that have
   nothing else in common (mart.shared_direction). Grain: one row per (profile_id, lora_id). Columns as mart.signal.
   since, of a shared Direction: when the third LoRA of the group was measured, or this one where it came later. */
create or replace view mart.signal_degenerate as
with
member as (
    select profile_id, group_id, n_loras, n_models, unnest(lora_ids) as lora_id
    from mart.shared_direction
    where sign = 'degenerate'
),

shared as (
    select
        member.*,
        -- Fewer than three are no sign.
        greatest(
            effect.computed_at,
            list_sort(list(effect.computed_at) over (partition by member.profile_id, member.group_id))[3]
        ) as since
    from member
    inner join core.representation as effect using (profile_id, lora_id)
)

select
    effect.profile_id,
    effect.lora_id,
    'degenerate' as signal,
    null::varchar as subject,
    core.signal_severity('degenerate', null) as severity,
    case when effect.effect_status = 'degenerate' then effect.computed_at else shared.since end as since,
    null::timestamptz as due_at,
    case
        when effect.effect_status = 'degenerate'
            then format('{} pictures are black, constant or not a number', effect.n_flagged)
        else format('shares its Direction with {} LoRAs of {} models', shared.n_loras - 1, shared.n_models)
    end as detail,
    to_json({
        'effect_status': effect.effect_status,
        'n_flagged': effect.n_flagged,
        'n_pairs': effect.n_pairs,
        'shared_direction': shared.group_id,
        'n_loras': shared.n_loras
    })::varchar as evidence
from mart.representation_status as effect
left join shared using (profile_id, lora_id)
where effect.effect_status = 'degenerate' or shared.lora_id is not null;
comment on view mart.signal_degenerate is 'Signal: breaks the pictures; one row per (profile_id, lora_id).';
-- ==== views/63_mart_signal_removed_duplicate.sql
/* Signal: a LoRA is one that was taken down, here by a decision or by its source. Grain: one row per lora_id. Columns as
   mart.signal; profile_id is null unless only the effect tells. Kinds, the surest first:
   - same_file: the same bytes are listed: taken in again after a takedown here, or still after a takedown at another place
   - same_weights: other bytes, the same tensors
   - same_effect: Directions whose cosine is at least the profile's threshold (core.duplicate_min)
   What its source took down weighs half: the reason is not known. A LoRA that was itself removed first repeats nothing; but
   that its source took it down does not take it out of search here, and excuses it from no takedown here. */
create or replace view mart.signal_removed_duplicate as
with
listing as materialized (
    select lora_id, state, since, known_at, taken_in_at
    from mart.listing_history
    where lora_id is not null
),

removal as materialized (
    select lora_id as removed_id, 'here' as removed_by, decision_id, since as removed_at, since as known_at
    from mart.removed
    where action = 'takedown'
    union all
    select
        lora_id as removed_id,
        'source' as removed_by,
        null as decision_id,
        min(since) as removed_at,
        min(known_at) as known_at
    from listing
    where state = 'taken_down'
    group by lora_id
),

same_file as (
    select
        listing.lora_id,
        'same_file' as kind,
        null::varchar as profile_id,
        null::double as cosine,
        min(greatest(removal.known_at, listing.taken_in_at)) as since,
        removal.*
    from removal
    inner join listing on removal.removed_id = listing.lora_id
    where listing.state = 'listed' and (removal.removed_by = 'source' or listing.taken_in_at > removal.removed_at)
    group by all
),

same_weights as (
    select
        lora.lora_id,
        'same_weights' as kind,
        null::varchar as profile_id,
        null::double as cosine,
        greatest(removal.known_at, lora.taken_in_at) as since,
        removal.*
    from removal
    inner join core.lora as gone on removal.removed_id = gone.lora_id
    inner join core.lora as lora on gone.tensors_sha256 = lora.tensors_sha256 and gone.lora_id <> lora.lora_id
),

near as (
    select profile_id, lora_id, other_id as removed_id, cosine from core.alike
    union all
    select profile_id, other_id as lora_id, lora_id as removed_id, cosine from core.alike
),

same_effect as (
    select
        near.lora_id,
        'same_effect' as kind,
        near.profile_id,
        near.cosine,
        greatest(removal.known_at, effect.computed_at) as since,
        removal.*
    from removal
    inner join near using (removed_id)
    inner join core.representation as effect on near.profile_id = effect.profile_id and near.lora_id = effect.lora_id
    left join core.threshold as threshold
        on near.profile_id = threshold.profile_id and threshold.name = 'duplicate_min'
    anti join same_weights on near.lora_id = same_weights.lora_id and near.removed_id = same_weights.removed_id
    where near.cosine >= core.duplicate_min(threshold.value)
),

found as (
    select
        *,
        core.signal_severity('removed_duplicate', kind) * case removed_by when 'here' then 1 else 0.5 end as severity
    from (
        from same_file
        union all by name
        from same_weights
        union all by name
        from same_effect
    )
),

repeated as (
    from found
    anti join removal as own
        on
            found.lora_id = own.removed_id
            and found.kind <> 'same_file'
            and own.removed_at <= found.removed_at
            and (own.removed_by = 'here' or found.removed_by = 'source')
),

ranked as (
    select
        *,
        row_number() over (partition by lora_id order by severity desc, removed_at, removed_id, profile_id) as place,
        count(distinct removed_id) over (partition by lora_id) as n_removed,
        max(since) over (partition by lora_id) as newest
    from repeated
)

select
    profile_id,
    lora_id,
    'removed_duplicate' as signal,
    null::varchar as subject,
    severity,
    newest as since,
    null::timestamptz as due_at,
    case kind
        when 'same_file' then 'the same file was taken down '
        when 'same_weights' then format('has the weights of {}, taken down ', left(removed_id, 12))
        else format('does what {} does (cosine {:.3f}), taken down ', left(removed_id, 12), cosine)
    end
    || case removed_by when 'here' then 'here' else 'by its source' end
    || format(' on {}', strftime(removed_at at time zone 'UTC', '%Y-%m-%d'))
    || case when n_removed > 1 then format(', and there are {} more like it', n_removed - 1) else '' end as detail,
    to_json({
        'kind': kind,
        'removed_id': removed_id,
        'removed_by': removed_by,
        'removed_at': strftime(removed_at at time zone 'UTC', '%Y-%m-%dT%H:%M:%SZ'),
        'decision_id': decision_id,
        'cosine': cosine,
        'n_removed': n_removed
    })::varchar as evidence
from ranked
where place = 1;
comment on view mart.signal_removed_duplicate is 'Signal: is one that was taken down; one row per lora_id.';
-- ==== views/64_mart_signal_changed_version.sql
/* Signal: a version of a model does something else than the version before it. Grain: one row per (profile_id, lora_id) of
   the later version. Columns as mart.signal. Versions of one model at one source, in the order in which they were
   published; those without a time have no place in it.
   Changed: the cosine of the Directions is below 0.5, where both are known well (direction_cosine_lower >= 0.9), or one
   Strength is at least twice the other, and no less than strength_min. Of several files of the version before, the one
   that is nearest counts. */
create or replace view mart.signal_changed_version as
with
version as (
    select
        source,
        model_id,
        version_id,
        lora_id,
        dense_rank() over (partition by source, model_id order by min(core.moment(published_at)), version_id)
            as place
    from raw.listing
    where lora_id is not null and core.moment(published_at) is not null
    group by source, model_id, version_id, lora_id
),

consecutive as (
    select distinct
        later.source,
        later.model_id,
        earlier.version_id as version_before,
        later.version_id,
        earlier.lora_id as before_id,
        later.lora_id
    from version as earlier
    inner join version as later
        on
            earlier.source = later.source
            and earlier.model_id = later.model_id
            and earlier.place + 1 = later.place
            and earlier.lora_id <> later.lora_id
),

-- Materialized, or DuckDB would join all LoRAs of a profile with each other first.
later as materialized (
    select
        consecutive.*,
        effect.profile_id,
        effect.computed_at,
        effect.strength,
        effect.direction_cosine_lower
    from consecutive
    inner join core.representation as effect using (lora_id)
    where effect.measured = 'measured'
),

pair as materialized (
    select
        later.* exclude (computed_at, direction_cosine_lower),
        greatest(later.computed_at, effect.computed_at) as since,
        effect.strength as strength_before,
        least(effect.direction_cosine_lower, later.direction_cosine_lower) as both_known_to,
        greatest(later.strength, effect.strength)
        >= greatest(2 * least(later.strength, effect.strength), coalesce(limits.strength_min, 0)) as is_other_strength,
        coalesce(both_known_to >= 0.9, false) as is_known
    from later
    inner join core.representation as effect
        on later.profile_id = effect.profile_id and later.before_id = effect.lora_id
    left join mart.status_threshold as limits on later.profile_id = limits.profile_id
    where effect.measured = 'measured' and (is_known or is_other_strength)
),

-- Directions are long: only those of such pairs are joined.
direction as materialized (
    select profile_id, lora_id, direction
    from core.representation
    semi join (
        select profile_id, lora_id from pair
        union all
        select profile_id, before_id as lora_id from pair
    ) as wanted using (profile_id, lora_id)
),

compared as (
    select pair.*, core.cosine(before.direction, this.direction) as cosine
    from pair
    inner join direction as this on pair.profile_id = this.profile_id and pair.lora_id = this.lora_id
    inner join direction as before on pair.profile_id = before.profile_id and pair.before_id = before.lora_id
),

nearest as (
    from compared
    qualify row_number() over (
        partition by profile_id, lora_id, source, model_id order by cosine desc nulls last, before_id
    ) = 1
)

select
    profile_id,
    lora_id,
    'changed_version' as signal,
    null::varchar as subject,
    core.signal_severity('changed_version', null) as severity,
    since,
    null::timestamptz as due_at,
    format(
        'does something else than the version before it ({}): cosine {:.2f}, Strength {:.1f} after {:.1f}',
        left(before_id, 12), cosine, strength, strength_before
    ) as detail,
    to_json({
        'source': source,
        'model_id': model_id,
        'version_before': version_before,
        'version': version_id,
        'before_id': before_id,
        'cosine': cosine,
        'both_known_to': both_known_to,
        'strength': strength,
        'strength_before': strength_before
    })::varchar as evidence
from nearest
where is_other_strength or (is_known and cosine < 0.5)
qualify row_number() over (partition by profile_id, lora_id order by cosine, source, model_id) = 1;
comment on view mart.signal_changed_version is 'Signal: does other than the version before; one row per (profile_id, lora_id).';
-- ==== views/65_mart_signal_trigger_words.sql
/* Signal: the effect of a LoRA is carried by its trigger words. Grain: one row per (profile_id, lora_id). Columns as
   mart.signal. Told from a profile that leaves the words out (mart.companion_profile): Strength without them is below
   half, or below the strength_min of the profile, and with them it is not. */
create or replace view mart.signal_trigger_words as
select
    words.profile_id,
    words.lora_id,
    'trigger_words' as signal,
    null::varchar as subject,
    core.signal_severity('trigger_words', null) as severity,
    greatest(words.computed_at, without.computed_at) as since,
    null::timestamptz as due_at,
    format('its trigger words carry the effect: Strength {:.1f} with them, {:.1f} without', words.strength, without.strength)
        as detail,
    to_json({
        'companion_id': without.profile_id,
        'strength': words.strength,
        'strength_without': without.strength,
        'strength_min': limits.strength_min,
        'trigger_words': lora.trigger_words
    })::varchar as evidence
from mart.companion_profile as companion
inner join core.representation as words on companion.profile_id = words.profile_id and words.measured = 'measured'
inner join core.representation as without
    on
        companion.companion_id = without.profile_id
        and words.lora_id = without.lora_id
        and without.measured = 'measured'
inner join core.lora as lora on words.lora_id = lora.lora_id
left join mart.status_threshold as limits on words.profile_id = limits.profile_id
where
    len(lora.trigger_words) > 0
    and words.strength >= coalesce(limits.strength_min, 0)
    and (without.strength < words.strength / 2 or without.strength < limits.strength_min);
comment on view mart.signal_trigger_words is 'Signal: trigger words carry the effect; one row per (profile_id, lora_id).';
-- ==== views/66_mart_signal_notice.sql
/* Signal: somebody complains of a LoRA. Grain: one row per notice_id. Columns as mart.signal; subject is the notice.
   since: when it was recorded, so that one that comes in with an earlier date still opens the case again. Who sent it and
   what it says stay in core.notice. */
create or replace view mart.signal_notice as
select
    null::varchar as profile_id,
    lora_id,
    'notice' as signal,
    notice_id as subject,
    core.signal_severity('notice', category) as severity,
    recorded_at as since,
    due_at,
    format(
        'notice of {} from a {}, received {}',
        category,
        replace(sender_kind, '_', ' '),
        strftime(received_at at time zone 'UTC', '%Y-%m-%d %H:%M UTC')
    ) as detail,
    to_json({
        'notice_id': notice_id,
        'category': category,
        'sender_kind': sender_kind,
        'policy': policy,
        'concept_id': concept_id,
        'received_at': strftime(received_at at time zone 'UTC', '%Y-%m-%dT%H:%M:%SZ')
    })::varchar as evidence
from core.notice;
comment on view mart.signal_notice is 'Signal: a complaint; one row per notice_id.';
-- ==== views/67_mart_signal.sql
/* Reasons to look at a LoRA. Grain: one row per (profile_id, lora_id, signal, subject).
   signal: one of the views mart.signal_…; subject: the concept or notice that it is about, null where there is but one.
   severity: 0 to 1. since: when it arose. due_at: when it has to be decided; null: no limit. detail: one sentence.
   evidence: the numbers, ids and keys, JSON object. profile_id: null where no profile is needed to tell.
   Materialized: DuckDB looks for parts that the views have in common, and takes minutes over what it makes of them. */
create or replace view mart.signal as
with found as materialized (
    from mart.signal_shown_concept
    union all by name
    from mart.signal_declared_other
    union all by name
    from mart.signal_understated_nsfw
    union all by name
    from mart.signal_other_base_model
    union all by name
    from mart.signal_overpowering
    union all by name
    from mart.signal_degenerate
    union all by name
    from mart.signal_removed_duplicate
    union all by name
    from mart.signal_changed_version
    union all by name
    from mart.signal_trigger_words
    union all by name
    from mart.signal_notice
)

from found;
comment on view mart.signal is 'Reasons to look at a LoRA; one row per (profile_id, lora_id, signal, subject).';
-- ==== views/68_mart_moderation_case.sql
/* What there is to decide, or was, about each LoRA. Grain: one row per lora_id that has a signal, a decision or an open appeal,
   or somebody who looks at it, whatever the profiles that tell of it.
   status: appealed: an appeal is open. decided: its closing steps settle every signal (mart.decision.settles_until).
     assigned: somebody looks at it. open: nobody does.
   priority: 100 (1 - product of (1 - severity)) over `parts`, so that each reason adds, and none is lost in another. Of
     several profiles that say the same, the gravest counts. What was decided counts no more once something new comes up.
   opened_at: of the parts, the earliest. due_at: the earliest of what is not settled yet. n_notices: notices among the
     parts. */
create or replace view mart.moderation_case as
with
closed as (
    select
        lora_id,
        max(decided_at) filter (closes_case) as closed_at,
        max(settles_until) filter (closes_case) as settled_until,
        arg_max(decision_id, (decided_at, decision_id)) filter (closes_case) as closed_by,
        arg_max(action, (decided_at, decision_id)) filter (closes_case) as closed_as,
        max(decided_at) filter (action = 'appeal' and answered_by is null) as appealed_at
    from mart.decision
    where action not in ('comment', 'skip')
    group by lora_id
),

-- To skip a case gives it back: it is nobody's again.
taken as (
    select
        step.lora_id,
        arg_max(
            case step.action when 'assign' then step.assignee else '' end, (step.decided_at, step.decision_id)
        ) as assignee
    from mart.decision as step
    left join closed using (lora_id)
    where step.action in ('assign', 'skip') and (closed.closed_at is null or step.decided_at > closed.closed_at)
    group by step.lora_id
),

dated as (
    select
        signal.*,
        closed.settled_until is null or signal.since > closed.settled_until as is_new,
        bool_or(is_new) over (partition by signal.lora_id) as is_any_new
    from mart.signal as signal
    left join closed using (lora_id)
),

part as (
    select
        lora_id,
        signal,
        -- Many notices are many reasons, and so are many concepts.
        subject,
        max(severity) as severity,
        arg_max(detail, (severity, detail)) as detail,
        min(since) as since,
        min(due_at) filter (is_new) as due_at,
        bool_or(is_new) as is_new
    from dated
    where is_new = is_any_new
    group by lora_id, signal, subject
),

weighed as (
    select
        lora_id,
        round(100 * (1 - product(1 - severity)), 1) as priority,
        list(
            {'signal': signal, 'severity': severity, 'detail': detail}
            order by severity desc, signal, subject
        ) as parts,
        count(*) as n_signals,
        count(*) filter (signal = 'notice') as n_notices,
        min(since) as opened_at,
        min(due_at) as due_at,
        bool_or(is_new) as is_new
    from part
    group by lora_id
),

known as (
    select
        *,
        case
            when closed.appealed_at is not null then 'appealed'
            when closed.closed_at is not null and not coalesce(weighed.is_new, false) then 'decided'
            when taken.assignee <> '' then 'assigned'
            else 'open'
        end as status
    from weighed
    full join closed using (lora_id)
    left join taken using (lora_id)
    where n_signals is not null or closed_at is not null or appealed_at is not null or assignee <> ''
)

select
    known.lora_id,
    listing.name,
    coalesce(known.priority, 0) as priority,
    coalesce(known.parts, []) as parts,
    coalesce(known.n_signals, 0) as n_signals,
    coalesce(known.n_notices, 0) as n_notices,
    coalesce(known.opened_at, known.appealed_at, known.closed_at) as opened_at,
    known.due_at,
    known.status,
    nullif(known.assignee, '') as assignee,
    known.closed_at as decided_at,
    known.closed_by as decision_id,
    known.closed_as as action
from known
left join mart.lora_listing as listing using (lora_id);
comment on view mart.moderation_case is 'What there is to decide, or was, about each LoRA; one row per lora_id.';
-- ==== views/69_mart_moderation_queue.sql
/* What waits for a decision, the most pressing first. Grain: one row per lora_id. Columns as mart.moderation_case, whose
   decided cases are left out. */
create or replace view mart.moderation_queue as
from mart.moderation_case
where status <> 'decided'
order by priority desc, due_at nulls last, opened_at, lora_id;
comment on view mart.moderation_queue is 'What waits for a decision, the most pressing first; one row per lora_id.';
-- ==== views/70_mart_index_health.sql
/* How the index stands. Grain: one row per profile. A LoRA is known to a profile when its base model is the
   profile's backbone; the backlog is what is known, has its file in the store and was not measured, nor tried in vain. */
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
        max(computed_at) as last_computed_at
    from mart.representation_status
    group by profile_id
),

embedded as (
    select profile_id, count(*) as n_embeddings
    from core.embedding
    group by profile_id
),

refused as (
    select count(distinct (source, model_id, version_id, file_id)) as n_refused
    from raw.rejection
),

committed as (
    select max(snapshot_id) as last_snapshot_id, max(committed_at) as last_commit_at
    from mart.commit_log
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
    n_refused,
    coalesce(n_embeddings, 0) as n_embeddings,
    last_computed_at,
    last_commit_at,
    last_snapshot_id
from core.profile
left join known using (profile_id)
left join measured using (profile_id)
left join embedded using (profile_id)
cross join refused
cross join committed;
comment on view mart.index_health is 'How the index stands; one row per profile.';
-- ==== views/80_mart_threshold.sql
/* Thresholds of each profile, beside what its corpus says. Grain: one row per (profile_id, name) of the thresholds that are
   in force, and of those that a calibration would set.
   share_removed: of the measured LoRAs, those that this threshold alone would keep out of search (strength_max and
   retention_min act together). quantile: where the paper's threshold stands in the paper's corpus, and corpus_value:
   what stands there in this one; `carlos thresholds --calibrate` puts it in force. */
create or replace view mart.threshold as
with
wanted as (
    select profile_id, name from core.threshold
    union
    select profile.profile_id, unnest(['strength_max', 'consistency_min']) as name from core.profile
),

measured as (
    select
        wanted.profile_id,
        wanted.name,
        count(effect.lora_id) as n,
        core.quantile(
            list(
                core.calibrated_on(wanted.name, effect.strength, effect.consistency, effect.prompt_retention)
                order by core.calibrated_on(
                    wanted.name, effect.strength, effect.consistency, effect.prompt_retention
                )
            ) filter (
                core.calibrated_on(wanted.name, effect.strength, effect.consistency, effect.prompt_retention) is not null
            ),
            any_value(core.calibration_quantile(wanted.name))
        ) as corpus_value,
        avg(
            case wanted.name
                when 'strength_min' then effect.strength < limits.strength_min
                when 'consistency_min' then coalesce(effect.consistency < limits.consistency_min, true)
                when 'duplicate_min' then null
                else core.status(
                    'measured',
                    effect.strength,
                    null,
                    effect.prompt_retention,
                    limits.strength_max,
                    null,
                    null,
                    limits.retention_min
                ) <> 'ok'
            end::integer
        ) as share_removed
    from wanted
    left join core.representation as effect on wanted.profile_id = effect.profile_id and effect.measured = 'measured'
    left join mart.status_threshold as limits on wanted.profile_id = limits.profile_id
    group by wanted.profile_id, wanted.name
)

select
    measured.profile_id,
    profile.name as profile,
    measured.name,
    threshold.value,
    threshold.origin,
    case when threshold.value is not null and measured.n > 0 then measured.share_removed end as share_removed,
    core.calibration_quantile(measured.name) as quantile,
    measured.corpus_value,
    measured.n
from measured
left join core.threshold as threshold using (profile_id, name)
left join core.profile as profile on measured.profile_id = profile.profile_id
order by profile.name, measured.profile_id, measured.name;
comment on view mart.threshold is 'Thresholds in force, and what the corpus says of them; one row per (profile_id, name).';
-- ==== views/81_mart_measure_quantiles.sql
/* How what was measured is spread over the measured LoRAs. Grain: one row per (profile_id, measure, quantile).
   measure: strength, consistency. quantile: 0 is the lowest, 0.5 the median, 1 the highest, linear in between. n: LoRAs
   that have the measure. */
create or replace view mart.measure_quantiles as
with
point as (
    select [0, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 1]::double[] as quantiles
),

measured as (
    unpivot (select profile_id, strength, consistency from core.representation where measured = 'measured')
    on strength, consistency
    into name measure value x
),

spread as (
    select profile_id, measure, list(x order by x) as sorted_values
    from measured
    group by profile_id, measure
),

unrolled as (
    select profile_id, measure, unnest(quantiles) as quantile, sorted_values
    from spread
    cross join point
)

select profile_id, measure, quantile, core.quantile(sorted_values, quantile) as value, len(sorted_values) as n
from unrolled
order by profile_id, measure, quantile;
comment on view mart.measure_quantiles is 'How Strength and Consistency are spread; one row per (profile_id, measure, quantile).';
-- ==== views/82_mart_strength_quantiles.sql
/* How Strength is spread over the measured LoRAs. Grain: one row per (profile_id, quantile), as mart.measure_quantiles. */
create or replace view mart.strength_quantiles as
select profile_id, quantile, value, n
from mart.measure_quantiles
where measure = 'strength';
comment on view mart.strength_quantiles is 'How Strength is spread over measured LoRAs; one row per (profile_id, quantile).';
-- ==== views/83_mart_consistency_quantiles.sql
/* How Consistency is spread over the measured LoRAs. Grain: one row per (profile_id, quantile), as mart.measure_quantiles. */
create or replace view mart.consistency_quantiles as
select profile_id, quantile, value, n
from mart.measure_quantiles
where measure = 'consistency';
comment on view mart.consistency_quantiles is 'How Consistency is spread over measured LoRAs; one row per (profile_id, quantile).';
-- ==== views/90_mart_guide.sql
/* What there is to ask, and what it says. Grain: one row per table, view and macro of the lake (object).
   kind: table, view or macro. comment: one sentence with the grain; for a macro its call, too. */
create or replace view mart.guide as
select schema_name || '.' || table_name as object, 'table' as kind, comment
from duckdb_tables()
where database_name = 'carlos' and schema_name in ('raw', 'core', 'mart')
union all
select schema_name || '.' || view_name as object, 'view' as kind, comment
from duckdb_views()
where database_name = 'carlos' and schema_name in ('raw', 'core', 'mart')
union all
select macro as object, 'macro' as kind, comment
from core.macro_comment
order by object;
comment on view mart.guide is 'What there is to ask; one row per table, view and macro.';
-- ==== views/91_mart_notice_outcome.sql
/* What became of each notice. Grain: one row per notice_id. The deciding step is the first (takedown, restrict, label,
   no_action) that names the notice; where none does, the first about the LoRA since the notice was recorded: before, nobody knew.
   outcome: the action of that step, or open. hours: from receipt to that step. Holds neither sender nor text. */
create or replace view mart.notice_outcome as
with
deciding as (
    select decision_id, lora_id, notice_id, action, decided_at
    from core.decision
    where core.decides(action)
),

named as (
    select notice_id, arg_min(decision_id, (decided_at, decision_id)) as decision_id
    from deciding
    where notice_id is not null
    group by notice_id
),

about as (
    select notice.notice_id, arg_min(deciding.decision_id, (deciding.decided_at, deciding.decision_id)) as decision_id
    from core.notice as notice
    inner join deciding on notice.lora_id = deciding.lora_id and notice.recorded_at <= deciding.decided_at
    anti join named on notice.notice_id = named.notice_id
    group by notice.notice_id
),

answered as (
    from named
    union all by name
    from about
)

select
    notice.notice_id,
    notice.lora_id,
    notice.category,
    notice.sender_kind,
    notice.received_at,
    notice.due_at,
    answered.decision_id,
    deciding.decided_at,
    coalesce(deciding.action, 'open') as outcome,
    date_diff('second', notice.received_at, deciding.decided_at) / 3600 as hours,
    deciding.decided_at <= notice.due_at as is_in_time
from core.notice as notice
left join answered using (notice_id)
left join deciding using (decision_id);
comment on view mart.notice_outcome is 'What became of each notice; one row per notice_id.';
-- ==== views/92_mart_appeal_outcome.sql
/* What became of each appeal. Grain: one row per appeal (appeal_id). decision_id: the decision that it is against, with its
   action. outcome: upheld, overturned or open. hours: from appeal to outcome. */
create or replace view mart.appeal_outcome as
select
    appeal.decision_id as appeal_id,
    appeal.lora_id,
    appeal.refers_to as decision_id,
    judged.action,
    judged.category,
    judged.automated_detection,
    appeal.decided_at as appealed_at,
    answer.decided_at as answered_at,
    case answer.action when 'uphold' then 'upheld' when 'overturn' then 'overturned' else 'open' end as outcome,
    date_diff('second', appeal.decided_at, answer.decided_at) / 3600 as hours
from mart.decision as appeal
left join core.decision as judged on appeal.refers_to = judged.decision_id
left join core.decision as answer on appeal.answered_by = answer.decision_id
where appeal.action = 'appeal';
comment on view mart.appeal_outcome is 'What became of each appeal; one row per appeal_id.';
-- ==== views/93_mart_transparency_month.sql
/* What a platform reports of its moderation. Grain: one row per month (UTC, its first day) in which a notice came in or a
   step was signed. Notices and appeals are counted in the month that they came in, with what became of them until now;
   decisions in the month that they were signed.
   n_own_initiative: decisions that answer no notice. n_detected: decisions on what the platform itself found, and of these
   n_detected_unfounded: no_action, or overturned later; both say that there was nothing to act on.
   detection_precision: 1 - n_detected_unfounded / n_detected. */
create or replace view mart.transparency_month as
with
notices as (
    select
        date_trunc('month', received_at at time zone 'UTC')::date as month,
        count(*) as n_notices,
        count(decision_id) as n_notices_decided,
        count(*) filter (core.restricts(outcome)) as n_notices_acted_on,
        count(*) filter (due_at is not null) as n_notices_with_limit,
        count(*) filter (is_in_time) as n_notices_in_time,
        median(hours) as median_hours_to_decision
    from mart.notice_outcome
    group by month
),

decisions as (
    select
        date_trunc('month', decided_at at time zone 'UTC')::date as month,
        count(*) as n_decisions,
        count(*) filter (action = 'takedown') as n_takedown,
        count(*) filter (action = 'restrict') as n_restrict,
        count(*) filter (action = 'label') as n_label,
        count(*) filter (action = 'no_action') as n_no_action,
        count(*) filter (notice_id is null) as n_own_initiative,
        count(*) filter (automated_detection) as n_detected,
        count(*) filter (automated_detection and (action = 'no_action' or overturned_by is not null)) as n_detected_unfounded,
        count(*) filter (automated_decision) as n_decided_automatically
    from mart.decision
    where core.decides(action)
    group by month
),

appeals as (
    select
        date_trunc('month', appealed_at at time zone 'UTC')::date as month,
        count(*) as n_appeals,
        count(*) filter (outcome = 'upheld') as n_upheld,
        count(*) filter (outcome = 'overturned') as n_overturned,
        median(hours) as median_hours_to_answer
    from mart.appeal_outcome
    group by month
)

select
    month,
    coalesce(n_notices, 0) as n_notices,
    coalesce(n_notices_decided, 0) as n_notices_decided,
    coalesce(n_notices_acted_on, 0) as n_notices_acted_on,
    coalesce(n_notices_with_limit, 0) as n_notices_with_limit,
    coalesce(n_notices_in_time, 0) as n_notices_in_time,
    median_hours_to_decision,
    coalesce(n_decisions, 0) as n_decisions,
    coalesce(n_takedown, 0) as n_takedown,
    coalesce(n_restrict, 0) as n_restrict,
    coalesce(n_label, 0) as n_label,
    coalesce(n_no_action, 0) as n_no_action,
    coalesce(n_own_initiative, 0) as n_own_initiative,
    coalesce(n_detected, 0) as n_detected,
    coalesce(n_detected_unfounded, 0) as n_detected_unfounded,
    1 - n_detected_unfounded / nullif(n_detected, 0) as detection_precision,
    coalesce(n_decided_automatically, 0) as n_decided_automatically,
    coalesce(n_appeals, 0) as n_appeals,
    coalesce(n_upheld, 0) as n_upheld,
    coalesce(n_overturned, 0) as n_overturned,
    median_hours_to_answer
from notices
full join decisions using (month)
full join appeals using (month)
order by month;
comment on view mart.transparency_month is 'What a platform reports of its moderation; one row per month.';
-- ==== views/94_mart_moderation_day.sql
/* What happened on each day. Grain: one row per day (UTC) on which anything did. n_new: LoRA files taken in; n_measured:
   representations; n_refused: files refused; n_notices: complaints received; n_decisions: takedown,
   restrict, label or no_action. Signals are told now, not recorded: mart.signal has when each arose. */
create or replace view mart.moderation_day as
with
event as (
    select taken_in_at as happened_at, 'new' as kind from core.lora
    union all
    select computed_at as happened_at, 'measured' as kind from core.representation
    union all
    select rejected_at as happened_at, 'refused' as kind from raw.rejection
    union all
    select received_at as happened_at, 'notice' as kind from core.notice
    union all
    select decided_at as happened_at, 'decision' as kind
    from core.decision
    where core.decides(action)
)

select
    (happened_at at time zone 'UTC')::date as day,
    count(*) filter (kind = 'new') as n_new,
    count(*) filter (kind = 'measured') as n_measured,
    count(*) filter (kind = 'refused') as n_refused,
    count(*) filter (kind = 'notice') as n_notices,
    count(*) filter (kind = 'decision') as n_decisions
from event
group by day
order by day;
comment on view mart.moderation_day is 'What happened on each day; one row per day.';
-- ==== search/01_profile_asked.sql
/* core.profile_asked(profile): the profiles that a question is put to. Grain: one row per profile_id under which a LoRA is
   indexed. profile: an id, or a name, which several versions of a profile may share; '' asks every one. */
create or replace macro core.profile_asked(profile) as table (
    select distinct this.profile_id
    from core.representation as this
    left join core.profile as known using (profile_id)
    where profile = '' or this.profile_id = profile or known.name = profile
);
-- ==== search/02_ranking.sql
/* core.ranking(asked, k, strength_max, strength_min, consistency_min, retention_min): the ranking behind every search.
   Grain: one row per (profile_id, rank), best first; ties are broken by lora_id.

   asked: list of {profile_id, vector, without}: what each profile is asked for, and a LoRA to leave out, or null.
   The limits take the place of the profile's own thresholds (core.limit); only what is 'ok' under them comes back, and nothing
   that a decision keeps from search (mart.removed). score: cosine(direction, vector).
   A vector without a direction is an error, and so is one whose dimension no profile has that is asked: an empty answer
   would say that there is nothing to find. */
create or replace macro core.ranking(asked, k, strength_max, strength_min, consistency_min, retention_min) as table (
    with
    given as (select unnest(asked, max_depth := 2)),

    query as (
        select
            profile_id,
            "without",
            case
                when coalesce(list_inner_product(vector::double[], vector::double[]), 0) in (0, 'nan', 'inf')
                    then error('the vector that was asked for has no direction: it is null, 0, or holds NaN or infinity')
                else vector::float[]
            end as vector
        from given
    ),

    candidate as (
        select
            this.profile_id,
            this.lora_id,
            this.strength,
            this.consistency,
            this.direction_cosine_lower,
            this.direction,
            core.status(
                this.measured,
                this.strength,
                this.consistency,
                this.prompt_retention,
                core.limit(strength_max, limits.strength_max),
                core.limit(strength_min, limits.strength_min),
                core.limit(consistency_min, limits.consistency_min),
                core.limit(retention_min, limits.retention_min)
            ) as status
        from core.representation as this
        left join mart.status_threshold as limits using (profile_id)
        anti join mart.removed as removed using (lora_id)
    ),

    scored as materialized (
        select
            candidate.* exclude (direction),
            len(candidate.direction) as dimension,
            len(query.vector) as dimension_asked,
            case when dimension = dimension_asked then core.cosine(candidate.direction, query.vector) end as score
        from candidate
        inner join query using (profile_id)
        where
            candidate.status = 'ok'
            and candidate.strength > 0
            -- Prompt retention excuses Strength above the profile's limit, not above one that the question gives.
            and candidate.strength <= core.limit(strength_max, 'inf'::double)
            and candidate.lora_id is distinct from query.without
    ),

    fit as (
        select
            case
                when count(*) > 0 and count(*) filter (dimension = dimension_asked) = 0
                    then error(
                        'the vector has ' || any_value(dimension_asked) || ' dimensions and the LoRAs have '
                        || list_sort(list(distinct dimension))::varchar || ': it is another profile''s'
                    )
                else true
            end as is_fit
        from scored
    ),

    ranked as (
        select
            scored.*,
            row_number() over (partition by scored.profile_id order by scored.score desc, scored.lora_id) as rank
        from scored
        where not isnan(scored.score)
    )

    select
        ranked.rank,
        ranked.lora_id,
        listing.name,
        ranked.score,
        ranked.strength,
        ranked.consistency,
        ranked.status,
        ranked.direction_cosine_lower,
        coalesce(listing.n_listings, 0) as n_listings,
        listing.names,
        ranked.profile_id
    from ranked
    left join mart.lora_listing as listing using (lora_id)
    where
        ranked.rank <= case when k >= 1 then k else error('k is to be 1 or more: how many LoRAs to return') end
        and (select fit.is_fit from fit)
    order by ranked.profile_id, ranked.rank
);
-- ==== search/10_search_vector.sql
/* mart.search_vector(vec, k, profile := '', strength_max := …, strength_min := …, consistency_min := …,
   retention_min := …): the k LoRAs whose Direction is nearest to a query vector, best first, of those that search may
   return. Grain: one row per (profile_id, rank).
   score: cosine(direction, vec). Representations compare within one profile only. profile: an id or a name; without it,
   every profile whose dimension fits has its own ranking. The limits stand in for the profile's thresholds:
   strength_max := 'inf' lets the overpowering ones in. Ties are broken by lora_id. */
create or replace macro mart.search_vector(
    vec,
    k,
    profile := '',
    strength_max := 'nan'::double,
    strength_min := 'nan'::double,
    consistency_min := 'nan'::double,
    retention_min := 'nan'::double
) as table (
    from core.ranking(
        (
            select
                case
                    when count(*) = 0 and profile <> ''
                        then error('nothing is indexed under profile ''' || profile || ''': see mart.index_health')
                    else list({'profile_id': asked.profile_id, 'vector': vec::float[], 'without': null::varchar})
                end
            from core.profile_asked(profile) as asked
        ),
        k,
        strength_max,
        strength_min,
        consistency_min,
        retention_min
    )
);
-- ==== search/15_search.sql
/* mart.search(txt, k, profile := '', strength_max := …, strength_min := …, consistency_min := …, retention_min := …): the
   k LoRAs that do most nearly what a text asks for, best first. Grain: one row per (profile_id, rank).
   Columns and limits as mart.search_vector. The query vector is taken from core.query; in `carlos sql` and
   carlos_tasks.connect() one that is not there is computed, elsewhere that is an error. profile: an id or a name; without
   it the session's (`carlos sql`: CARLOS_PROFILE), else every profile for which the text is stored. */
create or replace macro mart.search(
    txt,
    k,
    profile := '',
    strength_max := 'nan'::double,
    strength_min := 'nan'::double,
    consistency_min := 'nan'::double,
    retention_min := 'nan'::double
) as table (
    from core.ranking(
        (
            with
            place as (
                select asked.profile_id, any_value(stored.vector) as vector
                from core.profile_asked(coalesce(nullif(profile, ''), getvariable('carlos_profile'), '')) as asked
                left join core.profile as known using (profile_id)
                left join core.query as stored
                    on known.text_space_id = stored.text_space_id and stored.text = core.query_text(txt)
                group by asked.profile_id
            )

            select
                case
                    when count(*) = 0 and coalesce(nullif(profile, ''), getvariable('carlos_profile')) is not null
                        then error(
                            'nothing is indexed under profile '''
                            || coalesce(nullif(profile, ''), getvariable('carlos_profile')) || ''': see mart.index_health'
                        )
                    else list(
                        {
                            'profile_id': place.profile_id,
                            'vector': coalesce(place.vector, encode_query(core.query_text(txt), place.profile_id)),
                            'without': null::varchar
                        }
                    )
                end
            from place
            where place.vector is not null or not exists (select 1 from place as other where other.vector is not null)
        ),
        k,
        strength_max,
        strength_min,
        consistency_min,
        retention_min
    )
);
-- ==== search/20_similar.sql
/* mart.similar(id, k, profile := '', strength_max := …, strength_min := …, consistency_min := …,
   retention_min := …): the k LoRAs whose Direction is nearest to that of a LoRA, best first, without itself.
   Grain: one row per (profile_id, rank). Columns and limits as mart.search_vector. id: a lora_id, or its first digits
   where they name one LoRA. That LoRA may have any status as long as it has a Direction and was not taken down; what comes
   back is 'ok' only. */
create or replace macro mart.similar(
    id,
    k,
    profile := '',
    strength_max := 'nan'::double,
    strength_min := 'nan'::double,
    consistency_min := 'nan'::double,
    retention_min := 'nan'::double
) as table (
    from core.ranking(
        (
            with
            named as (
                select this.profile_id, this.lora_id, this.direction, removed.decision_id
                from core.representation as this
                inner join core.profile_asked(profile) as asked using (profile_id)
                left join mart.removed as removed on this.lora_id = removed.lora_id and removed.action = 'takedown'
                where starts_with(this.lora_id, id) and this.direction is not null
                -- A whole id names its LoRA, also where it is the beginning of another one.
                qualify bool_or(this.lora_id = id) over () is distinct from (this.lora_id <> id)
            )

            select
                case
                    when count(*) = 0
                        then error('no LoRA ''' || id || ''' has a Direction: see mart.lora for ids and status')
                    when count(distinct named.lora_id) > 1
                        then error('more than one LoRA id begins with ''' || id || ''': give more of its digits')
                    when count(named.decision_id) > 0
                        then error(
                            'LoRA ''' || any_value(named.lora_id) || ''' was taken down (decision '
                            || any_value(named.decision_id) || '): its copies are in mart.duplicate'
                        )
                    else list({'profile_id': named.profile_id, 'vector': named.direction, 'without': named.lora_id})
                end
            from named
        ),
        k,
        strength_max,
        strength_min,
        consistency_min,
        retention_min
    )
);
-- ==== search/30_backlog.sql
/* mart.backlog(profile, backbone): LoRAs made for a backbone that a profile (its id) has not measured yet, nor tried, and
   whose file is in the store.
   Grain: one row per lora_id, the longest known first; the same backlog comes in the same order. */
create or replace macro mart.backlog(profile, backbone) as table (
    select lora.lora_id, lora.file_key, lora.trigger_words
    from core.lora as lora
    where
        lora.base_model = backbone
        and lora.file_key is not null
        and not exists (
            from core.representation as done
            where done.profile_id = profile and done.lora_id = lora.lora_id
        )
    order by lora.first_seen_at, lora.lora_id
);
-- ==== commit/insert_representation.sql
/* Computes the representations of some LoRAs from their registered shards and inserts them.

   Parameters: $profile_id, $lora_ids (list). Grain: one row per LoRA of the list that has embeddings.
   Pairs are joined by key (prompt_id, seed). Sums over pairs are exact (core.exact) or taken in the order of the key,
   so the result does not depend on threads, on the shards' order or on which LoRAs are computed together.
   Formulas: docs/method.md; the macros in sql/macros state theirs. */
insert into core.representation by name
with
baseline as (
    select prompt_id, seed, embedding, flag
    from core.embedding
    where profile_id = $profile_id and lora_id = 'base'
),

prompt as (
    select prompt_id, row_number() over (order by prompt_id)::int as prompt_no
    from (select distinct prompt_id from baseline)
),

-- Seeds are taken four at a time: see `term`.
seed as (
    select seed, (row_number() over (order by seed) - 1)::int as seed_no
    from (select distinct seed from baseline)
),

wanted as (
    select lora_id, row_number() over (order by lora_id)::int as lora_no
    from (select distinct unnest($lora_ids::varchar[]) as lora_id)
),

-- One row per pair. x: with the LoRA, y: baseline, length: |x - y|.
pair as materialized (
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
    from core.embedding as lora
    inner join wanted using (lora_id)
    inner join baseline using (prompt_id, seed)
    inner join prompt using (prompt_id)
    inner join seed using (seed)
    where lora.profile_id = $profile_id
),

-- One row per (LoRA, prompt, four seeds); what is flagged or missing stands as a zero vector. Adding four pairs before
-- the grouping makes the group by, which is most of the work, four times as short.
four as (
    select lora_no, prompt_no, four_no, list_resize([]::float[], any_value(len(x)), 0.0::float) as zero
    from pair
    where not is_flagged
    group by lora_no, prompt_no, four_no
),

term as (
    select
        lora_no,
        prompt_no,
        coalesce(a.per_length, 0) as per_a,
        coalesce(b.per_length, 0) as per_b,
        coalesce(c.per_length, 0) as per_c,
        coalesce(d.per_length, 0) as per_d,
        unnest(coalesce(a.y, zero)) as y_a,
        unnest(coalesce(b.y, zero)) as y_b,
        unnest(coalesce(c.y, zero)) as y_c,
        unnest(coalesce(d.y, zero)) as y_d,
        unnest(coalesce(a.x, zero)) - y_a as v_a,
        unnest(coalesce(b.x, zero)) - y_b as v_b,
        unnest(coalesce(c.x, zero)) - y_c as v_c,
        unnest(coalesce(d.x, zero)) - y_d as v_d,
        generate_subscripts(zero, 1)::int as i
    from four
    left join (from pair where place = 0 and not is_flagged) as a using (lora_no, prompt_no, four_no)
    left join (from pair where place = 1 and not is_flagged) as b using (lora_no, prompt_no, four_no)
    left join (from pair where place = 2 and not is_flagged) as c using (lora_no, prompt_no, four_no)
    left join (from pair where place = 3 and not is_flagged) as d using (lora_no, prompt_no, four_no)
),

-- One row per (LoRA, prompt, dimension i): sums of v = x - y, of the unit vectors u = v / |v|, and of y.
prompt_component as materialized (
    select
        lora_no,
        prompt_no,
        i,
        sum(core.exact(v_a::double + v_b + v_c + v_d)) as v,
        sum(core.exact(v_a * per_a + v_b * per_b + v_c * per_c + v_d * per_d)) as u,
        sum(core.exact(y_a::double + y_b + y_c + y_d)) as y
    from term
    group by lora_no, prompt_no, i
),

component as materialized (
    select lora_no, i, sum(v) as v, sum(u) as u, sum(y) as y
    from prompt_component
    group by lora_no, i
),

-- One row per (LoRA, prompt): <U, U_p> and |U_p|^2 of the sum U of unit vectors and its part U_p, and the squared
-- lengths of the sums of x = v + y and of y.
prompt_product as materialized (
    select
        part.lora_no,
        part.prompt_no,
        sum(core.exact(whole.u * part.u)) as u_whole,
        sum(core.exact(part.u * part.u)) as u_own,
        sum(core.exact((part.v + part.y) * (part.v + part.y))) as x_own,
        sum(core.exact(part.y * part.y)) as y_own
    from prompt_component as part
    inner join component as whole using (lora_no, i)
    group by part.lora_no, part.prompt_no
),

prompt_count as materialized (
    select
        lora_no,
        prompt_no,
        count(*) as n,
        count(*) filter (length > 0) as n_nonzero,
        list_sum(list(length order by four_no, place)) as length
    from pair
    where not is_flagged
    group by lora_no, prompt_no
),

-- One row per LoRA.
total as (
    select
        lora_no,
        sum(n) as n,
        sum(n_nonzero) as n_nonzero,
        sum(n_nonzero * n_nonzero) as n_nonzero2,
        count(*) as n_prompts,
        count(*) filter (n_nonzero > 0) as n_nonzero_prompts,
        list_sum(list(length order by prompt_no)) as length,
        list_sum(list(x_own / n order by prompt_no)) as x_spread,
        list_sum(list(y_own / n order by prompt_no)) as y_spread,
        list_sum(list(u_own order by prompt_no)) as u_own
    from prompt_count
    inner join prompt_product using (lora_no, prompt_no)
    group by lora_no
),

vector as (
    select
        lora_no,
        list(v / n order by i) as direction,
        list(y / n order by i) as mean_y,
        list((v + y) / n order by i) as mean_x,
        list_sum(list(u * u order by i)) as u_norm2
    from component
    inner join total using (lora_no)
    group by lora_no
),

-- One row per LoRA: the estimates with one prompt left out, in the order of the prompts.
left_out as (
    select
        lora_no,
        list(
            case when total.n > part.n then (total.length - part.length) / (total.n - part.n) end
            order by prompt_no
        ) as strength,
        list(
            core.consistency(u_norm2 - 2 * u_whole + product.u_own, total.n_nonzero - part.n_nonzero)
            order by prompt_no
        ) as consistency,
        list(
            core.consistency_between_prompts(
                u_norm2 - 2 * u_whole + product.u_own,
                total.u_own - product.u_own,
                total.n_nonzero - part.n_nonzero,
                n_nonzero2 - part.n_nonzero * part.n_nonzero
            )
            order by prompt_no
        ) as between_prompts
    from prompt_count as part
    inner join total using (lora_no)
    inner join vector using (lora_no)
    inner join prompt_product as product using (lora_no, prompt_no)
    group by lora_no
),

flagged as (
    select lora_no, count(*) as n_all, count(*) filter (is_flagged) as n_flagged
    from pair
    group by lora_no
),

estimate as (
    select
        wanted.lora_id,
        n_flagged * 2 > n_all as is_degenerate,
        direction,
        total.length / total.n as strength,
        core.consistency(u_norm2, n_nonzero) as consistency,
        coalesce(n, 0) as n_pairs,
        coalesce(n_prompts, 0) as n_prompts,
        coalesce(n - n_nonzero, 0) as n_zero,
        n_flagged,
        core.jackknife_se(left_out.strength) as strength_se,
        core.jackknife_se(left_out.consistency) as consistency_se,
        core.direction_cosine_lower(
            core.consistency_between_prompts(u_norm2, u_own, n_nonzero, n_nonzero2),
            core.jackknife_se(left_out.between_prompts),
            n_nonzero_prompts
        ) as direction_cosine_lower,
        core.prompt_retention(x_spread, y_spread, mean_x, mean_y, n, n_prompts) as prompt_retention
    from flagged
    inner join wanted using (lora_no)
    left join total using (lora_no)
    left join vector using (lora_no)
    left join left_out using (lora_no)
)

select
    $profile_id as profile_id,
    lora_id,
    case when is_degenerate then 'degenerate' else 'measured' end as measured,
    case when not is_degenerate then direction::float[] end as direction,
    strength,
    consistency,
    n_pairs,
    n_prompts,
    n_zero,
    n_flagged,
    strength_se,
    consistency_se,
    direction_cosine_lower,
    prompt_retention,
    now() as computed_at
from estimate
order by lora_id;
-- ==== commit/insert_prompt_difference.sql
/* Computes what some LoRAs do to each prompt from their registered shards, and inserts it.

   Parameters: $profile_id, $lora_ids (list). Grain: one row per LoRA of the list and prompt with a pair that is not
   flagged. Pairs are joined by key (prompt_id, seed). Sums over seeds are exact (core.exact), so the same shards give
   the same bits whatever their order. */
insert into core.prompt_difference by name
with
baseline as (
    select prompt_id, seed, embedding, flag
    from core.embedding
    where profile_id = $profile_id and lora_id = 'base'
),

-- One row per pair. x: with the LoRA, y: baseline.
pair as (
    select lora.lora_id, lora.prompt_id, lora.embedding as x, baseline.embedding as y
    from core.embedding as lora
    inner join baseline using (prompt_id, seed)
    where
        lora.profile_id = $profile_id
        and lora.lora_id in (select unnest($lora_ids::varchar[]))
        and lora.flag is null
        and baseline.flag is null
),

-- One row per (pair, dimension i).
term as (
    select lora_id, prompt_id, unnest(x) - unnest(y) as v, generate_subscripts(x, 1)::int as i
    from pair
),

component as (
    select lora_id, prompt_id, i, count(*) as n, sum(core.exact(v::double)) as v
    from term
    group by lora_id, prompt_id, i
)

select
    $profile_id as profile_id,
    lora_id,
    prompt_id,
    any_value(n)::integer as n_pairs,
    list((v / n)::float order by i) as difference
from component
group by lora_id, prompt_id
order by lora_id, prompt_id;
