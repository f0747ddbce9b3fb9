/* limit(given, own): the limit in force: the one that a question gives, or else the profile's own threshold (which may be
   null: no limit). Null and NaN are not given: DuckLake cannot store a macro's default that is null. */
create or replace macro core.limit(given, own) as
    case when given is null or isnan(given::double) then own else given::double end;
