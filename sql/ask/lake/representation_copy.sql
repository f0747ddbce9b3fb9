/* Whether the attached copy agrees with the lake, and how many representations came after it. Grain: one row.
   is_right: null where the snapshot that is read knows no such copy. Rows that were deleted by hand, without a word in
   core.representation_copy, show in their number. */
select
    count(*) filter (own.computed_at > copy.through) as n_new,
    any_value(copy.n_rows) = count(*) filter (own.computed_at <= copy.through) as is_right
from core.copy_in_use() as copy
cross join (from core.representation where measured = 'measured') as own;
