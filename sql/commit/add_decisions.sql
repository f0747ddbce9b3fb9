/* Appends the steps of `signed` (a registered table with the columns of core.decision but the time) that are not there yet:
   a batch that was written and is run again adds nothing. All of them bear the time of the commit. */
insert into core.decision by name
select signed.*, now() as decided_at
from signed
anti join core.decision as known using (decision_id);
