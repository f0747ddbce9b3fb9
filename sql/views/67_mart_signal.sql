/* Reasons to look at a LoRA. Grain: one row per (profile_id, lora_id, signal, subject).
   signal: one of the views mart.signal_…; subject: the concept or notice that it is about, null where there is but one.
   severity: 0 to 1. since: when it arose. due_at: when it has to be decided; null: no limit. detail: one sentence.
   evidence: the numbers, ids and keys, JSON object. profile_id: null where no profile is needed to tell.
   Materialized: DuckDB looks for parts that the views have in common, and takes minutes over what it makes of them. */
create or replace view mart.signal as
with found as materialized (
    from mart.signal_shown_concept
    union all by name
    from mart.signal_declared_other
    union all by name
    from mart.signal_understated_nsfw
    union all by name
    from mart.signal_other_base_model
    union all by name
    from mart.signal_base_model_contradicted
    union all by name
    from mart.signal_unknown_base_model
    union all by name
    from mart.signal_scale_unknown
    union all by name
    from mart.signal_overpowering
    union all by name
    from mart.signal_degenerate
    union all by name
    from mart.signal_removed_duplicate
    union all by name
    from mart.signal_changed_version
    union all by name
    from mart.signal_trigger_words
    union all by name
    from mart.signal_notice
)

from found;
comment on view mart.signal is 'Reasons to look at a LoRA; one row per (profile_id, lora_id, signal, subject).';
