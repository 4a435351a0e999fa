"""What a search parameter sees in a value of each datatype: https://hl7.org/fhir/R4/search.html#ptypes.

Each function takes a typed value and gives its comparable forms. Numbers are exact, dates are closed ranges of
microseconds (`tests.search.naive`).
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.search.naive import EVER, moments
from tests.search.oracle.expressions import R4, Node

Range = tuple[Fraction, Fraction]

PRIMITIVE_TEXTS = frozenset(("string", "markdown", "code", "id", "uri", "url", "canonical", "oid", "uuid"))
URIS = frozenset(("uri", "url", "canonical", "oid", "uuid"))
NUMBERS = frozenset(("integer", "positiveInt", "unsignedInt", "decimal"))
QUANTITIES = frozenset(("Quantity", "Age", "Count", "Distance", "Duration", "SimpleQuantity", "MoneyQuantity"))
LEAST = Fraction(1, 10**30)
"""How much less than 5 the greatest number is that is less than 5."""

CURRENCIES = "urn:iso:std:iso:4217"
_OPEN = {"http://hl7.org/fhir/ValueSet/mimetypes": "urn:ietf:bcp:13"}
_OPEN["http://hl7.org/fhir/ValueSet/all-languages"] = "urn:ietf:bcp:47"


@dataclass(frozen=True)
class Token:
    """`code` is None for a bare text. `systems`: its own, or those implied by a binding; `implied` says which."""

    code: str | None = None
    systems: tuple[str, ...] = ()
    implied: bool = False
    texts: tuple[str, ...] = ()
    types: tuple[tuple[str, str], ...] = ()


def _texts(*texts: Any) -> tuple[str, ...]:
    return tuple(text for text in texts if text)


def _coding(value: dict[str, Any]) -> Token:
    return Token(value.get("code"), _texts(value.get("system")), texts=_texts(value.get("display")))


def tokens(node: Node) -> list[Token]:
    """The tokens of a value."""
    value = node.value
    match node.type:
        case "Coding":
            return [_coding(value)]
        case "CodeableConcept":
            text = [Token(texts=(value["text"],))] if "text" in value else []
            return [*map(_coding, value.get("coding", ())), *text]
        case "Identifier":
            type = value.get("type", {})
            types = tuple((one.get("system", ""), one.get("code", "")) for one in type.get("coding", ()))
            return [Token(value.get("value"), _texts(value.get("system")), False, _texts(type.get("text")), types)]
        case "ContactPoint":
            return [Token(value["value"])] if "value" in value else []
        case "boolean":
            return [Token(str(value).lower())]
        case "code":
            return [Token(value, _implied(node.binding), implied=True)]
        case type if type in PRIMITIVE_TEXTS or type in NUMBERS:
            return [Token(str(value))]
    return []


def _implied(binding: str) -> tuple[str, ...]:
    url = binding.partition("|")[0]
    return tuple(R4.value_set_codes(url) or ()) or _texts(_OPEN.get(url))


def strings(node: Node) -> list[str]:
    """The texts of a value."""
    value = node.value
    if node.type in PRIMITIVE_TEXTS:
        return [value]
    if not isinstance(value, dict):
        return []
    many: dict[str, tuple[str, ...]] = {
        "HumanName": ("text", "family", "given", "prefix", "suffix"),
        "Address": ("text", "line", "city", "district", "state", "postalCode", "country"),
        "Annotation": ("text",),
        "ContactPoint": ("value",),
        "Identifier": ("value",),
        "Coding": ("display",),
        "CodeableConcept": ("text",),
    }
    found: list[str] = []
    for name in many.get(node.type, ()):
        held = value.get(name, [])
        found += held if isinstance(held, list) else [held]
    if node.type == "CodeableConcept":
        found += [one["display"] for one in value.get("coding", ()) if "display" in one]
    return [text for text in found if text]


def dates(node: Node) -> list[Range]:
    """The ranges of time of a value."""
    value = node.value
    match node.type:
        case "date" | "dateTime" | "instant":
            return [moments(value)]
        case "Period":
            return _period(value)
        case "Timing":
            events = [moments(one) for one in value.get("event", ())]
            bounds = _period(value.get("repeat", {}).get("boundsPeriod", {}))
            both = events + bounds
            return [(min(low for low, _ in both), max(high for _, high in both))] if both else []
    return []


def _period(value: dict[str, str]) -> list[Range]:
    low = moments(value["start"])[0] if "start" in value else -EVER
    high = moments(value["end"])[1] if "end" in value else EVER
    return [] if (low, high) == (-EVER, EVER) else [(low, high)]


def exact(value: Any) -> Fraction:
    """A JSON number."""
    return Fraction(str(value))


@dataclass(frozen=True)
class Quantity:
    """A range of numbers and its unit."""

    low: Fraction
    high: Fraction
    system: str = ""
    code: str = ""
    unit: str = ""


def quantities(node: Node) -> list[Quantity]:
    """The quantities of a value; a Range is one, and so are the data of SampledData between its limits."""
    value = node.value
    if node.type in NUMBERS:
        return [Quantity(exact(value), exact(value))]
    if node.type in QUANTITIES:
        return [_quantity(value)] if "value" in value else []
    if node.type == "Money":
        amount = exact(value["value"]) if "value" in value else None
        return [] if amount is None else [Quantity(amount, amount, CURRENCIES, value.get("currency", ""))]
    if node.type == "Range":
        ends = [_quantity(value[end]) for end in ("low", "high") if "value" in value.get(end, {})]
        if not ends:
            return []
        low = ends[0].low if "value" in value.get("low", {}) else -EVER
        high = ends[-1].high if "value" in value.get("high", {}) else EVER
        return [Quantity(low, high, ends[0].system, ends[0].code, ends[0].unit)]
    if node.type == "SampledData":
        return _sampled(value)
    return []


def _quantity(value: dict[str, Any]) -> Quantity:
    number = exact(value["value"])
    below, above = number - LEAST, number + LEAST
    low, high = {"<": (-EVER, below), "<=": (-EVER, number), ">": (above, EVER), ">=": (number, EVER)}.get(
        value.get("comparator", ""), (number, number)
    )
    return Quantity(low, high, value.get("system", ""), value.get("code", ""), value.get("unit", ""))


def _sampled(value: dict[str, Any]) -> list[Quantity]:
    factor, origin = exact(value.get("factor", 1)), value.get("origin", {})
    offset = exact(origin.get("value", 0))
    limits = {"L": value.get("lowerLimit"), "U": value.get("upperLimit")}
    found: list[Fraction] = []
    for word in value.get("data", "").split():
        number = limits.get(word) if word in limits else None if word == "E" else word
        if number is not None:
            found.append(exact(number) * factor + offset)
    if not found:
        return []
    unit = origin.get("system", ""), origin.get("code", ""), origin.get("unit", "")
    return [Quantity(min(found), max(found), *unit)]


def numbers(node: Node) -> list[Range]:
    """The ranges of a number or Range."""
    return [(one.low, one.high) for one in quantities(node)]


def unwrapped(node: Node) -> list[Node]:
    """An Extension stands for its value; everything else for itself."""
    return node.child("value") if node.type == "Extension" else [node]
