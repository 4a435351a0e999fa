"""Search parameters that users add: from a SearchParameter resource to a definition, and what is wrong with it.

Specification: https://hl7.org/fhir/R4/searchparameter.html. The one thing to know: a SearchParameter takes effect when
its status is `active`; one that only repeats or refines a parameter of the specification (the same URL, or
`derivedFrom` it) is stored and changes nothing, since the parameter is there already.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from suture.fhir.definitions import Definitions, SearchComponent, SearchParameter
from suture.fhir.fhirpath import FhirPathError, Node, parse
from suture.fhir.outcomes import Issue, Unprocessable
from suture.fhir.versions import Version
from suture.search.extraction.conditions import UnroutableError
from suture.search.extraction.datatypes import parts
from suture.search.extraction.routes import Router
from suture.search.parameters import SearchParameters

TYPES = frozenset(("number", "date", "string", "token", "reference", "composite", "quantity", "uri"))
MAX_BASES = 32
"""Resource types of one added parameter."""

MAX_ADDED = 200
"""Parameters that can be added to one database."""

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)

Resource = Mapping[str, Any]


def definition(resource: Resource) -> SearchParameter:
    """The definition that a SearchParameter resource gives. Expects a structure that was validated."""
    return SearchParameter(
        url=resource["url"],
        code=resource["code"],
        type=resource["type"],
        base=tuple(sorted(set(resource["base"]))),
        expression=resource.get("expression", ""),
        targets=tuple(sorted(set(resource.get("target", ())))),
        components=tuple(
            SearchComponent(component["definition"], component["expression"])
            for component in resource.get("component", ())
        ),
        comparators=tuple(resource.get("comparator", ())),
        modifiers=tuple(resource.get("modifier", ())),
        multiple_or=resource.get("multipleOr", True),
        multiple_and=resource.get("multipleAnd", True),
        description=resource.get("description", "")[:200],
    )


def takes_effect(definitions: Definitions, resource: Resource) -> bool:
    """Whether the resource adds a parameter, as opposed to one that is not active or is there already."""
    if resource.get("status") != "active":
        return False
    known = _specified(definitions)
    return resource["url"] not in known and resource.get("derivedFrom") not in known


@lru_cache(maxsize=len(Version))
def _specified(definitions: Definitions) -> frozenset[str]:
    """The URLs of the specification's parameters."""
    return frozenset(parameter.url for parameter in definitions.search_parameters)


def check(parameters: SearchParameters, resource: Resource) -> None:
    """Raise Unprocessable, with an issue for each thing that keeps the parameter from being built."""
    if not takes_effect(parameters.definitions, resource):
        return
    issues = [
        Issue("error", "business-rule", text, f"SearchParameter.{at}") for at, text in _problems(parameters, resource)
    ]
    if issues:
        raise Unprocessable(issues=issues)


def unusable(definitions: Definitions, others: Sequence[SearchParameter], given: SearchParameter) -> str:
    """Why a parameter that nobody has checked cannot be built beside `others`, which are added; "" when it can."""
    problem = next(iter(_own_problems(definitions, given)), None)
    if problem is None and given.type == "composite":
        problem = next(iter(_composite(definitions, others, given)), None)
    return problem[1] if problem else ""


def _problems(parameters: SearchParameters, resource: Resource) -> Iterator[tuple[str, str]]:
    given = definition(resource)
    others = [added for added in parameters.custom if added.url != given.url]
    if len(others) >= MAX_ADDED:
        yield "code", f"There are {MAX_ADDED} added search parameters already; no more can be added."
        return
    found = list(_own_problems(parameters.definitions, given))
    yield from found
    for base in given.base:
        for code, there in parameters.for_type(base).items():
            if alike(code) == alike(given.code) and there.url != given.url:
                yield "code", f"{base} already has a search parameter '{code}', which is {there.url}."
    if given.type == "composite" and not found:
        yield from _composite(parameters.definitions, others, given)


def alike(code: str) -> str:
    """What two codes have in common that cannot both be parameters of a type: they differ by `-` and `_` at most."""
    return code.replace("-", "_")


def _own_problems(definitions: Definitions, given: SearchParameter) -> Iterator[tuple[str, str]]:
    """What is wrong with a parameter whatever others there are."""
    if not _CODE.fullmatch(given.code):
        yield "code", f"The code '{given.code[:64]}' must be a letter, and then letters, digits, '-' or '_'."
        return
    if given.type not in TYPES:
        yield "type", f"A parameter of type {given.type} cannot be added. The types are {', '.join(sorted(TYPES))}."
        return
    if len(given.base) > MAX_BASES:
        yield "base", f"The parameter is for {len(given.base)} resource types, more than {MAX_BASES}."
        return
    for base in given.base:
        if base not in definitions.resource_types:
            yield "base", f"'{base}' is not a resource type. Name each resource type that the parameter is for."
            return
    for target in given.targets:
        if target not in definitions.resource_types:
            yield "target", f"'{target}' is not a resource type."
    if given.type != "composite":
        yield from _expression(definitions, given)


def _expression(definitions: Definitions, given: SearchParameter) -> Iterator[tuple[str, str]]:
    if not given.expression:
        yield "expression", "The parameter needs an expression, such as 'Patient.name.given'."
        return
    try:
        parsed = parse(given.expression)
    except FhirPathError as error:
        yield "expression", f"The expression is not FHIRPath: {error}"
        return
    for base in given.base:
        if problem := _leads_nowhere(definitions, given, base, parsed):
            yield "expression", problem


def _leads_nowhere(definitions: Definitions, given: SearchParameter, base: str, parsed: Node) -> str:
    try:
        routes = Router(definitions).routes(base, parsed)
    except (UnroutableError, FhirPathError) as error:
        return f"The expression has a part that search cannot follow: {error}."
    if not routes:
        return f"The expression leads to no element of {base}."
    if not any(parts(given.type, route.type) for route in routes):
        found = ", ".join(sorted({route.type for route in routes}))
        return f"The expression leads to {found} in {base}, which a parameter of type {given.type} cannot search."
    return ""


def _composite(
    definitions: Definitions, others: Sequence[SearchParameter], given: SearchParameter
) -> Iterator[tuple[str, str]]:
    if len(given.components) < 2:
        yield "component", "A composite parameter needs at least two components."
        return
    known = _specified(definitions)
    for component in given.components:
        if component.definition not in known:
            yield "component", f"The component {component.definition[:200]} is no parameter of the specification."
            return
    candidate = SearchParameters(definitions, custom=(*others, given))
    for base in given.base:
        found = candidate.get(base, given.code)
        if found is None or not found.supported:
            yield "component", f"The components do not lead to values of {base} that can be searched together."
