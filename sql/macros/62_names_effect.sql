/* names_effect(measured, direction_cosine_lower): whether a Direction is known well enough to say what a LoRA shows: where even
   its lower bound lies 60 degrees from the truth, it does not. An imported Direction has no bound. */
create or replace macro core.names_effect(measured, direction_cosine_lower) as
    measured = 'measured' and (direction_cosine_lower is null or direction_cosine_lower >= 0.5);
