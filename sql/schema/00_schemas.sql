/* Schemas of the lake: raw (as it came), core (facts), mart (what people query). */
create schema if not exists raw;
create schema if not exists core;
create schema if not exists mart;
