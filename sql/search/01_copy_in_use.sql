/* core.copy_in_use(): how far the attached copy goes. Grain: one row per attached copy that the snapshot knows: none where it
   is of another state of the lake, or of another lake. Rows of core.representation up to `through` and of raw.listing up to
   `listed_through` are in the copy, later ones are not. */
create or replace macro core.copy_in_use() as table (
    from core.copied('core.representation_copy')
    semi join core.representation_copy using (copy_id)
);
