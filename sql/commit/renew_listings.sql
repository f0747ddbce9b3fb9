/* Brings listings up to date whose words for a base model were read before the table of names had them, with what intake
   files (`seen`) read in the same words. Files that older checks wrote change nothing. */
update raw.listing
set base_model_named = told.base_model_named
from (
    select distinct base_model_claimed, base_model_named
    from seen
    where
        kind = 'listing' and base_model_claimed is not null
        and (select min(checks_version) from taken) >= (select coalesce(max(checks_version), 0) from raw.shard)
) as told
where
    listing.base_model_claimed = told.base_model_claimed
    and listing.base_model_named is distinct from told.base_model_named;
