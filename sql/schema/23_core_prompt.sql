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
