-- The index tables in their second shape: one row per coded value, and what it means in a vocabulary beside it.
-- Their rows follow from the bodies of `res`; a database that holds some is marked for a complete reindex.

drop table tok;
drop table str;
drop table qty;
drop table dat;
drop table ref;

-- Rows of resources that are not deleted. The indexes by k answer "what has this resource": for filters beside a
-- narrower one, for sorting, and to compare the rows of a resource with those it should have.
create table tok (h bigint not null, d bigint not null, k bigint not null, ck bigint not null,
    primary key (h, d, k, ck)) @clustered;
create table str (h bigint not null, norm @text not null, raw @text not null, k bigint not null, ck bigint not null,
    primary key (h, norm, raw, k, ck)) @clustered;
create table qty (h bigint not null, lo @double not null, hi @double not null, k bigint not null, ck bigint not null,
    primary key (h, lo, hi, k, ck)) @clustered;
create table dat (h bigint not null, lo bigint not null, hi bigint not null, k bigint not null, ck bigint not null,
    primary key (h, lo, hi, k, ck)) @clustered;
create table ref (t bigint not null, p bigint not null, d bigint not null, k bigint not null, ck bigint not null,
    primary key (t, p, d, k, ck)) @clustered;
create index tok_k on tok (k);
create index str_k on str (k);
create index qty_k on qty (k);
create index dat_k on dat (k);
create index ref_source on ref (k);

-- The vocabulary: which rows `h` of tok a form `s` of a search means, with the row `f` of the same code without a
-- display; and the texts of rows under a parameter `p`. It belongs to no resource and only grows.
create table forms (s bigint not null, h bigint not null, f bigint not null, primary key (s, h, f)) @clustered;
create table words (p bigint not null, norm @text not null, h bigint not null, primary key (p, norm, h)) @clustered;
create index words_h on words (h);

insert into meta (name, value) select 'reindex', '\x616c6c' where exists (select 1 from res); -- postgresql
insert into meta (name, value) select 'reindex', x'616c6c' where exists (select 1 from res); -- sqlite

alter table tok set (autovacuum_vacuum_insert_threshold = 20000, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02); -- postgresql
alter table str set (autovacuum_vacuum_insert_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02); -- postgresql
alter table qty set (autovacuum_vacuum_insert_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02); -- postgresql
alter table dat set (autovacuum_vacuum_insert_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02); -- postgresql
alter table ref set (autovacuum_vacuum_insert_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02); -- postgresql
alter table forms set (autovacuum_vacuum_insert_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02); -- postgresql
alter table words set (autovacuum_vacuum_insert_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02); -- postgresql
