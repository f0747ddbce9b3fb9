/* What filters and hits need, in the memory of the process that searches: a copy of mart.searchable without what neither
   asks for. Grain: one row per Direction in memory that the profile has now; `row` counts these, and leads to the id.
   `names` is null where it holds `name` alone. The old copy goes first: two of them would take twice the memory. */
create or replace table memory.main.searchable (
    row integer not null,
    name varchar,
    status varchar,
    strength double,
    consistency double,
    strength_se double,
    consistency_se double,
    direction_cosine_lower double,
    prompt_retention double,
    is_settled boolean,
    n_listings integer,
    names varchar[],
    sources varchar[],
    creator varchar,
    base_model varchar,
    base_model_claimed varchar,
    base_model_named varchar,
    license varchar,
    nsfw_level integer,
    published_at timestamptz
);
