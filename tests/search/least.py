"""The least that is valid: values of every datatype and resources with nothing but what they must have.

The one thing to know: values are told apart by `n`: 0 for what a search must find, 1 for a near miss, 2 for what must
merely be there.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from suture.fhir.definitions.model import Element
from tests.search.oracle.expressions import R4, below

Resource = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
SYSTEM = "http://example.org/system"
DEPTH = 6


def key_of(element: Element, type: str) -> str:
    """The name of an element in JSON when its value has this type."""
    return element.name[:-3] + type[:1].upper() + type[1:] if element.is_choice else element.name


def minimal(type: str, elements: tuple[Element, ...], depth: int = 0) -> Resource:
    """The required elements of a type; where none is, an extension, since nothing may be empty."""
    found: Resource = {}
    for element in elements:
        if element.min and depth < DEPTH:
            code = element.types[0].code if element.types else "BackboneElement"
            value = some(code, element, 2, depth + 1)
            found[key_of(element, code)] = [value] if element.repeats else value
    structure = R4.structures.get(type)
    if structure and structure.kind == "resource":
        return {"resourceType": type, **found}
    return found or {"extension": [{"url": SYSTEM, "valueBoolean": True}]}


def some(type: str, element: Element, n: int, depth: int = 0) -> Any:
    """A value of a datatype."""
    if element.children or element.content_reference:
        return minimal(type, below(element), depth)
    if type in ("code", "Coding", "CodeableConcept"):
        return _coded(type, element, n)
    if type in VALUES:
        return VALUES[type](n)
    if type in ("Reference", "canonical"):
        targets = element.types[0].targets if element.types else ()
        target = targets[0] if targets and targets[0] in R4.resource_types else "Patient"
        return {"reference": f"{target}/v{n}"} if type == "Reference" else f"http://example.org/{target}/v{n}"
    if type == "Resource":
        return {"resourceType": "Basic", "code": {"text": "some"}}
    return minimal(type, below(type), depth)


def codes_of(element: Element) -> list[tuple[str, str]]:
    """(system, code) of what the binding allows; three of no meaning where nothing is required."""
    url = element.binding_value_set if element.binding_strength == "required" else element.maximum_value_set
    found = R4.value_set_codes(url)
    if found is not None:
        pairs = [(system, code) for system, codes in sorted(found.items()) for code in sorted(codes)]
        if element.path == "SearchParameter.status":  # an active one becomes a parameter of the server
            pairs = [(system, code) for system, code in pairs if code != "active"]
        return list({code.casefold(): (system, code) for system, code in pairs}.values())
    for name, (system, codes) in _KNOWN.items():
        if name in url:
            return [(system, code) for code in codes]
    return [(SYSTEM, "abc"), (SYSTEM + "/x", "abc"), (SYSTEM + "/x/x", "abc")]


_KNOWN = {
    "mimetypes": ("urn:ietf:bcp:13", ("text/plain", "text/html")),
    "languages": ("urn:ietf:bcp:47", ("en", "de", "fr")),
    "currencies": ("urn:iso:std:iso:4217", ("USD", "EUR", "CHF")),
    "ucum": (UCUM, ("mg", "g", "kg")),
}


def _coded(type: str, element: Element, n: int) -> Any:
    known = codes_of(element)
    system, code = known[n % len(known)]
    if type == "code":
        return code if system.partition("/x")[0] != SYSTEM else f"{code}{n}"
    coding = {"system": system, "code": code}
    return coding if type == "Coding" else {"coding": [coding]}


def _days(n: int, clock: str = "") -> str:
    return f"2011-03-0{5 + n}{clock}"


VALUES: dict[str, Callable[[int], Any]] = {
    "boolean": lambda n: n == 0,
    "integer": lambda n: 7 + n,
    "positiveInt": lambda n: 7 + n,
    "unsignedInt": lambda n: 7 + n,
    "decimal": lambda n: Decimal("0.25") + n,
    "string": lambda n: NAMES[n] + " text",
    "markdown": lambda n: NAMES[n] + " text",
    "id": lambda n: f"id{n}",
    "uri": lambda n: f"http://example.org/u{n}",
    "url": lambda n: f"http://example.org/u{n}",
    "oid": lambda n: f"urn:oid:1.2.{n}",
    "uuid": lambda n: f"urn:uuid:00000000-0000-0000-0000-00000000000{n}",
    "base64Binary": lambda n: "eA==",
    "date": lambda n: _days(n),
    "dateTime": lambda n: _days(n, "T00:00:00Z"),
    "instant": lambda n: _days(n, "T00:00:00Z"),
    "time": lambda n: "10:00:00",
    "Period": lambda n: {"start": _days(0, "T10:00:00Z"), "end": _days(n, "T11:00:00Z")},
    "Timing": lambda n: {"event": [_days(n, "T10:00:00Z")]},
    "HumanName": lambda n: {"family": NAMES[n]},
    "Address": lambda n: {"city": NAMES[n]},
    "Annotation": lambda n: {"text": NAMES[n]},
    "ContactPoint": lambda n: {"system": "phone", "value": f"555-000{n}"},
    "Identifier": lambda n: {"system": SYSTEM + "/x" * n, "value": "abc"},
    "Quantity": lambda n: _quantity("5.4", ("mg", "g", "kg")[n]),
    "Age": lambda n: _quantity(str(54 + n), "a"),
    "Duration": lambda n: _quantity(str(54 + n), "min"),
    "Count": lambda n: _quantity(str(54 + n), "1"),
    "Distance": lambda n: _quantity(str(54 + n), "m"),
    "Money": lambda n: {"value": Decimal("5.40"), "currency": ("EUR", "USD", "CHF")[n]},
    "Range": lambda n: {"low": _quantity("5.36"), "high": _quantity(("5.44", "5.46", "6")[n])},
    "SampledData": lambda n: {"origin": _quantity("5.4"), "period": 1, "dimensions": 1, "data": f"0 0.0{n * 4 + 1}"},
    "Attachment": lambda n: {"contentType": "text/plain"},
    "Narrative": lambda n: {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
}
NAMES = ("Grünwald", "Grinwald", "Other")


def _quantity(number: str, unit: str = "mg") -> Resource:
    return {"value": Decimal(number), "unit": unit, "system": UCUM, "code": unit}
