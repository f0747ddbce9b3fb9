/* cosine(a, b): cosine of two vectors of one length, each a list of float. Null where either is null.
   Read from parquet, a null list leaves a null element behind it in the column, and list_cosine_similarity refuses the
   whole column for it, even in rows that a filter has left out. Appending an empty list copies the elements of the
   rows that are asked for, and nothing else. */
create or replace macro core.cosine(a, b) as list_cosine_similarity(a || []::float[], b || []::float[]);
