/* query_text(txt): a text in the form that core.query holds it in: Unicode NFC, single spaces, none at the ends. The white
   space is Python's, which has more than ASCII's (carlos_tasks/retrieval/query_text.py). */
create or replace macro core.query_text(txt) as
    trim(regexp_replace(nfc_normalize(txt), '[\p{Z}\x09-\x0d\x1c-\x1f\x{85}]+', ' ', 'g'));
