"""Which of the SearchParameters in a database are in force: those of users, then those of packages.

The one thing to know: a user's was checked when it was written, and holds before any package's. Of the versions of one
parameter in several packages the newest holds; what cannot be built, or has the code of another, is told as unused.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from suture.fhir import json
from suture.fhir.definitions import Definitions, SearchParameter, type_number
from suture.fhir.packages.numbering import order
from suture.search.custom import MAX_ADDED, alike, definition, takes_effect, unusable
from suture.store.bodies import Bodies
from suture.store.connection import Connection
from suture.store.owned import is_owned

Resource = Mapping[str, Any]


class Unused(msgspec.Struct, frozen=True):
    """A parameter of a package that is not in force. `reason`: a sentence."""

    url: str
    code: str
    base: tuple[str, ...]
    reason: str


class Added(msgspec.Struct, frozen=True):
    """The parameters in force, those of users first, and the unused ones of packages."""

    parameters: tuple[SearchParameter, ...] = ()
    unused: tuple[Unused, ...] = ()


async def in_force(connection: Connection, bodies: Bodies, definitions: Definitions) -> Added:
    """What the database adds to the parameters of the specification."""
    rows = await connection.fetch(
        "select id, enc, body from res where rt = ?1 and deleted = 0 order by k", (type_number("SearchParameter"),)
    )
    users: list[Resource] = []
    packaged: list[Resource] = []
    for id, enc, body in rows:
        resource = json.reread(bodies.decode(enc, bytes(body)))
        if takes_effect(definitions, resource):
            (packaged if is_owned(id) else users).append(resource)
    return _chosen(definitions, users, packaged)


def _chosen(definitions: Definitions, users: Iterable[Resource], packaged: Sequence[Resource]) -> Added:
    """Of several with one URL, or one code for a type, the first; of the versions in packages the newest."""
    found: dict[str, SearchParameter] = {}
    taken: dict[tuple[str, str], str] = {}
    for resource in users:
        given = definition(resource)
        names = _names(given)
        if len(found) < MAX_ADDED and given.url not in found and not taken.keys() & names:
            found[given.url] = given
            taken |= dict.fromkeys(names, given.url)
    unused: list[Unused] = []
    for resource in _newest(packaged):
        given = definition(resource)
        if given.url in found:
            continue
        reason = _obstacle(definitions, tuple(found.values()), taken, given)
        if reason:
            unused.append(Unused(given.url, given.code, given.base, reason))
            continue
        found[given.url] = given
        taken |= dict.fromkeys(_names(given), given.url)
    return Added(tuple(found.values()), tuple(unused))


def _names(given: SearchParameter) -> set[tuple[str, str]]:
    return {(base, alike(given.code)) for base in given.base}


def _newest(packaged: Sequence[Resource]) -> Iterator[Resource]:
    """The newest version of each, in the order in which the URLs came."""
    newest: dict[str, Resource] = {}
    for resource in packaged:
        known = newest.setdefault(resource["url"], resource)
        if order(resource.get("version", "")) > order(known.get("version", "")):
            newest[resource["url"]] = resource
    yield from newest.values()


def _obstacle(
    definitions: Definitions,
    others: Sequence[SearchParameter],
    taken: Mapping[tuple[str, str], str],
    given: SearchParameter,
) -> str:
    """Why a parameter of a package cannot be in force; "" when it can."""
    if len(others) >= MAX_ADDED:
        return f"There are {MAX_ADDED} added search parameters already."
    for base, code in sorted(_names(given)):
        there = taken.get((base, code)) or _specified(definitions, base).get(code)
        if there:
            return f"{base} already has a search parameter '{given.code}', which is {there}."
    return unusable(definitions, others, given)


def _specified(definitions: Definitions, type: str) -> dict[str, str]:
    """The codes of the specification's parameters of a type, with their URLs."""
    lineage: set[str] = set()
    while type in definitions.structures:
        lineage.add(type)
        type = definitions.structures[type].base
    return {alike(p.code): p.url for p in definitions.search_parameters if not lineage.isdisjoint(p.base)}
