/* Appends the approvals of `approved` (a registered table with the columns of core.approval but the time) that are not there
   yet. They bear the time of their entries in the chain ($at). */
insert into core.approval by name
select approved.*, $at as recorded_at
from approved
anti join core.approval as known using (batch_id);
