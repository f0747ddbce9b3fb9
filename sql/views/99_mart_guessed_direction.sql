/* A guess at what a LoRA does, from its weights alone: the Direction of the measured LoRA that is nearest to it by its
   weights. Grain: one row per (profile_id, lora_id) of those that are near to a measured one (core.weights_kind).
   cosine: of the guess and the LoRA's own Direction, null while it has none. expected_cosine: the mean of those
   cosines over the profile's guesses of the same kind, n_expected of them: how far such guesses were right. A guess is no
   representation, and no search uses it. */
create or replace view mart.guessed_direction as
with near as (
    select lora_id, other_id, core.weights_kind(change_cosine, output_z) as kind, output_cosine
    from core.alike_weights
    union all
    select other_id as lora_id, lora_id as other_id, core.weights_kind(change_cosine, output_z) as kind, output_cosine
    from core.alike_weights
),

guess as (
    select effect.profile_id, near.lora_id, near.other_id as guessed_from, near.kind, near.output_cosine, effect.direction
    from near
    inner join core.representation as effect on near.other_id = effect.lora_id
    where near.kind is not null and effect.direction is not null
    qualify row_number() over (
        partition by effect.profile_id, near.lora_id order by near.output_cosine desc, near.other_id
    ) = 1
),

held_against as (
    select
        guess.*,
        core.cosine(guess.direction, own.direction)::double as with_own,
        if(isfinite(with_own), with_own, null) as cosine
    from guess
    left join core.representation as own using (profile_id, lora_id)
)

select
    * exclude (with_own),
    avg(cosine) over of_kind as expected_cosine,
    count(cosine) over of_kind as n_expected
from held_against
window of_kind as (partition by profile_id, kind);
comment on view mart.guessed_direction is 'Guesses at Directions from weights alone; one row per (profile_id, lora_id).';
