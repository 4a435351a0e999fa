"""The typed tree that the parameters of a search become: what a resource must satisfy, with values already hashed.

Every node is a small frozen record that knows nothing of URLs or SQL: `criteria` builds the tree, `probes`
and `sources` turn it into SQL, `planner` weighs it. The one thing to know: a leaf is about one index table
and holds everything that must be bound, so two searches of one shape give the same SQL text. Leaves whose hashes
must first be looked up (`unresolved`) become these before a search is planned.
See docs/architecture.md, "Storage", for the tables.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from suture.search.prose_query import Asked
from suture.search.unresolved import Unresolved

Test = tuple[Literal["lo", "hi"], Literal["<", "<=", ">", ">="], int | float]
"""A comparison of one end of an indexed range with a value of the search."""


class Token(msgspec.Struct, frozen=True):
    """A row of `tok` with one of these hashes. `few`: its kind matches few resources (an identifier, a patient)."""

    hashes: tuple[int, ...]
    few: bool


class StartsWith(msgspec.Struct, frozen=True):
    """A row of `str` of a parameter of `hs` whose folded text begins with `prefix` (folded, not empty)."""

    hs: tuple[int, ...]
    prefix: str


class Equals(msgspec.Struct, frozen=True):
    """A row of `str` of a parameter of `hs` with exactly this pair of texts (also uri parameters)."""

    hs: tuple[int, ...]
    norm: str
    raw: str


class Contains(msgspec.Struct, frozen=True):
    """A row of `str` of a parameter of `hs` whose folded text contains `part` (folded, not empty), or ends with it."""

    hs: tuple[int, ...]
    part: str
    at_end: bool = False


class Compares(msgspec.Struct, frozen=True):
    """A row of `str` of a parameter of `hs` whose folded text comes before or after `norm`, or differs from it."""

    hs: tuple[int, ...]
    comparison: Literal["<", "<=", ">", ">=", "<>", "="]
    norm: str


class Range(msgspec.Struct, frozen=True):
    """A row of `dat` or `qty` under hash `h` that passes every test in `every` and, if there are any, one of `some`.

    `far`: where the parameter is the type's primary clinical date, whose earliest start is `res.sdate`: the hash of the
    token of resources with dates that reach far from it (`window`).
    """

    table: Literal["dat", "qty"]
    h: int
    every: tuple[Test, ...]
    some: tuple[Test, ...] = ()
    far: int | None = None


class Updated(msgspec.Struct, frozen=True):
    """`res.upd` lies in [low, high], microseconds, None where open; outside of it when not `inside`."""

    low: int | None
    high: int | None
    inside: bool = True


class Ids(msgspec.Struct, frozen=True):
    """One of these resources, by `rh`."""

    rhs: tuple[int, ...]


class Missing(msgspec.Struct, frozen=True):
    """The parameter with this bit has no value (`missing`) or has one."""

    bit: int
    missing: bool


class Types(msgspec.Struct, frozen=True):
    """A resource of one of these type numbers."""

    rts: tuple[int, ...]


class Refers(msgspec.Struct, frozen=True):
    """A resource that refers to one of the resources `ts` by one of the reference parameters `ps`.

    `few`: such targets have few referrers (a patient, not an organization). `owner`: `ts` are patients, `ps` is the
    parameter that names the one patient to which the resource belongs.
    """

    ts: tuple[int, ...]
    ps: tuple[int, ...]
    few: bool = False
    owner: bool = False


class Near(msgspec.Struct, frozen=True):
    """A position within a distance of a point, all by great circle.

    `latitude`, `longitude`: hashes of the qty rows. `at`: the point in degrees. `reach`: sin² of half the angle.
    """

    latitude: int
    longitude: int
    at: tuple[float, float]
    reach: float


class Prose(msgspec.Struct, frozen=True):
    """Words in the narrative or in all content of a resource of one of these types."""

    column: Literal["narrative", "content"]
    asked: Asked
    types: tuple[str, ...]


class Chain(msgspec.Struct, frozen=True):
    """A resource that refers by parameter `p` to a resource of type `rt` that satisfies `inner`."""

    p: int
    rt: int
    inner: "Filter"


class Has(msgspec.Struct, frozen=True):
    """A resource to which a resource of type `rt` that satisfies `inner` refers by its parameter `p`."""

    p: int
    rt: int
    inner: "Filter"


class Holds(msgspec.Struct, frozen=True):
    """A resource that contains one that satisfies `inner`."""

    inner: "Filter"


class Enters(msgspec.Struct, frozen=True):
    """A resource that refers by parameter `p` to one that it contains and that satisfies `inner`.

    `form`: is in the table `forms` when there are contained resources of the type that `inner` is about.
    """

    p: int
    form: int
    inner: "Filter"


class Named(msgspec.Struct, frozen=True):
    """A contained resource to which its container refers by parameter `p`; the container satisfies `inner`."""

    p: int
    inner: "Filter"


class Beside(msgspec.Struct, frozen=True):
    """A contained resource to which another one in its container refers by parameter `p`; that satisfies `inner`."""

    p: int
    inner: "Filter"


class Marked(msgspec.Struct, frozen=True):
    """A contained resource whose parameter with this bit has no value (`missing`) or has one. `h`: of its own row."""

    h: int
    bit: int
    missing: bool


class And(msgspec.Struct, frozen=True):
    """All of these. Empty: everything."""

    items: "tuple[Filter, ...]"


class Or(msgspec.Struct, frozen=True):
    """At least one of these. Empty: nothing."""

    items: "tuple[Filter, ...]"


class Not(msgspec.Struct, frozen=True):
    """Everything else, also resources without any value."""

    item: "Filter"


Text = StartsWith | Equals | Contains | Compares
Column = Updated | Ids | Missing | Types
Ready = Token | Text | Range | Column | Refers | Near | Prose | Marked
"""Leaves that can be turned into SQL."""
Filter = Ready | Unresolved | Chain | Has | Holds | Enters | Named | Beside | And | Or | Not

EVERYTHING = And(())
NOTHING = Or(())


def all_of(filters: Iterable[Filter]) -> Filter:
    """The conjunction, without needless nesting."""
    items: list[Filter] = []
    for item in filters:
        if isinstance(item, And):
            items.extend(item.items)
        elif item == NOTHING:
            return NOTHING
        else:
            items.append(item)
    return items[0] if len(items) == 1 else And(tuple(items))


def any_of(filters: Iterable[Filter]) -> Filter:
    """The disjunction; tokens become one leaf, ids become one leaf, and so do equal texts of several parameters."""
    texts: dict[Filter, dict[int, None]] = {}
    hashes: dict[int, None] = {}
    rhs: dict[int, None] = {}
    prose: dict[Prose, dict[str, None]] = {}
    few = True
    rest: dict[Filter, None] = {}
    for item in _alternatives(filters):
        match item:
            case StartsWith() | Equals() | Contains() | Compares():
                texts.setdefault(msgspec.structs.replace(item, hs=()), {}).update(dict.fromkeys(item.hs))
            case Token():
                hashes.update(dict.fromkeys(item.hashes))
                few = few and item.few
            case Ids():
                rhs.update(dict.fromkeys(item.rhs))
            case Prose():
                prose.setdefault(msgspec.structs.replace(item, types=()), {}).update(dict.fromkeys(item.types))
            case And(()):
                return EVERYTHING
            case _:
                rest[item] = None
    items: list[Filter] = []
    if hashes:
        items.append(Token(tuple(hashes), few))
    if rhs:
        items.append(Ids(tuple(rhs)))
    items += [msgspec.structs.replace(item, hs=tuple(hs)) for item, hs in texts.items()]
    items += [msgspec.structs.replace(item, types=tuple(types)) for item, types in prose.items()]
    items += rest
    return items[0] if len(items) == 1 else Or(tuple(items))


def _alternatives(filters: Iterable[Filter]) -> Iterator[Filter]:
    for item in filters:
        if isinstance(item, Or):
            yield from item.items
        else:
            yield item


def negated(filter: Filter) -> Filter:
    """The complement."""
    if filter == NOTHING:
        return EVERYTHING
    if filter == EVERYTHING:
        return NOTHING
    return filter.item if isinstance(filter, Not) else Not(filter)


def lists(filter: Filter) -> int:
    """How many lists of index rows in date order the filter is; 0 when it is none."""
    match filter:
        case Token():
            return len(filter.hashes)
        case Refers():
            return len(filter.ts) * len(filter.ps)
        case _:
            return 0


def size(filter: Filter) -> int:
    """How many leaves the tree has: how much SQL it becomes."""
    match filter:
        case And() | Or():
            return sum(size(item) for item in filter.items)
        case Not():
            return size(filter.item)
        case Chain() | Has() | Holds() | Enters() | Named() | Beside():
            return 1 + size(filter.inner)
        case Types():
            return 0
        case _:
            return 1


def conjuncts(filter: Filter) -> tuple[Filter, ...]:
    """The filters that must all hold."""
    return filter.items if isinstance(filter, And) else (filter,)
