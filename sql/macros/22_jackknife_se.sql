/* jackknife_se(estimates): standard error from the delete-one estimates: sqrt((n - 1) / n * sum (x_i - mean)^2).
   estimates: list of double, one per prompt left out, in a fixed order; nulls are left out.
   Source: Efron and Tibshirani, An Introduction to the Bootstrap, section 11.2. Null below two estimates. */
create or replace macro core.jackknife_se(estimates) as
    case when list_count(estimates) >= 2
        then sqrt((list_count(estimates) - 1) * list_var_pop(estimates)) end;
