/* Thresholds that turn a representation into a status. Grain: one row per (profile_id, name).
   Names: strength_max, strength_min, consistency_min, retention_min; a missing one filters nothing. */
create table if not exists core.threshold (
    profile_id varchar not null,
    name varchar not null,
    value double not null,
    origin varchar
);
comment on table core.threshold is 'Thresholds of a profile; one row per (profile_id, name).';
comment on column core.threshold.profile_id is 'Profile on whose scale the value stands.';
comment on column core.threshold.name is 'strength_max, strength_min, consistency_min or retention_min.';
comment on column core.threshold.value is 'The value.';
comment on column core.threshold.origin is 'Where it comes from: the paper, or a calibration with its snapshot.';
