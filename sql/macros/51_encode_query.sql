/* main.encode_query(txt, profile_id): query vector of a text that core.query does not hold. Plain DuckDB cannot encode a
   text, so that this is an error; carlos_tasks.connect() and `carlos sql` put the profile's encoder in its place. */
create or replace macro main.encode_query(txt, profile_id) as
    error(
        case
            when txt = '' then 'the text is empty: say what the LoRA should do, e.g. pencil sketch'
            else 'no query vector of ''' || txt || ''' is stored: ask by `carlos sql` or `carlos search`, '
                || 'or keep it first with `carlos queries ''' || txt || '''`'
        end
    )::float[];
