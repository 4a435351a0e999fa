"""Which search parameters a database has besides those of the specification, and which are still being built.

The SearchParameter resources of the database are the catalogue; the tables `pending` and `building` tell what is not
complete yet. The one thing to know: a change of a SearchParameter and the order to rebuild its types are one
transaction, and so is the end of a rebuild, so a parameter is never searched while rows are missing.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence, Set

import msgspec
import zstandard

from suture.fhir import json as fhir_json
from suture.fhir.definitions import Definitions, SearchParameter, type_name, type_number
from suture.search.custom import MAX_ADDED, definition, takes_effect
from suture.search.extraction.versions import EXTRACTION
from suture.search.fingerprints import fingerprint
from suture.store.bodies import Bodies
from suture.store.connection import Connection
from suture.store.rebuild import ALL_CODES, schedule

META = "extraction"
"""Row of `meta` that says how the index rows of the database were made."""

FULL_TEXT = ("_text", "_content")

_MOST = 2**24


class Catalog(msgspec.Struct, frozen=True):
    """What a database adds to the specification.

    `custom`: the added parameters. `pending`: (type, code) of those that cannot be searched yet; code "" is all.
    """

    custom: tuple[SearchParameter, ...] = ()
    pending: frozenset[tuple[str, str]] = frozenset()


async def read(connection: Connection, bodies: Bodies, definitions: Definitions) -> Catalog:
    """Read the catalogue."""
    rows = await connection.fetch(
        "select enc, body from res where rt = ?1 and deleted = 0 order by k", (type_number("SearchParameter"),)
    )
    added: dict[str, SearchParameter] = {}
    taken: set[tuple[str, str]] = set()
    for enc, body in rows:
        resource = fhir_json.decode(bodies.decode(enc, bytes(body)))
        if len(added) >= MAX_ADDED or not takes_effect(definitions, resource):
            continue
        parameter = definition(resource)
        names = {(base, parameter.code) for base in parameter.base}
        if parameter.url not in added and not names & taken:
            added[parameter.url] = parameter
            taken |= names
    found = await connection.fetch("select rt, code from pending")
    pending = frozenset((type_name(rt), code) for rt, code in found)
    return Catalog(tuple(added.values()), pending)


async def changed(connection: Connection, definitions: Definitions, versions: Sequence[tuple[bytes, bytes]]) -> None:
    """Order what follows from new versions of SearchParameters. Call it in the transaction that writes them.

    `versions`: (body before, body after) of each, b"" for none.
    """
    pending: dict[int, set[str]] = {}
    for before, after in versions:
        old, new = _in_force(definitions, before), _in_force(definitions, after)
        if old is not None and new is not None and fingerprint(old) == fingerprint(new):
            continue
        for parameter in (old, new):
            for base in parameter.base if parameter is not None else ():
                codes = pending.setdefault(type_number(base), set())
                if parameter is new:
                    codes.add(new.code if new is not None else "")
    await schedule(connection, pending)


def _in_force(definitions: Definitions, body: bytes) -> SearchParameter | None:
    if not body:
        return None
    resource = fhir_json.decode(body)
    return definition(resource) if takes_effect(definitions, resource) else None


State = Mapping[str, Mapping[str, str]]
"""Resource type -> parameter code -> what its index rows depend on, with the type's own under ""."""


def state(versions: Iterable[tuple[Definitions, Collection[str]]]) -> State:
    """What this release extracts. `versions`: definitions, with the resource types searched by full text."""
    found: dict[str, dict[str, str]] = {}
    for definitions, full_text in versions:
        lineages = {type: _lineage(definitions, type) for type in definitions.resource_types}
        for parameter in definitions.search_parameters:
            mark = fingerprint(parameter)
            for type, lineage in lineages.items():
                if lineage.intersection(parameter.base):
                    found.setdefault(type, {})[parameter.code] = mark
        for type, codes in found.items():
            codes[ALL_CODES] = str(EXTRACTION["resource"])
            for code in FULL_TEXT:
                codes[code] = str(EXTRACTION["prose"]) if type in full_text else ""
    return found


async def recorded(connection: Connection) -> State | None:
    """The state in which the database's index rows are said to be, None for a database that says nothing."""
    rows = await connection.fetch("select value from meta where name = ?1", (META,))
    if not rows:
        return None
    return json.loads(zstandard.ZstdDecompressor().decompress(bytes(rows[0][0]), max_output_size=_MOST))


async def compare(connection: Connection, now: State) -> bool:
    """Record the state `now`, and order a rebuild of what the database has differently; True when there is some.

    Call it in a transaction.
    """
    before = await recorded(connection)
    pending: Mapping[int, Set[str]] = {}
    if before is not None:
        pending = stale(before, now)
    elif await connection.fetch("select 1 from meta where name = 'reindex'"):
        pending = {rt: {ALL_CODES} for rt in await _types_in_use(connection)}
        await connection.execute("delete from meta where name = 'reindex'")
    await schedule(connection, pending)
    await connection.execute("delete from meta where name = ?1", (META,))
    packed = zstandard.compress(json.dumps(now, separators=(",", ":")).encode(), 9)
    await connection.execute("insert into meta (name, value) values (?1, ?2)", (META, packed))
    return bool(pending)


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
