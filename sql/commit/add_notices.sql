/* Appends the complaints of `received` (a registered table with the columns of core.notice but the time) that are not there
   yet. They bear the time of their entries in the chain ($at). */
insert into core.notice by name
select received.*, $at as recorded_at
from received
anti join core.notice as known using (notice_id);
