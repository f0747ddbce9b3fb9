/* quantile(sorted, q): the quantile q (0 to 1) of a sorted list of double, linear between neighbours, as quantile_cont,
   which takes no q that differs from row to row. Null for an empty list. */
create or replace macro core.quantile(sorted, q) as
    sorted[1 + floor((len(sorted) - 1) * q)::bigint]
    + ((len(sorted) - 1) * q - floor((len(sorted) - 1) * q))
    * (sorted[1 + ceil((len(sorted) - 1) * q)::bigint] - sorted[1 + floor((len(sorted) - 1) * q)::bigint]);
