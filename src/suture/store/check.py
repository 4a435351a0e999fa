"""Verifying a database: schema, index rows against bodies, completeness of histories and of the event log.

The index rows that a resource has are compared with those that its body gives, and what they mean must be in the
vocabulary. The totals per table must agree as well, so that rows of no resource do not stay unseen.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence

import msgspec

from suture.fhir.definitions import type_name
from suture.store.connection import Connection, Row
from suture.store.contained import container
from suture.store.dialect import Dialect
from suture.store.distribution import OWN_WORDS
from suture.store.index_rows import index_rows, rows_there
from suture.store.migrations import migrations
from suture.store.rows import Word
from suture.store.store import Store
from suture.store.tables import COLUMNS, FHIR_VERSION, INDEX_TABLES

PAGE = 500
ROWS_PER_QUERY = 100
REMEMBERED = 100_000
"""Words that were found in the vocabulary and are not looked up again."""


class Problem(msgspec.Struct, frozen=True):
    """Something that should not be. `where`: a resource (`Patient/1`) or a table."""

    where: str
    what: str


Progress = Callable[[int, int], None]
"""(resources looked at, resources in all)"""


async def check(store: Store, progress: Progress = lambda done, total: None) -> AsyncIterator[Problem]:
    """Yield every problem of the database; none when it is sound. Reads all resources."""
    async with store.reading() as connection:
        async for problem in _schema(store, connection):
            yield problem
        total = await _number(connection, "select count(*) from res")
        expected = dict.fromkeys(INDEX_TABLES, 0)
        words = _Words(store, connection)
        after, done, told = (-(2**63), -(2**63)), 0, 0
        while rows := await _page(connection, after):
            after = rows[-1][0], rows[-1][1]
            prose: dict[Row, str] = {}
            async for problem in _resources(store, connection, rows, expected, words, prose):
                yield problem
            async for problem in _prose(store.dialect, connection, prose):
                yield problem
            told += len(prose)
            done += len(rows)
            progress(done, total)
        for table, number in (*expected.items(), ("prose", told)):
            found = await _number(connection, f"select count(*) from {table}")
            if found != number:
                yield Problem(table, f"holds {found} rows, the resources call for {number}")
        async for problem in _versions(connection):
            yield problem
        if store.dialect.clustered:
            async for problem in _placed(connection):
                yield problem


async def _placed(connection: Connection) -> AsyncIterator[Problem]:
    """On a cluster: is every resource found where it lies?"""
    found = dict(await connection.fetch("select rh, ck from place"))
    async for ck, rt, id, rh in _all(connection):
        if found.pop(rh, rh) != ck:
            yield Problem(f"{type_name(rt)}/{id}", "does not lie where `place` says")
    if found:
        yield Problem("place", f"knows {len(found)} resources that are not there")


async def _all(connection: Connection) -> AsyncIterator[Row]:
    after = -(2**63), -(2**63)
    while rows := await connection.fetch(
        "select ck, rt, id, rh, k from res where (ck, k) > (?1, ?2) order by ck, k limit ?3", (*after, PAGE)
    ):
        after = rows[-1][0], rows[-1][4]
        for row in rows:
            yield row[:4]


async def _number(connection: Connection, sql: str) -> int:
    return (await connection.fetch(sql))[0][0]


async def _schema(store: Store, connection: Connection) -> AsyncIterator[Problem]:
    newest = migrations(store.dialect.name)[-1].number
    rows = await connection.fetch("select value from meta where name = 'schema'")
    at = int(rows[0][0]) if rows else 0
    if at != newest:
        yield Problem("meta", f"says schema {at}, this version of Suture has {newest}")
    if store.dialect.name == "sqlite":
        for row in await connection.fetch("pragma integrity_check(20)"):
            if row[0] != "ok":
                yield Problem("file", row[0])


async def _page(connection: Connection, after: tuple[int, int]) -> list[Row]:
    return await connection.fetch(
        "select ck, k, rt, fv, id, ver, deleted, sdate, present, rh, enc, body from res "
        "where (ck, k) > (?1, ?2) order by ck, k limit ?3",
        (*after, PAGE),
    )


async def _resources(
    store: Store,
    connection: Connection,
    rows: Sequence[Row],
    expected: dict[str, int],
    words: "_Words",
    prose: dict[Row, str],
) -> AsyncIterator[Problem]:
    wanted: dict[str, dict[Row, str]] = {table: {} for table in INDEX_TABLES}
    names: dict[int, str] = {}
    meaning: dict[Word, str] = {}
    for ck, k, rt, fv, id, _, deleted, sdate, present, rh, enc, body in rows:
        name = names[k] = f"{type_name(rt)}/{id}"
        if rh != store.keys.resource(type_name(rt), id):
            yield Problem(name, "is filed under the key of another resource")
        if deleted:
            continue
        try:
            index = store.index(FHIR_VERSION[fv], store.bodies.decode(enc, bytes(body)))
        except Exception as error:
            yield Problem(name, f"cannot be read: {type(error).__name__}")
            continue
        if ck != (index.ck if index.ck is not None else rh):
            yield Problem(name, "lies in another compartment than its references say")
        if (sdate, present) != (index.sdate, index.present):
            yield Problem(name, "has another clinical date or other present parameters than its content")
        for table, entries in zip(INDEX_TABLES, index_rows(index, ck, k), strict=True):
            wanted[table].update(dict.fromkeys(entries, name))
            expected[table] += len(entries)
        meaning.update(dict.fromkeys(index.words, name))
        if index.prose[1]:
            prose[k, ck] = name
    actual = await rows_there(connection, store.dialect, list(names))
    for number, (table, entries) in enumerate(wanted.items()):
        there = {row for tables in actual.values() for row in tables[number]}
        for row in entries.keys() - there:
            yield Problem(entries[row], f"lacks a row in {table}")
        for row in there - entries.keys():
            yield Problem(names[container(row[COLUMNS[table].index("k")])], f"has a row too many in {table}")
    async for word in words.missing(meaning):
        yield Problem(meaning[word], "has a value whose words are not in the vocabulary")


async def _prose(dialect: Dialect, connection: Connection, expected: dict[Row, str]) -> AsyncIterator[Problem]:
    """Those of `expected` (k, ck) whose words are not there for full text search."""
    key = "rowid" if dialect.name == "sqlite" else "k"
    sql = f"select {key}, ck from prose where {dialect.any_of(key, '?1')}"
    there = {tuple(row) for row in await connection.fetch(sql, (dialect.array([k for k, _ in expected]),))}
    for row in expected.keys() - there:
        yield Problem(expected[row], "lacks its words in prose")


class _Words:
    """Looks words up in the vocabulary, most of them once."""

    def __init__(self, store: Store, connection: Connection) -> None:
        self._dialect = store.dialect
        self._connection = connection
        self._found: set[int] = set()

    async def missing(self, words: Iterable[Word]) -> AsyncIterator[Word]:
        """Those of `words` that are not in the vocabulary as they should be."""
        if len(self._found) > REMEMBERED:
            self._found.clear()
        unknown = [word for word in words if word.h not in self._found]
        forms = await self._forms([(s, word.h, f) for word in unknown for s, f in word.forms])
        texts = await self._texts([word.h for word in unknown if word.texts])
        for word in unknown:
            known = all((s, word.h, f) in forms for s, f in word.forms)
            if known and all((p, norm, word.h) in texts for p, norm in word.texts):
                if not word.unique:
                    self._found.add(word.h)
            else:
                yield word

    async def _forms(self, rows: list[Row]) -> set[Row]:
        found: set[Row] = set()
        for start in range(0, len(rows), ROWS_PER_QUERY):
            chunk = rows[start : start + ROWS_PER_QUERY]
            marks = [f"cast(?{n} as bigint)" for n in range(1, 3 * len(chunk) + 1)]
            tuples = ", ".join(f"({', '.join(marks[n : n + 3])})" for n in range(0, len(marks), 3))
            sql = f"select s, h, f from forms where (s, h, f) in (values {tuples})"
            found.update(tuple(row) for row in await self._connection.fetch(sql, [n for row in chunk for n in row]))
        return found

    async def _texts(self, hs: list[int]) -> set[Row]:
        found: set[Row] = set()
        for table in ("words", OWN_WORDS) if self._dialect.clustered else ("words",):
            sql = f"select p, norm, h from {table} where {self._dialect.any_of('h', '?1')}"
            found.update(tuple(row) for row in await self._connection.fetch(sql, (self._dialect.array(hs),)))
        return found


async def _versions(connection: Connection) -> AsyncIterator[Problem]:
    gaps = await connection.fetch(
        "select r.rt, r.id, r.ver, count(h.ver) from res r left join hist h on h.ck = r.ck and h.k = r.k "
        "group by r.ck, r.k, r.rt, r.id, r.ver having count(h.ver) <> r.ver - 1 or coalesce(max(h.ver), 0) >= r.ver"
    )
    for rt, id, version, older in gaps:
        yield Problem(f"{type_name(rt)}/{id}", f"is at version {version} and has {older} older versions")
    orphans = await _number(
        connection, "select count(*) from hist h where not exists (select 1 from res r where r.ck = h.ck and r.k = h.k)"
    )
    if orphans:
        yield Problem("hist", f"holds {orphans} versions of no resource")
    number, last = (await connection.fetch("select count(*), coalesce(max(seq), 0) from events"))[0]
    counter = await _number(connection, "select n from counter where name = 'seq'")
    if not number == last == counter:
        yield Problem("events", f"holds {number} events, the newest is {last}, the counter says {counter}")
    versions = await _number(connection, "select (select count(*) from res) + (select count(*) from hist)")
    if versions != number:
        yield Problem("events", f"holds {number} events for {versions} versions")
