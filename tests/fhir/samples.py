"""Valid resources of any type, made from the definitions alone: the smallest one, and one with every element."""

from decimal import Decimal
from typing import Any

from suture.fhir.definitions import Definitions, Element, ElementType

VALUES: dict[str, Any] = {
    "boolean": True,
    "integer": 0,
    "unsignedInt": 0,
    "positiveInt": 1,
    "integer64": "5",
    "decimal": Decimal("1.50"),
    "string": "text",
    "markdown": "*text*",
    "uri": "urn:x:1",
    "url": "https://example.org",
    "canonical": "https://example.org/c|1",
    "code": "code",
    "id": "an-id",
    "oid": "urn:oid:1.2.3",
    "uuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
    "base64Binary": "AAAA",
    "date": "2020-02-29",
    "dateTime": "2020-02-29T10:00:00+01:00",
    "instant": "2020-02-29T10:00:00.000Z",
    "time": "10:00:00",
    "xhtml": '<div xmlns="http://www.w3.org/1999/xhtml">text</div>',
}

OPEN_EXAMPLES = {
    "urn:ietf:bcp:13": "text/plain",
    "urn:ietf:bcp:47": "en",
    "http://unitsofmeasure.org": "mg",
    "urn:iso:std:iso:4217": "EUR",
    "urn:iso:std:iso:3166": "DE",
    "http://hl7.org/fhir/color-rgb": "#000000",
}


class Samples:
    """Makes resources of one version. `choice`: which type of a choice element is taken (modulo their number)."""

    def __init__(self, definitions: Definitions, *, full: bool, choice: int = 0) -> None:
        self._definitions = definitions
        self._full = full
        self._choice = choice

    def resource(self, name: str) -> dict[str, Any]:
        """A valid resource of type `name`."""
        structure = self._definitions.structures[name]
        return {"resourceType": name, **self._object(structure.elements, 0, structure.name)}

    def part(self, path: str) -> dict[str, Any]:
        """A valid value of a complex datatype, or of the nested element at a path (`Patient.contact`)."""
        owner, _, below = path.partition(".")
        elements = self._find(owner, path).children if below else self._definitions.structures[owner].elements
        return self._object(elements, 0, owner)

    def _object(self, elements: tuple[Element, ...], depth: int, owner: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for element in elements:
            wanted = element.min or (self._full and depth < 3 and element.max != 0)
            if not wanted or (element.name in ("contained", "extension", "modifierExtension") and depth):
                continue
            if element.name == "id" and depth:
                continue
            type = self._type(owner, element)
            name = element.name.removesuffix("[x]")
            key = name + type.code[0].upper() + type.code[1:] if element.is_choice else name
            value = self._value(element, type, depth, owner)
            made[key] = [value] if element.repeats else value
        return made or self._content(elements, owner)

    def _content(self, elements: tuple[Element, ...], owner: str) -> dict[str, Any]:
        """An element must not be empty: its first element that is simple."""
        for element in elements:
            if element.name != "id" and element.types and element.types[0].code in VALUES:
                type = element.types[0]
                name = element.name.removesuffix("[x]")
                key = name + type.code[0].upper() + type.code[1:] if element.is_choice else name
                value = self._value(element, type, 9, owner)
                return {key: [value] if element.repeats else value}
        return {"extension": [{"url": "urn:x:1", "valueBoolean": True}]}

    def _type(self, owner: str, element: Element) -> ElementType:
        types = element.types or self._find(owner, element.content_reference).types
        return types[self._choice % len(types)]

    def _find(self, owner: str, path: str) -> Element:
        elements = self._definitions.structures[owner].elements
        while True:
            for element in elements:
                if element.path == path:
                    return element
                if path.startswith(element.path + "."):
                    elements = element.children
                    break

    def _value(self, element: Element, type: ElementType, depth: int, owner: str) -> Any:
        if type.code in VALUES:
            return self._code(element) if type.code == "code" else VALUES[type.code]
        if type.code == "Resource":
            return {"resourceType": "Basic", "id": "b", "code": {"text": "text"}}
        if type.code == "Reference":
            return {"display": "text"}
        structure = self._definitions.structures[type.code]
        if structure.kind == "resource":
            return self.resource(type.code)
        if element.children:
            return self._object(element.children, depth + 1, owner)
        if element.content_reference:
            return self._object(self._find(owner, element.content_reference).children, depth + 1, owner)
        if type.code in ("Coding", "CodeableConcept"):
            coding = self._coding(element)
            return coding if type.code == "Coding" else {"coding": [coding]}
        if type.code == "Extension":
            return {"url": "urn:x:1", "valueString": "text"}
        if type.profile:
            return {"value": Decimal("1.0")}
        return self._object(structure.elements, depth + 1, type.code)

    def _code(self, element: Element) -> str:
        return self._coding(element)["code"]

    def _coding(self, element: Element) -> dict[str, Any]:
        url = element.maximum_value_set
        if element.binding_strength == "required":
            url = element.binding_value_set
        codes = self._definitions.value_set_codes(url) or self._definitions.open_value_set_codes(url)
        for system, found in (codes or {}).items():
            return {"system": system, "code": min(found) if found else OPEN_EXAMPLES[system]}
        return {"system": "urn:x:system", "code": "code"}
