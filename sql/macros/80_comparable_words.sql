/* comparable_words(words): some words without what people write in different ways: case, spaces, dashes, underscores and
   dots. "Pony Diffusion V6-XL" and "pony_diffusion_v6.xl" are the same. As in carlos_tasks/lora/backbones/claims.py. */
create or replace macro core.comparable_words(words) as regexp_replace(lower(words), '[\s._-]+', '', 'g');
