/* What the listings of a LoRA declare, in the words of the policies. Grain: one row per (lora_id, policy, concept_id) that
   a name or a tag declares, in any listing. Whole words count, in either case, and mark-up is only text. Descriptions do
   not count: "no stripes" claims none. Untrusted text. */
create or replace view mart.declared_concept as
with
-- The bar keeps the last word of one tag and the first of the next from becoming a phrase.
declared as (
    select
        lora_id,
        string_agg(
            array_to_string(
                list_transform(list_prepend(name, coalesce(tags, [])), lambda said: core.words(coalesce(said, ''))), '|'
            ),
            '|'
        ) as words
    from mart.newest_listing
    group by lora_id
),

phrase as (
    select
        policy,
        concept_id,
        len(texts) = 0 and len(images) = 0 as is_effect_word,
        unnest(declared_as) as phrase
    from mart.concept
)

select
    declared.lora_id,
    phrase.policy,
    phrase.concept_id,
    any_value(phrase.is_effect_word) as is_effect_word,
    list(distinct phrase.phrase order by phrase.phrase) as words
from declared
inner join phrase on contains(declared.words, core.words(phrase.phrase))
group by declared.lora_id, phrase.policy, phrase.concept_id;
comment on view mart.declared_concept is 'What the listings of a LoRA declare, in the words of the policies, untrusted; one row per (lora_id, policy, concept_id).';
