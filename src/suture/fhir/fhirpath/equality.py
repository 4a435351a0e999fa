"""`=`, `~` and what is a duplicate.

Specification: http://hl7.org/fhirpath/#equality. Equality has three answers: None means that nobody can know, as
between a day and a moment within it. `key` gives each item a value that is the same exactly for items that are equal,
so that `distinct()`, `|` and `intersect()` need no comparison of all with all.
"""

from collections import Counter
from collections.abc import Hashable
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

from suture.fhir.fhirpath import quantities, temporal, types
from suture.fhir.fhirpath.environment import Budget
from suture.fhir.fhirpath.quantities import DEFINITE_UNITS, Measure
from suture.fhir.fhirpath.types import Item, Json
from suture.fhir.fhirpath.values import Items, moment, number, quantity
from suture.fhir.ucum import canonical

# Unicode White_Space
_WHITE = dict.fromkeys(
    (9, 10, 11, 12, 13, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000), " "
)
_STRUCTURE = 25
"""Steps that a structure counts for."""
_CODED = {"system", "code"}
_UNCOMPARED = {"id"}
_NUMBERS = (types.INTEGER, types.LONG, types.DECIMAL)
_DATES = (types.DATE, types.DATETIME)


def equal(left: Items, right: Items) -> bool | None:
    """`left = right`."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    answer: bool | None = True
    for one, other in zip(left, right, strict=True):
        same = equal_items(one, other)
        if same is False:
            return False
        if same is None:
            answer = None
    return answer


def equal_items(one: Item, other: Item) -> bool | None:
    """Whether two items are equal."""
    left, left_type, left_extra = one
    right, right_type, right_extra = other
    if left is None or right is None:
        # a primitive without a value equals one with the same extensions only
        return True if left is right and left_extra is not None and left_extra == right_extra else None
    kind, other_kind = left_type.kind, right_type.kind
    if kind == other_kind:
        if kind <= types.INTEGER:
            return left == right
        if kind == types.COMPLEX:
            return _equal_structures(one, other)
    if kind == types.QUANTITY or other_kind == types.QUANTITY:
        return _equal_quantities(one, other)
    if kind in _NUMBERS and other_kind in _NUMBERS:
        return number(one) == number(other)
    if (kind in _DATES and other_kind in _DATES) or kind == other_kind == types.TIME:
        first, second = moment(one), moment(other)
        if first is None or second is None:
            return left == right
        order = temporal.compare(first, second)
        return None if order is None else order == 0
    return False


def _equal_quantities(one: Item, other: Item) -> bool | None:
    left, right = quantity(one), quantity(other)
    if left is None or right is None:
        # two quantities that do not say how much are the same when they are the same structures
        return one[0] == other[0] if one[1].kind == other[1].kind else False
    order = quantities.compare(left, right)
    return None if order is None else order == 0


def _equal_structures(one: Item, other: Item) -> bool | None:
    left, right = one[0], other[0]
    if left is right or left == right:
        return True
    if not (isinstance(left, dict) and isinstance(right, dict)):
        return False
    answer: bool | None = True
    for name in sorted(_element_names(one) | _element_names(other)):
        first, second = _children(one, name), _children(other, name)
        if len(first) != len(second):
            return False
        same = equal(first, second) if first else True
        if same is False:
            return False
        if same is None:
            answer = None
    return answer


def _element_names(item: Item) -> set[str]:
    keys = item[1].keys
    found: set[str] = set()
    for key in cast(Json, item[0]):
        field = keys[key]
        found.add(field.name if field else key)
    return found


def _children(item: Item, name: str) -> list[Item]:
    found: list[Item] = []
    field = item[1].fields[name]
    if field is not None:
        field.read(item[0], found)
    return found


def equivalent(left: Items, right: Items, budget: Budget) -> bool:
    """`left ~ right`."""
    if len(left) != len(right):
        return False
    if len(left) == 1:
        return equivalent_items(left[0], right[0], budget)
    if all(item[1].kind == types.STRING for items in (left, right) for item in items):
        return Counter(_folded(item[0]) for item in left) == Counter(_folded(item[0]) for item in right)
    budget.spend(len(left) * len(right))
    rest = list(right)
    for one in left:
        found = next((at for at, other in enumerate(rest) if equivalent_items(one, other, budget)), None)
        if found is None:
            return False
        del rest[found]
    return True


def equivalent_items(one: Item, other: Item, budget: Budget) -> bool:
    """Whether two items are equivalent."""
    left, left_type, _ = one
    right, right_type, _ = other
    if left is None or right is None:
        return left is right
    kind, other_kind = left_type.kind, right_type.kind
    if kind == other_kind == types.STRING:
        return _folded(left) == _folded(right)
    if kind == types.QUANTITY or other_kind == types.QUANTITY:
        first, second = quantity(one), quantity(other)
        return quantities.equivalent(first, second) if first and second else bool(left == right)
    if kind in _NUMBERS and other_kind in _NUMBERS:
        return _equivalent_numbers(number(one), number(other))
    if kind == other_kind == types.COMPLEX and isinstance(left, dict) and isinstance(right, dict):
        return _equivalent_structures(one, other, budget)
    return equal_items(one, other) is True


def _equivalent_numbers(left: int | Decimal | None, right: int | Decimal | None) -> bool:
    if left is None or right is None:
        return False
    return quantities.equivalent(Measure(Decimal(left), "1"), Measure(Decimal(right), "1"))


def _equivalent_structures(one: Item, other: Item, budget: Budget) -> bool:
    """FHIR leaves ids out, compares Codings by system and code, and concepts by any Coding of theirs
    (https://hl7.org/fhir/R4/fhirpath.html#changes)."""
    left, right = cast(Json, one[0]), cast(Json, other[0])
    if left == right:
        return True
    if "CodeableConcept" in one[1].supers and "CodeableConcept" in other[1].supers:
        codings, others = _children(one, "coding"), _children(other, "coding")
        if codings and others:
            budget.spend(len(codings) * len(others))
            return any(equivalent_items(first, second, budget) for first in codings for second in others)
    names = _element_names(one) | _element_names(other)
    names = names & _CODED if "Coding" in one[1].supers and "Coding" in other[1].supers else names - _UNCOMPARED
    budget.spend(len(names))
    return all(equivalent(_children(one, name), _children(other, name), budget) for name in names)


def _folded(text: Any) -> str:
    return str(text).translate(_WHITE).casefold()


def key(item: Item) -> Hashable:
    """The same for two items exactly when they are equal; items whose equality cannot be known have different keys."""
    value, type, extra = item
    kind = type.kind
    if value is None:
        return "none", _frozen(extra)
    if kind == types.STRING:
        return value if isinstance(value, str) else ("?", _frozen(value))
    if kind in _NUMBERS or kind == types.QUANTITY:
        measure = quantity(item)
        return ("?", _frozen(value)) if measure is None else _measure_key(measure)
    if kind == types.COMPLEX:
        return _structure_key(item)
    if kind == types.BOOLEAN and isinstance(value, bool):
        return "boolean", value
    found = moment(item)
    if found is None:
        return "?", _frozen(value)
    in_utc = temporal.in_utc(found)
    zoned = found.zone is not None and len(found.fields) > temporal.DAY
    return "time" if kind == types.TIME else "date", in_utc.fields, in_utc.second, zoned


def _measure_key(measure: Measure) -> Hashable:
    if measure.foreign:
        return "foreign", measure.unit, measure.value
    word = measure.word
    if word in ("year", "month"):
        return "months", Fraction(measure.value) * (12 if word == "year" else 1)
    unit = canonical(DEFINITE_UNITS[word] if word else measure.unit)
    if unit is None or unit.offset:
        return "unit", measure.unit, measure.value
    return unit.dimension, Fraction(measure.value) * unit.factor + unit.offset


def _structure_key(item: Item) -> Hashable:
    if not isinstance(item[0], dict):
        return "?", _frozen(item[0])
    parts: list[Hashable] = []
    for name in sorted(_element_names(item)):
        # a comprehension would be one more frame for each level of the data
        parts.append((name, tuple(key(child) for child in _children(item, name))))  # noqa: PERF401
    return tuple(parts)


def _frozen(value: Any) -> Hashable:
    if isinstance(value, dict):
        return tuple(sorted((name, _frozen(one)) for name, one in cast(Json, value).items()))
    if isinstance(value, list):
        return tuple(_frozen(one) for one in cast("list[Any]", value))
    return cast(Hashable, value)


def keys(items: Items, budget: Budget) -> list[Hashable]:
    """The keys of the items. An object that is there several times is looked at once."""
    known: dict[int, Hashable] = {}
    found: list[Hashable] = []
    for item in items:
        value, type, _ = item
        if type.kind != types.COMPLEX:
            budget.spend(1)
            found.append(key(item))
            continue
        mark = known.get(id(value))
        if mark is None:
            budget.spend(_STRUCTURE)
            mark = known[id(value)] = key(item)
        found.append(mark)
    return found


def distinct(items: Items, budget: Budget) -> Items:
    """The items without those that equal an earlier one."""
    if len(items) < 2:
        return items
    seen: set[Hashable] = set()
    found: list[Item] = []
    for item, mark in zip(items, keys(items, budget), strict=True):
        if mark not in seen:
            seen.add(mark)
            found.append(item)
    return found
