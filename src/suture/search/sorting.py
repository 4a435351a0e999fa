"""`_sort`: by which values, in which direction.

Specification: https://hl7.org/fhir/R4/search.html#sort. Ascending order takes the smallest value of a
resource, descending order the greatest. Resources without a value come last in both directions, except
that a missing primary clinical date counts as older than every date. The one thing to know: the surrogate
`k` always decides last, so that the order is total and pages neither lose nor repeat anything.
"""

from typing import Literal

import msgspec

from suture.fhir.definitions import type_number
from suture.fhir.outcomes import Invalid, Issue
from suture.search.names import Names
from suture.search.parameters import Parameter
from suture.store.keys import Keys

MAX_KEYS = 8

By = Literal["sdate", "upd", "id", "str", "dat", "qty", "ref"]


class SortKey(msgspec.Struct, frozen=True):
    """One key. `by`: a column of `res`, or the index table whose rows of hash `h` give the value.

    `targets`: for `ref`, the type numbers of the targets that count (empty: any).
    """

    by: By
    descending: bool
    h: int = 0
    targets: tuple[int, ...] = ()


NEWEST_DATE = SortKey("sdate", descending=True)
NEWEST_UPDATE = SortKey("upd", descending=True)
"""The natural orders: of a search in one type, and of a search over several."""

_TABLES: dict[str, By] = {"string": "str", "uri": "str", "date": "dat", "number": "qty", "quantity": "qty"}


def sort_keys(names: Names, keys: Keys, types: tuple[str, ...], text: str) -> tuple[SortKey, ...]:
    """The keys of `_sort=text` for a search in `types`. Raises UnknownParameter or Invalid."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.lstrip("-") for part in parts):
        raise Invalid("_sort needs the names of search parameters, such as _sort=-date,_id.")
    if len(parts) > MAX_KEYS:
        raise Invalid(f"_sort has {len(parts)} keys, more than {MAX_KEYS}.")
    return tuple(_sort_key(names, keys, types, part) for part in parts)


def _sort_key(names: Names, keys: Keys, types: tuple[str, ...], part: str) -> SortKey:
    descending = part.startswith("-")
    code = part[1:] if descending else part
    type = types[0]
    parameter = names.parameter(type, code)
    if parameter.column == "upd":
        return SortKey("upd", descending)
    if parameter.column == "id":
        return SortKey("id", descending)
    if len(types) > 1:
        raise Invalid("A search over several resource types is sorted by _lastUpdated or _id.")
    if parameter.sdate:
        return SortKey("sdate", descending)
    h = keys.parameter(type, parameter.rows)
    if parameter.type == "reference" and not parameter.canonical:
        return SortKey("ref", descending, h, _targets(parameter))
    if parameter.type not in _TABLES:
        text = f"Suture cannot sort by '{code}', because it is a {parameter.type}."
        raise Invalid(issues=[Issue("error", "not-supported", text)])
    return SortKey(_TABLES[parameter.type], descending, h)


def _targets(parameter: Parameter) -> tuple[int, ...]:
    if parameter.rows == parameter.code:
        return ()
    return tuple(map(type_number, parameter.targets))
