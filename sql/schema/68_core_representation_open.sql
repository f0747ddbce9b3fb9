/* How far a representation is settled: what its attempt said (core.outcome). Rows of before these columns have nulls: they
   are of all pairs of their profile. */
alter table core.representation add column if not exists open varchar[];
alter table core.representation add column if not exists full_cosine_lower double;
alter table core.representation add column if not exists strength_error double;
comment on column core.representation.open is 'What its pairs do not settle: direction, strength, status; empty where all is.';
comment on column core.representation.full_cosine_lower is 'Lower bound of the cosine with the Direction of all pairs.';
comment on column core.representation.strength_error is 'Standard error of Strength against all pairs, as a share of it.';
