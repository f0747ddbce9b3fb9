/* The last entry of the chain. Grain: no row or one. */
from core.ledger
order by position desc
limit 1;
