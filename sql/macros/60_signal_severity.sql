/* signal_severity(signal, kind): how much a reason to look at a LoRA weighs, 0 to 1, where nothing else says so; a concept
   says it for itself (core.concept.severity). kind: what the signal is about (core.notice.category for notice), or null.
   The numbers are a policy's choice, not a measurement: they order the queue and decide nothing
   (docs/decisions/0020-what-a-case-is.md). */
create or replace macro core.signal_severity(signal, kind) as
    case signal
        when 'notice' then
            case kind
                when 'minors' then 0.98
                when 'ncii' then 0.95
                when 'hate' then 0.7
                when 'likeness' then 0.6
                when 'violence' then 0.5
                when 'copyright' then 0.5
                when 'trademark' then 0.5
                else 0.3
            end
        when 'removed_duplicate' then
            case kind
                when 'copy' then 0.8
                when 'same_effect' then 0.6
                when 'part' then 0.4
                when 'trained_alike' then 0.2
                else 0.9
            end
        when 'understated_nsfw' then 0.6
        when 'declared_other' then 0.5
        when 'overpowering' then 0.3
        when 'degenerate' then 0.3
        when 'changed_version' then 0.3
        when 'other_base_model' then 0.2
        when 'base_model_contradicted' then 0.2
        when 'unknown_base_model' then 0.05
        when 'trigger_words' then 0.2
        when 'scale_unknown' then 0.1
    end::double;
