"""The slow half of validation: walks a resource with its path at hand and collects every problem.

Called only when `accept` did not say yes. It is the one that decides. Specification:
https://hl7.org/fhir/R4/json.html and the rules of each type; locations are FHIRPath, as in `Patient.name[0].given[1]`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, cast

from suture.fhir.narrative import narrative_fault
from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.structure.accept import contained_types
from suture.fhir.structure.schema import Kind, Node, Property, Schema
from suture.fhir.structure.targets import Contained, reference_complaint

MAX_ISSUES = 500
"""Problems listed for one resource."""

MAX_DEPTH = 100
"""Nested elements that are followed; JSON from clients is limited before it comes here."""

_MAX_GUESSES = 20
"""Searches for a similar name, which are slow, in one resource."""

_OTHER_VERSION = re.compile(r"http://hl7\.org/fhir/([1-9]\.[0-9])/StructureDefinition/extension-(.*)").fullmatch

Json = dict[str, Any]


class _Enough(Exception):
    """So many problems are found that more would not help."""


class Explainer:
    """Finds the problems of resources of one FHIR version."""

    __slots__ = ("_accepts", "_schema")

    def __init__(self, schema: Schema, accepts: Callable[[Any], bool]) -> None:
        """`accepts`: the fast check, by which the valid entries of a large Bundle are passed over."""
        self._schema = schema
        self._accepts = accepts

    def issues(self, resource: Any) -> list[Issue]:
        """Every problem of `resource` in document order, at most MAX_ISSUES and a note."""
        walk = _Walk(self._schema, self._accepts)
        try:
            walk.resource(resource, "", 0)
        except _Enough:
            walk.found.append(
                Issue(
                    "information", "incomplete", f"Only the first {MAX_ISSUES} problems are listed; there may be more."
                )
            )
        return walk.found


class _Walk:
    """One pass over one resource."""

    __slots__ = ("_accepts", "_contained", "_guesses", "_schema", "found")

    def __init__(self, schema: Schema, accepts: Callable[[Any], bool]) -> None:
        self._schema = schema
        self._accepts = accepts
        self._contained: Contained = {}
        self._guesses = _MAX_GUESSES
        self.found: list[Issue] = []

    def _add(self, code: str, path: str, diagnostics: str) -> None:
        if len(self.found) >= MAX_ISSUES:
            raise _Enough
        self.found.append(Issue("error", code, diagnostics, path))

    def resource(self, value: Any, path: str, depth: int, wanted: str = "Resource") -> None:
        """A resource that stands for itself, at `path` ("" for the root)."""
        name = self._type_of(value, path)
        if name is None:
            return
        path = path or name
        if wanted in self._schema.resource_types and wanted != name:
            self._add("structure", path, f"A {wanted} is expected here, not a {name}.")
            return
        if depth and self._accepts(value):
            return
        before = self._contained
        self._contained = contained_types(value)
        self._object(value, self._schema.node(name), path, depth)
        self._contained = before

    def _type_of(self, value: Any, path: str) -> str | None:
        if not isinstance(value, dict):
            self._add("structure", path, f"{_kind(value)} stands where a resource (a JSON object) is expected.")
            return None
        name: Any = cast("Json", value).get("resourceType")
        if name is None:
            self._add("structure", path, "The resource has no resourceType, so its type is unknown.")
        elif not isinstance(name, str):
            self._add("structure", path, f"The resourceType must be text, not {_kind(name).lower()}.")
        elif name in self._schema.resource_types:
            return name
        else:
            hint = self._hint(name, self._schema.resource_types)
            version = self._schema.definitions.version.number
            self._add("structure", path, f"{shown(name)} is not a resource type of FHIR {version}{hint}")
        return None

    def _object(self, value: Any, node: Node, path: str, depth: int) -> None:
        if not isinstance(value, dict):
            self._add("structure", path, f"{_kind(value)} stands where an object is expected.")
            return
        if depth > MAX_DEPTH:
            self._add("too-costly", path, f"The resource nests deeper than {MAX_DEPTH} elements.")
            return
        members = cast("Json", value)
        if not members:
            self._add("structure", path, "The object is empty; leave the element out instead.")
            return
        if len(members) == 1 and "id" in members and not node.is_resource:
            self._add("structure", path, "The element has an id but no content.")
        self._check_required(members, node, path)
        self._check_choices(members, node, path)
        for key, item in members.items():
            property_ = node.properties.get(key)
            if property_ is not None:
                self._member(members, item, node, property_, path, depth)
            elif key in node.siblings:
                # A sibling beside its element is read together with it.
                if node.siblings[key].key not in members:
                    self._lone_sibling(item, node.siblings[key], path, depth)
            elif key != "resourceType" or not node.is_resource:
                self._unknown(key, node, path)

    def _check_required(self, members: Json, node: Node, path: str) -> None:
        for requirement in node.required:
            if not any(key in members or "_" + key in members for key in requirement.keys):
                self._add("required", path, f"The required element '{requirement.name}' is missing.")

    def _check_choices(self, members: Json, node: Node, path: str) -> None:
        for name, keys in node.choices.items():
            present = sorted({key.removeprefix("_") for key in members} & keys)
            if len(present) > 1:
                self._add("structure", path, f"Only one of {', '.join(present)} may be present ({name} is a choice).")

    def _unknown(self, key: str, node: Node, path: str) -> None:
        known = [*node.properties, *node.siblings]
        if key.startswith("_") and key[1:] in node.properties:
            self._add(
                "structure",
                f"{path}.{key[1:]}",
                f"The member {shown(key)} is not allowed: '{key[1:]}' is not a primitive element.",
            )
            return
        # An element that does not exist has no FHIRPath location, what holds it has.
        self._add("structure", path, f"{node.name} has no element {shown(key)}{self._hint(key, known)}")

    def _may_guess(self) -> bool:
        self._guesses -= 1
        return self._guesses >= 0

    def _hint(self, name: str, known: Iterable[str]) -> str:
        """The end of a sentence, with a similar known name when there is one."""
        near = get_close_matches(name[:60], list(known), n=1, cutoff=0.75) if self._may_guess() else []
        return f"; did you mean '{near[0]}'?" if near else "."

    # Members

    def _member(self, members: Json, value: Any, node: Node, property_: Property, parent: str, depth: int) -> None:
        path = f"{parent}.{property_.name}"
        sibling = members.get("_" + property_.key) if property_.sibling else None
        has_sibling = property_.sibling and "_" + property_.key in members
        if not property_.many:
            if has_sibling:
                self._sibling(sibling, property_, path, depth, lone=value is None)
            if value is None and has_sibling:
                self._add("structure", path, "null is not allowed here; leave the member out.")
            else:
                self._value(value, property_, path, depth)
            return
        if not isinstance(value, list):
            self._add("structure", path, f"{_kind(value)} stands where an array is expected: this element may repeat.")
            return
        items = cast("list[Any]", value)
        self._check_count(len(items), property_, path)
        if has_sibling:
            self._aligned(items, sibling, property_, path, depth)
            return
        if property_.kind is Kind.RESOURCE and property_.key == "contained" and node.is_resource:
            self._contained_resources(items, path, depth)
            return
        for number, item in enumerate(items):
            self._value(item, property_, f"{path}[{number}]", depth)

    def _check_count(self, count: int, property_: Property, path: str) -> None:
        if not count:
            self._add("structure", path, "The array is empty; leave the element out instead.")
        elif count < property_.minimum:
            self._add("structure", path, f"{count} values are given, at least {property_.minimum} are required.")
        elif property_.maximum is not None and count > property_.maximum:
            self._add("structure", path, f"{count} values are given, at most {property_.maximum} are allowed.")

    def _aligned(self, items: list[Any], sibling: Any, property_: Property, path: str, depth: int) -> None:
        """Two arrays for one element: values and, at the same place, their ids and extensions."""
        if not isinstance(sibling, list):
            self._add("structure", path, f"'_{property_.key}' must be an array, like '{property_.key}'.")
            return
        others = cast("list[Any]", sibling)
        if len(others) != len(items):
            self._add(
                "structure",
                path,
                f"'{property_.key}' has {len(items)} values and '_{property_.key}' {len(others)}; both must be of "
                "the same length, with null where there is nothing.",
            )
        for number in range(max(len(items), len(others))):
            place = f"{path}[{number}]"
            item = items[number] if number < len(items) else None
            other = others[number] if number < len(others) else None
            if item is None and other is None:
                self._add("structure", place, "The value and its extensions are both null; one must be there.")
            if item is not None:
                self._value(item, property_, place, depth)
            if other is not None:
                self._sibling(other, property_, place, depth, lone=item is None)

    def _lone_sibling(self, value: Any, property_: Property, parent: str, depth: int) -> None:
        path = f"{parent}.{property_.name}"
        if not property_.many:
            self._sibling(value, property_, path, depth, lone=True)
            return
        if not isinstance(value, list):
            self._add("structure", path, f"'_{property_.key}' must be an array: the element may repeat.")
            return
        items = cast("list[Any]", value)
        self._check_count(len(items), property_, path)
        for number, item in enumerate(items):
            self._sibling(item, property_, f"{path}[{number}]", depth, lone=True)

    def _sibling(self, value: Any, property_: Property, path: str, depth: int, *, lone: bool) -> None:
        """The id and extensions of a primitive. `lone`: without a value, so that an extension is needed."""
        if (
            lone
            and property_.binding is not None
            and property_.element.binding_strength == "required"
            and not _has_other_code(value, property_.element.path, self._schema.definitions.version.number)
        ):
            self._add("code-invalid", path, property_.binding.missing_complaint())
        if value is None:
            self._add("structure", path, "null is not allowed here; leave the member out.")
            return
        if lone and isinstance(value, dict) and len(cast("Json", value)) == 1 and "id" in value:
            self._add("structure", path, "The element has an id but neither a value nor an extension.")
            return
        if not lone and isinstance(value, dict) and len(cast("Json", value)) == 1 and "id" in value:
            # Beside a value an id alone is content enough.
            self._value(cast("Json", value)["id"], self._schema.node("Element").properties["id"], f"{path}.id", depth)
            return
        self._object(value, self._schema.node("Element"), path, depth + 1)

    # Values

    def _value(self, value: Any, property_: Property, path: str, depth: int) -> None:
        if value is None:
            self._add("structure", path, "null is not allowed here; leave the member out.")
        elif property_.kind is Kind.RESOURCE:
            self.resource(value, path, depth + 1, property_.type)
        elif property_.primitive is not None:
            self._primitive(value, property_, path)
        else:
            self._object(value, self._schema.below(property_), path, depth + 1)
            if isinstance(value, dict):
                self._beyond_structure(cast("Json", value), property_, path)

    def _primitive(self, value: Any, property_: Property, path: str) -> None:
        primitive, binding = property_.primitive, property_.binding
        assert primitive is not None
        if isinstance(value, (dict, list)):
            self._add("structure", path, f"{_kind(value)} stands where a {primitive.name} is expected.")
        elif not primitive.accepts(value):
            self._add("value", path, primitive.complaint(value))
        elif property_.kind is Kind.XHTML:
            fault = narrative_fault(value)
            if fault:
                self._add("invalid", path, fault)
        elif binding is not None and not binding.accepts_code(value):
            self._add("code-invalid", path, binding.complaint(value, guess=self._may_guess()))

    def _beyond_structure(self, value: Json, property_: Property, path: str) -> None:
        """Bindings and reference targets of an object."""
        binding = property_.binding
        if property_.type == "Reference":
            self._reference(value, property_, path)
        elif property_.type == "CodeableReference":
            if isinstance(value.get("reference"), dict):
                self._reference(value["reference"], property_, f"{path}.reference")
            if binding and "concept" in value and not binding.accepts_concept(value["concept"]):
                self._add("code-invalid", f"{path}.concept", binding.concept_complaint())
        elif binding is None:
            return
        elif property_.type == "CodeableConcept":
            if not binding.accepts_concept(value):
                self._add("code-invalid", path, binding.concept_complaint())
        elif not binding.accepts_coding(value):
            self._add("code-invalid", path, binding.coding_complaint(value.get("system"), value.get("code")))

    def _reference(self, value: Mapping[str, Any], property_: Property, path: str) -> None:
        complaint = reference_complaint(value, property_.targets, self._schema.resource_types, self._contained)
        if complaint:
            self._add("value", path, complaint)

    def _contained_resources(self, items: list[Any], path: str, depth: int) -> None:
        seen: set[str] = set()
        for number, item in enumerate(items):
            place = f"{path}[{number}]"
            name = self._type_of(item, place)
            if name is None:
                continue
            members = cast("Json", item)
            identifier = members.get("id")
            if identifier is None:
                self._add("required", place, "A contained resource must have an id, by which '#id' names it.")
            elif isinstance(identifier, str):
                if identifier in seen:
                    self._add("structure", place, f"Two contained resources have the id {shown(identifier)}.")
                seen.add(identifier)
            if "contained" in members:
                self._add("structure", f"{place}.contained", "A contained resource must not contain resources itself.")
                members = {key: member for key, member in members.items() if key != "contained"}
            self._object(members, self._schema.node(name), place, depth + 1)


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "An object"
    if isinstance(value, list):
        return "An array"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "A boolean"
    return "A text" if isinstance(value, str) else "A number"


def _has_other_code(value: Any, path: str, version: str) -> bool:
    """Whether the extension for the same element of another FHIR version is there (R5, versions.html#extensions)."""
    extensions = cast("Json", value).get("extension") if isinstance(value, dict) else None
    for extension in cast("list[Any]", extensions) if isinstance(extensions, list) else ():
        url = cast("Json", extension).get("url") if isinstance(extension, dict) else None
        found = _OTHER_VERSION(url) if isinstance(url, str) else None
        if found is not None and found[2] == path and not version.startswith(found[1]):
            return True
    return False
