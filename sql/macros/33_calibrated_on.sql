/* calibrated_on(name, strength, consistency, prompt_retention): the value of a LoRA that a threshold limits. */
create or replace macro core.calibrated_on(name, strength, consistency, prompt_retention) as
    case
        when name in ('strength_max', 'strength_min') then strength
        when name = 'consistency_min' then consistency
        when name = 'retention_min' then prompt_retention
    end;
