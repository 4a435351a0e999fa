"""Which search parameters a database has besides those of the specification, and which are still being built.

The SearchParameter resources of the database are the catalogue; the tables `pending` and `building` tell what is not
complete yet. The one thing to know: a change of a SearchParameter and the order to rebuild its types are one
transaction, and so is the end of a rebuild, so a parameter is never searched while rows are missing.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
import zstandard

from suture.fhir.definitions import Definitions, SearchParameter, type_name, type_number
from suture.search.added import Unused, in_force
from suture.search.contained import CONTAINED, held_hash, inner_type, waiting
from suture.search.extraction.versions import EXTRACTION
from suture.search.fingerprints import fingerprint
from suture.store.bodies import Bodies
from suture.store.connection import Connection
from suture.store.keys import Keys
from suture.store.rebuild import ALL_CODES, schedule

META = "extraction"
"""Row of `meta` that says how the index rows of the database were made."""

MARK = "search-parameters"
"""Row of `meta` with the `mark` of the catalogue up to which all rebuilds are ordered."""

FULL_TEXT = ("_text", "_content")

ASKED = 1_000
"""Forms of the vocabulary that are looked up at once."""

_MOST = 2**24


class Catalog(msgspec.Struct, frozen=True):
    """What a database adds to the specification.

    `custom`: the added parameters. `pending`: (type, code) of those that cannot be searched yet; code "" is all.
    `rebuilding`: the types that have or may have index rows that they should not have, or lack some. `mark`: grows
    with every write of a SearchParameter. `unused`: the parameters of packages that are not in force.
    """

    custom: tuple[SearchParameter, ...] = ()
    pending: frozenset[tuple[str, str]] = frozenset()
    rebuilding: frozenset[str] = frozenset()
    mark: int = 0
    unused: tuple[Unused, ...] = ()


async def read(connection: Connection, bodies: Bodies, definitions: Definitions, known: Catalog) -> Catalog:
    """The catalogue as it is now. `known`: as it was, which is returned when nothing has changed."""
    mark = await _mark(connection)
    custom, unused = known.custom, known.unused
    if mark != known.mark:
        found = await in_force(connection, bodies, definitions)
        custom, unused = found.parameters, found.unused
    waiting = await connection.fetch("select rt, code from pending")
    building = await connection.fetch("select rt from building")
    now = Catalog(
        custom,
        frozenset((type_name(rt), code) for rt, code in waiting),
        frozenset(type_name(rt) for (rt,) in building),
        mark,
        unused,
    )
    return known if now == known else now


async def _mark(connection: Connection) -> int:
    sql = "select cast(coalesce(sum(ver), 0) as bigint) from res where rt = ?1"
    return (await connection.fetch(sql, (type_number("SearchParameter"),)))[0][0]


async def changed(connection: Connection, keys: Keys, bodies: Bodies, definitions: Definitions, known: Catalog) -> None:
    """Order what follows from writes of SearchParameters. Call it in the transaction that has written them.

    `known`: the catalogue without them.
    """
    now = await read(connection, bodies, definitions, known)
    before, after = _marks(known.custom), _marks(now.custom)
    different = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    pending: dict[int, set[str]] = {type_number(type): set[str]() for type, _ in different}
    for type, code in different & after.keys():
        pending[type_number(type)].add(code)
    holders = await _containers(connection, keys, definitions.resource_types, {type for type, _ in different})
    for container, held in holders.items():
        codes = pending.setdefault(type_number(container), set())
        codes.update(waiting(inner_type(type), code) for type, code in different & after.keys() if type in held)
    await schedule(connection, pending)
    await _record(connection, MARK, str(now.mark).encode())


async def _record(connection: Connection, name: str, value: bytes) -> None:
    await connection.execute("delete from meta where name = ?1", (name,))
    await connection.execute("insert into meta (name, value) values (?1, ?2)", (name, value))


def _marks(custom: Sequence[SearchParameter]) -> dict[tuple[str, str], str]:
    """(type, code) -> fingerprint."""
    return {(base, parameter.code): fingerprint(parameter) for parameter in custom for base in parameter.base}


State = Mapping[str, Mapping[str, str]]
"""Resource type -> parameter code -> what its index rows depend on, with the type's own under ""."""


