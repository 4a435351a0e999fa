"""ConceptMap of R5: properties and attributes of mappings are declared, and of the declared types.

Specification: https://hl7.org/fhir/R5/conceptmap.html (property, additionalAttribute).
"""

from collections.abc import Iterable, Iterator

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, choice, listed, numbered, text

_TYPES = {
    "Coding": "Coding",
    "string": "String",
    "integer": "Integer",
    "boolean": "Boolean",
    "dateTime": "DateTime",
    "decimal": "Decimal",
    "code": "Code",
    "Quantity": "Quantity",
}


def declared_properties(seen: Seen) -> Iterable[Issue]:
    """What a mapping says beside its target is declared in the map."""
    properties = {text(item, "code"): text(item, "type") for item in listed(seen.value, "property")}
    attributes = {text(item, "code"): text(item, "type") for item in listed(seen.value, "additionalAttribute")}
    for number, group in numbered(seen.value, "group"):
        for position, element in numbered(group, "element"):
            for index, target in numbered(element, "target"):
                place = f"group[{number}].element[{position}].target[{index}]"
                yield from _declared(seen, target, "property", "code", properties, place)
                yield from _declared(seen, target, "dependsOn", "attribute", attributes, place)
                yield from _declared(seen, target, "product", "attribute", attributes, place)


def _declared(seen: Seen, target: Json, name: str, key: str, declared: dict[str, str], place: str) -> Iterator[Issue]:
    for number, item in numbered(target, name):
        code, where = text(item, key), f"{place}.{name}[{number}]"
        type, _ = choice(item, "value")
        if code and code not in declared:
            yield seen.error("business-rule", f"{shown(code)} is not declared in this map.", where)
        elif type and code and _TYPES.get(declared[code], type) != type:
            yield seen.error("business-rule", f"{shown(code)} is of type {declared[code]}, not {type[:40]}.", where)
