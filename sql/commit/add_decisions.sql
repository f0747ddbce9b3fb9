/* Appends the steps of `drafted` (a registered table with the columns of core.decision but the time) that are not there yet:
   a batch that was written and is run again adds nothing. All of them bear one time, that of their entries in the
   chain ($at). */
insert into core.decision by name
select drafted.*, $at as decided_at
from drafted
anti join core.decision as known using (decision_id);
