-- The words of resources for full text search: of the narrative, and of all other content. See suture.search.prose.
-- In a tsvector those of the narrative have the weight A.

create virtual table prose using fts5(narrative, content, ck unindexed, content = '', contentless_delete = 1, contentless_unindexed = 1, detail = full, tokenize = "ascii tokenchars '_'"); -- sqlite
create table prose (k bigint not null, ck bigint not null, words tsvector not null, primary key (k, ck)); -- postgresql
create index prose_words on prose using gin (words); -- postgresql
