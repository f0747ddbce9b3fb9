/* consistency_between_prompts(sum_norm2, sum_own2, n, sum_n2): mean cosine over the pairs of unit vectors that are of
   different prompts: the squared length of the sum of all n, less the squared lengths of each prompt's sum (sum_own2),
   over the number of such pairs, n^2 - sum of each prompt's n^2 (sum_n2). Null with fewer than two prompts. */
create or replace macro core.consistency_between_prompts(sum_norm2, sum_own2, n, sum_n2) as
    case when n * n > sum_n2 then (sum_norm2 - sum_own2) / (cast(n as double) * n - sum_n2) end;
