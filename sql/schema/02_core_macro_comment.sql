/* What the macros are for, since DuckLake has no comments on them. Grain: one row per macro; written anew from the opening
   comments of sql/macros and sql/search whenever sql/ is applied. */
create table if not exists core.macro_comment (
    macro varchar not null,
    comment varchar not null
);
comment on table core.macro_comment is 'What the macros are for; one row per macro.';
comment on column core.macro_comment.macro is 'Schema and name.';
comment on column core.macro_comment.comment is 'The opening comment of the file that makes it.';
