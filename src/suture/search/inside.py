"""`_containedType=contained`: a page of containers becomes one of the contained resources that match.

Specification: https://hl7.org/fhir/R4/search.html#contained. The one thing to know: pages are read by containers, so
that nothing is lost or repeated while others write, and a position says in addition after which of the contained
resources of its container a page begins. With `_contained=both` a container that matches by itself comes before those.
"""

from collections.abc import Iterable, Sequence

import msgspec

from suture.search.filters import Filter, Holds, Or
from suture.search.order import Position
from suture.search.paging import Place, Turned
from suture.search.planner import Known, choose
from suture.search.probes import inside_condition, probe
from suture.search.sources import candidates
from suture.search.statement import Row, Statement
from suture.store.connection import Connection
from suture.store.contained import SPAN, container, number
from suture.store.rows import Stored
from suture.store.tables import COLUMNS

OWN = 0
"""In the place of the number of a contained resource: the container itself."""


class Entry(msgspec.Struct, frozen=True):
    """One result: the `number`-th contained resource of the `at`-th container of a page, or OWN."""

    at: int
    number: int


class _Part(msgspec.Struct, frozen=True):
    id: str = ""


class _Body(msgspec.Struct, frozen=True):
    contained: tuple[msgspec.Raw, ...] = ()


_read = msgspec.json.Decoder(_Body).decode
_read_part = msgspec.json.Decoder(_Part).decode


def parted(filters: Sequence[Filter]) -> tuple[list[Filter], Filter | None]:
    """What contained resources of the matches must satisfy, by type, and what containers match by themselves, if any.

    `filters`: of a search for contained resources, resolved.
    """
    held: list[Filter] = []
    own: Filter | None = None
    first, *_ = filters
    for item in first.items if isinstance(first, Or) else (first,):
        if isinstance(item, Holds):
            held.append(item.inner)
        else:
            own = item
    return held, own


def results_sql(s: Statement, containers: str, filters: Sequence[Filter]) -> str:
    """A select of `k` of every result: of contained resources, or of containers that match by themselves.

    `containers`: SQL of a table of the matching containers, with the columns of `res`.
    """
    held, own = parted(filters)
    selects: list[str] = []
    for inner in held:
        x, a = s.alias(), s.alias()
        beside = s.beside("dat", a, inside_condition(s, inner, a, Row(s, x, is_res=True)))
        selects.append(f"select {a}.k from {containers} {x}{beside}")
    if own is not None:
        x = s.alias()
        selects.append(f"select {x}.k from {containers} {x} where {probe(s, own, Row(s, x, is_res=True))}")
    return " union ".join(selects)


async def count_inside(connection: Connection, s: Statement, filters: Sequence[Filter], known: Known) -> int | None:
    """How many results there are; None when it would take more than the budget of `s` to tell."""
    driver, _ = choose(filters, known)
    found = candidates(s, filters, (), driver, known, with_res=True)
    res = found.row.res
    columns = ", ".join(f"{res}.{name}" for name in COLUMNS["res"] if name != "body")
    containers = s.named(f"select {columns} from {found.tables} where {found.condition}")
    results = results_sql(s, containers, filters)
    rows = await connection.fetch(s.complete(f"select count(*) from ({results}) {s.alias()}", 1), s.args)
    return rows[0][0] if len(rows) == 1 else None


async def results_in(connection: Connection, s: Statement, filters: Sequence[Filter], rhs: Sequence[int]) -> list[int]:
    """`k` of every result in the containers with the hashes `rhs`. `s`: a fresh statement."""
    containers = f"(select * from res where {s.any_of('rh', rhs)})"
    return [k for (k,) in await connection.fetch(results_sql(s, containers, filters), s.args)]


def entries(found: Iterable[int], places: Sequence[Place]) -> list[Entry]:
    """The results `found`, by `k`, in the order of their containers `places`."""
    at = {place.stored.k: number for number, place in enumerate(places)}
    results = [Entry(at[container(k)], number(k) if k < 0 else OWN) for k in found if container(k) in at]
    return sorted(results, key=lambda entry: (entry.at, entry.number))


def turned_inside(found: Sequence[Entry], places: Sequence[Place], position: Position | None, count: int) -> Turned:
    """The page of at most `count` of the results `found`.

    `places`: of the containers, in the direction of reading; there are `count` + 2 when there are more of them.
    """
    backward = position is not None and position.backward
    if backward:
        found = sorted(found, key=lambda entry: (-entry.at, entry.number))
    left = [entry for entry in found if position is None or _after(entry, places[entry.at], position)]
    page = left[-count:] if backward else left[:count]
    more = len(left) > count or len(places) > count + 1
    if page:
        first, last = ((places[entry.at], entry.number) for entry in (page[0], page[-1]))
    elif more:  # what was found was changed at that moment
        first, last = (places[-1], OWN), (places[-1], SPAN)
    elif position is not None:  # others deleted what was here: the way back remains
        part = position.part + (-1 if backward else 1)
        back = msgspec.structs.replace(position, backward=not backward, inclusive=True, part=part)
        return Turned([], [], back, None) if backward else Turned([], [], None, back)
    else:
        return Turned([], [], None, None)
    follows, precedes = (more, position is not None) if not backward else (True, more)
    return Turned(
        [_shown(places[entry.at].stored, entry) for entry in page],
        [places[at].stored for at in dict.fromkeys(entry.at for entry in page)],
        _position(*last, backward=False) if follows else None,
        _position(*first, backward=True) if precedes else None,
    )


def _after(entry: Entry, place: Place, position: Position) -> bool:
    if place.stored.k != position.k:
        return True
    return entry.number < position.part if position.backward else entry.number > position.part


def _position(place: Place, part: int, *, backward: bool) -> Position:
    return Position(place.values, place.stored.k, backward, inclusive=True, part=part)


def _shown(container: Stored, entry: Entry) -> Stored:
    """The result as something to show: a contained resource has an id with that of its container before it."""
    if entry.number == OWN:
        return container
    body = bytes(_read(container.body).contained[entry.number - 1])
    return msgspec.structs.replace(container, id=f"{container.id}#{_read_part(body).id}", body=body)
