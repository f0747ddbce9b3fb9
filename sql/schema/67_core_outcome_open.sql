/* How far the pairs of an attempt settle what they measure (docs/method.md#budget). Attempts of before these columns have
   nulls: they have all pairs of their profile. */
alter table core.outcome add column if not exists open varchar[];
alter table core.outcome add column if not exists full_cosine_lower double;
alter table core.outcome add column if not exists strength_error double;
comment on column core.outcome.open is 'What its pairs do not settle: direction, strength, status; empty where all is.';
comment on column core.outcome.full_cosine_lower is 'Lower bound of the cosine with the Direction of all pairs.';
comment on column core.outcome.strength_error is 'Standard error of Strength against all pairs, as a share of it.';
