/* How many rows of `swept`, a registered table with the columns of core.lora_scale, the lake does not have. Grain: one row. */
select count(*) as n
from (
    from swept
    except
    select * exclude (computed_at)
    from core.lora_scale
);
