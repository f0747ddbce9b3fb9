/* decides(action): whether a step decides on a LoRA, in place of answering an appeal or saying something. */
create or replace macro core.decides(action) as action in ('takedown', 'restrict', 'label', 'no_action');
