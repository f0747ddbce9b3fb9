/* The dump and the live API of Civitai share one space of ids, so both name the source civitai; rows of before that were
   named after the dump. Nothing changes where there are none. */
update raw.listing set source = 'civitai' where source = 'civitai-dump';
update raw.rejection set source = 'civitai' where source = 'civitai-dump';
