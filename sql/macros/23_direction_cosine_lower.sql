/* direction_cosine_lower(consistency, consistency_se, n_prompts): a cautious lower value of cos(direction, its true value).

   With n independent pairs of consistency C the mean of the differences has cos 1 / sqrt(1 + (1 - C) / (n C)) with
   the truth (docs/method.md). Pairs of one prompt are not independent, hence three choices:
   - C is to be core.consistency_between_prompts: what the seeds of one prompt share is no evidence of a common direction;
   - n is the number of prompts, as if all seeds of a prompt were one image;
   - C is taken two standard errors lower.
   In simulations it is never above the true cosine where seeds are independent, and by less than 0.02 in at most one
   case of five where prompts pull their own way and seeds only repeat them (tests/commit/test_representation.py).
   0 when C is not above 0 by two standard errors (no direction is shown), null when it has no standard error. */
create or replace macro core.direction_cosine_lower(consistency, consistency_se, n_prompts) as
    case
        when consistency_se is null then null
        when consistency - 2 * consistency_se <= 0 then 0.0::double
        else 1 / sqrt(1 + (1 - (consistency - 2 * consistency_se)) / (n_prompts * (consistency - 2 * consistency_se)))
    end;
