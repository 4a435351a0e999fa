-- The words of resources for full text search: of the narrative, and of all content. See suture.search.prose.

create virtual table prose using fts5(narrative, content, ck unindexed, content = '', contentless_delete = 1, contentless_unindexed = 1, detail = full, tokenize = 'unicode61 remove_diacritics 0'); -- sqlite
create table prose (k bigint not null, ck bigint not null, narrative tsvector not null, content tsvector not null, primary key (k, ck)); -- postgresql
create index prose_narrative on prose using gin (narrative); -- postgresql
create index prose_content on prose using gin (content); -- postgresql
