/* Appends changes of keys (`changes`: a registered table with the columns of core.signing_key but the time) that are not
   there yet. They bear the time of their entries in the chain ($at). */
insert into core.signing_key by name
select changes.*, $at as recorded_at
from changes
anti join core.signing_key as known using (change_id);
