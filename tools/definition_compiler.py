"""Turn the resources of a FHIR core package into the compact records of `suture.fhir.definitions`.

What a running server needs is kept; texts for readers, mappings and examples are dropped. HL7's own example
parameters, compartments and operations inside the packages are left out.
"""

from typing import Any

from value_set_expansion import ALL, Expander, NotExpandable

from suture.fhir.definitions.model import (
    FORMAT,
    Constraint,
    DefinitionsFile,
    Element,
    ElementType,
    Operation,
    OperationParameter,
    SearchComponent,
    SearchParameter,
    Structure,
)
from suture.fhir.versions import Version

Json = dict[str, Any]

_BASE = "http://hl7.org/fhir/StructureDefinition/"
_FHIR_TYPE = _BASE + "structuredefinition-fhir-type"
_MAXIMUM = _BASE + "elementdefinition-maxValueSet"
# Profiles that base types themselves refer to.
_PROFILES = ("SimpleQuantity",)


def compile_definitions(version: Version, resources: list[Json], expander: Expander) -> DefinitionsFile:
    """All definitions of one version, from the resources of its core package."""
    structures = sorted(
        (compile_structure(r) for r in resources if _is_type(r)), key=lambda structure: (structure.kind, structure.name)
    )
    value_sets: dict[str, dict[str, frozenset[str]]] = {}
    open_value_sets: dict[str, dict[str, frozenset[str]]] = {}
    unexpanded: dict[str, str] = {}
    for url in sorted({url for structure in structures for url in _required_value_sets(structure.elements)}):
        try:
            codes = expander.expand(url)
        except NotExpandable as error:
            unexpanded[url] = str(error)
        else:
            by_rule = any(ALL in found for found in codes.values())
            (open_value_sets if by_rule else value_sets)[url] = {
                system: frozenset(found - {ALL}) for system, found in sorted(codes.items())
            }
    return DefinitionsFile(
        format=FORMAT,
        version=version.value,
        number=version.number,
        structures=tuple(structures),
        search_parameters=tuple(
            sorted((_search_parameter(r) for r in _usable_parameters(resources)), key=lambda p: p.url)
        ),
        compartments={r["code"]: _compartment(r) for r in _of_type(resources, "CompartmentDefinition")},
        operations=tuple(sorted((_operation(r) for r in _of_type(resources, "OperationDefinition")), key=_by_url)),
        value_sets=value_sets,
        open_value_sets=open_value_sets,
        unexpanded=unexpanded,
    )


def _by_url(operation: Operation) -> str:
    return operation.url


def _of_type(resources: list[Json], type_: str) -> list[Json]:
    return [r for r in resources if r["resourceType"] == type_ and not r["id"].startswith("example")]


def _usable_parameters(resources: list[Json]) -> list[Json]:
    # R4 and R4B publish ten parameters (author, keyword … of CodeSystem and ValueSet) for no resource and
    # without an expression.
    return [r for r in _of_type(resources, "SearchParameter") if r.get("base")]


def _is_type(resource: Json) -> bool:
    if resource["resourceType"] != "StructureDefinition" or resource["kind"] == "logical":
        return False
    return resource.get("derivation") != "constraint" or resource["id"] in _PROFILES


def _required_value_sets(elements: tuple[Element, ...]) -> set[str]:
    urls: set[str] = set()
    for element in elements:
        if element.binding_strength == "required" and element.binding_value_set:
            urls.add(element.binding_value_set)
        if element.maximum_value_set:
            urls.add(element.maximum_value_set)
        urls |= _required_value_sets(element.children)
    return urls


def compile_structure(resource: Json) -> Structure:
    """One type, or one profile, from its StructureDefinition with a snapshot."""
    name = resource["id"] if resource.get("derivation") == "constraint" else resource["type"]
    flat: list[Json] = resource["snapshot"]["element"]
    return Structure(
        name=name,
        kind=resource["kind"],
        abstract=resource.get("abstract", False),
        url=resource["url"],
        base=_type_name(resource.get("baseDefinition", "")),
        constraints=_constraints(flat[0], resource["url"]),
        elements=_children(flat, 0, resource["url"]),
    )


def _children(flat: list[Json], parent: int, owner: str) -> tuple[Element, ...]:
    prefix = flat[parent]["path"] + "."
    found: list[Element] = []
    for index in range(parent + 1, len(flat)):
        path: str = flat[index]["path"]
        if not path.startswith(prefix):
            break
        if "." not in path[len(prefix) :]:
            found.append(_element(flat, index, owner))
    return tuple(found)


