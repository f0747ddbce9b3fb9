/* The months up to and with the one asked for ($first), a year at most. Grain: as mart.transparency_month. */
from mart.transparency_month
where month <= $first::date and month > $first::date - interval 12 months
order by month desc;
