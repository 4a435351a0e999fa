-- The generation grows with every commit that changes a conformance resource (suture.store.changes). It lies beside
-- the newest event number, because whoever commits holds that row anyway: reading it there is certain and costs nothing.
alter table counter add column generation bigint not null default 0;
