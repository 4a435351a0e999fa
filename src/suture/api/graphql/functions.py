"""The FHIRPath functions that queries may use, besides those that evaluate their argument for each item.

Specification: http://hl7.org/fhirpath/N1/#functions. Each takes the items it is called on and its arguments, which are
collections themselves.
"""

import inspect
from collections.abc import Callable, Mapping
from decimal import Decimal

from suture.api.graphql.comparisons import Item, equal
from suture.fhir.outcomes import Invalid

Function = Callable[..., list[Item]]


def as_text(item: Item) -> str:
    """A plain value as text, as in toString(). Raises Invalid for an object."""
    value = item.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, str | int):
        return str(value)
    raise Invalid(f"FHIRPath: a {item.type} is not a plain value.")


def convert(number: int | Decimal) -> Item:
    """A number as an item."""
    return Item(number, "integer" if isinstance(number, int) else "decimal")


def arity(name: str) -> tuple[int, int]:
    """The fewest and the most arguments of a function in FUNCTIONS."""
    parameters = list(inspect.signature(FUNCTIONS[name]).parameters.values())[1:]
    return sum(parameter.default is parameter.empty for parameter in parameters), len(parameters)


def _truth(value: bool) -> list[Item]:
    return [Item(value, "boolean")]


def _exists(items: list[Item]) -> list[Item]:
    return _truth(bool(items))


def _empty(items: list[Item]) -> list[Item]:
    return _truth(not items)


def _has_value(items: list[Item]) -> list[Item]:
    return _truth(len(items) == 1 and isinstance(items[0].value, str | int | Decimal))


def _not(items: list[Item]) -> list[Item]:
    if len(items) > 1:
        raise Invalid(f"FHIRPath: not() needs one item, not {len(items)}.")
    return [Item(item.value is False, "boolean") for item in items]


def _first(items: list[Item]) -> list[Item]:
    return items[:1]


def _last(items: list[Item]) -> list[Item]:
    return items[-1:]


def _tail(items: list[Item]) -> list[Item]:
    return items[1:]


def _skip(items: list[Item], count: list[Item]) -> list[Item]:
    return items[max(0, _whole(count)) :]


def _take(items: list[Item], count: list[Item]) -> list[Item]:
    return items[: max(0, _whole(count))]


def _single(items: list[Item]) -> list[Item]:
    if len(items) > 1:
        raise Invalid(f"FHIRPath: single() found {len(items)} items.")
    return items


def _count(items: list[Item]) -> list[Item]:
    return [Item(len(items), "integer")]


def _distinct(items: list[Item]) -> list[Item]:
    kept: list[Item] = []
    for item in items[:1000]:
        if not any(equal([item], [other]) for other in kept):
            kept.append(item)
    return kept


def _starts_with(items: list[Item], text: list[Item]) -> list[Item]:
    return [Item(word.startswith(_text(text)), "boolean") for word in _words(items)] if text else []


def _ends_with(items: list[Item], text: list[Item]) -> list[Item]:
    return [Item(word.endswith(_text(text)), "boolean") for word in _words(items)] if text else []


def _contains(items: list[Item], text: list[Item]) -> list[Item]:
    return [Item(_text(text) in word, "boolean") for word in _words(items)] if text else []


def _lower(items: list[Item]) -> list[Item]:
    return [Item(word.lower(), "string") for word in _words(items)]


def _upper(items: list[Item]) -> list[Item]:
    return [Item(word.upper(), "string") for word in _words(items)]


def _length(items: list[Item]) -> list[Item]:
    return [Item(len(word), "integer") for word in _words(items)]


def _to_string(items: list[Item]) -> list[Item]:
    return [Item(as_text(item), "string") for item in _single(items)]


def _words(items: list[Item]) -> list[str]:
    return [_text([item]) for item in _single(items)]


def _text(items: list[Item]) -> str:
    if len(items) != 1 or not isinstance(items[0].value, str):
        raise Invalid("FHIRPath: a function on text needs one text.")
    return items[0].value


def _whole(items: list[Item]) -> int:
    value = items[0].value if len(items) == 1 else None
    if not isinstance(value, int) or isinstance(value, bool):
        raise Invalid("FHIRPath: skip() and take() need one whole number.")
    return value


FUNCTIONS: Mapping[str, Function] = {
    "exists": _exists,
    "empty": _empty,
    "hasValue": _has_value,
    "not": _not,
    "first": _first,
    "last": _last,
    "tail": _tail,
    "skip": _skip,
    "take": _take,
    "single": _single,
    "count": _count,
    "distinct": _distinct,
    "startsWith": _starts_with,
    "endsWith": _ends_with,
    "contains": _contains,
    "lower": _lower,
    "upper": _upper,
    "length": _length,
    "toString": _to_string,
}
