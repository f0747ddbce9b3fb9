/* Appends steps of submissions (`steps`: a registered table with the columns of core.submission but the time) that are not
   there yet. They bear the time of their entries in the chain ($at). */
insert into core.submission by name
select steps.*, $at as recorded_at
from steps
anti join core.submission as known using (submission_id);