def state(versions: Iterable[tuple[Definitions, Collection[str]]], *, contained: bool) -> State:
    """What this release extracts. `versions`: definitions, with the resource types searched by full text.

    `contained`: contained resources are indexed.
    """
    found: dict[str, dict[str, str]] = {}
    for definitions, full_text in versions:
        types: dict[str, list[str]] = {}
        for type in definitions.resource_types:
            found.setdefault(type, {})
            for name in _lineage(definitions, type):
                types.setdefault(name, []).append(type)
        for parameter in definitions.search_parameters:
            mark = fingerprint(parameter)
            for type in {type for base in parameter.base for type in types.get(base, ())}:
                found[type][parameter.code] = mark
        for type in definitions.resource_types:
            codes = found[type]
            codes[ALL_CODES] = str(EXTRACTION["resource"])
            codes[CONTAINED] = str(EXTRACTION["contained"]) if contained else ""
            for code in FULL_TEXT:
                codes[code] = str(EXTRACTION["prose"]) if type in full_text else ""
    return found


async def recorded(connection: Connection) -> State | None:
    """The state in which the database's index rows are said to be, None for a database that says nothing."""
    rows = await connection.fetch("select value from meta where name = ?1", (META,))
    if not rows:
        return None
    return json.loads(zstandard.ZstdDecompressor().decompress(bytes(rows[0][0]), max_output_size=_MOST))


async def up_to_date(connection: Connection, now: State) -> bool:
    """Whether the database was opened with the state `now` before, and has had no SearchParameters behind our back."""
    rows = await connection.fetch("select value from meta where name = ?1", (MARK,))
    ordered = int(bytes(rows[0][0])) if rows else 0
    return await recorded(connection) == now and await _mark(connection) == ordered


async def compare(connection: Connection, keys: Keys, bodies: Bodies, definitions: Definitions, now: State) -> bool:
    """Record the state `now`, and order a rebuild of what the database has differently; True when there is some.

    A bulk load brings SearchParameters without any rows of theirs. Call it in a transaction.
    """
    before = await recorded(connection)
    pending: dict[int, set[str]] = {}
    if before is not None:
        pending = stale(before, now)
        different = {type_name(rt): more for rt, codes in pending.items() if (more := codes - {CONTAINED})}
        for container, held in (await _containers(connection, keys, now, different)).items():
            codes = pending.setdefault(type_number(container), set())
            for type in held:
                words = different[type].intersection(FULL_TEXT)
                codes.update(waiting(inner_type(type), code) for code in words)
                codes.update((CONTAINED,) if different[type] - words else ())
    elif await connection.fetch("select 1 from meta where name = 'reindex'"):
        pending = {rt: {ALL_CODES} for rt in await _types_in_use(connection)}
        await connection.execute("delete from meta where name = 'reindex'")
    await schedule(connection, pending)
    await _record(connection, META, zstandard.compress(json.dumps(now, separators=(",", ":")).encode(), 9))
    if await up_to_date(connection, now):
        return bool(pending)
    await changed(connection, keys, bodies, definitions, Catalog())
    return True


def stale(before: State, now: State) -> dict[int, set[str]]:
    """Type number -> codes whose rows are not what this release would write.

    All of the type when the set of its parameters has changed, since the bits of `present` are numbered by it.
    """
    found: dict[int, set[str]] = {}
    for type, codes in now.items():
        known = before.get(type, {})
        if known.keys() != codes.keys() or known.get(ALL_CODES) != codes[ALL_CODES]:
            found[type_number(type)] = {ALL_CODES}
        elif different := {code for code, mark in codes.items() if known[code] != mark}:
            found[type_number(type)] = different
    return found


async def _containers(
    connection: Connection, keys: Keys, all_types: Iterable[str], types: Collection[str]
) -> dict[str, set[str]]:
    """The types of which resources contain some of `types`, with those, as the vocabulary tells."""
    forms = {
        held_hash(keys, container, inner_type(type)): (container, type) for container in all_types for type in types
    }
    found: dict[str, set[str]] = {}
    for start in range(0, len(forms), ASKED):
        asked = list(forms)[start : start + ASKED]
        marks = ", ".join(f"?{n}" for n in range(1, len(asked) + 1))
        for (s,) in await connection.fetch(f"select s from forms where s in ({marks})", asked):
            container, type = forms[s]
            found.setdefault(container, set()).add(type)
    return found


def _lineage(definitions: Definitions, type: str) -> set[str]:
    names: set[str] = set()
    while type:
        names.add(type)
        type = definitions.structures[type].base
    return names


async def _types_in_use(connection: Connection) -> list[int]:
    """Type numbers of which there are resources, by one look-up for each."""
    found: list[int] = []
    rows = await connection.fetch("select min(rt) from res where deleted = 0")
    while rows and rows[0][0] is not None:
        found.append(rows[0][0])
        rows = await connection.fetch("select min(rt) from res where deleted = 0 and rt > ?1", (found[-1],))
    return found
