/* Brings listings up to date whose words for a base model were read before the table of names had them, with what intake
   files (`seen`) read in the same words. Files that older checks wrote change nothing. An update reads the whole rows of its
   table, payloads too, unless nothing is to be joined: so what is to change is told from the two columns first. */
update raw.listing
set base_model_named = told.base_model_named
from (
    select distinct seen.base_model_claimed, seen.base_model_named
    from seen
    inner join (select distinct base_model_claimed, base_model_named from raw.listing) as known
        on
            known.base_model_claimed = seen.base_model_claimed
            and known.base_model_named is distinct from seen.base_model_named
    where
        seen.kind = 'listing'
        and (select min(checks_version) from taken) >= (select coalesce(max(checks_version), 0) from raw.shard)
) as told
where
    listing.base_model_claimed = told.base_model_claimed
    and listing.base_model_named is distinct from told.base_model_named;
