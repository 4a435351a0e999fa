"""`_sort`: by which values, in which direction.

Specification: https://hl7.org/fhir/R4/search.html#sort. Ascending order takes the smallest value of a
resource, descending order the greatest. Resources without a value come last in both directions, except
that a missing primary clinical date counts as older than every date. The one thing to know: the surrogate
`k` always decides last, so that the order is total and pages neither lose nor repeat anything.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from suture.fhir.definitions import type_number
from suture.fhir.outcomes import Invalid, Issue
from suture.search.names import Names
from suture.search.parameters import Parameter
from suture.store.keys import Keys

MAX_KEYS = 8

MAX_LINKS = 3
"""Links of a chained sort."""

By = Literal["sdate", "upd", "id", "str", "dat", "qty", "ref", "tok", "score"]


class Step(msgspec.Struct, frozen=True):
    """One link of a chained sort: the references `ps`, to resources of the types `rts`."""

    ps: tuple[int, ...]
    rts: tuple[int, ...]


class SortKey(msgspec.Struct, frozen=True):
    """One key. `by`: a column of `res`, or the table whose rows of the hashes `hs` give the value.

    `tok` takes the codes from the vocabulary, `score` puts what matches a text best first. `targets`: for `ref`, the
    type numbers of the targets that count (empty: any). `path`: the value is that of the resource at the end of these
    links. `unique`: see `Parameter`.
    """

    by: By
    descending: bool
    hs: tuple[int, ...] = ()
    targets: tuple[int, ...] = ()
    path: tuple[Step, ...] = ()
    unique: bool = False


NEWEST_DATE = SortKey("sdate", descending=True)
NEWEST_UPDATE = SortKey("upd", descending=True)
"""The natural orders: of a search in one type, and of a search over several."""

_TABLES: dict[str, By] = {
    "string": "str",
    "uri": "str",
    "date": "dat",
    "number": "qty",
    "quantity": "qty",
    "token": "tok",
    "reference": "ref",
}


def sort_keys(names: Names, keys: Keys, types: Sequence[str], text: str) -> tuple[SortKey, ...]:
    """The keys of `_sort=text` for a search in `types`. Raises UnknownParameter or Invalid."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.lstrip("-") for part in parts):
        raise Invalid("_sort needs the names of search parameters, such as _sort=-date,_id.")
    if len(parts) > MAX_KEYS:
        raise Invalid(f"_sort has {len(parts)} keys, more than {MAX_KEYS}.")
    return tuple(_sort_key(names, keys, types, part) for part in parts)


def _sort_key(names: Names, keys: Keys, types: Sequence[str], part: str) -> SortKey:
    descending = part.startswith("-")
    if part.removeprefix("-") == "_score":
        return SortKey("score", descending)
    *links, code = part.removeprefix("-").split(".")
    if len(links) > MAX_LINKS:
        raise Invalid(f"_sort may follow at most {MAX_LINKS} references.")
    path: list[Step] = []
    for link in links:
        types, step = _step(names, keys, types, link)
        path.append(step)
    parameters = [names.parameter(type, code) for type in types]
    first = parameters[0]
    if first.column:
        return SortKey("upd" if first.column == "upd" else "id", descending, path=tuple(path))
    if len({(parameter.type, parameter.canonical) for parameter in parameters}) > 1:
        raise Invalid(f"_sort by '{code}': the parameter is not of the same type in {', '.join(types)[:200]}.")
    if len(types) == 1 and first.sdate:
        return SortKey("sdate", descending, path=tuple(path))
    by = "str" if first.canonical else _TABLES.get(first.type)
    if by is None:
        text = f"Suture cannot sort by '{code}', because it is a {first.type}."
        raise Invalid(issues=[Issue("error", "not-supported", text)])
    hs = tuple(keys.parameter(p.resource_type, rows) for p in parameters for rows in p.rows)
    targets = _targets(parameters) if by == "ref" else ()
    return SortKey(by, descending, hs, targets, tuple(path), any(parameter.unique for parameter in parameters))


def _step(names: Names, keys: Keys, types: Sequence[str], link: str) -> tuple[tuple[str, ...], Step]:
    """The types to which `link` (`subject` or `subject:Patient`) leads."""
    code, _, named = link.partition(":")
    parameters = [names.reference(type, code) for type in types]
    possible = tuple(dict.fromkeys(target for parameter in parameters for target in names.targets(parameter)))
    if named:
        if named not in possible:
            raise Invalid(f"'{code}' never refers to '{named[:60]}'.")
        possible = (named,)
    elif len(possible) > 1:
        raise Invalid(
            f"_sort by '{code}' may follow references to {len(possible)} resource types. "
            f"Name one, such as {code}:{'Patient' if 'Patient' in possible else possible[0]}."
        )
    ps = tuple(keys.parameter(p.resource_type, rows) for p in parameters for rows in p.rows)
    return possible, Step(ps, tuple(map(type_number, possible)))


def _targets(parameters: Sequence[Parameter]) -> tuple[int, ...]:
    if all(parameter.rows == (parameter.code,) for parameter in parameters):
        return ()
    return tuple(sorted({type_number(target) for parameter in parameters for target in parameter.targets}))
