/* says_a_base_model(words): whether a listing's words claim a base model at all. "Other" and no words do not. The words that
   say nothing are those of carlos_tasks/lora/backbones/claims.json; a test compares the two. */
create or replace macro core.says_a_base_model(words) as
    coalesce(
        core.comparable_words(words) not in (
            '', 'other', 'unknown', 'none', 'null', 'undefined', 'n/a', 'custom', 'merge', 'all', 'any', 'odor', 'upscaler'
        ),
        false
    );
