-- Code systems loaded from release files, several versions side by side (suture.store.terminology). The number `cs` of a
-- version is never used again, and what belongs to it never changes once it is visible. Everything that is a set of
-- concepts is a bitmap of their numbers `n`; what the kinds of sets and blocks mean is up to suture.terminology.content.

-- state: 0 being loaded, 1 visible, 2 going away. source: tells whether an interrupted load can be continued.
create table code_system (
    cs integer primary key, url @text not null, version @text not null, state integer not null,
    changed bigint not null, source @text not null, body @bytes not null
);
create table concept (cs integer not null, n integer not null, code @text not null, body @bytes not null,
    primary key (cs, n)) @clustered;
create unique index concept_code on concept (cs, code);
create table concept_set (cs integer not null, kind integer not null, name @text not null, members @bytes not null,
    primary key (cs, kind, name)) @clustered;
create table concept_block (cs integer not null, kind integer not null, n integer not null, part integer not null,
    body @bytes not null, primary key (cs, kind, n, part));

insert into counter (name, n) values ('cs', 0);
