/* Appends entries of the chain (`entries`: a registered table with the columns of core.ledger). */
insert into core.ledger by name
from entries;
