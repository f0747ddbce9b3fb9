/* Appends time stamps (`stamps`: a registered table with the columns of core.ledger_stamp). */
insert into core.ledger_stamp by name
from stamps;
