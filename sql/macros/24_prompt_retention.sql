/* prompt_retention(x_spread, y_spread, mean_x, mean_y, n, n_prompts): how much of the variation between prompts is left
   with the LoRA: sum_p n_p |mean_p x - mean x|^2 / sum_p n_p |mean_p y - mean y|^2 over prompts p (docs/method.md).
   1: prompts differ as much as in the baseline; 0: the same image whatever the prompt. Null below two prompts, or when
   the baseline's prompts do not differ.
   x_spread, y_spread: sum_p n_p |mean_p|^2 with the LoRA and without; mean_x, mean_y: double[] (d,); n: pairs. */
create or replace macro core.prompt_retention(x_spread, y_spread, mean_x, mean_y, n, n_prompts) as
    case when n_prompts >= 2 and y_spread - n * list_inner_product(mean_y, mean_y) > 1e-9 * y_spread
        then greatest(x_spread - n * list_inner_product(mean_x, mean_x), 0)
            / (y_spread - n * list_inner_product(mean_y, mean_y)) end;
