-- The first schema. Words that begin with @ stand for what differs between the engines:
-- @bytes, @double, @text (compared by code point), @clustered (rows lie in the primary key).
-- Lines that end in "-- postgresql" or "-- sqlite" are for that engine alone.

create table meta (name text primary key, value @bytes not null);

create table counter (name text primary key, n bigint not null);

create table dictionary (enc integer primary key, rt integer not null, body @bytes not null);

-- The current version of every resource, deleted ones included.
create table res (
    ck bigint not null, k bigint not null, rt integer not null, fv integer not null, id @text not null,
    ver integer not null, upd bigint not null, deleted integer not null, method integer not null,
    sdate bigint not null, present bigint not null, rh bigint not null, enc integer not null, body @bytes not null,
    primary key (ck, k)
);
create unique index res_rh on res (rh);
create index res_compartment on res (ck, rt, sdate, k) where deleted = 0;
create index res_type on res (rt, sdate, k) where deleted = 0;
create index res_type_updated on res (rt, upd, k) where deleted = 0;
create index res_updated on res (upd, k) where deleted = 0;

-- Every version that has been superseded.
create table hist (
    ck bigint not null, k bigint not null, ver integer not null, upd bigint not null, deleted integer not null,
    method integer not null, fv integer not null, enc integer not null, body @bytes not null,
    primary key (ck, k, ver)
);

-- Index tables: only rows of resources that are not deleted. The indexes by k answer "what has this resource
-- under that parameter", for filters beside a narrower one and for sorting.
create table tok (h bigint not null, d bigint not null, k bigint not null, ck bigint not null,
    primary key (h, d, k, ck)) @clustered;
create table str (h bigint not null, norm @text not null, raw @text not null, k bigint not null, ck bigint not null,
    primary key (h, norm, raw, k, ck)) @clustered;
create table qty (h bigint not null, lo @double not null, hi @double not null, k bigint not null, ck bigint not null,
    primary key (h, lo, hi, k, ck)) @clustered;
create table dat (h bigint not null, lo bigint not null, hi bigint not null, k bigint not null, ck bigint not null,
    primary key (h, lo, hi, k, ck)) @clustered;
create index str_k on str (k, h);
create index qty_k on qty (k, h);
create index dat_k on dat (k, h);
create table ref (t bigint not null, p bigint not null, k bigint not null, ck bigint not null,
    primary key (t, p, k, ck)) @clustered;
create index ref_source on ref (k, p, t, ck);

-- One row per committed version, numbered in the order of commits, without gaps.
create table events (
    seq bigint primary key, rt integer not null, rh bigint not null, k bigint not null, ver integer not null,
    upd bigint not null, method integer not null, deleted integer not null
);
create index events_type on events (rt, upd, seq);
create index events_updated on events (upd, seq);

insert into counter (name, n) values ('seq', 0);
insert into counter (name, n) values ('k', 0);

alter table res alter column body set storage external; -- postgresql
alter table hist alter column body set storage external; -- postgresql
alter table counter set (fillfactor = 10, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0); -- postgresql
alter table res set (autovacuum_vacuum_insert_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02); -- postgresql
alter table tok set (autovacuum_vacuum_insert_threshold = 20000, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02); -- postgresql
alter table str set (autovacuum_vacuum_insert_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02); -- postgresql
alter table qty set (autovacuum_vacuum_insert_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02); -- postgresql
alter table dat set (autovacuum_vacuum_insert_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02); -- postgresql
alter table ref set (autovacuum_vacuum_insert_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02); -- postgresql
alter table events set (autovacuum_vacuum_insert_threshold = 20000, autovacuum_vacuum_insert_scale_factor = 0.05); -- postgresql
