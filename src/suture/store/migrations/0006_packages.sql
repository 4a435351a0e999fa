-- FHIR packages that were loaded, and what they define: `body` is the resource without its texts, compressed by zstd.
-- Each definition lies in `res` as well, whole and under the id of `package_resource`, so that it can be searched.
-- `subject`: the resource type that a profile is about. See suture.store.packages.

create table package (
    name @text not null, version @text not null, added bigint not null, manifest @bytes not null,
    primary key (name, version)
);

create table package_resource (
    name @text not null, version @text not null, rt integer not null, id @text not null, url @text not null,
    revision @text not null, subject @text not null, body @bytes not null,
    primary key (name, version, rt, id)
);
