/* consistency(sum_norm2, n): mean pairwise cosine of n unit vectors whose sum has the squared length sum_norm2.
   (|sum u|^2 - n) / (n (n - 1)): exact, since |sum u|^2 holds every pair twice and each vector with itself once.
   Source: docs/method.md (paper, section 3). Null below two vectors. */
create or replace macro core.consistency(sum_norm2, n) as
    case when n >= 2 then (sum_norm2 - n) / (cast(n as double) * (n - 1)) end;
