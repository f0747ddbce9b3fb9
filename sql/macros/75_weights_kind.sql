/* weights_kind(change_cosine, output_z): what two LoRAs are to each other by their weights (core.alike_weights), the surest
   first: copy: the same changes, at any scale. part: one holds a part of the other, such as a merge, or training went on
   from it. trained_alike: a guess that both were trained for one effect. Null: nothing that is told from chance.
   Chance gives change_cosine .011 either way; two trainings of one effect in the micro world have up to .06. */
create or replace macro core.weights_kind(change_cosine, output_z) as
    case
        when change_cosine >= 0.9 then 'copy'
        when change_cosine >= 0.2 then 'part'
        when output_z >= 6 then 'trained_alike'
    end;