def _element(flat: list[Json], index: int, owner: str) -> Element:
    source = flat[index]
    binding = source.get("binding", {})
    maximum = next((x for x in binding.get("extension", []) if x["url"] == _MAXIMUM), {})
    return Element(
        name=source["path"].rpartition(".")[2],
        path=source["path"],
        min=source["min"],
        max=_maximum(source["max"]),
        types=tuple(_element_type(source, t) for t in source.get("type", [])),
        content_reference=source.get("contentReference", "").partition("#")[2],
        binding_strength=binding.get("strength", ""),
        binding_value_set=binding.get("valueSet", "").partition("|")[0],
        maximum_value_set=(maximum.get("valueCanonical") or maximum.get("valueUri") or "").partition("|")[0],
        is_summary=source.get("isSummary", False),
        is_modifier=source.get("isModifier", False),
        constraints=_constraints(source, owner),
        children=_children(flat, index, owner),
    )


def _maximum(text: str) -> int | None:
    return None if text == "*" else int(text)


def _element_type(element: Json, source: Json) -> ElementType:
    code: str = source["code"]
    if code.startswith("http://hl7.org/fhirpath/System."):
        code = _logical_primitive(element, source)
    profiles = [_type_name(url) for url in source.get("profile", [])]
    if profiles and code == "Resource":
        # R5 Bundle.issues: "a Resource that is an OperationOutcome".
        return ElementType(profiles[0], "", ())
    return ElementType(
        code, profiles[0] if profiles else "", tuple(_type_name(u) for u in source.get("targetProfile", []))
    )


def _logical_primitive(element: Json, source: Json) -> str:
    """The FHIR type of an element that the definition types by a FHIRPath primitive (ids, URLs, values).

    The published definitions disagree on the two kinds of `id`: the logical id of a resource is an `id`
    (https://hl7.org/fhir/R4/resource.html#id), the id of an element any string (https://hl7.org/fhir/R4/element.html).
    """
    base: str = element.get("base", {}).get("path", element["path"])
    if base == "Resource.id":
        return "id"
    if base == "Element.id":
        return "string"
    for extension in source.get("extension", []):
        if extension["url"] == _FHIR_TYPE:
            return extension.get("valueUrl") or extension["valueUri"]
    # The value of a primitive type itself.
    return "string"


def _type_name(url: str) -> str:
    return url.removeprefix(_BASE)


def _constraints(element: Json, owner: str) -> tuple[Constraint, ...]:
    return tuple(
        Constraint(c["key"], c["severity"], c["human"], c.get("expression", ""))
        for c in element.get("constraint", [])
        if c.get("source", owner).partition("|")[0] in (owner, _type_name(owner))
    )


def _search_parameter(source: Json) -> SearchParameter:
    return SearchParameter(
        url=source["url"],
        code=source["code"],
        type=source["type"],
        base=tuple(source["base"]),
        expression=source.get("expression", ""),
        targets=tuple(source.get("target", [])),
        components=tuple(SearchComponent(c["definition"], c["expression"]) for c in source.get("component", [])),
        comparators=tuple(source.get("comparator", [])),
        modifiers=tuple(source.get("modifier", [])),
        multiple_or=source.get("multipleOr", True),
        multiple_and=source.get("multipleAnd", True),
        description=" ".join(source.get("description", "").split()) if len(source["base"]) == 1 else "",
    )


def _compartment(source: Json) -> dict[str, tuple[str, ...]]:
    return {r["code"]: tuple(r.get("param", [])) for r in source["resource"]}


def _operation(source: Json) -> Operation:
    return Operation(
        id=source["id"],
        url=source["url"],
        code=source["code"],
        title=source.get("title", source["name"]),
        kind=source["kind"],
        affects_state=source.get("affectsState", False),
        resources=tuple(source.get("resource", [])),
        system=source["system"],
        type=source["type"],
        instance=source["instance"],
        parameters=tuple(_operation_parameter(p) for p in source.get("parameter", [])),
    )


def _operation_parameter(source: Json) -> OperationParameter:
    return OperationParameter(
        name=source["name"],
        use=source["use"],
        min=source["min"],
        max=_maximum(source["max"]),
        type=source.get("type", ""),
        search_type=source.get("searchType", ""),
        targets=tuple(_type_name(url) for url in source.get("targetProfile", [])),
        parts=tuple(_operation_parameter(p) for p in source.get("part", [])),
    )
