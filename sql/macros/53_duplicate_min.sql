/* duplicate_min(own): the cosine of two Directions from which on they are one effect: the profile's own threshold, or 0.98
   where it has none (docs/decisions/0016-what-a-duplicate-is.md). */
create or replace macro core.duplicate_min(own) as coalesce(own, 0.98)::double;
