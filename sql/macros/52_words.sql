/* words(txt): the words of a text in small letters, with one space before, between and after them, so that a word or a
   phrase is found whole: contains(core.words('Line-Art XL'), core.words('line art')). What is no letter or digit parts words. */
create or replace macro core.words(txt) as
    ' ' || trim(regexp_replace(lower(nfc_normalize(txt)), '[^\p{L}\p{M}\p{N}]+', ' ', 'g')) || ' ';
