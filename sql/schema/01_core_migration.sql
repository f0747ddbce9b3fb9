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
