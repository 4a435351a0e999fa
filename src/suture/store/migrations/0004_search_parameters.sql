-- Search parameters whose index rows are not complete yet (code '': all of the type), and how far each type has come.
-- A type is walked in the order of `upd` and `k`; `done` of `total` resources have the rows that they should have.

create table pending (rt integer not null, code @text not null, primary key (rt, code));

create table building (
    rt integer primary key, upd bigint not null, k bigint not null, done bigint not null, total bigint not null,
    started bigint not null, problem @text not null
);
